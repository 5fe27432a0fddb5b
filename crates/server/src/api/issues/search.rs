//! `api/issues/search`.

use std::time::Duration;

use gatehook_domain::Timestamp;
use gatehook_domain::id::{ComponentId, IssueId};
use gatehook_domain::issue::{
    ImpactSeverity, Issue, IssueStatus, IssueType, Resolution, Severity, SoftwareQuality, Status,
};
use gatehook_domain::new_code::NewCode;
use gatehook_domain::rule::RuleKey;
use gatehook_domain::user::ProjectPermission;
use gatehook_store::issue::{self, Facet, IssuePage, IssueSearch, IssueSort};
use gatehook_store::permission::Viewer;
use gatehook_store::{Tx, analysis, rule};
use serde::Serialize;

use crate::action::{Action, Answer, Call, Run};
use crate::api::issues::shape::{ComponentShape, Context, IssueShape, RuleShape, UserShape, users};
use crate::api::issues::{Rights, transitions};
use crate::caller::Reach;
use crate::error::ApiError;
use crate::lookup::{self, Place};
use crate::params::Param;
use crate::shapes::Paging;

/// How far a search can be paged through.
const MAX_RESULTS: u64 = 10_000;
/// The most values of one list. SQLite takes no condition of more than a thousand parts, and each folder, tag and
/// component costs.
const MAX_VALUES: usize = 500;
/// The length of `yyyy-MM-dd`.
const DAY_LENGTH: usize = 10;

/// The facets, as requests and answers name them.
const FACETS: &[(&str, Facet)] = &[
    ("assignees", Facet::Assignees),
    ("author", Facet::Authors),
    ("cleanCodeAttributeCategories", Facet::CleanCodeAttributeCategories),
    ("directories", Facet::Directories),
    ("files", Facet::Files),
    ("impactSeverities", Facet::ImpactSeverities),
    ("impactSoftwareQualities", Facet::ImpactSoftwareQualities),
    ("issueStatuses", Facet::IssueStatuses),
    ("languages", Facet::Languages),
    ("projects", Facet::Projects),
    ("resolutions", Facet::Resolutions),
    ("rules", Facet::Rules),
    ("severities", Facet::Severities),
    ("statuses", Facet::Statuses),
    ("tags", Facet::Tags),
    ("types", Facet::Types),
];

pub(crate) const ACTION: Action = Action::get(
    "api/issues/search",
    "3.6",
    "Searches issues. Without a component, the main branches of all projects the caller may see.",
    Run::Read(run),
)
.permission("Browse on the projects")
.params(&[
    Param::list("additionalFields", "More in the answer").possible(&[
        "_all",
        "comments",
        "languages",
        "rules",
        "ruleDescriptionContextKey",
        "transitions",
        "actions",
        "users",
    ]),
    Param::flag("asc", "Smallest first").default("true"),
    Param::flag("assigned", "Whether somebody takes care of them"),
    Param::list(
        "assignees",
        "Logins of those who take care of them; __me__ for the caller",
    )
    .max_values(MAX_VALUES),
    Param::text("author", "Who wrote their lines last"),
    Param::text("branch", "The name of a branch"),
    Param::list("components", "The key of a project, or of files of one project")
        .alias("componentKeys")
        .max_values(MAX_VALUES),
    Param::text("createdAfter", "Came into the code at this moment or later"),
    Param::text("createdBefore", "Came into the code before this moment"),
    Param::list("directories", "The folders of their files").max_values(MAX_VALUES),
    Param::list("facets", "What to count by"),
    Param::list("files", "The paths of their files").max_values(MAX_VALUES),
    Param::list("impactSeverities", "How much they hurt").possible(&["INFO", "LOW", "MEDIUM", "HIGH", "BLOCKER"]),
    Param::list("impactSoftwareQualities", "What they hurt").possible(&["MAINTAINABILITY", "RELIABILITY", "SECURITY"]),
    Param::flag("inNewCodePeriod", "Whether only those in new code; takes a component"),
    Param::list("issueStatuses", "Their statuses").possible(&[
        "OPEN",
        "CONFIRMED",
        "FALSE_POSITIVE",
        "ACCEPTED",
        "FIXED",
        "IN_SANDBOX",
    ]),
    Param::list("issues", "Their keys").max_values(1000),
    Param::list("languages", "The languages of their files").max_values(MAX_VALUES),
    Param::page(),
    Param::list("projects", "The key of a project")
        .alias("projectKeys")
        .max_values(MAX_VALUES),
    Param::page_size("100", 500),
    Param::text("pullRequest", "The key of a pull request"),
    Param::list("resolutions", "How they were resolved").possible(&["FALSE-POSITIVE", "WONTFIX", "FIXED", "REMOVED"]),
    Param::flag("resolved", "Whether they are resolved"),
    Param::list("rules", "Their rules").max_values(MAX_VALUES),
    Param::text("s", "The order").possible(&[
        "HOTSPOTS",
        "TYPE_SEVERITY",
        "UPDATE_DATE",
        "CLOSE_DATE",
        "QUALITY_SEVERITY",
        "FILE_LINE",
        "STATUS",
        "SEVERITY",
        "CREATION_DATE",
    ]),
    Param::list("severities", "Their severities").possible(&["INFO", "MINOR", "MAJOR", "CRITICAL", "BLOCKER"]),
    Param::list("statuses", "Their statuses, in the older words").possible(&[
        "OPEN",
        "CONFIRMED",
        "REOPENED",
        "RESOLVED",
        "CLOSED",
        "IN_SANDBOX",
    ]),
    Param::list("tags", "Words on them; one is enough").max_values(MAX_VALUES),
    Param::list("types", "Their types").possible(&["CODE_SMELL", "BUG", "VULNERABILITY"]),
]);

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Found {
    paging: Paging,
    total: i64,
    p: u32,
    ps: u32,
    effort_total: i64,
    issues: Vec<IssueShape>,
    components: Vec<ComponentShape>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rules: Option<Vec<RuleShape>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    users: Option<Vec<UserShape>>,
    facets: Vec<FacetShape>,
}

