//! The two triggers, from end to end.

use gatehook_testkit::receiver::{Received, Receiver};
use gatehook_testkit::report::{FileBuilder, ReportBuilder};
use gatehook_webhooks::signature;
use secrecy::SecretString;
use serde_json::Value;

use crate::harness::{SECRET, Server, now};

/// A server with a receiver that was told of a green analysis, and the file that was in it.
async fn green_gate(data: &std::path::Path) -> (Server, Receiver, FileBuilder) {
    let server = Server::start(data).await;
    let receiver = Receiver::start().await;
    server
        .post("projects/create", &[("project", "shop"), ("name", "Shop")])
        .await;
    let url = receiver.url();
    server
        .post(
            "webhooks/create",
            &[("project", "shop"), ("name", "ci"), ("url", &url), ("secret", SECRET)],
        )
        .await;
    let week = std::time::Duration::from_hours(7 * 24);
    let old = FileBuilder::numbered("src/a.rs", 30).changed_at(now().minus(2 * week));
    let first = ReportBuilder::new("shop", now().minus(week))
        .version("1")
        .revision("r1")
        .file(old.clone());
    assert_eq!(server.analyse("shop", &first).await["status"], "SUCCESS");
    assert_eq!(gate(&receiver.wait_for(1).await[0]), "OK");
    (server, receiver, old)
}

/// A server with a receiver that was told of a green first and a red second analysis.
async fn red_gate(data: &std::path::Path) -> (Server, Receiver) {
    let (server, receiver, old) = green_gate(data).await;
    let fresh = FileBuilder::numbered("src/b.rs", 10)
        .changed_at(now())
        .issue("A", 1, "x")
        .issue("B", 2, "y");
    let second = ReportBuilder::new("shop", now())
        .version("2")
        .revision("r2")
        .file(old)
        .file(fresh);
    assert_eq!(server.analyse("shop", &second).await["status"], "SUCCESS");
    let calls = receiver.wait_for(2).await;
    assert_eq!(gate(&calls[1]), "ERROR");
    (server, receiver)
}

fn gate(call: &Received) -> String {
    call.json()["qualityGate"]["status"]
        .as_str()
        .unwrap_or("none")
        .to_owned()
}

async fn open_issues(server: &Server) -> Vec<String> {
    let found = server
        .get("issues/search", &[("componentKeys", "shop"), ("resolved", "false")])
        .await;
    found["issues"]
        .as_array()
        .unwrap()
        .iter()
        .map(|issue| issue["key"].as_str().unwrap().to_owned())
        .collect()
}

async fn transition(server: &Server, issue: &str, transition: &str) -> Value {
    server
        .post("issues/do_transition", &[("issue", issue), ("transition", transition)])
        .await
}

#[tokio::test]
async fn marking_what_breaks_the_gate_sends_one_call_and_reopening_another() {
    let folder = tempfile::tempdir().unwrap();
    let (server, receiver) = red_gate(&folder.path().join("data")).await;
    let issues = open_issues(&server).await;
    assert_eq!(issues.len(), 2);
    transition(&server, &issues[0], "falsepositive").await;
    let changed = transition(&server, &issues[1], "falsepositive").await;
    assert_eq!(changed["issue"]["issueStatus"], "FALSE_POSITIVE");
    let calls = receiver.wait_for(3).await;
    assert_eq!(
        (calls.len(), gate(&calls[2])),
        (3, "OK".to_owned()),
        "the first of the two left the gate red"
    );

    // The same again is not possible in this status, and changes nothing.
    let (status, body) = server
        .try_post(
            "issues/do_transition",
            &[("issue", &issues[1]), ("transition", "falsepositive")],
        )
        .await;
    assert_eq!(status, 400, "{body}");
    let green = server
        .get("qualitygates/project_status", &[("projectKey", "shop")])
        .await;
    assert_eq!(green["projectStatus"]["status"], "OK");

    transition(&server, &issues[0], "reopen").await;
    let calls = receiver.wait_for(4).await;
    assert_eq!(gate(&calls[3]), "ERROR");
    assert_eq!(server.deliveries("shop").await.len(), 4, "four events, no more");
    assert_eq!(calls[3].header("x-gatehook-event"), Some("gate.changed"));
    assert!(calls[3].json().get("taskId").is_none());
    assert_eq!(calls[3].json()["revision"], "r2");
}

#[tokio::test]
async fn a_call_is_signed_over_its_bytes_and_says_whom_it_is_about() {
    let folder = tempfile::tempdir().unwrap();
    let (server, receiver) = red_gate(&folder.path().join("data")).await;
    let secret = SecretString::from(SECRET);
    let calls = receiver.calls().await;
    for call in &calls {
        let signature = call.header("x-sonar-webhook-hmac-sha256").unwrap();
        assert!(signature::verify(&secret, &call.body, signature));
        assert_eq!(call.header("x-sonarqube-project"), Some("shop"));
        assert_eq!(call.header("content-type"), Some("application/json; charset=utf-8"));
        assert_eq!(call.header("x-gatehook-attempt"), Some("1"));
    }
    // What was sent is what is shown.
    let id = calls[1].header("x-gatehook-delivery").unwrap();
    let shown = server
        .wait_until("the delivery is recorded", async || {
            let shown = server.get("webhooks/delivery", &[("deliveryId", id)]).await["delivery"].clone();
            shown["httpStatus"].is_number().then_some(shown)
        })
        .await;
    assert_eq!(shown["payload"].as_str().unwrap().as_bytes(), calls[1].body);
    assert_eq!((&shown["success"], &shown["httpStatus"]), (&true.into(), &200.into()));
}

