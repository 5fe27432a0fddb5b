//! What webhooks can be asked for beyond SonarQube's, through the Web API.

use serde_json::{Value, json};

use crate::support::{As, PASSWORD, TestServer};

const HOOK: &str = "https://hooks.example/in";

async fn project(server: &TestServer) {
    server
        .did("api/projects/create", &[("project", "p"), ("name", "P")])
        .await;
}

async fn create(server: &TestServer, extra: &[(&str, &str)]) -> Value {
    let mut form = vec![("name", "ci"), ("url", HOOK)];
    form.extend_from_slice(extra);
    server.did("api/webhooks/create", &form).await.json()["webhook"].clone()
}

/// Changes a webhook; answers the status and the errors.
async fn update(server: &TestServer, key: &str, extra: &[(&str, &str)]) -> (u16, String) {
    let mut form = vec![("webhook", key), ("name", "ci")];
    if !extra.iter().any(|(name, _)| *name == "url") {
        form.push(("url", HOOK));
    }
    form.extend_from_slice(extra);
    let reply = server.post("api/webhooks/update", &form, &As::Admin).await;
    let errors = if reply.status == 204 {
        String::new()
    } else {
        reply.errors()
    };
    (reply.status, errors)
}

async fn listed(server: &TestServer, query: &str) -> Value {
    let list = server.get(&format!("api/webhooks/list{query}"), &As::Admin).await;
    assert!(!list.text.contains("hunter2"), "{}", list.text);
    list.json()["webhooks"][0].clone()
}

fn done() -> (u16, String) {
    (204, String::new())
}

#[tokio::test]
async fn a_webhook_says_what_it_wants_to_be_told_and_can_take_it_back() {
    let server = TestServer::start().await;
    let filter = [
        ("events", "gate.changed"),
        ("taskStatuses", "SUCCESS"),
        ("gateStatuses", "ERROR,NONE"),
        ("onlyGateChanges", "true"),
        ("branches", "main, release/*"),
        ("projects", "org.acme:*"),
    ];
    let made = create(&server, &filter).await;
    let wanted = json!({
        "events": ["gate.changed"], "taskStatuses": ["SUCCESS"], "gateStatuses": ["ERROR", "NONE"],
        "onlyGateChanges": true, "branches": ["main", "release/*"], "projects": ["org.acme:*"],
    });
    let shows = |hook: &Value, wanted: &Value| {
        for (name, value) in wanted.as_object().unwrap() {
            assert_eq!(&hook[name], value, "{name}");
        }
    };
    shows(&made, &wanted);
    let key = made["key"].as_str().unwrap();
    assert_eq!(update(&server, key, &[]).await, done());
    shows(&listed(&server, "").await, &wanted);
    let blank = filter.map(|(name, _)| (name, ""));
    assert_eq!(update(&server, key, &blank).await, done());
    shows(
        &listed(&server, "").await,
        &json!({
            "events": null, "taskStatuses": null, "gateStatuses": null, "onlyGateChanges": false, "branches": null,
            "projects": null,
        }),
    );
    let refused = async |name: &str, value: &str| update(&server, key, &[(name, value)]).await.1;
    assert_eq!(
        refused("events", "ping").await,
        "Value of parameter 'events' (ping) must be one of: [analysis.completed, gate.changed, webhook.failing, webhook.recovered]"
    );
    assert_eq!(
        refused("gateStatuses", "WARN").await,
        "Value of parameter 'gateStatuses' (WARN) must be one of: [OK, ERROR, NONE]"
    );
    let long = "x".repeat(401);
    assert!(
        refused("branches", &long)
            .await
            .starts_with("'branches': a pattern has 1 to 400")
    );
    project(&server).await;
    let form = [("project", "p"), ("name", "n"), ("url", HOOK), ("projects", "*")];
    let own = server.post("api/webhooks/create", &form, &As::Admin).await;
    assert_eq!(
        (own.status, own.errors().as_str()),
        (
            400,
            "'projects' is for global webhooks: this one is told about its own project only"
        )
    );
}

