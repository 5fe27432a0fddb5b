//! From a submitted report to issues, measures, a verdict and an event.

use gatehook_domain::branch::BranchName;
use gatehook_domain::issue::{Resolution, Status};
use gatehook_domain::task::TaskStatus;
use gatehook_domain::workflow::{Change, Transition};
use gatehook_report::proto::{IssueType, Severity};
use gatehook_store::Engine;
use gatehook_testkit::lab::Lab;
use gatehook_testkit::report::{FileBuilder, ReportBuilder};
use rstest::rstest;

fn old_code(lab: &Lab) -> FileBuilder {
    FileBuilder::numbered("src/a.rs", 30).changed_at(lab.now().minus(std::time::Duration::from_hours(240)))
}

#[rstest]
#[case(Engine::Sqlite)]
#[case(Engine::Postgres)]
#[tokio::test]
async fn the_whole_story_goes_the_same_way_on_both_engines(#[case] engine: Engine) {
    let lab = Lab::on(engine).await;
    let first = lab
        .report()
        .version("1.0")
        .revision("r1")
        .file(old_code(&lab).issue("A", 3, "old trouble"));
    let task = lab.analyse(&first).await;
    assert_eq!(task.status, TaskStatus::Success);
    assert_eq!(
        lab.gate_status().await.as_deref(),
        Some("OK"),
        "nothing is new on a first analysis"
    );

    lab.days_pass(1);
    let fresh = FileBuilder::numbered("src/b.rs", 25)
        .changed_at(lab.now())
        .issue("B", 7, "new trouble");
    let second = lab
        .report()
        .version("1.1")
        .revision("r2")
        .file(old_code(&lab).issue("A", 3, "old trouble"))
        .file(fresh);
    lab.analyse(&second).await;
    assert_eq!(lab.gate_status().await.as_deref(), Some("ERROR"));
    assert_eq!(lab.measures().await.int("new_violations"), Some(1));
    assert_eq!(lab.measures().await.int("violations"), Some(2));
    assert_eq!(
        lab.measures().await.get("duplicated_lines"),
        None,
        "nobody looked for duplicates"
    );

    let trouble = lab.issues("src/b.rs").await.remove(0);
    let changed = lab
        .change(&trouble.id, Change::Transition(Transition::FalsePositive))
        .await
        .unwrap();
    assert!(changed.event.is_some());
    assert_eq!(lab.gate_status().await.as_deref(), Some("OK"));
    let again = lab
        .change(&trouble.id, Change::Transition(Transition::Reopen))
        .await
        .unwrap();
    assert!(again.event.is_some());

    let payloads = lab.payloads().await;
    let told: Vec<_> = payloads
        .iter()
        .map(|body| {
            (
                body["taskId"].is_string(),
                body["qualityGate"]["status"].as_str().unwrap_or("none"),
            )
        })
        .collect();
    assert_eq!(told, [(true, "OK"), (true, "ERROR"), (false, "OK"), (false, "ERROR")]);
    assert_eq!(payloads[1]["revision"], "r2");
    assert_eq!(
        payloads[2]["revision"], "r2",
        "an issue's change is about the last analysis"
    );
}

#[tokio::test]
async fn every_analysis_sends_its_call_even_when_the_verdict_stays() {
    let lab = Lab::new().await;
    for _ in 0..2 {
        lab.days_pass(1);
        lab.analyse(&lab.report().file(old_code(&lab))).await;
    }
    assert_eq!(lab.payloads().await.len(), 2);
}

#[tokio::test]
async fn issues_are_closed_when_gone_and_taken_up_when_back() {
    let lab = Lab::new().await;
    lab.analyse(&lab.report().file(old_code(&lab).issue("A", 3, "trouble")))
        .await;
    let first = lab.issues("src/a.rs").await.remove(0);
    lab.change(&first.id, Change::Transition(Transition::Confirm))
        .await
        .unwrap();

    lab.days_pass(1);
    lab.analyse(&lab.report().file(old_code(&lab))).await;
    assert!(lab.issues("src/a.rs").await.is_empty());
    assert_eq!(lab.measures().await.int("violations"), Some(0));

    lab.days_pass(1);
    lab.analyse(&lab.report().file(old_code(&lab).issue("A", 3, "trouble")))
        .await;
    let back = lab.issues("src/a.rs").await.remove(0);
    assert_eq!((back.id, back.status), (first.id, Status::Confirmed));
}

