//! Calls that webhooks are owed, and what comes of them, without a delivery engine.

use std::time::Duration;

use gatehook_domain::id::{DeliveryId, NodeId, TaskId, WebhookId};
use gatehook_domain::key::ProjectKey;
use gatehook_domain::webhook::{Attempt, Delivery, DeliveryStatus, Event, EventKind};
use gatehook_store::delivery::{self, Claim, Completion, Holder, Outcome};
use gatehook_store::{StoreError, Tx, project, webhook};

use crate::support::TestServer;

/// What is sent.
pub(crate) const PAYLOAD: &str = r#"{"status":"SUCCESS","name":"a \"b\" <é> & c=d"}"#;

/// Something happened in `p` that the webhook is owed a call about; answers the delivery's id.
pub(crate) async fn owe(server: &TestServer, hook: &str) -> String {
    owe_about(server, hook, "p", None).await
}

/// Something happened in a project, perhaps in a task; answers the delivery's id.
pub(crate) async fn owe_about(server: &TestServer, hook: &str, project: &str, task: Option<&str>) -> String {
    owe_payload(server, hook, project, task, PAYLOAD).await
}

/// The same with another payload.
pub(crate) async fn owe_payload(
    server: &TestServer,
    hook: &str,
    project: &str,
    task: Option<&str>,
    payload: &str,
) -> String {
    let payload = payload.to_owned();
    let hook = WebhookId::parse(hook).unwrap();
    let project = ProjectKey::parse(project).unwrap();
    let task = task.map(|task| TaskId::parse(task).unwrap());
    let owed = move |tx: &mut Tx<'_>| owe_in(tx, &hook, &project, task.as_ref(), &payload);
    server.test.store.write(owed).await.unwrap()
}

fn owe_in(
    tx: &mut Tx<'_>,
    hook: &WebhookId,
    project: &ProjectKey,
    task: Option<&TaskId>,
    payload: &str,
) -> Result<String, StoreError> {
    let now = tx.ambient().now();
    let project = project::by_key(tx, project)?.unwrap();
    let hook = webhook::by_id(tx, hook)?.unwrap();
    let event = Event {
        id: tx.ambient().new_id(),
        project: Some(project.id.clone()),
        project_key: Some(project.key),
        branch: None,
        kind: EventKind::AnalysisCompleted,
        task: task.cloned(),
        analysis: None,
        payload: payload.into(),
        created_at: now,
    };
    delivery::insert_event(tx, &event)?;
    let id: DeliveryId = tx.ambient().new_id();
    let owed = Delivery {
        id: id.clone(),
        event: event.id,
        webhook: hook.id,
        project: Some(project.id),
        task: event.task,
        name: hook.name,
        url: hook.url.masked(),
        status: DeliveryStatus::Pending,
        due_at: Some(now),
        attempts: 0,
        last: None,
        created_at: now,
    };
    delivery::insert_many(tx, &[owed])?;
    Ok(id.into())
}

fn node() -> NodeId {
    NodeId::parse("node").unwrap()
}

/// Begins all calls that are due, as a delivery engine does.
pub(crate) fn begin(tx: &mut Tx<'_>) -> Result<Vec<delivery::Claimed>, StoreError> {
    let now = tx.ambient().now();
    let node = node();
    let claim = Claim {
        holder: Holder::Lease {
            node: &node,
            until: now.plus(Duration::from_mins(1)),
        },
        now,
        limit: 10,
        again: 10,
        bytes: 1 << 20,
        room: &|_, _| 10,
        after: None,
    };
    Ok(delivery::claim(tx, &claim)?.claimed)
}

/// Makes all calls that are due, and has them answered so; answers how many there were.
pub(crate) async fn call(server: &TestServer, http_status: u16, outcome: Outcome) -> usize {
    end(server, Ok(http_status), outcome).await
}

/// Makes all calls that are due, and none of them is answered, for a reason.
pub(crate) async fn fail(server: &TestServer, reason: &'static str) -> usize {
    end(server, Err(reason), Outcome::Failed).await
}

async fn end(server: &TestServer, answer: Result<u16, &'static str>, outcome: Outcome) -> usize {
    let made = move |tx: &mut Tx<'_>| -> Result<usize, StoreError> {
        let at = tx.ambient().now();
        let ends: Vec<Completion> = begin(tx)?
            .into_iter()
            .map(|claimed| Completion {
                delivery: claimed.id,
                webhook: claimed.webhook.id.clone(),
                url: None,
                attempt: Attempt {
                    number: claimed.number,
                    at,
                    duration_ms: 7,
                    http_status: answer.ok(),
                    error: answer.err().map(str::to_owned),
                },
                outcome,
            })
            .collect();
        delivery::complete_many(tx, Some(&node()), &ends)?;
        Ok(ends.len())
    };
    server.test.store.write(made).await.unwrap()
}
