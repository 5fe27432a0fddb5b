//! What branches are made of: files, and a root.

use gatehook_domain::component::{Component, Qualifier};
use gatehook_domain::id::{BranchId, ComponentId};

use crate::error::StoreError;
use crate::params;
use crate::sql::{LIST, Sql, beginning, containing};
use crate::tx::Tx;
use crate::value::{Kind, Row, ToValue, Value};

/// What a list of components is ordered by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ComponentSort {
    /// The last part of the path.
    #[default]
    Name,
    /// The whole path.
    Path,
    /// What they are.
    Qualifier,
}

/// Which components of a branch are looked for; what is empty or absent does not narrow the search.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ComponentSearch {
    /// The branch.
    pub branch: BranchId,
    /// What they are.
    pub qualifiers: Vec<Qualifier>,
    /// Text that the path holds, whatever the case of its letters.
    pub query: Option<String>,
    /// The folder they are in, at any depth; without a `/` at its end.
    pub under: Option<String>,
    /// The order.
    pub sort: ComponentSort,
    /// Smallest first.
    pub ascending: bool,
    /// The page, from 1.
    pub page: u32,
    /// How many a page has.
    pub size: u32,
}

impl ComponentSearch {
    /// Everything that a branch has now, by name.
    pub fn of(branch: BranchId) -> Self {
        Self {
            branch,
            qualifiers: Vec::new(),
            query: None,
            under: None,
            sort: ComponentSort::Name,
            ascending: true,
            page: 1,
            size: 100,
        }
    }
}

/// All components that a branch has or had, without their line hashes.
pub fn of_branch(tx: &mut Tx<'_>, branch: &BranchId) -> Result<Vec<Component>, StoreError> {
    let mut found = Vec::new();
    tx.for_each(
        "SELECT id, branch_id, qualifier, path, language, enabled FROM component WHERE branch_id = $1 ORDER BY path",
        &params![branch],
        &mut |row| {
            found.push(read(row)?);
            Ok(())
        },
    )?;
    Ok(found)
}

/// The component of this path, with its line hashes; the empty path is the root.
pub fn by_path(tx: &mut Tx<'_>, branch: &BranchId, path: &str) -> Result<Option<Component>, StoreError> {
    let row = tx.query_opt(
        "SELECT id, branch_id, qualifier, path, language, enabled, line_hashes
           FROM component WHERE branch_id = $1 AND path = $2",
        &params![branch, path],
    )?;
    row.map(|row| read_whole(&row)).transpose()
}

/// The component of this id, with its line hashes.
pub fn by_id(tx: &mut Tx<'_>, id: &ComponentId) -> Result<Option<Component>, StoreError> {
    let row = tx.query_opt(
        "SELECT id, branch_id, qualifier, path, language, enabled, line_hashes FROM component WHERE id = $1",
        &params![id],
    )?;
    row.map(|row| read_whole(&row)).transpose()
}

/// The components of these ids, those that there are, in no order and without their line hashes.
pub fn by_ids(tx: &mut Tx<'_>, ids: &[ComponentId]) -> Result<Vec<Component>, StoreError> {
    let (mut found, missing) = tx.recall_many(|remembered| &mut remembered.components, ids);
    for chunk in missing.chunks(LIST) {
        let rows = Sql::new("SELECT id, branch_id, qualifier, path, language, enabled FROM component WHERE id IN ")
            .list(chunk)
            .query(tx)?;
        for row in rows {
            let component = read(&row)?;
            tx.remember(|remembered| &mut remembered.components, &component.id, &component);
            found.push(component);
        }
    }
    Ok(found)
}

/// The hashes of a file's lines, 8 bytes each; none when the component is gone.
pub fn line_hashes(tx: &mut Tx<'_>, id: &ComponentId) -> Result<Vec<u8>, StoreError> {
    let row = tx.query_opt("SELECT line_hashes FROM component WHERE id = $1", &params![id])?;
    row.map_or_else(|| Ok(Vec::new()), |row| row.get(0))
}