#[tokio::test]
async fn a_moved_line_keeps_its_issue_and_a_fixed_one_that_is_still_found_is_reopened() {
    let lab = Lab::new().await;
    let lines = ["fn one() {}", "fn two() {}", "fn three() {}"];
    lab.analyse(
        &lab.report()
            .file(FileBuilder::new("src/a.rs", &lines).issue("A", 2, "trouble")),
    )
    .await;
    let first = lab.issues("src/a.rs").await.remove(0);
    lab.change(&first.id, Change::Transition(Transition::Resolve))
        .await
        .unwrap();

    lab.days_pass(1);
    let moved = ["// a licence", "", "fn one() {}", "fn two() {}", "fn three() {}"];
    lab.analyse(
        &lab.report()
            .file(FileBuilder::new("src/a.rs", &moved).issue("A", 4, "trouble")),
    )
    .await;
    let found = lab.issues("src/a.rs").await.remove(0);
    assert_eq!(
        (found.id.clone(), found.line(), found.status),
        (first.id, Some(4), Status::Reopened)
    );
}

#[tokio::test]
async fn a_file_that_is_gone_takes_its_issues_and_measures_with_it() {
    let lab = Lab::new().await;
    let gone = FileBuilder::numbered("src/gone.rs", 10)
        .issue("A", 1, "x")
        .issue("A", 2, "y");
    lab.analyse(&lab.report().file(old_code(&lab)).file(gone)).await;
    assert_eq!(lab.measures().await.int("files"), Some(2));
    lab.days_pass(1);
    lab.analyse(&lab.report().file(old_code(&lab))).await;
    let measures = lab.measures().await;
    assert_eq!(
        (measures.int("files"), measures.int("violations"), measures.int("ncloc")),
        (Some(1), Some(0), Some(30))
    );
    assert!(lab.issues("src/gone.rs").await.is_empty());
    assert!(lab.file_measures("src/gone.rs").await.is_empty());
}

#[tokio::test]
async fn coverage_of_new_lines_is_judged_and_small_changes_are_forgiven() {
    let lab = Lab::new().await;
    lab.analyse(&lab.report().file(old_code(&lab))).await;

    lab.days_pass(1);
    let few = FileBuilder::numbered("src/few.rs", 19)
        .changed_at(lab.now())
        .covered((1..=19).map(|line| (line, false)));
    lab.analyse(&lab.report().file(old_code(&lab)).file(few.clone())).await;
    assert_eq!(lab.measures().await.number("new_coverage"), Some(0.0));
    assert_eq!(
        lab.gate_status().await.as_deref(),
        Some("OK"),
        "19 new lines are a small change"
    );

    lab.days_pass(1);
    let more = FileBuilder::numbered("src/more.rs", 1)
        .changed_at(lab.now())
        .covered([(1, true)]);
    lab.analyse(&lab.report().file(old_code(&lab)).file(few).file(more))
        .await;
    assert_eq!(lab.measures().await.int("new_lines"), Some(20));
    assert_eq!(lab.measures().await.number("new_coverage"), Some(5.0));
    assert_eq!(lab.gate_status().await.as_deref(), Some("ERROR"));
}

#[tokio::test]
async fn a_project_level_finding_counts_for_the_project() {
    let lab = Lab::new().await;
    lab.analyse(&lab.report().file(old_code(&lab)).project_issue("A", "no licence"))
        .await;
    assert_eq!(lab.measures().await.int("violations"), Some(1));
    assert_eq!(lab.issues("").await.len(), 1);
}

