//! Writes down what receivers are owed, in the transaction of what caused it, so that neither exists without the
//! other.

use gatehook_domain::branch::Branch;
use gatehook_domain::id::{DeliveryId, EventId};
use gatehook_domain::webhook::{Delivery, DeliveryStatus, Event};
use gatehook_store::{StoreError, Tx, delivery, webhook};

use crate::payload::{Happened, payload};
use crate::server_url::ServerUrl;

/// Records an event and one delivery for each webhook it concerns: the project's, then the global ones. The payload
/// is built once and shared. Without any webhook nothing is recorded and the answer is none.
///
/// The caller wakes the engine after the transaction has been committed.
pub fn record(tx: &mut Tx<'_>, urls: &ServerUrl, happened: &Happened<'_>) -> Result<Option<EventId>, StoreError> {
    let webhooks = webhook::for_event(tx, &happened.project.id)?;
    if webhooks.is_empty() {
        return Ok(None);
    }
    let now = tx.ambient().now();
    let event = Event {
        id: tx.ambient().new_id(),
        project: Some(happened.project.id.clone()),
        project_key: Some(happened.project.key.clone()),
        branch: happened.branch.map(|branch: &Branch| branch.id.clone()),
        kind: happened.kind,
        task: happened.task.cloned(),
        analysis: happened.analysis.map(|analysis| analysis.id.clone()),
        payload: payload(happened, &urls.effective(tx)?),
        created_at: now,
    };
    // What is due at the same moment goes out in the order of its ids, and ids of one moment come in any order.
    let mut ids: Vec<DeliveryId> = webhooks.iter().map(|_| tx.ambient().new_id()).collect();
    ids.sort();
    let deliveries: Vec<Delivery> = webhooks
        .into_iter()
        .zip(ids)
        .map(|(webhook, id)| Delivery {
            id,
            event: event.id.clone(),
            project: event.project.clone(),
            task: event.task.clone(),
            url: webhook.url.masked(),
            webhook: webhook.id,
            name: webhook.name,
            status: DeliveryStatus::Pending,
            due_at: Some(now),
            attempts: 0,
            last: None,
            created_at: now,
        })
        .collect();
    delivery::insert_event(tx, &event)?;
    delivery::insert_many(tx, &deliveries)?;
    Ok(Some(event.id))
}
