//! What an event says to people, read from SonarQube's JSON of it.

use gatehook_domain::metric::{Metric, ValueType};
use gatehook_domain::webhook::EventKind;
use serde::Deserialize;

use super::FormatError;
use super::fit;

/// The most failing conditions that a message tells; of others it tells the number.
const MAX_TOLD: usize = 20;
/// The longest value or threshold that is told. Those that are measured have a few digits; a gate may have been given
/// anything.
const MAX_VALUE: usize = 60;
/// The longest name of a metric that is told. Only a metric that this version does not know can have a longer one.
const MAX_METRIC: usize = 100;

/// An event as people are told about it.
#[derive(Debug)]
pub(super) struct Message {
    /// What happened.
    pub(super) event: EventKind,
    /// How it went.
    pub(super) outcome: Outcome,
    /// The payload.
    pub(super) payload: Payload,
}

/// How it went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The gate lets the code pass.
    Passed,
    /// It does not.
    Failed,
    /// The analysis failed, so there is no verdict.
    TaskFailed,
    /// There was an analysis and no gate to judge it.
    NoGate,
    /// The calls of a webhook fail.
    Failing,
    /// They arrive again.
    Recovered,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Payload {
    pub(super) server_url: String,
    pub(super) status: String,
    pub(super) revision: Option<String>,
    pub(super) project: Project,
    pub(super) branch: Option<Branch>,
    pub(super) quality_gate: Option<Gate>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Project {
    pub(super) key: String,
    pub(super) name: String,
    pub(super) url: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Branch {
    pub(super) name: Option<String>,
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) url: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct Gate {
    pub(super) name: String,
    pub(super) status: String,
    pub(super) conditions: Vec<Condition>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Condition {
    pub(super) metric: String,
    pub(super) operator: String,
    pub(super) value: Option<String>,
    pub(super) status: String,
    pub(super) error_threshold: String,
}

/// What is said about the calls of a webhook, as [`crate::watch`] makes it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Operational {
    server_url: String,
    webhook: Named,
}

#[derive(Debug, Deserialize)]
struct Named {
    key: String,
    name: String,
}

impl Message {
    pub(super) fn read(event: EventKind, payload: &[u8]) -> Result<Self, FormatError> {
        if let EventKind::WebhookFailing | EventKind::WebhookRecovered = event {
            return Self::read_operational(event, payload);
        }
        let payload: Payload = serde_json::from_slice(payload).map_err(|_| FormatError::Payload)?;
        let outcome = match (payload.status.as_str(), &payload.quality_gate) {
            ("SUCCESS", Some(gate)) if gate.status == "OK" => Outcome::Passed,
            ("SUCCESS", Some(_)) => Outcome::Failed,
            ("SUCCESS", None) => Outcome::NoGate,
            _ => Outcome::TaskFailed,
        };
        Ok(Self {
            event,
            outcome,
            payload,
        })
    }

    /// A message about a webhook, which stands where a project stands in others.
    fn read_operational(event: EventKind, payload: &[u8]) -> Result<Self, FormatError> {
        let told: Operational = serde_json::from_slice(payload).map_err(|_| FormatError::Payload)?;
        let payload = Payload {
            status: String::new(),
            revision: None,
            project: Project {
                key: told.webhook.key,
                name: format!("Webhook {}", told.webhook.name),
                url: told.server_url.clone(),
            },
            server_url: told.server_url,
            branch: None,
            quality_gate: None,
        };
        let outcome = if event == EventKind::WebhookFailing {
            Outcome::Failing
        } else {
            Outcome::Recovered
        };
        Ok(Self {
            event,
            outcome,
            payload,
        })
    }

    /// Whether nothing happened and somebody wanted to see a call.
    pub(super) fn is_test(&self) -> bool {
        self.event == EventKind::Ping
    }

    /// How it went, in a few words of ours.
    pub(super) fn headline(&self) -> &'static str {
        match (self.outcome, self.event) {
            (Outcome::Passed, EventKind::GateChanged) => "quality gate passes again",
            (Outcome::Failed, EventKind::GateChanged) => "quality gate does not pass any more",
            (Outcome::Passed, _) => "quality gate passed",
            (Outcome::Failed, _) => "quality gate failed",
            (Outcome::TaskFailed, _) => "analysis failed",
            (Outcome::NoGate, _) => "analysed without a quality gate",
            (Outcome::Failing, _) => "calls have failed for an hour or longer",
            (Outcome::Recovered, _) => "calls arrive again",
        }
    }

    /// Why there is a call without an analysis, or none to tell.
    pub(super) fn note(&self) -> Option<&'static str> {
        match self.event {
            EventKind::Ping => Some("This is a test of the webhook. Nothing happened."),
            EventKind::GateChanged => Some("Somebody changed an issue; there was no new analysis."),
            EventKind::WebhookFailing => Some("What it is owed is kept, and tried again by its schedule."),
            EventKind::AnalysisCompleted | EventKind::WebhookRecovered => None,
        }
    }

    /// The sign at the beginning of a message: how it went, at a glance.
    pub(super) fn sign(&self) -> char {
        match self.outcome {
            Outcome::Passed | Outcome::Recovered => '✅',
            Outcome::Failed => '❌',
            Outcome::TaskFailed => '💥',
            Outcome::NoGate => '⚪',
            Outcome::Failing => '🔌',
        }
    }

    /// The colour of a message, red, green and blue.
    pub(super) fn colour(&self) -> u32 {
        match self.outcome {
            Outcome::Passed | Outcome::Recovered => 0x2d_a4_4e,
            Outcome::Failed => 0xcf_22_2e,
            Outcome::TaskFailed | Outcome::Failing => 0xbf_87_00,
            Outcome::NoGate => 0x6e_77_81,
        }
    }

    /// One line: sign, project and how it went, the name written with `write` and everything within `limit`.
    pub(super) fn title(&self, limit: usize, write: impl Fn(char, &mut String)) -> String {
        let start = if self.is_test() { "🔔 Test: " } else { "" };
        let start = format!("{start}{} ", self.sign());
        let end = format!(": {}", self.headline());
        let room = limit.saturating_sub(fit::units(&start) + fit::units(&end));
        format!("{start}{}{end}", fit::fit(&self.project(), room, write))
    }

    /// The project's name on one line, its key when the name is blank.
    pub(super) fn project(&self) -> String {
        let name = fit::line(&self.payload.project.name);
        if self.payload.project.name.trim().is_empty() {
            return fit::line(&self.payload.project.key);
        }
        name
    }

    /// What was analysed: what it is called, and its name.
    pub(super) fn reference(&self) -> Option<(&'static str, String)> {
        let branch = self.payload.branch.as_ref()?;
        let what = if branch.kind == "PULL_REQUEST" {
            "Pull request"
        } else {
            "Branch"
        };
        let name = branch
            .name
            .as_deref()
            .map_or_else(|| "main branch".to_owned(), fit::line);
        Some((what, name))
    }

    /// The name of the gate on one line.
    pub(super) fn gate(&self) -> Option<String> {
        self.payload.quality_gate.as_ref().map(|gate| fit::line(&gate.name))
    }

    /// The revision on one line.
    pub(super) fn revision(&self) -> Option<String> {
        self.payload.revision.as_deref().map(fit::line)
    }

    /// The failing conditions.
    pub(super) fn failing(&self) -> impl Iterator<Item = &Condition> {
        let conditions = self.payload.quality_gate.iter().flat_map(|gate| &gate.conditions);
        conditions.filter(|condition| condition.status == "ERROR")
    }

    /// The failing conditions, a line each, written with `write` behind `bullet`, as many as are told and fit into
    /// `limit`; then how many more there are. Nothing without any.
    pub(super) fn failing_lines(
        &self,
        limit: usize,
        bullet: &str,
        write: impl Fn(char, &mut String) + Copy,
    ) -> Vec<String> {
        /// Room for the line that says how many more there are.
        const MORE: usize = 40;
        let mut lines: Vec<String> = Vec::new();
        let mut length = 0;
        let count = self.failing().count();
        for condition in self.failing().take(MAX_TOLD) {
            let line = format!("{bullet}{}", fit::fit(&condition.text(), limit, write));
            length += fit::units(&line) + 1;
            if length + MORE > limit {
                break;
            }
            lines.push(line);
        }
        if lines.len() < count {
            lines.push(format!("{bullet}… and {} more", count - lines.len()));
        }
        lines
    }

    /// The first of the links to the branch, the project and the server that can be followed and has at most so many
    /// characters: keys and names may have hundreds, and percent-encoding triples them.
    pub(super) fn link(&self, limit: usize) -> Option<&str> {
        let branch = self.payload.branch.iter().map(|branch| branch.url.as_str());
        let others = [self.payload.project.url.as_str(), self.payload.server_url.as_str()];
        branch.chain(others).find(|url| url.len() <= limit && is_link(url))
    }
}

