//! What clients of the Web API ask beside the main path: libraries, exporters, portals.

use gatehook_domain::key::ProjectKey;
use gatehook_domain::user::ProjectPermission;
use gatehook_store::{StoreError, Tx, permission, project, user};
use serde_json::json;

use crate::issues::with_a_bug;
use crate::support::{As, TestServer};

/// Takes from everybody who is logged in the right to see `p`, which new projects give them.
fn hide_from_users(tx: &mut Tx<'_>) -> Result<(), StoreError> {
    let project = project::by_key(tx, &ProjectKey::parse("p").unwrap())?.unwrap();
    let everybody = user::group_by_name(tx, permission::USERS)?.unwrap();
    permission::revoke_group(tx, &everybody, ProjectPermission::Browse.as_str(), Some(&project.id))?;
    Ok(())
}

#[tokio::test]
async fn a_client_learns_who_it_is() {
    let server = TestServer::start().await;
    let me = server.get("api/users/current", &As::Admin).await.json();
    assert_eq!(me["isLoggedIn"], true);
    assert_eq!(me["login"], "admin");
    assert!(
        me["permissions"]["global"]
            .as_array()
            .unwrap()
            .contains(&json!("admin"))
    );
    let frame = server.get("api/navigation/global", &As::Admin).await.json();
    assert_eq!(
        (&frame["canAdmin"], &frame["edition"]),
        (&json!(true), &json!("community"))
    );
    let scanner = server.token("scan", "GLOBAL_ANALYSIS_TOKEN", "").await;
    let it = server.get("api/users/current", &scanner).await.json();
    assert_eq!(it["permissions"]["global"], json!(["provisioning", "scan"]));
    assert_eq!(server.get("api/users/current", &As::Anonymous).await.status, 401);
}

#[tokio::test]
async fn projects_are_listed_to_those_who_may_see_them() {
    let server = TestServer::start().await;
    with_a_bug(&server).await;
    server
        .did("api/projects/create", &[("project", "open"), ("name", "Open")])
        .await;
    server
        .did(
            "api/users/create",
            &[("login", "eve"), ("name", "Eve"), ("password", "hunter2 long enough!")],
        )
        .await;
    let eve = As::Basic("eve".to_owned(), "hunter2 long enough!".to_owned());
    server.test.store.write(hide_from_users).await.unwrap();
    server
        .did(
            "api/permissions/add_user",
            &[("login", "admin"), ("permission", "user"), ("projectKey", "p")],
        )
        .await;
    let all = server
        .get("api/components/search?qualifiers=TRK", &As::Admin)
        .await
        .json();
    assert_eq!(all["paging"], json!({"pageIndex": 1, "pageSize": 100, "total": 2}));
    let seen = server.get("api/components/search?qualifiers=TRK", &eve).await.json();
    assert_eq!(
        seen["components"],
        json!([{"key": "open", "name": "Open", "qualifier": "TRK", "project": "open"}])
    );
    let named = server
        .get("api/components/search?qualifiers=TRK&q=OPE", &As::Admin)
        .await
        .json();
    assert_eq!(named["paging"]["total"], 1);
    let none = server.get("api/components/search", &As::Admin).await;
    assert_eq!(none.errors(), "The 'qualifiers' parameter is missing");

    let portal = "api/components/search_projects?ps=100&filter=qualifier%3DTRK";
    let seen = server.get(portal, &eve).await.json();
    assert_eq!(seen["paging"]["total"], 1);
    assert_eq!(seen["components"][0]["key"], "open");
    let dated = server.get(&format!("{portal}&f=analysisDate"), &As::Admin).await.json();
    assert!(dated["components"][1]["analysisDate"].is_string(), "{dated}");

    // The same holds for the projects of a gate.
    for project in ["p", "open"] {
        server
            .did(
                "api/qualitygates/select",
                &[("gateName", "Sonar way"), ("projectKey", project)],
            )
            .await;
    }
    let gate = "api/qualitygates/search?gateName=Sonar%20way";
    let all = server
        .get(&format!("{gate}&page=1&pageSize=10"), &As::Admin)
        .await
        .json();
    assert_eq!(all["paging"], json!({"pageIndex": 1, "pageSize": 10, "total": 2}));
    let seen = server.get(gate, &eve).await.json();
    assert_eq!(
        seen["results"],
        json!([{"key": "open", "name": "Open", "selected": true}])
    );
    assert_eq!(
        server
            .get(&format!("{gate}&selected=deselected"), &As::Admin)
            .await
            .json()["paging"]["total"],
        0
    );
    for hidden in [
        "api/navigation/component?component=p",
        "api/project_analyses/search?project=p",
        "api/measures/search_history?component=p&metrics=bugs",
    ] {
        assert_eq!(server.get(hidden, &eve).await.status, 403, "{hidden}");
    }
}

