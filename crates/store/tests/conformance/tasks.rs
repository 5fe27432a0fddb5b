use gatehook_domain::branch::BranchName;
use gatehook_domain::id::NodeId;
use gatehook_domain::task::{Task, TaskStatus};
use gatehook_store::task::{Cancel, TaskSearch};
use gatehook_store::{StoreError, Tx, task};

use crate::bench::{Done, at, id, keep_project, new_task};

crate::on_both! {
    a_task_is_kept_whole_with_its_report
    the_oldest_task_is_claimed_first_and_one_per_project
    a_lease_that_ran_out_lets_another_take_the_task
    only_the_holder_finishes_a_task
    only_waiting_tasks_are_cancelled
    leases_of_the_dead_are_given_up
    tasks_are_searched_and_counted
}

fn a_task_is_kept_whole_with_its_report(tx: &mut Tx<'_>) -> Done {
    let (project, _) = keep_project(tx, "shop")?;
    let branches = [
        BranchName::Main,
        BranchName::Branch("feature".to_owned()),
        BranchName::PullRequest("7".to_owned()),
    ];
    for (number, branch) in branches.into_iter().enumerate() {
        let kept = Task {
            branch,
            warnings: vec!["a\nb".to_owned()],
            ..new_task(&format!("task-{number}"), &project.id, at(0))
        };
        task::insert(tx, &kept)?;
        assert_eq!(task::by_id(tx, &kept.id)?, Some(kept));
    }
    let first = id("task-0");
    task::report_append(tx, &first, 0, b"PK\x03")?;
    task::report_append(tx, &first, 1, &[0, 255])?;
    assert_eq!(task::report_chunk(tx, &first, 1)?, Some(vec![0, 255]));
    assert_eq!(task::report_chunk(tx, &first, 2)?, None);
    task::report_delete(tx, &first)?;
    assert_eq!(task::report_chunk(tx, &first, 0)?, None);
    assert_eq!(task::by_id(tx, &id("gone"))?, None);
    Ok(())
}

fn nodes() -> (NodeId, NodeId) {
    (id("node-1"), id("node-2"))
}

fn the_oldest_task_is_claimed_first_and_one_per_project(tx: &mut Tx<'_>) -> Done {
    let (one, two) = nodes();
    let ((shop, _), (other, _)) = (keep_project(tx, "shop")?, keep_project(tx, "other")?);
    task::insert(tx, &new_task("late", &shop.id, at(2)))?;
    task::insert(tx, &new_task("early", &shop.id, at(1)))?;
    task::insert(tx, &new_task("other", &other.id, at(3)))?;

    let first = task::claim(tx, &one, at(10), at(100))?.unwrap();
    assert_eq!(
        (first.id, first.status, first.attempts),
        (id("early"), TaskStatus::InProgress, 1)
    );
    assert_eq!(first.started_at, Some(at(10)));
    let second = task::claim(tx, &two, at(10), at(100))?.unwrap();
    assert_eq!(second.id, id("other"), "the project of the first is being worked on");
    assert_eq!(task::claim(tx, &two, at(10), at(100))?, None);
    let ended = Task {
        status: TaskStatus::Success,
        executed_at: Some(at(20)),
        ..task::by_id(tx, &id("early"))?.unwrap()
    };
    assert!(task::finish(tx, &ended, &one)?);
    assert_eq!(task::claim(tx, &two, at(20), at(100))?.unwrap().id, id("late"));
    Ok(())
}

fn a_lease_that_ran_out_lets_another_take_the_task(tx: &mut Tx<'_>) -> Done {
    let (one, two) = nodes();
    let (shop, _) = keep_project(tx, "shop")?;
    task::insert(tx, &new_task("first", &shop.id, at(0)))?;
    task::insert(tx, &new_task("second", &shop.id, at(1)))?;
    task::claim(tx, &one, at(10), at(100))?.unwrap();
    assert!(task::renew(tx, &id("first"), &one, at(200))?);
    assert!(!task::renew(tx, &id("first"), &two, at(300))?);
    assert_eq!(task::claim(tx, &two, at(199), at(300))?, None);
    let taken = task::claim(tx, &two, at(200), at(300))?.unwrap();
    assert_eq!(
        (taken.id, taken.attempts, taken.started_at),
        (id("first"), 2, Some(at(200)))
    );
    assert!(!task::renew(tx, &id("first"), &one, at(400))?);
    Ok(())
}

fn only_the_holder_finishes_a_task(tx: &mut Tx<'_>) -> Done {
    let (one, two) = nodes();
    let (shop, _) = keep_project(tx, "shop")?;
    task::insert(tx, &new_task("task", &shop.id, at(0)))?;
    let claimed = task::claim(tx, &one, at(10), at(100))?.unwrap();
    let failed = Task {
        status: TaskStatus::Failed,
        executed_at: Some(at(50)),
        error: Some("no metadata".to_owned()),
        error_type: Some("BROKEN_REPORT".to_owned()),
        warnings: vec!["slow".to_owned()],
        analysis: Some(id("analysis")),
        ..claimed.clone()
    };
    assert!(!task::finish(tx, &failed, &two)?);
    assert_eq!(task::by_id(tx, &failed.id)?, Some(claimed));
    assert!(task::finish(tx, &failed, &one)?);
    assert_eq!(task::by_id(tx, &failed.id)?, Some(failed.clone()));
    assert!(!task::finish(tx, &failed, &one)?, "it has ended already");
    assert_eq!(task::claim(tx, &one, at(1000), at(2000))?, None);
    Ok(())
}

