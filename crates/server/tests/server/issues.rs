//! Issues: finding them, and what happens when a person decides about one.

use gatehook_domain::analysis::Analysis;
use gatehook_domain::branch::BranchName;
use gatehook_domain::component::{Component, Qualifier};
use gatehook_domain::id::ComponentId;
use gatehook_domain::issue::{Issue, IssueType, Severity, Status, TextRange};
use gatehook_domain::key::ProjectKey;
use gatehook_domain::measure::Measures;
use gatehook_domain::rule::{CleanCodeAttribute, Rule, RuleKey};
use gatehook_domain::tally::Tally;
use gatehook_store::{StoreError, Tx, analysis, branch, component, issue, issue_count, measure, project, rule};
use serde_json::json;

use crate::support::{As, TestServer};

/// A project `p` with one analysis that found one bug in `src/a.py`; answers the issue's key.
pub(crate) async fn with_a_bug(server: &TestServer) -> String {
    server
        .did(
            "api/projects/create",
            &[("project", "p"), ("name", "P"), ("visibility", "private")],
        )
        .await;
    let planted = |tx: &mut Tx<'_>| plant(tx, IssueType::Bug, Status::Open);
    server.test.store.write(planted).await.unwrap()
}

fn plant(tx: &mut Tx<'_>, kind: IssueType, status: Status) -> Result<String, StoreError> {
    let now = tx.ambient().now();
    let project = project::by_key(tx, &ProjectKey::parse("p").unwrap())?.unwrap();
    let main = branch::by_name(tx, &project.id, &BranchName::Main)?.unwrap();
    let file = Component {
        id: tx.ambient().new_id(),
        branch: main.id.clone(),
        qualifier: Qualifier::File,
        path: "src/a.py".to_owned(),
        language: Some("py".to_owned()),
        enabled: true,
        line_hashes: Vec::new(),
    };
    component::upsert_many(tx, std::slice::from_ref(&file))?;
    let key = RuleKey::external("ruff", "F841").unwrap();
    rule::upsert_many(
        tx,
        &[Rule {
            key: key.clone(),
            name: "Unused variable".to_owned(),
            description: String::new(),
            kind,
            severity: Severity::Major,
            attribute: CleanCodeAttribute::Clear,
            impacts: std::collections::BTreeMap::default(),
        }],
    )?;
    let found = Issue {
        id: tx.ambient().new_id(),
        branch: main.id.clone(),
        component: file.id.clone(),
        rule: key,
        kind,
        severity: Severity::Major,
        manual_severity: false,
        status,
        resolution: None,
        impacts: std::collections::BTreeMap::default(),
        attribute: CleanCodeAttribute::Clear,
        message: "x is never used".to_owned(),
        range: Some(TextRange {
            start_line: 3,
            end_line: 3,
            start_offset: 0,
            end_offset: 5,
        }),
        line_hash: "abc".to_owned(),
        effort: 65,
        flows: Vec::new(),
        assignee: None,
        author: Some("me@example.org".to_owned()),
        tags: vec!["unused".to_owned()],
        created_at: now,
        updated_at: now,
        closed_at: None,
        on_changed_lines: false,
        before_close: None,
    };
    issue::insert_many(tx, std::slice::from_ref(&found))?;
    let root = ComponentId::root_of(&main.id);
    let tally = Tally::of(&found, false);
    for id in [&file.id, &root] {
        issue_count::put(tx, &main.id, id, &tally)?;
    }
    let mut measures = Measures::new();
    measures.set_int("bugs", 1);
    measures.set_text("alert_status", "OK");
    measure::put_many(
        tx,
        &[
            (main.id.clone(), file.id, Measures::new()),
            (main.id.clone(), root, measures.clone()),
        ],
    )?;
    let made = Analysis {
        id: tx.ambient().new_id(),
        project: project.id,
        branch: main.id.clone(),
        task: tx.ambient().new_id(),
        date: now,
        version: Some("1.0".to_owned()),
        build: None,
        revision: Some("0123456789abcdef".to_owned()),
        period: None,
        properties: std::collections::BTreeMap::default(),
    };
    analysis::insert(tx, &made, &measures)?;
    branch::set_last_analysis(tx, &main.id, &made.id)?;
    Ok(found.id.into())
}

