//! Issues and their history.

use std::collections::BTreeMap;

use gatehook_domain::Timestamp;
use gatehook_domain::analysis::Analysis;
use gatehook_domain::branch::Branch;
use gatehook_domain::id::{AnalysisId, BranchId, ComponentId, IssueId};
use gatehook_domain::issue::{
    ImpactSeverity, Impacts, Issue, IssueChange, IssueType, Resolution, Severity, SoftwareQuality, Status, TextRange,
};
use gatehook_domain::project::Project;
use gatehook_domain::rule::{CleanCodeAttribute, RuleKey};

use crate::error::StoreError;
use crate::sql::{LIST, Sql, from_json, json};
use crate::tx::Tx;
use crate::value::{Kind, Row, ToValue, Value};
use crate::{analysis, branch, params, project};

mod facet;
mod narrow;
mod search;

pub use self::facet::{Facet, FacetCounts};
pub use self::search::{IssuePage, IssueSearch, IssueSort, search};

/// The columns of an issue, in the order [`write()`] and [`read`] know.
macro_rules! columns {
    () => {
        "id, branch_id, component_id, rule_key, kind, severity, manual_severity, status, resolution, \
         impact_maintainability, impact_reliability, impact_security, attribute, message, line, end_line, \
         start_offset, end_offset, line_hash, effort, flows, assignee, author, tags, created_at, updated_at, \
         closed_at, on_changed_lines, before_status, before_resolution"
    };
}

/// The types of those columns.
const KINDS: &[Kind] = &[
    Kind::Text,
    Kind::Text,
    Kind::Text,
    Kind::Text,
    Kind::Text,
    Kind::Text,
    Kind::Bool,
    Kind::Text,
    Kind::Text,
    Kind::Text,
    Kind::Text,
    Kind::Text,
    Kind::Text,
    Kind::Text,
    Kind::Int,
    Kind::Int,
    Kind::Int,
    Kind::Int,
    Kind::Text,
    Kind::Int,
    Kind::Text,
    Kind::Text,
    Kind::Text,
    Kind::Text,
    Kind::Int,
    Kind::Int,
    Kind::Int,
    Kind::Bool,
    Kind::Text,
    Kind::Text,
];

/// Where the columns go, for an insertion.
const TARGET: &str = concat!("issue (", columns!(), ")");

/// What an update writes; an issue's branch never changes.
const OVERWRITE: &str = "ON CONFLICT (id) DO UPDATE SET component_id = excluded.component_id,
    rule_key = excluded.rule_key, kind = excluded.kind, severity = excluded.severity,
    manual_severity = excluded.manual_severity, status = excluded.status, resolution = excluded.resolution,
    impact_maintainability = excluded.impact_maintainability, impact_reliability = excluded.impact_reliability,
    impact_security = excluded.impact_security, attribute = excluded.attribute, message = excluded.message,
    line = excluded.line, end_line = excluded.end_line, start_offset = excluded.start_offset,
    end_offset = excluded.end_offset, line_hash = excluded.line_hash, effort = excluded.effort,
    flows = excluded.flows, assignee = excluded.assignee, author = excluded.author, tags = excluded.tags,
    created_at = excluded.created_at, updated_at = excluded.updated_at, closed_at = excluded.closed_at,
    on_changed_lines = excluded.on_changed_lines, before_status = excluded.before_status,
    before_resolution = excluded.before_resolution";

/// The issues of a file that are not closed.
pub fn open_of_component(tx: &mut Tx<'_>, component: &ComponentId) -> Result<Vec<Issue>, StoreError> {
    let rows = tx.query(
        concat!(
            "SELECT ",
            columns!(),
            " FROM issue WHERE component_id = $1 AND status <> 'CLOSED' ORDER BY id"
        ),
        &params![component],
    )?;
    rows.iter().map(read).collect()
}

