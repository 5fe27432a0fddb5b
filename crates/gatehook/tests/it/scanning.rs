//! `gatehook scan` against a real server, on recorded output of real tools.

use std::path::{Path, PathBuf};
use std::process::Command;

use gatehook_testkit::receiver::Receiver;

use crate::harness::{Server, TOKEN, gatehook, now, run};

fn example(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples").join(path)
}

/// Copies a folder, so that the scan can write into it.
fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

fn scan(server: &Server, folder: &Path) -> Command {
    let mut command = gatehook();
    command
        .arg("scan")
        .arg("--base-dir")
        .arg(folder)
        .env("SONAR_TOKEN", TOKEN)
        .env("SONAR_HOST_URL", &server.url);
    command
}

#[tokio::test]
async fn a_scan_writes_its_task_file_and_waits_for_the_gate_when_asked() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(&folder.path().join("data")).await;
    let receiver = Receiver::start().await;
    server
        .post("webhooks/create", &[("name", "ci"), ("url", &receiver.url())])
        .await;
    let code = folder.path().join("code");
    copy(&example("python-shop/v1"), &code);
    let (exit, output, errors) = run(scan(&server, &code)
        .args(["--wait", "-Dsonar.analysis.buildNumber=42"])
        .arg(format!(
            "-Dsonar.projectDate={}",
            now().minus(std::time::Duration::from_hours(24))
        )));
    assert_eq!(exit, 0, "{errors}");
    assert_eq!(output, "", "the output is for programs");
    assert!(
        errors.contains("QUALITY GATE STATUS: PASSED - View details on http"),
        "{errors}"
    );
    assert!(!errors.contains('\u{1b}'), "no colours and bars in a pipe: {errors:?}");
    let task_file = std::fs::read_to_string(code.join(".scannerwork/report-task.txt")).unwrap();
    let keys: Vec<&str> = task_file
        .lines()
        .filter_map(|line| line.split_once('=').map(|(key, _)| key))
        .collect();
    assert_eq!(
        keys,
        [
            "projectKey",
            "serverUrl",
            "serverVersion",
            "dashboardUrl",
            "ceTaskId",
            "ceTaskUrl"
        ]
    );
    let calls = receiver.wait_for(1).await;
    assert_eq!(calls[0].json()["properties"]["sonar.analysis.buildNumber"], "42");

    // Without version control everything that comes now is new.
    std::fs::remove_dir_all(&code).unwrap();
    copy(&example("python-shop/v2"), &code);
    let (exit, _, errors) = run(scan(&server, &code).arg("--wait"));
    assert_eq!(exit, 2, "{errors}");
    assert!(errors.contains("QUALITY GATE STATUS: FAILED"), "{errors}");
    assert!(
        errors.contains("new_violations"),
        "the condition that fails is said: {errors}"
    );
    let found = server
        .get(
            "issues/search",
            &[("componentKeys", "python-shop"), ("inNewCodePeriod", "true")],
        )
        .await;
    let rules: Vec<&str> = found["issues"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["rule"].as_str().unwrap())
        .collect();
    assert_eq!(rules, ["external_Bandit:B324"]);
}

#[tokio::test]
async fn the_short_flags_do_what_the_official_properties_do() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(&folder.path().join("data")).await;
    let code = folder.path().join("code");
    copy(&example("ts-ledger/v2"), &code);
    let reports = folder.path().join("reports");
    std::fs::rename(code.join("reports"), &reports).unwrap();
    std::fs::remove_file(code.join("sonar-project.properties")).unwrap();
    let mut command = gatehook();
    command
        .args([
            "scan",
            "--server",
            &server.url,
            "--token",
            TOKEN,
            "--project",
            "ledger",
            "--wait",
        ])
        .arg("--sarif")
        .arg(reports.join("eslint.sarif"))
        .arg("--coverage")
        .arg(reports.join("lcov.info"))
        .current_dir(&code);
    let (exit, _, errors) = run(&mut command);
    assert_eq!(exit, 0, "{errors}");
    let keys = [("component", "ledger"), ("metricKeys", "coverage,violations,ncloc")];
    let measures = server.get("measures/component", &keys).await;
    let value = |metric: &str| {
        let all = measures["component"]["measures"].as_array().unwrap();
        all.iter()
            .find(|one| one["metric"] == metric)
            .map(|one| one["value"].as_str().unwrap().to_owned())
    };
    assert_eq!(value("violations").as_deref(), Some("7"));
    assert!(value("coverage").is_some_and(|text| text.parse::<f64>().unwrap() > 50.0));
}

