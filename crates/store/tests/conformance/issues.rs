use gatehook_domain::id::ComponentId;
use gatehook_domain::issue::{
    FieldDiff, Flow, ImpactSeverity, Impacts, Issue, IssueChange, IssueType, Location, Resolution, Severity,
    SoftwareQuality, Status, TextRange,
};
use gatehook_domain::measure::Measures;
use gatehook_domain::rule::CleanCodeAttribute;
use gatehook_store::{Tx, analysis, branch, issue};

use crate::bench::{Done, at, id, keep_file, keep_project, new_analysis, new_issue};

crate::on_both! {
    an_issue_is_kept_whole
    an_issue_is_found_with_its_branch_project_and_last_analysis
    a_decision_changes_what_people_decide_and_nothing_else
    zero_characters_from_outside_are_replaced
    open_and_recently_closed_issues_of_a_file_are_told_apart
    the_history_of_an_issue_keeps_its_order
    many_issues_are_kept_and_updated_at_once
}

fn an_issue_is_kept_whole(tx: &mut Tx<'_>) -> Done {
    let (_, main) = keep_project(tx, "shop")?;
    let file = keep_file(tx, &main.id, "a.py")?;
    let bare = Issue {
        range: None,
        impacts: Impacts::new(),
        ..new_issue("bare", &main.id, &ComponentId::root_of(&main.id))
    };
    let whole = Issue {
        kind: IssueType::Vulnerability,
        severity: Severity::Blocker,
        manual_severity: true,
        status: Status::Closed,
        resolution: Some(Resolution::Fixed),
        impacts: Impacts::from([
            (SoftwareQuality::Security, ImpactSeverity::Blocker),
            (SoftwareQuality::Reliability, ImpactSeverity::Info),
        ]),
        attribute: CleanCodeAttribute::Trustworthy,
        message: "ünsafe \"x\" \\ %_".to_owned(),
        range: Some(TextRange {
            start_line: 1,
            end_line: 2,
            start_offset: 3,
            end_offset: 4,
        }),
        effort: 90,
        flows: vec![Flow {
            locations: vec![Location {
                component: file.id.clone(),
                range: None,
                message: "here".to_owned(),
            }],
        }],
        assignee: Some("ann".to_owned()),
        author: Some("ann@example.org".to_owned()),
        tags: vec!["cwe".to_owned(), "pci".to_owned()],
        created_at: at(1),
        updated_at: at(2),
        closed_at: Some(at(3)),
        on_changed_lines: true,
        before_close: Some((Status::Resolved, Some(Resolution::FalsePositive))),
        ..new_issue("whole", &main.id, &file.id)
    };
    issue::insert_many(tx, &[bare.clone(), whole.clone()])?;
    assert_eq!(issue::by_id(tx, &whole.id)?.as_ref(), Some(&whole));
    assert_eq!(
        issue::by_ids(tx, &[whole.id.clone(), bare.id.clone(), id("gone")])?,
        [bare.clone(), whole.clone()]
    );

    let opened = Issue {
        id: whole.id.clone(),
        before_close: Some((Status::Open, None)),
        ..bare.clone()
    };
    issue::update_many(tx, std::slice::from_ref(&opened))?;
    assert_eq!(issue::by_id(tx, &whole.id)?, Some(opened));
    issue::update_many(tx, std::slice::from_ref(&whole))?;
    assert_eq!(issue::by_id(tx, &whole.id)?, Some(whole));
    assert_eq!(issue::by_id(tx, &id("gone"))?, None);
    Ok(())
}

fn an_issue_is_found_with_its_branch_project_and_last_analysis(tx: &mut Tx<'_>) -> Done {
    let (project, main) = keep_project(tx, "shop")?;
    let file = keep_file(tx, &main.id, "a.py")?;
    let kept = new_issue("placed", &main.id, &file.id);
    issue::insert_many(tx, std::slice::from_ref(&kept))?;
    let found = issue::placed(tx, &kept.id)?.unwrap();
    assert_eq!((&found.issue, &found.branch, &found.project), (&kept, &main, &project));
    assert_eq!(found.analysis, None, "it was never analysed");

    let analysis = new_analysis("newest", &main, at(5));
    analysis::insert(tx, &analysis, &Measures::new())?;
    branch::set_last_analysis(tx, &main.id, &analysis.id)?;
    let found = issue::placed(tx, &kept.id)?.unwrap();
    assert_eq!(found.analysis, Some(analysis.clone()));
    assert_eq!(found.branch.last_analysis, Some(analysis.id));
    assert!(issue::placed(tx, &id("gone"))?.is_none());
    Ok(())
}

fn a_decision_changes_what_people_decide_and_nothing_else(tx: &mut Tx<'_>) -> Done {
    let (_, main) = keep_project(tx, "shop")?;
    let file = keep_file(tx, &main.id, "a.py")?;
    let found = Issue {
        assignee: Some("ann".to_owned()),
        ..new_issue("decided", &main.id, &file.id)
    };
    let other = new_issue("other", &main.id, &file.id);
    issue::insert_many(tx, &[found.clone(), other.clone()])?;
    let decided = Issue {
        kind: IssueType::Vulnerability,
        severity: Severity::Info,
        manual_severity: true,
        status: Status::Resolved,
        resolution: Some(Resolution::WontFix),
        impacts: Impacts::from([(SoftwareQuality::Reliability, ImpactSeverity::High)]),
        assignee: None,
        tags: vec!["seen".to_owned()],
        updated_at: at(9),
        ..found.clone()
    };
    let elsewhere = Issue {
        message: "not for people to say".to_owned(),
        effort: 1,
        ..decided.clone()
    };
    issue::update_decision(tx, &elsewhere)?;
    assert_eq!(issue::by_id(tx, &found.id)?, Some(decided));
    assert_eq!(issue::by_id(tx, &other.id)?, Some(other));
    Ok(())
}