#[tokio::test]
async fn headers_are_kept_by_name_and_their_values_never_shown() {
    let server = TestServer::start().await;
    let made = create(&server, &[("headers", "X-Key: hunter2\nAuthorization: Bearer hunter2")]).await;
    assert_eq!(made["headers"], json!(["X-Key", "Authorization"]));
    assert!(!made.to_string().contains("hunter2"));
    let key = made["key"].as_str().unwrap();
    assert_eq!(
        update(&server, key, &[("headers", "x-key"), ("headers", "X-More: 1")]).await,
        done()
    );
    assert_eq!(listed(&server, "").await["headers"], json!(["X-Key", "X-More"]));
    let refused = async |value: &str| update(&server, key, &[("headers", value)]).await.1;
    assert_eq!(
        refused("Host: evil").await,
        "The header 'Host' is set by the server and cannot be added"
    );
    assert_eq!(refused("X-A: 1\nx-a: 2").await, "The header 'x-a' is given twice");
    let lonely = refused("hunter2").await;
    assert!(lonely.starts_with("A header is written as 'Name: value'") && !lonely.contains("hunter2"));
    assert_eq!(
        update(
            &server,
            key,
            &[
                ("headers", "Authorization: x"),
                ("url", "https://me:hunter2@hooks.example/")
            ]
        )
        .await
        .1,
        "The header 'Authorization' cannot be added while the URL has a user: that becomes this header"
    );
    assert_eq!(update(&server, key, &[("headers", "")]).await, done());
    assert_eq!(listed(&server, "").await["headers"], Value::Null);
}

#[tokio::test]
async fn a_masked_url_that_comes_back_keeps_the_credentials() {
    let server = TestServer::start().await;
    let made = create(&server, &[]).await;
    let key = made["key"].as_str().unwrap();
    let url = async |url: &str| update(&server, key, &[("url", url)]).await;
    assert_eq!(url("https://me:hunter2@hooks.example/in").await, done());
    let shown = listed(&server, "").await["url"].as_str().unwrap().to_owned();
    assert_eq!(shown, "https://**:*******@hooks.example/in");
    assert_eq!(url(&shown).await, done());
    assert_eq!(url("https://**:*******@hooks.example/out").await, done());
    let id = gatehook_domain::id::WebhookId::parse(key).unwrap();
    let kept = server
        .test
        .store
        .read(move |tx| gatehook_store::webhook::by_id(tx, &id))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(kept.url.expose(), "https://me:hunter2@hooks.example/out");
    assert_eq!(
        url("https://**:*******@evil.example/").await,
        (
            400,
            "The user and the password in the URL are masked; write them again when the host changes".to_owned()
        )
    );
}

#[tokio::test]
async fn a_secret_that_is_replaced_stays_valid_for_a_while() {
    let server = TestServer::start().await;
    let made = create(&server, &[("secret", "hunter2hunter2hunter2")]).await;
    let key = made["key"].as_str().unwrap();
    let rotate = [("secret", "hunter2-01234567"), ("secretGracePeriod", "12h")];
    assert_eq!(update(&server, key, &rotate).await, done());
    let until = listed(&server, "").await["previousSecretUntil"].clone();
    assert!(until.is_string());
    assert_eq!(update(&server, key, &rotate).await, done());
    assert_eq!(
        listed(&server, "").await["previousSecretUntil"],
        until,
        "the same form once more changes nothing"
    );
    server.test.clock.advance(std::time::Duration::from_hours(12));
    assert_eq!(listed(&server, "").await["previousSecretUntil"], Value::Null);
    assert_eq!(update(&server, key, &rotate[..1]).await, done());
    assert_eq!(
        update(&server, key, &rotate[1..]).await.1,
        "'secretGracePeriod' goes with a new 'secret'"
    );
    let long = [("secret", "hunter2-0123456X"), ("secretGracePeriod", "8d")];
    assert_eq!(
        update(&server, key, &long).await.1,
        "'secretGracePeriod' is a time such as 15m, 12h or 7d, and 7d is the longest"
    );
    assert_eq!(update(&server, key, &[("secret", "")]).await, done());
    let list = listed(&server, "").await;
    assert_eq!(
        (&list["hasSecret"], &list["previousSecretUntil"]),
        (&json!(false), &Value::Null)
    );
}