#[tokio::test]
async fn the_branches_and_the_past_of_a_project_are_told() {
    let server = TestServer::start().await;
    with_a_bug(&server).await;
    let listed = server
        .get("api/project_branches/list?project=p", &As::Admin)
        .await
        .json();
    assert_eq!(listed["branches"].as_array().unwrap().len(), 1);
    assert_eq!(listed["branches"][0]["name"], "main");
    assert_eq!(listed["branches"][0]["isMain"], true);
    assert_eq!(listed["branches"][0]["type"], "BRANCH");
    let date = &listed["branches"][0]["analysisDate"];
    assert!(date.is_string(), "{listed}");
    let framed = server
        .get("api/navigation/component?component=p", &As::Admin)
        .await
        .json();
    assert_eq!(
        (&framed["name"], &framed["analysisDate"], &framed["version"]),
        (&json!("P"), date, &json!("1.0"))
    );
    assert_eq!(framed["qualityGate"]["name"], "Sonar way");

    let past = server
        .get("api/project_analyses/search?project=p", &As::Admin)
        .await
        .json();
    assert_eq!(past["paging"]["total"], 1);
    assert_eq!(&past["analyses"][0]["date"], date);
    assert!(past["analyses"][0]["key"].is_string());
    let day = &date.as_str().unwrap()[..10];
    let until = |end: &str| format!("api/project_analyses/search?project=p&to={end}");
    let through = server.get(&until(day), &As::Admin).await.json();
    assert_eq!(through["paging"]["total"], 1, "the last day belongs to the period");
    let before = server.get(&until("2001-01-01"), &As::Admin).await.json();
    assert_eq!(before["analyses"], json!([]));

    let history = server
        .get(
            "api/measures/search_history?component=p&metrics=bugs,coverage",
            &As::Admin,
        )
        .await
        .json();
    assert_eq!(history["measures"][0]["metric"], "bugs");
    assert_eq!(history["measures"][0]["history"][0]["value"], "1");
    assert_eq!(history["measures"][1]["history"], json!([{ "date": date }]));
    let unknown = server
        .get("api/measures/search_history?component=p&metrics=bugs,nope", &As::Admin)
        .await;
    assert_eq!(unknown.status, 404);
    assert_eq!(unknown.errors(), "The following metric keys are not found: nope");
}

#[tokio::test]
async fn the_rule_of_an_issue_can_be_asked_for() {
    let server = TestServer::start().await;
    with_a_bug(&server).await;
    let shown = server
        .get("api/rules/show?key=external_ruff:F841", &As::Admin)
        .await
        .json();
    let rule = &shown["rule"];
    assert_eq!(rule["name"], "Unused variable");
    assert_eq!(rule["repo"], "external_ruff");
    assert_eq!(rule["isExternal"], true);
    assert_eq!(rule["htmlDesc"], "");
    let missing = server.get("api/rules/show?key=external_ruff:X1", &As::Admin).await;
    assert_eq!(missing.status, 404);
    assert_eq!(missing.errors(), "Rule not found: external_ruff:X1");

    let found = async |query: &str| {
        let reply = server.get(&format!("api/rules/search?{query}"), &As::Admin).await;
        let body = reply.json();
        (body["total"].clone(), body["rules"].as_array().unwrap().len())
    };
    // Clients send more than this server narrows by.
    assert_eq!(
        found("activation=true&f=name,htmlDesc&types=BUG&ps=500&p=1").await,
        (json!(1), 1)
    );
    assert_eq!(found("types=VULNERABILITY").await, (json!(0), 0));
    assert_eq!(
        found("severities=MAJOR&repositories=external_ruff").await,
        (json!(1), 1)
    );
    assert_eq!(found("repositories=external_eslint").await, (json!(0), 0));
    assert_eq!(found("rule_key=external_ruff:F841").await, (json!(1), 1));
    assert_eq!(found("p=2").await, (json!(1), 0));
}

#[tokio::test]
async fn the_second_web_api_tells_its_level_and_its_health() {
    let server = TestServer::start().await;
    let level = server.get("api/v2/analysis/version", &As::Anonymous).await;
    let older = server.get("api/server/version", &As::Anonymous).await;
    assert_eq!((level.status, level.text), (200, older.text));
    let health = server.get("api/v2/system/health", &As::Admin).await;
    assert_eq!(health.json(), json!({"status": "GREEN", "causes": []}));
    assert_eq!(server.get("api/v2/system/health", &As::Anonymous).await.status, 401);
}

#[tokio::test]
async fn the_settings_there_are_can_be_listed() {
    let server = TestServer::start().await;
    let listed = server.get("api/settings/list_definitions", &As::Admin).await.json();
    let definitions = listed["definitions"].as_array().unwrap();
    let guard = definitions
        .iter()
        .find(|definition| definition["key"] == "sonar.validateWebhooks")
        .unwrap();
    assert_eq!(guard["type"], "BOOLEAN");
    assert_eq!(guard["defaultValue"], "true");
    assert_eq!(guard["multiValues"], false);
    assert_eq!(
        (&guard["name"], &guard["category"]),
        (&json!("Enable local webhooks validation"), &json!("security"))
    );
}
