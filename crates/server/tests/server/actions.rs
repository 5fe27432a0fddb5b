//! What the actions answer: shapes, texts and statuses that clients read.

use std::sync::atomic::Ordering;

use crate::support::{As, TestServer};
use serde_json::json;

#[tokio::test]
async fn errors_and_plain_answers_have_the_form_clients_parse() {
    let server = TestServer::start().await;
    let unknown = server.get("api/no/such", &As::Admin).await;
    assert_eq!(unknown.header("content-type"), "application/json");
    assert_eq!(unknown.text, r#"{"errors":[{"msg":"Unknown url : /api/no/such"}]}"#);
    assert!(!unknown.header("x-request-id").is_empty());
    let method = server.get("api/projects/create", &As::Admin).await;
    assert_eq!(
        (method.status, method.errors().as_str()),
        (405, "HTTP method POST is required")
    );
    let method = server.post("api/projects/search", &[], &As::Admin).await;
    assert_eq!(
        (method.status, method.errors().as_str()),
        (405, "HTTP method GET is required")
    );
    assert_eq!(server.get("api/system/ping", &As::Admin).await.text, "pong");
    assert!(
        server
            .get("api/server/version", &As::Anonymous)
            .await
            .text
            .starts_with("2026.")
    );
    let status = server.get("api/system/status.json", &As::Anonymous).await.json();
    assert_eq!(status["status"], "UP");
    assert_eq!(status["id"].as_str().unwrap().len(), 20);
}

#[tokio::test]
async fn parameters_come_from_query_form_and_json_alike() {
    let server = TestServer::start().await;
    let in_query = server
        .post("api/projects/create?project=a&name=A&unknown=1", &[], &As::Admin)
        .await;
    assert_eq!(in_query.status, 200, "{}", in_query.text);
    let request = server
        .request("POST", "api/projects/create", &As::Admin)
        .header("Content-Type", "application/json")
        .body(r#"{"project":"b","name":"B","visibility":"private"}"#);
    assert_eq!(server.send(request).await.status, 200);
    let mislabelled = |body: &'static str| {
        server
            .request("POST", "api/projects/create", &As::Admin)
            .header("Content-Type", "application/json")
            .body(body)
    };
    let reply = server.send(mislabelled("project=f&name=F+and+more")).await;
    assert_eq!(
        (reply.status, &reply.json()["project"]["name"]),
        (200, &json!("F and more"))
    );
    for body in ["[\"project=g\"]", "{project=g}", "nonsense"] {
        assert_eq!(
            server.send(mislabelled(body)).await.errors(),
            "The body is not a JSON object"
        );
    }
    let form = reqwest::multipart::Form::new().text("project", "c").text("name", "C");
    let request = server
        .request("POST", "api/projects/create", &As::Admin)
        .multipart(form);
    assert_eq!(server.send(request).await.status, 200);
    let refused = server
        .post("api/projects/create", &[("project", "d")], &As::Admin)
        .await;
    assert_eq!(
        (refused.status, refused.errors().as_str()),
        (400, "The 'name' parameter is missing")
    );
    let refused = server.get("api/projects/search?ps=501", &As::Admin).await;
    assert_eq!(refused.errors(), "'ps' value (501) must be less than 500");
    let refused = server.get("api/projects/search?p=0", &As::Admin).await;
    assert_eq!(refused.errors(), "page index must be >= 1");
    let large = "x".repeat(5 * 1024 * 1024);
    let refused = server
        .post("api/projects/create", &[("project", "e"), ("name", &large)], &As::Admin)
        .await;
    assert_eq!(refused.status, 413);
}

#[tokio::test]
async fn a_project_is_made_found_and_deleted() {
    let server = TestServer::start().await;
    let made = server
        .did(
            "api/projects/create",
            &[
                ("project", "org:shop"),
                ("name", "Shop"),
                ("visibility", "private"),
                ("mainBranch", "trunk"),
            ],
        )
        .await;
    assert_eq!(
        made.json(),
        json!({"project": {"key": "org:shop", "name": "Shop", "qualifier": "TRK", "visibility": "private"}})
    );
    let again = server
        .post(
            "api/projects/create",
            &[("project", "org:shop"), ("name", "x")],
            &As::Admin,
        )
        .await;
    assert_eq!(
        again.errors(),
        r#"Could not create Project with key: "org:shop". A similar key already exists: "org:shop""#
    );
    let malformed = server
        .post("api/projects/create", &[("project", "a b"), ("name", "x")], &As::Admin)
        .await;
    assert!(
        malformed.errors().starts_with("Malformed key for 'a b'."),
        "{}",
        malformed.text
    );
    let found = server.get("api/projects/search?q=SHO", &As::Admin).await.json();
    assert_eq!(found["paging"], json!({"pageIndex": 1, "pageSize": 100, "total": 1}));
    assert_eq!(found["components"][0]["key"], "org:shop");
    assert!(found["components"][0].get("lastAnalysisDate").is_none());
    let past_the_end = server.get("api/projects/search?p=7", &As::Admin).await.json();
    assert_eq!(
        (&past_the_end["components"], &past_the_end["paging"]["total"]),
        (&json!([]), &json!(1))
    );
    server.did("api/projects/delete", &[("project", "org:shop")]).await;
    let gone = server
        .post("api/projects/delete", &[("project", "org:shop")], &As::Admin)
        .await;
    assert_eq!(
        (gone.status, gone.errors().as_str()),
        (404, "Project 'org:shop' not found")
    );
}

#[tokio::test]
async fn a_webhook_lives_without_ever_showing_its_secret() {
    let server = TestServer::start().await;
    server
        .did("api/projects/create", &[("project", "p"), ("name", "P")])
        .await;
    let secret = "hunter2-01234567";
    let url = "https://me:hunter2@hooks.example/in";
    let made = server
        .did(
            "api/webhooks/create",
            &[("project", "p"), ("name", "CI"), ("url", url), ("secret", secret)],
        )
        .await;
    let hook = made.json()["webhook"].clone();
    assert_eq!(
        (&hook["name"], &hook["url"], &hook["hasSecret"]),
        (
            &json!("CI"),
            &json!("https://**:*******@hooks.example/in"),
            &json!(true)
        )
    );
    assert!(!made.text.contains("hunter2") && !made.text.contains(secret));
    let list = server
        .get("api/webhooks/list?project=p&organization=x", &As::Admin)
        .await;
    assert_eq!(list.json()["webhooks"][0]["url"], "https://**:*******@hooks.example/in");
    assert!(!list.text.contains("hunter2") && !list.text.contains(secret));

    let key = hook["key"].as_str().unwrap();
    let plain = "https://hooks.example/other";
    let change = |extra: &'static [(&'static str, &'static str)]| {
        let (server, key) = (&server, key);
        async move {
            let mut form = vec![("webhook", key), ("name", "CI"), ("url", plain)];
            form.extend_from_slice(extra);
            server.post("api/webhooks/update", &form, &As::Admin).await
        }
    };
    let has_secret = || async {
        server.get("api/webhooks/list?project=p", &As::Admin).await.json()["webhooks"][0]["hasSecret"].clone()
    };
    assert_eq!(change(&[]).await.status, 204);
    assert_eq!(has_secret().await, json!(true), "an absent secret stays");
    assert_eq!(
        change(&[("secret", "hunter2")]).await.errors(),
        "Secret length must between 16 and 200 characters"
    );
    assert_eq!(change(&[("secret", "")]).await.status, 204);
    assert_eq!(has_secret().await, json!(false), "a blank secret is removed");

    let unknown = server
        .post(
            "api/webhooks/update",
            &[("webhook", "no"), ("name", "n"), ("url", "bad")],
            &As::Admin,
        )
        .await;
    assert_eq!(unknown.errors(), "Url parameter with value 'bad' is not a valid url");
    let unknown = server
        .post("api/webhooks/delete", &[("webhook", "no")], &As::Admin)
        .await;
    assert_eq!(
        (unknown.status, unknown.errors().as_str()),
        (404, "No webhook with key 'no'")
    );
    assert_eq!(server.did("api/webhooks/delete", &[("webhook", key)]).await.status, 204);
    assert_eq!(
        server.get("api/webhooks/list?project=p", &As::Admin).await.json(),
        json!({"webhooks": []})
    );
}

