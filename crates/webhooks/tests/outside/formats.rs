//! Each format, taken by a strict stand-in for its service.

use gatehook_domain::webhook::{EventKind, Format, FormatKind, FormatParts};
use gatehook_webhooks::format::{FormatError, render};
use proptest::prelude::*;
use rstest::rstest;
use serde_json::{Value, json};

use crate::events::{COMMIT, Names, events, hostile};
use crate::schema::Refused;
use crate::service::{self, Service, Taken};
use crate::stand_in::{Called, StandIn};

/// A format, its service, and where that is called.
pub(crate) struct Case {
    pub(crate) format: Format,
    pub(crate) service: Service,
    pub(crate) path: &'static str,
}

pub(crate) fn case(kind: FormatKind) -> Case {
    let token = |token: &str, project: Option<&str>| FormatParts {
        token: Some(token.into()),
        project: project.map(str::to_owned),
        ..FormatParts::default()
    };
    let (parts, service, path): (FormatParts, Service, &str) = match kind {
        FormatKind::Slack => (FormatParts::default(), service::slack, "/services/T000/B000/XXX"),
        FormatKind::MicrosoftTeams => (FormatParts::default(), service::teams, "/workflows/hook"),
        FormatKind::Discord => (FormatParts::default(), service::discord, "/api/webhooks/1/token"),
        FormatKind::Mattermost => (FormatParts::default(), service::mattermost, "/hooks/xxx"),
        FormatKind::GitHubStatus => (
            token("github_pat_0123456789", None),
            service::github,
            "/repos/acme/shop/",
        ),
        FormatKind::GitLabStatus => (
            token("glpat-0123456789", Some("acme/back/shop")),
            service::gitlab,
            "/api/v4",
        ),
        FormatKind::Template => (
            FormatParts {
                body: Some(service::hub::template()),
                path: Some(service::hub::PATH.to_owned()),
                ..FormatParts::default()
            },
            service::hub,
            "/api",
        ),
        FormatKind::SonarQube => panic!("it has receivers of its own"),
    };
    Case {
        format: Format::new(kind, parts).unwrap(),
        service,
        path,
    }
}

impl Case {
    fn call(&self, event: EventKind, payload: &Value) -> Result<Called, Refused> {
        let url = format!("http://stand-in{}", self.path);
        Called::made(&self.format, &url, event, payload.to_string().as_bytes())
    }

    fn taken(&self, event: EventKind, payload: &Value) -> Result<Taken, Refused> {
        (self.service)(&self.call(event, payload)?)
    }
}

#[rstest]
#[case::slack(FormatKind::Slack)]
#[case::teams(FormatKind::MicrosoftTeams)]
#[case::discord(FormatKind::Discord)]
#[case::mattermost(FormatKind::Mattermost)]
#[case::github(FormatKind::GitHubStatus)]
#[case::gitlab(FormatKind::GitLabStatus)]
#[case::template(FormatKind::Template)]
#[tokio::test]
async fn every_event_is_taken_whatever_the_names_are(#[case] kind: FormatKind) {
    let case = case(kind);
    let mut service = StandIn::start(case.service).await;
    for (number, mut names) in hostile().into_iter().enumerate() {
        if kind == FormatKind::Template {
            // Nothing cuts what a template puts into a path, so here names are as long as they can be.
            names.key = names.key.chars().take(400).collect();
            names.branch = names.branch.chars().take(255).collect();
        }
        let conditions = [1, 200][number % 2];
        for (event, payload) in events(&names, conditions) {
            let call = case.call(event, &payload).unwrap();
            let (status, taken) = service.call(&call).await;
            let taken = taken.unwrap_or_else(|refused| panic!("{event}, {names:?}: {refused}"));
            assert_eq!(status, taken.status);
            assert!((200..300).contains(&status));
        }
    }
}

/// The words by which people tell what happened, in the order of `events`.
const TOLD: [&str; 7] = [
    "quality gate failed",
    "quality gate passed",
    "analysed without a quality gate",
    "analysis failed",
    "quality gate does not pass any more",
    "quality gate passes again",
    "Test: ",
];