#[derive(Serialize)]
struct FacetShape {
    property: &'static str,
    values: Vec<ValueShape>,
}

#[derive(Serialize)]
struct ValueShape {
    val: String,
    count: i64,
}

fn run(tx: &mut Tx<'_>, call: &Call) -> Result<Answer, ApiError> {
    let params = &call.params;
    // Tokens for analyses carry no right to see issues.
    call.caller.require(call.caller.reach == Reach::Whole)?;
    let (page, size) = params.paging()?;
    let last = u64::from(page) * u64::from(size);
    if last > MAX_RESULTS {
        return Err(ApiError::bad(format!(
            "Can return only the first {MAX_RESULTS} results. {last}th result asked."
        )));
    }
    let additional = params.list("additionalFields").unwrap_or_default();
    let wants = |field: &str| additional.iter().any(|named| named == field || named == "_all");
    let found = match wanted(tx, call, page, size)? {
        Some(search) => issue::search(tx, &search)?,
        None => IssuePage {
            issues: Vec::new(),
            total: 0,
            effort_total: 0,
            facets: Vec::new(),
        },
    };
    let context = Context::of(tx, &found.issues)?;
    let rules = if wants("rules") {
        Some(rules_of(tx, &found.issues)?)
    } else {
        None
    };
    let users = if wants("users") {
        let logins: Vec<String> = found.issues.iter().filter_map(|issue| issue.assignee.clone()).collect();
        Some(users(tx, &logins)?)
    } else {
        None
    };
    let is_logged_in = call.caller.user.is_some();
    let mut rights = Rights::default();
    let mut issues = Vec::with_capacity(found.issues.len());
    for issue in &found.issues {
        let mut shape = IssueShape::of(&context, issue, is_logged_in)?;
        if wants("transitions")
            && let Some(project) = context.project(issue)
        {
            shape = shape.with_transitions(transitions(tx, call, issue, project, &mut rights)?);
        }
        issues.push(shape);
    }
    Answer::json(&Found {
        paging: Paging {
            page_index: page,
            page_size: size,
            total: found.total,
        },
        total: found.total,
        p: page,
        ps: size,
        effort_total: found.effort_total,
        issues,
        components: context.components(),
        rules,
        users,
        facets: found
            .facets
            .into_iter()
            .filter_map(|counts| {
                let (property, _) = FACETS.iter().find(|(_, facet)| *facet == counts.facet)?;
                let values = counts
                    .values
                    .into_iter()
                    .map(|(val, count)| ValueShape { val, count })
                    .collect();
                Some(FacetShape { property, values })
            })
            .collect(),
    })
}