#[tokio::test]
async fn changing_type_and_severity_turns_the_gate_and_nothing_else_does() {
    let folder = tempfile::tempdir().unwrap();
    let (server, receiver) = red_gate(&folder.path().join("data")).await;
    server.post("qualitygates/create", &[("name", "Ratings")]).await;
    let condition = [
        ("gateName", "Ratings"),
        ("metric", "reliability_rating"),
        ("op", "GT"),
        ("error", "3"),
    ];
    server.post("qualitygates/create_condition", &condition).await;
    server
        .post(
            "qualitygates/select",
            &[("gateName", "Ratings"), ("projectKey", "shop")],
        )
        .await;
    assert_eq!(
        receiver.calls().await.len(),
        2,
        "another gate takes effect at the next judging"
    );
    let issue = open_issues(&server).await.remove(0);
    server
        .post("issues/set_type", &[("issue", &issue), ("type", "BUG")])
        .await;
    assert_eq!(gate(&receiver.wait_for(3).await[2]), "OK", "a major bug is rated C");
    server
        .post("issues/set_severity", &[("issue", &issue), ("severity", "CRITICAL")])
        .await;
    let calls = receiver.wait_for(4).await;
    assert_eq!(gate(&calls[3]), "ERROR");
    assert_eq!(calls[3].json()["qualityGate"]["conditions"][0]["value"], "4");
    server
        .post("issues/set_severity", &[("issue", &issue), ("severity", "BLOCKER")])
        .await;
    assert_eq!(server.deliveries("shop").await.len(), 4, "worse is still red");
}

#[tokio::test]
async fn reviewing_a_hotspot_turns_the_gate_and_taking_the_review_back_does_too() {
    let folder = tempfile::tempdir().unwrap();
    let (server, receiver, old) = green_gate(&folder.path().join("data")).await;
    let risky = FileBuilder::numbered("src/b.rs", 10).changed_at(now()).hotspot("H", 1);
    let second = ReportBuilder::new("shop", now()).version("2").file(old).file(risky);
    assert_eq!(server.analyse("shop", &second).await["status"], "SUCCESS");
    assert_eq!(gate(&receiver.wait_for(2).await[1]), "ERROR");
    let found = server.get("hotspots/search", &[("project", "shop")]).await;
    let hotspot = found["hotspots"][0]["key"].as_str().unwrap();
    let review = async |form: &[(&str, &str)]| {
        let form = [&[("hotspot", hotspot)], form].concat();
        server.post("hotspots/change_status", &form).await
    };
    review(&[("status", "REVIEWED"), ("resolution", "SAFE")]).await;
    let calls = receiver.wait_for(3).await;
    assert_eq!(
        (gate(&calls[2]), calls[2].header("x-gatehook-event")),
        ("OK".to_owned(), Some("gate.changed"))
    );
    assert!(calls[2].json().get("taskId").is_none());
    review(&[("status", "TO_REVIEW")]).await;
    assert_eq!(gate(&receiver.wait_for(4).await[3]), "ERROR");
}

#[tokio::test]
async fn global_webhooks_hear_of_every_project_after_the_projects_own() {
    let folder = tempfile::tempdir().unwrap();
    let (server, own) = red_gate(&folder.path().join("data")).await;
    let global = Receiver::start().await;
    server
        .post("webhooks/create", &[("name", "all"), ("url", &global.url())])
        .await;
    let report = ReportBuilder::new("another", now()).file(FileBuilder::numbered("a.rs", 3));
    assert_eq!(
        server.analyse("another", &report).await["status"],
        "SUCCESS",
        "an unknown project is made"
    );
    let calls = global.wait_for(1).await;
    assert_eq!(calls[0].header("x-sonarqube-project"), Some("another"));
    assert_eq!(
        calls[0].header("x-sonar-webhook-hmac-sha256"),
        None,
        "no secret, no signature"
    );

    let issue = open_issues(&server).await;
    for key in &issue {
        transition(&server, key, "accept").await;
    }
    let told = global.wait_for(2).await.remove(1).body;
    assert_eq!(own.wait_for(3).await[2].body, told, "everybody is told the same");
    let names: Vec<String> = server
        .deliveries("shop")
        .await
        .iter()
        .take(2)
        .map(|delivery| delivery["name"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(
        names,
        ["all", "ci"],
        "newest first: the project's own was written first"
    );
}

#[tokio::test]
async fn an_analysis_token_can_analyse_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let (server, _receiver) = red_gate(&folder.path().join("data")).await;
    let made = server
        .post(
            "user_tokens/generate",
            &[("name", "ci"), ("type", "GLOBAL_ANALYSIS_TOKEN")],
        )
        .await;
    let token = made["token"].as_str().unwrap();
    assert!(token.starts_with("sqa_"));
    let status = server.anonymous(reqwest::Method::GET, "api/qualitygates/project_status?projectKey=shop");
    assert_eq!(server.send(status.basic_auth(token, Some(""))).await.0, 200);
    let issue = open_issues(&server).await.remove(0);
    let change = server
        .anonymous(reqwest::Method::POST, "api/issues/do_transition")
        .query(&[("issue", issue.as_str()), ("transition", "accept")]);
    let (status, body) = server.send(change.bearer_auth(token)).await;
    assert_eq!(status, 403, "{body}");
    assert!(body.contains("Insufficient privileges"), "{body}");
}
