//! Nothing that is secret gets into a log or an answer, whatever happens to it.

use std::fmt::Write as _;

use gatehook_testkit::receiver::Receiver;
use gatehook_testkit::report::{FileBuilder, ReportBuilder};
use reqwest::Method;

use crate::harness::{Server, TOKEN, now};

/// What every secret of this test has in it, in clear, in base64 (of Basic authentication) or percent-encoded.
const MARKS: [&str; 4] = ["canary", "Y2FuYXJ5", "NhbmFye", "jYW5hcn"];
const PASSWORD: &str = "canary-password-of-admin";

/// What a client can ask for that has to do with webhooks, settings and tokens.
const ASKED: [&str; 16] = [
    "api/webhooks/list",
    "api/webhooks/list?project=shop",
    "api/webhooks/deliveries?componentKey=shop&ps=100",
    "api/settings/values",
    "api/settings/list_definitions",
    "api/user_tokens/search",
    "api/system/health",
    "api/system/info",
    "api/monitoring/metrics",
    "api/webservices/list",
    "api/users/current",
    "api/ce/activity?component=shop",
    "api/nowhere?secret=canary-in-a-query&token=canary&password=canary",
    "admin/webhooks",
    "project/webhooks?id=shop",
    "dashboard?id=shop",
];

#[tokio::test]
async fn no_secret_that_was_used_stands_in_a_log_or_an_answer() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let server = Server::start_with(&data, |command| {
        command
            .env("GATEHOOK_ADMIN_TOKEN", TOKEN)
            .env("GATEHOOK_ADMIN_PASSWORD", PASSWORD)
            .env("GATEHOOK_LOG", "trace");
    });
    let loose = [("key", "sonar.validateWebhooks"), ("value", "false")];
    server.post("settings/set", &loose).await;
    server
        .post("projects/create", &[("project", "shop"), ("name", "Shop")])
        .await;
    let receiver = Receiver::start().await;
    let well = receiver.url().replace("http://", "http://canary-user:canary-word@");
    let mut keys = Vec::new();
    for (name, url, project) in [
        ("well", well.as_str(), "shop"),
        ("refused", "http://canary-user:canary-word@127.0.0.1:1/", "shop"),
        ("no tls", &well.replace("http://", "https://"), ""),
        ("unknown", "https://canary-user:canary-word@nowhere.invalid/", ""),
    ] {
        let mut form = vec![
            ("name", name),
            ("url", url),
            ("secret", "canary-secret-of-the-hook"),
            ("headers", "X-Api-Key: canary-header"),
            ("standardWebhooks", "true"),
            ("retries", "false"),
        ];
        if !project.is_empty() {
            form.push(("project", project));
        }
        let made = server.post("webhooks/create", &form).await;
        keys.push((made["webhook"]["key"].as_str().unwrap().to_owned(), url.to_owned()));
    }
    for (key, url) in &keys {
        let anew = [
            ("webhook", key.as_str()),
            ("name", "changed"),
            ("url", url),
            ("secret", "canary-secret-that-is-new"),
            ("secretGracePeriod", "1h"),
        ];
        server.post("webhooks/update", &anew).await;
    }
    let status = [
        ("name", "status"),
        ("url", "http://127.0.0.1:1/"),
        ("format", "github-status"),
        ("formatToken", "canary-token"),
    ];
    server.post("webhooks/create", &status).await;
    let report = ReportBuilder::new("shop", now())
        .revision("c739069ec7105e01303e8b3065a81141aad9f129")
        .file(FileBuilder::numbered("src/a.rs", 3));
    assert_eq!(server.analyse("shop", &report).await["status"], "SUCCESS");
    receiver.wait_for(1).await;

    let mut answers = String::new();
    let mut ask = async |request: reqwest::RequestBuilder| {
        let (status, body) = server.send(request).await;
        writeln!(answers, "{status}\n{body}").unwrap();
        body
    };
    for (key, _) in &keys {
        let test = server.anonymous(Method::POST, "api/webhooks/test").bearer_auth(TOKEN);
        ask(test.query(&[("webhook", key)])).await;
        let deliveries = format!("api/webhooks/deliveries?webhook={key}");
        let found = ask(server.anonymous(Method::GET, &deliveries).bearer_auth(TOKEN)).await;
        let found: serde_json::Value = serde_json::from_str(&found).unwrap();
        for delivery in found["deliveries"].as_array().unwrap() {
            let id = delivery["id"].as_str().unwrap();
            for action in ["delivery?deliveryId=", "attempts?delivery="] {
                let path = format!("api/webhooks/{action}{id}");
                ask(server.anonymous(Method::GET, &path).bearer_auth(TOKEN)).await;
            }
        }
    }
    for path in ASKED {
        ask(server.anonymous(Method::GET, path).bearer_auth(TOKEN)).await;
        ask(server.anonymous(Method::GET, path).basic_auth("admin", Some(PASSWORD))).await;
        ask(server
            .anonymous(Method::GET, path)
            .basic_auth("admin", Some("canary-wrong")))
        .await;
    }
    let bad = [
        ("name", "bad"),
        ("url", "ftp://canary-user:canary-word@host/"),
        ("secret", "canary"),
    ];
    let refused = server.anonymous(Method::POST, "api/webhooks/create").bearer_auth(TOKEN);
    ask(refused.query(&bad)).await;
    assert!(
        answers.contains("refused") && answers.contains("hasSecret"),
        "the answers are there"
    );

    let log = server.log();
    assert_eq!(server.stop().await.code(), Some(0));
    assert!(log.contains("Failed to send webhook"), "the log is there");
    for (what, text) in [("log", &log), ("answers", &answers)] {
        for line in text.lines() {
            let found = MARKS.iter().find(|mark| line.contains(*mark));
            assert!(found.is_none(), "in the {what}: {line}");
        }
    }
    for file in ["gatehook.db", "gatehook.db-wal"] {
        let kept = std::fs::read(data.join(file)).unwrap_or_default();
        let found = kept.windows(6).any(|window| window == b"canary");
        assert!(!found, "in {file}");
    }
}