#[rstest]
#[case::slack(FormatKind::Slack)]
#[case::teams(FormatKind::MicrosoftTeams)]
#[case::discord(FormatKind::Discord)]
#[case::mattermost(FormatKind::Mattermost)]
fn people_read_what_happened_where_and_why(#[case] kind: FormatKind) {
    let case = case(kind);
    let names = Names {
        key: "org.acme:shop".to_owned(),
        project: "Shop <Grün> & \"Söhne\" @all".to_owned(),
        branch: "fix/*_~`#1".to_owned(),
        gate: "Sonar [way](x)".to_owned(),
    };
    for (number, (event, payload)) in events(&names, 25).into_iter().enumerate() {
        let seen = case.taken(event, &payload).unwrap().seen.join("\n");
        let has = |text: &str| assert!(seen.contains(text), "{text:?} is not in {seen}");
        has(TOLD[number]);
        has(&names.project);
        if payload.get("branch").is_some_and(|branch| branch.get("name").is_some()) {
            has(&names.branch);
        }
        if let Some(gate) = payload.get("qualityGate") {
            has(&names.gate);
            if gate["status"] == "ERROR" {
                // The second condition of the sample: number 1, LESS_THAN, threshold 1.
                has(": 1 (at least 1)");
                has("… and 5 more");
            }
        }
        assert_eq!(seen.contains("Nothing happened"), event == EventKind::Ping);
    }
}

#[rstest]
#[case::github(FormatKind::GitHubStatus, ["failure", "success", "success", "error", "failure", "success", "failure"])]
#[case::gitlab(FormatKind::GitLabStatus, ["failed", "success", "success", "failed", "failed", "success", "failed"])]
fn a_commit_gets_the_status_of_its_gate(#[case] kind: FormatKind, #[case] states: [&str; 7]) {
    let case = case(kind);
    let names = Names::all("shop");
    for (number, (event, payload)) in events(&names, 3).into_iter().enumerate() {
        let seen = case.taken(event, &payload).unwrap().seen;
        assert_eq!(seen[0], states[number], "{payload}");
        // A test must not decide what a required status says.
        let expected = if event == EventKind::Ping {
            "gatehook/quality-gate (test)"
        } else {
            "gatehook/quality-gate"
        };
        assert_eq!(seen[1], expected);
    }
}

#[test]
fn a_status_says_what_went_wrong_first() {
    let names = Names::all("shop");
    let (event, mut payload) = events(&names, 0).remove(0);
    payload["qualityGate"]["conditions"] = json!([
        {"metric": "new_coverage", "operator": "LESS_THAN", "value": "74.0", "status": "ERROR", "errorThreshold": "80"},
        {"metric": "new_violations", "operator": "GREATER_THAN", "value": "0", "status": "OK", "errorThreshold": "0"},
        {"metric": "new_reliability_rating", "operator": "GREATER_THAN", "value": "3", "status": "ERROR", "errorThreshold": "1"},
        {"metric": "new_security_rating", "operator": "GREATER_THAN", "value": "2", "status": "ERROR", "errorThreshold": "1"},
    ]);
    let seen = case(FormatKind::GitLabStatus).taken(event, &payload).unwrap().seen;
    assert_eq!(
        seen[2],
        "Quality gate failed: Coverage on New Code: 74.0% (at least 80%), Reliability Rating on New Code: C (must be A), 1 more"
    );
}

#[rstest]
#[case::github(FormatKind::GitHubStatus)]
#[case::gitlab(FormatKind::GitLabStatus)]
fn without_a_commit_there_is_no_status(#[case] kind: FormatKind) {
    let case = case(kind);
    let (event, mut payload) = events(&Names::all("shop"), 1).remove(0);
    let refused = |payload: &Value| render(&case.format, event, payload.to_string().as_bytes()).unwrap_err();
    payload["revision"] = json!("r4711");
    assert_eq!(refused(&payload), FormatError::NotACommit("r4711".to_owned()));
    payload["revision"] = json!("../../../user");
    assert_eq!(refused(&payload), FormatError::NotACommit("../../../user".to_owned()));
    payload.as_object_mut().unwrap().remove("revision");
    assert_eq!(refused(&payload), FormatError::NoRevision);
    payload["revision"] = json!(COMMIT.to_ascii_uppercase());
    assert!(case.taken(event, &payload).is_ok());
}

