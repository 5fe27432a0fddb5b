//! Two servers on one PostgreSQL.

use gatehook_store::testing;
use gatehook_testkit::receiver::Receiver;
use gatehook_testkit::report::{FileBuilder, ReportBuilder};
use gatehook_testkit::secrets;

use crate::harness::{PASSWORD, SECRET, Server, TOKEN, now};

#[tokio::test]
async fn two_nodes_share_the_work_and_every_call_is_made_once() {
    let folder = tempfile::tempdir().unwrap();
    let (_, database) = testing::postgres_database().await;
    let url = database.url();
    // The same for all nodes, since each has a data folder of its own.
    let key = secrets::sealing_key();
    let start = |name: &str| {
        Server::start_with(&folder.path().join(name), |command| {
            command
                .env("GATEHOOK_DATABASE", &url)
                .env("GATEHOOK_SECRET_KEY", &key)
                .env("GATEHOOK_ADMIN_PASSWORD", PASSWORD)
                .env("GATEHOOK_ADMIN_TOKEN", TOKEN);
        })
    };
    let one = start("one");
    let other = start("other");
    one.post("settings/set", &[("key", "sonar.validateWebhooks"), ("value", "false")])
        .await;
    let receiver = Receiver::start().await;
    let hook = [("name", "ci"), ("url", &receiver.url()), ("secret", SECRET)];
    one.post("webhooks/create", &hook).await;
    let mut tasks = Vec::new();
    for index in 0..10 {
        let project = format!("p{index}");
        let node = if index % 2 == 0 { &one } else { &other };
        let report = ReportBuilder::new(&project, now()).file(FileBuilder::numbered("a.rs", 5).issue("A", 1, "x"));
        let (status, body) = node.try_submit(&project, report.zip()).await;
        assert_eq!(status, 200, "{body}");
        let body: serde_json::Value = serde_json::from_str(&body).unwrap();
        tasks.push(body["taskId"].as_str().unwrap().to_owned());
    }
    for task in &tasks {
        assert_eq!(other.wait_for_task(task).await["status"], "SUCCESS");
    }
    let calls = receiver.wait_for(10).await;
    let mut told: Vec<String> = calls
        .iter()
        .map(|call| call.json()["taskId"].as_str().unwrap().to_owned())
        .collect();
    told.sort();
    tasks.sort();
    assert_eq!(told, tasks);
    assert_eq!(one.stop().await.code(), Some(0));

    // The other node goes on alone.
    let report = ReportBuilder::new("p0", now()).file(FileBuilder::numbered("a.rs", 5));
    assert_eq!(other.analyse("p0", &report).await["status"], "SUCCESS");
    receiver.wait_for(11).await;
}
