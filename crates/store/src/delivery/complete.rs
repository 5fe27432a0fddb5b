//! Writing down what came of attempts, many at once.

use std::collections::{BTreeMap, BTreeSet};

use gatehook_domain::Timestamp;
use gatehook_domain::id::{DeliveryId, NodeId, WebhookId};
use gatehook_domain::webhook::{Attempt, DeliveryStatus};

use crate::error::StoreError;
use crate::params;
use crate::sql::{LIST, Sql};
use crate::tx::Tx;
use crate::value::{Kind, ToValue, Value};
use crate::webhook::{self, Health};

/// The status with which a receiver says that it is gone for good.
const GONE: u16 = 410;

/// Where a delivery stands after an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The receiver has it.
    Delivered,
    /// The receiver does not have it, and no further try is made.
    Failed,
    /// The next try is due then.
    RetryAt(Timestamp),
}

/// The end of one attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Completion {
    /// The delivery.
    pub delivery: DeliveryId,
    /// Whom it goes to.
    pub webhook: WebhookId,
    /// The URL that the delivery shows from now on, credentials masked; none when it shows the right one.
    pub url: Option<String>,
    /// What came of it.
    pub attempt: Attempt,
    /// What comes next.
    pub outcome: Outcome,
}

/// Writes down the ends of attempts, in the order in which they ended: each attempt, where its delivery stands now, and
/// what that says about the webhooks' health. Gives how many were written: an end does not count when the delivery is no
/// longer owed, `node` no longer has it, or another attempt of it was begun since. Without a `node`, whoever took the
/// deliveries holds them in memory ([`Holder::Memory`](super::Holder::Memory)), and the attempts are counted now.
pub fn complete_many(tx: &mut Tx<'_>, node: Option<&NodeId>, completions: &[Completion]) -> Result<u64, StoreError> {
    let mut held: BTreeSet<DeliveryId> = BTreeSet::new();
    // Most are first attempts that arrived, so those of one number end with one statement.
    let mut ends: BTreeMap<(i64, DeliveryStatus), Vec<&DeliveryId>> = BTreeMap::new();
    for completion in completions {
        let status = match completion.outcome {
            Outcome::Delivered => DeliveryStatus::Delivered,
            Outcome::Failed => DeliveryStatus::Failed,
            Outcome::RetryAt(moment) => {
                let mut sql = Sql::new("UPDATE delivery SET due_at = ");
                sql.bind(moment);
                if end(sql, node, completion.attempt.number, &[&completion.delivery]).execute(tx)? > 0 {
                    held.insert(completion.delivery.clone());
                }
                continue;
            }
        };
        ends.entry((completion.attempt.number, status))
            .or_default()
            .push(&completion.delivery);
    }
    for ((number, status), ids) in ends {
        for ids in ids.chunks(LIST) {
            let mut sql = Sql::new("UPDATE delivery SET status = ");
            sql.bind(status.as_str()).push(", due_at = NULL");
            for row in end(sql, node, number, ids).push(" RETURNING id").query(tx)? {
                held.insert(row.get(0)?);
            }
        }
    }
    let counted: Vec<&Completion> = completions
        .iter()
        .filter(|completion| held.contains(&completion.delivery))
        .collect();
    insert_attempts(tx, counted.iter().map(|ended| (&ended.delivery, &ended.attempt)))?;
    for completion in &counted {
        if let Some(url) = &completion.url {
            tx.execute(
                "UPDATE delivery SET url = $2 WHERE id = $1",
                &params![completion.delivery, url],
            )?;
        }
    }
    webhook::note(tx, &healths(&counted))?;
    Ok(counted.len() as u64)
}

/// The rest of the statement that ends attempts of one number, as far as they are still at their deliveries.
fn end(mut sql: Sql, node: Option<&NodeId>, number: i64, ids: &[&DeliveryId]) -> Sql {
    sql.push(", last_attempt = ")
        .bind(number)
        .push(", attempts = ")
        .bind(number);
    if let Some(node) = node {
        sql.push(", owner = NULL, lease_until = NULL")
            .and("owner = ")
            .bind(node);
        sql.and("attempts = ").bind(number);
    } else {
        sql.and("status = 'PENDING'").and("owner IS NULL");
        sql.and("attempts = ").bind(number - 1);
    }
    sql.and("id IN ").list(ids.iter().copied());
    sql
}

pub(super) fn insert_attempts<'a>(
    tx: &mut Tx<'_>,
    attempts: impl Iterator<Item = (&'a DeliveryId, &'a Attempt)>,
) -> Result<(), StoreError> {
    const KINDS: &[Kind] = &[Kind::Text, Kind::Int, Kind::Int, Kind::Int, Kind::Int, Kind::Text];
    let rows: Vec<Vec<Value>> = attempts
        .map(|(delivery, attempt)| {
            vec![
                delivery.to_value(),
                attempt.number.to_value(),
                attempt.at.to_value(),
                attempt.duration_ms.to_value(),
                attempt.http_status.to_value(),
                attempt.error.to_value(),
            ]
        })
        .collect();
    tx.insert_many(
        "delivery_attempt (delivery_id, number, at, duration_ms, http_status, error)",
        KINDS,
        &rows,
    )?;
    Ok(())
}

/// What the attempts say about each webhook.
fn healths<'a>(completions: &[&'a Completion]) -> BTreeMap<&'a WebhookId, Health> {
    let mut healths: BTreeMap<&WebhookId, Health> = BTreeMap::new();
    for completion in completions {
        let health = healths.entry(&completion.webhook).or_default();
        let attempt = &completion.attempt;
        if attempt.succeeded() {
            *health = Health {
                succeeded: true,
                ..Health::default()
            };
        } else {
            health.failures += 1;
            health.failing_since.get_or_insert(attempt.at);
            health.gone |= attempt.http_status == Some(GONE);
        }
    }
    healths
}
