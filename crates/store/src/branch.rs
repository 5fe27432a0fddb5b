//! Branches and pull requests.

use gatehook_domain::branch::{Branch, BranchKind, BranchName};
use gatehook_domain::id::{AnalysisId, BranchId, ProjectId};

use crate::error::StoreError;
use crate::params;
use crate::sql::{LIST, Sql};
use crate::tx::Tx;
use crate::value::Row;

/// The main branch of a project.
pub fn main(tx: &mut Tx<'_>, project: &ProjectId) -> Result<Option<Branch>, StoreError> {
    let row = tx.query_opt(
        "SELECT id, project_id, kind, name, is_main, source, target, title, created_at, last_analysis_id, revision
           FROM branch WHERE project_id = $1 AND is_main",
        &params![project],
    )?;
    row.map(|row| read(&row)).transpose()
}

/// The branch or pull request of this name. The main branch is also found by its own name.
pub fn by_name(tx: &mut Tx<'_>, project: &ProjectId, name: &BranchName) -> Result<Option<Branch>, StoreError> {
    let (kind, name) = match name {
        BranchName::Main => return main(tx, project),
        BranchName::Branch(name) => (BranchKind::Branch, name),
        BranchName::PullRequest(key) => (BranchKind::PullRequest, key),
    };
    let row = tx.query_opt(
        "SELECT id, project_id, kind, name, is_main, source, target, title, created_at, last_analysis_id, revision
           FROM branch WHERE project_id = $1 AND kind = $2 AND name = $3",
        &params![project, kind.as_str(), name],
    )?;
    row.map(|row| read(&row)).transpose()
}

/// The branch of this id.
pub fn by_id(tx: &mut Tx<'_>, id: &BranchId) -> Result<Option<Branch>, StoreError> {
    let row = tx.query_opt(
        "SELECT id, project_id, kind, name, is_main, source, target, title, created_at, last_analysis_id, revision
           FROM branch WHERE id = $1",
        &params![id],
    )?;
    row.map(|row| read(&row)).transpose()
}

/// The branches of these ids, those that there are, in no order.
pub fn by_ids(tx: &mut Tx<'_>, ids: &[BranchId]) -> Result<Vec<Branch>, StoreError> {
    let mut found = Vec::new();
    for chunk in ids.chunks(LIST) {
        let rows = Sql::new(
            "SELECT id, project_id, kind, name, is_main, source, target, title, created_at, last_analysis_id, revision
               FROM branch WHERE id IN ",
        )
        .list(chunk)
        .query(tx)?;
        for row in rows {
            found.push(read(&row)?);
        }
    }
    Ok(found)
}

/// All branches and pull requests of a project: the main branch, then branches, then pull requests, each by name.
pub fn all(tx: &mut Tx<'_>, project: &ProjectId) -> Result<Vec<Branch>, StoreError> {
    let rows = tx.query(
        "SELECT id, project_id, kind, name, is_main, source, target, title, created_at, last_analysis_id, revision
           FROM branch WHERE project_id = $1 ORDER BY is_main DESC, kind, name",
        &params![project],
    )?;
    rows.iter().map(read).collect()
}

/// Keeps a new branch together with the component that is its root.
pub fn insert(tx: &mut Tx<'_>, branch: &Branch) -> Result<(), StoreError> {
    tx.execute(
        "INSERT INTO branch (id, project_id, kind, name, is_main, source, target, title, created_at, last_analysis_id,
                             revision)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
        &params![
            branch.id,
            branch.project,
            branch.kind.as_str(),
            branch.name,
            branch.is_main,
            branch.source,
            branch.target,
            branch.title,
            branch.created_at,
            branch.last_analysis,
            branch.revision
        ],
    )?;
    tx.execute(
        "INSERT INTO component (id, branch_id, qualifier, path, name, language, enabled, line_hashes)
         VALUES ($1, $1, 'TRK', '', '', NULL, $2, $3)",
        &params![branch.id, true, Vec::<u8>::new()],
    )?;
    Ok(())
}

