//! A person changes an issue, and the gate is judged again at once.

use gatehook_analysis::live::{LiveError, change_issue};
use gatehook_domain::issue::{IssueType, Severity};
use gatehook_domain::workflow::{Change, Transition};
use gatehook_store::{Engine, issue};
use gatehook_testkit::lab::Lab;
use gatehook_testkit::report::FileBuilder;
use gatehook_webhooks::ServerUrl;
use rstest::rstest;

/// A project whose gate refuses any bug that is critical or worse, with one minor code smell in it.
async fn strict() -> Lab {
    let lab = Lab::new().await;
    lab.judge_by(&[("reliability_rating", "GT", "3"), ("violations", "GT", "5")])
        .await;
    lab.analyse(
        &lab.report()
            .file(FileBuilder::numbered("src/a.rs", 10).issue("A", 1, "smells")),
    )
    .await;
    assert_eq!(lab.gate_status().await.as_deref(), Some("OK"));
    lab
}

#[tokio::test]
async fn a_raised_severity_turns_the_gate_red_and_a_lowered_one_green() {
    let lab = strict().await;
    let issue = lab.issues("src/a.rs").await.remove(0);
    let quiet = lab.change(&issue.id, Change::Kind(IssueType::Bug)).await.unwrap();
    assert_eq!(
        (quiet.changed, quiet.event.is_some()),
        (true, false),
        "a major bug is still tolerated"
    );
    let red = lab
        .change(&issue.id, Change::Severity(Severity::Blocker))
        .await
        .unwrap();
    assert!(red.event.is_some());
    assert_eq!(lab.gate_status().await.as_deref(), Some("ERROR"));
    let green = lab.change(&issue.id, Change::Severity(Severity::Info)).await.unwrap();
    assert!(green.event.is_some());

    let payloads = lab.payloads().await;
    assert_eq!(payloads.len(), 3);
    let red = &payloads[1];
    assert_eq!(
        (&red["status"], &red["qualityGate"]["status"]),
        (&"SUCCESS".into(), &"ERROR".into())
    );
    assert!(red.get("taskId").is_none(), "no task caused it");
    let condition = &red["qualityGate"]["conditions"][0];
    assert_eq!(
        (&condition["metric"], &condition["value"]),
        (&"reliability_rating".into(), &"5".into())
    );
}

#[tokio::test]
async fn the_same_change_again_does_nothing() {
    let lab = strict().await;
    let issue = lab.issues("src/a.rs").await.remove(0);
    lab.change(&issue.id, Change::Severity(Severity::Minor)).await.unwrap();
    let again = lab.change(&issue.id, Change::Severity(Severity::Minor)).await.unwrap();
    assert!(!again.changed && again.event.is_none());
    let wrong = lab.change(&issue.id, Change::Transition(Transition::Reopen)).await;
    assert_eq!(
        wrong.unwrap_err().to_string(),
        "Transition from state OPEN does not exist: reopen"
    );
}

#[tokio::test]
async fn live_measures_are_what_an_analysis_would_have_found() {
    let lab = Lab::new().await;
    let files = || {
        let one = FileBuilder::numbered("src/a.rs", 10)
            .issue("A", 1, "x")
            .issue("A", 2, "y");
        (one, FileBuilder::numbered("src/b.rs", 10).issue("B", 1, "z"))
    };
    let (one, other) = files();
    lab.analyse(&lab.report().file(one).file(other)).await;
    let issues = lab.issues("src/a.rs").await;
    lab.change(&issues[0].id, Change::Transition(Transition::FalsePositive))
        .await
        .unwrap();
    lab.change(&issues[1].id, Change::Kind(IssueType::Vulnerability))
        .await
        .unwrap();
    lab.change(&issues[1].id, Change::Severity(Severity::Critical))
        .await
        .unwrap();
    let (live, live_file) = (lab.measures().await, lab.file_measures("src/a.rs").await);

    lab.days_pass(1);
    lab.judge_by(&[]).await;
    let (one, other) = files();
    lab.analyse(&lab.report().file(one).file(other)).await;
    let (analysed, analysed_file) = (lab.measures().await, lab.file_measures("src/a.rs").await);
    for key in [
        "violations",
        "code_smells",
        "vulnerabilities",
        "security_rating",
        "sqale_index",
        "false_positive_issues",
    ] {
        assert_eq!(live.get(key), analysed.get(key), "{key} of the branch");
        assert_eq!(live_file.get(key), analysed_file.get(key), "{key} of the file");
    }
    assert_eq!(live.int("false_positive_issues"), Some(1));
}