/// Keeps components, new ones and those that are known by their id. No id may be given twice.
pub fn upsert_many(tx: &mut Tx<'_>, components: &[Component]) -> Result<(), StoreError> {
    const KINDS: &[Kind] = &[
        Kind::Text,
        Kind::Text,
        Kind::Text,
        Kind::Text,
        Kind::Text,
        Kind::Text,
        Kind::Bool,
        Kind::Bytes,
    ];
    // Line hashes make rows large, so they are handed over piece by piece.
    for chunk in components.chunks(LIST) {
        let rows: Vec<Vec<Value>> = chunk
            .iter()
            .map(|component| {
                vec![
                    component.id.to_value(),
                    component.branch.to_value(),
                    component.qualifier.as_str().to_value(),
                    component.path.to_value(),
                    component.file_name().to_value(),
                    component.language.to_value(),
                    component.enabled.to_value(),
                    component.line_hashes.to_value(),
                ]
            })
            .collect();
        tx.insert_many_with(
            "component (id, branch_id, qualifier, path, name, language, enabled, line_hashes)",
            "ON CONFLICT (id) DO UPDATE SET qualifier = excluded.qualifier, path = excluded.path, name = excluded.name,
                language = excluded.language, enabled = excluded.enabled, line_hashes = excluded.line_hashes",
            KINDS,
            &rows,
        )?;
    }
    Ok(())
}

/// Marks components that the last analysis no longer had, and forgets their lines; gives how many were known.
pub fn disable(tx: &mut Tx<'_>, ids: &[ComponentId]) -> Result<u64, StoreError> {
    let mut changed = 0;
    for chunk in ids.chunks(LIST) {
        changed += Sql::new("UPDATE component SET enabled = ")
            .bind(false)
            .push(", line_hashes = ")
            .bind(Vec::<u8>::new())
            .push(" WHERE id IN ")
            .list(chunk)
            .execute(tx)?;
    }
    Ok(changed)
}

/// One page of the enabled components that are looked for, without their line hashes, and how many there are. The
/// root is among them only when its qualifier is asked for.
pub fn search(tx: &mut Tx<'_>, search: &ComponentSearch) -> Result<(Vec<Component>, i64), StoreError> {
    let mut count = Sql::new("SELECT COUNT(*) FROM component c");
    narrow(&mut count, search);
    let total = count.count(tx)?;
    let mut page = Sql::new("SELECT c.id, c.branch_id, c.qualifier, c.path, c.language, c.enabled FROM component c");
    narrow(&mut page, search);
    order(&mut page, search);
    let rows = page.page(search.page, search.size).query(tx)?;
    Ok((rows.iter().map(read).collect::<Result<_, _>>()?, total))
}

pub(crate) fn narrow(sql: &mut Sql, search: &ComponentSearch) {
    sql.and("c.enabled").and("c.branch_id = ").bind(&search.branch);
    if search.qualifiers.is_empty() {
        sql.and("c.qualifier <> 'TRK'");
    } else {
        sql.and("c.qualifier IN ")
            .list(search.qualifiers.iter().map(|qualifier| qualifier.as_str()));
    }
    if let Some(query) = &search.query {
        sql.and("lower(c.path) LIKE lower(")
            .bind(containing(query))
            .push(") ESCAPE '\\'");
    }
    if let Some(folder) = search.under.as_deref().filter(|folder| !folder.is_empty()) {
        // SQLite's LIKE does not tell cases apart, so the beginning is compared as well.
        let prefix = format!("{folder}/");
        sql.and("c.path LIKE ").bind(beginning(&prefix)).push(" ESCAPE '\\'");
        sql.and("substr(c.path, 1, length(")
            .bind(&prefix)
            .push(")) = ")
            .bind(&prefix);
    }
}

pub(crate) fn order(sql: &mut Sql, search: &ComponentSearch) {
    sql.push(match (search.sort, search.ascending) {
        (ComponentSort::Name, true) => " ORDER BY lower(c.name), c.path",
        (ComponentSort::Name, false) => " ORDER BY lower(c.name) DESC, c.path DESC",
        (ComponentSort::Path, true) => " ORDER BY c.path",
        (ComponentSort::Path, false) => " ORDER BY c.path DESC",
        (ComponentSort::Qualifier, true) => " ORDER BY c.qualifier, lower(c.name), c.path",
        (ComponentSort::Qualifier, false) => " ORDER BY c.qualifier DESC, lower(c.name) DESC, c.path DESC",
    });
}

pub(crate) fn read(row: &Row) -> Result<Component, StoreError> {
    Ok(Component {
        id: row.get(0)?,
        branch: row.get(1)?,
        qualifier: row.parse(2, Qualifier::parse)?,
        path: row.get(3)?,
        language: row.get(4)?,
        enabled: row.get(5)?,
        line_hashes: Vec::new(),
    })
}

fn read_whole(row: &Row) -> Result<Component, StoreError> {
    Ok(Component {
        line_hashes: row.get(6)?,
        ..read(row)?
    })
}
