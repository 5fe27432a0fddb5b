//! The processes that work on tasks and deliveries.

use gatehook_domain::Timestamp;
use gatehook_domain::id::NodeId;

use crate::error::StoreError;
use crate::params;
use crate::tx::Tx;
use crate::value::Row;

/// Says that a node is there; the first time it is made known, later its sign of life is noted.
pub fn register(tx: &mut Tx<'_>, node: &NodeId, now: Timestamp) -> Result<(), StoreError> {
    tx.execute(
        "INSERT INTO node (id, started_at, seen_at) VALUES ($1, $2, $2)
         ON CONFLICT (id) DO UPDATE SET seen_at = excluded.seen_at",
        &params![node, now],
    )?;
    Ok(())
}

/// The nodes that gave a sign of life at this moment or later, the oldest first.
pub fn seen_since(tx: &mut Tx<'_>, since: Timestamp) -> Result<Vec<NodeId>, StoreError> {
    let rows = tx.query(
        "SELECT id FROM node WHERE seen_at >= $1 ORDER BY started_at, id",
        &params![since],
    )?;
    rows.iter().map(|row: &Row| row.get(0)).collect()
}

/// Forgets a node; its leases are not touched.
pub fn forget(tx: &mut Tx<'_>, node: &NodeId) -> Result<(), StoreError> {
    tx.execute("DELETE FROM node WHERE id = $1", &params![node])?;
    Ok(())
}
