//! Searching issues: what can be asked, and what is answered.

use gatehook_domain::Timestamp;
use gatehook_domain::id::{BranchId, ComponentId, IssueId, ProjectId};
use gatehook_domain::issue::{
    ImpactSeverity, Issue, IssueStatus, IssueType, Resolution, Severity, SoftwareQuality, Status,
};
use gatehook_domain::new_code::NewCode;
use gatehook_domain::rule::RuleKey;

use super::facet::{self, Facet, FacetCounts};
use super::narrow::{narrow, narrowed};
use crate::error::StoreError;
use crate::permission::Viewer;
use crate::sql::Sql;
use crate::tx::Tx;

/// What a list of issues is ordered by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum IssueSort {
    /// When they came into the code.
    #[default]
    CreationDate,
    /// When they were changed last.
    UpdateDate,
    /// When they were closed.
    CloseDate,
    /// Their severity, the least first.
    Severity,
    /// The severity of their worst impact, the least first.
    ImpactSeverity,
    /// Their type, then their severity.
    TypeSeverity,
    /// Their status.
    Status,
    /// Their file, then their line.
    FileLine,
}

/// Which issues are looked for; what is empty or absent does not narrow the search.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssueSearch {
    /// The project.
    pub project: Option<ProjectId>,
    /// The branch. Without one, and without ids of issues or components, main branches are searched.
    pub branch: Option<BranchId>,
    /// Only in projects that this person may see.
    pub visible_to: Option<Viewer>,
    /// Their ids.
    pub ids: Vec<IssueId>,
    /// Their files.
    pub component_ids: Vec<ComponentId>,
    /// Their rules.
    pub rules: Vec<RuleKey>,
    /// Their types.
    pub kinds: Vec<IssueType>,
    /// Their severities.
    pub severities: Vec<Severity>,
    /// Their statuses.
    pub statuses: Vec<Status>,
    /// The statuses that newer clients show.
    pub issue_statuses: Vec<IssueStatus>,
    /// Their resolutions.
    pub resolutions: Vec<Resolution>,
    /// Whether they have a resolution.
    pub resolved: Option<bool>,
    /// Words on them; one is enough.
    pub tags: Vec<String>,
    /// The logins of those who take care of them.
    pub assignees: Vec<String>,
    /// Whether anybody takes care of them.
    pub assigned: Option<bool>,
    /// Came into the code at this moment or later.
    pub created_after: Option<Timestamp>,
    /// Came into the code before this moment.
    pub created_before: Option<Timestamp>,
    /// Are new in this sense.
    pub in_new_code: Option<NewCode>,
    /// The languages of their files.
    pub languages: Vec<String>,
    /// The qualities they hurt; one is enough.
    pub impact_qualities: Vec<SoftwareQuality>,
    /// How much they hurt (one of those qualities, if any are given).
    pub impact_severities: Vec<ImpactSeverity>,
    /// The folders their files are in, at any depth.
    pub directories: Vec<String>,
    /// The paths of their files.
    pub files: Vec<String>,
    /// Who wrote their lines last.
    pub author: Option<String>,
    /// The order.
    pub sort: IssueSort,
    /// Smallest first.
    pub ascending: bool,
    /// The page, from 1.
    pub page: u32,
    /// How many a page has; with 0 only the counts are wanted.
    pub size: u32,
    /// What to count by. A facet does not heed the search's own condition on the same thing.
    pub facets: Vec<Facet>,
    /// False leaves security hotspots out.
    pub hotspots: bool,
}

impl Default for IssueSearch {
    fn default() -> Self {
        Self {
            project: None,
            branch: None,
            visible_to: None,
            ids: Vec::new(),
            component_ids: Vec::new(),
            rules: Vec::new(),
            kinds: Vec::new(),
            severities: Vec::new(),
            statuses: Vec::new(),
            issue_statuses: Vec::new(),
            resolutions: Vec::new(),
            resolved: None,
            tags: Vec::new(),
            assignees: Vec::new(),
            assigned: None,
            created_after: None,
            created_before: None,
            in_new_code: None,
            languages: Vec::new(),
            impact_qualities: Vec::new(),
            impact_severities: Vec::new(),
            directories: Vec::new(),
            files: Vec::new(),
            author: None,
            sort: IssueSort::default(),
            ascending: true,
            page: 1,
            size: 100,
            facets: Vec::new(),
            hotspots: false,
        }
    }
}