/// The issues of a file that were closed at `since` or later.
pub fn recently_closed_of_component(
    tx: &mut Tx<'_>,
    component: &ComponentId,
    since: Timestamp,
) -> Result<Vec<Issue>, StoreError> {
    let rows = tx.query(
        concat!(
            "SELECT ",
            columns!(),
            " FROM issue WHERE component_id = $1 AND status = 'CLOSED' AND closed_at >= $2 ORDER BY id"
        ),
        &params![component, since],
    )?;
    rows.iter().map(read).collect()
}

/// The components of a branch that have issues that are not closed.
pub fn components_with_open_issues(tx: &mut Tx<'_>, branch: &BranchId) -> Result<Vec<ComponentId>, StoreError> {
    let rows = tx.query(
        "SELECT DISTINCT component_id FROM issue WHERE branch_id = $1 AND status <> 'CLOSED' ORDER BY component_id",
        &params![branch],
    )?;
    rows.iter().map(|row| row.get(0)).collect()
}

/// The issue of this id.
pub fn by_id(tx: &mut Tx<'_>, id: &IssueId) -> Result<Option<Issue>, StoreError> {
    let row = tx.query_opt(
        concat!("SELECT ", columns!(), " FROM issue WHERE id = $1"),
        &params![id],
    )?;
    row.map(|row| read(&row)).transpose()
}

/// An issue, and what it is part of.
#[derive(Debug, Clone)]
pub struct PlacedIssue {
    /// The issue.
    pub issue: Issue,
    /// Its branch.
    pub branch: Branch,
    /// The project of that.
    pub project: Project,
    /// The last analysis of the branch that succeeded.
    pub analysis: Option<Analysis>,
}

/// The issue of this id, and what it is part of.
pub fn placed(tx: &mut Tx<'_>, id: &IssueId) -> Result<Option<PlacedIssue>, StoreError> {
    // One statement instead of four, because every change of an issue asks this.
    let row = tx.query_opt(
        "SELECT i.id, i.branch_id, i.component_id, i.rule_key, i.kind, i.severity, i.manual_severity, i.status,
                i.resolution, i.impact_maintainability, i.impact_reliability, i.impact_security, i.attribute, i.message,
                i.line, i.end_line, i.start_offset, i.end_offset, i.line_hash, i.effort, i.flows, i.assignee, i.author,
                i.tags, i.created_at, i.updated_at, i.closed_at, i.on_changed_lines, i.before_status,
                i.before_resolution,
                b.id, b.project_id, b.kind, b.name, b.is_main, b.source, b.target, b.title, b.created_at,
                b.last_analysis_id, b.revision,
                p.id, p.project_key, p.name, p.visibility, p.created_at,
                a.id, a.project_id, a.branch_id, a.task_id, a.date, a.version, a.build, a.revision, a.period_mode,
                a.period_date, a.period_parameter, a.properties
           FROM issue i
           JOIN branch b ON b.id = i.branch_id
           JOIN project p ON p.id = b.project_id
           LEFT JOIN analysis a ON a.id = b.last_analysis_id
          WHERE i.id = $1",
        &params![id],
    )?;
    let Some(row) = row else { return Ok(None) };
    let branch = branch::read_at(&row, 30)?;
    let analysis = match (&branch.last_analysis, row.get::<Option<AnalysisId>>(46)?) {
        (_, Some(_)) => Some(analysis::read_at(&row, 46)?),
        (None, None) => None,
        (Some(lost), None) => {
            return Err(StoreError::Corrupt {
                what: format!("the analysis {lost} that a branch names does not exist"),
            });
        }
    };
    Ok(Some(PlacedIssue {
        issue: read(&row)?,
        project: project::read_at(&row, 41)?,
        branch,
        analysis,
    }))
}

/// The issues of these ids, those that there are, ordered by id.
pub fn by_ids(tx: &mut Tx<'_>, ids: &[IssueId]) -> Result<Vec<Issue>, StoreError> {
    let mut found = Vec::with_capacity(ids.len());
    for chunk in ids.chunks(LIST) {
        let rows = Sql::new(concat!("SELECT ", columns!(), " FROM issue WHERE id IN "))
            .list(chunk)
            .query(tx)?;
        for row in rows {
            found.push(read(&row)?);
        }
    }
    found.sort_by(|one: &Issue, other| one.id.cmp(&other.id));
    Ok(found)
}

