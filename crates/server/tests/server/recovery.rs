//! Calls that failed, wait or are late: seeing them, making them again, and what a watcher is told.

use std::sync::atomic::Ordering;
use std::time::Duration;

use gatehook_store::delivery::Outcome;
use serde_json::{Value, json};

use crate::calls::{begin, call, owe};
use crate::hostile::Log;
use crate::support::{As, TestServer};

/// A project `p` with a webhook; answers the webhook's key.
async fn with_a_webhook(server: &TestServer) -> String {
    server
        .did("api/projects/create", &[("project", "p"), ("name", "P")])
        .await;
    new_webhook(server, "p").await
}

async fn new_webhook(server: &TestServer, project: &str) -> String {
    let form = [
        ("project", project),
        ("name", "ci"),
        ("url", "https://me:hunter2@hooks.example/"),
    ];
    let made = server.did("api/webhooks/create", &form).await;
    made.json()["webhook"]["key"].as_str().unwrap().to_owned()
}

async fn deliveries(server: &TestServer, hook: &str) -> Vec<Value> {
    let path = format!("api/webhooks/deliveries?webhook={hook}&ps=50");
    server.get(&path, &As::Admin).await.json()["deliveries"]
        .as_array()
        .unwrap()
        .clone()
}

async fn hook(server: &TestServer) -> Value {
    server.get("api/webhooks/list?project=p", &As::Admin).await.json()["webhooks"][0].clone()
}

#[tokio::test]
async fn a_call_that_failed_is_made_again_under_its_id() {
    let server = TestServer::start().await;
    let key = with_a_webhook(&server).await;
    let id = owe(&server, &key).await;
    assert_eq!(call(&server, 500, Outcome::Failed).await, 1);
    let failed = deliveries(&server, &key).await;
    assert_eq!((&failed[0]["id"], &failed[0]["status"]), (&json!(id), &json!("FAILED")));
    assert!(failed[0].get("nextAttemptAt").is_none());

    server.test.clock.advance(Duration::from_hours(1));
    let again = server.did("api/webhooks/redeliver", &[("delivery", &id)]).await.json();
    assert_eq!(
        (
            &again["delivery"]["id"],
            &again["delivery"]["status"],
            &again["delivery"]["nextAttemptAt"]
        ),
        (&json!(id), &json!("PENDING"), &json!("2026-01-31T11:34:21+0000"))
    );
    assert_eq!(server.deliveries_woken.load(Ordering::SeqCst), 1);

    let begun = server.test.store.write(begin).await.unwrap();
    assert_eq!(begun.len(), 1);
    let busy = server
        .post("api/webhooks/redeliver", &[("delivery", &id)], &As::Admin)
        .await;
    assert_eq!(
        (busy.status, busy.errors().as_str()),
        (400, "The call is being made at this moment")
    );
    // Whoever was at it dies, and another one takes over.
    server.test.clock.advance(Duration::from_secs(61));
    assert_eq!(call(&server, 200, Outcome::Delivered).await, 1);

    let told = server
        .get(&format!("api/webhooks/attempts?delivery={id}"), &As::Admin)
        .await
        .json();
    assert_eq!(
        (&told["delivery"]["status"], &told["delivery"]["attempts"]),
        (&json!("DELIVERED"), &json!(3))
    );
    assert_eq!(
        told["attempts"],
        json!([
            {"number": 1, "at": "2026-01-31T10:34:21+0000", "durationMs": 7, "success": false, "httpStatus": 500},
            {"number": 3, "at": "2026-01-31T11:35:22+0000", "durationMs": 7, "success": true, "httpStatus": 200},
        ])
    );
    for path in ["api/webhooks/attempts?delivery=x", "api/webhooks/delivery?deliveryId=x"] {
        let unknown = server.get(path, &As::Admin).await;
        assert_eq!(
            (unknown.status, unknown.errors().as_str()),
            (404, "Webhook delivery not found")
        );
    }
}

#[tokio::test]
async fn a_paused_webhook_is_owed_its_calls_and_gets_them_when_it_is_resumed() {
    let server = TestServer::start().await;
    let key = with_a_webhook(&server).await;
    assert_eq!(hook(&server).await["paused"], json!(false));
    assert_eq!(server.did("api/webhooks/pause", &[("webhook", &key)]).await.status, 204);
    assert_eq!(server.did("api/webhooks/pause", &[("webhook", &key)]).await.status, 204);
    assert_eq!(hook(&server).await["paused"], json!(true));
    owe(&server, &key).await;
    assert_eq!(call(&server, 200, Outcome::Delivered).await, 0);
    assert_eq!(deliveries(&server, &key).await[0]["status"], "PENDING");
    assert_eq!(server.deliveries_woken.load(Ordering::SeqCst), 0);

    let resumed = server.did("api/webhooks/resume", &[("webhook", &key)]).await;
    assert_eq!(resumed.status, 204);
    assert_eq!(server.deliveries_woken.load(Ordering::SeqCst), 1);
    assert_eq!(call(&server, 200, Outcome::Delivered).await, 1);
    assert_eq!(hook(&server).await["latestDelivery"]["status"], "DELIVERED");
}