/// One page of the issues that were found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssuePage {
    /// The issues of the page.
    pub issues: Vec<Issue>,
    /// How many there are in all.
    pub total: i64,
    /// The minutes that mending them all takes.
    pub effort_total: i64,
    /// What was counted, in the order in which it was asked.
    pub facets: Vec<FacetCounts>,
}

/// The columns of an issue again, each with the table's name.
const COLUMNS: &str = "i.id, i.branch_id, i.component_id, i.rule_key, i.kind, i.severity, i.manual_severity, i.status, \
    i.resolution, i.impact_maintainability, i.impact_reliability, i.impact_security, i.attribute, i.message, i.line, \
    i.end_line, i.start_offset, i.end_offset, i.line_hash, i.effort, i.flows, i.assignee, i.author, i.tags, \
    i.created_at, i.updated_at, i.closed_at, i.on_changed_lines, i.before_status, i.before_resolution";

/// One page of the issues that are looked for, how many there are, and counts of them.
pub fn search(tx: &mut Tx<'_>, search: &IssueSearch) -> Result<IssuePage, StoreError> {
    let totals = narrowed(
        "SELECT COUNT(*), CAST(COALESCE(SUM(i.effort), 0) AS BIGINT)",
        search,
        false,
        None,
    )?
    .query(tx)?;
    let (total, effort_total) = match totals.first() {
        Some(row) => (row.get(0)?, row.get(1)?),
        None => (0, 0),
    };
    let mut issues = Vec::new();
    if search.size > 0 {
        let by_file = search.sort == IssueSort::FileLine;
        let mut sql = narrowed_columns(search, by_file)?;
        sql.push(order(search.sort, search.ascending))
            .page(search.page, search.size);
        for row in sql.query(tx)? {
            issues.push(super::read(&row)?);
        }
    }
    let facets = search
        .facets
        .iter()
        .map(|&facet| facet::count(tx, search, facet))
        .collect::<Result<_, StoreError>>()?;
    Ok(IssuePage {
        issues,
        total,
        effort_total,
        facets,
    })
}

fn narrowed_columns(search: &IssueSearch, with_component: bool) -> Result<Sql, StoreError> {
    let mut sql = Sql::new("SELECT ");
    sql.push(COLUMNS);
    narrow(&mut sql, search, with_component, None)?;
    Ok(sql)
}

/// The order, always made total by the id. Nothing is compared with NULL: the engines put it at different ends.
const fn order(sort: IssueSort, ascending: bool) -> &'static str {
    macro_rules! both {
        ($($key:expr),+) => {
            if ascending {
                concat!(" ORDER BY ", $($key, ", ",)+ "i.id")
            } else {
                concat!(" ORDER BY ", $($key, " DESC, ",)+ "i.id DESC")
            }
        };
    }
    macro_rules! severity {
        () => {
            "CASE i.severity WHEN 'INFO' THEN 0 WHEN 'MINOR' THEN 1 WHEN 'MAJOR' THEN 2 WHEN 'CRITICAL' THEN 3 ELSE 4 END"
        };
    }
    macro_rules! one_of_impacts {
        ($severity:literal) => {
            concat!(
                "COALESCE(i.impact_maintainability = '",
                $severity,
                "', FALSE) OR COALESCE(i.impact_reliability = '",
                $severity,
                "', FALSE) OR COALESCE(i.impact_security = '",
                $severity,
                "', FALSE)"
            )
        };
    }
    match sort {
        IssueSort::CreationDate => both!("i.created_at"),
        IssueSort::UpdateDate => both!("i.updated_at"),
        IssueSort::CloseDate => both!("COALESCE(i.closed_at, 0)"),
        IssueSort::Severity => both!(severity!()),
        IssueSort::ImpactSeverity => both!(concat!(
            "CASE WHEN ",
            one_of_impacts!("BLOCKER"),
            " THEN 4 WHEN ",
            one_of_impacts!("HIGH"),
            " THEN 3 WHEN ",
            one_of_impacts!("MEDIUM"),
            " THEN 2 WHEN ",
            one_of_impacts!("LOW"),
            " THEN 1 ELSE 0 END"
        )),
        IssueSort::TypeSeverity => both!("i.kind", severity!()),
        IssueSort::Status => both!("i.status"),
        IssueSort::FileLine => both!("c.path", "COALESCE(i.line, 0)"),
    }
}