/// Keeps new issues.
pub fn insert_many(tx: &mut Tx<'_>, issues: &[Issue]) -> Result<(), StoreError> {
    write_many(tx, "", issues)
}

/// Writes what people change of an issue that is known: type, severities, status, resolution, assignee and tags. The
/// rest, which analyses alone change, stays.
pub fn update_decision(tx: &mut Tx<'_>, issue: &Issue) -> Result<(), StoreError> {
    let impact = |quality| {
        let severity = issue.impacts.get(&quality);
        severity.map(|severity: &ImpactSeverity| severity.as_str())
    };
    tx.execute(
        "UPDATE issue SET kind = $1, severity = $2, manual_severity = $3, status = $4, resolution = $5,
                impact_maintainability = $6, impact_reliability = $7, impact_security = $8, assignee = $9, tags = $10,
                updated_at = $11
          WHERE id = $12",
        &params![
            issue.kind.as_str(),
            issue.severity.as_str(),
            issue.manual_severity,
            issue.status.as_str(),
            issue.resolution.map(Resolution::as_str),
            impact(SoftwareQuality::Maintainability),
            impact(SoftwareQuality::Reliability),
            impact(SoftwareQuality::Security),
            issue.assignee,
            json(&issue.tags)?,
            issue.updated_at,
            issue.id
        ],
    )?;
    Ok(())
}

/// Writes issues in place of what was kept of them; those that are not known are kept anew. No issue may be given
/// twice.
pub fn update_many(tx: &mut Tx<'_>, issues: &[Issue]) -> Result<(), StoreError> {
    write_many(tx, OVERWRITE, issues)
}

/// An issue's history, oldest first.
pub fn changes(tx: &mut Tx<'_>, issue: &IssueId) -> Result<Vec<IssueChange>, StoreError> {
    let rows = tx.query(
        "SELECT issue_id, login, at, diffs FROM issue_change WHERE issue_id = $1 ORDER BY number",
        &params![issue],
    )?;
    rows.iter()
        .map(|row| {
            Ok(IssueChange {
                issue: row.get(0)?,
                user: row.get(1)?,
                at: row.get(2)?,
                diffs: from_json(row, 3)?,
            })
        })
        .collect()
}

/// Adds an entry to an issue's history.
pub fn add_change(tx: &mut Tx<'_>, change: &IssueChange) -> Result<(), StoreError> {
    tx.execute(
        "INSERT INTO issue_change (issue_id, number, login, at, diffs)
         SELECT $1, COALESCE(MAX(number), 0) + 1, $2, $3, $4 FROM issue_change WHERE issue_id = $1",
        &params![change.issue, change.user, change.at, json(&change.diffs)?],
    )?;
    Ok(())
}

/// Adds entries to the histories of issues; several of one issue keep their order.
pub fn add_changes(tx: &mut Tx<'_>, changes: &[IssueChange]) -> Result<(), StoreError> {
    for chunk in changes.chunks(LIST) {
        let mut last: BTreeMap<IssueId, i64> = BTreeMap::new();
        let numbered = Sql::new("SELECT issue_id, MAX(number) FROM issue_change WHERE issue_id IN ")
            .list(chunk.iter().map(|change| &change.issue))
            .push(" GROUP BY issue_id")
            .query(tx)?;
        for row in numbered {
            last.insert(row.get(0)?, row.get(1)?);
        }
        let mut rows = Vec::with_capacity(chunk.len());
        for change in chunk {
            let number = last.entry(change.issue.clone()).or_insert(0);
            *number += 1;
            rows.push(vec![
                change.issue.to_value(),
                number.to_value(),
                change.user.to_value(),
                change.at.to_value(),
                json(&change.diffs)?.to_value(),
            ]);
        }
        tx.insert_many(
            "issue_change (issue_id, number, login, at, diffs)",
            &[Kind::Text, Kind::Int, Kind::Text, Kind::Int, Kind::Text],
            &rows,
        )?;
    }
    Ok(())
}

