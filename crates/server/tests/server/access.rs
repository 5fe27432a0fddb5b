//! Who may call what, and what they are told otherwise.

use std::time::Duration;

use gatehook_store::user;

use crate::support::{ADMIN_TOKEN, As, PASSWORD, TestServer};

fn basic(login: &str, password: &str) -> As {
    As::Basic(login.to_owned(), password.to_owned())
}

#[tokio::test]
async fn each_caller_gets_the_status_that_clients_expect() {
    let server = TestServer::start().await;
    server
        .did("api/projects/create", &[("project", "shop"), ("name", "Shop")])
        .await;
    server
        .did("api/projects/create", &[("project", "other"), ("name", "Other")])
        .await;
    let user = server.token("user", "USER_TOKEN", "").await;
    let global = server.token("global", "GLOBAL_ANALYSIS_TOKEN", "").await;
    let shop = server.token("shop", "PROJECT_ANALYSIS_TOKEN", "shop").await;
    let bad = As::Bearer("squ_hunter200000000000000000000000000000000".to_owned());
    let callers = [
        ("anonymous", As::Anonymous),
        ("password", As::Admin),
        ("wrong password", basic("admin", "hunter2 wrong")),
        ("bad token", bad),
        ("admin token", As::Bearer(ADMIN_TOKEN.to_owned())),
        ("admin token as login", basic(ADMIN_TOKEN, "")),
        ("user token", user),
        ("global analysis token", global),
        ("project analysis token", shop),
    ];
    let paths = [
        "api/system/status",
        "api/system/ping",
        "api/projects/search",
        "api/issues/search?components=shop",
        "api/qualitygates/project_status?projectKey=shop",
        "api/qualitygates/project_status?projectKey=other",
        "api/webhooks/list",
        "api/no/such",
    ];
    let mut table = String::new();
    for (name, who) in &callers {
        let mut row = format!("{name:<24}");
        for path in paths {
            row.push(' ');
            row.push_str(&server.get(path, who).await.status.to_string());
        }
        table.push_str(row.trim_end());
        table.push('\n');
    }
    // Columns: status, ping, all projects, issues, verdict of shop, verdict of other, global webhooks, nothing.
    assert_eq!(
        table,
        "\
anonymous                200 401 401 401 401 401 401 401
password                 200 200 200 200 200 200 200 404
wrong password           200 401 401 401 401 401 401 401
bad token                200 401 401 401 401 401 401 401
admin token              200 200 200 200 200 200 200 404
admin token as login     200 200 200 200 200 200 200 404
user token               200 200 200 200 200 200 200 404
global analysis token    200 200 403 403 200 200 403 404
project analysis token   200 200 403 403 200 403 403 404
"
    );
}

