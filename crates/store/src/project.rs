//! Projects.

use gatehook_domain::Timestamp;
use gatehook_domain::id::ProjectId;
use gatehook_domain::key::ProjectKey;
use gatehook_domain::project::{Project, Visibility};

use crate::error::StoreError;
use crate::params;
use crate::permission::{Viewer, and_visible};
use crate::sql::{LIST, Sql, containing};
use crate::tx::Tx;
use crate::value::Row;

/// Which projects are looked for; what is empty or absent does not narrow the search.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProjectSearch {
    /// Text that the key or the name holds, whatever the case of its letters.
    pub query: Option<String>,
    /// Their keys.
    pub keys: Vec<ProjectKey>,
    /// Who may see them.
    pub visibility: Option<Visibility>,
    /// No branch was analysed at this moment or later, and some branch was before.
    pub analyzed_before: Option<Timestamp>,
    /// True for those that were never analysed.
    pub provisioned_only: bool,
    /// Only those that this person may see.
    pub visible_to: Option<Viewer>,
    /// The page, from 1.
    pub page: u32,
    /// How many a page has.
    pub size: u32,
}

impl Default for ProjectSearch {
    fn default() -> Self {
        Self {
            query: None,
            keys: Vec::new(),
            visibility: None,
            analyzed_before: None,
            provisioned_only: false,
            visible_to: None,
            page: 1,
            size: 100,
        }
    }
}

/// A project, and the date and the revision of the last analysis of its main branch.
pub type FoundProject = (Project, Option<Timestamp>, Option<String>);

/// Keeps a new project. The key must not be taken.
pub fn insert(tx: &mut Tx<'_>, project: &Project) -> Result<(), StoreError> {
    tx.execute(
        "INSERT INTO project (id, project_key, name, visibility, created_at) VALUES ($1, $2, $3, $4, $5)",
        &params![
            project.id,
            project.key.as_str(),
            project.name,
            project.visibility.as_str(),
            project.created_at
        ],
    )?;
    Ok(())
}

/// Writes a project's key, name and visibility; false when it is gone.
pub fn update(tx: &mut Tx<'_>, project: &Project) -> Result<bool, StoreError> {
    let changed = tx.execute(
        "UPDATE project SET project_key = $2, name = $3, visibility = $4 WHERE id = $1",
        &params![
            project.id,
            project.key.as_str(),
            project.name,
            project.visibility.as_str()
        ],
    )?;
    Ok(changed > 0)
}

/// The project of this key.
pub fn by_key(tx: &mut Tx<'_>, key: &ProjectKey) -> Result<Option<Project>, StoreError> {
    let row = tx.query_opt(
        "SELECT id, project_key, name, visibility, created_at FROM project WHERE project_key = $1",
        &params![key.as_str()],
    )?;
    row.map(|row| read(&row)).transpose()
}

/// The project of this id.
pub fn by_id(tx: &mut Tx<'_>, id: &ProjectId) -> Result<Option<Project>, StoreError> {
    let row = tx.query_opt(
        "SELECT id, project_key, name, visibility, created_at FROM project WHERE id = $1",
        &params![id],
    )?;
    row.map(|row| read(&row)).transpose()
}

/// The projects of these ids, those that there are, in no order.
pub fn by_ids(tx: &mut Tx<'_>, ids: &[ProjectId]) -> Result<Vec<Project>, StoreError> {
    let mut found = Vec::new();
    for chunk in ids.chunks(LIST) {
        let rows = Sql::new("SELECT id, project_key, name, visibility, created_at FROM project WHERE id IN ")
            .list(chunk)
            .query(tx)?;
        for row in rows {
            found.push(read(&row)?);
        }
    }
    Ok(found)
}

/// Deletes a project and everything of it: branches, issues, analyses, tasks, webhooks, deliveries, rights, settings.
/// False when it was gone already.
pub fn delete(tx: &mut Tx<'_>, id: &ProjectId) -> Result<bool, StoreError> {
    Ok(tx.execute("DELETE FROM project WHERE id = $1", &params![id])? > 0)
}

/// One page of the projects that are looked for, ordered by name, and how many there are.
pub fn search(tx: &mut Tx<'_>, search: &ProjectSearch) -> Result<(Vec<FoundProject>, i64), StoreError> {
    let mut count = Sql::new("SELECT COUNT(*) FROM project p");
    narrow(&mut count, search);
    let total = count.count(tx)?;
    let mut page = Sql::new(
        "SELECT p.id, p.project_key, p.name, p.visibility, p.created_at, a.date, a.revision
           FROM project p
           LEFT JOIN branch b ON b.project_id = p.id AND b.is_main
           LEFT JOIN analysis a ON a.id = b.last_analysis_id",
    );
    narrow(&mut page, search);
    let rows = page
        .push(" ORDER BY lower(p.name), p.project_key")
        .page(search.page, search.size)
        .query(tx)?;
    let found = rows
        .iter()
        .map(|row| Ok((read(row)?, row.get(5)?, row.get(6)?)))
        .collect::<Result<_, StoreError>>()?;
    Ok((found, total))
}

fn narrow(sql: &mut Sql, search: &ProjectSearch) {
    if let Some(query) = &search.query {
        let pattern = containing(query);
        sql.and("(lower(p.project_key) LIKE lower(").bind(&pattern);
        sql.push(") ESCAPE '\\' OR lower(p.name) LIKE lower(")
            .bind(&pattern)
            .push(") ESCAPE '\\')");
    }
    if !search.keys.is_empty() {
        sql.and("p.project_key IN ")
            .list(search.keys.iter().map(ProjectKey::as_str));
    }
    if let Some(visibility) = search.visibility {
        sql.and("p.visibility = ").bind(visibility.as_str());
    }
    if let Some(before) = search.analyzed_before {
        sql.and("EXISTS (SELECT 1 FROM analysis x WHERE x.project_id = p.id)");
        sql.and("NOT EXISTS (SELECT 1 FROM analysis x WHERE x.project_id = p.id AND x.date >= ")
            .bind(before)
            .push(")");
    }
    if search.provisioned_only {
        sql.and("NOT EXISTS (SELECT 1 FROM analysis x WHERE x.project_id = p.id)");
    }
    if let Some(viewer) = &search.visible_to {
        and_visible(sql, viewer);
    }
}

pub(crate) fn read(row: &Row) -> Result<Project, StoreError> {
    read_at(row, 0)
}

/// Reads a project whose columns begin at `at`.
pub(crate) fn read_at(row: &Row, at: usize) -> Result<Project, StoreError> {
    Ok(Project {
        id: row.get(at)?,
        key: row.parse(at + 1, ProjectKey::parse)?,
        name: row.get(at + 2)?,
        visibility: row.parse(at + 3, Visibility::parse)?,
        created_at: row.get(at + 4)?,
    })
}
