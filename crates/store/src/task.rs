//! Background tasks, the reports they are made of, and who works on them.

use gatehook_domain::Timestamp;
use gatehook_domain::branch::BranchName;
use gatehook_domain::id::{NodeId, ProjectId, TaskId};
use gatehook_domain::task::{Task, TaskStatus};

use crate::error::StoreError;
use crate::params;
use crate::sql::{Sql, from_json, json, number};
use crate::tx::{Engine, Tx};
use crate::value::Row;

mod search;

pub use self::search::{TaskSearch, search};

/// What came of calling a task off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cancel {
    /// It will not be run.
    Canceled,
    /// A worker has it, so it cannot be called off.
    Running,
    /// It had ended already.
    Ended,
    /// There is no such task.
    Unknown,
}

/// Keeps a new task.
pub fn insert(tx: &mut Tx<'_>, task: &Task) -> Result<(), StoreError> {
    let (kind, name) = match &task.branch {
        BranchName::Main => ("MAIN", None),
        BranchName::Branch(name) => ("BRANCH", Some(name)),
        BranchName::PullRequest(key) => ("PULL_REQUEST", Some(key)),
    };
    tx.execute(
        "INSERT INTO task (id, project_id, branch_kind, branch_name, status, submitted_at, submitter, started_at,
                           executed_at, attempts, error, error_type, warnings, analysis_id)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)",
        &params![
            task.id,
            task.project,
            kind,
            name,
            task.status.as_str(),
            task.submitted_at,
            task.submitter,
            task.started_at,
            task.executed_at,
            task.attempts,
            task.error,
            task.error_type,
            json(&task.warnings)?,
            task.analysis
        ],
    )?;
    Ok(())
}

/// Keeps a piece of a task's report; pieces are counted from 0.
pub fn report_append(tx: &mut Tx<'_>, task: &TaskId, seq: i64, bytes: &[u8]) -> Result<(), StoreError> {
    tx.execute(
        "INSERT INTO task_report (task_id, seq, bytes) VALUES ($1, $2, $3)",
        &params![task, seq, bytes],
    )?;
    Ok(())
}

/// A piece of a task's report; none past its end.
pub fn report_chunk(tx: &mut Tx<'_>, task: &TaskId, seq: i64) -> Result<Option<Vec<u8>>, StoreError> {
    let row = tx.query_opt(
        "SELECT bytes FROM task_report WHERE task_id = $1 AND seq = $2",
        &params![task, seq],
    )?;
    row.map(|row| row.get(0)).transpose()
}

/// Forgets a task's report.
pub fn report_delete(tx: &mut Tx<'_>, task: &TaskId) -> Result<(), StoreError> {
    tx.execute("DELETE FROM task_report WHERE task_id = $1", &params![task])?;
    Ok(())
}

/// The task of this id.
pub fn by_id(tx: &mut Tx<'_>, id: &TaskId) -> Result<Option<Task>, StoreError> {
    let row = tx.query_opt(
        "SELECT id, project_id, branch_kind, branch_name, status, submitted_at, submitter, started_at, executed_at,
                attempts, error, error_type, warnings, analysis_id
           FROM task WHERE id = $1",
        &params![id],
    )?;
    row.map(|row| read(&row)).transpose()
}

