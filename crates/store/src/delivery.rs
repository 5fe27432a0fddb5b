//! Events and their deliveries: what receivers are owed, who is at it, and what came of it.

use gatehook_domain::Timestamp;
use gatehook_domain::id::{DeliveryId, EventId, NodeId, ProjectId, TaskId, WebhookId};
use gatehook_domain::key::ProjectKey;
use gatehook_domain::webhook::{Attempt, Delivery, DeliveryStatus, Event, EventKind, Rendered};

use crate::error::StoreError;
use crate::params;
use crate::sql::Sql;
use crate::tx::Tx;
use crate::value::{Kind, Row, ToValue, Value};

mod backlog;
mod claim;
mod complete;
mod recover;

use self::complete::insert_attempts;

pub use self::backlog::{Backlog, backlog, count_owed, count_pending, next_due};
pub use self::claim::{Claim, Claimed, Held, Holder, Taken, claim, give_back};
pub use self::complete::{Completion, Outcome, complete_many};
pub use self::recover::{count_failed, redeliver, redeliver_failed, redeliver_window};

/// Whose deliveries are looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeliveryFilter {
    /// Those to a webhook.
    Webhook(WebhookId),
    /// Those about a project.
    Project(ProjectId),
    /// Those that a task caused.
    Task(TaskId),
}

/// Keeps an event, with the bytes that receivers are sent.
pub fn insert_event(tx: &mut Tx<'_>, event: &Event) -> Result<(), StoreError> {
    tx.execute(
        "INSERT INTO webhook_event (id, project_id, project_key, branch_id, kind, task_id, analysis_id, payload,
                                    created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        &params![
            event.id,
            event.project,
            event.project_key.as_ref().map(ProjectKey::as_str),
            event.branch,
            event.kind.as_str(),
            event.task,
            event.analysis,
            event.payload,
            event.created_at
        ],
    )?;
    Ok(())
}

/// Keeps new deliveries, with the last attempt of those that have one already.
pub fn insert_many(tx: &mut Tx<'_>, deliveries: &[Delivery]) -> Result<(), StoreError> {
    const KINDS: &[Kind] = &[
        Kind::Text,
        Kind::Text,
        Kind::Text,
        Kind::Text,
        Kind::Text,
        Kind::Text,
        Kind::Text,
        Kind::Text,
        Kind::Int,
        Kind::Int,
        Kind::Int,
        Kind::Int,
    ];
    let rows: Vec<Vec<Value>> = deliveries
        .iter()
        .map(|delivery| {
            vec![
                delivery.id.to_value(),
                delivery.event.to_value(),
                delivery.webhook.to_value(),
                delivery.project.to_value(),
                delivery.task.to_value(),
                delivery.name.to_value(),
                delivery.url.to_value(),
                delivery.status.as_str().to_value(),
                delivery.due_at.to_value(),
                delivery.attempts.to_value(),
                delivery.last.as_ref().map(|attempt| attempt.number).to_value(),
                delivery.created_at.to_value(),
            ]
        })
        .collect();
    tx.insert_many(
        "delivery (id, event_id, webhook_id, project_id, task_id, name, url, status, due_at, attempts, last_attempt,
                   created_at)",
        KINDS,
        &rows,
    )?;
    let ended = deliveries
        .iter()
        .filter_map(|delivery| delivery.last.as_ref().map(|attempt| (&delivery.id, attempt)));
    insert_attempts(tx, ended)
}

/// Lets a delivery send something else than its event's payload.
pub fn set_rendered(tx: &mut Tx<'_>, id: &DeliveryId, rendered: &Rendered) -> Result<(), StoreError> {
    tx.execute(
        "UPDATE delivery SET body = $2, path = $3 WHERE id = $1",
        &params![id, rendered.body, rendered.path],
    )?;
    Ok(())
}

/// What a delivery sends in the place of its event's payload; none: that one.
pub fn rendered(tx: &mut Tx<'_>, id: &DeliveryId) -> Result<Option<Rendered>, StoreError> {
    let row = tx.query_opt("SELECT body, path FROM delivery WHERE id = $1", &params![id])?;
    row.map_or(Ok(None), |row| read_rendered(&row, 0))
}

/// The event of this id.
pub fn event(tx: &mut Tx<'_>, id: &EventId) -> Result<Option<Event>, StoreError> {
    let row = tx.query_opt(
        "SELECT id, project_id, project_key, branch_id, kind, task_id, analysis_id, payload, created_at
           FROM webhook_event WHERE id = $1",
        &params![id],
    )?;
    row.map(|row| read_event(&row)).transpose()
}

/// The delivery of this id.
pub fn by_id(tx: &mut Tx<'_>, id: &DeliveryId) -> Result<Option<Delivery>, StoreError> {
    let row = tx.query_opt(
        "SELECT d.id, d.event_id, d.webhook_id, d.project_id, d.task_id, d.name, d.url, d.status, d.due_at, d.attempts,
                d.created_at, a.number, a.at, a.duration_ms, a.http_status, a.error
           FROM delivery d LEFT JOIN delivery_attempt a ON a.delivery_id = d.id AND a.number = d.last_attempt
          WHERE d.id = $1",
        &params![id],
    )?;
    row.map(|row| read(&row)).transpose()
}

/// The attempts of a delivery that ended, oldest first.
pub fn attempts(tx: &mut Tx<'_>, id: &DeliveryId) -> Result<Vec<Attempt>, StoreError> {
    let rows = tx.query(
        "SELECT number, at, duration_ms, http_status, error FROM delivery_attempt WHERE delivery_id = $1 ORDER BY number",
        &params![id],
    )?;
    rows.iter().filter_map(|row| read_attempt(row, 0).transpose()).collect()
}

