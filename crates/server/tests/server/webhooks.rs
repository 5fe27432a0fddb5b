//! `api/webhooks/*` as clients made for SonarQube know it: what is answered, who may ask, and what is looked at first.

use std::fmt::Write as _;
use std::sync::atomic::Ordering;
use std::time::Duration;

use gatehook_domain::id::WebhookId;
use gatehook_store::delivery::Outcome;
use gatehook_store::webhook;
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};

use crate::calls::{PAYLOAD, call, fail, owe, owe_about, owe_payload};
use crate::support::{As, PASSWORD, TestServer};

const HOOK: &str = "https://hooks.example/in";
const FORBIDDEN: &str = "Insufficient privileges";
const NOT_ALLOWED: &str = "Invalid URL: loopback, wildcard, link-local, site-local, multicast, cloud metadata addresses and \
                           addresses of the SonarQube server itself are not allowed for webhooks.";

/// Makes projects.
async fn with_projects(server: &TestServer, keys: &[&str]) {
    for key in keys {
        let form = [("project", *key), ("name", *key), ("visibility", "private")];
        server.did("api/projects/create", &form).await;
    }
}

/// Makes a webhook of a project, or a global one; answers its key.
async fn made(server: &TestServer, project: &str, name: &str, url: &str) -> String {
    let form = [("project", project), ("name", name), ("url", url)];
    let made = server.did("api/webhooks/create", &form).await.json();
    made["webhook"]["key"].as_str().unwrap().to_owned()
}

/// A new user who administers some projects.
async fn user(server: &TestServer, login: &str, projects: &[&str]) -> As {
    let form = [("login", login), ("name", login), ("password", PASSWORD)];
    server.did("api/users/create", &form).await;
    for project in projects {
        administers(server, login, project).await;
    }
    As::Basic(login.to_owned(), PASSWORD.to_owned())
}

async fn administers(server: &TestServer, login: &str, project: &str) {
    let form = [("login", login), ("permission", "admin"), ("projectKey", project)];
    server.did("api/permissions/add_user", &form).await;
}

/// Posts a form; answers the status and the errors.
async fn said(server: &TestServer, action: &str, form: &[(&str, &str)], who: &As) -> (u16, String) {
    let reply = server.post(&format!("api/webhooks/{action}"), form, who).await;
    let errors = if reply.status < 300 {
        String::new()
    } else {
        reply.errors()
    };
    (reply.status, errors)
}

fn refused(status: u16, text: &str) -> (u16, String) {
    (status, text.to_owned())
}

/// A task of a project that waits.
async fn submitted(server: &TestServer, project: &str) -> String {
    let part = reqwest::multipart::Part::bytes(b"PK".to_vec()).file_name("report.zip");
    let form = reqwest::multipart::Form::new().part("report", part);
    let path = format!("api/ce/submit?projectKey={project}");
    let request = server.request("POST", &path, &As::Admin).multipart(form);
    let reply = server.send(request).await.json();
    reply["taskId"].as_str().unwrap().to_owned()
}

/// What `deliveries` answers to the administrator.
async fn deliveries(server: &TestServer, query: &str) -> Value {
    let path = format!("api/webhooks/deliveries?{query}");
    server.get(&path, &As::Admin).await.json()
}

