//! What receivers are told about analyses, about tasks that failed and about changes of issues.
#![expect(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

use std::collections::BTreeMap;
use std::time::Duration;

use gatehook_domain::branch::{Branch, BranchName};
use gatehook_domain::id::ComponentId;
use gatehook_domain::issue::Severity;
use gatehook_domain::key::ProjectKey;
use gatehook_domain::project::Project;
use gatehook_domain::task::TaskStatus;
use gatehook_domain::workflow::{Change, Transition};
use gatehook_store::{Engine, analysis, branch, delivery, measure, project, webhook};
use gatehook_testkit::hook;
use gatehook_testkit::lab::Lab;
use gatehook_testkit::report::{FileBuilder, ReportBuilder};
use rstest::rstest;
use serde_json::{Value, json};

fn file() -> FileBuilder {
    FileBuilder::numbered("src/a.rs", 10)
}

/// A project that one open issue fails.
async fn intolerant(engine: Engine) -> Lab {
    let lab = Lab::on(engine).await;
    lab.judge_by(&[("violations", "GT", "0")]).await;
    lab
}

async fn last_payload(lab: &Lab) -> Value {
    lab.payloads().await.pop().unwrap()
}

#[rstest]
#[tokio::test]
async fn what_the_scanner_was_given_is_told_also_when_a_person_changes_an_issue_later(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let lab = intolerant(engine).await;
    let long = "x".repeat(5_000);
    let given = [
        ("sonar.analysis.buildNumber", "12345"),
        ("sonar.analysis.detectedci", "undetected"),
        ("sonar.analysis.detectedscm", "git"),
        ("sonar.analysis.empty", ""),
        ("sonar.analysis.", "nothing behind the dot"),
        ("sonar.analysis.long", &long),
        ("sonar.analysis.ключ=&<", "знач\n\"ение\""),
    ];
    let untold = [
        ("sonar.analysis", "no dot"),
        ("sonar.analysiS.x", "another letter"),
        ("my.sonar.analysis.x", "not at the beginning"),
        ("sonar.login", "hunter2"),
        ("sonar.pullrequest.github.repository", "acme/shop"),
    ];
    let report = given
        .iter()
        .chain(&untold)
        .fold(lab.report(), |report, (key, value)| report.property(key, value));
    lab.analyse(&report.file(file().issue("A", 1, "x"))).await;
    // Another branch's analysis is none of this one's business.
    let other = lab.report().property("sonar.analysis.buildNumber", "99").file(file());
    lab.analyse_branch(BranchName::Branch("other".to_owned()), &other).await;

    lab.days_pass(1);
    let issue = lab.issues("src/a.rs").await.remove(0);
    lab.change(&issue.id, Change::Transition(Transition::Accept))
        .await
        .unwrap();
    let payloads = lab.payloads().await;
    let expected: Value = given
        .iter()
        .map(|(key, value)| ((*key).to_owned(), json!(value)))
        .collect();
    assert_eq!(payloads[0]["properties"], expected);
    assert_eq!(payloads[2]["properties"], expected);

    // Those of the pull request are kept with the analysis all the same, as SonarQube keeps them.
    let id = lab.branch(BranchName::Main).await.last_analysis.unwrap();
    let kept = lab.read(move |tx| analysis::by_id(tx, &id)).await.unwrap().properties;
    assert_eq!(kept["sonar.pullrequest.github.repository"], "acme/shop");
    assert_eq!(kept.len(), given.len() + 1);
}

#[rstest]
#[tokio::test]
async fn what_a_scanner_says_too_much_of_is_cut(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let lab = Lab::on(engine).await;
    let longest = format!("sonar.analysis.{}", "ü".repeat(512 - "sonar.analysis.".len()));
    let report = lab
        .report()
        .revision(&format!("  {} \u{1}", "r".repeat(101)))
        .property("sonar.analysis.a", &"ä".repeat(8_001))
        .property("sonar.analysis.b", "no\0 \u{1b}[31mcolours\r, but\n\tlines")
        .property(&longest, "kept")
        .property(&format!("{longest}x"), "left out")
        .property("sonar.analysis.odd\0\u{7}key", "")
        .property("sonar.analysis.twice", "first")
        .property("sonar.analysis.twice", "last");
    let report = (5..1_001).fold(report, |report, number| {
        report.property(&format!("sonar.analysis.n{number:04}"), "x")
    });
    lab.analyse(&report.file(file())).await;
    let told = last_payload(&lab).await;
    assert_eq!(told["revision"], "r".repeat(100));
    let properties: BTreeMap<String, String> = serde_json::from_value(told["properties"].clone()).unwrap();
    assert_eq!(properties["sonar.analysis.a"], "ä".repeat(8_000));
    assert_eq!(properties["sonar.analysis.b"], "no [31mcolours, but\n\tlines");
    assert_eq!(properties["sonar.analysis.odd\0\u{7}key"], "");
    assert_eq!(properties["sonar.analysis.twice"], "last");
    assert_eq!(properties[&longest], "kept");
    assert_eq!(properties.len(), 1_000);
    assert!(properties.contains_key("sonar.analysis.n0999") && !properties.contains_key("sonar.analysis.n1000"));
}