#[tokio::test]
async fn a_webhook_cannot_call_inside_nor_be_the_eleventh() {
    let server = TestServer::start().await;
    let create = |url: &'static str| {
        let server = &server;
        async move {
            server
                .post("api/webhooks/create", &[("name", "n"), ("url", url)], &As::Admin)
                .await
        }
    };
    for inside in ["http://127.0.0.1/", "http://[::1]:8080/", "http://inside.example/"] {
        let refused = create(inside).await;
        assert_eq!(refused.status, 400, "{inside}");
        assert!(
            refused.errors().starts_with("Invalid URL: loopback, wildcard"),
            "{}",
            refused.text
        );
    }
    let allow = |list: &'static str| {
        let setting = [("key", "gatehook.webhooks.allowedTargets"), ("value", list)];
        let server = &server;
        async move { server.post("api/settings/set", &setting, &As::Admin).await }
    };
    assert_eq!(
        allow("10.0.0.0/8,10.1.2.3/16").await.errors(),
        "'10.0.0.0/8,10.1.2.3/16' is no list of targets: '10.1.2.3/16' has an address beyond its prefix; write 10.1.0.0/16 \
         for the network, or 10.1.2.3 for the address"
    );
    assert_eq!(create("http://inside.example/").await.status, 400, "nothing was set");
    assert_eq!(allow("10.0.0.0/8").await.status, 204);
    assert_eq!(create("http://inside.example/").await.status, 200);
    assert_eq!(create("http://127.0.0.1/").await.status, 400);
    server
        .did(
            "api/settings/set",
            &[("key", "sonar.validateWebhooks"), ("value", "false")],
        )
        .await;
    assert_eq!(create("http://127.0.0.1/").await.status, 200);
    for _ in 0..8 {
        assert_eq!(
            create("https://unknown.example/").await.status,
            200,
            "a name nobody knows is accepted"
        );
    }
    assert_eq!(
        create("https://hooks.example/").await.errors(),
        "Maximum number of global webhooks reached"
    );
    let missing = server
        .post(
            "api/webhooks/create",
            &[("name", "n"), ("url", "bad"), ("project", "none")],
            &As::Admin,
        )
        .await;
    assert_eq!(
        (missing.status, missing.errors().as_str()),
        (404, "Project 'none' not found")
    );
}

