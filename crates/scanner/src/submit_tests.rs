//! Whole scans against a server that answers what a test says.

use std::path::Path;
use std::sync::{Arc, Mutex};

use axum::extract::{Multipart, RawQuery, Request};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{any, post};
use axum::{Json, RequestExt, Router};
use serde_json::{Value, json};

use crate::scan_tests::{Lines, options};
use crate::{EXIT_GATE_FAILED, EXIT_OK, ScanError, ScanOptions, ScanOutcome, scan};

/// What the server saw.
#[derive(Default)]
struct Seen {
    queries: Vec<String>,
    authorization: Option<String>,
    report: Vec<u8>,
    polls: usize,
}

/// What the server answers.
#[derive(Clone)]
struct Script {
    submit: (u16, Value),
    /// Answers of the task, the last one for ever.
    tasks: Vec<Value>,
    gate: Value,
    base_url: Option<&'static str>,
}

impl Default for Script {
    fn default() -> Self {
        Self {
            submit: (200, json!({"taskId": "0190", "projectId": "k"})),
            tasks: vec![
                json!({"status": "PENDING"}),
                json!({"status": "SUCCESS", "analysisId": "an-1", "warnings": ["slow"]}),
            ],
            gate: json!({"status": "OK", "conditions": []}),
            base_url: None,
        }
    }
}

async fn start(script: Script) -> (String, Arc<Mutex<Seen>>) {
    let seen = Arc::new(Mutex::new(Seen::default()));
    let submit_seen = Arc::clone(&seen);
    let answers = script.clone();
    let other_seen = Arc::clone(&seen);
    let app = Router::new()
        .route(
            "/api/ce/submit",
            post(move |RawQuery(query): RawQuery, request: Request| async move {
                let authorization = request
                    .headers()
                    .get("authorization")
                    .map(|value| value.to_str().unwrap().to_owned());
                let mut form: Multipart = request.extract().await.unwrap();
                let part = form.next_field().await.unwrap().unwrap();
                assert_eq!(part.name(), Some("report"));
                let report = part.bytes().await.unwrap().to_vec();
                let mut seen = submit_seen.lock().unwrap();
                seen.queries.push(query.unwrap());
                seen.authorization = authorization;
                seen.report = report;
                (StatusCode::from_u16(script.submit.0).unwrap(), Json(script.submit.1)).into_response()
            }),
        )
        .fallback(any(move |request: Request| async move {
            answer(&answers, &other_seen, &request)
        }));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let host = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await });
    (host, seen)
}

fn answer(script: &Script, seen: &Mutex<Seen>, request: &Request) -> Response {
    match request.uri().path() {
        "/api/server/version" => "2026.1.0.1".into_response(),
        "/api/settings/values" => match script.base_url {
            Some(url) => Json(json!({"settings": [{"key": "sonar.core.serverBaseURL", "value": url}]})).into_response(),
            None => StatusCode::FORBIDDEN.into_response(),
        },
        "/api/ce/task" => {
            let mut seen = seen.lock().unwrap();
            let task = script.tasks[seen.polls.min(script.tasks.len() - 1)].clone();
            seen.polls += 1;
            Json(json!({"task": task})).into_response()
        }
        "/api/qualitygates/project_status" => Json(json!({"projectStatus": script.gate})).into_response(),
        other => panic!("unexpected {other}"),
    }
}

fn project() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("a.py"), "x = 1\n").unwrap();
    dir
}

async fn scan_with(base: &Path, host: &str, values: &[(&str, &str)]) -> (Result<ScanOutcome, ScanError>, Vec<String>) {
    let all = [
        &[
            ("sonar.projectKey", "a:k"),
            ("sonar.token", "sqp_hidden"),
            ("sonar.host.url", host),
        ],
        values,
    ]
    .concat();
    let lines = Arc::new(Lines::default());
    let options = ScanOptions {
        progress: lines.clone(),
        ..options(base, &all, &[])
    };
    let result = scan(options).await;
    let lines = lines.0.lock().unwrap().clone();
    (result, lines)
}

