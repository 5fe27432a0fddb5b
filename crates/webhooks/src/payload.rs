//! The body of a call: one compact JSON object, from what happened to bytes. Pure, and the only place that knows
//! the order of its members, which is the order of the fields of the structs below.

use std::collections::BTreeMap;

use gatehook_domain::Timestamp;
use gatehook_domain::analysis::Analysis;
use gatehook_domain::branch::{Branch, BranchKind, BranchName};
use gatehook_domain::gate::{ConditionStatus, ConditionVerdict, GateStatus, Verdict};
use gatehook_domain::id::TaskId;
use gatehook_domain::key::form_encoded;
use gatehook_domain::project::Project;
use gatehook_domain::webhook::{EventKind, Facts, TaskEnd};
use serde::Serialize;

/// What the keys of the properties that receivers are told begin with; all others stay here.
const TOLD_PROPERTIES: &str = "sonar.analysis.";

/// What receivers are to be told.
#[derive(Debug, Clone)]
pub struct Happened<'a> {
    /// The project it happened to.
    pub project: &'a Project,
    /// The branch it happened to, when the store has it.
    pub branch: Option<&'a Branch>,
    /// The branch as the task named it: what is told when the store does not have it (a first report of a branch
    /// that could not be read). Ignored beside `branch`.
    pub named: Option<&'a BranchName>,
    /// What happened.
    pub kind: EventKind,
    /// The task that caused it; none when a person changed an issue.
    pub task: Option<&'a TaskId>,
    /// How that task ended; succeeded when there is none.
    pub result: TaskResult,
    /// The analysis it is about: the one just made, or the branch's last one when an issue was changed.
    pub analysis: Option<&'a Analysis>,
    /// The date of an analysis that failed after its report was read so far. Ignored beside `analysis`.
    pub analysed_at: Option<Timestamp>,
    /// The revision of an analysis that failed after its report was read so far. Ignored beside `analysis`.
    pub revision: Option<&'a str>,
    /// Now. An analysis that has a date is told to have changed things at its own date, as SonarQube does.
    pub changed_at: Timestamp,
    /// The gate and its verdict, if one was judged. Left out of what is told about a failed task.
    pub gate: Option<(&'a str, &'a Verdict)>,
    /// The status that the gate of the branch had before, if it had one. Receivers are not told; webhooks can ask for
    /// changes only.
    pub gate_before: Option<GateStatus>,
    /// The properties of the scanner; receivers get those that begin with `sonar.analysis.`.
    pub properties: &'a BTreeMap<String, String>,
}

impl Happened<'_> {
    /// What filters look at: the same that receivers are told.
    pub fn facts(&self) -> Facts<'_> {
        let task = match self.result {
            TaskResult::Succeeded => TaskEnd::Success,
            TaskResult::Failed => TaskEnd::Failed,
        };
        let branch = match (self.branch, self.named) {
            (Some(branch), _) => Some(branch.name.as_str()),
            (None, Some(BranchName::Branch(name) | BranchName::PullRequest(name))) => Some(name.as_str()),
            (None, Some(BranchName::Main) | None) => None,
        };
        Facts {
            event: self.kind,
            task,
            gate: self
                .gate
                .filter(|_| task == TaskEnd::Success)
                .map(|(_, verdict)| verdict.status),
            gate_before: self.gate_before,
            branch,
            project: Some(self.project.key.as_str()),
        }
    }
}

/// How a task ended, as receivers are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TaskResult {
    /// It became an analysis.
    Succeeded,
    /// It did not.
    Failed,
}