fn write_many(tx: &mut Tx<'_>, suffix: &'static str, issues: &[Issue]) -> Result<(), StoreError> {
    // Piece by piece, so that not every issue is held twice.
    for chunk in issues.chunks(2000) {
        let rows = chunk.iter().map(write).collect::<Result<Vec<_>, _>>()?;
        tx.insert_many_with(TARGET, suffix, KINDS, &rows)?;
    }
    Ok(())
}

fn write(issue: &Issue) -> Result<Vec<Value>, StoreError> {
    let impact = |quality| {
        issue
            .impacts
            .get(&quality)
            .map(|severity: &ImpactSeverity| severity.as_str())
            .to_value()
    };
    let range = |part: fn(&TextRange) -> u32| issue.range.as_ref().map(part).to_value();
    Ok(vec![
        issue.id.to_value(),
        issue.branch.to_value(),
        issue.component.to_value(),
        issue.rule.as_str().to_value(),
        issue.kind.as_str().to_value(),
        issue.severity.as_str().to_value(),
        issue.manual_severity.to_value(),
        issue.status.as_str().to_value(),
        issue.resolution.map(Resolution::as_str).to_value(),
        impact(SoftwareQuality::Maintainability),
        impact(SoftwareQuality::Reliability),
        impact(SoftwareQuality::Security),
        issue.attribute.as_str().to_value(),
        issue.message.to_value(),
        range(|range| range.start_line),
        range(|range| range.end_line),
        range(|range| range.start_offset),
        range(|range| range.end_offset),
        issue.line_hash.to_value(),
        issue.effort.to_value(),
        json(&issue.flows)?.to_value(),
        issue.assignee.to_value(),
        issue.author.to_value(),
        json(&issue.tags)?.to_value(),
        issue.created_at.to_value(),
        issue.updated_at.to_value(),
        issue.closed_at.to_value(),
        issue.on_changed_lines.to_value(),
        issue.before_close.map(|(status, _)| status.as_str()).to_value(),
        issue
            .before_close
            .and_then(|(_, resolution)| resolution)
            .map(Resolution::as_str)
            .to_value(),
    ])
}

fn read(row: &Row) -> Result<Issue, StoreError> {
    let mut impacts = Impacts::new();
    let qualities = [
        SoftwareQuality::Maintainability,
        SoftwareQuality::Reliability,
        SoftwareQuality::Security,
    ];
    for (at, quality) in qualities.into_iter().enumerate() {
        if let Some(severity) = row.parse_opt(9 + at, ImpactSeverity::parse)? {
            impacts.insert(quality, severity);
        }
    }
    let range = match row.get::<Option<u32>>(14)? {
        None => None,
        Some(start_line) => Some(TextRange {
            start_line,
            end_line: row.get(15)?,
            start_offset: row.get(16)?,
            end_offset: row.get(17)?,
        }),
    };
    let before_close = match row.parse_opt(28, Status::parse)? {
        None => None,
        Some(status) => Some((status, row.parse_opt(29, Resolution::parse)?)),
    };
    Ok(Issue {
        id: row.get(0)?,
        branch: row.get(1)?,
        component: row.get(2)?,
        rule: row.parse(3, RuleKey::parse)?,
        kind: row.parse(4, IssueType::parse)?,
        severity: row.parse(5, Severity::parse)?,
        manual_severity: row.get(6)?,
        status: row.parse(7, Status::parse)?,
        resolution: row.parse_opt(8, Resolution::parse)?,
        impacts,
        attribute: row.parse(12, CleanCodeAttribute::parse)?,
        message: row.get(13)?,
        range,
        line_hash: row.get(18)?,
        effort: row.get(19)?,
        flows: from_json(row, 20)?,
        assignee: row.get(21)?,
        author: row.get(22)?,
        tags: from_json(row, 23)?,
        created_at: row.get(24)?,
        updated_at: row.get(25)?,
        closed_at: row.get(26)?,
        on_changed_lines: row.get(27)?,
        before_close,
    })
}