#[tokio::test]
async fn a_window_is_counted_before_it_is_sent_again() {
    let server = TestServer::start().await;
    let key = with_a_webhook(&server).await;
    // 10:34, 11:34 and 12:34; the one in the middle fails.
    for status in [200, 500, 200] {
        owe(&server, &key).await;
        let outcome = if status == 200 {
            Outcome::Delivered
        } else {
            Outcome::Failed
        };
        assert_eq!(call(&server, status, outcome).await, 1);
        server.test.clock.advance(Duration::from_hours(1));
    }
    let window = |from: &'static str, to: &'static str, dry_run: &'static str| {
        let (server, key) = (&server, &key);
        async move {
            let form = [
                ("webhook", key.as_str()),
                ("from", from),
                ("to", to),
                ("dryRun", dry_run),
            ];
            server.post("api/webhooks/redeliver_window", &form, &As::Admin).await
        }
    };
    let statuses = || async {
        let found = deliveries(&server, &key).await;
        let mut words: Vec<String> = found
            .iter()
            .map(|one| one["status"].as_str().unwrap().to_owned())
            .collect();
        words.reverse();
        words.join(" ")
    };
    let (from, to) = ("2026-01-31T11:00:00+0000", "2026-01-31T13:00:00+0000");
    let counted = window(from, to, "true").await;
    assert_eq!(counted.json(), json!({"deliveries": 2, "dryRun": true}));
    let day = window("2026-01-31", "2026-01-31", "true").await;
    assert_eq!(day.json()["deliveries"], 3, "a day is all of it");
    assert_eq!(statuses().await, "DELIVERED FAILED DELIVERED");
    assert_eq!(server.deliveries_woken.load(Ordering::SeqCst), 0);
    let backwards = window(to, from, "").await;
    assert_eq!(
        (backwards.status, backwards.errors().as_str()),
        (400, "The window must end after it begins")
    );
    assert_eq!(window("yesterday", to, "").await.status, 400);

    let failed = |since: &'static str| {
        let (server, key) = (&server, &key);
        async move {
            let form = [("webhook", key.as_str()), ("since", since)];
            server.did("api/webhooks/redeliver_failed", &form).await.json()["deliveries"].clone()
        }
    };
    assert_eq!(failed("2026-01-31T12:00:00+0000").await, 0);
    assert_eq!(failed("").await, 1);
    assert_eq!(statuses().await, "DELIVERED PENDING DELIVERED");
    let sent = window(from, to, "").await;
    assert_eq!(
        sent.json(),
        json!({"deliveries": 1, "dryRun": false}),
        "what is owed already is not counted"
    );
    assert_eq!(statuses().await, "DELIVERED PENDING PENDING");
    assert_eq!(server.deliveries_woken.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn whether_failed_calls_are_tried_again_is_the_webhook_s_or_the_setting_s() {
    let server = TestServer::start().await;
    let key = with_a_webhook(&server).await;
    assert!(hook(&server).await.get("retries").is_none());
    let update = |retries: Option<&'static str>| {
        let (server, key) = (&server, &key);
        async move {
            let mut form = vec![
                ("webhook", key.as_str()),
                ("name", "ci"),
                ("url", "https://hooks.example/"),
            ];
            form.extend(retries.map(|retries| ("retries", retries)));
            server.did("api/webhooks/update", &form).await;
            hook(server).await.get("retries").cloned()
        }
    };
    assert_eq!(update(Some("false")).await, Some(json!(false)));
    assert_eq!(update(None).await, Some(json!(false)), "what is not given stays");
    assert_eq!(update(Some("")).await, None);

    let set = |key: &'static str, value: &'static str| {
        let server = &server;
        async move {
            server
                .post("api/settings/set", &[("key", key), ("value", value)], &As::Admin)
                .await
        }
    };
    assert_eq!(set("gatehook.webhooks.retries", "false").await.status, 204);
    assert_eq!(set("gatehook.webhooks.retries", "never").await.status, 400);
    assert_eq!(set("gatehook.webhooks.retrySchedule", "1s,5m,2h").await.status, 204);
    for wrong in ["5", "0s", "1s,,2s", "400d"] {
        assert_eq!(
            set("gatehook.webhooks.retrySchedule", wrong).await.status,
            400,
            "{wrong}"
        );
    }
}