#[tokio::test]
async fn deliveries_are_asked_for_by_one_thing() {
    let server = TestServer::start().await;
    let refused = server.get("api/webhooks/deliveries", &As::Admin).await;
    assert_eq!(
        refused.errors(),
        "Either 'ceTaskId' or 'componentKey' or 'webhook' must be provided"
    );
    let empty = server
        .get("api/webhooks/deliveries?webhook=unknown", &As::Admin)
        .await
        .json();
    assert_eq!(
        empty,
        json!({"paging": {"pageIndex": 1, "pageSize": 10, "total": 0}, "deliveries": []})
    );
    let unknown = server.get("api/webhooks/delivery?deliveryId=x", &As::Admin).await;
    assert_eq!(
        (unknown.status, unknown.errors().as_str()),
        (404, "Webhook delivery not found")
    );
}

#[tokio::test]
async fn a_gate_is_built_chosen_and_removed() {
    let server = TestServer::start().await;
    server
        .did("api/projects/create", &[("project", "p"), ("name", "P")])
        .await;
    let list = server.get("api/qualitygates/list", &As::Admin).await.json();
    let built_in = &list["qualitygates"][0];
    assert_eq!(
        (&built_in["name"], &built_in["isDefault"], &built_in["isBuiltIn"]),
        (&json!("Sonar way"), &json!(true), &json!(true))
    );
    assert_eq!(
        (&built_in["actions"]["rename"], &built_in["actions"]["copy"]),
        (&json!(false), &json!(true))
    );
    assert_eq!(
        server
            .did("api/qualitygates/create", &[("name", "Strict")])
            .await
            .json(),
        json!({"name": "Strict"})
    );
    let again = server
        .post("api/qualitygates/create", &[("name", "Strict")], &As::Admin)
        .await;
    assert_eq!(again.errors(), "Name has already been taken");
    let made = server
        .did(
            "api/qualitygates/create_condition",
            &[
                ("gateName", "Strict"),
                ("metric", "coverage"),
                ("op", "LT"),
                ("error", "80"),
            ],
        )
        .await
        .json();
    assert_eq!(
        (&made["metric"], &made["op"], &made["error"]),
        (&json!("coverage"), &json!("LT"), &json!("80"))
    );
    let unknown = server
        .post(
            "api/qualitygates/create_condition",
            &[("gateName", "Strict"), ("metric", "no"), ("error", "1")],
            &As::Admin,
        )
        .await;
    assert_eq!(
        (unknown.status, unknown.errors().as_str()),
        (404, "There is no metric with key=no")
    );
    let id = made["id"].as_str().unwrap();
    let changed = server
        .did(
            "api/qualitygates/update_condition",
            &[("id", id), ("metric", "coverage"), ("op", "LT"), ("error", "90")],
        )
        .await;
    assert_eq!((changed.status, changed.json()["error"].clone()), (200, json!("90")));
    let shown = server.get("api/qualitygates/show?name=Strict", &As::Admin).await.json();
    assert_eq!(shown["conditions"][0]["id"], id);
    let refused = server
        .post(
            "api/qualitygates/create_condition",
            &[("gateName", "Sonar way"), ("metric", "bugs"), ("error", "1")],
            &As::Admin,
        )
        .await;
    assert_eq!(
        refused.status, 400,
        "the gate that comes with the system stays as it is"
    );

    let chosen = || async {
        server
            .get("api/qualitygates/get_by_project?project=p", &As::Admin)
            .await
            .json()["qualityGate"]
            .clone()
    };
    assert_eq!(chosen().await, json!({"name": "Sonar way", "default": true}));
    server
        .did(
            "api/qualitygates/select",
            &[("projectKey", "p"), ("gateName", "Strict")],
        )
        .await;
    assert_eq!(chosen().await, json!({"name": "Strict", "default": false}));
    server
        .did("api/qualitygates/set_as_default", &[("name", "Strict")])
        .await;
    let kept = server
        .post("api/qualitygates/destroy", &[("name", "Strict")], &As::Admin)
        .await;
    assert_eq!(kept.errors(), "The default quality gate cannot be removed");
    server
        .did("api/qualitygates/set_as_default", &[("name", "Sonar way")])
        .await;
    server.did("api/qualitygates/delete_condition", &[("id", id)]).await;
    server.did("api/qualitygates/destroy", &[("name", "Strict")]).await;
    assert_eq!(chosen().await, json!({"name": "Sonar way", "default": true}));
    let gone = server.get("api/qualitygates/show?name=Strict", &As::Admin).await;
    assert_eq!(
        (gone.status, gone.errors().as_str()),
        (404, "No quality gate has been found for name Strict")
    );
}