#[rstest]
#[case::none("")]
#[case::blanks("  ")]
#[case::nothing_that_is_kept(" \u{1}\u{7f} ")]
#[tokio::test]
async fn a_revision_that_says_nothing_is_left_out(#[case] revision: &str) {
    let lab = Lab::new().await;
    lab.analyse(&lab.report().revision(revision).file(file())).await;
    assert_eq!(last_payload(&lab).await.get("revision"), None);
}

#[tokio::test]
async fn a_condition_without_a_value_is_fine_after_a_change_and_its_threshold_is_told_as_it_was_configured() {
    let lab = Lab::new().await;
    lab.judge_by(&[
        ("violations", "GT", "0"),
        ("coverage", "LT", "80.50"),
        ("bugs", "GT", "007"),
    ])
    .await;
    lab.analyse(&lab.report().file(file().issue("A", 1, "x"))).await;
    let issue = lab.issues("src/a.rs").await.remove(0);
    lab.change(&issue.id, Change::Transition(Transition::Accept))
        .await
        .unwrap();
    let condition = |metric: &str, operator: &str, value: Option<&str>, status: &str, threshold: &str| {
        let mut told = json!({"metric": metric, "operator": operator, "status": status, "errorThreshold": threshold,
                              "onLeakPeriod": false});
        if let Some(value) = value {
            told["value"] = json!(value);
        }
        told
    };
    let gate = |status: &str, coverage: &str, violations: (&str, &str)| {
        json!({"name": "Own", "status": status, "conditions": [
            condition("coverage", "LESS_THAN", None, coverage, "80.50"),
            condition("bugs", "GREATER_THAN", Some("0"), "OK", "007"),
            condition("violations", "GREATER_THAN", Some(violations.0), violations.1, "0"),
        ]})
    };
    let told = lab.payloads().await;
    assert_eq!(told[0]["qualityGate"], gate("ERROR", "NO_VALUE", ("1", "ERROR")));
    assert_eq!(told[1]["qualityGate"], gate("OK", "OK", ("0", "OK")));
}

#[tokio::test]
async fn a_status_that_was_not_known_before_is_told_and_one_that_was_is_not() {
    let lab = intolerant(Engine::Sqlite).await;
    lab.analyse(&lab.report().file(file().issue("A", 1, "x").issue("B", 2, "y")))
        .await;
    let root = lab.branch(BranchName::Main).await.id;
    let change = async |severity, status: Option<&'static str>| {
        let (branch, root) = (root.clone(), ComponentId::root_of(&root));
        lab.write(move |tx| {
            let mut measures = measure::get(tx, &root)?;
            match status {
                Some(word) => measures.set_text("alert_status", word),
                None => drop(measures.remove("alert_status")),
            }
            measure::put_many(tx, &[(branch.clone(), root.clone(), measures)])
        })
        .await;
        let issue = lab.issues("src/a.rs").await.remove(0);
        lab.change(&issue.id, Change::Severity(severity)).await.unwrap().event
    };
    assert!(change(Severity::Minor, Some("ERROR")).await.is_none());
    assert!(change(Severity::Info, None).await.is_some());
    assert_eq!(last_payload(&lab).await["qualityGate"]["status"], "ERROR");
    assert!(
        change(Severity::Minor, Some("WARN")).await.is_some(),
        "no word of today's"
    );
    assert!(change(Severity::Info, Some("ERROR")).await.is_none());
}