#[tokio::test]
async fn a_report_is_sent_and_word_of_it_is_left_for_other_tools() {
    let (host, seen) = start(Script {
        base_url: Some("https://gate.example.org/"),
        ..Script::default()
    })
    .await;
    let dir = project();
    let (result, lines) = scan_with(
        dir.path(),
        &host,
        &[("sonar.branch.name", "dev/x"), ("sonar.projectName", "K k")],
    )
    .await;
    let outcome = result.unwrap();
    assert_eq!(
        (outcome.exit_code(), outcome.task_id.as_str(), outcome.gate),
        (EXIT_OK, "0190", None)
    );
    let seen = seen.lock().unwrap();
    assert_eq!(
        seen.queries,
        ["projectKey=a%3Ak&projectName=K+k&characteristic=branch%3Ddev%2Fx&characteristic=branchType%3DBRANCH"]
    );
    assert_eq!(seen.authorization.as_deref(), Some("Bearer sqp_hidden"));
    assert_eq!(
        seen.report,
        std::fs::read(dir.path().join(".scannerwork/scanner-report.zip")).unwrap()
    );
    assert_eq!(
        std::fs::read_to_string(dir.path().join(".scannerwork/report-task.txt")).unwrap(),
        "projectKey=a:k\nserverUrl=https://gate.example.org\nserverVersion=2026.1.0.1\nbranch=dev/x\n\
         dashboardUrl=https://gate.example.org/dashboard?id=a%3Ak&branch=dev%2Fx\nceTaskId=0190\n\
         ceTaskUrl=https://gate.example.org/api/ce/task?id=0190\n"
    );
    assert_eq!(
        lines[0],
        "ANALYSIS SUCCESSFUL, you can find the results at: https://gate.example.org/dashboard?id=a%3Ak&branch=dev%2Fx"
    );
    assert_eq!(
        lines[2],
        "More about the report processing at https://gate.example.org/api/ce/task?id=0190"
    );
}

#[tokio::test]
async fn a_gate_that_says_no_ends_with_its_own_exit_code_and_the_conditions() {
    let condition = |status: &str, metric: &str| json!({"status": status, "metricKey": metric, "comparator": "GT", "errorThreshold": "0", "actualValue": "3"});
    let gate =
        json!({"status": "ERROR", "conditions": [condition("ERROR", "new_violations"), condition("OK", "bugs")]});
    let (host, _) = start(Script {
        gate,
        ..Script::default()
    })
    .await;
    let dir = project();
    let (result, lines) = scan_with(dir.path(), &host, &[("sonar.qualitygate.wait", "true")]).await;
    let outcome = result.unwrap();
    assert_eq!(outcome.exit_code(), EXIT_GATE_FAILED);
    assert_eq!(outcome.warnings, ["slow"]);
    assert_eq!(
        lines[1..],
        [
            "new_violations is 3, greater than 0".to_owned(),
            format!("QUALITY GATE STATUS: FAILED - View details on {host}/dashboard?id=a%3Ak"),
        ]
    );
}

#[tokio::test]
async fn a_gate_that_says_yes_ends_well() {
    let (host, _) = start(Script::default()).await;
    let dir = project();
    let (result, lines) = scan_with(dir.path(), &host, &[("sonar.qualitygate.wait", "true")]).await;
    assert_eq!(result.unwrap().exit_code(), EXIT_OK);
    assert!(
        lines
            .last()
            .unwrap()
            .starts_with("QUALITY GATE STATUS: PASSED - View details on ")
    );
}

#[tokio::test]
async fn an_analysis_that_fails_or_is_too_slow_says_so() {
    let dir = project();
    let failing = vec![json!({"status": "FAILED", "errorMessage": "no metadata"})];
    let (host, _) = start(Script {
        tasks: failing,
        ..Script::default()
    })
    .await;
    let (result, _) = scan_with(dir.path(), &host, &[("sonar.qualitygate.wait", "true")]).await;
    assert!(result.unwrap_err().to_string().contains("no metadata"));

    let (host, _) = start(Script {
        tasks: vec![json!({"status": "PENDING"})],
        ..Script::default()
    })
    .await;
    let (result, _) = scan_with(
        dir.path(),
        &host,
        &[("sonar.qualitygate.wait", "true"), ("sonar.qualitygate.timeout", "0")],
    )
    .await;
    assert!(result.unwrap_err().to_string().contains("sonar.qualitygate.timeout"));
}

#[tokio::test]
async fn refusals_are_told_in_the_words_of_the_server_without_the_token() {
    let dir = project();
    std::fs::create_dir(dir.path().join(".scannerwork")).unwrap();
    for (status, part) in [
        (401, "SONAR_TOKEN"),
        (403, "not yours"),
        (400, "not yours"),
        (413, "1 MiB"),
        (500, "500"),
    ] {
        std::fs::write(dir.path().join(".scannerwork/report-task.txt"), "old").unwrap();
        let body = json!({"errors": [{"msg": "not yours"}]});
        let (host, _) = start(Script {
            submit: (status, body),
            ..Script::default()
        })
        .await;
        let (result, _) = scan_with(dir.path(), &host, &[]).await;
        let error = result.unwrap_err();
        let text = format!("{error} {error:?}");
        assert!(text.contains(part) && !text.contains("sqp_hidden"), "{status}: {text}");
        assert!(
            !dir.path().join(".scannerwork/report-task.txt").exists(),
            "an old file would speak of another analysis"
        );
    }
}

#[tokio::test]
async fn a_server_that_is_not_there_is_named() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let host = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let dir = project();
    let (result, _) = scan_with(dir.path(), &host, &[]).await;
    let error = result.unwrap_err().to_string();
    assert!(error.contains(&host) && error.contains("cannot be reached"), "{error}");
}