#[tokio::test]
async fn a_branch_starts_with_the_decisions_of_the_main_one_and_lives_on_its_own() {
    let lab = Lab::new().await;
    lab.analyse(&lab.report().file(old_code(&lab).issue("A", 3, "trouble")))
        .await;
    let main = lab.issues("src/a.rs").await.remove(0);
    lab.change(&main.id, Change::Transition(Transition::Accept))
        .await
        .unwrap();

    let feature = BranchName::Branch("feature/x".to_owned());
    lab.analyse_branch(
        feature.clone(),
        &lab.report().file(old_code(&lab).issue("A", 3, "trouble")),
    )
    .await;
    let copy = lab.issues_of(feature, "src/a.rs").await.remove(0);
    assert_ne!(copy.id, main.id);
    assert_eq!(copy.resolution, Some(Resolution::WontFix));
    let payload = lab.payloads().await.pop().unwrap();
    assert_eq!(payload["branch"]["name"], "feature/x");
    assert_eq!(payload["branch"]["isMain"], false);
    assert_eq!(
        payload["branch"]["url"],
        "http://gates.example/dashboard?id=lab&branch=feature%2Fx"
    );
}

#[tokio::test]
async fn a_pull_request_is_judged_by_its_changed_lines_only() {
    let lab = Lab::new().await;
    let broken = old_code(&lab).issue("A", 3, "old trouble");
    lab.analyse(&lab.report().file(broken.clone())).await;

    let pr = BranchName::PullRequest("7".to_owned());
    let clean = lab
        .report()
        .pull_request("7", "main")
        .file(broken.clone().changed_lines(&[10, 11]));
    lab.analyse_branch(pr.clone(), &clean).await;
    assert!(lab.issues_of(pr.clone(), "src/a.rs").await.is_empty());
    assert_eq!(lab.measures_of(pr.clone()).await.text("alert_status"), Some("OK"));

    lab.days_pass(1);
    let dirty = lab
        .report()
        .pull_request("7", "main")
        .file(broken.changed_lines(&[10, 11]).issue("B", 10, "new trouble"));
    lab.analyse_branch(pr.clone(), &dirty).await;
    assert_eq!(lab.issues_of(pr.clone(), "src/a.rs").await.len(), 1);
    assert_eq!(lab.measures_of(pr).await.text("alert_status"), Some("ERROR"));
    let payload = lab.payloads().await.pop().unwrap();
    assert_eq!(
        (&payload["branch"]["name"], &payload["branch"]["type"]),
        (&"7".into(), &"PULL_REQUEST".into())
    );
}

#[tokio::test]
async fn a_pull_request_is_not_judged_by_findings_about_the_whole_project() {
    let lab = Lab::new().await;
    let pr = BranchName::PullRequest("7".to_owned());
    let report = lab
        .report()
        .pull_request("7", "main")
        .file(old_code(&lab).changed_lines(&[10]))
        .project_issue("A", "no licence");
    lab.analyse_branch(pr.clone(), &report).await;
    assert_eq!(lab.measures_of(pr.clone()).await.int("new_violations"), Some(0));
    assert_eq!(lab.measures_of(pr).await.text("alert_status"), Some("OK"));
}