#[tokio::test]
async fn a_failed_task_is_told_with_what_its_report_said_so_far() {
    let lab = Lab::new().await;
    let said = |report: ReportBuilder| report.revision("r7").property("sonar.analysis.build", "7");
    let whole = said(lab.report().file(file())).zip();
    let unreadable = &whole[..whole.len() / 2];
    let elsewhere = said(ReportBuilder::new("someone-else", lab.now())).zip();
    let unusable = said(lab.report().file(file()).file(file())).zip();
    lab.days_pass(1);
    let now = lab.now().to_string();
    let reported = lab.now().minus(Duration::from_hours(24)).to_string();
    let (nothing, all) = (
        (None, None, now.as_str()),
        (Some(reported.as_str()), Some("r7"), reported.as_str()),
    );
    let check = async |bytes: &[u8], expected: (Option<&str>, Option<&str>, &str), name: BranchName, shown: &str| {
        let task = lab.submit_bytes(name, bytes).await;
        assert_eq!(task.status, TaskStatus::Failed);
        let told = last_payload(&lab).await;
        assert_eq!(
            (&told["taskId"], &told["status"]),
            (&json!(task.id.as_str()), &json!("FAILED"))
        );
        let (analysed_at, revision, changed_at) = expected;
        assert_eq!(
            (
                told["analysedAt"].as_str(),
                told["revision"].as_str(),
                told["changedAt"].as_str()
            ),
            (analysed_at, revision, Some(changed_at)),
            "{told}"
        );
        let properties = if revision.is_some() {
            json!({"sonar.analysis.build": "7"})
        } else {
            json!({})
        };
        assert_eq!((&told["properties"], told.get("qualityGate")), (&properties, None));
        assert_eq!(told["branch"]["name"], shown);
    };
    for (bytes, expected) in [(unreadable, nothing), (&elsewhere, nothing), (&unusable, all)] {
        check(bytes, expected, BranchName::Main, "main").await;
        check(bytes, expected, BranchName::Branch("new".to_owned()), "new").await;
        check(bytes, expected, BranchName::PullRequest("7".to_owned()), "7").await;
    }

    // What an earlier analysis was about is not what this one was about.
    let earlier = lab
        .report()
        .at(lab.now().minus(Duration::from_hours(48)))
        .revision("r1");
    lab.analyse(&earlier.file(file())).await;
    check(unreadable, nothing, BranchName::Main, "main").await;
    check(&unusable, all, BranchName::Main, "main").await;
}

/// Adds a webhook that hears of every project.
async fn hear_of_everything(lab: &Lab) {
    let global = hook::webhook(lab.store().ambient(), None, "all", "http://all.example/");
    lab.write(move |tx| webhook::insert(tx, &global)).await;
}

#[rstest]
#[tokio::test]
async fn nobody_hears_of_a_project_that_is_deleted_while_its_report_waits(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let mut lab = Lab::on(engine).await;
    hear_of_everything(&lab).await;
    lab.analyse(&lab.report().file(file())).await;
    assert_eq!(lab.read(delivery::count_pending).await, 2);
    lab.stop_workers().await;
    lab.submit_only(BranchName::Main, &lab.report().file(file()).zip())
        .await;
    let (id, main) = (lab.project.id.clone(), lab.branch(BranchName::Main).await);
    assert!(lab.write(move |tx| project::delete(tx, &id)).await);
    // A report that came later shows that the workers have been there.
    let other = Project {
        id: lab.store().ambient().new_id(),
        key: ProjectKey::parse("other").unwrap(),
        ..lab.project.clone()
    };
    let branch = Branch {
        id: lab.store().ambient().new_id(),
        project: other.id.clone(),
        last_analysis: None,
        ..main
    };
    lab.project = other.clone();
    lab.write(move |tx| {
        project::insert(tx, &other)?;
        branch::insert(tx, &branch)
    })
    .await;
    lab.start_workers().await;
    lab.analyse(&ReportBuilder::new("other", lab.now()).file(file())).await;
    assert_eq!(lab.payloads().await.len(), 1);
    assert_eq!(lab.read(delivery::count_pending).await, 1, "that of the other project");
}

#[tokio::test]
async fn a_branch_that_is_deleted_while_its_report_waits_is_told_as_a_failure_by_its_name() {
    let mut lab = Lab::new().await;
    let name = BranchName::Branch("feature".to_owned());
    lab.stop_workers().await;
    let id = lab
        .submit_only(name.clone(), &lab.report().revision("r1").file(file()).zip())
        .await;
    let gone = lab.branch(name).await.id;
    assert!(lab.write(move |tx| branch::delete(tx, &gone)).await);
    lab.start_workers().await;
    let task = lab.wait_for(&id).await;
    assert_eq!(task.error_type.as_deref(), Some("PROJECT_GONE"));
    let told = last_payload(&lab).await;
    assert_eq!((&told["status"], &told["revision"]), (&json!("FAILED"), &json!("r1")));
    assert_eq!(
        (&told["branch"]["name"], &told["branch"]["isMain"]),
        (&json!("feature"), &json!(false))
    );
}
