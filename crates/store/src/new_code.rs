//! What was said about which code counts as new: for a branch, for a project, for everything.

use gatehook_domain::analysis::{NewCodeDefinition, NewCodeMode};
use gatehook_domain::id::{BranchId, ProjectId};

use crate::error::StoreError;
use crate::params;
use crate::tx::Tx;
use crate::value::Row;

/// What was said in exactly one scope: for a branch if one is given, else for a project if one is given, else for
/// everything.
pub fn get(
    tx: &mut Tx<'_>,
    project: Option<&ProjectId>,
    branch: Option<&BranchId>,
) -> Result<Option<NewCodeDefinition>, StoreError> {
    let row = match (project, branch) {
        (_, Some(branch)) => tx.query_opt(
            "SELECT mode, value FROM new_code_period WHERE branch_id = $1",
            &params![branch],
        )?,
        (Some(project), None) => tx.query_opt(
            "SELECT mode, value FROM new_code_period WHERE project_id = $1",
            &params![project],
        )?,
        (None, None) => tx.query_opt(
            "SELECT mode, value FROM new_code_period WHERE project_id IS NULL AND branch_id IS NULL",
            &[],
        )?,
    };
    row.map(|row| read(&row)).transpose()
}

/// Says what new code is in one scope (see [`get`]), in place of what was said there.
pub fn set(
    tx: &mut Tx<'_>,
    project: Option<&ProjectId>,
    branch: Option<&BranchId>,
    definition: &NewCodeDefinition,
) -> Result<(), StoreError> {
    unset(tx, project, branch)?;
    let project = if branch.is_some() { None } else { project };
    tx.execute(
        "INSERT INTO new_code_period (project_id, branch_id, mode, value) VALUES ($1, $2, $3, $4)",
        &params![project, branch, definition.mode.as_str(), definition.value],
    )?;
    Ok(())
}

/// Forgets what was said in one scope (see [`get`]); false when nothing was.
pub fn unset(tx: &mut Tx<'_>, project: Option<&ProjectId>, branch: Option<&BranchId>) -> Result<bool, StoreError> {
    let changed = match (project, branch) {
        (_, Some(branch)) => tx.execute("DELETE FROM new_code_period WHERE branch_id = $1", &params![branch])?,
        (Some(project), None) => tx.execute("DELETE FROM new_code_period WHERE project_id = $1", &params![project])?,
        (None, None) => tx.execute(
            "DELETE FROM new_code_period WHERE project_id IS NULL AND branch_id IS NULL",
            &[],
        )?,
    };
    Ok(changed > 0)
}

/// What holds for a branch: what was said for it, else for its project, else for everything, else the previous
/// version.
pub fn effective(tx: &mut Tx<'_>, project: &ProjectId, branch: &BranchId) -> Result<NewCodeDefinition, StoreError> {
    match get(tx, Some(project), Some(branch))? {
        Some(definition) => Ok(definition),
        None => effective_of_project(tx, project),
    }
}

/// What holds for a project's branches about which nothing else was said.
pub fn effective_of_project(tx: &mut Tx<'_>, project: &ProjectId) -> Result<NewCodeDefinition, StoreError> {
    if let Some(definition) = get(tx, Some(project), None)? {
        return Ok(definition);
    }
    Ok(get(tx, None, None)?.unwrap_or(NewCodeDefinition::DEFAULT))
}

fn read(row: &Row) -> Result<NewCodeDefinition, StoreError> {
    Ok(NewCodeDefinition {
        mode: row.parse(0, NewCodeMode::parse)?,
        value: row.get(1)?,
    })
}