#[tokio::test]
async fn credentials_that_are_refused_get_an_empty_401_and_validate_tells() {
    let server = TestServer::start().await;
    let wrong = basic("admin", "hunter2 wrong");
    let refused = server.get("api/projects/search", &wrong).await;
    assert_eq!((refused.status, refused.text.as_str()), (401, ""));
    let valid = |who: As| {
        let server = &server;
        async move { server.get("api/authentication/validate", &who).await.text }
    };
    assert_eq!(valid(As::Admin).await, r#"{"valid":true}"#);
    assert_eq!(valid(wrong).await, r#"{"valid":false}"#);
    assert_eq!(valid(As::Anonymous).await, r#"{"valid":false}"#);
}

#[tokio::test]
async fn without_forced_log_in_everybody_sees_public_projects_only() {
    let server = TestServer::start().await;
    server
        .did(
            "api/projects/create",
            &[("project", "open"), ("name", "O"), ("visibility", "public")],
        )
        .await;
    server
        .did(
            "api/projects/create",
            &[("project", "shut"), ("name", "S"), ("visibility", "private")],
        )
        .await;
    server
        .did(
            "api/settings/set",
            &[("key", "sonar.forceAuthentication"), ("value", "false")],
        )
        .await;
    let status = |path: &'static str| {
        let server = &server;
        async move { server.get(path, &As::Anonymous).await.status }
    };
    assert_eq!(status("api/system/ping").await, 200);
    assert_eq!(
        status("api/measures/component?component=open&metricKeys=bugs").await,
        200
    );
    assert_eq!(
        status("api/measures/component?component=shut&metricKeys=bugs").await,
        401
    );
    assert_eq!(status("dashboard?id=open").await, 200);
    assert_eq!(status("dashboard?id=shut").await, 401);
    let needs_login = server.get("api/webhooks/list", &As::Anonymous).await;
    assert_eq!(
        (needs_login.status, needs_login.errors().as_str()),
        (401, "Authentication is required")
    );
}

#[tokio::test]
async fn a_token_ends_on_its_day_and_when_it_is_revoked() {
    let server = TestServer::start().await;
    let made = server
        .did(
            "api/user_tokens/generate",
            &[("name", "short"), ("expirationDate", "2026-02-02")],
        )
        .await
        .json();
    let token = As::Bearer(made["token"].as_str().unwrap().to_owned());
    let alive = server.get("api/system/ping", &token).await;
    assert_eq!(alive.status, 200);
    assert_eq!(
        alive.header("sonarqube-authentication-token-expiration"),
        "2026-02-02T00:00:00+0000"
    );
    server.test.clock.advance(Duration::from_hours(72));
    assert_eq!(server.get("api/system/ping", &token).await.status, 401);

    let token = server.token("long", "USER_TOKEN", "").await;
    assert_eq!(server.get("api/system/ping", &token).await.status, 200);
    server.did("api/user_tokens/revoke", &[("name", "long")]).await;
    assert_eq!(server.get("api/system/ping", &token).await.status, 401);
}

#[tokio::test]
async fn a_user_who_may_no_longer_log_in_is_refused_at_once_however_they_do() {
    let server = TestServer::start().await;
    let token = As::Bearer(ADMIN_TOKEN.to_owned());
    let ways = [&As::Admin, &token];
    for _ in 0..2 {
        for way in ways {
            assert_eq!(server.get("api/system/ping", way).await.status, 200);
        }
    }
    for (active, status) in [(false, 401), (true, 200)] {
        let set = server.test.store.write(move |tx| {
            let admin = user::by_login(tx, "admin")?.unwrap();
            user::set_active(tx, &admin.id, active)
        });
        assert!(set.await.unwrap());
        for way in ways {
            assert_eq!(server.get("api/system/ping", way).await.status, status, "{active}");
        }
    }
}

#[tokio::test]
async fn a_token_for_analyses_cannot_make_one_that_can_do_more() {
    let server = TestServer::start().await;
    let token = server.token("scan", "GLOBAL_ANALYSIS_TOKEN", "").await;
    let reply = server
        .post("api/user_tokens/generate", &[("name", "more")], &token)
        .await;
    assert_eq!(
        (reply.status, reply.errors().as_str()),
        (403, "Insufficient privileges")
    );
    let again = server
        .post("api/user_tokens/generate", &[("name", "scan")], &As::Admin)
        .await;
    assert_eq!(
        again.errors(),
        "A user token for login 'admin' and name 'scan' already exists"
    );
}

#[tokio::test]
async fn guessing_a_password_is_slowed_down_but_not_for_ever() {
    let server = TestServer::start().await;
    let wrong = basic("admin", "hunter2 wrong");
    for _ in 0..10 {
        assert_eq!(server.get("api/system/ping", &wrong).await.status, 401);
    }
    assert_eq!(server.get("api/system/ping", &wrong).await.status, 429);
    assert_eq!(server.get("api/system/ping", &As::Admin).await.status, 429);
    let token = As::Bearer(ADMIN_TOKEN.to_owned());
    assert_eq!(
        server.get("api/system/ping", &token).await.status,
        200,
        "tokens are not held back"
    );
    server.test.clock.advance(Duration::from_secs(61));
    assert_eq!(server.get("api/system/ping", &As::Admin).await.status, 200);
}

#[tokio::test]
async fn a_new_user_analyses_but_does_not_administer() {
    let server = TestServer::start().await;
    server
        .did(
            "api/users/create",
            &[("login", "dev"), ("name", "Dev"), ("password", "hunter2 of mine")],
        )
        .await;
    let dev = basic("dev", "hunter2 of mine");
    server
        .did(
            "api/projects/create",
            &[("project", "p"), ("name", "P"), ("visibility", "private")],
        )
        .await;
    let status = |path: &'static str| {
        let (server, dev) = (&server, &dev);
        async move { server.get(path, dev).await.status }
    };
    assert_eq!(status("api/measures/component?component=p&metricKeys=bugs").await, 200);
    assert_eq!(status("api/webhooks/list?project=p").await, 403);
    server
        .did(
            "api/permissions/add_user",
            &[("login", "dev"), ("permission", "admin"), ("projectKey", "p")],
        )
        .await;
    assert_eq!(status("api/webhooks/list?project=p").await, 200);
    assert_eq!(status("api/webhooks/list").await, 403);
}

#[tokio::test]
async fn a_form_of_another_site_cannot_use_the_browser_s_password() {
    let server = TestServer::start().await;
    let status = |origin: &'static str| {
        let server = &server;
        async move {
            let request = server
                .request("POST", "api/settings/reset?keys=x", &As::Admin)
                .header("Origin", origin);
            server.send(request).await.status
        }
    };
    assert_eq!(status("https://evil.example").await, 403);
    assert_eq!(status("null").await, 403);
    assert_eq!(status("http://gatehook.example").await, 204);
}

#[tokio::test]
async fn a_page_asks_the_browser_for_a_login_and_runs_no_scripts() {
    let server = TestServer::start().await;
    server
        .did("api/projects/create", &[("project", "p"), ("name", "<b>P</b>")])
        .await;
    let asked = server.get("dashboard?id=p", &As::Anonymous).await;
    assert_eq!(asked.status, 401);
    assert!(asked.header("www-authenticate").starts_with("Basic realm="));
    let page = server.get("project/overview?id=p", &As::Admin).await;
    assert_eq!(page.status, 200);
    assert!(page.text.contains("Not judged yet"), "{}", page.text);
    assert!(!page.text.contains("<b>P"), "what people wrote is escaped");
    assert!(page.header("content-security-policy").starts_with("default-src 'none'"));
    assert_eq!(server.get("dashboard?id=none", &As::Admin).await.status, 404);
    assert_eq!(server.get("", &As::Anonymous).await.status, 200);
}

#[tokio::test]
async fn the_first_start_makes_a_password_once() {
    let folder = tempfile::tempdir().unwrap();
    let test = gatehook_store::testing::open_sqlite(folder.path()).await;
    let first = gatehook_server::first_start(&test.store, None).await.unwrap();
    assert!(first.is_some());
    let given = secrecy::SecretString::from(PASSWORD);
    assert!(
        gatehook_server::first_start(&test.store, Some(given))
            .await
            .unwrap()
            .is_none()
    );
}