#[test]
fn a_branch_is_told_to_gitlab_as_it_is_or_not_at_all() {
    let case = case(FormatKind::GitLabStatus);
    let reference = |branch: &str| {
        let (event, payload) = events(&Names::all(branch), 1).remove(2);
        let call = case.call(event, &payload).unwrap();
        serde_json::from_slice::<Value>(&call.body).unwrap().get("ref").cloned()
    };
    assert_eq!(reference("feature/ü"), Some(json!("feature/ü")));
    assert_eq!(reference(&"x".repeat(255)), Some(json!("x".repeat(255))));
    assert_eq!(reference(&"x".repeat(256)), None);
    let (event, pull_request) = events(&Names::all("17"), 1).remove(0);
    let call = case.call(event, &pull_request).unwrap();
    assert!(!String::from_utf8(call.body).unwrap().contains("\"ref\""));
}

#[test]
fn the_default_is_sonarqubes_body_byte_for_byte() {
    for (event, payload) in events(&Names::all("shop"), 3) {
        let bytes = payload.to_string().into_bytes();
        let rendered = render(&Format::default(), event, &bytes).unwrap();
        assert_eq!((rendered.body, rendered.path), (bytes, None));
        assert_eq!(rendered.content_type, "application/json; charset=utf-8");
    }
}

#[test]
fn a_body_without_a_link_is_taken_too() {
    for kind in FormatKind::ALL
        .iter()
        .filter(|kind| !matches!(kind, FormatKind::SonarQube | FormatKind::Template))
    {
        let (event, mut payload) = events(&Names::all("shop"), 1).remove(0);
        for at in ["/serverUrl", "/project/url", "/branch/url"] {
            *payload.pointer_mut(at).unwrap() = json!("ftp://nowhere");
        }
        case(*kind).taken(event, &payload).unwrap();
    }
}

/// A stand-in that takes everything would prove nothing.
#[rstest]
#[case(FormatKind::Slack, |body: &mut Value| body["blocks"][0]["text"]["text"] = json!("x".repeat(151)))]
#[case(FormatKind::Slack, |body: &mut Value| body["blocks"][0]["text"]["text"] = json!("<!channel>"))]
#[case(FormatKind::Slack, |body: &mut Value| body["blocks"] = json!(vec![body["blocks"][0].clone(); 51]))]
#[case(FormatKind::MicrosoftTeams, |body: &mut Value| body["attachments"][0]["content"]["fallbackText"] = json!("x".repeat(29_000)))]
#[case(FormatKind::MicrosoftTeams, |body: &mut Value| body["attachments"][0]["content"]["body"][0]["type"] = json!("TextBlock"))]
#[case(FormatKind::Discord, |body: &mut Value| body["embeds"][0]["title"] = json!("*bold*"))]
#[case(FormatKind::Discord, |body: &mut Value| body["embeds"][0]["title"] = json!("x".repeat(257)))]
#[case(FormatKind::Discord, |body: &mut Value| body["allowed_mentions"] = json!({"parse": ["everyone"]}))]
#[case(FormatKind::Mattermost, |body: &mut Value| body["attachments"][0]["fallback"] = json!("@all"))]
#[case(FormatKind::GitHubStatus, |body: &mut Value| body["description"] = json!("x".repeat(141)))]
#[case(FormatKind::GitHubStatus, |body: &mut Value| body["state"] = json!("failed"))]
#[case(FormatKind::GitLabStatus, |body: &mut Value| body["ref"] = json!("x".repeat(256)))]
fn the_stand_ins_refuse_what_the_services_refuse(#[case] kind: FormatKind, #[case] spoil: fn(&mut Value)) {
    let case = case(kind);
    let (event, payload) = events(&Names::all("shop"), 1).remove(0);
    let mut call = case.call(event, &payload).unwrap();
    (case.service)(&call).unwrap();
    let mut body: Value = serde_json::from_slice(&call.body).unwrap();
    spoil(&mut body);
    call.body = body.to_string().into_bytes();
    assert!((case.service)(&call).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn no_name_makes_a_call_that_a_service_refuses(
        key in any::<String>(),
        project in "\\PC{0,400}",
        branch in "[ -~]{0,300}",
        gate in any::<String>(),
        conditions in 0_usize..25,
    ) {
        let names = Names { key, project, branch, gate };
        for kind in FormatKind::ALL.iter().filter(|kind| !matches!(kind, FormatKind::SonarQube | FormatKind::Template)) {
            let case = case(*kind);
            for (event, payload) in events(&names, conditions) {
                if let Err(refused) = case.taken(event, &payload) {
                    return Err(TestCaseError::fail(format!("{kind}, {event}: {refused}")));
                }
            }
        }
    }
}
