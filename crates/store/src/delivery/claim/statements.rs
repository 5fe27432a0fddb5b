//! The statements of a claim; several of them differ between the engines.

use gatehook_domain::Timestamp;

use super::Class;
use crate::error::StoreError;
use crate::params;
use crate::tx::{Engine, Tx};
use crate::value::Row;

/// How many webhooks are looked up at once.
pub(super) const HOOKS: i64 = 128;

/// Engine fragment: on PostgreSQL several nodes do this at the same time.
pub(super) fn expire_text(engine: Engine) -> &'static str {
    match engine {
        Engine::Sqlite => {
            "UPDATE delivery SET owner = NULL, lease_until = NULL
              WHERE id IN (SELECT id FROM delivery WHERE owner IS NOT NULL AND lease_until <= $1)"
        }
        Engine::Postgres => {
            "UPDATE delivery SET owner = NULL, lease_until = NULL
              WHERE id IN (SELECT id FROM delivery WHERE owner IS NOT NULL AND lease_until <= $1
                              FOR UPDATE SKIP LOCKED)"
        }
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
pub(super) fn due_hooks(tx: &mut Tx<'_>, class: Class, after: &str, now: Timestamp) -> Result<Vec<Row>, StoreError> {
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

/// The text that leases due deliveries of a webhook, for a class and for what passes over those that another node is
/// just leasing.
macro_rules! lease_text {
    ($last_attempt:literal, $skip:literal) => {
        concat!(
            "UPDATE delivery SET owner = $1, lease_until = $2, attempts = attempts + 1
              WHERE id IN (SELECT id FROM delivery
                            WHERE status = 'PENDING' AND owner IS NULL AND last_attempt ",
            $last_attempt,
            " AND webhook_id = $3 AND due_at <= $4 ORDER BY due_at, id LIMIT $5",
            $skip,
            ") RETURNING id, event_id, due_at, attempts, earlier_attempts, url, body, path"
        )
    };
}

pub(super) fn lease_text(engine: Engine, class: Class) -> &'static str {
    // Engine fragment: on PostgreSQL several nodes claim at the same time.
    match (engine, class) {
        (Engine::Sqlite, Class::First) => lease_text!("IS NULL", ""),
        (Engine::Sqlite, Class::Again) => lease_text!("IS NOT NULL", ""),
        (Engine::Postgres, Class::First) => lease_text!("IS NULL", " FOR UPDATE SKIP LOCKED"),
        (Engine::Postgres, Class::Again) => lease_text!("IS NOT NULL", " FOR UPDATE SKIP LOCKED"),
    }
}

/// The text that finds due deliveries of a webhook from a place on, for an index and for a class.
macro_rules! due_text {
    ($index:literal, $last_attempt:literal) => {
        concat!(
            "SELECT id, event_id, due_at, attempts + 1, earlier_attempts, url, body, path FROM delivery ",
            $index,
            " WHERE status = 'PENDING' AND owner IS NULL AND last_attempt ",
            $last_attempt,
            " AND webhook_id = $1 AND due_at <= $2 AND (due_at, id) > ($3, $4) ORDER BY due_at, id LIMIT $5"
        )
    };
}

/// The text that looks at due deliveries of a webhook without reading them, for an index and for a class.
macro_rules! held_text {
    ($index:literal, $last_attempt:literal) => {
        concat!(
            "SELECT due_at, id FROM delivery ",
            $index,
            " WHERE status = 'PENDING' AND owner IS NULL AND last_attempt ",
            $last_attempt,
            " AND webhook_id = $1 AND due_at <= $2 ORDER BY due_at, id LIMIT $3"
        )
    };
}

pub(super) fn held_text(engine: Engine, class: Class) -> &'static str {
    // Engine fragment: see `due_hooks`.
    match (engine, class) {
        (Engine::Sqlite, Class::First) => held_text!("INDEXED BY delivery_fresh", "IS NULL"),
        (Engine::Sqlite, Class::Again) => held_text!("INDEXED BY delivery_again", "IS NOT NULL"),
        (Engine::Postgres, Class::First) => held_text!("", "IS NULL"),
        (Engine::Postgres, Class::Again) => held_text!("", "IS NOT NULL"),
    }
}

pub(super) fn due_text(engine: Engine, class: Class) -> &'static str {
    // Engine fragment: see `due_hooks`.
    match (engine, class) {
        (Engine::Sqlite, Class::First) => due_text!("INDEXED BY delivery_fresh", "IS NULL"),
        (Engine::Sqlite, Class::Again) => due_text!("INDEXED BY delivery_again", "IS NOT NULL"),
        (Engine::Postgres, Class::First) => due_text!("", "IS NULL"),
        (Engine::Postgres, Class::Again) => due_text!("", "IS NOT NULL"),
    }
}