/// The bytes that are signed and sent.
pub fn payload(happened: &Happened<'_>, server_url: &str) -> Vec<u8> {
    let analysed_at = happened.analysis.map(|analysis| analysis.date).or(happened.analysed_at);
    let revision = match happened.analysis {
        Some(analysis) => analysis.revision.as_deref(),
        None => happened.analysed_at.and(happened.revision),
    };
    let changed_at = match happened.kind {
        EventKind::GateChanged => happened.changed_at,
        _ => analysed_at.unwrap_or(happened.changed_at),
    };
    let project_url = format!(
        "{server_url}/dashboard?id={}",
        form_encoded(happened.project.key.as_str())
    );
    let gate = happened.gate.filter(|_| happened.result == TaskResult::Succeeded);
    let body = Body {
        server_url,
        task_id: happened.task.map(TaskId::as_str),
        status: match happened.result {
            TaskResult::Succeeded => "SUCCESS",
            TaskResult::Failed => "FAILED",
        },
        analysed_at: analysed_at.map(|date| date.to_string()),
        revision,
        changed_at: changed_at.to_string(),
        branch: branch_body(happened, &project_url),
        project: ProjectBody {
            key: happened.project.key.as_str(),
            name: &happened.project.name,
            url: &project_url,
        },
        quality_gate: gate.map(|(name, verdict)| GateBody {
            name,
            status: verdict.status.as_str(),
            conditions: verdict
                .conditions
                .iter()
                .map(|condition| condition_body(condition, happened.kind))
                .collect(),
        }),
        properties: happened
            .properties
            .iter()
            .filter(|(key, _)| key.starts_with(TOLD_PROPERTIES))
            .map(|(key, value)| (key.as_str(), value.as_str()))
            .collect(),
    };
    #[expect(
        clippy::expect_used,
        reason = "texts and booleans under fixed names always have a JSON form"
    )]
    serde_json::to_vec(&body).expect("a body of texts")
}

fn branch_body<'a>(happened: &Happened<'a>, project_url: &str) -> Option<BranchBody<'a>> {
    let (name, kind, is_main) = match (happened.branch, happened.named) {
        (Some(branch), _) => (Some(branch.name.as_str()), branch.kind, branch.is_main),
        (None, Some(BranchName::Main)) => (None, BranchKind::Branch, true),
        (None, Some(BranchName::Branch(name))) => (Some(name.as_str()), BranchKind::Branch, false),
        (None, Some(BranchName::PullRequest(key))) => (Some(key.as_str()), BranchKind::PullRequest, false),
        (None, None) => return None,
    };
    let url = match (kind, name) {
        (BranchKind::PullRequest, Some(key)) => format!("{project_url}&pullRequest={}", form_encoded(key)),
        (BranchKind::Branch, Some(name)) if !is_main => format!("{project_url}&branch={}", form_encoded(name)),
        _ => project_url.to_owned(),
    };
    Some(BranchBody {
        name,
        kind: kind.as_str(),
        is_main,
        url,
    })
}

fn condition_body(condition: &ConditionVerdict, kind: EventKind) -> ConditionBody<'_> {
    // SonarQube's live judging knows no missing value: a condition without one is fine.
    let status = match (condition.status, kind) {
        (ConditionStatus::NoValue, EventKind::GateChanged) => ConditionStatus::Ok,
        (status, _) => status,
    };
    ConditionBody {
        metric: condition.metric.key,
        operator: condition.operator.payload_word(),
        value: condition.value.as_deref(),
        status: status.as_str(),
        error_threshold: &condition.threshold,
        on_leak_period: condition.on_new_code(),
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Body<'a> {
    server_url: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    task_id: Option<&'a str>,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    analysed_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    revision: Option<&'a str>,
    changed_at: String,
    project: ProjectBody<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    branch: Option<BranchBody<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    quality_gate: Option<GateBody<'a>>,
    properties: BTreeMap<&'a str, &'a str>,
}

#[derive(Serialize)]
struct ProjectBody<'a> {
    key: &'a str,
    name: &'a str,
    url: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct BranchBody<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(rename = "type")]
    kind: &'static str,
    is_main: bool,
    url: String,
}

#[derive(Serialize)]
struct GateBody<'a> {
    name: &'a str,
    status: &'static str,
    conditions: Vec<ConditionBody<'a>>,
}

/// All members are texts except `onLeakPeriod`, which today's SonarQube no longer sends and one receiver needs.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ConditionBody<'a> {
    metric: &'a str,
    operator: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<&'a str>,
    status: &'static str,
    error_threshold: &'a str,
    on_leak_period: bool,
}

