//! Counting the issues that a search finds, by one thing.

use std::collections::BTreeMap;

use gatehook_domain::issue::{ImpactSeverity, SoftwareQuality};

use super::narrow::{IMPACTS, issue_status, narrow, narrowed};
use super::search::IssueSearch;
use crate::error::StoreError;
use crate::sql::Sql;
use crate::tx::Tx;

/// The most values of a facet that are given, those with most issues.
const MAX_VALUES: usize = 100;

/// What issues are counted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Facet {
    /// Severity.
    Severities,
    /// Type.
    Types,
    /// Status.
    Statuses,
    /// The status that newer clients show.
    IssueStatuses,
    /// Resolution; an empty value for those without.
    Resolutions,
    /// Rule.
    Rules,
    /// File, by its path.
    Files,
    /// Folder, by its path; a file counts in the one folder it is directly in, `/` is the root.
    Directories,
    /// Tag.
    Tags,
    /// Quality that is hurt.
    ImpactSoftwareQualities,
    /// How much a quality is hurt.
    ImpactSeverities,
    /// Language; files without one are left out.
    Languages,
    /// Login of who takes care of it; an empty value for those nobody takes care of.
    Assignees,
    /// Who wrote the line last.
    Authors,
    /// Project, by its key.
    Projects,
    /// Category of the attribute of clean code.
    CleanCodeAttributeCategories,
}

/// The counts of one facet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FacetCounts {
    /// What was counted by.
    pub facet: Facet,
    /// Values and how many issues have them, most issues first, then by value; values without issues are left out.
    pub values: Vec<(String, i64)>,
}

pub(super) fn count(tx: &mut Tx<'_>, search: &IssueSearch, facet: Facet) -> Result<FacetCounts, StoreError> {
    let counted = match facet {
        Facet::Severities => grouped(tx, search, facet, "SELECT i.severity, COUNT(*)", false)?,
        Facet::Types => grouped(tx, search, facet, "SELECT i.kind, COUNT(*)", false)?,
        Facet::Statuses => grouped(tx, search, facet, "SELECT i.status, COUNT(*)", false)?,
        Facet::IssueStatuses => {
            let mut counted = grouped(
                tx,
                search,
                facet,
                concat!("SELECT COALESCE(", issue_status!(), ", ''), COUNT(*)"),
                false,
            )?;
            counted.remove("");
            counted
        }
        Facet::Resolutions => grouped(tx, search, facet, "SELECT COALESCE(i.resolution, ''), COUNT(*)", false)?,
        Facet::Rules => grouped(tx, search, facet, "SELECT i.rule_key, COUNT(*)", false)?,
        Facet::Files => grouped(tx, search, facet, "SELECT c.path, COUNT(*)", true)?,
        Facet::Directories => {
            let files = grouped(tx, search, facet, "SELECT c.path, COUNT(*)", true)?;
            rolled_up(files, |path| {
                path.rsplit_once('/').map_or("/", |(folder, _)| folder).to_owned()
            })
        }
        Facet::Tags => tags(tx, search)?,
        Facet::ImpactSoftwareQualities => qualities(tx, search)?,
        Facet::ImpactSeverities => severities(tx, search)?,
        Facet::Languages => {
            let mut counted = grouped(tx, search, facet, "SELECT COALESCE(c.language, ''), COUNT(*)", true)?;
            counted.remove("");
            counted
        }
        Facet::Assignees => grouped(tx, search, facet, "SELECT COALESCE(i.assignee, ''), COUNT(*)", false)?,
        Facet::Authors => {
            let mut counted = grouped(tx, search, facet, "SELECT COALESCE(i.author, ''), COUNT(*)", false)?;
            counted.remove("");
            counted
        }
        Facet::Projects => grouped(
            tx,
            search,
            facet,
            "SELECT (SELECT k.project_key FROM branch o JOIN project k ON k.id = o.project_id WHERE o.id = i.branch_id), \
             COUNT(*)",
            false,
        )?,
        Facet::CleanCodeAttributeCategories => {
            let attributes = grouped(tx, search, facet, "SELECT i.attribute, COUNT(*)", false)?;
            rolled_up(attributes, |attribute| {
                gatehook_domain::rule::CleanCodeAttribute::parse(attribute)
                    .map_or_else(|_| attribute.to_owned(), |attribute| attribute.category().to_owned())
            })
        }
    };
    let mut values: Vec<(String, i64)> = counted.into_iter().filter(|&(_, count)| count > 0).collect();
    values.sort_by(|(one, few), (other, many)| many.cmp(few).then_with(|| one.cmp(other)));
    values.truncate(MAX_VALUES);
    Ok(FacetCounts { facet, values })
}

