//! Searching tasks.

use gatehook_domain::Timestamp;
use gatehook_domain::id::ProjectId;
use gatehook_domain::task::{Task, TaskStatus};

use super::read;
use crate::error::StoreError;
use crate::sql::{Sql, containing};
use crate::tx::Tx;

/// Which tasks are looked for; what is empty or absent does not narrow the search.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskSearch {
    /// The project.
    pub project: Option<ProjectId>,
    /// A task's id, or text that the project's key or name holds, whatever the case of its letters.
    pub query: Option<String>,
    /// Where they stand.
    pub statuses: Vec<TaskStatus>,
    /// Submitted at this moment or later.
    pub min_submitted_at: Option<Timestamp>,
    /// Ended at this moment or earlier.
    pub max_executed_at: Option<Timestamp>,
    /// Only the last one of each branch that ended.
    pub only_currents: bool,
    /// The page, from 1.
    pub page: u32,
    /// How many a page has.
    pub size: u32,
}

impl Default for TaskSearch {
    fn default() -> Self {
        Self {
            project: None,
            query: None,
            statuses: Vec::new(),
            min_submitted_at: None,
            max_executed_at: None,
            only_currents: false,
            page: 1,
            size: 100,
        }
    }
}

/// One page of the tasks that are looked for, the last submitted first, and how many there are.
pub fn search(tx: &mut Tx<'_>, search: &TaskSearch) -> Result<(Vec<Task>, i64), StoreError> {
    let mut count = Sql::new("SELECT COUNT(*) FROM task t JOIN project p ON p.id = t.project_id");
    narrow(&mut count, search);
    let total = count.count(tx)?;
    let mut page = Sql::new(
        "SELECT t.id, t.project_id, t.branch_kind, t.branch_name, t.status, t.submitted_at, t.submitter, t.started_at,
                t.executed_at, t.attempts, t.error, t.error_type, t.warnings, t.analysis_id
           FROM task t JOIN project p ON p.id = t.project_id",
    );
    narrow(&mut page, search);
    let rows = page
        .push(" ORDER BY t.submitted_at DESC, t.id DESC")
        .page(search.page, search.size)
        .query(tx)?;
    Ok((rows.iter().map(read).collect::<Result<_, _>>()?, total))
}

fn narrow(sql: &mut Sql, search: &TaskSearch) {
    if let Some(project) = &search.project {
        sql.and("t.project_id = ").bind(project);
    }
    if let Some(query) = &search.query {
        let pattern = containing(query);
        sql.and("(t.id = ")
            .bind(query)
            .push(" OR lower(p.project_key) LIKE lower(")
            .bind(&pattern);
        sql.push(") ESCAPE '\\' OR lower(p.name) LIKE lower(")
            .bind(&pattern)
            .push(") ESCAPE '\\')");
    }
    if !search.statuses.is_empty() {
        sql.and("t.status IN ")
            .list(search.statuses.iter().map(|status| status.as_str()));
    }
    if let Some(moment) = search.min_submitted_at {
        sql.and("t.submitted_at >= ").bind(moment);
    }
    if let Some(moment) = search.max_executed_at {
        sql.and("t.executed_at <= ").bind(moment);
    }
    if search.only_currents {
        sql.and("t.executed_at IS NOT NULL");
        sql.and("NOT EXISTS (SELECT 1 FROM task l WHERE l.project_id = t.project_id")
            .push(" AND l.branch_kind = t.branch_kind AND COALESCE(l.branch_name, '') = COALESCE(t.branch_name, '')")
            .push(" AND l.executed_at IS NOT NULL AND (l.executed_at > t.executed_at")
            .push(" OR (l.executed_at = t.executed_at AND l.id > t.id)))");
    }
}