#[cfg(test)]
mod tests {
    use super::*;
    use gatehook_domain::gate::Operator;
    use gatehook_domain::id::{AnalysisId, BranchId, ProjectId};
    use gatehook_domain::key::ProjectKey;
    use gatehook_domain::metric::Metric;
    use gatehook_domain::project::Visibility;
    use proptest::collection::btree_map;
    use proptest::prelude::any;

    const SERVER: &str = "https://gates.example";
    const DATE: Timestamp = Timestamp::from_millis(1_500_000_000_999);
    const NOW: Timestamp = Timestamp::from_millis(1_500_000_060_000);

    fn project() -> Project {
        Project {
            id: ProjectId::parse("p").unwrap(),
            key: ProjectKey::parse("org.acme:shop").unwrap(),
            name: "Shop <Grün> & Söhne".to_owned(),
            visibility: Visibility::Private,
            created_at: NOW,
        }
    }

    fn branch(name: &str, kind: BranchKind, is_main: bool) -> Branch {
        Branch {
            id: BranchId::parse("b").unwrap(),
            project: project().id,
            kind,
            name: name.to_owned(),
            is_main,
            source: None,
            target: None,
            title: None,
            created_at: NOW,
            last_analysis: None,
            revision: 0,
        }
    }

    fn analysis() -> Analysis {
        Analysis {
            id: AnalysisId::parse("a").unwrap(),
            project: project().id,
            branch: BranchId::parse("b").unwrap(),
            task: TaskId::parse("task-1").unwrap(),
            date: DATE,
            version: None,
            build: None,
            revision: Some("c739069ec7105e01303e8b3065a81141aad9f129".to_owned()),
            period: None,
            properties: properties(),
        }
    }

    fn properties() -> BTreeMap<String, String> {
        let pairs = [
            ("sonar.analysis.buildNumber", "12345"),
            ("sonar.analysis.note", "a \"quoted\" line\n"),
            ("sonar.analysis", "not told"),
            ("Sonar.analysis.x", "not told"),
            ("sonar.login", "not told"),
        ];
        pairs
            .into_iter()
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .collect()
    }

    fn condition(metric: &str, operator: Operator, threshold: &str, value: Option<&str>) -> ConditionVerdict {
        ConditionVerdict {
            metric: Metric::find(metric).unwrap(),
            operator,
            threshold: threshold.to_owned(),
            value: value.map(str::to_owned),
            status: value.map_or(ConditionStatus::NoValue, |_| ConditionStatus::Error),
        }
    }

    fn verdict() -> Verdict {
        Verdict {
            status: GateStatus::Error,
            conditions: vec![
                condition("new_reliability_rating", Operator::GreaterThan, "1", Some("3")),
                condition("new_coverage", Operator::LessThan, "80", None),
                condition("coverage", Operator::LessThan, "80.5", Some("74.0")),
            ],
            ignored_conditions: false,
        }
    }

    fn told(happened: &Happened<'_>) -> String {
        String::from_utf8(payload(happened, SERVER)).unwrap()
    }

