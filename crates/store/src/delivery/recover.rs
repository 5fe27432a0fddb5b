//! Sending again what ended, or what waits for its next try.

use gatehook_domain::Timestamp;
use gatehook_domain::id::{DeliveryId, WebhookId};

use crate::error::StoreError;
use crate::params;
use crate::sql::number;
use crate::tx::Tx;

/// Makes a delivery due now, however it ended, or however long its next try is off. It keeps its id, the numbers of its
/// attempts go on, and it gets all its retries anew. One that is due already keeps its place. False when there is no such
/// delivery, or it is just being sent, or nothing could be made of its event. The caller wakes the engine after the commit.
pub fn redeliver(tx: &mut Tx<'_>, id: &DeliveryId) -> Result<bool, StoreError> {
    let now = tx.now();
    let changed = tx.execute(
        "UPDATE delivery SET status = 'PENDING', earlier_attempts = attempts,
                due_at = CASE WHEN status = 'PENDING' AND due_at < $2 THEN due_at ELSE $2 END
          WHERE id = $1 AND owner IS NULL AND (body IS NULL OR LENGTH(body) > 0)",
        &params![id, now],
    )?;
    Ok(changed > 0)
}

/// Makes all deliveries to a webhook due now that were made at `since` or later and have finally failed; gives how many.
/// They go out in the order of their events.
pub fn redeliver_failed(tx: &mut Tx<'_>, webhook: &WebhookId, since: Timestamp) -> Result<u64, StoreError> {
    let now = tx.now();
    tx.execute(
        "UPDATE delivery SET status = 'PENDING', due_at = $3, earlier_attempts = attempts
          WHERE webhook_id = $1 AND created_at >= $2 AND status = 'FAILED'
            AND (body IS NULL OR LENGTH(body) > 0)",
        &params![webhook, since, now],
    )
}

/// How many [`redeliver_failed`] would make due.
pub fn count_failed(tx: &mut Tx<'_>, webhook: &WebhookId, since: Timestamp) -> Result<u64, StoreError> {
    let count = number(tx.query_opt(
        "SELECT COUNT(*) FROM delivery WHERE webhook_id = $1 AND created_at >= $2 AND status = 'FAILED'
            AND (body IS NULL OR LENGTH(body) > 0)",
        &params![webhook, since],
    )?)?;
    Ok(count.unsigned_abs())
}

/// Makes all deliveries to a webhook due now that were made from `from` on and before `to` and have ended, well or not;
/// gives how many. With `dry_run` they are only counted.
pub fn redeliver_window(
    tx: &mut Tx<'_>,
    webhook: &WebhookId,
    from: Timestamp,
    to: Timestamp,
    dry_run: bool,
) -> Result<u64, StoreError> {
    if dry_run {
        let count = number(tx.query_opt(
            "SELECT COUNT(*) FROM delivery
              WHERE webhook_id = $1 AND created_at >= $2 AND created_at < $3 AND status <> 'PENDING'
                AND (body IS NULL OR LENGTH(body) > 0)",
            &params![webhook, from, to],
        )?)?;
        return Ok(count.unsigned_abs());
    }
    let now = tx.now();
    tx.execute(
        "UPDATE delivery SET status = 'PENDING', due_at = $4, earlier_attempts = attempts
          WHERE webhook_id = $1 AND created_at >= $2 AND created_at < $3 AND status <> 'PENDING'
                AND (body IS NULL OR LENGTH(body) > 0)",
        &params![webhook, from, to, now],
    )
}