#[tokio::test]
async fn a_report_that_cannot_be_used_fails_with_a_reason_and_tells_the_receivers() {
    let lab = Lab::new().await;
    lab.analyse(&lab.report().file(old_code(&lab))).await;
    let good = lab.report().file(old_code(&lab)).zip();
    let other = ReportBuilder::new("someone-else", lab.now()).zip();
    let mut twice = lab.report().file(old_code(&lab));
    twice = twice.file(old_code(&lab));
    let outside = lab.report().file(FileBuilder::numbered("../../etc/passwd", 1)).zip();
    let past = ReportBuilder::new("lab", lab.now().minus(std::time::Duration::from_mins(1))).zip();
    let future = ReportBuilder::new("lab", lab.now().plus(std::time::Duration::from_secs(200_000))).zip();
    let cases: [(&str, &[u8], &str); 7] = [
        ("no zip", b"this is no zip archive", "not a zip archive"),
        ("cut off", &good[..good.len() / 2], "not a zip archive"),
        (
            "wrong project",
            &other,
            "'someone-else', but it was submitted for 'lab'",
        ),
        ("a file twice", &twice.zip(), "the file 'src/a.rs' twice"),
        ("outside", &outside, "no path of a file in a project"),
        ("past", &past, "before the date of the last analysis"),
        ("future", &future, "more than a day in the future"),
    ];
    let before = lab.payloads().await.len();
    for (index, (name, bytes, reason)) in cases.iter().enumerate() {
        let task = lab.submit_bytes(BranchName::Main, bytes).await;
        assert_eq!(task.status, TaskStatus::Failed, "{name}");
        let error = task.error.unwrap_or_default();
        assert!(error.contains(reason), "{name}: {error}");
        let payloads = lab.payloads().await;
        assert_eq!(payloads.len(), before + index + 1, "{name}");
        assert!(
            payloads
                .iter()
                .any(|body| body["taskId"] == task.id.as_str() && body["status"] == "FAILED"),
            "{name}"
        );
    }
    assert_eq!(
        lab.gate_status().await.as_deref(),
        Some("OK"),
        "a failed task changes nothing"
    );
}

#[tokio::test]
async fn a_task_that_was_being_worked_on_is_taken_up_by_the_next_process() {
    let mut lab = Lab::new().await;
    lab.stop_workers().await;
    let id = lab
        .submit_only(BranchName::Main, &lab.report().file(old_code(&lab)).zip())
        .await;
    let node = gatehook_domain::id::NodeId::parse("killed-node").unwrap();
    let claimed = lab
        .write(move |tx| {
            let now = tx.ambient().now();
            gatehook_store::task::claim(tx, &node, now, now.plus(std::time::Duration::from_mins(1)))
        })
        .await
        .unwrap();
    assert_eq!(claimed.id, id, "a process took the task and was killed");
    lab.start_workers().await;
    let task = lab.wait_for(&id).await;
    assert_eq!((task.status, task.attempts), (TaskStatus::Success, 2));
    assert_eq!(lab.payloads().await.len(), 1);
}

#[tokio::test]
async fn types_and_severities_reach_the_ratings() {
    let lab = Lab::new().await;
    let file = FileBuilder::numbered("src/a.rs", 10)
        .typed_issue("A", 1, IssueType::Bug, Severity::Critical)
        .typed_issue("B", 2, IssueType::Vulnerability, Severity::Minor)
        .typed_issue("C", 3, IssueType::SecurityHotspot, Severity::Major);
    lab.analyse(&lab.report().file(file)).await;
    let measures = lab.measures().await;
    assert_eq!(
        (measures.int("reliability_rating"), measures.int("security_rating")),
        (Some(4), Some(2))
    );
    assert_eq!(
        (
            measures.int("bugs"),
            measures.int("security_hotspots"),
            measures.int("violations")
        ),
        (Some(1), Some(1), Some(2))
    );
}

#[rstest]
#[case::a_long_key(&"k".repeat(600))]
#[case::odd_letters("odd\0 \u{7}key\n:é")]
#[tokio::test]
async fn a_rule_with_an_unusual_key_does_not_cost_the_analysis(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
    #[case] key: &str,
) {
    let lab = Lab::on(engine).await;
    let described = gatehook_report::proto::AdHocRule {
        engine_id: "lint".to_owned(),
        rule_id: key.to_owned(),
        ..Default::default()
    };
    let report = lab
        .report()
        .rule(described)
        .file(old_code(&lab).issue(key, 3, "trouble").issue("A", 4, "more"));
    for _ in 0..2 {
        lab.days_pass(1);
        lab.analyse(&report).await;
    }
    assert_eq!(lab.issues("src/a.rs").await.len(), 2);
    assert_eq!(lab.measures().await.int("violations"), Some(2));
}

#[tokio::test]
async fn a_finding_without_a_rule_is_left_out_and_said() {
    let lab = Lab::new().await;
    let report = lab
        .report()
        .file(old_code(&lab).issue("", 3, "trouble").issue("A", 4, "more"));
    let task = lab.analyse(&report).await;
    assert_eq!(lab.measures().await.int("violations"), Some(1));
    assert_eq!(task.warnings.len(), 1, "{:?}", task.warnings);
}