#[tokio::test]
async fn an_issue_is_found_with_all_that_clients_read() {
    let server = TestServer::start().await;
    let key = with_a_bug(&server).await;
    let found = server
        .get(
            "api/issues/search?componentKeys=p&components=p&types=BUG&facets=types&additionalFields=_all&asc=no",
            &As::Admin,
        )
        .await;
    let body = found.json();
    assert_eq!(
        (&body["total"], &body["paging"]["total"], &body["effortTotal"]),
        (&json!(1), &json!(1), &json!(65))
    );
    let issue = &body["issues"][0];
    assert_eq!(
        issue,
        &json!({
            "key": key,
            "rule": "external_ruff:F841",
            "component": "p:src/a.py",
            "project": "p",
            "severity": "MAJOR",
            "type": "BUG",
            "status": "OPEN",
            "issueStatus": "OPEN",
            "line": 3,
            "hash": "abc",
            "textRange": {"startLine": 3, "endLine": 3, "startOffset": 0, "endOffset": 5},
            "flows": [],
            "message": "x is never used",
            "messageFormattings": [],
            "effort": "1h5min",
            "debt": "1h5min",
            "author": "me@example.org",
            "tags": ["unused"],
            "internalTags": [],
            "creationDate": "2026-01-31T10:34:21+0000",
            "updateDate": "2026-01-31T10:34:21+0000",
            "cleanCodeAttribute": "CLEAR",
            "cleanCodeAttributeCategory": "INTENTIONAL",
            "impacts": [],
            "scope": "MAIN",
            "quickFixAvailable": false,
            "prioritizedRule": false,
            "codeVariants": [],
            "externalRuleEngine": "ruff",
            "transitions": issue["transitions"],
        })
    );
    assert!(
        issue["transitions"]
            .as_array()
            .unwrap()
            .contains(&json!("falsepositive"))
    );
    assert_eq!(
        body["rules"],
        json!([{"key": "external_ruff:F841", "name": "Unused variable", "status": "READY"}])
    );
    assert_eq!(
        body["facets"],
        json!([{"property": "types", "values": body["facets"][0]["values"]}])
    );
    let keys: Vec<_> = body["components"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["key"].clone())
        .collect();
    assert!(
        keys.contains(&json!("p")) && keys.contains(&json!("p:src/a.py")),
        "{keys:?}"
    );

    let total = |query: &'static str| {
        let server = &server;
        async move {
            server
                .get(&format!("api/issues/search?{query}"), &As::Admin)
                .await
                .json()["total"]
                .clone()
        }
    };
    assert_eq!(total("").await, 1);
    assert_eq!(total("components=p:src/a.py").await, 1);
    assert_eq!(total("projects=p&resolved=yes").await, 0);
    assert_eq!(
        total("projects=p&resolutions=").await,
        1,
        "an empty parameter is not given"
    );
    assert_eq!(total("issues=unknown").await, 0);
    assert_eq!(total("components=unknown").await, 0);
    assert_eq!(total("createdBefore=2026-01-31").await, 1, "a day means all of it");
    assert_eq!(total("createdBefore=2026-01-30").await, 0);
    let beyond = server.get("api/issues/search?p=21&ps=500", &As::Admin).await;
    assert_eq!(
        beyond.errors(),
        "Can return only the first 10000 results. 10500th result asked."
    );
}

