//! What webhooks are told of, and what they are not.

use gatehook_domain::branch::{Branch, BranchName};
use gatehook_domain::component::Component;
use gatehook_domain::id::ComponentId;
use gatehook_domain::issue::{ImpactSeverity, Severity, SoftwareQuality};
use gatehook_domain::task::TaskStatus;
use gatehook_domain::webhook::{Filter, Webhook};
use gatehook_domain::workflow::{Change, Transition};
use gatehook_report::proto::{self, IssueType};
use gatehook_store::{branch, component, issue, measure, webhook};
use gatehook_testkit::lab::Lab;
use gatehook_testkit::report::FileBuilder;
use rstest::rstest;
use serde_json::json;

const FALSE_POSITIVE: Change = Change::Transition(Transition::FalsePositive);

/// The lab's webhook.
async fn hook(lab: &Lab) -> Webhook {
    let project = lab.project.id.clone();
    lab.read(move |tx| webhook::of_project(tx, &project)).await.remove(0)
}

/// The project, whose gate refuses any issue, with a green analysis of its main branch.
async fn strict() -> Lab {
    let lab = Lab::new().await;
    lab.judge_by(&[("violations", "GT", "0")]).await;
    lab.analyse(&lab.report().file(FileBuilder::numbered("src/a.rs", 10)))
        .await;
    lab
}

#[rstest]
#[case::branch(BranchName::Branch("feature/ü".to_owned()), "violations", json!({
    "name": "feature/ü", "type": "BRANCH", "isMain": false,
    "url": "http://gates.example/dashboard?id=lab&branch=feature%2F%C3%BC",
}))]
#[case::pull_request(BranchName::PullRequest("7".to_owned()), "new_violations", json!({
    "name": "7", "type": "PULL_REQUEST", "isMain": false,
    "url": "http://gates.example/dashboard?id=lab&pullRequest=7",
}))]
#[tokio::test]
async fn an_issue_s_change_on_any_branch_is_told_with_the_last_analysis_of_that_branch(
    #[case] name: BranchName,
    #[case] metric: &str,
    #[case] told: serde_json::Value,
) {
    let lab = Lab::new().await;
    lab.judge_by(&[(metric, "GT", "0")]).await;
    let file = FileBuilder::numbered("src/a.rs", 10);
    lab.analyse(&lab.report().revision("of-main").file(file.clone())).await;
    lab.days_pass(1);
    let mut report = lab
        .report()
        .revision("of-branch")
        .property("sonar.analysis.build", "7")
        .property("sonar.other", "x")
        .file(file.changed_lines(&[1]).issue("A", 1, "x"));
    if let BranchName::PullRequest(key) = &name {
        report = report.pull_request(key, "main");
    }
    let analysed = lab.now();
    lab.analyse_branch(name.clone(), &report).await;
    assert_eq!(lab.measures_of(name.clone()).await.text("alert_status"), Some("ERROR"));

    lab.days_pass(1);
    let issue = lab.issues_of(name.clone(), "src/a.rs").await.remove(0);
    assert!(lab.change(&issue.id, FALSE_POSITIVE).await.unwrap().event.is_some());
    let payloads = lab.payloads().await;
    assert_eq!(payloads.len(), 3);
    assert_eq!(
        payloads[2],
        json!({
            "serverUrl": "http://gates.example",
            "status": "SUCCESS",
            "analysedAt": analysed.to_string(),
            "revision": "of-branch",
            "changedAt": lab.now().to_string(),
            "project": {"key": "lab", "name": "The Lab", "url": "http://gates.example/dashboard?id=lab"},
            "branch": told,
            "qualityGate": {"name": "Own", "status": "OK", "conditions": [{
                "metric": metric, "operator": "GREATER_THAN", "value": "0", "status": "OK", "errorThreshold": "0",
                "onLeakPeriod": metric.starts_with("new_"),
            }]},
            "properties": {"sonar.analysis.build": "7"},
        })
    );
    assert!(
        lab.change(&issue.id, Change::Transition(Transition::Reopen))
            .await
            .unwrap()
            .event
            .is_some(),
        "turning back is told again"
    );
}

#[tokio::test]
async fn a_branch_that_was_never_analysed_has_nothing_to_tell() {
    let lab = strict().await;
    let file = FileBuilder::numbered("src/a.rs", 10).issue("A", 1, "x");
    lab.analyse(&lab.report().file(file)).await;
    let ambient = lab.store().ambient().clone();
    let fresh = Branch {
        id: ambient.new_id(),
        name: "fresh".to_owned(),
        is_main: false,
        last_analysis: None,
        ..lab.branch(BranchName::Main).await
    };
    let mut found = lab.issues("src/a.rs").await.remove(0);
    let of = found.component.clone();
    found.id = ambient.new_id();
    found.branch = fresh.id.clone();
    found.component = ambient.new_id();
    let copy = found.clone();
    lab.write(move |tx| {
        branch::insert(tx, &fresh)?;
        let file = Component {
            id: copy.component.clone(),
            branch: fresh.id.clone(),
            ..component::by_id(tx, &of)?.unwrap()
        };
        component::upsert_many(tx, &[file])?;
        issue::insert_many(tx, std::slice::from_ref(&copy))
    })
    .await;
    let before = lab.payloads().await.len();
    let changed = lab.change(&found.id, FALSE_POSITIVE).await.unwrap();
    assert_eq!((changed.changed, changed.event), (true, None));
    assert_eq!(lab.payloads().await.len(), before);
}

