//! Forgets deliveries that ended long ago.

use std::time::Duration;

use gatehook_domain::setting::WEBHOOK_PURGE_DAYS;
use gatehook_store::{Store, StoreError, Tx, delivery, setting};
use tokio_util::sync::CancellationToken;

/// How many days the record of an ended delivery is kept unless `gatehook.webhooks.purgeAfterDays` says otherwise.
/// SonarQube's documentation: purged after 30 days.
pub const KEPT_DAYS: u32 = 30;
/// The most days that it can be kept.
pub const MAX_KEPT_DAYS: u32 = 3650;
/// How often records are looked through.
const EVERY: Duration = Duration::from_hours(1);
/// Records that are deleted in one transaction, so that nobody waits long for the writer.
const BATCH: i64 = 500;

/// Deletes the records of deliveries that were made more days ago than the setting says and have ended, and of events that
/// no delivery is left of; answers how many deliveries.
pub async fn purge(store: &Store) -> Result<u64, StoreError> {
    let kept_for = store.read(kept_for).await?;
    let before = store.ambient().now().minus(kept_for);
    let mut purged = 0;
    loop {
        let batch = store.write(move |tx| delivery::purge_before(tx, before, BATCH)).await?;
        purged += batch;
        if batch < BATCH.unsigned_abs() {
            return Ok(purged);
        }
    }
}

/// How long records are kept. What cannot be read was refused when it was set; somebody wrote it past that.
fn kept_for(tx: &mut Tx<'_>) -> Result<Duration, StoreError> {
    let set = setting::get(tx, WEBHOOK_PURGE_DAYS, None)?;
    let days = set
        .and_then(|text| text.trim().parse::<u32>().ok())
        .filter(|days| (1..=MAX_KEPT_DAYS).contains(days))
        .unwrap_or(KEPT_DAYS);
    Ok(Duration::from_hours(u64::from(days) * 24))
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
