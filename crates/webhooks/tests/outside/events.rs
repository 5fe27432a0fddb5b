//! Events of every shape, with names of every kind.

use gatehook_domain::key::form_encoded;
use gatehook_domain::metric::Metric;
use gatehook_domain::webhook::EventKind;
use serde_json::{Value, json};

pub(crate) const COMMIT: &str = "c739069ec7105e01303e8b3065a81141aad9f129";

/// The texts of an event that come from outside.
#[derive(Debug, Clone)]
pub(crate) struct Names {
    pub(crate) key: String,
    pub(crate) project: String,
    pub(crate) branch: String,
    pub(crate) gate: String,
}

impl Names {
    /// One text for all of them.
    pub(crate) fn all(text: &str) -> Self {
        Self {
            key: text.to_owned(),
            project: text.to_owned(),
            branch: text.to_owned(),
            gate: text.to_owned(),
        }
    }
}

/// Names that break what is not careful.
pub(crate) fn hostile() -> Vec<Names> {
    let texts = [
        "shop",
        "<!channel> <!here> <!everyone> <@U123> <#C123> <https://evil.example|good>",
        "@everyone @here @channel @all @admin",
        "&amp; &lt;!channel&gt; & < > &",
        "*bold* _it_ ~strike~ `code` ```block``` ||spoiler|| # h > q - l [a](https://evil.example) <:e:1> \\",
        "\\*\\_ :skull: :+1:",
        "\"quotes\" 'single' {\"json\": true} }} {{ 7 * 7 }} {% raw %}",
        "line\r\nbreak\tand\u{2028}more\u{0}",
        "\u{202e}gnp.exe\u{202c} \u{2066}x\u{2069}",
        "פרויקט ראשי",
        "プロジェクト 日本語 ブランチ",
        "Проект Ωmega प्रकल्प 🦀🏳️‍🌈",
        "http://evil.example/ https://evil.example/?a=b&c=d",
        "../../etc/passwd?x#y%00%2e%2e/",
        "<script>alert(1)</script>",
        " ",
        "\u{202e}",
    ];
    let mut names: Vec<Names> = texts.iter().map(|text| Names::all(text)).collect();
    names.push(Names::all(&"a".repeat(4000)));
    names.push(Names::all(&"&".repeat(4000)));
    names.push(Names::all(&"*".repeat(4000)));
    names.push(Names::all(&"🦀".repeat(2000)));
    names.push(Names::all(&"ש".repeat(2000)));
    names
}

/// An event about things of these names, in each of the shapes that payloads have, with as many conditions.
pub(crate) fn events(names: &Names, conditions: usize) -> Vec<(EventKind, Value)> {
    let whole = payload(names, conditions);
    let with = |changes: &[(&str, Option<Value>)]| {
        let mut payload = whole.clone();
        let members = payload.as_object_mut().unwrap();
        for (name, value) in changes {
            match value {
                Some(value) => members.insert((*name).to_owned(), value.clone()),
                None => members.remove(*name),
            };
        }
        payload
    };
    let passed = json!({"name": names.gate, "status": "OK", "conditions": []});
    let main = json!({"type": "BRANCH", "isMain": true, "url": whole["project"]["url"]});
    let branch = json!({"name": names.branch, "type": "BRANCH", "isMain": false, "url": whole["branch"]["url"]});
    vec![
        (EventKind::AnalysisCompleted, whole.clone()),
        (
            EventKind::AnalysisCompleted,
            with(&[("qualityGate", Some(passed.clone()))]),
        ),
        (
            EventKind::AnalysisCompleted,
            with(&[("qualityGate", None), ("branch", Some(branch.clone()))]),
        ),
        (
            EventKind::AnalysisCompleted,
            with(&[
                ("qualityGate", None),
                ("status", Some(json!("FAILED"))),
                ("branch", Some(main)),
            ]),
        ),
        (EventKind::GateChanged, with(&[("taskId", None)])),
        (
            EventKind::GateChanged,
            with(&[("taskId", None), ("qualityGate", Some(passed)), ("branch", None)]),
        ),
        (EventKind::Ping, with(&[("branch", Some(branch))])),
    ]
}

fn payload(names: &Names, conditions: usize) -> Value {
    let conditions: Vec<Value> = Metric::all()
        .iter()
        .cycle()
        .take(conditions)
        .enumerate()
        .map(|(number, metric)| {
            json!({
                // A gate made by a newer version may have metrics that this one does not know.
                "metric": if number % 7 == 0 { names.key.clone() } else { metric.key.to_owned() },
                "operator": if number % 2 == 0 { "GREATER_THAN" } else { "LESS_THAN" },
                "value": if number % 5 == 4 { names.gate.clone() } else { number.to_string() },
                "status": "ERROR",
                "errorThreshold": if number % 11 == 5 { names.gate.clone() } else { "1".to_owned() },
                "onLeakPeriod": metric.key.starts_with("new_"),
            })
        })
        .collect();
    let project_url = format!("https://gates.example.org/dashboard?id={}", form_encoded(&names.key));
    json!({
        "serverUrl": "https://gates.example.org",
        "taskId": "019a3f0e-5f8b-7c1d-9a55-4f1f6f1d2c3b",
        "status": "SUCCESS",
        "analysedAt": "2026-01-31T10:34:21+0000",
        "revision": COMMIT,
        "changedAt": "2026-01-31T10:34:21+0000",
        "project": {"key": names.key, "name": names.project, "url": project_url},
        "branch": {
            "name": names.branch,
            "type": "PULL_REQUEST",
            "isMain": false,
            "url": format!("{project_url}&pullRequest={}", form_encoded(&names.branch)),
        },
        "qualityGate": {"name": names.gate, "status": "ERROR", "conditions": conditions},
        "properties": {"sonar.analysis.note": names.gate},
    })
}
