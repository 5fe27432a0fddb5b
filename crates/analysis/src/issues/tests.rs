use std::sync::Arc;

use gatehook_domain::ambient::{ManualClock, SeededEntropy};
use gatehook_domain::issue::{Flow, Impacts, Location, Severity, TextRange};
use gatehook_domain::rule::{CleanCodeAttribute, RuleKey};

use super::*;

const DATE: Timestamp = Timestamp::from_millis(1_700_000_000_000);

fn ambient(seed: u64) -> Ambient {
    Ambient::new(Arc::new(ManualClock::new(DATE)), Arc::new(SeededEntropy::new(seed)))
}

fn branch() -> BranchId {
    BranchId::parse("branch").unwrap()
}

fn component() -> ComponentId {
    ComponentId::parse("file").unwrap()
}

fn raw(rule: &str, line: u32) -> RawIssue {
    RawIssue {
        rule: RuleKey::external("lint", rule).unwrap(),
        kind: IssueType::CodeSmell,
        severity: Severity::Major,
        impacts: Impacts::new(),
        attribute: CleanCodeAttribute::Conventional,
        message: format!("{rule} is broken"),
        range: Some(TextRange {
            start_line: line,
            end_line: line,
            start_offset: 0,
            end_offset: 1,
        }),
        line_hash: tracking::line_hash(&format!("line {line}")),
        effort: 5,
        flows: Vec::new(),
    }
}

fn file(changes: &[Option<i64>]) -> IncomingFile {
    let changes = changes
        .iter()
        .map(|date| {
            date.map(|date| Change {
                author: Some(format!("a{date}")),
                date: Timestamp::from_millis(date),
            })
        })
        .collect();
    IncomingFile {
        lines: 3,
        changes,
        ..IncomingFile::default()
    }
}

fn follow_in(first: bool, file: &IncomingFile, raw: Vec<RawIssue>, before: &Before) -> After {
    let ambient = ambient(3);
    let setting = Setting {
        branch: &branch(),
        date: DATE,
        first,
        ambient: &ambient,
    };
    follow(&setting, &component(), file, raw, before, None)
}

fn open(rule: &str, line: u32) -> Issue {
    // A seed of its own, so that its id is not one of those that the test makes.
    let ambient = ambient(100 + u64::from(line));
    let setting = Setting {
        branch: &branch(),
        date: DATE,
        first: true,
        ambient: &ambient,
    };
    follow(
        &setting,
        &component(),
        &file(&[]),
        vec![raw(rule, line)],
        &Before::default(),
        None,
    )
    .inserted
    .remove(0)
}

#[test]
fn a_finding_of_an_external_tool_is_as_old_as_the_newest_of_its_lines() {
    let mut two_lines = raw("A", 1);
    two_lines.range = Some(TextRange {
        start_line: 1,
        end_line: 2,
        start_offset: 0,
        end_offset: 1,
    });
    let after = follow_in(
        false,
        &file(&[Some(10_000), Some(20_000), Some(30_000)]),
        vec![two_lines],
        &Before::default(),
    );
    assert_eq!(after.inserted[0].created_at, Timestamp::from_millis(20_000));
    assert_eq!(after.inserted[0].author.as_deref(), Some("a10000"));
}

#[test]
fn a_finding_on_a_line_that_is_not_committed_is_of_this_moment() {
    let after = follow_in(
        false,
        &file(&[Some(10), None, Some(30)]),
        vec![raw("A", 2)],
        &Before::default(),
    );
    assert_eq!(after.inserted[0].created_at, DATE);
}

#[test]
fn a_finding_without_version_control_is_of_this_moment() {
    let after = follow_in(true, &file(&[]), vec![raw("A", 2)], &Before::default());
    assert_eq!(after.inserted[0].created_at, DATE);
}

#[test]
fn a_commit_of_the_future_does_not_make_a_finding_of_the_future() {
    let future = DATE.as_millis() + 1_000_000;
    let after = follow_in(false, &file(&[Some(future)]), vec![raw("A", 1)], &Before::default());
    assert_eq!(after.inserted[0].created_at, DATE);
}

#[test]
fn what_people_decided_stays_and_what_the_tool_says_is_renewed() {
    let mut old = open("A", 1);
    old.status = Status::Resolved;
    old.resolution = Some(Resolution::FalsePositive);
    old.severity = Severity::Minor;
    old.manual_severity = true;
    let mut again = raw("A", 1);
    again.severity = Severity::Blocker;
    again.message = "said in other words".to_owned();
    let before = Before {
        open: vec![old.clone()],
        ..Before::default()
    };
    let after = follow_in(false, &file(&[]), vec![again], &before);
    assert!(after.inserted.is_empty());
    let issue = &after.current[0];
    assert_eq!(
        (issue.id.clone(), issue.status, issue.severity),
        (old.id, Status::Resolved, Severity::Minor)
    );
    assert_eq!(issue.message, "said in other words");
}