#[tokio::test]
async fn a_format_is_changed_part_by_part_and_its_token_never_shown() {
    let server = TestServer::start().await;
    let made = create(&server, &[("format", "github-status"), ("formatToken", "ghp_hunter2")]).await;
    assert_eq!(
        (&made["format"], &made["formatName"], &made["hasFormatToken"]),
        (&json!("github-status"), &json!("gatehook/quality-gate"), &json!(true))
    );
    assert!(!made.to_string().contains("hunter2"));
    let key = made["key"].as_str().unwrap();
    assert_eq!(update(&server, key, &[("formatName", "ci/gate")]).await, done());
    let list = listed(&server, "").await;
    assert_eq!(
        (&list["formatName"], &list["hasFormatToken"]),
        (&json!("ci/gate"), &json!(true))
    );
    let bad = [("format", "template"), ("formatTemplate", "{{ broken")];
    assert_eq!(update(&server, key, &bad).await.0, 400);
    assert_eq!(
        update(&server, key, &[("headers", "Authorization: x")]).await.1,
        "The header 'authorization' is set by the format 'github-status'"
    );
    assert_eq!(update(&server, key, &[("format", "slack")]).await, done());
    let list = listed(&server, "").await;
    assert_eq!(
        (&list["format"], &list["hasFormatToken"]),
        (&json!("slack"), &json!(false))
    );
    assert_eq!(update(&server, key, &[("format", "")]).await, done());
    assert_eq!(listed(&server, "").await["format"], "sonarqube");
}

#[tokio::test]
async fn a_webhook_that_checks_no_certificate_is_named_where_people_look() {
    let server = TestServer::start().await;
    let made = create(
        &server,
        &[("skipTlsVerification", "true"), ("standardWebhooks", "true")],
    )
    .await;
    assert_eq!(
        (&made["skipTlsVerification"], &made["standardWebhooks"]),
        (&json!(true), &json!(true))
    );
    let health = server.get("api/system/health", &As::Admin).await;
    assert!(
        health
            .text
            .contains("The webhook 'ci' to https://hooks.example/in does not check"),
        "{}",
        health.text
    );
    let key = made["key"].as_str().unwrap();
    assert_eq!(update(&server, key, &[("skipTlsVerification", "false")]).await, done());
    assert!(
        !server
            .get("api/system/health", &As::Admin)
            .await
            .text
            .contains("certificate")
    );
}

#[tokio::test]
async fn a_rate_that_would_be_none_is_refused() {
    let server = TestServer::start().await;
    let set = async |value: &str| {
        let form = [("key", "gatehook.webhooks.maxPerSecond"), ("value", value)];
        server.post("api/settings/set", &form, &As::Admin).await
    };
    for value in ["0.5", "-1", "10001", "many"] {
        let expected = format!("'{value}' is not a whole number from 0 to 10000");
        assert_eq!(set(value).await.errors(), expected);
    }
    for value in ["0", "1", "10000"] {
        assert_eq!(set(value).await.status, 204, "{value}");
    }
}