/// One page of deliveries, of one status if one is named, newest first, and how many there are.
pub fn search(
    tx: &mut Tx<'_>,
    filter: &DeliveryFilter,
    status: Option<DeliveryStatus>,
    page: u32,
    size: u32,
) -> Result<(Vec<Delivery>, i64), StoreError> {
    let narrowed = |start: &'static str| {
        let mut sql = Sql::new(start);
        match filter {
            DeliveryFilter::Webhook(id) => sql.and("d.webhook_id = ").bind(id),
            DeliveryFilter::Project(id) => sql.and("d.project_id = ").bind(id),
            DeliveryFilter::Task(id) => sql.and("d.task_id = ").bind(id),
        };
        if let Some(status) = status {
            sql.and("d.status = ").bind(status.as_str());
        }
        sql
    };
    let total = narrowed("SELECT COUNT(*) FROM delivery d").count(tx)?;
    let rows = narrowed(
        "SELECT d.id, d.event_id, d.webhook_id, d.project_id, d.task_id, d.name, d.url, d.status, d.due_at, d.attempts,
                d.created_at, a.number, a.at, a.duration_ms, a.http_status, a.error
           FROM delivery d LEFT JOIN delivery_attempt a ON a.delivery_id = d.id AND a.number = d.last_attempt",
    )
    .push(" ORDER BY d.created_at DESC, d.id DESC")
    .page(page, size)
    .query(tx)?;
    Ok((rows.iter().map(read).collect::<Result<_, _>>()?, total))
}

/// The newest delivery to a webhook, whatever the project.
pub fn latest_of(tx: &mut Tx<'_>, webhook: &WebhookId) -> Result<Option<Delivery>, StoreError> {
    let row = tx.query_opt(
        "SELECT d.id, d.event_id, d.webhook_id, d.project_id, d.task_id, d.name, d.url, d.status, d.due_at, d.attempts,
                d.created_at, a.number, a.at, a.duration_ms, a.http_status, a.error
           FROM delivery d LEFT JOIN delivery_attempt a ON a.delivery_id = d.id AND a.number = d.last_attempt
          WHERE d.webhook_id = $1 ORDER BY d.created_at DESC, d.id DESC LIMIT 1",
        &params![webhook],
    )?;
    row.map(|row| read(&row)).transpose()
}

/// Deletes deliveries made before a moment that have ended, at most `limit`, then as many events made before it that
/// have no deliveries (any more). Gives how many deliveries were deleted.
pub fn purge_before(tx: &mut Tx<'_>, before: Timestamp, limit: i64) -> Result<u64, StoreError> {
    let purged = tx.execute(
        "DELETE FROM delivery WHERE id IN (
             SELECT id FROM delivery WHERE created_at < $1 AND status <> 'PENDING' ORDER BY created_at, id LIMIT $2)",
        &params![before, limit],
    )?;
    tx.execute(
        "DELETE FROM webhook_event WHERE id IN (
             SELECT e.id FROM webhook_event e
              WHERE e.created_at < $1 AND NOT EXISTS (SELECT 1 FROM delivery d WHERE d.event_id = e.id)
              ORDER BY e.created_at, e.id LIMIT $2)",
        &params![before, limit],
    )?;
    Ok(purged)
}

/// Gives up the leases that `node` has; gives how many. What it had claimed counts as attempted: perhaps it was.
pub fn release_of(tx: &mut Tx<'_>, node: &NodeId) -> Result<u64, StoreError> {
    tx.execute(
        "UPDATE delivery SET owner = NULL, lease_until = NULL WHERE owner = $1",
        &params![node],
    )
}

/// Gives up the leases of all nodes but `node`: for the one process that uses a SQLite file, which knows that every
/// other owner is dead. Gives how many.
pub fn release_of_others(tx: &mut Tx<'_>, node: &NodeId) -> Result<u64, StoreError> {
    tx.execute(
        "UPDATE delivery SET owner = NULL, lease_until = NULL WHERE owner <> $1",
        &params![node],
    )
}

fn read_event(row: &Row) -> Result<Event, StoreError> {
    Ok(Event {
        id: row.get(0)?,
        project: row.get(1)?,
        project_key: row.parse_opt(2, ProjectKey::parse)?,
        branch: row.get(3)?,
        kind: row.parse(4, EventKind::parse)?,
        task: row.get(5)?,
        analysis: row.get(6)?,
        payload: row.get(7)?,
        created_at: row.get(8)?,
    })
}

fn read(row: &Row) -> Result<Delivery, StoreError> {
    Ok(Delivery {
        id: row.get(0)?,
        event: row.get(1)?,
        webhook: row.get(2)?,
        project: row.get(3)?,
        task: row.get(4)?,
        name: row.get(5)?,
        url: row.get(6)?,
        status: row.parse(7, DeliveryStatus::parse)?,
        due_at: row.get(8)?,
        attempts: row.get(9)?,
        created_at: row.get(10)?,
        last: read_attempt(row, 11)?,
    })
}

fn read_rendered(row: &Row, at: usize) -> Result<Option<Rendered>, StoreError> {
    let Some(body) = row.get(at)? else { return Ok(None) };
    let path = row.get(at + 1)?;
    Ok(Some(Rendered { body, path }))
}

fn read_attempt(row: &Row, at: usize) -> Result<Option<Attempt>, StoreError> {
    let Some(number) = row.get(at)? else { return Ok(None) };
    Ok(Some(Attempt {
        number,
        at: row.get(at + 1)?,
        duration_ms: row.get(at + 2)?,
        http_status: row.get(at + 3)?,
        error: row.get(at + 4)?,
    }))
}
