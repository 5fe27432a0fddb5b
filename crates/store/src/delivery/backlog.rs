//! How much is owed, and when the next of it is due.

use gatehook_domain::Timestamp;
use gatehook_domain::id::WebhookId;

use crate::error::StoreError;
use crate::params;
use crate::sql::number;
use crate::tx::Tx;

/// How far deliveries are behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backlog {
    /// Deliveries that are owed, those that are being sent included.
    pub pending: i64,
    /// The earliest due time of one that is owed to a webhook that is not paused; in the past when it is late. Those that
    /// are being sent do not count.
    pub oldest_due: Option<Timestamp>,
    /// Webhooks whose last attempt was no success.
    pub failing_hooks: i64,
}

/// How far deliveries are behind now.
pub fn backlog(tx: &mut Tx<'_>) -> Result<Backlog, StoreError> {
    let pending = count_pending(tx)?;
    // By webhook, so that what waits for a paused one does not count, and is not walked over either.
    let oldest = tx.query_opt(
        "SELECT MIN(due) FROM (
             SELECT (SELECT MIN(d.due_at) FROM delivery d
                      WHERE d.status = 'PENDING' AND d.owner IS NULL AND d.last_attempt IS NULL
                        AND d.webhook_id = w.id) AS due
               FROM webhook w WHERE NOT w.paused
              UNION ALL
             SELECT (SELECT MIN(d.due_at) FROM delivery d
                      WHERE d.status = 'PENDING' AND d.owner IS NULL AND d.last_attempt IS NOT NULL
                        AND d.webhook_id = w.id) AS due
               FROM webhook w WHERE NOT w.paused) AS earliest",
        &[],
    )?;
    Ok(Backlog {
        pending,
        oldest_due: oldest.map_or(Ok(None), |row| row.get(0))?,
        failing_hooks: number(tx.query_opt("SELECT COUNT(*) FROM webhook WHERE failures > 0", &[])?)?,
    })
}

/// How many deliveries are still owed.
pub fn count_pending(tx: &mut Tx<'_>) -> Result<i64, StoreError> {
    // Three counts, because each is one over a small index.
    number(tx.query_opt(
        "SELECT (SELECT COUNT(*) FROM delivery WHERE status = 'PENDING' AND owner IS NULL AND last_attempt IS NULL)
              + (SELECT COUNT(*) FROM delivery WHERE status = 'PENDING' AND owner IS NULL AND last_attempt IS NOT NULL)
              + (SELECT COUNT(*) FROM delivery WHERE owner IS NOT NULL)",
        &[],
    )?)
}

/// How many deliveries a webhook is owed.
pub fn count_owed(tx: &mut Tx<'_>, webhook: &WebhookId) -> Result<i64, StoreError> {
    number(tx.query_opt(
        "SELECT COUNT(*) FROM delivery WHERE webhook_id = $1 AND status = 'PENDING'",
        &params![webhook],
    )?)
}

/// When something becomes due next, after `now`: the earliest due time, or the end of a lease. What is due already and was
/// not claimed is not looked for: who claims knows that it left something behind. Nor are first attempts, which are due
/// when they are written down, unless the clock was set back since.
pub fn next_due(tx: &mut Tx<'_>, now: Timestamp) -> Result<Option<Timestamp>, StoreError> {
    let row = tx.query_opt(
        "SELECT MIN(at) FROM (
             SELECT MIN(due_at) AS at FROM delivery
              WHERE status = 'PENDING' AND owner IS NULL AND last_attempt IS NOT NULL AND due_at > $1
              UNION ALL
             SELECT MIN(lease_until) AS at FROM delivery WHERE owner IS NOT NULL AND lease_until > $1) AS moment",
        &params![now],
    )?;
    row.map_or(Ok(None), |row| row.get(0))
}