#[tokio::test]
async fn an_administrator_allows_more_webhooks() {
    let server = TestServer::start().await;
    project(&server).await;
    let set = async |key: &str, value: &str| {
        let form = [("key", key), ("value", value)];
        server.post("api/settings/set", &form, &As::Admin).await
    };
    assert_eq!(
        set("gatehook.webhooks.maxPerProject", "1001").await.errors(),
        "'1001' is not a whole number from 1 to 1000"
    );
    assert_eq!(set("gatehook.webhooks.maxPerProject", "1").await.status, 204);
    assert_eq!(set("gatehook.webhooks.maxGlobal", "2").await.status, 204);
    let made = async |extra: &[(&str, &str)]| {
        let mut form = vec![("name", "n"), ("url", HOOK)];
        form.extend_from_slice(extra);
        let reply = server.post("api/webhooks/create", &form, &As::Admin).await;
        (reply.status != 200).then(|| reply.errors())
    };
    assert_eq!(made(&[("project", "p")]).await, None);
    assert_eq!(
        made(&[("project", "p")]).await.unwrap(),
        "Maximum number of webhook reached for project 'p'"
    );
    assert_eq!((made(&[]).await, made(&[]).await), (None, None));
    assert_eq!(made(&[]).await.unwrap(), "Maximum number of global webhooks reached");
}

#[tokio::test]
async fn nobody_learns_of_calls_without_a_right_to_anything() {
    let server = TestServer::start().await;
    project(&server).await;
    let form = [("login", "bob"), ("name", "Bob"), ("password", PASSWORD)];
    server.did("api/users/create", &form).await;
    let bob = As::Basic("bob".to_owned(), PASSWORD.to_owned());
    let own = create(&server, &[("project", "p")]).await["key"]
        .as_str()
        .unwrap()
        .to_owned();
    let global = create(&server, &[]).await["key"].as_str().unwrap().to_owned();
    for asked in [
        format!("webhook={own}"),
        format!("webhook={global}"),
        "webhook=unknown".to_owned(),
        "ceTaskId=unknown".to_owned(),
    ] {
        let path = format!("api/webhooks/deliveries?{asked}");
        assert_eq!(server.get(&path, &bob).await.status, 403, "{asked}");
        assert_eq!(server.get(&path, &As::Admin).await.status, 200, "{asked}");
    }
    let given = [("login", "bob"), ("permission", "admin"), ("projectKey", "p")];
    server.did("api/permissions/add_user", &given).await;
    let path = format!("api/webhooks/deliveries?webhook={own}&status=failed");
    assert_eq!(server.get(&path, &bob).await.status, 200);
    let odd = server.get(&format!("{path}x"), &bob).await;
    assert_eq!(
        odd.errors(),
        "Value of parameter 'status' (failedx) must be one of: [success, failed, pending]"
    );
}

