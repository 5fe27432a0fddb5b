//! What a kill -9 must not lose.

use gatehook_testkit::receiver::Receiver;
use gatehook_testkit::report::{FileBuilder, ReportBuilder};

use crate::harness::{Server, now};
use crate::receivers::Silent;

#[tokio::test]
async fn a_call_that_was_owed_when_the_server_was_killed_is_made_after_the_restart() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let server = Server::start(&data).await;
    // A receiver that takes the call and never answers: the analysis is committed, the delivery is not done.
    let silent = Silent::start().await;
    server
        .post("webhooks/create", &[("name", "ci"), ("url", &silent.url())])
        .await;
    let report = ReportBuilder::new("shop", now()).file(FileBuilder::numbered("a.rs", 3));
    assert_eq!(server.analyse("shop", &report).await["status"], "SUCCESS");
    let first = silent.call().await;
    let key = server.get("webhooks/list", &[]).await["webhooks"][0]["key"]
        .as_str()
        .unwrap()
        .to_owned();
    server.kill();

    let receiver = Receiver::start().await;
    let server = Server::start(&data).await;
    // The restarted server begins at once, still with the silent receiver; it is moved while the call is owed.
    let again = silent.call().await;
    assert_eq!(again.delivery, first.delivery, "the same delivery");
    server
        .post(
            "webhooks/update",
            &[("webhook", &key), ("name", "ci"), ("url", &receiver.url())],
        )
        .await;
    server.kill();
    let server = Server::start(&data).await;
    let calls = receiver.wait_for(1).await;
    assert_eq!(
        calls[0].header("x-gatehook-delivery"),
        Some(first.delivery.as_str()),
        "still the same delivery"
    );
    assert_eq!(calls[0].body, first.body, "and the same bytes");
    let delivered = server
        .wait_until("the delivery is recorded", async || {
            let all = server.deliveries("shop").await;
            all.iter().all(|one| one["success"] == true).then_some(all)
        })
        .await;
    assert_eq!(delivered.len(), 1, "exactly one event");
    assert_eq!(receiver.calls().await.len(), 1);
}

#[tokio::test]
async fn a_report_that_waits_when_the_server_is_killed_is_analysed_after_the_restart() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let server = Server::start(&data).await;
    let mut tasks = Vec::new();
    for index in 0..20 {
        let report = ReportBuilder::new("shop", now()).version(&index.to_string());
        let file = (1..200).fold(FileBuilder::numbered("a.rs", 400), |file, line| {
            file.issue("A", line, "x")
        });
        let (status, body) = server.try_submit("shop", report.file(file).zip()).await;
        assert_eq!(status, 200, "{body}");
        let body: serde_json::Value = serde_json::from_str(&body).unwrap();
        tasks.push(body["taskId"].as_str().unwrap().to_owned());
    }
    // What was answered is kept, whatever the workers were doing at this moment.
    server.kill();
    let server = Server::start(&data).await;
    for task in &tasks {
        assert_eq!(server.wait_for_task(task).await["status"], "SUCCESS");
    }
    let measures = server
        .get(
            "measures/component",
            &[("component", "shop"), ("metricKeys", "violations")],
        )
        .await;
    assert_eq!(measures["component"]["measures"][0]["value"], "199");
}

#[tokio::test]
async fn a_graceful_stop_ends_the_call_that_is_being_made() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let server = Server::start(&data).await;
    let receiver = Receiver::start().await;
    server
        .post("webhooks/create", &[("name", "ci"), ("url", &receiver.url())])
        .await;
    let report = ReportBuilder::new("shop", now()).file(FileBuilder::numbered("a.rs", 3));
    let (status, _) = server.try_submit("shop", report.zip()).await;
    assert_eq!(status, 200);
    assert_eq!(server.stop().await.code(), Some(0));
    let server = Server::start(&data).await;
    receiver.wait_for(1).await;
    server
        .wait_until("the delivery is recorded", async || {
            server
                .deliveries("shop")
                .await
                .first()
                .filter(|one| one["success"] == true)
                .cloned()
        })
        .await;
    assert_eq!(
        receiver.calls().await.len(),
        1,
        "one analysis, one call, whenever the stop came"
    );
}

#[tokio::test]
async fn a_call_that_cannot_be_written_down_is_logged_and_written_later_and_not_made_again() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let server = Server::start(&data).await;
    let receiver = Receiver::start().await;
    let hook = [("name", "ci"), ("url", &*receiver.url())];
    server.post("webhooks/create", &hook).await;
    let rename = |from: &str, to: &str| {
        let database = rusqlite::Connection::open(data.join("gatehook.db")).unwrap();
        database
            .execute_batch(&format!("ALTER TABLE {from} RENAME TO {to}"))
            .unwrap();
    };
    rename("delivery_attempt", "elsewhere");
    let report = ReportBuilder::new("shop", now()).file(FileBuilder::numbered("a.rs", 3));
    assert_eq!(server.analyse("shop", &report).await["status"], "SUCCESS");
    receiver.wait_for(1).await;
    let told = server
        .wait_until("the trouble is logged", async || {
            let log = server.log();
            let mut lines = log.lines();
            let told = lines.find(|line| line.contains("webhook calls could not be written down"));
            told.map(str::to_owned)
        })
        .await;
    assert!(told.contains("ERROR"), "{told}");
    rename("elsewhere", "delivery_attempt");
    let delivered = server
        .wait_until("the delivery is recorded", async || {
            let all = server.deliveries("shop").await;
            all.iter().all(|one| one["success"] == true).then_some(all)
        })
        .await;
    assert_eq!((delivered.len(), &delivered[0]["attempts"]), (1, &1.into()));
    assert_eq!(server.stop().await.code(), Some(0));
    assert_eq!(receiver.calls().await.len(), 1);
}
