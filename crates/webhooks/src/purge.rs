//! Forgets deliveries that ended long ago.

use std::time::Duration;

use gatehook_store::{Store, StoreError, delivery};
use tokio_util::sync::CancellationToken;

/// How long the record of an ended delivery is kept. SonarQube's documentation: purged after 30 days.
pub const KEPT_FOR: Duration = Duration::from_hours(30 * 24);
/// How often records are looked through.
const EVERY: Duration = Duration::from_hours(1);
/// Records that are deleted in one transaction, so that nobody waits long for the writer.
const BATCH: i64 = 500;

/// Deletes the records of deliveries that were made more than [`KEPT_FOR`] ago and have ended, and of events that no
/// delivery is left of; answers how many deliveries.
pub async fn purge(store: &Store) -> Result<u64, StoreError> {
    let before = store.ambient().now().minus(KEPT_FOR);
    let mut purged = 0;
    loop {
        let batch = store.write(move |tx| delivery::purge_before(tx, before, BATCH)).await?;
        purged += batch;
        if batch < BATCH.unsigned_abs() {
            return Ok(purged);
        }
    }
}

/// Purges now and every hour until it is stopped.
pub(crate) async fn purge_hourly(store: Store, stop: CancellationToken) {
    loop {
        let purged = tokio::select! {
            () = stop.cancelled() => return,
            purged = purge(&store) => purged,
        };
        match purged {
            Ok(0) => {}
            Ok(count) => tracing::info!(count, "old webhook deliveries were purged"),
            Err(error) => {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "old webhook deliveries could not be purged"
                );
            }
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(EVERY) => {}
        }
    }
}