fn zero_characters_from_outside_are_replaced(tx: &mut Tx<'_>) -> Done {
    let (_, main) = keep_project(tx, "shop")?;
    let file = keep_file(tx, &main.id, "a.py")?;
    let hostile = Issue {
        message: "a\0b".to_owned(),
        tags: vec!["a\0b".to_owned()],
        ..new_issue("hostile", &main.id, &file.id)
    };
    issue::insert_many(tx, std::slice::from_ref(&hostile))?;
    let kept = issue::by_id(tx, &hostile.id)?.unwrap();
    assert_eq!(kept.message, "a\u{FFFD}b");
    assert_eq!(kept.tags, hostile.tags);
    Ok(())
}

fn open_and_recently_closed_issues_of_a_file_are_told_apart(tx: &mut Tx<'_>) -> Done {
    let (_, main) = keep_project(tx, "shop")?;
    let (file, other) = (keep_file(tx, &main.id, "a.py")?, keep_file(tx, &main.id, "b.py")?);
    let closed = |name, moment| Issue {
        status: Status::Closed,
        resolution: Some(Resolution::Fixed),
        closed_at: Some(at(moment)),
        ..new_issue(name, &main.id, &file.id)
    };
    let accepted = Issue {
        status: Status::Resolved,
        resolution: Some(Resolution::WontFix),
        ..new_issue("accepted", &main.id, &file.id)
    };
    issue::insert_many(
        tx,
        &[
            new_issue("open", &main.id, &file.id),
            accepted,
            closed("old", 5),
            closed("young", 10),
        ],
    )?;
    issue::insert_many(
        tx,
        &[Issue {
            component: other.id.clone(),
            ..closed("elsewhere", 10)
        }],
    )?;
    let names = |found: Vec<Issue>| found.into_iter().map(|issue| issue.id.to_string()).collect::<Vec<_>>();
    assert_eq!(names(issue::open_of_component(tx, &file.id)?), ["accepted", "open"]);
    assert_eq!(
        names(issue::recently_closed_of_component(tx, &file.id, at(10))?),
        ["young"]
    );
    assert_eq!(issue::components_with_open_issues(tx, &main.id)?, [file.id]);
    assert_eq!(names(issue::open_of_component(tx, &other.id)?), Vec::<String>::new());
    Ok(())
}

fn the_history_of_an_issue_keeps_its_order(tx: &mut Tx<'_>) -> Done {
    let (_, main) = keep_project(tx, "shop")?;
    let file = keep_file(tx, &main.id, "a.py")?;
    let (one, other) = (
        new_issue("one", &main.id, &file.id),
        new_issue("other", &main.id, &file.id),
    );
    issue::insert_many(tx, &[one.clone(), other.clone()])?;
    let change = |issue: &Issue, new: &str| IssueChange {
        issue: issue.id.clone(),
        user: Some("ann".to_owned()),
        at: at(0),
        diffs: vec![FieldDiff {
            field: "status".to_owned(),
            old: None,
            new: Some(new.to_owned()),
        }],
    };
    let analysed = IssueChange {
        user: None,
        ..change(&one, "0")
    };
    issue::add_change(tx, &analysed)?;
    issue::add_changes(tx, &[change(&one, "1"), change(&other, "x"), change(&one, "2")])?;
    issue::add_change(tx, &change(&one, "3"))?;
    assert_eq!(
        issue::changes(tx, &one.id)?,
        [analysed, change(&one, "1"), change(&one, "2"), change(&one, "3")]
    );
    assert_eq!(issue::changes(tx, &other.id)?.len(), 1);
    assert!(issue::changes(tx, &id("gone"))?.is_empty());
    Ok(())
}

fn many_issues_are_kept_and_updated_at_once(tx: &mut Tx<'_>) -> Done {
    let (_, main) = keep_project(tx, "shop")?;
    let file = keep_file(tx, &main.id, "a.py")?;
    let mut issues: Vec<Issue> = (0..2345)
        .map(|number| new_issue(&format!("issue-{number:05}"), &main.id, &file.id))
        .collect();
    issue::insert_many(tx, &issues)?;
    for issue in &mut issues {
        issue.status = Status::Confirmed;
    }
    issue::update_many(tx, &issues)?;
    let changes: Vec<IssueChange> = issues
        .iter()
        .map(|issue| IssueChange {
            issue: issue.id.clone(),
            user: None,
            at: at(0),
            diffs: Vec::new(),
        })
        .collect();
    issue::add_changes(tx, &changes)?;
    assert_eq!(issue::open_of_component(tx, &file.id)?, issues);
    assert_eq!(issue::changes(tx, &id("issue-02344"))?.len(), 1);
    let ids: Vec<_> = issues.iter().map(|issue| issue.id.clone()).collect();
    assert_eq!(issue::by_ids(tx, &ids)?.len(), 2345);
    Ok(())
}
