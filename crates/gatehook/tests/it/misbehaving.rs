//! A server among receivers that misbehave in every way `gatehook listen` knows.

use gatehook_testkit::report::{FileBuilder, ReportBuilder};
use serde_json::Value;

use crate::harness::{SECRET, Server, now};
use crate::listener::Listener;

/// What is wrong with each receiver, and whether it is worth trying it again.
const RECEIVERS: [(&str, &[&str], bool); 8] = [
    ("busy", &["--status", "503"], true),
    ("dead", &["--reset", "accept"], true),
    ("broken", &["--reset", "call"], true),
    ("cut-off", &["--reset", "answer"], true),
    ("hanging", &["--hang"], true),
    ("slow", &["--slow"], true),
    ("endless", &["--endless"], false),
    ("redirecting", &["--redirect"], false),
];

#[tokio::test]
async fn receivers_that_misbehave_hold_nobody_up_and_lose_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(&folder.path().join("data")).await;
    let pauses = ["1s"; 30].join(",");
    server
        .post(
            "settings/set",
            &[("key", "gatehook.webhooks.retrySchedule"), ("value", &pauses)],
        )
        .await;
    server
        .post("projects/create", &[("project", "shop"), ("name", "Shop")])
        .await;
    let well = Listener::start(&[]);
    // One redirect is followed, and this one leads to another.
    let onwards = Listener::start(&["--redirect", &well.url]);
    let mut bad = Vec::new();
    let mut keys = Vec::new();
    for (name, flags, _) in RECEIVERS {
        let mut flags = flags.to_vec();
        if flags == ["--redirect"] {
            flags.push(&onwards.url);
        }
        let listener = Listener::start(&flags);
        let hook = [
            ("project", "shop"),
            ("name", name),
            ("url", &listener.url),
            ("secret", SECRET),
        ];
        let made = server.post("webhooks/create", &hook).await;
        keys.push(made["webhook"]["key"].as_str().unwrap().to_owned());
        bad.push(listener);
    }
    let hook = [
        ("project", "shop"),
        ("name", "well"),
        ("url", &well.url),
        ("secret", SECRET),
    ];
    server.post("webhooks/create", &hook).await;
    let mut tasks = Vec::new();
    for version in ["1", "2", "3"] {
        let report = ReportBuilder::new("shop", now())
            .version(version)
            .file(FileBuilder::numbered("a.rs", 3));
        let task = server.analyse("shop", &report).await;
        assert_eq!(task["status"], "SUCCESS");
        tasks.push(task["id"].as_str().unwrap().to_owned());
    }

    // The receiver that is well has heard of everything, in order, while others still have not ended their first call.
    let mut heard = Vec::new();
    for _ in &tasks {
        let call = well.next().await.unwrap();
        assert_eq!(call["signature"], "valid");
        let body: Value = serde_json::from_str(call["body"].as_str().unwrap()).unwrap();
        heard.push(body["taskId"].as_str().unwrap().to_owned());
    }
    assert_eq!(heard, tasks);
    for listener in &bad {
        assert!(listener.next().await.is_some(), "each was called");
    }

    // Whoever is worth it is tried again, wherever the webhook leads by then.
    for (key, (name, _, again)) in keys.iter().zip(RECEIVERS) {
        if again {
            let moved = [("webhook", key.as_str()), ("name", name), ("url", &well.url)];
            server.post("webhooks/update", &moved).await;
        }
    }
    let all = server
        .wait_until("all is delivered, or failed for good", async || {
            let all = server.deliveries("shop").await;
            all.iter().all(|one| one["status"] != "PENDING").then_some(all)
        })
        .await;
    assert_eq!(all.len(), tasks.len() * (RECEIVERS.len() + 1));
    for one in all {
        let expected: (Value, Value) = if one["name"] == "redirecting" {
            ("FAILED".into(), 307.into())
        } else {
            ("DELIVERED".into(), 200.into())
        };
        assert_eq!(
            (&one["status"], &one["httpStatus"]),
            (&expected.0, &expected.1),
            "{one}"
        );
    }
}
