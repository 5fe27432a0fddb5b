//! Nothing that is secret gets into a log or an answer, whatever happens to it.

use gatehook_testkit::receiver::Receiver;
use gatehook_testkit::report::{FileBuilder, ReportBuilder};
use reqwest::Method;

use crate::harness::{PASSWORD, Server, TOKEN, now};

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
    "api/nowhere?secret=hunter2-in-a-query&token=hunter2&password=hunter2",
    "admin/webhooks",
    "project/webhooks?id=shop",
    "dashboard?id=shop",
];

#[tokio::test]
async fn no_secret_that_was_used_stands_in_a_log_or_an_answer() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let server = Server::start(&data).await;
    server
        .post("projects/create", &[("project", "shop"), ("name", "Shop")])
        .await;
    let receiver = Receiver::start().await;
    let well = receiver.url().replace("http://", "http://hunter2-user:hunter2-word@");
    let mut keys = Vec::new();
    for (name, url, project) in [
        ("well", well.as_str(), "shop"),
        ("refused", "http://hunter2-user:hunter2-word@127.0.0.1:1/", "shop"),
        ("no tls", &well.replace("http://", "https://"), ""),
        ("unknown", "https://hunter2-user:hunter2-word@nowhere.invalid/", ""),
    ] {
        let mut form = vec![
            ("name", name),
            ("url", url),
            ("secret", "hunter2-secret-of-the-hook"),
            ("headers", "X-Api-Key: hunter2-header"),
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
            ("secret", "hunter2-secret-that-is-new"),
            ("secretGracePeriod", "1h"),
        ];
        server.post("webhooks/update", &anew).await;
    }
    let status = [
        ("name", "status"),
        ("url", "http://127.0.0.1:1/"),
        ("format", "github-status"),
        ("formatToken", "hunter2-token"),
    ];
    server.post("webhooks/create", &status).await;
    let report = ReportBuilder::new("shop", now())
        .revision("c739069ec7105e01303e8b3065a81141aad9f129")
        .file(FileBuilder::numbered("src/a.rs", 3));
    assert_eq!(server.analyse("shop", &report).await["status"], "SUCCESS");
    receiver.wait_for(1).await;

    // Every answer is searched, here as everywhere.
    let ask = async |request: reqwest::RequestBuilder| server.send(request).await.1;
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
            .basic_auth("admin", Some("hunter2-wrong")))
        .await;
    }
    let bad = [
        ("name", "bad"),
        ("url", "ftp://hunter2-user:hunter2-word@host/"),
        ("secret", "hunter2"),
    ];
    let refused = server.anonymous(Method::POST, "api/webhooks/create").bearer_auth(TOKEN);
    ask(refused.query(&bad)).await;
    let log = server.log();
    assert_eq!(server.stop().await.code(), Some(0));
    assert!(
        log.contains("Failed to send webhook") && log.contains("TRACE"),
        "the log that is searched is there"
    );
    for file in ["gatehook.db", "gatehook.db-wal"] {
        let kept = std::fs::read(data.join(file)).unwrap_or_default();
        let found = kept.windows(7).any(|window| window == b"hunter2");
        assert!(!found, "in {file}");
    }
}