#[tokio::test]
async fn blanks_around_the_name_of_a_branch_do_not_make_another_branch() {
    let lab = Lab::new().await;
    for name in ["feature", " feature ", " main"] {
        lab.days_pass(1);
        lab.analyse_branch(BranchName::Branch(name.to_owned()), &lab.report().file(old_code(&lab)))
            .await;
    }
    let project = lab.project.id.clone();
    let all = lab.read(move |tx| gatehook_store::branch::all(tx, &project)).await;
    let names: Vec<_> = all.iter().map(|branch| branch.name.as_str()).collect();
    assert_eq!(names, ["main", "feature"]);
}

#[tokio::test]
async fn holding_a_task_longer_does_not_keep_its_analysis_from_being_kept() {
    let mut lab = Lab::on(Engine::Postgres).await;
    lab.stop_workers().await;
    let file = (1..=1_000).fold(FileBuilder::numbered("src/a.rs", 1_000), |file, line| {
        file.issue("A", line, "trouble")
    });
    let id = lab.submit_only(BranchName::Main, &lab.report().file(file).zip()).await;
    lab.start_workers().await;
    // Every moment somebody renews the lease, as happens once in a while when the last transaction takes long.
    loop {
        let held = id.clone();
        let status = lab
            .write(move |tx| {
                let node = gatehook_domain::id::NodeId::parse("lab-node").unwrap();
                let until = tx.now().plus(std::time::Duration::from_mins(1));
                gatehook_store::task::renew(tx, &held, &node, until)?;
                Ok(gatehook_store::task::by_id(tx, &held)?.unwrap().status)
            })
            .await;
        if status.is_final() {
            assert_eq!(status, TaskStatus::Success);
            break;
        }
    }
}

#[tokio::test]
async fn a_decision_on_the_target_branch_holds_for_a_file_that_a_pull_request_moves() {
    let lab = Lab::new().await;
    lab.analyse(&lab.report().file(old_code(&lab).issue("A", 3, "trouble")))
        .await;
    let issue = lab.issues("src/a.rs").await.remove(0);
    lab.change(&issue.id, Change::Transition(Transition::FalsePositive))
        .await
        .unwrap();
    let moved = FileBuilder::numbered("src/moved.rs", 30)
        .moved_from("src/a.rs")
        .changed_lines(&[3])
        .issue("A", 3, "trouble");

    let pr = BranchName::PullRequest("7".to_owned());
    lab.analyse_branch(pr.clone(), &lab.report().pull_request("7", "main").file(moved.clone()))
        .await;
    assert_eq!(lab.measures_of(pr).await.int("new_violations"), Some(0));

    let branch = BranchName::Branch("feature".to_owned());
    lab.analyse_branch(branch.clone(), &lab.report().file(moved)).await;
    assert_eq!(lab.measures_of(branch).await.int("false_positive_issues"), Some(1));
}

#[tokio::test]
async fn a_pull_request_whose_changed_lines_are_not_known_is_not_green_without_a_word() {
    let lab = Lab::new().await;
    let pr = BranchName::PullRequest("7".to_owned());
    let report = lab
        .report()
        .pull_request("7", "nowhere")
        .file(old_code(&lab).issue("A", 3, "trouble"));
    let task = lab.analyse_branch(pr.clone(), &report).await;
    assert_eq!(lab.measures_of(pr.clone()).await.text("alert_status"), Some("OK"));
    assert!(
        task.warnings[0].contains("sonar.pullrequest.base"),
        "{:?}",
        task.warnings
    );

    let told = lab
        .report()
        .pull_request("7", "nowhere")
        .file(old_code(&lab).changed_lines(&[3]).issue("A", 3, "trouble"));
    let task = lab.analyse_branch(pr.clone(), &told).await;
    assert_eq!(task.warnings, [""; 0]);
    assert_eq!(lab.measures_of(pr).await.text("alert_status"), Some("ERROR"));
}
