//! The events that a template is tried on before it is kept: one of each shape that a payload has.

use gatehook_domain::webhook::EventKind;

pub(super) struct Sample {
    pub(super) event: EventKind,
    /// Where in an error it is said which one went wrong.
    pub(super) occasion: &'static str,
    pub(super) payload: &'static str,
}

/// Names hold what breaks texts that are not escaped: quotation marks, backslashes, line breaks, angle brackets, braces.
pub(super) const ALL: [Sample; 5] = [
    Sample {
        event: EventKind::AnalysisCompleted,
        occasion: " (for an analysis whose gate failed)",
        payload: r#"{"serverUrl":"https://gates.example.org","taskId":"019a3f0e-5f8b-7c1d-9a55-4f1f6f1d2c3b","status":"SUCCESS","analysedAt":"2026-01-31T10:34:21+0000","revision":"c739069ec7105e01303e8b3065a81141aad9f129","changedAt":"2026-01-31T10:34:21+0000","project":{"key":"org.acme:shop","name":"Shop \"Grün\" & <Söhne>\\","url":"https://gates.example.org/dashboard?id=org.acme%3Ashop"},"branch":{"name":"pr/\"17\"\n{{ 7 * 7 }} 'x' /","type":"PULL_REQUEST","isMain":false,"url":"https://gates.example.org/dashboard?id=org.acme%3Ashop&pullRequest=pr%2F17"},"qualityGate":{"name":"Sonar \"way\"","status":"ERROR","conditions":[{"metric":"new_reliability_rating","operator":"GREATER_THAN","value":"3","status":"ERROR","errorThreshold":"1","onLeakPeriod":true},{"metric":"new_coverage","operator":"LESS_THAN","value":"74.0","status":"ERROR","errorThreshold":"80","onLeakPeriod":true},{"metric":"new_duplicated_lines_density","operator":"GREATER_THAN","status":"NO_VALUE","errorThreshold":"3","onLeakPeriod":true}]},"properties":{"sonar.analysis.buildNumber":"12345","sonar.analysis.note":"a \"quoted\" line\n"}}"#,
    },
    Sample {
        event: EventKind::GateChanged,
        occasion: " (for a gate that an issue's change turned)",
        payload: r#"{"serverUrl":"https://gates.example.org","status":"SUCCESS","analysedAt":"2026-01-31T10:34:21+0000","changedAt":"2026-01-31T10:40:00+0000","project":{"key":"shop","name":"Shop \"Grün\"","url":"https://gates.example.org/dashboard?id=shop"},"branch":{"name":"main","type":"BRANCH","isMain":true,"url":"https://gates.example.org/dashboard?id=shop"},"qualityGate":{"name":"Sonar way","status":"OK","conditions":[{"metric":"new_violations","operator":"GREATER_THAN","value":"0","status":"OK","errorThreshold":"0","onLeakPeriod":true}]},"properties":{}}"#,
    },
    Sample {
        event: EventKind::AnalysisCompleted,
        occasion: " (for an analysis without a gate)",
        payload: r#"{"serverUrl":"https://gates.example.org","taskId":"019a3f0e-5f8b-7c1d-9a55-4f1f6f1d2c3b","status":"SUCCESS","analysedAt":"2026-01-31T10:34:21+0000","changedAt":"2026-01-31T10:34:21+0000","project":{"key":"shop","name":"Shop","url":"https://gates.example.org/dashboard?id=shop"},"branch":{"name":"feature/\"a\" b","type":"BRANCH","isMain":false,"url":"https://gates.example.org/dashboard?id=shop&branch=feature%2F%22a%22+b"},"properties":{}}"#,
    },
    Sample {
        event: EventKind::AnalysisCompleted,
        occasion: " (for a task that failed)",
        payload: r#"{"serverUrl":"https://gates.example.org","taskId":"019a3f0e-5f8b-7c1d-9a55-4f1f6f1d2c3b","status":"FAILED","changedAt":"2026-01-31T10:34:21+0000","project":{"key":"shop","name":"Shop","url":"https://gates.example.org/dashboard?id=shop"},"branch":{"type":"BRANCH","isMain":true,"url":"https://gates.example.org/dashboard?id=shop"},"properties":{}}"#,
    },
    Sample {
        event: EventKind::Ping,
        occasion: " (for a test call)",
        payload: r#"{"serverUrl":"https://gates.example.org","status":"SUCCESS","analysedAt":"2026-01-31T10:34:21+0000","revision":"c739069ec7105e01303e8b3065a81141aad9f129","changedAt":"2026-01-31T10:34:21+0000","project":{"key":"shop","name":"Shop","url":"https://gates.example.org/dashboard?id=shop"},"branch":{"name":"main","type":"BRANCH","isMain":true,"url":"https://gates.example.org/dashboard?id=shop"},"qualityGate":{"name":"Sonar way","status":"OK","conditions":[]},"properties":{}}"#,
    },
];