#[tokio::test]
async fn a_person_decides_about_an_issue() {
    let server = TestServer::start().await;
    let key = with_a_bug(&server).await;
    let decided = server
        .did(
            "api/issues/do_transition",
            &[("issue", &key), ("transition", "falsepositive")],
        )
        .await;
    let body = decided.json();
    assert_eq!(body["issue"]["issueStatus"], "FALSE_POSITIVE");
    assert_eq!(
        (&body["issue"]["status"], &body["issue"]["resolution"]),
        (&json!("RESOLVED"), &json!("FALSE-POSITIVE"))
    );
    assert_eq!(
        (body["rules"].as_array().unwrap().len(), &body["users"]),
        (1, &json!([]))
    );
    let bugs = server
        .get("api/measures/component?component=p&metricKeys=bugs", &As::Admin)
        .await
        .json();
    assert_eq!(
        bugs["component"]["measures"][0],
        json!({"metric": "bugs", "value": "0", "bestValue": true})
    );

    let unknown = server
        .post(
            "api/issues/do_transition",
            &[("issue", "x"), ("transition", "confirm")],
            &As::Admin,
        )
        .await;
    assert_eq!(
        (unknown.status, unknown.errors().as_str()),
        (404, "Issue with key 'x' does not exist")
    );
    let impossible = server
        .post(
            "api/issues/do_transition",
            &[("issue", &key), ("transition", "confirm")],
            &As::Admin,
        )
        .await;
    assert_eq!(impossible.status, 400);
    server
        .did("api/issues/do_transition", &[("issue", &key), ("transition", "reopen")])
        .await;
    let changed = server
        .did("api/issues/set_severity", &[("issue", &key), ("severity", "BLOCKER")])
        .await;
    assert_eq!(changed.json()["issue"]["severity"], "BLOCKER");
    let changed = server
        .did("api/issues/set_type", &[("issue", &key), ("type", "CODE_SMELL")])
        .await;
    assert_eq!(changed.json()["issue"]["type"], "CODE_SMELL");
    let none = server
        .post("api/issues/set_severity", &[("issue", &key)], &As::Admin)
        .await;
    assert_eq!(none.status, 400);
}

#[tokio::test]
async fn an_impact_is_given_in_the_place_of_a_severity() {
    let server = TestServer::start().await;
    let key = with_a_bug(&server).await;
    let refused = async |form: &[(&str, &str)]| {
        let form = [&[("issue", key.as_str())], form].concat();
        let reply = server.post("api/issues/set_severity", &form, &As::Admin).await;
        assert_eq!(reply.status, 400, "{}", reply.text);
        reply.errors()
    };
    let impact = ("impact", "RELIABILITY=HIGH");
    assert_eq!(refused(&[]).await, "Either 'severity' or 'impact' must be provided");
    assert_eq!(
        refused(&[("severity", "MINOR"), impact]).await,
        "Either 'severity' or 'impact' can be provided, not both"
    );
    for odd in ["RELIABILITY", "SPEED=HIGH", "RELIABILITY=WORSE"] {
        assert_eq!(
            refused(&[("impact", odd)]).await,
            format!("Invalid impact format: {odd}")
        );
    }
    assert_eq!(refused(&[impact]).await, "Issue does not support impact RELIABILITY");
}

#[tokio::test]
async fn issues_of_private_projects_are_not_for_everybody() {
    let server = TestServer::start().await;
    let key = with_a_bug(&server).await;
    server
        .did(
            "api/settings/set",
            &[("key", "sonar.forceAuthentication"), ("value", "false")],
        )
        .await;
    let all = server.get("api/issues/search", &As::Anonymous).await;
    assert_eq!((all.status, &all.json()["total"]), (200, &json!(0)));
    assert_eq!(
        server
            .get("api/issues/search?components=p", &As::Anonymous)
            .await
            .status,
        401
    );
    let by_key = server
        .get(&format!("api/issues/search?issues={key}"), &As::Anonymous)
        .await
        .json();
    assert_eq!(by_key["total"], 0);
    let reply = server
        .post(
            "api/issues/do_transition",
            &[("issue", &key), ("transition", "accept")],
            &As::Anonymous,
        )
        .await;
    assert_eq!(
        (reply.status, reply.errors().as_str()),
        (401, "Authentication is required")
    );
}

#[tokio::test]
async fn the_page_of_a_project_shows_its_last_analysis() {
    let server = TestServer::start().await;
    with_a_bug(&server).await;
    let page = server.get("dashboard?id=p", &As::Admin).await;
    assert_eq!(page.status, 200);
    for shown in ["2026-01-31 10:34 UTC", "1.0", "0123456789ab", "Sonar way"] {
        assert!(page.text.contains(shown), "{shown}: {}", page.text);
    }
    let component = server
        .get("api/components/show?component=p:src/a.py", &As::Admin)
        .await
        .json();
    assert_eq!(component["component"]["path"], "src/a.py");
    assert_eq!(component["ancestors"][0]["analysisDate"], "2026-01-31T10:34:21+0000");
}

