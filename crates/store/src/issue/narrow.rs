//! The conditions of a search for issues, put together from the fixed pieces below; what is asked is only bound.

use gatehook_domain::issue::{ImpactSeverity, SoftwareQuality};
use gatehook_domain::new_code::NewCode;
use gatehook_domain::rule::RuleKey;

use super::facet::Facet;
use super::search::IssueSearch;
use crate::error::StoreError;
use crate::permission::and_visible;
use crate::sql::{Sql, beginning, containing, json};

/// The status that newer clients show, as `IssueStatus::of` derives it; NULL for hotspots.
macro_rules! issue_status {
    () => {
        "CASE WHEN i.status IN ('OPEN', 'REOPENED') THEN 'OPEN' WHEN i.status = 'CONFIRMED' THEN 'CONFIRMED' \
         WHEN i.status = 'RESOLVED' AND i.resolution = 'FALSE-POSITIVE' THEN 'FALSE_POSITIVE' \
         WHEN i.status = 'RESOLVED' AND i.resolution = 'WONTFIX' THEN 'ACCEPTED' \
         WHEN i.status IN ('RESOLVED', 'CLOSED') THEN 'FIXED' END"
    };
}
pub(super) use issue_status;

/// The columns of the impacts, by quality.
pub(super) const IMPACTS: [(SoftwareQuality, &str); 3] = [
    (SoftwareQuality::Maintainability, "i.impact_maintainability"),
    (SoftwareQuality::Reliability, "i.impact_reliability"),
    (SoftwareQuality::Security, "i.impact_security"),
];

/// A statement that begins with `start` and goes on with `FROM … WHERE …`; the condition that belongs to `without` is
/// left out.
pub(super) fn narrowed(
    start: &'static str,
    search: &IssueSearch,
    with_component: bool,
    without: Option<Facet>,
) -> Result<Sql, StoreError> {
    let mut sql = Sql::new(start);
    narrow(&mut sql, search, with_component, without)?;
    Ok(sql)
}

pub(super) fn narrow(
    sql: &mut Sql,
    search: &IssueSearch,
    with_component: bool,
    without: Option<Facet>,
) -> Result<(), StoreError> {
    let heeded = |facet: Facet| without != Some(facet);
    let languages = !search.languages.is_empty() && heeded(Facet::Languages);
    let files = !search.files.is_empty() && heeded(Facet::Files);
    let directories = !search.directories.is_empty() && heeded(Facet::Directories);
    sql.push(" FROM issue i");
    if with_component || languages || files || directories {
        sql.push(" JOIN component c ON c.id = i.component_id");
    }
    scope(sql, search);
    if !search.hotspots {
        sql.and("i.kind <> 'SECURITY_HOTSPOT'");
    }
    if !search.ids.is_empty() {
        sql.and("i.id IN ").list(&search.ids);
    }
    if !search.component_ids.is_empty() {
        sql.and("i.component_id IN ").list(&search.component_ids);
    }
    if !search.rules.is_empty() && heeded(Facet::Rules) {
        sql.and("i.rule_key IN ").list(search.rules.iter().map(RuleKey::as_str));
    }
    if !search.kinds.is_empty() && heeded(Facet::Types) {
        sql.and("i.kind IN ")
            .list(search.kinds.iter().map(|kind| kind.as_str()));
    }
    if !search.severities.is_empty() && heeded(Facet::Severities) {
        sql.and("i.severity IN ")
            .list(search.severities.iter().map(|severity| severity.as_str()));
    }
    if !search.statuses.is_empty() && heeded(Facet::Statuses) {
        sql.and("i.status IN ")
            .list(search.statuses.iter().map(|status| status.as_str()));
    }
    if !search.issue_statuses.is_empty() && heeded(Facet::IssueStatuses) {
        sql.and(issue_status!())
            .push(" IN ")
            .list(search.issue_statuses.iter().map(|status| status.as_str()));
    }
    if !search.resolutions.is_empty() && heeded(Facet::Resolutions) {
        sql.and("i.resolution IN ")
            .list(search.resolutions.iter().map(|resolution| resolution.as_str()));
    }
    if let Some(resolved) = search.resolved.filter(|_| heeded(Facet::Resolutions)) {
        sql.and(if resolved {
            "i.resolution IS NOT NULL"
        } else {
            "i.resolution IS NULL"
        });
    }
    if !search.assignees.is_empty() && heeded(Facet::Assignees) {
        sql.and("i.assignee IN ").list(&search.assignees);
    }
    if let Some(assigned) = search.assigned.filter(|_| heeded(Facet::Assignees)) {
        sql.and(if assigned {
            "i.assignee IS NOT NULL"
        } else {
            "i.assignee IS NULL"
        });
    }
    if let Some(author) = search.author.as_ref().filter(|_| heeded(Facet::Authors)) {
        sql.and("i.author = ").bind(author);
    }
    if heeded(Facet::Tags) {
        any(sql, &search.tags, |sql, tag| {
            // Tags are kept as a JSON array, so a tag stands between quotes.
            sql.push("i.tags LIKE ")
                .bind(containing(&json(tag)?))
                .push(" ESCAPE '\\'");
            Ok(())
        })?;
    }
    dates(sql, search);
    impacts(sql, search, without);
    if languages {
        sql.and("c.language IN ").list(&search.languages);
    }
    if files {
        sql.and("c.path IN ").list(&search.files);
    }
    if directories {
        any(sql, &search.directories, |sql, directory| {
            sql.push("c.path LIKE ")
                .bind(beginning(&format!("{}/", directory.trim_end_matches('/'))));
            sql.push(" ESCAPE '\\'");
            Ok(())
        })?;
    }
    Ok(())
}

