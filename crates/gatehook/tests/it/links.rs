//! Under which address payloads name the server.

use gatehook_testkit::receiver::Receiver;
use gatehook_testkit::report::{FileBuilder, ReportBuilder};
use serde_json::json;

use crate::harness::{Server, TOKEN, now};

/// Has something analysed, and gives where the links of the call lead: the server, the project and the branch.
async fn links(server: &Server, receiver: &Receiver) -> [serde_json::Value; 3] {
    let calls = receiver.calls().await.len();
    let report = ReportBuilder::new("org.acme:shop", now()).file(FileBuilder::numbered("a.rs", 3));
    assert_eq!(server.analyse("org.acme:shop", &report).await["status"], "SUCCESS");
    let told = receiver.wait_for(calls + 1).await[calls].json();
    [
        told["serverUrl"].clone(),
        told["project"]["url"].clone(),
        told["branch"]["url"].clone(),
    ]
}

fn all_below(base: &str) -> [serde_json::Value; 3] {
    let dashboard = format!("{base}/dashboard?id=org.acme%3Ashop");
    [json!(base), json!(dashboard), json!(dashboard)]
}

async fn tell(server: &Server, receiver: &Receiver) {
    server
        .post("webhooks/create", &[("name", "all"), ("url", &receiver.url())])
        .await;
}

#[tokio::test]
async fn links_lead_to_the_setting_else_to_the_public_url_else_to_localhost() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let receiver = Receiver::start().await;
    let server = Server::start(&data).await;
    tell(&server, &receiver).await;
    let port = server.url.rsplit_once(':').unwrap().1;
    let localhost = format!("http://localhost:{port}");
    assert_eq!(links(&server, &receiver).await, all_below(&localhost));

    let base = [
        ("key", "sonar.core.serverBaseURL"),
        ("value", "https://gates.example/sonar/"),
    ];
    server.post("settings/set", &base).await;
    assert_eq!(
        links(&server, &receiver).await,
        all_below("https://gates.example/sonar")
    );
    server.stop().await;

    let server = Server::start_with(&data, |command| {
        command
            .env("GATEHOOK_ADMIN_TOKEN", TOKEN)
            .args(["--public-url", "https://public.example:8443/"]);
    });
    assert_eq!(
        links(&server, &receiver).await,
        all_below("https://gates.example/sonar")
    );
    server
        .post("settings/reset", &[("keys", "sonar.core.serverBaseURL")])
        .await;
    assert_eq!(
        links(&server, &receiver).await,
        all_below("https://public.example:8443")
    );
}