#[tokio::test]
async fn a_project_without_an_analysis_has_no_verdict_yet() {
    let server = TestServer::start().await;
    server
        .did("api/projects/create", &[("project", "p"), ("name", "P")])
        .await;
    let found = server
        .get("api/qualitygates/project_status?projectKey=p", &As::Admin)
        .await
        .json();
    assert_eq!(found["projectStatus"]["status"], "NONE");
    assert_eq!(found["projectStatus"]["conditions"], json!([]));
    let unknown = server
        .get("api/qualitygates/project_status?analysisId=x", &As::Admin)
        .await;
    assert_eq!(
        (unknown.status, unknown.errors().as_str()),
        (404, "Analysis with id 'x' is not found")
    );
    let both = server
        .get("api/qualitygates/project_status?projectKey=p&analysisId=x", &As::Admin)
        .await;
    assert_eq!(both.status, 400);
    let branch = server
        .get("api/qualitygates/project_status?projectKey=p&branch=none", &As::Admin)
        .await;
    assert_eq!(branch.errors(), "Component 'p' on branch 'none' not found");
}

#[tokio::test]
async fn measures_are_asked_for_by_metrics_that_exist() {
    let server = TestServer::start().await;
    server
        .did("api/projects/create", &[("project", "p"), ("name", "P")])
        .await;
    let unknown = server
        .get("api/measures/component?component=p&metricKeys=bugs,no,nope", &As::Admin)
        .await;
    assert_eq!(
        (unknown.status, unknown.errors().as_str()),
        (404, "The following metric keys are not found: no, nope")
    );
    let found = server
        .get(
            "api/measures/component?component=p&metricKeys=bugs&additionalFields=metrics",
            &As::Admin,
        )
        .await
        .json();
    assert_eq!(found["component"]["measures"], json!([]));
    assert_eq!(found["metrics"][0]["key"], "bugs");
    let missing = server
        .get(
            "api/measures/component?component=p:src/a.rs&metricKeys=bugs",
            &As::Admin,
        )
        .await;
    assert_eq!(
        (missing.status, missing.errors().as_str()),
        (404, "Component key 'p:src/a.rs' not found")
    );
    let metrics = server.get("api/metrics/search?ps=500", &As::Admin).await.json();
    assert_eq!(
        metrics["metrics"].as_array().unwrap().len() as u64,
        metrics["total"].as_u64().unwrap()
    );
}