#[tokio::test]
async fn only_who_administers_the_project_or_the_system_has_calls_made_again() {
    let server = TestServer::start().await;
    let of_project = with_a_webhook(&server).await;
    let global = new_webhook(&server, "").await;
    let about_project = owe(&server, &of_project).await;
    for (login, name) in [("dev", "Dev"), ("lead", "Lead")] {
        server
            .did(
                "api/users/create",
                &[("login", login), ("name", name), ("password", "hunter2 of mine")],
            )
            .await;
    }
    server
        .did(
            "api/permissions/add_user",
            &[("login", "lead"), ("permission", "admin"), ("projectKey", "p")],
        )
        .await;
    let user = |login: &str| As::Basic(login.to_owned(), "hunter2 of mine".to_owned());
    let callers = [
        ("anonymous", As::Anonymous),
        ("user", user("dev")),
        ("project admin", user("lead")),
        (
            "analysis token",
            server.token("scan", "GLOBAL_ANALYSIS_TOKEN", "").await,
        ),
        ("admin", As::Admin),
    ];
    let day = ("from", "2026-01-31");
    let mut table = String::new();
    for (name, who) in &callers {
        let mut row = format!("{name:<16}");
        for hook in [of_project.as_str(), global.as_str()] {
            for (path, form) in [
                ("pause", vec![("webhook", hook)]),
                ("resume", vec![("webhook", hook)]),
                ("redeliver_failed", vec![("webhook", hook)]),
                (
                    "redeliver_window",
                    vec![("webhook", hook), day, ("to", "2026-02-01"), ("dryRun", "true")],
                ),
            ] {
                let reply = server.post(&format!("api/webhooks/{path}"), &form, who).await;
                row.push(' ');
                row.push_str(&reply.status.to_string());
            }
            row.push_str("  ");
        }
        let again = server
            .post("api/webhooks/redeliver", &[("delivery", &about_project)], who)
            .await;
        let attempts = server
            .get(&format!("api/webhooks/attempts?delivery={about_project}"), who)
            .await;
        let metrics = server.get("api/monitoring/metrics", who).await;
        let health = server.get("api/system/health", who).await;
        let rest = [again.status, attempts.status, metrics.status, health.status];
        row.push_str(&rest.map(|status| format!(" {status}")).concat());
        table.push_str(&row);
        table.push('\n');
    }
    // Columns, for the project's webhook and then for the global one: pause, resume, failed, window; then redeliver one,
    // attempts, metrics, health.
    assert_eq!(
        table,
        "\
anonymous        401 401 401 401   401 401 401 401   401 401 401 401
user             403 403 403 403   403 403 403 403   403 403 403 403
project admin    204 204 200 200   403 403 403 403   200 200 403 403
analysis token   403 403 403 403   403 403 403 403   403 403 403 403
admin            204 204 200 200   204 204 200 200   200 200 200 200
"
    );
    let unknown = server.post("api/webhooks/pause", &[("webhook", "x")], &As::Admin).await;
    assert_eq!(
        (unknown.status, unknown.errors().as_str()),
        (404, "No webhook with key 'x'")
    );
}

#[tokio::test]
async fn a_webhook_that_fails_for_long_or_a_late_call_makes_the_health_yellow() {
    let server = TestServer::start().await;
    let key = with_a_webhook(&server).await;
    let health = || async { server.get("api/system/health", &As::Admin).await.json() };
    let green = json!({"health": "GREEN", "causes": []});
    assert_eq!(health().await, green);
    owe(&server, &key).await;
    server.test.clock.advance(Duration::from_hours(24));
    let tomorrow = server.test.store.ambient().now();
    assert_eq!(
        health().await["causes"],
        json!([{"message": "A webhook call is 1440 minutes late"}])
    );
    call(&server, 410, Outcome::RetryAt(tomorrow.plus(Duration::from_hours(3)))).await;
    assert_eq!(health().await, green, "a first failure is no reason for alarm yet");
    let shown = hook(&server).await;
    assert_eq!(
        (&shown["failures"], &shown["failingSince"], &shown["gone"]),
        (&json!(1), &json!("2026-02-01T10:34:21+0000"), &json!(true))
    );
    assert_eq!(shown["latestDelivery"]["nextAttemptAt"], "2026-02-01T13:34:21+0000");
    server.test.clock.advance(Duration::from_hours(2));
    let yellow = health().await;
    assert_eq!(
        yellow,
        json!({"health": "YELLOW", "causes": [{"message": "The webhook 'ci' to https://**:*******@hooks.example/ has failed \
            since 2026-02-01T10:34:21+0000; its receiver says that it is gone for good"}]})
    );
    let second = server.get("api/v2/system/health", &As::Admin).await.json();
    assert_eq!(
        (&second["status"], &second["causes"][0]),
        (&json!("YELLOW"), &yellow["causes"][0]["message"])
    );
    server.did("api/webhooks/pause", &[("webhook", &key)]).await;
    assert_eq!(health().await, green, "what is paused was seen to");
    server.did("api/webhooks/resume", &[("webhook", &key)]).await;
    assert_eq!(health().await["health"], "YELLOW");
    let form = [
        ("webhook", key.as_str()),
        ("name", "ci"),
        ("url", "https://hooks.example/new"),
    ];
    server.did("api/webhooks/update", &form).await;
    assert_eq!(health().await, green, "the new URL has not failed");
    assert_eq!(hook(&server).await["gone"], json!(false));
    let kept = server.get("api/settings/values", &As::Admin).await;
    assert!(!kept.text.contains("gatehook.health"), "{}", kept.text);
}

