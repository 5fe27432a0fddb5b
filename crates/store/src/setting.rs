//! Settings of the system and of projects.

use std::collections::BTreeMap;
use std::sync::Arc;

use gatehook_domain::id::ProjectId;

use crate::error::StoreError;
use crate::params;
use crate::sql::Sql;
use crate::tx::Tx;
use crate::value::Row;

/// What was set in exactly this scope.
pub fn get(tx: &mut Tx<'_>, key: &str, project: Option<&ProjectId>) -> Result<Option<String>, StoreError> {
    if let Some(set) = remembered(tx, project)? {
        return Ok(set.get(key).cloned());
    }
    let row = match project {
        Some(project) => tx.query_opt(
            "SELECT value FROM setting WHERE project_id = $1 AND name = $2",
            &params![project, key],
        )?,
        None => tx.query_opt(
            "SELECT value FROM setting WHERE project_id IS NULL AND name = $1",
            &params![key],
        )?,
    };
    row.map(|row| row.get(0)).transpose()
}

/// What was set for the whole system of these keys; those that were not set are left out.
pub fn of_system(tx: &mut Tx<'_>, keys: &[&str]) -> Result<BTreeMap<String, String>, StoreError> {
    if let Some(set) = remembered(tx, None)? {
        let found = keys.iter().filter_map(|key| set.get_key_value(*key));
        return Ok(found.map(|(key, value)| (key.clone(), value.clone())).collect());
    }
    let mut sql = Sql::new("SELECT name, value FROM setting");
    let rows = sql.and("project_id IS NULL").and("name IN ").list(keys).query(tx)?;
    rows.iter().map(|row| Ok((row.get(0)?, row.get(1)?))).collect()
}

/// What holds for a project: what was set for it, else what was set for the whole system.
pub fn effective(tx: &mut Tx<'_>, key: &str, project: Option<&ProjectId>) -> Result<Option<String>, StoreError> {
    if project.is_some()
        && let Some(value) = get(tx, key, project)?
    {
        return Ok(Some(value));
    }
    get(tx, key, None)
}

/// [`effective`] for three keys at once; those that were set in neither scope are left out.
pub fn effective_three(
    tx: &mut Tx<'_>,
    keys: [&str; 3],
    project: &ProjectId,
) -> Result<BTreeMap<String, String>, StoreError> {
    if tx.remembers() {
        let effective = keys.map(|key| Ok((key, effective(tx, key, Some(project))?)));
        let effective = effective.into_iter().collect::<Result<Vec<_>, StoreError>>()?;
        let set = effective
            .into_iter()
            .filter_map(|(key, value)| Some((key.to_owned(), value?)));
        return Ok(set.collect());
    }
    let rows = tx.query(
        "SELECT name, value, FALSE FROM setting WHERE project_id IS NULL AND name IN ($1, $2, $3)
          UNION ALL
         SELECT name, value, TRUE FROM setting WHERE project_id = $4 AND name IN ($1, $2, $3)",
        &params![keys[0], keys[1], keys[2], project],
    )?;
    let mut found = BTreeMap::new();
    for row in rows {
        let (name, is_own) = (row.get::<String>(0)?, row.get(2)?);
        if is_own || !found.contains_key(&name) {
            found.insert(name, row.get(1)?);
        }
    }
    Ok(found)
}

/// Everything that was set in exactly one scope, where that is remembered.
fn remembered(
    tx: &mut Tx<'_>,
    project: Option<&ProjectId>,
) -> Result<Option<Arc<BTreeMap<String, String>>>, StoreError> {
    if !tx.remembers() {
        return Ok(None);
    }
    let set = tx.remembering(
        |remembered| &mut remembered.settings,
        &project.cloned(),
        |tx| Ok(Arc::new(all(tx, project)?.into_iter().collect())),
    )?;
    Ok(Some(set))
}

/// Sets a value in one scope, in place of what was set there.
pub fn set(tx: &mut Tx<'_>, key: &str, project: Option<&ProjectId>, value: &str) -> Result<(), StoreError> {
    match project {
        Some(project) => tx.execute(
            "INSERT INTO setting (name, project_id, value) VALUES ($1, $2, $3)
             ON CONFLICT (project_id, name) WHERE project_id IS NOT NULL DO UPDATE SET value = excluded.value",
            &params![key, project, value],
        )?,
        None => tx.execute(
            "INSERT INTO setting (name, project_id, value) VALUES ($1, NULL, $2)
             ON CONFLICT (name) WHERE project_id IS NULL DO UPDATE SET value = excluded.value",
            &params![key, value],
        )?,
    };
    Ok(())
}

/// Forgets what was set in one scope; false when nothing was.
pub fn reset(tx: &mut Tx<'_>, key: &str, project: Option<&ProjectId>) -> Result<bool, StoreError> {
    let changed = match project {
        Some(project) => tx.execute(
            "DELETE FROM setting WHERE project_id = $1 AND name = $2",
            &params![project, key],
        )?,
        None => tx.execute(
            "DELETE FROM setting WHERE project_id IS NULL AND name = $1",
            &params![key],
        )?,
    };
    Ok(changed > 0)
}

/// Everything that was set in exactly this scope, ordered by key.
pub fn all(tx: &mut Tx<'_>, project: Option<&ProjectId>) -> Result<Vec<(String, String)>, StoreError> {
    let rows = match project {
        Some(project) => tx.query(
            "SELECT name, value FROM setting WHERE project_id = $1 ORDER BY name",
            &params![project],
        )?,
        None => tx.query(
            "SELECT name, value FROM setting WHERE project_id IS NULL ORDER BY name",
            &[],
        )?,
    };
    rows.iter().map(|row: &Row| Ok((row.get(0)?, row.get(1)?))).collect()
}
