//! What holds when several nodes are at it at the same time.

use gatehook_domain::id::{ComponentId, NodeId};
use gatehook_domain::tally::Tally;
use gatehook_store::{Engine, StoreError, branch, delivery, issue_count, task};

use crate::bench::{Bench, at, at_once, id, keep_deliveries, keep_project, new_issue, new_task, take};

/// Makes of each function two tests: one on SQLite, one on PostgreSQL.
macro_rules! on_both {
    ($($name:ident)+) => {
        mod sqlite {
            $(#[test]
            fn $name() {
                super::$name(&super::Bench::open(super::Engine::Sqlite));
            })+
        }
        mod postgres {
            $(#[test]
            fn $name() {
                super::$name(&super::Bench::open(super::Engine::Postgres));
            })+
        }
    };
}

on_both! {
    a_delivery_is_claimed_by_one_node_only
    a_task_is_claimed_by_one_node_only_and_one_per_project
    counters_lose_no_change
    readers_see_what_was_committed
}

fn node(number: usize) -> NodeId {
    id(&format!("node-{number}"))
}

fn a_delivery_is_claimed_by_one_node_only(bench: &Bench) {
    bench.write(|tx| keep_deliveries(tx, &vec![at(0); 40]));
    let mut claimed: Vec<String> = at_once(bench, 4, |store, number| {
        let mut mine = Vec::new();
        loop {
            let found = store
                .write_blocking(move |tx| take(tx, &node(number), 1, 1000, 3))
                .unwrap();
            if found.is_empty() {
                return mine;
            }
            mine.extend(found.into_iter().map(|claimed| claimed.id.to_string()));
        }
    })
    .concat();
    // A node that found nothing may have been passing over what another was just taking, so the rest is taken here.
    claimed.extend(bench.write(|tx| {
        Ok(take(tx, &node(9), 1, 1000, 100)?
            .into_iter()
            .map(|claimed| claimed.id.to_string())
            .collect::<Vec<_>>())
    }));
    claimed.sort();
    let mut wanted: Vec<String> = (0..40).map(|number| format!("delivery-{number}")).collect();
    wanted.sort();
    assert_eq!(claimed, wanted);
}

fn a_task_is_claimed_by_one_node_only_and_one_per_project(bench: &Bench) {
    bench.write(|tx| {
        for project in ["a", "b", "c"] {
            let (project, _) = keep_project(tx, project)?;
            for number in 0..3 {
                task::insert(
                    tx,
                    &new_task(&format!("{}-{number}", project.key), &project.id, at(number)),
                )?;
            }
        }
        Ok(())
    });
    let mut claimed: Vec<String> = at_once(bench, 6, |store, number| {
        store
            .write_blocking(move |tx| task::claim(tx, &node(number), at(10), at(1000)))
            .unwrap()
    })
    .into_iter()
    .flatten()
    .map(|task| task.id.to_string())
    .collect();
    while let Some(task) = bench.write(|tx| task::claim(tx, &node(9), at(10), at(1000))) {
        claimed.push(task.id.to_string());
    }
    claimed.sort();
    assert_eq!(claimed, ["a-0", "b-0", "c-0"]);
}

fn counters_lose_no_change(bench: &Bench) {
    let main = bench.write(|tx| Ok(keep_project(tx, "shop")?.1));
    let (branch, root) = (main.id.clone(), ComponentId::root_of(&main.id));
    let one = Tally::of(&new_issue("issue", &branch, &root), false);
    let added = one.clone();
    at_once(bench, 4, move |store, _| {
        for _ in 0..5 {
            let (branch, root, one) = (branch.clone(), root.clone(), added.clone());
            store
                .write_blocking(move |tx| {
                    branch::bump_revision(tx, &branch)?;
                    let mut tally = issue_count::get(tx, &root)?;
                    tally.add(&one);
                    issue_count::put(tx, &branch, &root, &tally)
                })
                .unwrap();
        }
    });
    let mut wanted = Tally::default();
    for _ in 0..20 {
        wanted.add(&one);
    }
    let root = ComponentId::root_of(&main.id);
    assert_eq!(bench.write(move |tx| issue_count::get(tx, &root)), wanted);
    let branch = main.id;
    assert_eq!(
        bench.read(move |tx| Ok(branch::by_id(tx, &branch)?.unwrap().revision)),
        20
    );
}

fn readers_see_what_was_committed(bench: &Bench) {
    bench.write(|tx| keep_deliveries(tx, &[at(0)]));
    let undone = bench.store().write_blocking(|tx| {
        take(tx, &node(1), 1, 10, 1)?;
        Err::<(), _>(StoreError::Closed)
    });
    assert!(undone.is_err());
    let found = bench.read(|tx| delivery::by_id(tx, &id("delivery-0"))).unwrap();
    assert_eq!(found.attempts, 0, "an error undoes what the closure did");
    assert_eq!(bench.read(delivery::backlog).oldest_due, Some(at(0)));
}