    #[test]
    fn an_analysis_is_told_in_the_documented_order() {
        let (project, branch, analysis, verdict) = (
            project(),
            branch("main", BranchKind::Branch, true),
            analysis(),
            verdict(),
        );
        let task = TaskId::parse("task-1").unwrap();
        insta::assert_snapshot!(told(&Happened {
            project: &project,
            branch: Some(&branch),
            named: None,
            kind: EventKind::AnalysisCompleted,
            task: Some(&task),
            result: TaskResult::Succeeded,
            analysis: Some(&analysis),
            analysed_at: None,
            revision: None,
            changed_at: NOW,
            gate: Some(("Sonar way", &verdict)),
            gate_before: None,
            properties: &analysis.properties,
        }), @r#"{"serverUrl":"https://gates.example","taskId":"task-1","status":"SUCCESS","analysedAt":"2017-07-14T02:40:00+0000","revision":"c739069ec7105e01303e8b3065a81141aad9f129","changedAt":"2017-07-14T02:40:00+0000","project":{"key":"org.acme:shop","name":"Shop <Grün> & Söhne","url":"https://gates.example/dashboard?id=org.acme%3Ashop"},"branch":{"name":"main","type":"BRANCH","isMain":true,"url":"https://gates.example/dashboard?id=org.acme%3Ashop"},"qualityGate":{"name":"Sonar way","status":"ERROR","conditions":[{"metric":"new_reliability_rating","operator":"GREATER_THAN","value":"3","status":"ERROR","errorThreshold":"1","onLeakPeriod":true},{"metric":"new_coverage","operator":"LESS_THAN","status":"NO_VALUE","errorThreshold":"80","onLeakPeriod":true},{"metric":"coverage","operator":"LESS_THAN","value":"74.0","status":"ERROR","errorThreshold":"80.5","onLeakPeriod":false}]},"properties":{"sonar.analysis.buildNumber":"12345","sonar.analysis.note":"a \"quoted\" line\n"}}"#);
    }

    #[test]
    fn a_changed_gate_is_told_without_a_task_and_without_missing_values() {
        let (project, branch, analysis, verdict) = (
            project(),
            branch("feature/a b", BranchKind::Branch, false),
            analysis(),
            verdict(),
        );
        insta::assert_snapshot!(told(&Happened {
            project: &project,
            branch: Some(&branch),
            named: None,
            kind: EventKind::GateChanged,
            task: None,
            result: TaskResult::Succeeded,
            analysis: Some(&analysis),
            analysed_at: None,
            revision: None,
            changed_at: NOW,
            gate: Some(("Strict", &verdict)),
            gate_before: None,
            properties: &analysis.properties,
        }), @r#"{"serverUrl":"https://gates.example","status":"SUCCESS","analysedAt":"2017-07-14T02:40:00+0000","revision":"c739069ec7105e01303e8b3065a81141aad9f129","changedAt":"2017-07-14T02:41:00+0000","project":{"key":"org.acme:shop","name":"Shop <Grün> & Söhne","url":"https://gates.example/dashboard?id=org.acme%3Ashop"},"branch":{"name":"feature/a b","type":"BRANCH","isMain":false,"url":"https://gates.example/dashboard?id=org.acme%3Ashop&branch=feature%2Fa+b"},"qualityGate":{"name":"Strict","status":"ERROR","conditions":[{"metric":"new_reliability_rating","operator":"GREATER_THAN","value":"3","status":"ERROR","errorThreshold":"1","onLeakPeriod":true},{"metric":"new_coverage","operator":"LESS_THAN","status":"OK","errorThreshold":"80","onLeakPeriod":true},{"metric":"coverage","operator":"LESS_THAN","value":"74.0","status":"ERROR","errorThreshold":"80.5","onLeakPeriod":false}]},"properties":{"sonar.analysis.buildNumber":"12345","sonar.analysis.note":"a \"quoted\" line\n"}}"#);
    }

    #[test]
    fn a_failed_task_is_told_without_a_gate() {
        let (project, verdict, none) = (project(), verdict(), BTreeMap::new());
        let task = TaskId::parse("task-1").unwrap();
        let pull_request = branch("pr/17", BranchKind::PullRequest, false);
        let read = Happened {
            project: &project,
            branch: Some(&pull_request),
            named: None,
            kind: EventKind::AnalysisCompleted,
            task: Some(&task),
            result: TaskResult::Failed,
            analysis: None,
            analysed_at: Some(DATE),
            revision: Some("c739069"),
            changed_at: NOW,
            gate: Some(("Sonar way", &verdict)),
            gate_before: None,
            properties: &none,
        };
        insta::assert_snapshot!(told(&read), @r#"{"serverUrl":"https://gates.example","taskId":"task-1","status":"FAILED","analysedAt":"2017-07-14T02:40:00+0000","revision":"c739069","changedAt":"2017-07-14T02:40:00+0000","project":{"key":"org.acme:shop","name":"Shop <Grün> & Söhne","url":"https://gates.example/dashboard?id=org.acme%3Ashop"},"branch":{"name":"pr/17","type":"PULL_REQUEST","isMain":false,"url":"https://gates.example/dashboard?id=org.acme%3Ashop&pullRequest=pr%2F17"},"properties":{}}"#);

        // A report that could not be read at all: what the task itself knows is told, and no more.
        let unread = Happened {
            branch: None,
            analysed_at: None,
            ..read
        };
        let main = Happened {
            named: Some(&BranchName::Main),
            ..unread.clone()
        };
        insta::assert_snapshot!(told(&main), @r#"{"serverUrl":"https://gates.example","taskId":"task-1","status":"FAILED","changedAt":"2017-07-14T02:41:00+0000","project":{"key":"org.acme:shop","name":"Shop <Grün> & Söhne","url":"https://gates.example/dashboard?id=org.acme%3Ashop"},"branch":{"type":"BRANCH","isMain":true,"url":"https://gates.example/dashboard?id=org.acme%3Ashop"},"properties":{}}"#);
        for (named, expected) in [
            (
                BranchName::Branch("new".to_owned()),
                r#""branch":{"name":"new","type":"BRANCH","isMain":false,"url":"https://gates.example/dashboard?id=org.acme%3Ashop&branch=new"}"#,
            ),
            (
                BranchName::PullRequest("pr/foo".to_owned()),
                r#""branch":{"name":"pr/foo","type":"PULL_REQUEST","isMain":false,"url":"https://gates.example/dashboard?id=org.acme%3Ashop&pullRequest=pr%2Ffoo"}"#,
            ),
        ] {
            let unknown = told(&Happened {
                named: Some(&named),
                ..unread.clone()
            });
            assert!(unknown.contains(expected), "{unknown}");
        }
    }

    /// A judged analysis of a branch, with nothing that can be left out.
    fn happened<'a>(
        project: &'a Project,
        branch: Option<&'a Branch>,
        analysis: &'a Analysis,
        gate: Option<(&'a str, &'a Verdict)>,
    ) -> Happened<'a> {
        Happened {
            project,
            branch,
            named: None,
            kind: EventKind::AnalysisCompleted,
            task: None,
            result: TaskResult::Succeeded,
            analysis: Some(analysis),
            analysed_at: None,
            revision: None,
            changed_at: NOW,
            gate,
            gate_before: None,
            properties: &analysis.properties,
        }
    }

    #[test]
    fn what_there_is_not_is_left_out_and_what_is_empty_is_told() {
        let (project, mut analysis) = (project(), analysis());
        analysis.revision = None;
        analysis.properties = BTreeMap::from([("sonar.analysis.empty".to_owned(), String::new())]);
        let pull_request = branch("7", BranchKind::PullRequest, true);
        let passes = Verdict {
            status: GateStatus::Ok,
            conditions: Vec::new(),
            ignored_conditions: false,
        };
        let judged = happened(&project, Some(&pull_request), &analysis, Some(("Nothing", &passes)));
        insta::assert_snapshot!(told(&judged), @r#"{"serverUrl":"https://gates.example","status":"SUCCESS","analysedAt":"2017-07-14T02:40:00+0000","changedAt":"2017-07-14T02:40:00+0000","project":{"key":"org.acme:shop","name":"Shop <Grün> & Söhne","url":"https://gates.example/dashboard?id=org.acme%3Ashop"},"branch":{"name":"7","type":"PULL_REQUEST","isMain":true,"url":"https://gates.example/dashboard?id=org.acme%3Ashop&pullRequest=7"},"qualityGate":{"name":"Nothing","status":"OK","conditions":[]},"properties":{"sonar.analysis.empty":""}}"#);
        let unknown = told(&happened(&project, None, &analysis, None));
        assert!(
            !unknown.contains("\"branch\"") && !unknown.contains("\"qualityGate\""),
            "{unknown}"
        );
    }

    #[test]
    fn letters_that_json_cannot_hold_are_escaped_and_all_others_are_written_as_they_are() {
        let project = Project {
            name: "\0\u{1}\u{8}\t\n\u{b}\u{c}\r\u{1f}\u{7f}\"\\/<>&='\u{2028}\u{2029}é漢😀".to_owned(),
            ..project()
        };
        let analysis = analysis();
        let text = told(&happened(&project, None, &analysis, None));
        let escaped = r"\u0000\u0001\b\t\n\u000b\f\r\u001f";
        let written = "\u{7f}\\\"\\\\/<>&='\u{2028}\u{2029}é漢😀";
        assert!(text.contains(&format!(r#""name":"{escaped}{written}","#)), "{text}");
        let read: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(read["project"]["name"], project.name);
    }

    fn has_null(value: &serde_json::Value) -> bool {
        match value {
            serde_json::Value::Null => true,
            serde_json::Value::Array(items) => items.iter().any(has_null),
            serde_json::Value::Object(members) => members.values().any(has_null),
            _ => false,
        }
    }

    proptest::proptest! {
        #[test]
        fn a_link_leads_to_the_branch_or_pull_request_whatever_it_is_called(
            key in "[A-Za-z0-9_.:-]{0,20}[A-Za-z_.:-]", name: String, pull_request: bool,
        ) {
            let project = Project { key: ProjectKey::parse(&key).unwrap(), ..project() };
            let kind = if pull_request { BranchKind::PullRequest } else { BranchKind::Branch };
            let (branch, analysis) = (branch(&name, kind, false), analysis());
            let text = told(&happened(&project, Some(&branch), &analysis, None));
            let read: serde_json::Value = serde_json::from_str(&text).unwrap();
            let query = |url: &serde_json::Value| {
                let url = url::Url::parse(url.as_str().unwrap()).unwrap();
                let pairs = url.query_pairs().map(|(name, value)| (name.into_owned(), value.into_owned()));
                (url.path().to_owned(), pairs.collect::<Vec<_>>())
            };
            let (id, dashboard) = (("id".to_owned(), key), "/dashboard".to_owned());
            let wanted = if pull_request { "pullRequest" } else { "branch" };
            proptest::prop_assert_eq!(query(&read["project"]["url"]), (dashboard.clone(), vec![id.clone()]));
            proptest::prop_assert_eq!(
                query(&read["branch"]["url"]), (dashboard, vec![id, (wanted.to_owned(), name)])
            );
        }

        #[test]
        fn whatever_things_are_called_it_is_json_in_order_without_nulls(
            name: String, branch_name: String, gate: String, value: String,
            properties in btree_map(any::<String>(), any::<String>(), 0..5),
        ) {
            let project = Project { name: name.clone(), ..project() };
            let branch = branch(&branch_name, BranchKind::Branch, false);
            let properties: BTreeMap<String, String> =
                properties.into_iter().map(|(key, value)| (format!("sonar.analysis.{key}"), value)).collect();
            let analysis = Analysis { properties: properties.clone(), ..analysis() };
            let mut verdict = verdict();
            verdict.conditions[0].value = Some(value.clone());
            let text = told(&happened(&project, Some(&branch), &analysis, Some((&gate, &verdict))));
            let read: serde_json::Value = serde_json::from_str(&text).unwrap();
            proptest::prop_assert!(!text.ends_with('\n') && !has_null(&read), "{}", text);
            proptest::prop_assert_eq!(&read["project"]["name"], &name);
            proptest::prop_assert_eq!(&read["branch"]["name"], &branch_name);
            proptest::prop_assert_eq!(&read["qualityGate"]["name"], &gate);
            proptest::prop_assert_eq!(&read["qualityGate"]["conditions"][0]["value"], &value);
            let kept: BTreeMap<String, String> = serde_json::from_value(read["properties"].clone()).unwrap();
            proptest::prop_assert_eq!(kept, properties);
            let order = [
                "{\"serverUrl\":", ",\"status\":", ",\"analysedAt\":", ",\"revision\":", ",\"changedAt\":", ",\"project\":",
                ",\"branch\":", ",\"qualityGate\":", ",\"properties\":",
            ];
            let mut rest = text.as_str();
            for member in order {
                let at = rest.find(member);
                proptest::prop_assert!(at.is_some(), "{} in {}", member, text);
                rest = &rest[at.unwrap_or(0)..];
            }
        }
    }
}