#[tokio::test]
async fn a_verdict_where_none_was_known_is_told() {
    let lab = strict().await;
    let file = FileBuilder::numbered("src/a.rs", 10).issue("A", 1, "x");
    lab.analyse(&lab.report().file(file)).await;
    let root = ComponentId::root_of(&lab.branch(BranchName::Main).await.id);
    let (branch, mut measures) = (lab.branch(BranchName::Main).await.id, lab.measures().await);
    // As an older server may have left it.
    measures.set_text("alert_status", "WARN");
    lab.write(move |tx| measure::put_many(tx, &[(branch.clone(), root.clone(), measures.clone())]))
        .await;
    let issue = lab.issues("src/a.rs").await.remove(0);
    let told = lab.change(&issue.id, Change::Severity(Severity::Info)).await.unwrap();
    assert!(told.event.is_some());
    let quiet = lab.change(&issue.id, Change::Severity(Severity::Minor)).await.unwrap();
    assert!(quiet.changed && quiet.event.is_none(), "the verdict is known and stays");
}

#[tokio::test]
async fn an_impact_turns_the_gate_as_a_severity_does_and_a_confirmation_does_not() {
    let lab = Lab::new().await;
    lab.judge_by(&[("reliability_rating", "GT", "3")]).await;
    let rule = proto::AdHocRule {
        engine_id: "lint".to_owned(),
        rule_id: "A".to_owned(),
        r#type: Some(IssueType::Bug.into()),
        severity: Some(proto::Severity::Minor.into()),
        ..Default::default()
    };
    let file = FileBuilder::numbered("src/a.rs", 10).issue("A", 1, "x");
    lab.analyse(&lab.report().rule(rule).file(file)).await;
    let issue = lab.issues("src/a.rs").await.remove(0);
    let turns = async |change| lab.change(&issue.id, change).await.unwrap().event.is_some();
    let reliability = |severity| Change::Impact(SoftwareQuality::Reliability, severity);
    assert!(
        !turns(reliability(ImpactSeverity::Medium)).await,
        "a major bug is rated C"
    );
    assert!(turns(reliability(ImpactSeverity::High)).await);
    assert!(!turns(Change::Transition(Transition::Confirm)).await);
    assert!(turns(reliability(ImpactSeverity::Low)).await);
    let told = lab.payloads().await;
    let statuses: Vec<_> = told.iter().map(|told| told["qualityGate"]["status"].clone()).collect();
    assert_eq!(statuses, ["OK", "ERROR", "OK"]);
}

#[tokio::test]
async fn without_a_webhook_nothing_is_kept_to_be_told() {
    let lab = strict().await;
    let hook = hook(&lab).await.id;
    lab.write(move |tx| webhook::delete(tx, &hook)).await;
    let file = FileBuilder::numbered("src/a.rs", 10).issue("A", 1, "x");
    lab.analyse(&lab.report().file(file)).await;
    let issue = lab.issues("src/a.rs").await.remove(0);
    let changed = lab.change(&issue.id, FALSE_POSITIVE).await.unwrap();
    assert_eq!(changed.event, None);
    assert_eq!(
        lab.gate_status().await.as_deref(),
        Some("OK"),
        "the gate turned all the same"
    );
    assert_eq!(lab.payloads().await.len(), 0);
}

#[rstest]
#[case::branch(BranchName::Branch("feature".to_owned()), "BRANCH")]
#[case::pull_request(BranchName::PullRequest("9".to_owned()), "PULL_REQUEST")]
#[tokio::test]
async fn a_task_that_fails_is_told_on_any_branch(#[case] name: BranchName, #[case] kind: &str) {
    let lab = strict().await;
    let task = lab.submit_bytes(name.clone(), b"no report").await;
    assert_eq!(task.status, TaskStatus::Failed);
    let told = lab.payloads().await.pop().unwrap();
    assert_eq!(
        (&told["taskId"], &told["status"]),
        (&json!(task.id.as_str()), &json!("FAILED"))
    );
    assert_eq!(
        (&told["branch"]["type"], &told["branch"]["isMain"]),
        (&json!(kind), &json!(false))
    );
    for absent in ["analysedAt", "revision", "qualityGate"] {
        assert!(told.get(absent).is_none(), "{absent}: {told}");
    }
}

#[tokio::test]
async fn a_webhook_for_changes_of_the_gate_hears_of_analyses_only_when_the_verdict_is_another_one() {
    let lab = Lab::new().await;
    lab.judge_by(&[("violations", "GT", "0")]).await;
    let mut wanting = hook(&lab).await;
    wanting.options.filter = Filter {
        only_gate_changes: true,
        ..Filter::default()
    };
    lab.write(move |tx| webhook::update(tx, &wanting)).await;
    let clean = FileBuilder::numbered("src/a.rs", 10);
    let broken = clean.clone().issue("A", 1, "x");
    let mut told = Vec::new();
    for file in [&clean, &clean, &broken, &broken, &clean] {
        lab.days_pass(1);
        lab.analyse(&lab.report().file(file.clone())).await;
        told.push(lab.payloads().await.len());
    }
    assert_eq!(told, [1, 1, 2, 2, 3], "the first verdict, red, and green again");

    lab.days_pass(1);
    lab.analyse(&lab.report().file(broken.clone())).await;
    let issue = lab.issues("src/a.rs").await.remove(0);
    lab.change(&issue.id, FALSE_POSITIVE).await.unwrap();
    assert_eq!(lab.payloads().await.len(), 5, "a person turned it green");
    lab.days_pass(1);
    lab.analyse(&lab.report().file(broken)).await;
    assert_eq!(
        lab.payloads().await.len(),
        5,
        "the next analysis finds it as the person left it"
    );
}