async fn names(server: &TestServer, query: &str) -> Vec<String> {
    let list = server
        .get(&format!("api/webhooks/list{query}"), &As::Admin)
        .await
        .json();
    let hooks = list["webhooks"].as_array().unwrap().iter();
    hooks.map(|hook| hook["name"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_call_is_shown_with_all_that_is_known_of_it_and_nothing_else() {
    let server = TestServer::start().await;
    with_projects(&server, &["p"]).await;
    let key = made(&server, "p", "ci", "https://me:hunter2@hooks.example/").await;
    let task = submitted(&server, "p").await;
    let answered = owe_about(&server, &key, "p", Some(&task)).await;
    assert_eq!(call(&server, 200, Outcome::Delivered).await, 1);
    server.test.clock.advance(Duration::from_hours(1));
    let unanswered = owe(&server, &key).await;
    assert_eq!(fail(&server, "connection refused").await, 1);
    server.test.clock.advance(Duration::from_hours(1));
    let owed = owe(&server, &key).await;
    // What is shown is what the webhook was called when it happened.
    let renamed = [("webhook", key.as_str()), ("name", "other"), ("url", HOOK)];
    server.did("api/webhooks/update", &renamed).await;

    let url = "https://**:*******@hooks.example/";
    let answered = json!({
        "id": answered, "componentKey": "p", "ceTaskId": task, "name": "ci", "url": url,
        "at": "2026-01-31T10:34:21+0000", "success": true, "httpStatus": 200, "durationMs": 7,
        "status": "DELIVERED", "attempts": 1,
    });
    let unanswered = json!({
        "id": unanswered, "componentKey": "p", "name": "ci", "url": url,
        "at": "2026-01-31T11:34:21+0000", "success": false, "durationMs": 7,
        "status": "FAILED", "attempts": 1,
    });
    let owed = json!({
        "id": owed, "componentKey": "p", "name": "ci", "url": url,
        "at": "2026-01-31T12:34:21+0000", "success": false, "durationMs": 0,
        "status": "PENDING", "attempts": 0, "nextAttemptAt": "2026-01-31T12:34:21+0000",
    });
    let page = |rows: Value| {
        let total = rows.as_array().map(Vec::len);
        json!({"paging": {"pageIndex": 1, "pageSize": 10, "total": total}, "deliveries": rows})
    };
    let all = page(json!([owed, unanswered, answered]));
    assert_eq!(
        deliveries(&server, &format!("webhook={key}")).await,
        all,
        "newest first"
    );
    assert_eq!(deliveries(&server, "componentKey=p").await, all);
    let of_task = format!("ceTaskId={task}");
    assert_eq!(deliveries(&server, &of_task).await, page(json!([answered])));

    let all_three = format!("webhook={key}&componentKey=none&ceTaskId=none");
    assert_eq!(deliveries(&server, &all_three).await, all, "the webhook counts");
    let unnamed = server.get("api/webhooks/delivery?deliveryId=", &As::Admin).await;
    assert_eq!(
        (unnamed.status, unnamed.errors()),
        refused(400, "The 'deliveryId' parameter is missing")
    );

    for (row, why) in [(answered, None), (unanswered, Some("connection refused")), (owed, None)] {
        let path = format!("api/webhooks/delivery?deliveryId={}", row["id"].as_str().unwrap());
        let mut expected = row;
        expected["payload"] = PAYLOAD.into();
        if let Some(why) = why {
            expected["errorStacktrace"] = why.into();
        }
        assert_eq!(
            server.get(&path, &As::Admin).await.json(),
            json!({"delivery": expected})
        );
    }
}

#[tokio::test]
async fn deliveries_come_in_pages_of_ten() {
    let server = TestServer::start().await;
    with_projects(&server, &["p"]).await;
    let key = made(&server, "p", "ci", HOOK).await;
    let mut ids = Vec::new();
    for _ in 0..11 {
        ids.push(owe(&server, &key).await);
        server.test.clock.advance(Duration::from_secs(1));
    }
    ids.reverse();
    let shown = async |query: &str| {
        let page = deliveries(&server, &format!("webhook={key}&{query}")).await;
        let rows = page["deliveries"].as_array().unwrap().iter();
        let ids: Vec<String> = rows.map(|row| row["id"].as_str().unwrap().to_owned()).collect();
        (page["paging"].clone(), ids)
    };
    let (paging, first) = shown("").await;
    assert_eq!(paging, json!({"pageIndex": 1, "pageSize": 10, "total": 11}));
    assert_eq!(first, ids[..10]);
    assert_eq!(shown("p=2").await.1, ids[10..]);
    assert_eq!(shown("p=3&ps=4").await.1, ids[8..]);
    for (query, text) in [
        ("p=0", "page index must be >= 1"),
        ("ps=0", "page size must be >= 1"),
        ("ps=501", "'ps' value (501) must be less than 500"),
    ] {
        let path = format!("api/webhooks/deliveries?webhook={key}&{query}");
        let reply = server.get(&path, &As::Admin).await;
        assert_eq!((reply.status, reply.errors()), refused(400, text));
    }
}

#[tokio::test]
async fn a_webhook_is_listed_with_its_latest_call_of_any_project() {
    let server = TestServer::start().await;
    with_projects(&server, &["p", "q"]).await;
    let form = [("name", "all"), ("url", HOOK), ("secret", "hunter2-01234567")];
    let answer = server.did("api/webhooks/create", &form).await.json();
    let key = answer["webhook"]["key"].as_str().unwrap().to_owned();
    let mut hook = json!({
        "key": key, "name": "all", "url": HOOK, "hasSecret": true,
        "onlyGateChanges": false, "standardWebhooks": false, "skipTlsVerification": false,
        "format": "sonarqube", "hasFormatToken": false,
    });
    assert_eq!(answer, json!({"webhook": hook}));
    let listed = async || server.get("api/webhooks/list", &As::Admin).await.json();
    for (name, value) in [("paused", json!(false)), ("failures", json!(0)), ("gone", json!(false))] {
        hook[name] = value;
    }
    assert_eq!(listed().await, json!({"webhooks": [hook]}), "no call, no latest call");

    let latest = async || listed().await["webhooks"][0]["latestDelivery"].clone();
    let about_p = owe(&server, &key).await;
    fail(&server, "timed out after 10 s").await;
    assert_eq!(
        latest().await,
        json!({"id": about_p, "at": "2026-01-31T10:34:21+0000", "success": false, "durationMs": 7, "status": "FAILED"}),
        "nobody answered, so there is no status"
    );
    server.test.clock.advance(Duration::from_hours(1));
    let about_q = owe_about(&server, &key, "q", None).await;
    call(&server, 204, Outcome::Delivered).await;
    assert_eq!(
        latest().await,
        json!({"id": about_q, "at": "2026-01-31T11:34:21+0000", "success": true, "httpStatus": 204, "durationMs": 7,
            "status": "DELIVERED"})
    );
    let rows = deliveries(&server, &format!("webhook={key}")).await["deliveries"].clone();
    assert_eq!(
        [&rows[0]["componentKey"], &rows[1]["componentKey"]],
        ["q", "p"],
        "each call tells its project"
    );
    // Made again later, the older call is still the older one.
    server.test.clock.advance(Duration::from_hours(1));
    server.did("api/webhooks/redeliver", &[("delivery", &about_p)]).await;
    call(&server, 200, Outcome::Delivered).await;
    assert_eq!(latest().await["id"], json!(about_q));
}

#[tokio::test]
async fn webhooks_of_one_level_are_listed_by_name_and_stay_on_their_level() {
    let server = TestServer::start().await;
    with_projects(&server, &["p", "q"]).await;
    let global = made(&server, "", "b", HOOK).await;
    for (project, name) in [("", "a"), ("p", "d"), ("p", "c"), ("p", "c"), ("q", "e")] {
        made(&server, project, name, HOOK).await;
    }
    assert_eq!(names(&server, "").await, ["a", "b"]);
    assert_eq!(
        names(&server, "?project=p").await,
        ["c", "c", "d"],
        "neither names nor URLs are unique"
    );
    assert_eq!(names(&server, "?project=").await, ["a", "b"], "a blank project is none");
    let moved = [
        ("webhook", global.as_str()),
        ("name", "z"),
        ("url", HOOK),
        ("project", "p"),
    ];
    server.did("api/webhooks/update", &moved).await;
    assert_eq!(names(&server, "").await, ["a", "z"]);
    assert_eq!(names(&server, "?project=p").await, ["c", "c", "d"]);
}

#[tokio::test]
async fn who_administers_the_project_or_the_system_may_and_others_may_not() {
    let server = TestServer::start().await;
    with_projects(&server, &["p", "q"]).await;
    let own = made(&server, "p", "own", HOOK).await;
    let global = made(&server, "", "global", HOOK).await;
    let about_own = owe(&server, &own).await;
    let about_q = owe_about(&server, &global, "q", None).await;
    server.test.clock.advance(Duration::from_secs(1));
    owe(&server, &global).await;
    let lead = user(&server, "lead", &["p"]).await;
    let token = server.token("scan", "GLOBAL_ANALYSIS_TOKEN", "").await;
    let callers = [
        ("anonymous", As::Anonymous),
        ("user", user(&server, "dev", &[]).await),
        ("project admin", lead.clone()),
        ("analysis token", token),
        ("admin", As::Admin),
        ("system only", user(&server, "root", &[]).await),
    ];
    let of_system = [("login", "root"), ("permission", "admin")];
    server.did("api/permissions/add_user", &of_system).await;
    let task = submitted(&server, "p").await;
    owe_about(&server, &own, "p", Some(&task)).await;
    let mut table = String::new();
    for (name, who) in &callers {
        let doomed = [
            made(&server, "p", "doomed", HOOK).await,
            made(&server, "", "doomed", HOOK).await,
        ];
        let mut statuses = Vec::new();
        let new = [("name", "new"), ("url", HOOK)];
        for scope in [&[("project", "p")][..], &[]] {
            let form = [&new[..], scope].concat();
            statuses.push(server.post("api/webhooks/create", &form, who).await.status);
        }
        for key in [&own, &global] {
            let form = [("webhook", key.as_str()), ("name", "n"), ("url", HOOK)];
            statuses.push(server.post("api/webhooks/update", &form, who).await.status);
        }
        for path in [
            "list?project=p",
            "list",
            &format!("deliveries?webhook={own}"),
            &format!("deliveries?webhook={global}"),
            "deliveries?componentKey=p",
            "deliveries?componentKey=q",
            &format!("delivery?deliveryId={about_own}"),
            &format!("delivery?deliveryId={about_q}"),
            &format!("deliveries?ceTaskId={task}"),
        ] {
            statuses.push(server.get(&format!("api/webhooks/{path}"), who).await.status);
        }
        for key in doomed {
            let form = [("webhook", key.as_str())];
            statuses.push(server.post("api/webhooks/delete", &form, who).await.status);
        }
        write!(table, "{name:<14}").unwrap();
        for status in statuses {
            write!(table, " {status}").unwrap();
        }
        table.push('\n');
    }
    // Columns, of p or its webhook and then of the system, the global webhook or q: create, update, list, deliveries of the
    // webhook, deliveries about the project, delivery; deliveries of a task of p; delete.
    assert_eq!(
        table,
        "\
anonymous      401 401 401 401 401 401 401 401 401 401 401 401 401 401 401
user           403 403 403 403 403 403 403 403 403 403 403 403 403 403 403
project admin  200 403 204 403 200 403 200 403 200 403 200 403 200 204 403
analysis token 403 403 403 403 403 403 403 403 403 403 403 403 403 403 403
admin          200 200 204 204 200 200 200 200 200 200 200 200 200 204 204
system only    403 200 403 204 403 200 403 403 403 403 403 403 403 403 204
"
    );
    // Of a global webhook's calls each page is for those who administer all projects on it.
    let page = async |size: &str| {
        let path = format!("api/webhooks/deliveries?webhook={global}&ps={size}");
        server.get(&path, &lead).await.status
    };
    assert_eq!((page("1").await, page("2").await), (200, 403));
    administers(&server, "lead", "q").await;
    assert_eq!(page("2").await, 200);
}

#[tokio::test]
async fn that_something_is_not_there_is_told_to_everybody_and_that_a_task_made_no_calls_is_not() {
    let server = TestServer::start().await;
    with_projects(&server, &["p"]).await;
    let lead = user(&server, "lead", &["p"]).await;
    let bob = user(&server, "bob", &[]).await;
    for (path, status, text) in [
        ("list?project=none", 404, "Project 'none' not found"),
        ("list?project=p", 403, FORBIDDEN),
        ("deliveries?componentKey=none", 404, "Component key 'none' not found"),
        ("deliveries?componentKey=p", 403, FORBIDDEN),
        ("delivery?deliveryId=none", 404, "Webhook delivery not found"),
    ] {
        let reply = server.get(&format!("api/webhooks/{path}"), &bob).await;
        assert_eq!((reply.status, reply.errors()), refused(status, text), "{path}");
    }
    assert_eq!(
        said(&server, "delete", &[("webhook", "none")], &bob).await,
        refused(404, "No webhook with key 'none'")
    );
    let task = submitted(&server, "p").await;
    let path = format!("api/webhooks/deliveries?ceTaskId={task}");
    assert_eq!(server.get(&path, &bob).await.status, 403);
    let seen = server.get(&path, &lead).await;
    assert_eq!(
        (seen.status, seen.json()["deliveries"].clone()),
        (200, json!([])),
        "who administers the project may know"
    );
}

#[tokio::test]
async fn a_payload_of_any_length_and_script_is_shown_whole() {
    let server = TestServer::start().await;
    with_projects(&server, &["p"]).await;
    let key = made(&server, "p", "ci", HOOK).await;
    let scripts = "Grün, ключ, プロジェクト, פרויקט, 🏳️‍🌈, \u{2028}, \u{7f}, <a href='&amp;'>, \\ \" / =";
    let payload = json!({"properties": {"sonar.analysis.x": scripts.repeat(2_000)}}).to_string();
    assert!(payload.len() > 128 * 1024, "{}", payload.len());
    let id = owe_payload(&server, &key, "p", None, &payload).await;
    let path = format!("api/webhooks/delivery?deliveryId={id}");
    let shown = server.get(&path, &As::Admin).await.json()["delivery"]["payload"].clone();
    assert!(
        shown == json!(payload),
        "{} characters",
        shown.as_str().map_or(0, str::len)
    );
}

#[tokio::test]
async fn clients_are_told_since_when_there_are_webhooks() {
    let server = TestServer::start().await;
    let list = server.get("api/webservices/list", &As::Admin).await.json();
    let controllers = list["webServices"].as_array().unwrap();
    let webhooks = controllers.iter().find(|one| one["path"] == "api/webhooks").unwrap();
    let actions = webhooks["actions"].as_array().unwrap();
    for (key, since, is_post) in [
        ("create", "7.1", true),
        ("update", "7.1", true),
        ("delete", "7.1", true),
        ("list", "7.1", false),
        ("deliveries", "6.2", false),
        ("delivery", "6.2", false),
    ] {
        let action = actions.iter().find(|one| one["key"] == key).unwrap();
        assert_eq!(
            (&action["since"], &action["post"], &action["internal"]),
            (&json!(since), &json!(is_post), &json!(false)),
            "{key}"
        );
        assert_eq!(action["changelog"], json!([]), "{key}");
    }
}

#[tokio::test]
async fn a_secret_has_16_to_200_characters() {
    let server = TestServer::start().await;
    let secret = |count: usize| format!("hunter2{}", "ü".repeat(count - "hunter2".len()));
    let key = made(&server, "", "n", HOOK).await;
    for (count, of_create, of_update) in [
        (
            15,
            "'secret' length (15) is shorter than the minimum authorized (16)",
            "Secret length must between 16 and 200 characters",
        ),
        (16, "", ""),
        (200, "", ""),
        (
            201,
            "'secret' length (201) is longer than the maximum authorized (200)",
            "'secret' length (201) is longer than the maximum authorized (200)",
        ),
    ] {
        let secret = secret(count);
        let (good, status) = if of_create.is_empty() { (200, 204) } else { (400, 400) };
        let form = [("name", "n"), ("url", HOOK), ("secret", secret.as_str())];
        assert_eq!(
            said(&server, "create", &form, &As::Admin).await,
            refused(good, of_create)
        );
        let form = [&form[..], &[("webhook", key.as_str())]].concat();
        assert_eq!(
            said(&server, "update", &form, &As::Admin).await,
            refused(status, of_update)
        );
        let id = WebhookId::parse(&key).unwrap();
        let kept = server.test.store.read(move |tx| webhook::by_id(tx, &id)).await;
        let kept = kept.unwrap().unwrap().secret;
        let is_kept = kept.is_some_and(|kept| kept.expose_secret() == secret);
        assert_eq!(is_kept, of_update.is_empty(), "{count}");
    }
}

#[tokio::test]
async fn a_url_whose_host_no_request_can_name_is_refused_and_quoted_without_credentials() {
    let server = TestServer::start().await;
    let key = made(&server, "", "n", HOOK).await;
    for (host, status) in [
        ("a{b}.example", 400),
        ("a`b.example", 400),
        ("a!b.example", 400),
        ("a_b.example", 200),
        ("größe.example", 200),
    ] {
        let url = format!("https://me:hunter2@{host}/in");
        let text = if status == 200 {
            String::new()
        } else {
            format!(
                "Url parameter with value 'https://**:*******@{host}/in' is not a valid url: the name of a host is made of \
                 letters, digits, '.', '-' and '_', at most 63 of them between two dots"
            )
        };
        let form = [("name", "n"), ("url", url.as_str()), ("webhook", key.as_str())];
        assert_eq!(
            said(&server, "create", &form[..2], &As::Admin).await,
            (status, text.clone())
        );
        let updated = if status == 200 { 204 } else { status };
        assert_eq!(said(&server, "update", &form, &As::Admin).await, (updated, text));
    }
}

#[tokio::test]
async fn create_looks_at_parameters_then_the_project_the_right_the_url_and_the_limit() {
    let server = TestServer::start().await;
    with_projects(&server, &["p"]).await;
    let bob = user(&server, "bob", &[]).await;
    for _ in 0..10 {
        made(&server, "p", "n", HOOK).await;
    }
    let create = async |who: &As, project: &str, name: &str, url: &str| {
        let form = [("project", project), ("name", name), ("url", url)];
        said(&server, "create", &form, who).await
    };
    assert_eq!(
        create(&bob, "none", " ", "bad").await,
        refused(400, "The 'name' parameter is missing")
    );
    assert_eq!(
        create(&bob, "none", "n", "").await,
        refused(400, "The 'url' parameter is missing")
    );
    assert_eq!(
        create(&bob, "none", "n", "bad").await,
        refused(404, "Project 'none' not found")
    );
    assert_eq!(create(&bob, "p", "n", "bad").await, refused(403, FORBIDDEN));
    assert_eq!(create(&bob, "", "n", "bad").await, refused(403, FORBIDDEN));
    assert_eq!(
        create(&As::Admin, "p", "n", "bad").await,
        refused(400, "Url parameter with value 'bad' is not a valid url")
    );
    assert_eq!(
        create(&As::Admin, "p", "n", "http://127.0.0.1/").await,
        refused(400, NOT_ALLOWED)
    );
    assert_eq!(
        create(&As::Admin, "p", "n", HOOK).await,
        refused(400, "Maximum number of webhook reached for project 'p'")
    );
}

#[tokio::test]
async fn update_looks_at_parameters_the_secret_the_url_the_webhook_and_the_right() {
    let server = TestServer::start().await;
    let key = made(&server, "", "n", HOOK).await;
    let bob = user(&server, "bob", &[]).await;
    for (missing, form) in [
        ("name", &[("webhook", "none"), ("url", HOOK)][..]),
        ("url", &[("webhook", "none"), ("name", "n")]),
    ] {
        let text = format!("The '{missing}' parameter is missing");
        assert_eq!(said(&server, "update", form, &bob).await, (400, text));
    }
    let update = async |who: &As, key: &str, url: &str, secret: &str| {
        let form = [("webhook", key), ("name", "n"), ("url", url), ("secret", secret)];
        said(&server, "update", &form, who).await
    };
    let (short, good) = ("hunter2", "hunter2-01234567");
    assert_eq!(
        update(&bob, "", "bad", short).await,
        refused(400, "The 'webhook' parameter is missing")
    );
    assert_eq!(
        update(&bob, "none", "bad", short).await,
        refused(400, "Secret length must between 16 and 200 characters")
    );
    assert_eq!(
        update(&bob, "none", "bad", good).await,
        refused(400, "Url parameter with value 'bad' is not a valid url")
    );
    assert_eq!(
        update(&bob, "none", HOOK, good).await,
        refused(404, "No webhook with key 'none'")
    );
    assert_eq!(update(&bob, &key, HOOK, good).await, refused(403, FORBIDDEN));
    assert_eq!(
        update(&As::Admin, &key, "http://127.0.0.1/", good).await,
        refused(400, NOT_ALLOWED)
    );
    let listed = server.get("api/webhooks/list", &As::Admin).await.json();
    assert_eq!(listed["webhooks"][0]["hasSecret"], json!(false), "nothing was changed");
    let form = [
        ("webhook", key.as_str()),
        ("name", "n"),
        ("url", HOOK),
        ("secret", good),
    ];
    let changed = server.post("api/webhooks/update", &form, &As::Admin).await;
    assert_eq!((changed.status, changed.text.as_str()), (204, ""));
    // What signs from now on.
    let kept = async || {
        let id = WebhookId::parse(&key).unwrap();
        let read = move |tx: &mut gatehook_store::Tx<'_>| webhook::by_id(tx, &id);
        let kept = server.test.store.read(read).await.unwrap().unwrap();
        kept.secret.map(|secret| secret.expose_secret().to_owned())
    };
    assert_eq!(kept().await.as_deref(), Some(good));
    let other = "hunter2-abcdefghi";
    assert_eq!(update(&As::Admin, &key, HOOK, other).await, refused(204, ""));
    assert_eq!(kept().await.as_deref(), Some(other), "replaced");
    assert_eq!(update(&As::Admin, &key, HOOK, "   ").await, refused(204, ""));
    assert_eq!(kept().await, None, "blanks take it away");
    for (name, most) in [("name", 100), ("url", 512), ("secret", 200)] {
        let long = format!("{HOOK}hunter2{}", "x".repeat(most + 1 - HOOK.len() - 7));
        let form = [("webhook", key.as_str()), ("name", "n"), ("url", HOOK)];
        let mut form: Vec<_> = form.into_iter().filter(|(given, _)| *given != name).collect();
        form.push((name, &long));
        let text = format!(
            "'{name}' length ({}) is longer than the maximum authorized ({most})",
            most + 1
        );
        assert_eq!(said(&server, "update", &form, &As::Admin).await, (400, text));
    }
}

#[tokio::test]
async fn there_are_ten_webhooks_of_each_project_and_ten_global_ones() {
    let server = TestServer::start().await;
    with_projects(&server, &["p", "q"]).await;
    let create = async |project: &str| {
        let form = [("project", project), ("name", "n"), ("url", HOOK)];
        said(&server, "create", &form, &As::Admin).await
    };
    let last = made(&server, "p", "n", HOOK).await;
    for _ in 0..9 {
        made(&server, "p", "n", HOOK).await;
    }
    let full = refused(400, "Maximum number of webhook reached for project 'p'");
    assert_eq!(create("p").await, full);
    assert_eq!(create("q").await.0, 200, "each project has its own");
    for _ in 0..10 {
        made(&server, "", "n", HOOK).await;
    }
    assert_eq!(
        create("").await,
        refused(400, "Maximum number of global webhooks reached")
    );
    assert_eq!(create("q").await.0, 200);
    let form = [("webhook", last.as_str()), ("name", "changed"), ("url", HOOK)];
    assert_eq!(
        said(&server, "update", &form, &As::Admin).await.0,
        204,
        "that makes no more"
    );
    server.did("api/webhooks/delete", &[("webhook", &last)]).await;
    assert_eq!(create("p").await.0, 200);
    assert_eq!(create("p").await, full);
}

#[tokio::test]
async fn keys_are_as_long_as_they_may_be_and_no_longer() {
    let server = TestServer::start().await;
    let long = |count: usize| "k".repeat(count);
    for (action, name, most) in [
        ("create", "project", 400),
        ("update", "webhook", 40),
        ("delete", "webhook", 40),
    ] {
        let ask = async |key: &str| {
            let form = [(name, key), ("name", "n"), ("url", HOOK)];
            said(&server, action, &form, &As::Admin).await
        };
        assert_eq!(ask(&long(most)).await.0, 404, "{action}");
        let over = most + 1;
        let text = format!("'{name}' length ({over}) is longer than the maximum authorized ({most})");
        assert_eq!(ask(&long(over)).await, (400, text), "{action}");
    }
    let form = [("name", "n"), ("url", HOOK), ("secret", "hunter2        ")];
    assert_eq!(
        said(&server, "create", &form, &As::Admin).await,
        refused(400, "'secret' length (15) is shorter than the minimum authorized (16)")
    );
    // Lengths are those of what was sent, what is kept has no blanks around it.
    let name = format!(" {} ", "n".repeat(98));
    let form = [("name", name.as_str()), ("url", " https://hooks.example/in ")];
    let made = server.did("api/webhooks/create", &form).await.json()["webhook"].clone();
    assert_eq!((&made["name"], &made["url"]), (&json!(name.trim()), &json!(HOOK)));
    assert!((1..=40).contains(&made["key"].as_str().unwrap().len()));
    let longer = format!("{name} ");
    let form = [("name", longer.as_str()), ("url", HOOK)];
    assert_eq!(
        said(&server, "create", &form, &As::Admin).await,
        refused(400, "'name' length (101) is longer than the maximum authorized (100)")
    );
    let blanks = [("name", "n"), ("url", HOOK), ("secret", "                ")];
    let made = server.did("api/webhooks/create", &blanks).await.json();
    assert_eq!(made["webhook"]["hasSecret"], json!(false), "blanks are no secret");
}

#[tokio::test]
async fn a_deleted_webhook_takes_the_records_of_its_calls_along() {
    let server = TestServer::start().await;
    with_projects(&server, &["p"]).await;
    let (key, other) = (made(&server, "p", "a", HOOK).await, made(&server, "p", "b", HOOK).await);
    let gone = owe(&server, &key).await;
    let kept = owe(&server, &other).await;
    call(&server, 200, Outcome::Delivered).await;
    assert_eq!(deliveries(&server, "componentKey=p").await["paging"]["total"], 2);
    server.did("api/webhooks/delete", &[("webhook", &key)]).await;
    let left = deliveries(&server, "componentKey=p").await;
    assert_eq!(
        (&left["paging"]["total"], &left["deliveries"][0]["id"]),
        (&json!(1), &json!(kept))
    );
    let path = format!("api/webhooks/delivery?deliveryId={gone}");
    let missing = server.get(&path, &As::Admin).await;
    assert_eq!(
        (missing.status, missing.errors()),
        refused(404, "Webhook delivery not found")
    );
    assert_eq!(
        said(&server, "delete", &[], &As::Admin).await,
        refused(400, "The 'webhook' parameter is missing")
    );
    let again = said(&server, "delete", &[("webhook", &key)], &As::Admin).await;
    assert_eq!(again, (404, format!("No webhook with key '{key}'")));
}

#[tokio::test]
async fn credentials_are_masked_at_the_length_they_are_written_with() {
    let server = TestServer::start().await;
    for (url, shown) in [
        (
            "https://my%40hunter2:p%3Ass@h.example/",
            "https://************:******@h.example/",
        ),
        ("https://hunter2@h.example/a@b", "https://*******@h.example/a@b"),
        ("http://h.example/?user=me@h", "http://h.example/?user=me@h"),
    ] {
        let form = [("name", "n"), ("url", url)];
        let made = server.did("api/webhooks/create", &form).await.json()["webhook"].clone();
        assert_eq!(made["url"], shown);
        server
            .did("api/webhooks/delete", &[("webhook", made["key"].as_str().unwrap())])
            .await;
    }
    for bad in ["ftp://me:hunter2@h.example/", "https://me:hunter2@/"] {
        let form = [("name", "n"), ("url", bad)];
        let text = bad.replace("me:hunter2", "**:*******");
        assert_eq!(
            said(&server, "create", &form, &As::Admin).await,
            (400, format!("Url parameter with value '{text}' is not a valid url"))
        );
    }
}

#[tokio::test]
async fn a_server_that_cannot_list_its_own_addresses_takes_no_url_and_says_what_to_do() {
    let server = TestServer::start().await;
    let form = [("name", "n"), ("url", HOOK)];
    let guarded = async |value: &str| {
        let set = [("key", "sonar.validateWebhooks"), ("value", value)];
        server.did("api/settings/set", &set).await;
    };
    let told = "The server cannot list its own network interfaces, so it cannot check where the URL leads; its log tells why. \
                Until that is mended, webhooks can only be saved while the setting sonar.validateWebhooks is false, and then \
                they may call every address.";
    server.network.is_blind.store(true, Ordering::SeqCst);
    let reply = server.post("api/webhooks/create", &form, &As::Admin).await;
    assert_eq!((reply.status, reply.errors()), refused(500, told));
    assert!(reply.json()["requestId"].is_string(), "{}", reply.text);
    guarded("false").await;
    let made = server.did("api/webhooks/create", &form).await.json();
    let key = made["webhook"]["key"].as_str().unwrap();
    guarded("true").await;
    let form = [("webhook", key), ("name", "n"), ("url", HOOK)];
    assert_eq!(said(&server, "update", &form, &As::Admin).await, refused(500, told));
}
