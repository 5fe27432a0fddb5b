//! Taking what is due, fairly: webhook by webhook, first attempts before others.

use std::collections::{BTreeMap, BTreeSet};

use gatehook_domain::Timestamp;
use gatehook_domain::id::{DeliveryId, EventId, NodeId, WebhookId};
use gatehook_domain::webhook::{Delivery, Event, Webhook};

use super::{read, read_event};
use crate::error::StoreError;
use crate::params;
use crate::sql::{LIST, Sql};
use crate::tx::{Engine, Tx};
use crate::value::Row;
use crate::webhook;

/// How many webhooks are looked up at once.
const HOOKS: i64 = 128;

/// What a node wants to take.
pub struct Claim<'a> {
    /// Who takes it.
    pub node: &'a NodeId,
    /// What is due by then.
    pub now: Timestamp,
    /// How long it is the node's.
    pub lease_until: Timestamp,
    /// At most so many in all.
    pub limit: usize,
    /// At most so many of them that are no first attempts.
    pub again: usize,
    /// At most so many of one webhook, told from its id and its failures in a row; 0 leaves it out.
    pub room: &'a dyn Fn(&WebhookId, i64) -> usize,
    /// The webhook behind which to begin, so that every webhook gets its turn.
    pub after: Option<&'a WebhookId>,
}

/// A delivery that was taken, with what is needed to send it.
#[derive(Debug, Clone)]
pub struct Claimed {
    /// The delivery; its attempts include the one that begins now.
    pub delivery: Delivery,
    /// What happened.
    pub event: Event,
    /// Whom it goes to.
    pub webhook: Webhook,
    /// Which attempt this is since the event or since it was last sent again by hand, counted from 1.
    pub attempt_of_round: i64,
}

/// What was taken.
#[derive(Debug, Default)]
pub struct Taken {
    /// The deliveries; those of one webhook in the order in which they are to be sent.
    pub claimed: Vec<Claimed>,
    /// Whether something due may have been left behind for want of room.
    pub left: bool,
    /// The last webhook that something was taken of: what the next claim begins after.
    pub last: Option<WebhookId>,
}

/// Takes deliveries that are due and that nobody is at. They are leased to the node, and an attempt of each is counted.
/// The URL that a delivery shows becomes the one its webhook has now. Paused webhooks are left out.
///
/// The cost follows the number of webhooks that something is owed to and what is taken, not the backlog.
pub fn claim(tx: &mut Tx<'_>, claim: &Claim<'_>) -> Result<Taken, StoreError> {
    expire(tx, claim.now)?;
    let mut taking = Taking {
        claim,
        taken: BTreeMap::new(),
        ids: Vec::new(),
        left: false,
        last: None,
    };
    taking.go_round(tx, Class::First, claim.limit)?;
    let again = claim.again.min(claim.limit - taking.ids.len());
    taking.go_round(tx, Class::Again, again)?;
    let Taking { ids, left, last, .. } = taking;
    Ok(Taken {
        claimed: accompany(tx, &ids)?,
        left,
        last,
    })
}

/// Gives back what `node` has claimed and has not begun; the attempts do not count.
pub fn give_back(tx: &mut Tx<'_>, node: &NodeId, ids: &[DeliveryId]) -> Result<u64, StoreError> {
    let mut given = 0;
    for chunk in ids.chunks(LIST) {
        let mut sql = Sql::new("UPDATE delivery SET owner = NULL, lease_until = NULL, attempts = attempts - 1");
        given += sql.and("owner = ").bind(node).and("id IN ").list(chunk).execute(tx)?;
    }
    Ok(given)
}

/// Frees what dead nodes have.
fn expire(tx: &mut Tx<'_>, now: Timestamp) -> Result<(), StoreError> {
    // Engine fragment: on PostgreSQL several nodes do this at the same time.
    let expire = match tx.engine() {
        Engine::Sqlite => {
            "UPDATE delivery SET owner = NULL, lease_until = NULL
              WHERE id IN (SELECT id FROM delivery WHERE owner IS NOT NULL AND lease_until <= $1)"
        }
        Engine::Postgres => {
            "UPDATE delivery SET owner = NULL, lease_until = NULL
              WHERE id IN (SELECT id FROM delivery WHERE owner IS NOT NULL AND lease_until <= $1
                              FOR UPDATE SKIP LOCKED)"
        }
    };
    tx.execute(expire, &params![now])?;
    Ok(())
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    /// No attempt has ended yet.
    First,
    /// One has, and it was no success, or the delivery is sent again by hand.
    Again,
}

struct Taking<'a, 'c> {
    claim: &'a Claim<'c>,
    /// How many were taken of each webhook.
    taken: BTreeMap<WebhookId, usize>,
    ids: Vec<DeliveryId>,
    left: bool,
    last: Option<WebhookId>,
}

