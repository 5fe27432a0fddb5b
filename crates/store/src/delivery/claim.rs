//! Taking what is due.

use std::collections::BTreeMap;

use gatehook_domain::Timestamp;
use gatehook_domain::id::{DeliveryId, EventId, NodeId, WebhookId};
use gatehook_domain::webhook::{Delivery, Event, Webhook};

use super::{event, read};
use crate::error::StoreError;
use crate::params;
use crate::sql::{LIST, Sql};
use crate::tx::{Engine, Tx};
use crate::webhook;

/// Takes up to `limit` deliveries that are due and that nobody is at, the longest due first. They are leased to `node`
/// until `lease_until`, and an attempt of each is counted. The URL that a delivery shows becomes the one its webhook has
/// now.
pub fn claim(
    tx: &mut Tx<'_>,
    node: &NodeId,
    now: Timestamp,
    lease_until: Timestamp,
    limit: i64,
) -> Result<Vec<(Delivery, Event, Webhook)>, StoreError> {
    // Engine fragments: on PostgreSQL several nodes claim at the same time, and each passes over what another takes.
    let (expire, take) = match tx.engine() {
        Engine::Sqlite => (
            "UPDATE delivery SET owner = NULL, lease_until = NULL
              WHERE id IN (SELECT id FROM delivery WHERE owner IS NOT NULL AND lease_until <= $1)",
            "UPDATE delivery SET owner = $1, lease_until = $2, attempts = attempts + 1
              WHERE id IN (SELECT id FROM delivery
                            WHERE status = 'PENDING' AND owner IS NULL AND due_at <= $3
                            ORDER BY due_at, id LIMIT $4)
             RETURNING id",
        ),
        Engine::Postgres => (
            "UPDATE delivery SET owner = NULL, lease_until = NULL
              WHERE id IN (SELECT id FROM delivery WHERE owner IS NOT NULL AND lease_until <= $1
                              FOR UPDATE SKIP LOCKED)",
            "UPDATE delivery SET owner = $1, lease_until = $2, attempts = attempts + 1
              WHERE id IN (SELECT id FROM delivery
                            WHERE status = 'PENDING' AND owner IS NULL AND due_at <= $3
                            ORDER BY due_at, id LIMIT $4
                              FOR UPDATE SKIP LOCKED)
             RETURNING id",
        ),
    };
    tx.execute(expire, &params![now])?;
    let taken = tx.query(take, &params![node, lease_until, now, limit])?;
    let ids = taken
        .iter()
        .map(|row| row.get(0))
        .collect::<Result<Vec<DeliveryId>, _>>()?;
    let mut deliveries = Vec::with_capacity(ids.len());
    for chunk in ids.chunks(LIST) {
        let rows = Sql::new(
            "SELECT d.id, d.event_id, d.webhook_id, d.project_id, d.task_id, d.name, d.url, d.status, d.due_at,
                    d.attempts, d.created_at, a.number, a.at, a.duration_ms, a.http_status, a.error
               FROM delivery d LEFT JOIN delivery_attempt a ON a.delivery_id = d.id AND a.number = d.last_attempt
              WHERE d.id IN ",
        )
        .list(chunk)
        .query(tx)?;
        for row in rows {
            deliveries.push(read(&row)?);
        }
    }
    deliveries.sort_by(|one, other| (one.due_at, &one.id).cmp(&(other.due_at, &other.id)));
    accompany(tx, deliveries)
}

/// Puts to each delivery its event and its webhook, and lets it show the webhook's present URL.
fn accompany(tx: &mut Tx<'_>, deliveries: Vec<Delivery>) -> Result<Vec<(Delivery, Event, Webhook)>, StoreError> {
    let mut webhooks: BTreeMap<WebhookId, Option<Webhook>> = deliveries
        .iter()
        .map(|delivery| (delivery.webhook.clone(), None))
        .collect();
    for webhook in webhook::by_ids(tx, &webhooks.keys().cloned().collect::<Vec<_>>())? {
        webhooks.insert(webhook.id.clone(), Some(webhook));
    }
    let mut events: BTreeMap<EventId, Event> = BTreeMap::new();
    let mut claimed = Vec::with_capacity(deliveries.len());
    for mut delivery in deliveries {
        // Foreign keys see to it that both are there.
        let Some(Some(webhook)) = webhooks.get(&delivery.webhook) else {
            continue;
        };
        if !events.contains_key(&delivery.event)
            && let Some(event) = event(tx, &delivery.event)?
        {
            events.insert(delivery.event.clone(), event);
        }
        let Some(event) = events.get(&delivery.event) else {
            continue;
        };
        let shown = webhook.url.masked();
        if delivery.url != shown {
            tx.execute(
                "UPDATE delivery SET url = $2 WHERE id = $1",
                &params![delivery.id, shown],
            )?;
            delivery.url = shown;
        }
        claimed.push((delivery, event.clone(), webhook.clone()));
    }
    Ok(claimed)
}