/// Where is searched: one branch, the main branch of a project, or the main branches of all projects.
fn scope(sql: &mut Sql, search: &IssueSearch) {
    if let Some(branch) = &search.branch {
        sql.and("i.branch_id = ").bind(branch);
    }
    let main_only = search.branch.is_none() && search.ids.is_empty() && search.component_ids.is_empty();
    if main_only || search.project.is_some() || search.visible_to.is_some() {
        sql.and("i.branch_id IN (SELECT b.id FROM branch b, project p WHERE p.id = b.project_id");
        if let Some(project) = &search.project {
            sql.push(" AND p.id = ").bind(project);
        }
        if main_only {
            sql.push(" AND b.is_main");
        }
        if let Some(viewer) = &search.visible_to {
            and_visible(sql, viewer);
        }
        sql.push(")");
    }
}

fn dates(sql: &mut Sql, search: &IssueSearch) {
    if let Some(after) = search.created_after {
        sql.and("i.created_at >= ").bind(after);
    }
    if let Some(before) = search.created_before {
        sql.and("i.created_at < ").bind(before);
    }
    match search.in_new_code {
        None | Some(NewCode::Everything) => (),
        Some(NewCode::Nothing) => drop(sql.and("1 = 0")),
        Some(NewCode::Since(moment)) => drop(sql.and("i.created_at > ").bind(moment.truncated_to_seconds())),
        Some(NewCode::ChangedLines) => drop(sql.and("i.on_changed_lines")),
    }
}

/// An issue is found when it hurts one of the qualities asked for by one of the severities asked for.
fn impacts(sql: &mut Sql, search: &IssueSearch, without: Option<Facet>) {
    let qualities: &[SoftwareQuality] = if without == Some(Facet::ImpactSoftwareQualities) {
        &[]
    } else {
        &search.impact_qualities
    };
    let severities: &[ImpactSeverity] = if without == Some(Facet::ImpactSeverities) {
        &[]
    } else {
        &search.impact_severities
    };
    if qualities.is_empty() && severities.is_empty() {
        return;
    }
    let mut first = true;
    for (quality, column) in IMPACTS {
        if !qualities.is_empty() && !qualities.contains(&quality) {
            continue;
        }
        if std::mem::take(&mut first) {
            sql.and("(");
        } else {
            sql.push(" OR ");
        }
        sql.push(column);
        if severities.is_empty() {
            sql.push(" IS NOT NULL");
        } else {
            sql.push(" IN ")
                .list(severities.iter().map(|severity| severity.as_str()));
        }
    }
    sql.push(")");
}

/// Adds `(one OR other OR …)`, nothing without values.
fn any<T>(
    sql: &mut Sql,
    values: &[T],
    mut each: impl FnMut(&mut Sql, &T) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    for (at, value) in values.iter().enumerate() {
        if at == 0 {
            sql.and("(");
        } else {
            sql.push(" OR ");
        }
        each(sql, value)?;
    }
    if !values.is_empty() {
        sql.push(")");
    }
    Ok(())
}
