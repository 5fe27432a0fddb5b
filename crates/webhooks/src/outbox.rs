//! Writes down what receivers are owed, in the transaction of what caused it, so that neither exists without the
//! other.

use std::sync::Arc;

use gatehook_domain::Timestamp;
use gatehook_domain::branch::Branch;
use gatehook_domain::id::{DeliveryId, EventId};
use gatehook_domain::webhook::{Attempt, Delivery, DeliveryStatus, Event, Rendered, Webhook};
use gatehook_store::{StoreError, Tx, delivery, webhook};

use crate::format::{self, FormatError};
use crate::payload::{Happened, payload};
use crate::server_url::ServerUrl;

/// Records an event and one delivery for each webhook it concerns: the project's, then the global ones, as far as their
/// filters let it through. The payload is built once and shared; webhooks with another format get a body of their own,
/// made here and kept, so that every attempt sends the same. Without any webhook nothing is recorded and the answer is
/// none.
///
/// A webhook whose format can make nothing of the event gets a delivery that has failed, with the reason.
///
/// The caller wakes the engine after the transaction has been committed.
pub fn record(tx: &mut Tx<'_>, urls: &ServerUrl, happened: &Happened<'_>) -> Result<Option<EventId>, StoreError> {
    let facts = happened.facts();
    let mut webhooks = webhook::for_event(tx, &happened.project.id)?;
    webhooks.retain(|webhook| webhook.options.filter.admits(&facts));
    if webhooks.is_empty() {
        return Ok(None);
    }
    let event = Event {
        id: tx.ambient().new_id(),
        project: Some(happened.project.id.clone()),
        project_key: Some(happened.project.key.clone()),
        branch: happened.branch.map(|branch: &Branch| branch.id.clone()),
        kind: happened.kind,
        task: happened.task.cloned(),
        analysis: happened.analysis.map(|analysis| analysis.id.clone()),
        payload: payload(happened, &urls.effective(tx)?),
        created_at: tx.ambient().now(),
    };
    record_for(tx, &event, &webhooks)?;
    Ok(Some(event.id))
}

/// Records an event and a delivery to each of these webhooks.
pub(crate) fn record_for(tx: &mut Tx<'_>, event: &Event, webhooks: &[Arc<Webhook>]) -> Result<(), StoreError> {
    // What is due at the same moment goes out in the order of its ids, and ids of one moment come in any order.
    let mut ids: Vec<DeliveryId> = webhooks.iter().map(|_| tx.ambient().new_id()).collect();
    ids.sort();
    let mut deliveries = Vec::with_capacity(webhooks.len());
    let mut bodies = Vec::new();
    for (webhook, id) in webhooks.iter().zip(ids) {
        let (delivery, body) = owed(event, webhook, id);
        bodies.extend(body.map(|body| (delivery.id.clone(), body)));
        deliveries.push(delivery);
    }
    delivery::insert_event(tx, event)?;
    delivery::insert_many(tx, &deliveries)?;
    for (id, body) in bodies {
        delivery::set_rendered(tx, &id, &body)?;
    }
    Ok(())
}

/// A new delivery, and what it sends if that is not the event's payload.
fn owed(event: &Event, webhook: &Webhook, id: DeliveryId) -> (Delivery, Option<Rendered>) {
    let mut delivery = Delivery {
        id,
        event: event.id.clone(),
        project: event.project.clone(),
        task: event.task.clone(),
        url: webhook.url.masked(),
        webhook: webhook.id.clone(),
        name: webhook.name.clone(),
        status: DeliveryStatus::Pending,
        due_at: Some(event.created_at),
        attempts: 0,
        last: None,
        created_at: event.created_at,
    };
    let format = &webhook.options.format;
    if format.is_default() {
        return (delivery, None);
    }
    match format::render(format, event.kind, &event.payload) {
        Ok(made) => {
            let body = Rendered {
                body: made.body,
                path: made.path,
            };
            (delivery, Some(body))
        }
        Err(error) => {
            delivery.status = DeliveryStatus::Failed;
            delivery.due_at = None;
            delivery.attempts = 1;
            delivery.last = Some(unmade(event.created_at, &error));
            (delivery, Some(nothing()))
        }
    }
}

/// The attempt at a body that did not come about.
pub(crate) fn unmade(at: Timestamp, error: &FormatError) -> Attempt {
    Attempt {
        number: 1,
        at,
        duration_ms: 0,
        http_status: None,
        error: Some(format!("nothing was sent: {error}")),
    }
}

/// What is kept of a body that did not come about.
pub(crate) const fn nothing() -> Rendered {
    Rendered {
        body: Vec::new(),
        path: None,
    }
}
