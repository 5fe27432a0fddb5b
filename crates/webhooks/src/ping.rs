//! Test calls: what they say, and what is kept of them. Nothing happened, and every test call says so: in the header
//! `X-Gatehook-Event`, and among the payload's properties.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use gatehook_domain::Timestamp;
use gatehook_domain::analysis::Analysis;
use gatehook_domain::branch::{Branch, BranchKind};
use gatehook_domain::gate::{ConditionStatus, ConditionVerdict, GateStatus, Operator, Verdict};
use gatehook_domain::id::{AnalysisId, BranchId, DeliveryId, NotAnId, TaskId};
use gatehook_domain::metric::Metric;
use gatehook_domain::project::Project;
use gatehook_domain::webhook::{Attempt, Delivery, DeliveryStatus, Event, EventKind, Rendered, Webhook};
use gatehook_store::{StoreError, Tx, delivery};

use crate::format;
use crate::outbox::{nothing, unmade};
use crate::payload::{Happened, TaskResult, payload};
use crate::sender::{Call, Sender};

/// The property that says in the payload that nothing happened; its value is `true`.
pub const MARK: &str = "sonar.analysis.gatehookTest";

/// What the properties of a payload begin with. No text inside of one looks like it: quotation marks are escaped there.
const PROPERTIES: &str = "\"properties\":{";

/// A payload as an analysis of the project would have it: its main branch, a gate that fails at one of two conditions, and
/// the mark. The gate fails, so that a receiver which does not know the mark lets nothing pass.
pub fn sample(project: &Project, server_url: &str, now: Timestamp) -> Result<Vec<u8>, NotAnId> {
    let properties = BTreeMap::from([(MARK.to_owned(), "true".to_owned())]);
    let (task, branch) = (TaskId::parse("gatehook-test")?, BranchId::parse("gatehook-test")?);
    let analysis = Analysis {
        id: AnalysisId::parse("gatehook-test")?,
        project: project.id.clone(),
        branch: branch.clone(),
        task: task.clone(),
        date: now,
        version: None,
        build: None,
        revision: Some("c739069ec7105e01303e8b3065a81141aad9f129".to_owned()),
        period: None,
        properties: BTreeMap::new(),
    };
    let branch = Branch {
        id: branch,
        project: project.id.clone(),
        kind: BranchKind::Branch,
        name: "main".to_owned(),
        is_main: true,
        source: None,
        target: None,
        title: None,
        created_at: now,
        last_analysis: None,
        revision: 0,
    };
    let condition = |key, operator, threshold: &str, value: &str, status| {
        Some(ConditionVerdict {
            metric: Metric::find(key)?,
            operator,
            threshold: threshold.to_owned(),
            value: Some(value.to_owned()),
            status,
        })
    };
    let conditions = [
        condition(
            "new_violations",
            Operator::GreaterThan,
            "0",
            "2",
            ConditionStatus::Error,
        ),
        condition("new_coverage", Operator::LessThan, "80", "85.2", ConditionStatus::Ok),
    ];
    let verdict = Verdict {
        status: GateStatus::Error,
        conditions: conditions.into_iter().flatten().collect(),
        ignored_conditions: false,
    };
    let happened = Happened {
        project,
        branch: Some(&branch),
        named: None,
        kind: EventKind::Ping,
        task: Some(&task),
        result: TaskResult::Succeeded,
        analysis: Some(&analysis),
        analysed_at: None,
        revision: None,
        changed_at: now,
        gate: Some(("Sonar way", &verdict)),
        gate_before: None,
        properties: &properties,
    };
    Ok(payload(&happened, server_url))
}

/// The payload of a past event with the mark among its properties; none when it has no properties, which only a damaged
/// one has not.
pub fn marked(payload: &[u8]) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(payload).ok()?;
    let at = text.rfind(PROPERTIES)? + PROPERTIES.len();
    let (before, after) = text.split_at(at);
    if after.contains(&format!("\"{MARK}\":")) {
        return Some(payload.to_vec());
    }
    let comma = if after.starts_with('}') { "" } else { "," };
    Some(format!("{before}\"{MARK}\":\"true\"{comma}{after}").into_bytes())
}

/// A test call that was made.
#[derive(Debug)]
pub struct Pinged {
    /// The delivery it is kept as.
    pub delivery: DeliveryId,
    /// What came of it.
    pub attempt: Attempt,
    /// What was sent, when that is not the event's payload.
    rendered: Option<Rendered>,
}

