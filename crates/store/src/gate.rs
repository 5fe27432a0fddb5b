//! Quality gates, their conditions, and which project is judged by which.

use std::collections::BTreeMap;

use gatehook_domain::gate::{Condition, Gate, Operator, SONAR_WAY, SONAR_WAY_NAME};
use gatehook_domain::id::{ConditionId, GateId, ProjectId};
use gatehook_domain::metric::Metric;
use gatehook_domain::project::Project;

use crate::error::StoreError;
use crate::params;
use crate::permission::{Viewer, and_visible};
use crate::project;
use crate::sql::{Sql, containing};
use crate::tx::Tx;
use crate::value::Row;

/// Which projects of a gate are looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GateProjects {
    /// The gate.
    pub gate: GateId,
    /// Only those that chose the gate, or only those that did not; all when absent.
    pub selected: Option<bool>,
    /// Text that the key or the name holds, whatever the case of its letters.
    pub query: Option<String>,
    /// Only those that this person may see.
    pub visible_to: Option<Viewer>,
    /// The page, from 1.
    pub page: u32,
    /// How many a page has.
    pub size: u32,
}

/// All gates with their conditions, ordered by name.
pub fn all(tx: &mut Tx<'_>) -> Result<Vec<Gate>, StoreError> {
    let mut conditions: BTreeMap<GateId, Vec<Condition>> = BTreeMap::new();
    let rows = tx.query(
        "SELECT id, metric, operator, threshold, gate_id FROM gate_condition ORDER BY gate_id, number",
        &[],
    )?;
    for row in rows {
        conditions.entry(row.get(4)?).or_default().push(read_condition(&row)?);
    }
    let rows = tx.query("SELECT id, name, built_in FROM gate ORDER BY lower(name), name", &[])?;
    rows.iter()
        .map(|row| {
            let id: GateId = row.get(0)?;
            let conditions = conditions.remove(&id).unwrap_or_default();
            Ok(Gate {
                id,
                name: row.get(1)?,
                built_in: row.get(2)?,
                conditions,
            })
        })
        .collect()
}

/// The gate of this name.
pub fn by_name(tx: &mut Tx<'_>, name: &str) -> Result<Option<Gate>, StoreError> {
    let row = tx.query_opt("SELECT id, name, built_in FROM gate WHERE name = $1", &params![name])?;
    row.map(|row| whole(tx, &row)).transpose()
}

/// The gate of this id.
pub fn by_id(tx: &mut Tx<'_>, id: &GateId) -> Result<Option<Gate>, StoreError> {
    let row = tx.query_opt("SELECT id, name, built_in FROM gate WHERE id = $1", &params![id])?;
    row.map(|row| whole(tx, &row)).transpose()
}

/// Keeps a new gate with its conditions. The name must not be taken.
pub fn insert(tx: &mut Tx<'_>, gate: &Gate) -> Result<(), StoreError> {
    tx.execute(
        "INSERT INTO gate (id, name, built_in, is_default) VALUES ($1, $2, $3, $4)",
        &params![gate.id, gate.name, gate.built_in, false],
    )?;
    for condition in &gate.conditions {
        add_condition(tx, &gate.id, condition)?;
    }
    Ok(())
}

/// The gate of projects that chose none. There is one as soon as [`sync_built_in`] ran.
pub fn default_gate(tx: &mut Tx<'_>) -> Result<Gate, StoreError> {
    match tx.query_opt("SELECT id, name, built_in FROM gate WHERE is_default", &[])? {
        Some(row) => whole(tx, &row),
        None => Err(no_default()),
    }
}

fn no_default() -> StoreError {
    StoreError::Corrupt {
        what: "no quality gate is the default one".to_owned(),
    }
}

/// Makes a gate the one of projects that chose none; false, and nothing is changed, when there is no such gate.
pub fn set_default(tx: &mut Tx<'_>, id: &GateId) -> Result<bool, StoreError> {
    if tx
        .query_opt("SELECT id FROM gate WHERE id = $1", &params![id])?
        .is_none()
    {
        return Ok(false);
    }
    // Two statements: the index that allows one default gate is checked row by row.
    tx.execute("UPDATE gate SET is_default = $1 WHERE is_default", &params![false])?;
    tx.execute("UPDATE gate SET is_default = $2 WHERE id = $1", &params![id, true])?;
    Ok(true)
}

