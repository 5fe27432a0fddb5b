//! What callers try who want more than is theirs, or harm.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{ADMIN_TOKEN, As, TestServer};

/// A caller who may do little, and the private project `shut` that is not theirs.
async fn with_a_stranger(server: &TestServer) -> As {
    server
        .did(
            "api/projects/create",
            &[("project", "shut"), ("name", "S"), ("visibility", "private")],
        )
        .await;
    // A token for analyses of another project carries no right over it, whatever its owner may do.
    server
        .did("api/projects/create", &[("project", "own"), ("name", "O")])
        .await;
    server.token("narrow", "PROJECT_ANALYSIS_TOKEN", "own").await
}

#[tokio::test]
async fn the_server_s_id_cannot_be_set_reset_or_read_as_a_setting() {
    let server = TestServer::start().await;
    let id = server.get("api/system/status", &As::Admin).await.json()["id"].clone();
    let set = server
        .post(
            "api/settings/set",
            &[("key", " sonar.core.id "), ("value", "x")],
            &As::Admin,
        )
        .await;
    assert_eq!(
        (set.status, set.errors().as_str()),
        (400, "Setting 'sonar.core.id' cannot be set")
    );
    server.did("api/settings/reset", &[("keys", "sonar.core.id")]).await;
    assert_eq!(server.get("api/system/status", &As::Admin).await.json()["id"], id);
    let values = server.get("api/settings/values?keys=sonar.core.id", &As::Admin).await;
    assert_eq!(values.json()["settings"].as_array().unwrap().len(), 0);
}

#[tokio::test]
async fn several_values_of_a_setting_are_no_longer_than_one() {
    let server = TestServer::start().await;
    let long = "x".repeat(3000);
    let reply = server
        .post(
            "api/settings/set",
            &[("key", "k"), ("values", &long), ("values", &long)],
            &As::Admin,
        )
        .await;
    assert_eq!(reply.status, 400);
    assert!(
        reply.errors().contains("longer than the maximum authorized (4000)"),
        "{}",
        reply.errors()
    );
}

#[tokio::test]
async fn a_stranger_does_not_learn_which_branches_and_files_a_private_project_has() {
    let server = TestServer::start().await;
    let stranger = with_a_stranger(&server).await;
    for path in [
        "api/components/show?component=shut&branch=",
        "api/components/show?component=shut:src/a.rs&branch=",
        "api/measures/component?component=shut:src/a.rs&metricKeys=bugs&branch=",
        "api/new_code_periods/show?project=shut&branch=",
    ] {
        for branch in ["main", "no-such"] {
            let reply = server.get(&format!("{path}{branch}"), &stranger).await;
            assert_eq!(reply.status, 403, "{path}{branch}: {}", reply.text);
        }
    }
}

#[tokio::test]
async fn only_who_may_write_a_webhook_has_names_looked_up() {
    let server = TestServer::start().await;
    let stranger = with_a_stranger(&server).await;
    let made = server
        .did(
            "api/webhooks/create",
            &[("name", "n"), ("url", "https://hooks.example/")],
        )
        .await;
    let key = made.json()["webhook"]["key"].as_str().unwrap().to_owned();
    let form = [
        ("webhook", key.as_str()),
        ("name", "n"),
        ("url", "http://inside.example/"),
    ];
    let refused = server.post("api/webhooks/update", &form, &stranger).await;
    assert_eq!(refused.errors(), "Insufficient privileges");
    let refused = server.post("api/webhooks/update", &form, &As::Admin).await;
    assert_eq!(refused.status, 400);
}

#[tokio::test]
async fn a_webhook_s_password_cannot_be_hidden_from_the_mask() {
    let server = TestServer::start().await;
    for start in ["http:", "http:///", "http:\\\\", " https:\t//"] {
        let form = [("name", "n"), ("url", &*format!("{start}me:hunter2@hooks.example/@c"))];
        let reply = server.post("api/webhooks/create", &form, &As::Admin).await;
        let shown = format!("{}**:**********************@c", start.trim_start());
        assert_eq!(
            (reply.status, reply.errors()),
            (400, format!("Url parameter with value '{shown}' is not a valid url")),
        );
    }
}

