//! Analyses and the measures that were frozen with them.

use gatehook_domain::Timestamp;
use gatehook_domain::analysis::{Analysis, NewCodeMode, Period};
use gatehook_domain::id::{AnalysisId, BranchId};
use gatehook_domain::measure::Measures;
use gatehook_domain::new_code::PastAnalysis;

use crate::error::StoreError;
use crate::params;
use crate::sql::{Sql, from_json, json};
use crate::tx::Tx;
use crate::value::Row;

/// Which analyses of a branch are looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnalysisSearch {
    /// The branch.
    pub branch: BranchId,
    /// From this date on.
    pub from: Option<Timestamp>,
    /// Up to this date, itself included.
    pub to: Option<Timestamp>,
    /// Oldest first.
    pub ascending: bool,
    /// The page, from 1.
    pub page: u32,
    /// How many a page has.
    pub size: u32,
}

impl AnalysisSearch {
    /// All analyses of a branch, newest first.
    pub fn of(branch: BranchId) -> Self {
        Self {
            branch,
            from: None,
            to: None,
            ascending: false,
            page: 1,
            size: 100,
        }
    }
}

/// Keeps a new analysis with the measures that its branch has now.
pub fn insert(tx: &mut Tx<'_>, analysis: &Analysis, measures: &Measures) -> Result<(), StoreError> {
    let period = analysis.period.as_ref();
    tx.execute(
        "INSERT INTO analysis (id, project_id, branch_id, task_id, date, version, build, revision, period_mode,
                               period_date, period_parameter, properties, measures)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
        &params![
            analysis.id,
            analysis.project,
            analysis.branch,
            analysis.task,
            analysis.date,
            analysis.version,
            analysis.build,
            analysis.revision,
            period.map(|period| period.mode.as_str()),
            period.and_then(|period| period.date),
            period.and_then(|period| period.parameter.as_ref()),
            json(&analysis.properties)?,
            measures.to_json()
        ],
    )?;
    Ok(())
}

/// The analysis of this id.
pub fn by_id(tx: &mut Tx<'_>, id: &AnalysisId) -> Result<Option<Analysis>, StoreError> {
    let row = tx.query_opt(
        "SELECT id, project_id, branch_id, task_id, date, version, build, revision, period_mode, period_date,
                period_parameter, properties
           FROM analysis WHERE id = $1",
        &params![id],
    )?;
    row.map(|row| read(&row)).transpose()
}

/// The newest analysis of a branch.
pub fn last_of(tx: &mut Tx<'_>, branch: &BranchId) -> Result<Option<Analysis>, StoreError> {
    let row = tx.query_opt(
        "SELECT id, project_id, branch_id, task_id, date, version, build, revision, period_mode, period_date,
                period_parameter, properties
           FROM analysis WHERE branch_id = $1 ORDER BY date DESC, id DESC LIMIT 1",
        &params![branch],
    )?;
    row.map(|row| read(&row)).transpose()
}

/// What finding the period of new code needs of a branch's analyses, oldest first.
pub fn history(tx: &mut Tx<'_>, branch: &BranchId) -> Result<Vec<PastAnalysis>, StoreError> {
    let rows = tx.query(
        "SELECT id, date, version FROM analysis WHERE branch_id = $1 ORDER BY date, id",
        &params![branch],
    )?;
    rows.iter()
        .map(|row| {
            Ok(PastAnalysis {
                id: row.get(0)?,
                date: row.get(1)?,
                version: row.get(2)?,
            })
        })
        .collect()
}

/// The measures that were frozen with an analysis; empty when it is gone.
pub fn measures(tx: &mut Tx<'_>, id: &AnalysisId) -> Result<Measures, StoreError> {
    let row = tx.query_opt("SELECT measures FROM analysis WHERE id = $1", &params![id])?;
    row.map_or_else(|| Ok(Measures::new()), |row| row.parse(0, Measures::from_json))
}

/// One page of the analyses that are looked for, and how many there are.
pub fn page(tx: &mut Tx<'_>, search: &AnalysisSearch) -> Result<(Vec<Analysis>, i64), StoreError> {
    let total = narrowed("SELECT COUNT(*) FROM analysis", search).count(tx)?;
    let rows = paged(
        "SELECT id, project_id, branch_id, task_id, date, version, build, revision, period_mode, period_date,
                period_parameter, properties
           FROM analysis",
        search,
    )
    .query(tx)?;
    Ok((rows.iter().map(read).collect::<Result<_, _>>()?, total))
}

/// One page of the analyses that are looked for with the measures frozen with them, and how many there are.
pub fn page_with_measures(
    tx: &mut Tx<'_>,
    search: &AnalysisSearch,
) -> Result<(Vec<(Analysis, Measures)>, i64), StoreError> {
    let total = narrowed("SELECT COUNT(*) FROM analysis", search).count(tx)?;
    let rows = paged(
        "SELECT id, project_id, branch_id, task_id, date, version, build, revision, period_mode, period_date,
                period_parameter, properties, measures
           FROM analysis",
        search,
    )
    .query(tx)?;
    let found = rows
        .iter()
        .map(|row| Ok((read(row)?, row.parse(12, Measures::from_json)?)))
        .collect::<Result<_, StoreError>>()?;
    Ok((found, total))
}

fn narrowed(start: &'static str, search: &AnalysisSearch) -> Sql {
    let mut sql = Sql::new(start);
    sql.and("branch_id = ").bind(&search.branch);
    if let Some(from) = search.from {
        sql.and("date >= ").bind(from);
    }
    if let Some(to) = search.to {
        sql.and("date <= ").bind(to);
    }
    sql
}

fn paged(start: &'static str, search: &AnalysisSearch) -> Sql {
    let mut sql = narrowed(start, search);
    sql.push(if search.ascending {
        " ORDER BY date, id"
    } else {
        " ORDER BY date DESC, id DESC"
    });
    sql.page(search.page, search.size);
    sql
}

fn read(row: &Row) -> Result<Analysis, StoreError> {
    read_at(row, 0)
}

/// Reads an analysis whose columns begin at `at`.
pub(crate) fn read_at(row: &Row, at: usize) -> Result<Analysis, StoreError> {
    let period = match row.parse_opt(at + 8, NewCodeMode::parse)? {
        Some(mode) => Some(Period {
            mode,
            date: row.get(at + 9)?,
            parameter: row.get(at + 10)?,
        }),
        None => None,
    };
    Ok(Analysis {
        id: row.get(at)?,
        project: row.get(at + 1)?,
        branch: row.get(at + 2)?,
        task: row.get(at + 3)?,
        date: row.get(at + 4)?,
        version: row.get(at + 5)?,
        build: row.get(at + 6)?,
        revision: row.get(at + 7)?,
        period,
        properties: from_json(row, at + 11)?,
    })
}