#[tokio::test]
async fn settings_are_checked_inherited_and_put_back() {
    let server = TestServer::start().await;
    server
        .did("api/projects/create", &[("project", "p"), ("name", "P")])
        .await;
    let values = |path: &'static str| {
        let server = &server;
        async move { server.get(path, &As::Admin).await.json() }
    };
    let one = "api/settings/values?keys=sonar.qualitygate.ignoreSmallChanges";
    assert_eq!(values(one).await["settings"][0]["value"], "true");
    server
        .did(
            "api/settings/set",
            &[
                ("key", "sonar.qualitygate.ignoreSmallChanges"),
                ("value", "false"),
                ("component", "p"),
            ],
        )
        .await;
    let own = values("api/settings/values?keys=sonar.qualitygate.ignoreSmallChanges&component=p").await;
    assert_eq!(
        own["settings"],
        json!([{"key": "sonar.qualitygate.ignoreSmallChanges", "value": "false", "inherited": false}])
    );
    assert_eq!(values(one).await["settings"][0]["value"], "true");
    server
        .did(
            "api/settings/reset",
            &[("keys", "sonar.qualitygate.ignoreSmallChanges"), ("component", "p")],
        )
        .await;
    let back = values("api/settings/values?keys=sonar.qualitygate.ignoreSmallChanges&component=p").await;
    assert_eq!(back["settings"][0]["inherited"], json!(true));

    for (key, value) in [
        ("sonar.core.serverBaseURL", "ftp://x"),
        ("sonar.forceAuthentication", "maybe"),
        ("sonar.technicalDebt.ratingGrid", "1,2"),
        ("sonar.technicalDebt.developmentCost", "-3"),
    ] {
        let refused = server
            .post("api/settings/set", &[("key", key), ("value", value)], &As::Admin)
            .await;
        assert_eq!(refused.status, 400, "{key}");
    }
    server
        .did("api/settings/set", &[("key", "my.token.secured"), ("value", "hunter2")])
        .await;
    let all = server.get("api/settings/values", &As::Admin).await;
    assert!(!all.text.contains("hunter2"));
    assert_eq!(all.json()["setSecuredSettings"], json!(["my.token.secured"]));
}

#[tokio::test]
async fn a_report_is_taken_in_and_its_task_can_be_asked_for() {
    let server = TestServer::start().await;
    let submit = |bytes: Vec<u8>, accept: &'static str| {
        let server = &server;
        async move {
            let part = reqwest::multipart::Part::bytes(bytes).file_name("report.zip");
            let form = reqwest::multipart::Form::new()
                .part("report", part)
                .text("characteristic", "branch=dev");
            let request = server
                .request("POST", "api/ce/submit?projectKey=new&projectName=New", &As::Admin)
                .header("Accept", accept)
                .multipart(form);
            server.send(request).await
        }
    };
    assert_eq!(submit(Vec::new(), "*/*").await.status, 400);
    assert_eq!(submit(vec![0; 1001], "*/*").await.status, 413);
    assert_eq!(
        server.get("api/projects/search", &As::Admin).await.json()["paging"]["total"],
        0
    );
    let taken = submit(b"PK not really".to_vec(), "*/*").await;
    assert_eq!(taken.status, 200, "{}", taken.text);
    assert_eq!(server.tasks_woken.load(Ordering::SeqCst), 1);
    let id = taken.json()["taskId"].as_str().unwrap().to_owned();
    let task = server.get(&format!("api/ce/task?id={id}"), &As::Admin).await.json()["task"].clone();
    assert_eq!(
        (&task["status"], &task["branch"], &task["submitterLogin"]),
        (&json!("PENDING"), &json!("dev"), &json!("admin"))
    );
    assert_eq!(
        (&task["componentKey"], &task["componentName"]),
        (&json!("new"), &json!("New"))
    );
    assert!(task.get("analysisId").is_none());
    let queue = server.get("api/ce/component?component=new", &As::Admin).await.json();
    assert_eq!(queue["queue"][0]["id"], json!(id));
    assert!(queue.get("current").is_none());
    let pending = server
        .get("api/ce/activity?component=new&status=PENDING", &As::Admin)
        .await
        .json();
    assert_eq!(pending["paging"]["total"], 1);
    assert_eq!(
        server.get("api/ce/activity", &As::Admin).await.json()["tasks"],
        json!([])
    );
    let protobuf = submit(b"PK".to_vec(), "application/x-protobuf").await;
    assert_eq!(protobuf.header("content-type"), "application/x-protobuf");
    let unknown = server.get("api/ce/task?id=x", &As::Admin).await;
    assert_eq!(
        (unknown.status, unknown.errors().as_str()),
        (404, "No activity found for task 'x'")
    );
    let left: Vec<_> = std::fs::read_dir(server.folder())
        .unwrap()
        .filter(|entry| {
            entry
                .as_ref()
                .unwrap()
                .file_name()
                .to_string_lossy()
                .starts_with("report-")
        })
        .collect();
    assert!(left.is_empty(), "received files do not stay: {left:?}");
}