fn only_waiting_tasks_are_cancelled(tx: &mut Tx<'_>) -> Done {
    let (one, _) = nodes();
    let (shop, _) = keep_project(tx, "shop")?;
    for (name, moment) in [("running", 0), ("waiting", 1), ("third", 2)] {
        task::insert(tx, &new_task(name, &shop.id, at(moment)))?;
    }
    task::claim(tx, &one, at(10), at(100))?;
    assert_eq!(task::cancel(tx, &id("running"))?, Cancel::Running);
    assert_eq!(task::cancel(tx, &id("waiting"))?, Cancel::Canceled);
    assert_eq!(task::cancel(tx, &id("waiting"))?, Cancel::Ended);
    assert_eq!(task::cancel(tx, &id("gone"))?, Cancel::Unknown);
    let cancelled = task::by_id(tx, &id("waiting"))?.unwrap();
    assert_eq!(
        (cancelled.status, cancelled.executed_at),
        (TaskStatus::Canceled, Some(tx.now()))
    );
    assert_eq!(task::cancel_all(tx)?, 1);
    assert_eq!(task::queue(tx, &shop.id)?.len(), 1);
    Ok(())
}

fn leases_of_the_dead_are_given_up(tx: &mut Tx<'_>) -> Done {
    let (one, two) = nodes();
    let ((shop, _), (other, _)) = (keep_project(tx, "shop")?, keep_project(tx, "other")?);
    task::insert(tx, &new_task("first", &shop.id, at(0)))?;
    task::insert(tx, &new_task("second", &other.id, at(1)))?;
    task::claim(tx, &one, at(10), at(100))?;
    task::claim(tx, &two, at(10), at(100))?;
    assert_eq!(task::release_of(tx, &one)?, 1);
    assert_eq!(task::by_id(tx, &id("first"))?.unwrap().status, TaskStatus::Pending);
    assert_eq!(task::claim(tx, &one, at(11), at(100))?.unwrap().id, id("first"));
    assert_eq!(task::release_of_others(tx, &one)?, 1);
    assert_eq!(task::by_id(tx, &id("second"))?.unwrap().status, TaskStatus::Pending);
    assert_eq!(task::by_id(tx, &id("first"))?.unwrap().status, TaskStatus::InProgress);
    Ok(())
}

fn tasks_are_searched_and_counted(tx: &mut Tx<'_>) -> Done {
    let ((shop, _), (other, _)) = (keep_project(tx, "shop")?, keep_project(tx, "other")?);
    let ended = |name: &str, moment, status| Task {
        status,
        executed_at: Some(at(moment + 5)),
        ..new_task(name, &shop.id, at(moment))
    };
    task::insert(tx, &ended("a", 0, TaskStatus::Success))?;
    task::insert(tx, &ended("b", 10, TaskStatus::Failed))?;
    let feature = Task {
        branch: BranchName::Branch("x".to_owned()),
        ..ended("c", 20, TaskStatus::Success)
    };
    task::insert(tx, &feature)?;
    task::insert(tx, &new_task("d", &shop.id, at(30)))?;
    task::insert(tx, &new_task("e", &other.id, at(40)))?;

    let mut ids = |search: TaskSearch| -> Result<String, StoreError> {
        let (found, total) = task::search(tx, &search)?;
        assert!(found.len() as i64 <= total);
        Ok(found.iter().map(|task| task.id.as_str()).collect())
    };
    let all = TaskSearch::default;
    assert_eq!(ids(all())?, "edcba");
    assert_eq!(
        ids(TaskSearch {
            project: Some(shop.id.clone()),
            ..all()
        })?,
        "dcba"
    );
    assert_eq!(
        ids(TaskSearch {
            query: Some("OTH".to_owned()),
            ..all()
        })?,
        "e"
    );
    assert_eq!(
        ids(TaskSearch {
            query: Some("b".to_owned()),
            ..all()
        })?,
        "b"
    );
    assert_eq!(
        ids(TaskSearch {
            statuses: vec![TaskStatus::Success, TaskStatus::Failed],
            ..all()
        })?,
        "cba"
    );
    assert_eq!(
        ids(TaskSearch {
            min_submitted_at: Some(at(20)),
            ..all()
        })?,
        "edc"
    );
    assert_eq!(
        ids(TaskSearch {
            max_executed_at: Some(at(15)),
            ..all()
        })?,
        "ba"
    );
    assert_eq!(
        ids(TaskSearch {
            only_currents: true,
            ..all()
        })?,
        "cb"
    );
    assert_eq!(
        ids(TaskSearch {
            page: 2,
            size: 2,
            ..all()
        })?,
        "cb"
    );
    assert_eq!(task::queue(tx, &shop.id)?[0].id, id("d"));
    assert_eq!(task::current(tx, &shop.id)?.unwrap().id, id("c"));
    assert_eq!(task::current(tx, &other.id)?, None);
    assert_eq!(task::count_pending(tx)?, 2);
    assert_eq!(task::count(tx, TaskStatus::Success, Some(&shop.id))?, 2);
    assert_eq!(task::count(tx, TaskStatus::Pending, None)?, 2);
    assert_eq!(task::oldest_pending(tx, None)?, Some(at(30)));
    assert_eq!(task::oldest_pending(tx, Some(&other.id))?, Some(at(40)));
    assert_eq!(task::purge_before(tx, at(15), 10)?, 1);
    assert_eq!(task::by_id(tx, &id("a"))?, None);
    assert_eq!(task::cancel_all(tx)?, 2);
    assert_eq!(task::oldest_pending(tx, None)?, None);
    Ok(())
}