#[tokio::test]
async fn endless_lists_are_refused_before_they_reach_the_database() {
    let server = TestServer::start().await;
    let many = (0..2000).map(|n| n.to_string()).collect::<Vec<_>>().join(",");
    for list in [
        "assignees",
        "components",
        "directories",
        "files",
        "languages",
        "projects",
        "rules",
        "tags",
    ] {
        let reply = server
            .get(&format!("api/issues/search?{list}={many}"), &As::Admin)
            .await;
        assert_eq!(reply.status, 400, "{list}: {}", reply.text);
    }
    let most = (0..500).map(|n| n.to_string()).collect::<Vec<_>>().join(",");
    let path = format!("api/issues/search?tags={most}&directories={most}&files={most}&facets=files,files,files");
    let reply = server.get(&path, &As::Admin).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    assert_eq!(reply.json()["facets"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_login_that_nobody_can_have_costs_nothing() {
    let server = TestServer::start().await;
    let endless = As::Basic("x".repeat(10_000), "hunter2".to_owned());
    // Never held back, because it is never remembered.
    for _ in 0..12 {
        assert_eq!(server.get("api/system/ping", &endless).await.status, 401);
    }
}

#[tokio::test]
async fn many_guesses_at_once_are_no_more_than_many_guesses() {
    let server = TestServer::start().await;
    let wrong = As::Basic("admin".to_owned(), "hunter2 wrong".to_owned());
    let guesses = (0..40).map(|_| server.get("api/system/ping", &wrong));
    let replies = futures_util::future::join_all(guesses).await;
    let tried = replies.iter().filter(|reply| reply.status == 401).count();
    // Two are verified at once, so one may be under way when the tenth turns out wrong.
    assert!((10..=11).contains(&tried), "{tried}");
}

#[tokio::test]
async fn odd_requests_get_plain_answers() {
    let server = TestServer::start().await;
    let admin = As::Bearer(ADMIN_TOKEN.to_owned());
    let status = |method: &'static str, path: String| {
        let (server, admin) = (&server, &admin);
        async move { server.send(server.request(method, &path, admin)).await.status }
    };
    for (method, path, expected) in [
        ("HEAD", "api/system/ping", 405),
        ("OPTIONS", "api/webhooks/list", 405),
        ("DELETE", "api/projects/delete", 405),
        ("GET", "api/projects/delete?project=x", 405),
        ("GET", "api/webhooks/list/more", 404),
        ("GET", "api/%2e%2e/secret.key", 404),
        ("GET", "api/webhooks%2Flist", 404),
        ("GET", "api", 404),
        ("GET", "static/../secret.key", 404),
        ("GET", "api/measures/component?component=%FF%00:&metricKeys=bugs", 404),
        ("GET", "api/components/show?component=%F0%9F%98%80:%F0%9F%98%80:", 404),
        ("GET", "api/webhooks/deliveries?webhook=x&p=9223372036854775807", 200),
        ("GET", "api/ce/activity?p=4294967295&ps=1000", 200),
        ("GET", "api/issues/search?p=4294967295&ps=500", 400),
        ("GET", "api/issues/search?createdAfter=9999-12-31", 400),
        ("GET", "api/issues/search?createdBefore=-009999-01-01", 400),
        ("GET", "dashboard?id=%00", 404),
        ("GET", "dashboard?id=%3Cscript%3E", 404),
    ] {
        assert_eq!(status(method, path.to_owned()).await, expected, "{method} {path}");
    }
    let wrong = server.send(server.request("PUT", "api/webhooks/delete", &admin)).await;
    assert_eq!((wrong.status, wrong.header("allow")), (405, "POST"));
    let mut raw = TcpStream::connect(server.base.trim_start_matches("http://"))
        .await
        .unwrap();
    let head = format!(
        "GET /api/projects/search?q={} HTTP/1.1\r\nHost: x\r\n\r\n",
        "x".repeat(70_000)
    );
    raw.write_all(head.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let _ = raw.read_to_end(&mut answer).await;
    assert!(
        answer.starts_with(b"HTTP/1.1 414"),
        "{}",
        String::from_utf8_lossy(&answer)
    );
    let deep = server
        .request("POST", "api/settings/reset", &admin)
        .header("Content-Type", "application/json")
        .body(format!("{{\"keys\":{}", "[".repeat(100_000)));
    assert_eq!(server.send(deep).await.status, 400);
    let large = server
        .request("POST", "api/settings/reset", &admin)
        .header("Content-Type", "application/json")
        .body(format!("{{\"keys\":[{}0]}}", "0,".repeat(500_000)));
    assert_eq!(server.send(large).await.status, 413);
}

#[tokio::test]
async fn a_part_whose_headers_never_end_is_not_kept_in_memory() {
    const CLAIMED: usize = 256 * 1024 * 1024;
    let server = TestServer::start().await;
    let address = server.base.trim_start_matches("http://");
    for start in ["--b\r\nContent-Disposition: form-data; name=\"", "no boundary at all"] {
        let mut raw = TcpStream::connect(address).await.unwrap();
        let head = format!(
            "POST /api/ce/submit HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {ADMIN_TOKEN}\r\n\
             Content-Type: multipart/form-data; boundary=b\r\nContent-Length: {CLAIMED}\r\n\r\n{start}"
        );
        raw.write_all(head.as_bytes()).await.unwrap();
        let piece = vec![b'x'; 64 * 1024];
        let mut sent = 0;
        // Ends when the server refuses and closes.
        while sent + piece.len() < CLAIMED && raw.write_all(&piece).await.is_ok() {
            sent += piece.len();
        }
        assert!(sent < CLAIMED / 4, "{start}: {sent} bytes were taken in");
    }
}

#[tokio::test]
async fn a_report_of_somebody_who_may_not_submit_is_not_even_received() {
    let server = TestServer::start().await;
    let stranger = with_a_stranger(&server).await;
    let submit = |query: &'static str, size: usize, who: As| {
        let server = &server;
        async move {
            let part = reqwest::multipart::Part::bytes(vec![0; size]).file_name("report.zip");
            let form = reqwest::multipart::Form::new()
                .part("report", part)
                .text("projectKey", "shut");
            let request = server.request("POST", &format!("api/ce/submit{query}"), &who);
            server.send(request.multipart(form)).await
        }
    };
    // More than is taken: whoever is let in hears of that.
    assert_eq!(submit("?projectKey=shut", 2_000_000, As::Admin).await.status, 413);
    assert_eq!(submit("", 2_000_000, As::Admin).await.status, 413);
    for project in ["?projectKey=shut", "?projectKey=new"] {
        let refused = submit(project, 2_000_000, stranger.clone()).await;
        assert_eq!(
            (refused.status, refused.errors().as_str()),
            (403, "Insufficient privileges")
        );
    }
    let refused = submit("", 2_000_000, stranger.clone()).await;
    assert_eq!(
        (refused.status, refused.errors().as_str()),
        (400, "The 'projectKey' parameter must be in the query")
    );
    assert_eq!(submit("?projectKey=own", 10, stranger).await.status, 200);
}

#[tokio::test]
async fn a_branch_that_cannot_be_leaves_no_project_behind() {
    let server = TestServer::start().await;
    let part = reqwest::multipart::Part::bytes(b"PK".to_vec()).file_name("report.zip");
    let form = reqwest::multipart::Form::new()
        .part("report", part)
        .text("characteristic", format!("branch={}", "x".repeat(256)));
    let request = server
        .request("POST", "api/ce/submit?projectKey=new", &As::Admin)
        .multipart(form);
    let refused = server.send(request).await;
    assert_eq!(refused.status, 400, "{}", refused.text);
    let projects = server.get("api/projects/search", &As::Admin).await.json();
    assert_eq!(projects["paging"]["total"], 0);
}

/// What is logged.
#[derive(Clone, Default)]
pub(crate) struct Log(pub(crate) std::sync::Arc<std::sync::Mutex<Vec<u8>>>);

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn what_stands_in_a_query_does_not_get_into_the_log() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::DEBUG)
        .with_writer(move || writer.clone())
        .finish();
    // The server of a test runs on the thread of the test.
    let _logging = tracing::subscriber::set_default(subscriber);
    // While there is only one subscriber, what a thread without it comes to first is switched off for all.
    let _other = tracing::Dispatch::new(tracing_subscriber::registry());
    let server = TestServer::start().await;
    let create = "api/webhooks/create?name=n&url=https://me:hunter2@hooks.example/&secret=hunter2hunter2hunter2";
    assert_eq!(server.post(create, &[], &As::Admin).await.status, 200);
    for path in [
        "api/webhooks/list?token=hunter2",
        "api/webhooks/create?password=hunter2",
        "api/nothing?secret=hunter2",
        "nowhere?password=hunter2",
    ] {
        server.get(path, &As::Admin).await;
    }
    let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(
        text.contains("/api/webhooks/create") && text.contains("answered"),
        "{text}"
    );
    assert!(!text.contains("hunter2"), "{text}");
}
