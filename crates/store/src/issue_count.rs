//! Counters of issues, per file and per branch, kept up to date by differences.

use std::collections::BTreeMap;

use gatehook_domain::id::{BranchId, ComponentId};
use gatehook_domain::tally::Tally;

use crate::error::StoreError;
use crate::params;
use crate::sql::{LIST, Sql};
use crate::tx::{Engine, Tx};
use crate::value::{Kind, ToValue, Value};

/// The counters of a component, held against other writers until the transaction ends; empty when there are none. For
/// transactions that write: PostgreSQL refuses the lock in others, which use [`get_many`].
pub fn get(tx: &mut Tx<'_>, component: &ComponentId) -> Result<Tally, StoreError> {
    // Engine fragment: SQLite has one writer at a time and no row locks.
    let sql = match tx.engine() {
        Engine::Sqlite => "SELECT tally FROM issue_count WHERE component_id = $1",
        Engine::Postgres => "SELECT tally FROM issue_count WHERE component_id = $1 FOR UPDATE",
    };
    let row = tx.query_opt(sql, &params![component])?;
    row.map_or_else(|| Ok(Tally::default()), |row| row.parse(0, Tally::from_json))
}

/// The counters of these components, for looking at only; those without any are left out.
pub fn get_many(tx: &mut Tx<'_>, ids: &[ComponentId]) -> Result<BTreeMap<ComponentId, Tally>, StoreError> {
    let mut found = BTreeMap::new();
    for chunk in ids.chunks(LIST) {
        let rows = Sql::new("SELECT component_id, tally FROM issue_count WHERE component_id IN ")
            .list(chunk)
            .query(tx)?;
        for row in rows {
            found.insert(row.get(0)?, row.parse(1, Tally::from_json)?);
        }
    }
    Ok(found)
}

/// Writes the counters of one component.
pub fn put(tx: &mut Tx<'_>, branch: &BranchId, component: &ComponentId, tally: &Tally) -> Result<(), StoreError> {
    tx.execute(
        "INSERT INTO issue_count (component_id, branch_id, tally) VALUES ($1, $2, $3)
         ON CONFLICT (component_id) DO UPDATE SET tally = excluded.tally",
        &params![component, branch, tally.to_json()],
    )?;
    Ok(())
}

/// Writes the counters of many components. No component may be given twice.
pub fn put_many(tx: &mut Tx<'_>, tallies: &[(BranchId, ComponentId, Tally)]) -> Result<(), StoreError> {
    let rows: Vec<Vec<Value>> = tallies
        .iter()
        .map(|(branch, component, tally)| vec![component.to_value(), branch.to_value(), tally.to_json().to_value()])
        .collect();
    tx.insert_many_with(
        "issue_count (component_id, branch_id, tally)",
        "ON CONFLICT (component_id) DO UPDATE SET tally = excluded.tally",
        &[Kind::Text; 3],
        &rows,
    )?;
    Ok(())
}

/// Forgets the counters of components that are no longer there; gives how many had any.
pub fn delete_for(tx: &mut Tx<'_>, ids: &[ComponentId]) -> Result<u64, StoreError> {
    let mut changed = 0;
    for chunk in ids.chunks(LIST) {
        changed += Sql::new("DELETE FROM issue_count WHERE component_id IN ")
            .list(chunk)
            .execute(tx)?;
    }
    Ok(changed)
}