#[tokio::test]
async fn new_code_is_defined_and_taken_back() {
    let server = TestServer::start().await;
    server
        .did("api/projects/create", &[("project", "p"), ("name", "P")])
        .await;
    let show = || async {
        server
            .get("api/new_code_periods/show?project=p", &As::Admin)
            .await
            .json()
    };
    assert_eq!(
        show().await,
        json!({"projectKey": "p", "type": "PREVIOUS_VERSION", "inherited": true})
    );
    server
        .did(
            "api/new_code_periods/set",
            &[("project", "p"), ("type", "number_of_days"), ("value", "30")],
        )
        .await;
    assert_eq!(
        show().await,
        json!({"projectKey": "p", "type": "NUMBER_OF_DAYS", "value": "30", "inherited": false})
    );
    let refused = server
        .post(
            "api/new_code_periods/set",
            &[("type", "NUMBER_OF_DAYS"), ("value", "91")],
            &As::Admin,
        )
        .await;
    assert_eq!(refused.status, 400);
    server.did("api/new_code_periods/unset", &[("project", "p")]).await;
    assert_eq!(show().await["inherited"], json!(true));
    let global = server.get("api/new_code_periods/show", &As::Admin).await.json();
    assert_eq!(global, json!({"type": "PREVIOUS_VERSION", "inherited": false}));
}

#[tokio::test]
async fn the_web_api_describes_itself() {
    let server = TestServer::start().await;
    let list = server.get("api/webservices/list", &As::Admin).await.json();
    let services = list["webServices"].as_array().unwrap();
    let webhooks = services
        .iter()
        .find(|service| service["path"] == "api/webhooks")
        .unwrap();
    let create = webhooks["actions"]
        .as_array()
        .unwrap()
        .iter()
        .find(|action| action["key"] == "create")
        .unwrap();
    assert_eq!(create["post"], json!(true));
    let secret = create["params"]
        .as_array()
        .unwrap()
        .iter()
        .find(|param| param["key"] == "secret")
        .unwrap();
    assert_eq!(
        (&secret["minimumLength"], &secret["maximumLength"]),
        (&json!(16), &json!(200))
    );
    let ce = services.iter().find(|service| service["path"] == "api/ce").unwrap();
    assert!(
        ce["actions"]
            .as_array()
            .unwrap()
            .iter()
            .all(|action| action["key"] != "submit"),
        "internal ones are hidden"
    );
}

#[tokio::test]
async fn a_server_without_its_database_says_so() {
    let server = TestServer::start().await;
    server.test.store.clone().close().await;
    let status = server.get("api/system/status", &As::Anonymous).await;
    assert_eq!((status.status, &status.json()["status"]), (200, &json!("DOWN")));
    let refused = server.get("api/system/ping", &As::Admin).await;
    assert_eq!(refused.status, 503);
    assert_eq!(
        refused.errors(),
        "The server cannot answer at the moment. Try again later."
    );
    assert_eq!(
        refused.json()["requestId"].as_str().unwrap(),
        refused.header("x-request-id")
    );
}