/// Takes one call, answers it with a status, and gives its text.
async fn receive(listener: &tokio::net::TcpListener, status: u16) -> String {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let (mut stream, _) = listener.accept().await.unwrap();
    let mut text = String::new();
    while !text.ends_with("}}") {
        let mut piece = [0; 4096];
        let count = stream.read(&mut piece).await.unwrap();
        assert_ne!(count, 0, "{text}");
        text.push_str(std::str::from_utf8(&piece[..count]).unwrap());
    }
    let answer = format!("HTTP/1.1 {status} x\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    stream.write_all(answer.as_bytes()).await.unwrap();
    text
}

#[tokio::test]
async fn a_test_call_is_made_at_once_and_kept_with_what_came_of_it() {
    let server = TestServer::start().await;
    project(&server).await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let allow = [("key", "gatehook.webhooks.allowedTargets"), ("value", "127.0.0.1")];
    server.did("api/settings/set", &allow).await;
    let form = [
        ("project", "p"),
        ("name", "ci"),
        ("url", &url),
        ("secret", "hunter2-01234567"),
    ];
    let made = server.did("api/webhooks/create", &form).await.json();
    let key = made["webhook"]["key"].as_str().unwrap();
    let test = async |extra: &[(&str, &str)], status| {
        let mut form = vec![("webhook", key)];
        form.extend_from_slice(extra);
        let (reply, text) = tokio::join!(server.did("api/webhooks/test", &form), receive(&listener, status));
        (reply.json(), text)
    };
    let (first, text) = test(&[], 204).await;
    assert_eq!((&first["success"], &first["httpStatus"]), (&json!(true), &json!(204)));
    let lower = text.to_ascii_lowercase();
    for part in [
        "x-gatehook-event: ping",
        "x-sonarqube-project: p",
        "x-sonar-webhook-hmac-sha256: ",
    ] {
        assert!(lower.contains(part), "{text}");
    }
    assert!(
        text.contains(r#""properties":{"sonar.analysis.gatehookTest":"true"}"#),
        "{text}"
    );
    let id = first["deliveryId"].as_str().unwrap();
    let (second, again) = test(&[("delivery", id)], 503).await;
    assert_eq!(
        (&second["success"], &second["httpStatus"]),
        (&json!(false), &json!(503))
    );
    assert!(again.contains(r#""sonar.analysis.gatehookTest":"true""#));
    let path = format!("api/webhooks/deliveries?webhook={key}&status=failed");
    let failed = server.get(&path, &As::Admin).await.json();
    assert_eq!(
        (&failed["paging"]["total"], &failed["deliveries"][0]["id"]),
        (&json!(1), &second["deliveryId"])
    );
    assert_eq!(failed["deliveries"][0]["componentKey"], "p");
    drop(listener);
    let refused = server.did("api/webhooks/test", &[("webhook", key)]).await.json();
    assert_eq!(
        (&refused["success"], &refused["reason"]),
        (&json!(false), &json!("connection refused"))
    );
}

#[tokio::test]
async fn a_format_is_previewed_without_being_sent() {
    let server = TestServer::start().await;
    project(&server).await;
    let template = r#"{"text": {{ project.name | tojson }}}"#;
    let form = [("project", "p"), ("format", "template"), ("formatTemplate", template)];
    let preview = server.did("api/webhooks/preview", &form).await.json();
    assert_eq!(
        (&preview["format"], &preview["body"]),
        (&json!("template"), &json!(r#"{"text": "P"}"#))
    );
    let broken = [("format", "template"), ("formatTemplate", "{{ broken")];
    assert_eq!(
        server.post("api/webhooks/preview", &broken, &As::Admin).await.status,
        400
    );
    assert_eq!(
        server.post("api/webhooks/preview", &form, &As::Anonymous).await.status,
        401
    );
}

#[tokio::test]
async fn what_is_kept_secret_goes_to_no_other_server_unasked() {
    let server = TestServer::start().await;
    let made = create(
        &server,
        &[
            ("headers", "X-Api-Key: hunter2hunter2"),
            ("format", "gitlab-status"),
            ("formatProject", "g/p"),
            ("formatToken", "hunter2hunter2"),
        ],
    )
    .await;
    let key = made["key"].as_str().unwrap();
    let elsewhere = ("url", "https://elsewhere.example/in");
    for extra in [
        &[elsewhere][..],
        &[elsewhere, ("headers", "X-Api-Key")],
        &[elsewhere, ("headers", "X-Api-Key: another")],
        &[elsewhere, ("formatToken", "another-hunter2")],
    ] {
        let (status, error) = update(&server, key, extra).await;
        assert_eq!(status, 400, "{extra:?}");
        assert!(error.contains("leads to another server now"), "{error}");
    }
    assert_eq!(listed(&server, "").await["url"], HOOK, "nothing was changed");
    assert_eq!(
        update(&server, key, &[("url", "https://hooks.example/other")]).await,
        done()
    );
    let anew = [elsewhere, ("headers", ""), ("formatToken", "another-hunter2")];
    assert_eq!(update(&server, key, &anew).await, done());
    assert_eq!(listed(&server, "").await["url"], elsewhere.1);
}

#[tokio::test]
async fn pages_show_how_the_calls_of_webhooks_fare_to_those_who_administer_them() {
    let server = TestServer::start().await;
    project(&server).await;
    create(&server, &[("project", "p"), ("skipTlsVerification", "true")]).await;
    server
        .did(
            "api/webhooks/create",
            &[("name", "<ops>"), ("url", "https://u:hunter2@ops.example/")],
        )
        .await;
    let global = server.get("admin/webhooks", &As::Admin).await;
    assert_eq!(global.status, 200);
    assert!(global.text.contains("&#60;ops&#62;") && global.text.contains("https://*:*******@ops.example/"));
    assert!(!global.text.contains("hooks.example") && !global.text.contains("hunter2"));
    let own = server.get("project/webhooks?id=p", &As::Admin).await;
    assert!(own.text.contains("hooks.example") && own.text.contains("certificate is not verified"));
    assert!(own.text.contains("Never"));
    for page in ["admin/webhooks", "project/webhooks?id=p"] {
        assert_eq!(server.get(page, &As::Anonymous).await.status, 401, "{page}");
    }
    assert_eq!(server.get("project/webhooks?id=none", &As::Admin).await.status, 404);
}

#[tokio::test]
async fn every_action_wants_a_login_before_it_looks_at_anything() {
    let server = TestServer::start().await;
    for (action, is_post) in [
        ("create", true),
        ("update", true),
        ("delete", true),
        ("test", true),
        ("preview", false),
        ("list", false),
        ("deliveries", false),
        ("delivery", false),
    ] {
        let path = format!("api/webhooks/{action}");
        let reply = if is_post {
            server.post(&path, &[], &As::Anonymous).await
        } else {
            server.get(&path, &As::Anonymous).await
        };
        assert_eq!(reply.status, 401, "{action}");
    }
}

#[tokio::test]
async fn deliveries_are_asked_for_by_one_thing_or_by_all_three() {
    let server = TestServer::start().await;
    project(&server).await;
    let asked = async |query: &str| {
        let reply = server
            .get(&format!("api/webhooks/deliveries?{query}"), &As::Admin)
            .await;
        (reply.status, reply.text)
    };
    for two in [
        "webhook=w&componentKey=p",
        "webhook=w&ceTaskId=t",
        "componentKey=p&ceTaskId=t",
    ] {
        let (status, text) = asked(two).await;
        assert_eq!(status, 400, "{two}");
        assert!(text.contains("must be provided"), "{text}");
    }
    assert_eq!(asked("webhook=w&componentKey=p&ceTaskId=t").await.0, 200);
    assert_eq!(asked("componentKey=none").await.0, 404);
    assert_eq!(asked("componentKey=p&ps=500").await.0, 200);
    for size in ["ps=0", "ps=501", "p=0"] {
        assert_eq!(asked(&format!("componentKey=p&{size}")).await.0, 400, "{size}");
    }
    assert_eq!(
        server.get("api/webhooks/list?project=none", &As::Admin).await.status,
        404
    );
}

#[tokio::test]
async fn texts_are_as_long_as_they_may_be_and_no_longer() {
    let server = TestServer::start().await;
    let long = |count: usize| "a".repeat(count);
    let secret = |count: usize| format!("hunter2{}", long(count - "hunter2".len()));
    let url = |count: usize| format!("https://h.example/{}", long(count - "https://h.example/".len()));
    for (name, link, secret, status) in [
        (long(100), url(512), secret(200), 200),
        (long(101), url(512), secret(200), 400),
        (long(100), url(513), secret(200), 400),
        (long(100), url(512), secret(201), 400),
        (long(100), url(512), secret(15), 400),
    ] {
        let form = [("name", name.as_str()), ("url", &link), ("secret", &secret)];
        let reply = server.post("api/webhooks/create", &form, &As::Admin).await;
        assert_eq!(reply.status, status, "{}", reply.text);
    }
}

#[tokio::test]
async fn nothing_is_an_empty_list() {
    let server = TestServer::start().await;
    project(&server).await;
    for path in ["list", "list?project=p"] {
        let list = server.get(&format!("api/webhooks/{path}"), &As::Admin).await;
        assert_eq!(list.text, r#"{"webhooks":[]}"#, "{path}");
    }
    for filter in ["componentKey=p", "webhook=none", "ceTaskId=none"] {
        let none = server
            .get(&format!("api/webhooks/deliveries?{filter}"), &As::Admin)
            .await;
        assert_eq!(
            none.text, r#"{"paging":{"pageIndex":1,"pageSize":10,"total":0},"deliveries":[]}"#,
            "{filter}"
        );
    }
}