/// Whether a text is a URL that every service takes for one. All are made by us, but of a base that somebody has set.
fn is_link(text: &str) -> bool {
    let begins = text.starts_with("https://") || text.starts_with("http://");
    begins
        && text
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && !b"<>\"|\\^`{}'".contains(&byte))
}

impl Condition {
    /// What people call the metric.
    pub(super) fn name(&self) -> String {
        match Metric::find(&self.metric) {
            Some(metric) => metric.name.to_owned(),
            None => fit::fit(&fit::line(&self.metric), MAX_METRIC, fit::plainly),
        }
    }

    /// Name, value and what it must be: `Coverage on New Code: 74.0% (at least 80%)`.
    pub(super) fn text(&self) -> String {
        let kind = Metric::find(&self.metric).map(|metric| metric.kind);
        let value = self
            .value
            .as_deref()
            .map_or_else(|| "no value".to_owned(), |value| shown(kind, value));
        let threshold = shown(kind, &self.error_threshold);
        let wish = match (kind, self.operator.as_str()) {
            // A rating fails when its number is greater, which is a worse letter.
            (Some(ValueType::Rating), "GREATER_THAN") if threshold == "A" => "must be A".to_owned(),
            (Some(ValueType::Rating), "GREATER_THAN") => format!("must be {threshold} or better"),
            (_, "LESS_THAN") => format!("at least {threshold}"),
            _ => format!("at most {threshold}"),
        };
        format!("{}: {value} ({wish})", self.name())
    }
}