impl Taking<'_, '_> {
    /// Takes at most `limit` of a class: first every webhook's share, then, in further rounds, what is left over.
    fn go_round(&mut self, tx: &mut Tx<'_>, class: Class, limit: usize) -> Result<(), StoreError> {
        let mut limit = limit;
        let mut hooks = self.hooks(tx, class, limit.max(1))?;
        if limit == 0 {
            self.left |= !hooks.is_empty();
            return Ok(());
        }
        while limit > 0 && !hooks.is_empty() {
            let share = limit.div_ceil(hooks.len());
            let mut more = Vec::new();
            for (hook, room) in hooks {
                let take = share.min(room).min(limit);
                if take == 0 {
                    self.left = true;
                    continue;
                }
                let taken = self.take(tx, class, &hook, take)?;
                limit -= taken.min(limit);
                if taken == take && room > take {
                    more.push((hook, room - take));
                } else if taken == take {
                    self.left = true;
                }
            }
            hooks = more;
        }
        self.left |= !hooks.is_empty();
        Ok(())
    }

    /// The webhooks of which there is something due and for which there is room, at most `limit`, from the one after the
    /// last of the claim before, round to it.
    fn hooks(&mut self, tx: &mut Tx<'_>, class: Class, limit: usize) -> Result<Vec<(WebhookId, usize)>, StoreError> {
        let mut found: Vec<(WebhookId, usize)> = Vec::new();
        let begin = self.claim.after.map_or("", WebhookId::as_str);
        let (mut after, mut wrapped) = (begin.to_owned(), begin.is_empty());
        loop {
            let rows = due_hooks(tx, class, &after, self.claim.now)?;
            for row in &rows {
                let (id, failures, is_due): (WebhookId, i64, bool) = (row.get(0)?, row.get(1)?, row.get(2)?);
                if wrapped && !begin.is_empty() && id.as_str() > begin {
                    return Ok(found);
                }
                id.as_str().clone_into(&mut after);
                if !is_due {
                    continue;
                }
                let room = (self.claim.room)(&id, failures).saturating_sub(self.taken.get(&id).copied().unwrap_or(0));
                if room == 0 {
                    self.left = true;
                    continue;
                }
                if found.len() == limit {
                    self.left = true;
                    return Ok(found);
                }
                found.push((id, room));
            }
            if (rows.len() as i64) < HOOKS {
                if wrapped {
                    return Ok(found);
                }
                wrapped = true;
                after = String::new();
            }
        }
    }

    fn take(&mut self, tx: &mut Tx<'_>, class: Class, hook: &WebhookId, limit: usize) -> Result<usize, StoreError> {
        let claim = self.claim;
        let take = take_text(tx.engine(), class);
        let rows = tx.query(
            take,
            &params![claim.node, claim.lease_until, hook, claim.now, limit as i64],
        )?;
        for row in &rows {
            self.ids.push(row.get(0)?);
        }
        if !rows.is_empty() {
            *self.taken.entry(hook.clone()).or_default() += rows.len();
            self.last = Some(hook.clone());
        }
        Ok(rows.len())
    }
}