/// Takes the oldest task that waits, or whose worker let its lease run out, and that is of a project nobody works on.
/// The task is leased to `node` until `lease_until` and its attempt is counted.
pub fn claim(
    tx: &mut Tx<'_>,
    node: &NodeId,
    now: Timestamp,
    lease_until: Timestamp,
) -> Result<Option<Task>, StoreError> {
    // Engine fragment: on PostgreSQL several nodes claim at the same time. Each passes over the tasks, and by the lock
    // on the project also over the waiting ones of the same project, that another is just taking. Only the oldest of a
    // project is looked at: passing over one that another has locked for a moment must not lead to a newer one.
    let sql = match tx.engine() {
        Engine::Sqlite => {
            "UPDATE task SET status = 'IN_PROGRESS', owner = $1, started_at = $2, lease_until = $3,
                    attempts = attempts + 1
              WHERE id = (SELECT t.id FROM task t
                           WHERE t.status IN ('PENDING', 'IN_PROGRESS')
                             AND ((t.status = 'IN_PROGRESS' AND t.lease_until <= $2)
                               OR (t.status = 'PENDING'
                                   AND NOT EXISTS (SELECT 1 FROM task r
                                                    WHERE r.project_id = t.project_id AND r.status = 'IN_PROGRESS')))
                           ORDER BY t.submitted_at, t.id LIMIT 1)
             RETURNING id, project_id, branch_kind, branch_name, status, submitted_at, submitter, started_at,
                       executed_at, attempts, error, error_type, warnings, analysis_id"
        }
        Engine::Postgres => {
            "UPDATE task SET status = 'IN_PROGRESS', owner = $1, started_at = $2, lease_until = $3,
                    attempts = attempts + 1
              WHERE id = (SELECT t.id FROM task t JOIN project p ON p.id = t.project_id
                           WHERE t.status IN ('PENDING', 'IN_PROGRESS')
                             AND ((t.status = 'IN_PROGRESS' AND t.lease_until <= $2)
                               OR (t.status = 'PENDING'
                                   AND NOT EXISTS (SELECT 1 FROM task r
                                                    WHERE r.project_id = t.project_id AND r.status = 'IN_PROGRESS')
                                   AND NOT EXISTS (SELECT 1 FROM task o
                                                    WHERE o.project_id = t.project_id AND o.status = 'PENDING'
                                                      AND (o.submitted_at, o.id) < (t.submitted_at, t.id))))
                           ORDER BY t.submitted_at, t.id LIMIT 1
                             FOR UPDATE OF t SKIP LOCKED FOR NO KEY UPDATE OF p SKIP LOCKED)
             RETURNING id, project_id, branch_kind, branch_name, status, submitted_at, submitter, started_at,
                       executed_at, attempts, error, error_type, warnings, analysis_id"
        }
    };
    let row = tx.query_opt(sql, &params![node, now, lease_until])?;
    row.map(|row| read(&row)).transpose()
}

/// Holds a task longer; false when `node` no longer has it.
pub fn renew(tx: &mut Tx<'_>, task: &TaskId, node: &NodeId, lease_until: Timestamp) -> Result<bool, StoreError> {
    let changed = tx.execute(
        "UPDATE task SET lease_until = $3 WHERE id = $1 AND owner = $2",
        &params![task, node, lease_until],
    )?;
    Ok(changed > 0)
}

/// Puts the tasks that `node` had back among those that wait; gives how many.
pub fn release_of(tx: &mut Tx<'_>, node: &NodeId) -> Result<u64, StoreError> {
    tx.execute(
        "UPDATE task SET status = 'PENDING', owner = NULL, lease_until = NULL WHERE owner = $1",
        &params![node],
    )
}

/// Puts the tasks of all nodes but `node` back among those that wait: for the one process that uses a SQLite file,
/// which knows that every other owner is dead. Gives how many.
pub fn release_of_others(tx: &mut Tx<'_>, node: &NodeId) -> Result<u64, StoreError> {
    tx.execute(
        "UPDATE task SET status = 'PENDING', owner = NULL, lease_until = NULL
          WHERE status = 'IN_PROGRESS' AND owner <> $1",
        &params![node],
    )
}

/// Writes how a task ended; false, and nothing is written, when `node` no longer has it.
pub fn finish(tx: &mut Tx<'_>, task: &Task, node: &NodeId) -> Result<bool, StoreError> {
    let changed = tx.execute(
        "UPDATE task SET status = $3, executed_at = $4, error = $5, error_type = $6, warnings = $7, analysis_id = $8,
                owner = NULL, lease_until = NULL
          WHERE id = $1 AND owner = $2",
        &params![
            task.id,
            node,
            task.status.as_str(),
            task.executed_at,
            task.error,
            task.error_type,
            json(&task.warnings)?,
            task.analysis
        ],
    )?;
    Ok(changed > 0)
}

/// Calls a task off that no worker has taken yet.
pub fn cancel(tx: &mut Tx<'_>, id: &TaskId) -> Result<Cancel, StoreError> {
    let now = tx.now();
    let changed = tx.execute(
        "UPDATE task SET status = 'CANCELED', executed_at = $2 WHERE id = $1 AND status = 'PENDING'",
        &params![id, now],
    )?;
    if changed > 0 {
        return Ok(Cancel::Canceled);
    }
    Ok(match by_id(tx, id)? {
        None => Cancel::Unknown,
        Some(task) if task.status.is_final() => Cancel::Ended,
        Some(_) => Cancel::Running,
    })
}