#[tokio::test]
async fn a_hotspot_is_found_apart_from_issues_and_reviewed() {
    let server = TestServer::start().await;
    server
        .did("api/projects/create", &[("project", "p"), ("name", "P")])
        .await;
    let planted = |tx: &mut Tx<'_>| plant(tx, IssueType::SecurityHotspot, Status::ToReview);
    let key = server.test.store.write(planted).await.unwrap();
    let search = |query: &'static str| {
        let server = &server;
        async move { server.get(&format!("api/hotspots/search?{query}"), &As::Admin).await }
    };
    let found = search("projectKey=p").await.json();
    assert_eq!(found["paging"]["total"], 1);
    assert_eq!(
        found["hotspots"][0],
        json!({
            "key": key,
            "component": "p:src/a.py",
            "project": "p",
            "securityCategory": "others",
            "vulnerabilityProbability": "LOW",
            "status": "TO_REVIEW",
            "line": 3,
            "message": "x is never used",
            "author": "me@example.org",
            "creationDate": "2026-01-31T10:34:21+0000",
            "updateDate": "2026-01-31T10:34:21+0000",
            "textRange": {"startLine": 3, "endLine": 3, "startOffset": 0, "endOffset": 5},
            "flows": [],
            "ruleKey": "external_ruff:F841",
            "messageFormattings": [],
        })
    );
    assert!(found["components"].as_array().unwrap().len() >= 2);
    let issues = server.get("api/issues/search?components=p", &As::Admin).await.json();
    assert_eq!(issues["total"], 0);
    let by_key = server
        .get(&format!("api/hotspots/search?hotspots={key}"), &As::Admin)
        .await;
    assert_eq!(by_key.json()["paging"]["total"], 1);
    assert_eq!(
        search("").await.errors(),
        "A value must be provided for either parameter 'project' or parameter 'hotspots'"
    );
    assert_eq!(search("project=none").await.status, 404);
    assert_eq!(search("project=p&onlyMine=true").await.json()["paging"]["total"], 0);

    let change = |status: &'static str, resolution: &'static str| {
        let (server, key) = (&server, &key);
        async move {
            let form = [
                ("hotspot", key.as_str()),
                ("status", status),
                ("resolution", resolution),
            ];
            server.post("api/hotspots/change_status", &form, &As::Admin).await
        }
    };
    assert_eq!(change("REVIEWED", "").await.status, 400);
    assert_eq!(change("TO_REVIEW", "SAFE").await.status, 400);
    assert_eq!(
        change("TO_REVIEW", "").await.status,
        204,
        "what is already so is no error"
    );
    assert_eq!(change("REVIEWED", "SAFE").await.status, 204);
    let shown = server
        .get(&format!("api/hotspots/show?hotspot={key}"), &As::Admin)
        .await
        .json();
    assert_eq!(
        (&shown["status"], &shown["resolution"], &shown["canChangeStatus"]),
        (&json!("REVIEWED"), &json!("SAFE"), &json!(true))
    );
    assert_eq!(
        (
            &shown["component"]["path"],
            &shown["project"]["key"],
            &shown["rule"]["name"]
        ),
        (&json!("src/a.py"), &json!("p"), &json!("Unused variable"))
    );
    let reviewed = search("project=p&status=REVIEWED&resolution=SAFE").await.json();
    assert_eq!(reviewed["hotspots"][0]["resolution"], "SAFE");
    assert_eq!(search("project=p&status=TO_REVIEW").await.json()["hotspots"], json!([]));
    assert_eq!(change("TO_REVIEW", "").await.status, 204);
    assert_eq!(search("project=p&status=TO_REVIEW").await.json()["paging"]["total"], 1);
    let unknown = server
        .post(
            "api/hotspots/change_status",
            &[("hotspot", "x"), ("status", "TO_REVIEW")],
            &As::Admin,
        )
        .await;
    assert_eq!(
        (unknown.status, unknown.errors().as_str()),
        (404, "Hotspot 'x' does not exist")
    );
}