#[test]
fn an_issue_that_did_not_change_is_not_written_again() {
    let old = open("A", 1);
    let before = Before {
        open: vec![old],
        ..Before::default()
    };
    let after = follow_in(false, &file(&[]), vec![raw("A", 1)], &before);
    assert!(after.inserted.is_empty() && after.updated.is_empty() && after.changes.is_empty());
    assert_eq!(after.current.len(), 1);
}

#[test]
fn an_issue_that_is_gone_is_closed_and_comes_back_as_it_was() {
    let mut old = open("A", 1);
    old.status = Status::Confirmed;
    let before = Before {
        open: vec![old.clone()],
        ..Before::default()
    };
    let closed = follow_in(false, &file(&[]), Vec::new(), &before).updated.remove(0);
    assert_eq!(
        (closed.status, closed.resolution),
        (Status::Closed, Some(Resolution::Fixed))
    );

    // A closed issue has no line any more; the pass over closed issues needs rule, line, hash and message to agree with what
    // was kept of it.
    let mut remembered = closed;
    remembered.range = old.range;
    let before = Before {
        closed: vec![remembered],
        ..Before::default()
    };
    let after = follow_in(false, &file(&[]), vec![raw("A", 1)], &before);
    assert!(after.inserted.is_empty(), "it is the old one");
    assert_eq!(
        (after.current[0].id.clone(), after.current[0].status),
        (old.id, Status::Confirmed)
    );
}

#[test]
fn the_first_analysis_of_a_branch_copies_decisions_and_closes_nothing() {
    let mut accepted = open("A", 1);
    accepted.status = Status::Resolved;
    accepted.resolution = Some(Resolution::WontFix);
    let other = open("B", 2);
    let before = Before {
        open: vec![accepted.clone(), other],
        borrowed: true,
        ..Before::default()
    };
    let after = follow_in(true, &file(&[]), vec![raw("A", 1)], &before);
    assert!(
        after.updated.is_empty(),
        "the issues of the other branch stay as they are"
    );
    let copy = &after.inserted[0];
    assert_ne!(copy.id, accepted.id);
    assert_eq!(
        (copy.status, copy.resolution),
        (Status::Resolved, Some(Resolution::WontFix))
    );
    assert_eq!(copy.created_at, accepted.created_at);
}

#[test]
fn a_pull_request_has_the_findings_on_its_lines_that_its_target_did_not_resolve() {
    let file = file(&[]);
    let changed = BTreeSet::from([2, 3]);
    let mut resolved = open("B", 2);
    resolved.status = Status::Resolved;
    resolved.resolution = Some(Resolution::FalsePositive);
    let found = vec![raw("A", 1), raw("B", 2), raw("C", 3)];
    let own = own_of_pull_request(found, &component(), &file, Some(&changed), &[resolved], &[]);
    let rules: Vec<&str> = own.iter().map(|raw| raw.rule.rule()).collect();
    assert_eq!(rules, ["C"]);
}

#[test]
fn changed_lines_are_those_of_the_own_file_and_of_no_other() {
    let place = |file: &str| {
        let mut found = raw("A", 1);
        let location = Location {
            component: ComponentId::parse(file).unwrap(),
            range: raw("A", 3).range,
            message: String::new(),
        };
        found.flows = vec![Flow {
            locations: vec![location],
        }];
        found
    };
    let changed = BTreeSet::from([3]);
    let own = |found| own_of_pull_request(vec![found], &component(), &file(&[]), Some(&changed), &[], &[]).len();
    assert_eq!(own(place("file")), 1, "its other place is on a changed line");
    assert_eq!(own(place("other")), 0, "line 3 of another file is another line");
}

#[test]
fn what_was_held_for_mended_on_the_main_branch_is_open_on_a_branch_that_has_it() {
    let mut resolved = open("A", 1);
    resolved.status = Status::Resolved;
    resolved.resolution = Some(Resolution::Fixed);
    let before = Before {
        open: vec![resolved],
        borrowed: true,
        ..Before::default()
    };
    let after = follow_in(true, &file(&[]), vec![raw("A", 1)], &before);
    let copy = &after.inserted[0];
    assert_eq!((copy.status, copy.resolution), (Status::Reopened, None));
}