#[tokio::test]
async fn numbers_for_prometheus_can_be_read_by_it() {
    let server = TestServer::start().await;
    let key = with_a_webhook(&server).await;
    owe(&server, &key).await;
    owe(&server, &key).await;
    server.counters.count(Outcome::Delivered);
    server.test.clock.advance(Duration::from_secs(90));
    let reply = server.get("api/monitoring/metrics", &As::Admin).await;
    assert_eq!(
        (reply.status, reply.header("content-type")),
        (200, "text/plain; version=0.0.4; charset=utf-8")
    );
    let mut typed = Vec::new();
    let mut seen = Vec::new();
    for line in reply.text.lines() {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap();
            assert!(matches!(kind, "gauge" | "counter"), "{line}");
            assert!(!typed.contains(&name), "one type each: {line}");
            typed.push(name);
        } else if let Some(rest) = line.strip_prefix("# HELP ") {
            assert!(rest.split_once(' ').is_some(), "{line}");
        } else {
            let (series, value) = line.rsplit_once(' ').unwrap();
            assert!(value.parse::<f64>().is_ok_and(f64::is_finite), "{line}");
            let (name, labels) = series.split_once('{').unwrap_or((series, "x=\"\"}"));
            assert_eq!(typed.last(), Some(&name), "samples follow their type: {line}");
            assert!(labels.ends_with("\"}") && labels.matches('"').count() == 2, "{line}");
            assert!(!seen.contains(&series), "{line}");
            seen.push(series);
        }
    }
    assert!(reply.text.ends_with('\n'));
    for line in [
        "gatehook_webhook_backlog 2",
        "gatehook_webhook_overdue_seconds 90",
        "gatehook_webhook_deliveries_total{outcome=\"delivered\"} 1",
        "gatehook_tasks_pending 0",
    ] {
        assert!(reply.text.lines().any(|one| one == line), "{line}:\n{}", reply.text);
    }
}

#[tokio::test]
async fn pages_say_which_webhooks_have_failed_for_an_hour() {
    let server = TestServer::start().await;
    let own = with_a_webhook(&server).await;
    let form = [("name", "ops"), ("url", "https://ops.example/")];
    let made = server.did("api/webhooks/create", &form).await;
    let global = made.json()["webhook"]["key"].as_str().unwrap().to_owned();
    owe(&server, &own).await;
    owe(&server, &global).await;
    let later = server.test.store.ambient().now().plus(Duration::from_hours(3));
    assert_eq!(call(&server, 500, Outcome::RetryAt(later)).await, 2);
    let text = async |page: &str| server.get(page, &As::Admin).await.text;
    let (fails, banner) = (
        "fails since 2026-01-31 10:34 UTC (1 call in a row)",
        "have failed for an hour or longer",
    );
    for page in ["admin/webhooks", "project/webhooks?id=p"] {
        assert!(text(page).await.contains(fails), "{page}: {}", text(page).await);
    }
    server.test.clock.advance(Duration::from_mins(59));
    assert!(!text("dashboard?id=p").await.contains(banner));
    server.test.clock.advance(Duration::from_mins(1));
    let dashboard = text("dashboard?id=p").await;
    assert!(
        dashboard.contains(&format!("a webhook of this project {banner}")),
        "{dashboard}"
    );
}

#[tokio::test]
async fn the_log_says_how_many_calls_a_deleted_webhook_was_owed() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    let _logging = tracing::subscriber::set_default(subscriber);
    // While there is only one subscriber, what a thread without it comes to first is switched off for all.
    let _other = tracing::Dispatch::new(tracing_subscriber::registry());
    let server = TestServer::start().await;
    let key = with_a_webhook(&server).await;
    for _ in 0..3 {
        owe(&server, &key).await;
    }
    server.did("api/webhooks/delete", &[("webhook", &key)]).await;
    let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    let line = text
        .lines()
        .find(|line| line.contains("a webhook was deleted"))
        .unwrap();
    assert!(line.contains("owed=3") && line.contains(&key), "{line}");
}