#[tokio::test]
async fn broken_reports_of_tools_are_named_with_the_place() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(&folder.path().join("data")).await;
    let code = folder.path().join("code");
    std::fs::create_dir_all(&code).unwrap();
    std::fs::write(code.join("main.py"), "print('hello')\n").unwrap();
    let broken = "{\n  \"version\": \"2.1.0\",\n  \"runs\": [ oops ]\n}";
    std::fs::write(code.join("broken.sarif"), broken).unwrap();
    std::fs::write(code.join("empty.sarif"), "").unwrap();
    std::fs::write(code.join("strange.info"), "SF:gone.py\nDA:1,1\nend_of_record\n").unwrap();
    let base = ["-Dsonar.projectKey=p", "-Dsonar.sources=main.py"];

    let (exit, _, errors) = run(scan(&server, &code)
        .args(base)
        .arg("-Dsonar.sarifReportPaths=broken.sarif"));
    assert_eq!(exit, 1);
    assert!(errors.contains("broken.sarif") && errors.contains("line 3"), "{errors}");
    let (exit, _, errors) = run(scan(&server, &code)
        .args(base)
        .arg("-Dsonar.sarifReportPaths=empty.sarif"));
    assert_eq!(exit, 1);
    assert!(errors.contains("empty.sarif"), "{errors}");
    let (exit, _, errors) = run(scan(&server, &code)
        .args(base)
        .arg("-Dsonar.sarifReportPaths=missing.sarif"));
    assert_eq!(exit, 1);
    assert!(
        errors.contains("missing.sarif") && errors.contains("sonar.sarifReportPaths"),
        "{errors}"
    );
    assert!(
        !code.join(".scannerwork/report-task.txt").exists(),
        "a failed scan leaves no task behind"
    );

    let (exit, _, errors) = run(scan(&server, &code)
        .args(base)
        .arg("-Dsonar.javascript.lcov.reportPaths=strange.info"));
    assert_eq!(exit, 0, "{errors}");
    assert!(
        errors.contains("WARN") && errors.contains("gone.py"),
        "coverage of an unknown file is said: {errors}"
    );
}

#[tokio::test]
async fn what_a_scan_needs_is_said_when_it_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("main.py"), "print('hello')\n").unwrap();
    let (exit, _, errors) = run(gatehook().arg("scan").arg("--base-dir").arg(folder.path()));
    assert_eq!(exit, 1);
    assert!(errors.contains("sonar.projectKey"), "{errors}");
    let mut nowhere = gatehook();
    nowhere.args([
        "scan",
        "--server",
        "http://127.0.0.1:1",
        "--token",
        TOKEN,
        "--project",
        "p",
        "--base-dir",
    ]);
    let (exit, _, errors) = run(nowhere.arg(folder.path()));
    assert_eq!(exit, 1);
    assert!(errors.contains("127.0.0.1:1"), "{errors}");

    let server = Server::start(&folder.path().join("data")).await;
    let mut refused = gatehook();
    refused.args([
        "scan",
        "--server",
        &server.url,
        "--token",
        "squ_hunter2",
        "--project",
        "p",
        "--base-dir",
    ]);
    let (exit, _, errors) = run(refused.arg(folder.path()));
    assert_eq!(exit, 1);
    assert!(errors.contains("token"), "{errors}");
}