/// The search that the parameters describe; none when it can find nothing.
fn wanted(tx: &mut Tx<'_>, call: &Call, page: u32, size: u32) -> Result<Option<IssueSearch>, ApiError> {
    let params = &call.params;
    let Some(places) = places(tx, call)? else {
        return Ok(None);
    };
    let project = places.first().map(|place| place.project.clone());
    if let Some(project) = &project
        && places.iter().any(|place| place.project.id != project.id)
    {
        return Err(ApiError::bad("All components must belong to the same project"));
    }
    // A project among the components means all of it.
    let component_ids: Vec<ComponentId> = if places.iter().any(|place| place.file.is_none()) {
        Vec::new()
    } else {
        places
            .iter()
            .filter_map(|place| place.file.as_ref().map(|file| file.id.clone()))
            .collect()
    };
    let branch = places.first().map(|place| place.branch.clone());
    let in_new_code = match (params.flag("inNewCodePeriod"), &branch) {
        (Some(true), Some(branch)) => {
            let period = analysis::last_of(tx, &branch.id)?.and_then(|last| last.period);
            Some(NewCode::of(branch.kind, period.as_ref()))
        }
        (Some(true), None) => {
            return Err(ApiError::bad(
                "Parameter 'inNewCodePeriod' can be used with a component only",
            ));
        }
        _ => None,
    };
    let ids: Vec<IssueId> = params.words("issues", IssueId::parse);
    let rules: Vec<RuleKey> = params.words("rules", RuleKey::parse);
    let statuses: Vec<Status> = params.words("statuses", Status::parse);
    let issue_statuses: Vec<IssueStatus> = params.words("issueStatuses", IssueStatus::parse);
    // What was asked for, but names nothing that exists, finds nothing rather than everything.
    let names_nothing = (params.text("issues").is_some() && ids.is_empty())
        || (params.text("rules").is_some() && rules.is_empty())
        || (params.text("statuses").is_some() && statuses.is_empty())
        || (params.text("issueStatuses").is_some() && issue_statuses.is_empty());
    if names_nothing {
        return Ok(None);
    }
    let me = call.caller.login().unwrap_or("__me__");
    let assignees = params.list("assignees").unwrap_or_default();
    let mut facets = params.list("facets").unwrap_or_default();
    // Each is a question of its own, so none is asked twice.
    facets.sort();
    facets.dedup();
    let wants_facet = |name: &str| FACETS.iter().find(|(known, _)| *known == name).map(|(_, facet)| *facet);
    Ok(Some(IssueSearch {
        project: project.map(|project| project.id),
        branch: branch.map(|branch| branch.id),
        visible_to: Some(Viewer(call.caller.user.as_ref().map(|user| user.id.clone()))),
        ids,
        component_ids,
        rules,
        kinds: params.words("types", IssueType::parse),
        severities: params.words("severities", Severity::parse),
        statuses,
        issue_statuses,
        resolutions: params.words("resolutions", Resolution::parse),
        resolved: params.flag("resolved"),
        tags: params.list("tags").unwrap_or_default(),
        assignees: assignees
            .into_iter()
            .map(|name| if name == "__me__" { me.to_owned() } else { name })
            .collect(),
        assigned: params.flag("assigned"),
        created_after: params.date("createdAfter")?,
        created_before: end_of(params.text("createdBefore"), params.date("createdBefore")?),
        in_new_code,
        languages: params.list("languages").unwrap_or_default(),
        impact_qualities: params.words("impactSoftwareQualities", SoftwareQuality::parse),
        impact_severities: params.words("impactSeverities", ImpactSeverity::parse),
        directories: params.list("directories").unwrap_or_default(),
        files: params.list("files").unwrap_or_default(),
        author: params.text("author").map(str::to_owned),
        sort: sort(params.text("s")),
        ascending: params.flag("asc").unwrap_or(true),
        page,
        size,
        facets: facets.iter().filter_map(|name| wants_facet(name)).collect(),
        hotspots: false,
    }))
}

/// What the components and projects of the parameters name; none when nothing of it exists, which finds nothing.
fn places(tx: &mut Tx<'_>, call: &Call) -> Result<Option<Vec<Place>>, ApiError> {
    let mut keys = call.params.list("components").unwrap_or_default();
    keys.extend(call.params.list("projects").unwrap_or_default());
    keys.sort();
    keys.dedup();
    let mut places = Vec::with_capacity(keys.len());
    for key in &keys {
        let admitted = lookup::place(tx, key, &call.params, |tx, project| {
            call.caller.require_project(tx, project, ProjectPermission::Browse)
        });
        match admitted {
            Ok(place) => places.push(place),
            Err(ApiError::NotFound(_)) => {}
            Err(error) => return Err(error),
        }
    }
    Ok((keys.is_empty() || !places.is_empty()).then_some(places))
}

fn rules_of(tx: &mut Tx<'_>, issues: &[Issue]) -> Result<Vec<RuleShape>, ApiError> {
    let mut keys: Vec<RuleKey> = issues.iter().map(|issue| issue.rule.clone()).collect();
    keys.sort();
    keys.dedup();
    Ok(rule::by_keys(tx, &keys)?.iter().map(RuleShape::of).collect())
}

/// A day without a time means all of it.
fn end_of(text: Option<&str>, moment: Option<Timestamp>) -> Option<Timestamp> {
    const DAY: Duration = Duration::from_hours(24);
    let is_day = text.is_some_and(|text| text.len() == DAY_LENGTH);
    moment.map(|moment| if is_day { moment.plus(DAY) } else { moment })
}

fn sort(word: Option<&str>) -> IssueSort {
    match word {
        Some("UPDATE_DATE") => IssueSort::UpdateDate,
        Some("CLOSE_DATE") => IssueSort::CloseDate,
        Some("SEVERITY") => IssueSort::Severity,
        Some("QUALITY_SEVERITY") => IssueSort::ImpactSeverity,
        Some("TYPE_SEVERITY") => IssueSort::TypeSeverity,
        Some("STATUS") => IssueSort::Status,
        Some("FILE_LINE") => IssueSort::FileLine,
        _ => IssueSort::CreationDate,
    }
}