/// How many statements a change may run, and how many when the gate turns and somebody is to be told. All changes go through
/// one thread on SQLite, so that these are what bounds how many changes a second there can be; it looks up once what seldom
/// changes.
#[rstest]
#[case::sqlite(Engine::Sqlite, 7, 9)]
#[case::postgres(Engine::Postgres, 9, 14)]
#[tokio::test]
async fn a_change_costs_few_statements_however_many_issues_and_conditions_there_are(
    #[case] engine: Engine,
    #[case] statements: usize,
    #[case] to_tell: usize,
) {
    let lab = Lab::on(engine).await;
    let conditions = [
        ("violations", "GT", "49"),
        ("reliability_rating", "GT", "4"),
        ("coverage", "LT", "1"),
        ("new_violations", "GT", "1000"),
    ];
    lab.judge_by(&conditions).await;
    let file = |path| (1..=25).fold(FileBuilder::numbered(path, 40), |file, line| file.issue("A", line, "x"));
    lab.analyse(&lab.report().file(file("src/a.rs")).file(file("src/b.rs")))
        .await;
    let id = lab.issues("src/a.rs").await.remove(0).id;
    let cost = |change| {
        let id = id.clone();
        let urls = ServerUrl::new("http://gates.example");
        lab.store().write(move |tx| {
            let before = tx.statements();
            let done = change_issue(tx, &urls, &id, change, "ann")?;
            Ok::<_, LiveError>((tx.statements() - before, done.event.is_some()))
        })
    };
    for transition in [Transition::FalsePositive, Transition::Reopen] {
        assert!(cost(Change::Transition(transition)).await.unwrap().1);
    }
    let quiet = cost(Change::Severity(Severity::Minor)).await.unwrap();
    assert!(quiet.0 <= statements && !quiet.1, "{quiet:?}");
    let turned = cost(Change::Transition(Transition::FalsePositive)).await.unwrap();
    assert!(turned.0 <= to_tell && turned.1, "{turned:?}");
}

#[tokio::test]
async fn every_decision_is_kept_as_it_was_answered() {
    let lab = strict().await;
    let id = lab.issues("src/a.rs").await.remove(0).id;
    for change in [
        Change::Kind(IssueType::Bug),
        Change::Severity(Severity::Blocker),
        Change::Transition(Transition::Confirm),
        Change::Transition(Transition::Unconfirm),
        Change::Transition(Transition::Accept),
        Change::Transition(Transition::Reopen),
    ] {
        let asked = id.clone();
        let assigned = lab.write(move |tx| {
            let mut found = issue::by_id(tx, &asked)?.unwrap();
            found.assignee = Some("ann".to_owned());
            issue::update_many(tx, &[found])
        });
        assigned.await;
        let answered = lab.change(&id, change).await.unwrap();
        assert!(answered.changed);
        assert_eq!(lab.issues("src/a.rs").await, [answered.issue], "{change:?}");
    }
    let changes = lab.read(move |tx| issue::changes(tx, &id)).await;
    assert_eq!(changes.len(), 6, "one entry for each: {changes:?}");
}

#[tokio::test]
async fn many_changes_at_once_are_all_counted() {
    let lab = Lab::new().await;
    lab.judge_by(&[("violations", "GT", "0")]).await;
    let file = (1..=20).fold(FileBuilder::numbered("src/a.rs", 40), |file, line| {
        file.issue("A", line, "x")
    });
    lab.analyse(&lab.report().file(file)).await;
    let issues = lab.issues("src/a.rs").await;
    let changes = issues
        .iter()
        .map(|issue| lab.change(&issue.id, Change::Transition(Transition::Accept)));
    for change in futures_util::future::join_all(changes).await {
        assert!(change.unwrap().changed);
    }
    assert_eq!(lab.measures().await.int("violations"), Some(0));
    assert_eq!(lab.measures().await.int("accepted_issues"), Some(20));
    assert_eq!(lab.payloads().await.len(), 2, "the gate turned once");
}