/// A value of a metric as people read it.
fn shown(kind: Option<ValueType>, value: &str) -> String {
    let value = fit::fit(&fit::line(value), MAX_VALUE, fit::plainly);
    match kind {
        Some(ValueType::Percent) => format!("{value}%"),
        Some(ValueType::WorkDur) => format!("{value} min"),
        Some(ValueType::Millisec) => format!("{value} ms"),
        Some(ValueType::Rating) => match value.as_str() {
            "1" | "1.0" => "A".to_owned(),
            "2" | "2.0" => "B".to_owned(),
            "3" | "3.0" => "C".to_owned(),
            "4" | "4.0" => "D".to_owned(),
            "5" | "5.0" => "E".to_owned(),
            _ => value,
        },
        _ => value,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::sample;

    fn condition(metric: &str, operator: &str, value: Option<&str>, threshold: &str) -> String {
        Condition {
            metric: metric.to_owned(),
            operator: operator.to_owned(),
            value: value.map(str::to_owned),
            status: "ERROR".to_owned(),
            error_threshold: threshold.to_owned(),
        }
        .text()
    }

    #[test]
    fn conditions_read_like_sentences() {
        let cases = [
            (
                condition("new_coverage", "LESS_THAN", Some("74.0"), "80"),
                "Coverage on New Code: 74.0% (at least 80%)",
            ),
            (
                condition("new_violations", "GREATER_THAN", Some("3"), "0"),
                "New Issues: 3 (at most 0)",
            ),
            (
                condition("reliability_rating", "GREATER_THAN", Some("3"), "1"),
                "Reliability Rating: C (must be A)",
            ),
            (
                condition("reliability_rating", "GREATER_THAN", Some("5"), "2"),
                "Reliability Rating: E (must be B or better)",
            ),
            (
                condition("sqale_index", "GREATER_THAN", Some("95"), "60"),
                "Technical Debt: 95 min (at most 60 min)",
            ),
            (
                condition("of_a_plugin", "LESS_THAN", None, "1\n2"),
                "of_a_plugin: no value (at least 1 2)",
            ),
        ];
        for (text, expected) in cases {
            assert_eq!(text, expected);
        }
    }

    #[test]
    fn a_link_is_one_that_can_be_followed_and_fits() {
        let mut message = Message::read(sample::ALL[0].event, sample::ALL[0].payload.as_bytes()).unwrap();
        let branch = message.link(2000).unwrap().to_owned();
        assert!(branch.contains("&pullRequest="), "{branch}");
        let project = message.link(branch.len() - 1).unwrap().to_owned();
        assert_eq!(project, message.payload.project.url);
        assert_eq!(message.link(project.len() - 1), Some("https://gates.example.org"));
        message.payload.branch = None;
        message.payload.project.url = "https://gates.example.org/<!channel>".to_owned();
        message.payload.server_url = "javascript:alert(1)".to_owned();
        assert_eq!(message.link(2000), None);
    }
}