/// Remembers the last analysis of a branch that succeeded.
pub fn set_last_analysis(tx: &mut Tx<'_>, branch: &BranchId, analysis: &AnalysisId) -> Result<(), StoreError> {
    tx.execute(
        "UPDATE branch SET last_analysis_id = $2 WHERE id = $1",
        &params![branch, analysis],
    )?;
    Ok(())
}

/// Writes where a pull request comes from, where it goes and what it is called.
pub fn set_pull_request(
    tx: &mut Tx<'_>,
    branch: &BranchId,
    source: Option<&str>,
    target: Option<&str>,
    title: Option<&str>,
) -> Result<(), StoreError> {
    tx.execute(
        "UPDATE branch SET source = $2, target = $3, title = $4 WHERE id = $1",
        &params![branch, source, target, title],
    )?;
    Ok(())
}

/// Counts a change of a branch's issues; false when the branch is gone. Two transactions that do this for one branch
/// exclude each other.
pub fn bump_revision(tx: &mut Tx<'_>, branch: &BranchId) -> Result<bool, StoreError> {
    let changed = tx.execute(
        "UPDATE branch SET revision = revision + 1 WHERE id = $1",
        &params![branch],
    )?;
    Ok(changed > 0)
}

/// Counts a change of a branch's issues if nobody has since `expected` was read; false when somebody has, or when the
/// branch is gone.
pub fn set_revision_if(tx: &mut Tx<'_>, branch: &BranchId, expected: i64) -> Result<bool, StoreError> {
    let changed = tx.execute(
        "UPDATE branch SET revision = revision + 1 WHERE id = $1 AND revision = $2",
        &params![branch, expected],
    )?;
    Ok(changed > 0)
}

/// Gives a branch another name, which must not be taken; false when the branch is gone.
pub fn rename(tx: &mut Tx<'_>, branch: &BranchId, name: &str) -> Result<bool, StoreError> {
    Ok(tx.execute("UPDATE branch SET name = $2 WHERE id = $1", &params![branch, name])? > 0)
}

/// Makes a branch the main one of its project; false when the project has no such branch.
pub fn set_main(tx: &mut Tx<'_>, project: &ProjectId, branch: &BranchId) -> Result<bool, StoreError> {
    let known = tx.query_opt(
        "SELECT id FROM branch WHERE id = $1 AND project_id = $2 AND kind = 'BRANCH'",
        &params![branch, project],
    )?;
    if known.is_none() {
        return Ok(false);
    }
    // Two statements: the index that allows one main branch is checked row by row.
    tx.execute(
        "UPDATE branch SET is_main = $2 WHERE project_id = $1 AND is_main",
        &params![project, false],
    )?;
    tx.execute("UPDATE branch SET is_main = $2 WHERE id = $1", &params![branch, true])?;
    Ok(true)
}

/// Deletes a branch and everything of it; false when it was gone already.
pub fn delete(tx: &mut Tx<'_>, branch: &BranchId) -> Result<bool, StoreError> {
    Ok(tx.execute("DELETE FROM branch WHERE id = $1", &params![branch])? > 0)
}

fn read(row: &Row) -> Result<Branch, StoreError> {
    read_at(row, 0)
}

/// Reads a branch whose columns begin at `at`.
pub(crate) fn read_at(row: &Row, at: usize) -> Result<Branch, StoreError> {
    Ok(Branch {
        id: row.get(at)?,
        project: row.get(at + 1)?,
        kind: row.parse(at + 2, BranchKind::parse)?,
        name: row.get(at + 3)?,
        is_main: row.get(at + 4)?,
        source: row.get(at + 5)?,
        target: row.get(at + 6)?,
        title: row.get(at + 7)?,
        created_at: row.get(at + 8)?,
        last_analysis: row.get(at + 9)?,
        revision: row.get(at + 10)?,
    })
}
