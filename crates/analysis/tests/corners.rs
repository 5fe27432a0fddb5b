//! Corners of the way from a report to a verdict.

use gatehook_domain::branch::BranchName;
use gatehook_domain::issue::Status;
use gatehook_domain::workflow::{Change, Transition};
use gatehook_report::proto::{IssueType, Severity};
use gatehook_store::Engine;
use gatehook_testkit::lab::Lab;
use gatehook_testkit::report::FileBuilder;
use rstest::rstest;

#[rstest]
#[tokio::test]
async fn an_issue_of_the_whole_project_is_counted_once_when_it_changes(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let lab = Lab::on(engine).await;
    lab.judge_by(&[("violations", "GT", "1")]).await;
    let file = FileBuilder::numbered("src/a.rs", 10).issue("A", 1, "x");
    lab.analyse(&lab.report().file(file).project_issue("P", "y")).await;
    assert_eq!(lab.gate_status().await.as_deref(), Some("ERROR"));
    let root = lab.issues("").await.remove(0);
    let changed = lab
        .change(&root.id, Change::Transition(Transition::Accept))
        .await
        .unwrap();
    assert!(changed.event.is_some());
    let measures = lab.measures().await;
    assert_eq!(
        (measures.int("violations"), measures.int("accepted_issues")),
        (Some(1), Some(1))
    );
}

#[rstest]
#[tokio::test]
async fn a_hotspot_that_is_reviewed_turns_the_gate(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let lab = Lab::on(engine).await;
    lab.analyse(&lab.report().file(FileBuilder::numbered("src/a.rs", 10)))
        .await;
    lab.days_pass(1);
    let file = FileBuilder::numbered("src/a.rs", 10);
    let risky = file.typed_issue("H", 2, IssueType::SecurityHotspot, Severity::Major);
    lab.analyse(&lab.report().file(risky.clone())).await;
    assert_eq!(lab.gate_status().await.as_deref(), Some("ERROR"));
    assert_eq!(lab.measures().await.number("new_security_hotspots_reviewed"), Some(0.0));

    let hotspot = lab.issues("src/a.rs").await.remove(0);
    let changed = lab
        .change(&hotspot.id, Change::Transition(Transition::ResolveAsSafe))
        .await
        .unwrap();
    assert!(changed.event.is_some());
    assert_eq!(lab.gate_status().await.as_deref(), Some("OK"));
    assert_eq!(
        lab.measures().await.number("new_security_hotspots_reviewed"),
        Some(100.0)
    );

    lab.days_pass(1);
    lab.analyse(&lab.report().file(risky)).await;
    assert_eq!(lab.issues("src/a.rs").await[0].status, Status::Reviewed);
}

#[tokio::test]
async fn a_severity_that_a_person_gave_outlasts_analyses() {
    let lab = Lab::new().await;
    let file = FileBuilder::numbered("src/a.rs", 10).typed_issue("A", 1, IssueType::Bug, Severity::Minor);
    let report = lab.report().file(file);
    lab.analyse(&report).await;
    let issue = lab.issues("src/a.rs").await.remove(0);
    lab.change(&issue.id, Change::Severity(gatehook_domain::issue::Severity::Blocker))
        .await
        .unwrap();
    let edited = lab.issues("src/a.rs").await.remove(0);
    lab.days_pass(1);
    lab.analyse(&report).await;
    let kept = lab.issues("src/a.rs").await.remove(0);
    assert_eq!((kept.severity, &kept.impacts), (edited.severity, &edited.impacts));
    assert_eq!(lab.measures().await.int("reliability_rating"), Some(5));
}

#[rstest]
#[case(29, true)]
#[case(31, false)]
#[tokio::test]
async fn a_closed_issue_comes_back_within_thirty_days(#[case] days: u64, #[case] same: bool) {
    let lab = Lab::new().await;
    let file = FileBuilder::numbered("src/a.rs", 10);
    lab.analyse(&lab.report().file(file.clone().issue("A", 1, "x"))).await;
    let first = lab.issues("src/a.rs").await.remove(0);
    lab.analyse(&lab.report().file(file.clone())).await;
    lab.days_pass(days);
    lab.analyse(&lab.report().file(file.issue("A", 1, "x"))).await;
    assert_eq!(lab.issues("src/a.rs").await[0].id == first.id, same);
}

#[tokio::test]
async fn equal_findings_on_one_line_stay_as_many_as_they_are() {
    let lab = Lab::new().await;
    let file = || {
        FileBuilder::numbered("src/a.rs", 10)
            .issue("A", 1, "x")
            .issue("A", 1, "x")
    };
    lab.analyse(&lab.report().file(file().issue("A", 1, "x"))).await;
    let first = lab.issues("src/a.rs").await;
    lab.change(&first[1].id, Change::Transition(Transition::Accept))
        .await
        .unwrap();
    lab.days_pass(1);
    lab.analyse(&lab.report().file(file())).await;
    let left = lab.issues("src/a.rs").await;
    assert_eq!(left.len(), 2);
    assert!(
        left.iter().any(|issue| issue.id == first[1].id),
        "the one a person decided about last is kept"
    );
}

#[rstest]
#[tokio::test]
async fn a_file_becomes_one_of_the_tests_and_goes_and_comes_back(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let lab = Lab::on(engine).await;
    let file = || FileBuilder::numbered("src/a.rs", 10).issue("A", 1, "x");
    lab.analyse(&lab.report().file(file())).await;
    let first = lab.issues("src/a.rs").await.remove(0);
    let reports = [
        lab.report().file(file().test()),
        lab.report().file(file()),
        lab.report()
            .file(FileBuilder::numbered("src/A.rs", 10).issue("A", 1, "x")),
        lab.report().file(file()),
    ];
    let mut counts = Vec::new();
    for report in reports {
        lab.days_pass(1);
        let mut report = report;
        report = report.at(lab.now());
        lab.analyse(&report).await;
        let measures = lab.measures().await;
        counts.push((measures.int("violations"), measures.int("ncloc")));
    }
    assert_eq!(
        counts,
        [
            (Some(1), Some(10)),
            (Some(1), Some(10)),
            (Some(1), Some(10)),
            (Some(1), Some(10))
        ]
    );
    assert_eq!(lab.issues("src/a.rs").await[0].id, first.id);
}

#[rstest]
#[tokio::test]
async fn reports_that_wait_together_are_analysed_in_their_order(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let mut lab = Lab::on(engine).await;
    lab.stop_workers().await;
    let first = lab.report().revision("r1").zip();
    let second = lab.report().revision("r2").zip();
    let ids = [
        lab.submit_only(BranchName::Main, &first).await,
        lab.submit_only(BranchName::Main, &second).await,
    ];
    lab.start_workers().await;
    for id in ids {
        assert_eq!(lab.wait_for(&id).await.error, None);
    }
    let told: Vec<_> = lab
        .payloads()
        .await
        .iter()
        .map(|told| told["revision"].clone())
        .collect();
    assert_eq!(told, ["r1", "r2"]);
}

#[tokio::test]
async fn what_an_analysis_found_is_not_new_to_the_next_one() {
    let lab = Lab::new().await;
    lab.kept.clock.advance(std::time::Duration::from_millis(700));
    let file = FileBuilder::numbered("src/a.rs", 30).issue("A", 1, "x");
    let report = lab.report().version("1").file(file);
    lab.analyse(&report).await;
    lab.days_pass(1);
    lab.analyse(&report.at(lab.now())).await;
    assert_eq!(lab.measures().await.int("new_violations"), Some(0));
}