/// Calls off every task that no worker has taken yet; gives how many.
pub fn cancel_all(tx: &mut Tx<'_>) -> Result<u64, StoreError> {
    let now = tx.now();
    tx.execute(
        "UPDATE task SET status = 'CANCELED', executed_at = $1 WHERE status = 'PENDING'",
        &params![now],
    )
}

/// The tasks of a project that wait or are worked on, oldest first.
pub fn queue(tx: &mut Tx<'_>, project: &ProjectId) -> Result<Vec<Task>, StoreError> {
    let rows = tx.query(
        "SELECT id, project_id, branch_kind, branch_name, status, submitted_at, submitter, started_at, executed_at,
                attempts, error, error_type, warnings, analysis_id
           FROM task WHERE project_id = $1 AND status IN ('PENDING', 'IN_PROGRESS') ORDER BY submitted_at, id",
        &params![project],
    )?;
    rows.iter().map(read).collect()
}

/// The task of a project that ended last, whatever its branch.
pub fn current(tx: &mut Tx<'_>, project: &ProjectId) -> Result<Option<Task>, StoreError> {
    let row = tx.query_opt(
        "SELECT id, project_id, branch_kind, branch_name, status, submitted_at, submitter, started_at, executed_at,
                attempts, error, error_type, warnings, analysis_id
           FROM task WHERE project_id = $1 AND status IN ('SUCCESS', 'FAILED')
          ORDER BY executed_at DESC, submitted_at DESC, id DESC LIMIT 1",
        &params![project],
    )?;
    row.map(|row| read(&row)).transpose()
}

/// How many tasks stand so, of one project or of all.
pub fn count(tx: &mut Tx<'_>, status: TaskStatus, project: Option<&ProjectId>) -> Result<i64, StoreError> {
    let mut sql = Sql::new("SELECT COUNT(*) FROM task");
    sql.and("status = ").bind(status.as_str());
    if let Some(project) = project {
        sql.and("project_id = ").bind(project);
    }
    sql.count(tx)
}

/// How many tasks wait for a worker.
pub fn count_pending(tx: &mut Tx<'_>) -> Result<i64, StoreError> {
    // The first condition says nothing more, but leads to the index of the queue.
    number(tx.query_opt(
        "SELECT COUNT(*) FROM task WHERE status IN ('PENDING', 'IN_PROGRESS') AND status = 'PENDING'",
        &[],
    )?)
}

/// Since when the task waits that has waited longest, of one project or of all.
pub fn oldest_pending(tx: &mut Tx<'_>, project: Option<&ProjectId>) -> Result<Option<Timestamp>, StoreError> {
    let mut sql = Sql::new("SELECT MIN(submitted_at) FROM task");
    sql.and("status IN ('PENDING', 'IN_PROGRESS')")
        .and("status = 'PENDING'");
    if let Some(project) = project {
        sql.and("project_id = ").bind(project);
    }
    sql.query(tx)?.first().map_or(Ok(None), |row| row.get(0))
}

/// Deletes tasks that ended before a moment, at most `limit`, and gives how many; analyses they made stay.
pub fn purge_before(tx: &mut Tx<'_>, before: Timestamp, limit: i64) -> Result<u64, StoreError> {
    tx.execute(
        "DELETE FROM task WHERE id IN (SELECT id FROM task WHERE executed_at < $1 ORDER BY submitted_at LIMIT $2)",
        &params![before, limit],
    )
}

fn read(row: &Row) -> Result<Task, StoreError> {
    let name: Option<String> = row.get(3)?;
    let branch = row.parse(2, |kind| match (kind, name) {
        ("MAIN", None) => Ok(BranchName::Main),
        ("BRANCH", Some(name)) => Ok(BranchName::Branch(name)),
        ("PULL_REQUEST", Some(key)) => Ok(BranchName::PullRequest(key)),
        _ => Err("not a kind of branch with its name"),
    })?;
    Ok(Task {
        id: row.get(0)?,
        project: row.get(1)?,
        branch,
        status: row.parse(4, TaskStatus::parse)?,
        submitted_at: row.get(5)?,
        submitter: row.get(6)?,
        started_at: row.get(7)?,
        executed_at: row.get(8)?,
        attempts: row.get(9)?,
        error: row.get(10)?,
        error_type: row.get(11)?,
        warnings: from_json(row, 12)?,
        analysis: row.get(13)?,
    })
}