fn grouped(
    tx: &mut Tx<'_>,
    search: &IssueSearch,
    facet: Facet,
    start: &'static str,
    with_component: bool,
) -> Result<BTreeMap<String, i64>, StoreError> {
    let mut sql = narrowed(start, search, with_component, Some(facet))?;
    // Two issues' branches may be of one project, so equal values are summed up here.
    sql.push(if facet == Facet::Projects {
        " GROUP BY i.branch_id"
    } else {
        " GROUP BY 1"
    });
    let mut counted = BTreeMap::new();
    for row in sql.query(tx)? {
        *counted.entry(row.get::<String>(0)?).or_insert(0) += row.get::<i64>(1)?;
    }
    Ok(counted)
}

fn rolled_up(counted: BTreeMap<String, i64>, name: impl Fn(&str) -> String) -> BTreeMap<String, i64> {
    let mut sums = BTreeMap::new();
    for (value, count) in counted {
        *sums.entry(name(&value)).or_insert(0) += count;
    }
    sums
}

fn tags(tx: &mut Tx<'_>, search: &IssueSearch) -> Result<BTreeMap<String, i64>, StoreError> {
    let mut sql = narrowed("SELECT i.tags, COUNT(*)", search, false, Some(Facet::Tags))?;
    let mut counted = BTreeMap::new();
    for row in sql.push(" GROUP BY 1").query(tx)? {
        let count: i64 = row.get(1)?;
        for tag in crate::sql::from_json::<Vec<String>>(&row, 0)? {
            *counted.entry(tag).or_insert(0) += count;
        }
    }
    Ok(counted)
}

/// How many issues hurt each quality, by one of the severities asked for if there are any.
fn qualities(tx: &mut Tx<'_>, search: &IssueSearch) -> Result<BTreeMap<String, i64>, StoreError> {
    let mut sql = Sql::new("SELECT ");
    for (at, (_, column)) in IMPACTS.into_iter().enumerate() {
        sql.push(if at == 0 {
            "COUNT(*) FILTER (WHERE "
        } else {
            ", COUNT(*) FILTER (WHERE "
        })
        .push(column);
        if search.impact_severities.is_empty() {
            sql.push(" IS NOT NULL)");
        } else {
            sql.push(" IN ")
                .list(search.impact_severities.iter().map(|severity| severity.as_str()))
                .push(")");
        }
    }
    narrow(&mut sql, search, false, Some(Facet::ImpactSoftwareQualities))?;
    let names: Vec<&str> = IMPACTS.iter().map(|(quality, _)| quality.as_str()).collect();
    counts(tx, &sql, &names)
}

/// How many issues hurt a quality (one of those asked for, if there are any) so much.
fn severities(tx: &mut Tx<'_>, search: &IssueSearch) -> Result<BTreeMap<String, i64>, StoreError> {
    let asked =
        |quality: SoftwareQuality| search.impact_qualities.is_empty() || search.impact_qualities.contains(&quality);
    let mut sql = Sql::new("SELECT ");
    for (at, severity) in ImpactSeverity::ALL.iter().enumerate() {
        sql.push(if at == 0 {
            "COUNT(*) FILTER (WHERE "
        } else {
            ", COUNT(*) FILTER (WHERE "
        });
        let columns = IMPACTS.into_iter().filter(|&(quality, _)| asked(quality));
        for (at, (_, column)) in columns.enumerate() {
            sql.push(if at == 0 { "" } else { " OR " })
                .push(column)
                .push(" = ")
                .bind(severity.as_str());
        }
        sql.push(")");
    }
    narrow(&mut sql, search, false, Some(Facet::ImpactSeverities))?;
    let names: Vec<&str> = ImpactSeverity::ALL.iter().map(|severity| severity.as_str()).collect();
    counts(tx, &sql, &names)
}

/// Reads a row with one count per name.
fn counts(tx: &mut Tx<'_>, sql: &Sql, names: &[&str]) -> Result<BTreeMap<String, i64>, StoreError> {
    let rows = sql.query(tx)?;
    let Some(row) = rows.first() else {
        return Ok(BTreeMap::new());
    };
    names
        .iter()
        .enumerate()
        .map(|(at, name)| Ok(((*name).to_owned(), row.get(at)?)))
        .collect()
}
