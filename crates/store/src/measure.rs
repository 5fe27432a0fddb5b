//! Measures of files and branches as they stand now.

use std::collections::BTreeMap;

use gatehook_domain::component::Component;
use gatehook_domain::id::{BranchId, ComponentId};
use gatehook_domain::measure::Measures;
use gatehook_domain::tally::Tally;

use crate::component::{self, ComponentSearch};
use crate::error::StoreError;
use crate::params;
use crate::sql::{LIST, Sql};
use crate::tx::Tx;
use crate::value::{Kind, Row, ToValue, Value};

/// The measures of a file or of a branch's root; empty when there are none.
pub fn get(tx: &mut Tx<'_>, component: &ComponentId) -> Result<Measures, StoreError> {
    let row = tx.query_opt(
        "SELECT measures FROM measure WHERE component_id = $1",
        &params![component],
    )?;
    row.map_or_else(|| Ok(Measures::new()), |row| row.parse(0, Measures::from_json))
}

/// The measures of these components; those without any are left out.
pub fn get_many(tx: &mut Tx<'_>, ids: &[ComponentId]) -> Result<BTreeMap<ComponentId, Measures>, StoreError> {
    let mut found = BTreeMap::new();
    for chunk in ids.chunks(LIST) {
        let rows = Sql::new("SELECT component_id, measures FROM measure WHERE component_id IN ")
            .list(chunk)
            .query(tx)?;
        for row in rows {
            found.insert(row.get(0)?, row.parse(1, Measures::from_json)?);
        }
    }
    Ok(found)
}

/// The counters and the measures of two components (or of one that is given twice), each empty when there are none. For
/// transactions that counted a change of the branch before, which keeps others from changing them meanwhile.
pub fn with_counters(
    tx: &mut Tx<'_>,
    components: [&ComponentId; 2],
) -> Result<BTreeMap<ComponentId, (Tally, Measures)>, StoreError> {
    let rows = tx.query(
        "SELECT c.id, n.tally, m.measures
           FROM component c
           LEFT JOIN issue_count n ON n.component_id = c.id
           LEFT JOIN measure m ON m.component_id = c.id
          WHERE c.id IN ($1, $2)",
        &params![components[0], components[1]],
    )?;
    rows.iter()
        .map(|row| {
            let tally = row.parse_opt(1, Tally::from_json)?.unwrap_or_default();
            Ok((row.get(0)?, (tally, read(row, 2)?)))
        })
        .collect()
}

/// Writes the measures of components in place of those they had. No component may be given twice.
pub fn put_many(tx: &mut Tx<'_>, measures: &[(BranchId, ComponentId, Measures)]) -> Result<(), StoreError> {
    for chunk in measures.chunks(LIST) {
        let rows: Vec<Vec<Value>> = chunk
            .iter()
            .map(|(branch, component, measures)| {
                vec![component.to_value(), branch.to_value(), measures.to_json().to_value()]
            })
            .collect();
        tx.insert_many_with(
            "measure (component_id, branch_id, measures)",
            "ON CONFLICT (component_id) DO UPDATE SET measures = excluded.measures",
            &[Kind::Text; 3],
            &rows,
        )?;
    }
    Ok(())
}

/// Forgets the measures of components that are no longer there; gives how many had any.
pub fn delete_for(tx: &mut Tx<'_>, ids: &[ComponentId]) -> Result<u64, StoreError> {
    let mut changed = 0;
    for chunk in ids.chunks(LIST) {
        changed += Sql::new("DELETE FROM measure WHERE component_id IN ")
            .list(chunk)
            .execute(tx)?;
    }
    Ok(changed)
}

/// One page of the components that are looked for with their measures, and how many there are.
pub fn of_branch_page(
    tx: &mut Tx<'_>,
    search: &ComponentSearch,
) -> Result<(Vec<(Component, Measures)>, i64), StoreError> {
    let mut count = Sql::new("SELECT COUNT(*) FROM component c");
    component::narrow(&mut count, search);
    let total = count.count(tx)?;
    let mut page = Sql::new(
        "SELECT c.id, c.branch_id, c.qualifier, c.path, c.language, c.enabled, m.measures
           FROM component c LEFT JOIN measure m ON m.component_id = c.id",
    );
    component::narrow(&mut page, search);
    component::order(&mut page, search);
    let rows = page.page(search.page, search.size).query(tx)?;
    let found = rows
        .iter()
        .map(|row| Ok((component::read(row)?, read(row, 6)?)))
        .collect::<Result<_, StoreError>>()?;
    Ok((found, total))
}

/// Hands over the measures of all enabled files of a branch (not those of its root), one by one.
pub fn each_of_branch(
    tx: &mut Tx<'_>,
    branch: &BranchId,
    found: &mut dyn FnMut(ComponentId, Measures) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    tx.for_each(
        "SELECT m.component_id, m.measures FROM measure m JOIN component c ON c.id = m.component_id
          WHERE m.branch_id = $1 AND c.enabled AND c.qualifier <> 'TRK'",
        &params![branch],
        &mut |row| found(row.get(0)?, row.parse(1, Measures::from_json)?),
    )
}

fn read(row: &Row, index: usize) -> Result<Measures, StoreError> {
    Ok(row.parse_opt(index, Measures::from_json)?.unwrap_or_default())
}