/// The text of [`due_hooks`] for an index and for what `last_attempt` is.
macro_rules! due_hooks_text {
    ($index:literal, $last_attempt:literal) => {
        concat!(
            "WITH RECURSIVE hook(id, step) AS (
                 SELECT MIN(webhook_id), CAST(1 AS BIGINT) FROM delivery ",
            $index,
            " WHERE status = 'PENDING' AND owner IS NULL AND last_attempt ",
            $last_attempt,
            " AND webhook_id > $1
                  UNION ALL
                 SELECT (SELECT MIN(d.webhook_id) FROM delivery d ",
            $index,
            " WHERE d.status = 'PENDING' AND d.owner IS NULL AND d.last_attempt ",
            $last_attempt,
            " AND d.webhook_id > hook.id), hook.step + 1
                   FROM hook WHERE hook.id IS NOT NULL AND hook.step < $3)
             SELECT w.id, w.failures, NOT w.paused AND EXISTS (
                        SELECT 1 FROM delivery d ",
            $index,
            " WHERE d.status = 'PENDING' AND d.owner IS NULL AND d.last_attempt ",
            $last_attempt,
            " AND d.webhook_id = hook.id AND d.due_at <= $2) AS is_due
               FROM hook CROSS JOIN webhook w WHERE w.id = hook.id
              ORDER BY w.id"
        )
    };
}

/// The next webhooks after one, by id, that something is owed to, with their failures and whether it is due and they are
/// not paused. The recursion jumps from webhook to webhook in the index, so that a large backlog costs no more than a
/// small one.
fn due_hooks(tx: &mut Tx<'_>, class: Class, after: &str, now: Timestamp) -> Result<Vec<Row>, StoreError> {
    // Engine fragment: once SQLite has statistics, it prefers the index of all deliveries of a webhook and passes over
    // those that have ended, one by one.
    let text = match (tx.engine(), class) {
        (Engine::Sqlite, Class::First) => due_hooks_text!("INDEXED BY delivery_fresh", "IS NULL"),
        (Engine::Sqlite, Class::Again) => due_hooks_text!("INDEXED BY delivery_again", "IS NOT NULL"),
        (Engine::Postgres, Class::First) => due_hooks_text!("", "IS NULL"),
        (Engine::Postgres, Class::Again) => due_hooks_text!("", "IS NOT NULL"),
    };
    tx.query(text, &params![after, now, HOOKS])
}

/// Engine fragments: on PostgreSQL several nodes claim at the same time, and each passes over what another takes.
fn take_text(engine: Engine, class: Class) -> &'static str {
    match (engine, class) {
        (Engine::Sqlite, Class::First) => {
            "UPDATE delivery SET owner = $1, lease_until = $2, attempts = attempts + 1
              WHERE id IN (SELECT id FROM delivery
                            WHERE status = 'PENDING' AND owner IS NULL AND last_attempt IS NULL
                              AND webhook_id = $3 AND due_at <= $4
                            ORDER BY due_at, id LIMIT $5)
             RETURNING id"
        }
        (Engine::Sqlite, Class::Again) => {
            "UPDATE delivery SET owner = $1, lease_until = $2, attempts = attempts + 1
              WHERE id IN (SELECT id FROM delivery
                            WHERE status = 'PENDING' AND owner IS NULL AND last_attempt IS NOT NULL
                              AND webhook_id = $3 AND due_at <= $4
                            ORDER BY due_at, id LIMIT $5)
             RETURNING id"
        }
        (Engine::Postgres, Class::First) => {
            "UPDATE delivery SET owner = $1, lease_until = $2, attempts = attempts + 1
              WHERE id IN (SELECT id FROM delivery
                            WHERE status = 'PENDING' AND owner IS NULL AND last_attempt IS NULL
                              AND webhook_id = $3 AND due_at <= $4
                            ORDER BY due_at, id LIMIT $5
                              FOR UPDATE SKIP LOCKED)
             RETURNING id"
        }
        (Engine::Postgres, Class::Again) => {
            "UPDATE delivery SET owner = $1, lease_until = $2, attempts = attempts + 1
              WHERE id IN (SELECT id FROM delivery
                            WHERE status = 'PENDING' AND owner IS NULL AND last_attempt IS NOT NULL
                              AND webhook_id = $3 AND due_at <= $4
                            ORDER BY due_at, id LIMIT $5
                              FOR UPDATE SKIP LOCKED)
             RETURNING id"
        }
    }
}

/// Reads what was taken, with events and webhooks, and lets each delivery show its webhook's present URL.
fn accompany(tx: &mut Tx<'_>, ids: &[DeliveryId]) -> Result<Vec<Claimed>, StoreError> {
    let mut found: Vec<(Delivery, i64)> = Vec::with_capacity(ids.len());
    for chunk in ids.chunks(LIST) {
        let rows = Sql::new(
            "SELECT d.id, d.event_id, d.webhook_id, d.project_id, d.task_id, d.name, d.url, d.status, d.due_at,
                    d.attempts, d.created_at, a.number, a.at, a.duration_ms, a.http_status, a.error, d.earlier_attempts
               FROM delivery d LEFT JOIN delivery_attempt a ON a.delivery_id = d.id AND a.number = d.last_attempt
              WHERE d.id IN ",
        )
        .list(chunk)
        .query(tx)?;
        for row in &rows {
            found.push((read(row)?, row.get(16)?));
        }
    }
    // First attempts first, as they were taken, and each class as it became due.
    found.sort_by(|(one, _), (other, _)| {
        (one.last.is_some(), one.due_at, &one.id).cmp(&(other.last.is_some(), other.due_at, &other.id))
    });
    let hooks: BTreeSet<&WebhookId> = found.iter().map(|(delivery, _)| &delivery.webhook).collect();
    let webhooks: BTreeMap<WebhookId, Webhook> = webhook::by_ids(tx, hooks)?
        .into_iter()
        .map(|webhook| (webhook.id.clone(), webhook))
        .collect();
    let events = events(tx, found.iter().map(|(delivery, _)| &delivery.event).collect())?;
    let mut claimed = Vec::with_capacity(found.len());
    for (mut delivery, earlier) in found {
        // Foreign keys see to it that both are there.
        let (Some(webhook), Some(event)) = (webhooks.get(&delivery.webhook), events.get(&delivery.event)) else {
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
        claimed.push(Claimed {
            attempt_of_round: delivery.attempts - earlier,
            delivery,
            event: event.clone(),
            webhook: webhook.clone(),
        });
    }
    Ok(claimed)
}

fn events(tx: &mut Tx<'_>, ids: BTreeSet<&EventId>) -> Result<BTreeMap<EventId, Event>, StoreError> {
    let ids: Vec<&EventId> = ids.into_iter().collect();
    let mut events = BTreeMap::new();
    for chunk in ids.chunks(LIST) {
        let rows = Sql::new(
            "SELECT id, project_id, project_key, branch_id, kind, task_id, analysis_id, payload, created_at
               FROM webhook_event WHERE id IN ",
        )
        .list(chunk)
        .query(tx)?;
        for row in &rows {
            let event = read_event(row)?;
            events.insert(event.id.clone(), event);
        }
    }
    Ok(events)
}