/// Makes a test call at once, once. `guarded` is what `sonar.validateWebhooks` says now.
pub async fn ping(
    sender: &Sender,
    webhook: &Arc<Webhook>,
    event: &Event,
    delivery: DeliveryId,
    guarded: bool,
) -> Pinged {
    let format = &webhook.options.format;
    let rendered = match format::render(format, EventKind::Ping, &event.payload) {
        _ if format.is_default() => None,
        Ok(made) => Some(Rendered {
            body: made.body,
            path: made.path,
        }),
        Err(error) => {
            return Pinged {
                delivery,
                attempt: unmade(event.created_at, &error),
                rendered: Some(nothing()),
            };
        }
    };
    let body = rendered.as_ref().map_or(&event.payload, |rendered| &rendered.body);
    let call = Call {
        webhook: Arc::clone(webhook),
        project_key: event.project_key.clone(),
        kind: EventKind::Ping,
        delivery: delivery.clone(),
        number: 1,
        body: Bytes::from(body.clone()),
        path: rendered.as_ref().and_then(|rendered| rendered.path.clone()),
    };
    Pinged {
        attempt: sender.send(&call, guarded).await,
        delivery,
        rendered,
    }
}

/// Keeps a test call like any other, so that it can be looked at; it is not made again by itself.
pub fn record(tx: &mut Tx<'_>, event: &Event, webhook: &Webhook, pinged: &Pinged) -> Result<(), StoreError> {
    let kept = Delivery {
        id: pinged.delivery.clone(),
        event: event.id.clone(),
        webhook: webhook.id.clone(),
        project: event.project.clone(),
        task: None,
        name: webhook.name.clone(),
        url: webhook.url.masked(),
        status: if pinged.attempt.succeeded() {
            DeliveryStatus::Delivered
        } else {
            DeliveryStatus::Failed
        },
        due_at: None,
        attempts: 1,
        last: Some(pinged.attempt.clone()),
        created_at: event.created_at,
    };
    delivery::insert_event(tx, event)?;
    delivery::insert_many(tx, &[kept])?;
    if let Some(rendered) = &pinged.rendered {
        delivery::set_rendered(tx, &pinged.delivery, rendered)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use gatehook_domain::id::ProjectId;
    use gatehook_domain::key::ProjectKey;
    use gatehook_domain::project::Visibility;

    #[test]
    fn the_sample_is_a_payload_like_any_other_and_says_that_it_is_a_test() {
        let project = Project {
            id: ProjectId::parse("p").unwrap(),
            key: ProjectKey::parse("shop").unwrap(),
            name: "Shop".to_owned(),
            visibility: Visibility::Private,
            created_at: Timestamp::from_millis(0),
        };
        let text = sample(
            &project,
            "https://gates.example",
            Timestamp::from_millis(1_500_000_000_000),
        )
        .unwrap();
        insta::assert_snapshot!(String::from_utf8(text).unwrap(), @r#"{"serverUrl":"https://gates.example","taskId":"gatehook-test","status":"SUCCESS","analysedAt":"2017-07-14T02:40:00+0000","revision":"c739069ec7105e01303e8b3065a81141aad9f129","changedAt":"2017-07-14T02:40:00+0000","project":{"key":"shop","name":"Shop","url":"https://gates.example/dashboard?id=shop"},"branch":{"name":"main","type":"BRANCH","isMain":true,"url":"https://gates.example/dashboard?id=shop"},"qualityGate":{"name":"Sonar way","status":"ERROR","conditions":[{"metric":"new_violations","operator":"GREATER_THAN","value":"2","status":"ERROR","errorThreshold":"0","onLeakPeriod":true},{"metric":"new_coverage","operator":"LESS_THAN","value":"85.2","status":"OK","errorThreshold":"80","onLeakPeriod":true}]},"properties":{"sonar.analysis.gatehookTest":"true"}}"#);
    }

    #[test]
    fn a_past_payload_is_marked_once_and_else_left_as_it_is() {
        let told = |text: &str| marked(text.as_bytes()).map(|bytes| String::from_utf8(bytes).unwrap());
        assert_eq!(
            told(r#"{"status":"SUCCESS","properties":{}}"#).unwrap(),
            r#"{"status":"SUCCESS","properties":{"sonar.analysis.gatehookTest":"true"}}"#
        );
        let odd = r#"{"properties":{"sonar.analysis.x":"\"properties\":{}"}}"#;
        let once = told(odd).unwrap();
        assert_eq!(
            once,
            r#"{"properties":{"sonar.analysis.gatehookTest":"true","sonar.analysis.x":"\"properties\":{}"}}"#
        );
        assert_eq!(told(&once), Some(once));
        assert_eq!(told("{}"), None);
    }
}