/// The gate that judges a project, and whether that is so because the project chose none.
pub fn of_project(tx: &mut Tx<'_>, project: &ProjectId) -> Result<(Gate, bool), StoreError> {
    tx.remembering(|remembered| &mut remembered.gates, project, |tx| look_up(tx, project))
}

fn look_up(tx: &mut Tx<'_>, project: &ProjectId) -> Result<(Gate, bool), StoreError> {
    // One statement, because every change of an issue asks this.
    let rows = tx.query(
        "SELECT c.id, c.metric, c.operator, c.threshold, g.id, g.name, g.built_in, s.project_id IS NULL
           FROM gate g
           LEFT JOIN gate_project s ON s.gate_id = g.id AND s.project_id = $1
           LEFT JOIN gate_condition c ON c.gate_id = g.id
          WHERE g.id = COALESCE((SELECT gate_id FROM gate_project WHERE project_id = $1),
                                (SELECT id FROM gate WHERE is_default))
          ORDER BY c.number",
        &params![project],
    )?;
    let Some(first) = rows.first() else {
        return Err(no_default());
    };
    let mut gate = Gate {
        id: first.get(4)?,
        name: first.get(5)?,
        built_in: first.get(6)?,
        conditions: Vec::with_capacity(rows.len()),
    };
    for row in &rows {
        if row.get::<Option<ConditionId>>(0)?.is_some() {
            gate.conditions.push(read_condition(row)?);
        }
    }
    Ok((gate, first.get(7)?))
}

/// Chooses the gate of a project.
pub fn select(tx: &mut Tx<'_>, project: &ProjectId, gate: &GateId) -> Result<(), StoreError> {
    tx.execute(
        "INSERT INTO gate_project (project_id, gate_id) VALUES ($1, $2)
         ON CONFLICT (project_id) DO UPDATE SET gate_id = excluded.gate_id",
        &params![project, gate],
    )?;
    Ok(())
}

/// Lets the default gate judge a project again; false when it had chosen none.
pub fn deselect(tx: &mut Tx<'_>, project: &ProjectId) -> Result<bool, StoreError> {
    Ok(tx.execute("DELETE FROM gate_project WHERE project_id = $1", &params![project])? > 0)
}

/// One page of projects by name, each with whether it chose the gate, and how many there are.
pub fn projects(tx: &mut Tx<'_>, search: &GateProjects) -> Result<(Vec<(Project, bool)>, i64), StoreError> {
    let narrowed = |start: &'static str| {
        let mut sql = Sql::new(start);
        sql.push(" LEFT JOIN gate_project s ON s.project_id = p.id AND s.gate_id = ")
            .bind(&search.gate);
        match search.selected {
            Some(true) => drop(sql.and("s.gate_id IS NOT NULL")),
            Some(false) => drop(sql.and("s.gate_id IS NULL")),
            None => (),
        }
        if let Some(query) = &search.query {
            let pattern = containing(query);
            sql.and("(lower(p.project_key) LIKE lower(").bind(&pattern);
            sql.push(") ESCAPE '\\' OR lower(p.name) LIKE lower(")
                .bind(&pattern)
                .push(") ESCAPE '\\')");
        }
        if let Some(viewer) = &search.visible_to {
            and_visible(&mut sql, viewer);
        }
        sql
    };
    let total = narrowed("SELECT COUNT(*) FROM project p").count(tx)?;
    let rows = narrowed(
        "SELECT p.id, p.project_key, p.name, p.visibility, p.created_at, s.gate_id IS NOT NULL FROM project p",
    )
    .push(" ORDER BY lower(p.name), p.project_key")
    .page(search.page, search.size)
    .query(tx)?;
    let found = rows
        .iter()
        .map(|row| Ok((project::read(row)?, row.get(5)?)))
        .collect::<Result<_, StoreError>>()?;
    Ok((found, total))
}

/// Adds a condition after the others of a gate, which must have none on the same metric.
pub fn add_condition(tx: &mut Tx<'_>, gate: &GateId, condition: &Condition) -> Result<(), StoreError> {
    tx.execute(
        "INSERT INTO gate_condition (id, gate_id, number, metric, operator, threshold)
         SELECT $1, $2, COALESCE(MAX(number), 0) + 1, $3, $4, $5 FROM gate_condition WHERE gate_id = $2",
        &params![
            condition.id,
            gate,
            condition.metric.key,
            condition.operator.as_str(),
            condition.threshold
        ],
    )?;
    Ok(())
}

/// Writes what a condition demands; false when it is gone.
pub fn update_condition(tx: &mut Tx<'_>, condition: &Condition) -> Result<bool, StoreError> {
    let changed = tx.execute(
        "UPDATE gate_condition SET metric = $2, operator = $3, threshold = $4 WHERE id = $1",
        &params![
            condition.id,
            condition.metric.key,
            condition.operator.as_str(),
            condition.threshold
        ],
    )?;
    Ok(changed > 0)
}

/// Deletes a condition; false when it was gone already.
pub fn delete_condition(tx: &mut Tx<'_>, id: &ConditionId) -> Result<bool, StoreError> {
    Ok(tx.execute("DELETE FROM gate_condition WHERE id = $1", &params![id])? > 0)
}

/// The condition of this id and the gate it is of.
pub fn condition(tx: &mut Tx<'_>, id: &ConditionId) -> Result<Option<(GateId, Condition)>, StoreError> {
    let row = tx.query_opt(
        "SELECT id, metric, operator, threshold, gate_id FROM gate_condition WHERE id = $1",
        &params![id],
    )?;
    row.map(|row| Ok((row.get(4)?, read_condition(&row)?))).transpose()
}

/// Gives a gate another name, which must not be taken; false when the gate is gone.
pub fn rename(tx: &mut Tx<'_>, id: &GateId, name: &str) -> Result<bool, StoreError> {
    Ok(tx.execute("UPDATE gate SET name = $2 WHERE id = $1", &params![id, name])? > 0)
}

/// Deletes a gate; projects that chose it are judged by the default one again. False, and nothing is deleted, when it
/// is the default one or gone already.
pub fn delete(tx: &mut Tx<'_>, id: &GateId) -> Result<bool, StoreError> {
    Ok(tx.execute("DELETE FROM gate WHERE id = $1 AND NOT is_default", &params![id])? > 0)
}

/// Makes or mends the gate that comes with the system, and makes it the default one if there is none. Gives its id.
pub fn sync_built_in(tx: &mut Tx<'_>) -> Result<GateId, StoreError> {
    let kept = tx.query_opt(
        "SELECT id, name, built_in FROM gate WHERE name = $1",
        &params![SONAR_WAY_NAME],
    )?;
    let gate = if let Some(row) = kept {
        whole(tx, &row)?
    } else {
        let gate = Gate {
            id: tx.new_id(),
            name: SONAR_WAY_NAME.to_owned(),
            built_in: true,
            conditions: Vec::new(),
        };
        insert(tx, &gate)?;
        gate
    };
    let found = gate
        .conditions
        .iter()
        .map(|condition| (condition.metric.key, condition.operator, condition.threshold.as_str()));
    if !found.eq(SONAR_WAY.iter().copied()) {
        tx.execute("DELETE FROM gate_condition WHERE gate_id = $1", &params![gate.id])?;
        for &(metric, operator, threshold) in SONAR_WAY {
            let metric = metric_of(metric).map_err(|reason| StoreError::Corrupt {
                what: format!("{SONAR_WAY_NAME}: {metric}: {reason}"),
            })?;
            let condition = Condition {
                id: tx.new_id(),
                metric,
                operator,
                threshold: threshold.to_owned(),
            };
            add_condition(tx, &gate.id, &condition)?;
        }
    }
    tx.execute("UPDATE gate SET built_in = $2 WHERE id = $1", &params![gate.id, true])?;
    if tx.query_opt("SELECT id FROM gate WHERE is_default", &[])?.is_none() {
        set_default(tx, &gate.id)?;
    }
    Ok(gate.id)
}

fn whole(tx: &mut Tx<'_>, row: &Row) -> Result<Gate, StoreError> {
    let id: GateId = row.get(0)?;
    let rows = tx.query(
        "SELECT id, metric, operator, threshold FROM gate_condition WHERE gate_id = $1 ORDER BY number",
        &params![id],
    )?;
    let conditions = rows.iter().map(read_condition).collect::<Result<_, _>>()?;
    Ok(Gate {
        id,
        name: row.get(1)?,
        built_in: row.get(2)?,
        conditions,
    })
}

fn read_condition(row: &Row) -> Result<Condition, StoreError> {
    Ok(Condition {
        id: row.get(0)?,
        metric: row.parse(1, metric_of)?,
        operator: row.parse(2, Operator::parse)?,
        threshold: row.get(3)?,
    })
}

fn metric_of(key: &str) -> Result<&'static Metric, &'static str> {
    Metric::find(key).ok_or("not a metric of this version")
}
