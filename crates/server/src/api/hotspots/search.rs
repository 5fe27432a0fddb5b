//! `api/hotspots/search`.

use gatehook_domain::id::IssueId;
use gatehook_domain::issue::{Issue, IssueType, Resolution, Status};
use gatehook_domain::new_code::NewCode;
use gatehook_domain::project::Project;
use gatehook_domain::user::ProjectPermission;
use gatehook_store::issue::{self, IssuePage, IssueSearch, IssueSort};
use gatehook_store::permission::Viewer;
use gatehook_store::{Tx, analysis};
use serde::Serialize;

use crate::action::{Action, Answer, Call, Run};
use crate::api::hotspots::{PROBABILITY, SECURITY_CATEGORY};
use crate::api::issues::shape::{ComponentShape, Context, FlowShape, RangeShape};
use crate::caller::Reach;
use crate::error::ApiError;
use crate::lookup;
use crate::params::Param;
use crate::shapes::{Date, Paging};

/// How far a search can be paged through.
const MAX_RESULTS: u64 = 10_000;
/// The most values of one list.
const MAX_VALUES: usize = 500;

pub(crate) const ACTION: Action = Action::get(
    "api/hotspots/search",
    "8.1",
    "The security hotspots of a branch, or those of the given keys, by file and line.",
    Run::Read(run),
)
.permission("Browse on the projects")
.params(&[
    Param::text("branch", "The name of a branch"),
    Param::list("files", "The paths of their files").max_values(MAX_VALUES),
    Param::list("hotspots", "Their keys").max_values(MAX_VALUES),
    Param::flag("inNewCodePeriod", "Whether only those in new code").default("false"),
    Param::flag("onlyMine", "Whether only those the caller takes care of"),
    Param::page(),
    Param::text("project", "The key of a project").alias("projectKey"),
    Param::page_size("100", 500),
    Param::text("pullRequest", "The key of a pull request"),
    Param::text(
        "resolution",
        "What a look at them came to; with the status REVIEWED only",
    )
    .possible(&["FIXED", "SAFE", "ACKNOWLEDGED"]),
    Param::text("status", "Whether somebody has looked at them").possible(&["TO_REVIEW", "REVIEWED"]),
]);

#[derive(Serialize)]
struct Found {
    paging: Paging,
    hotspots: Vec<Row>,
    components: Vec<ComponentShape>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    key: String,
    component: String,
    project: String,
    security_category: &'static str,
    vulnerability_probability: &'static str,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    resolution: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<u32>,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    assignee: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    author: Option<String>,
    creation_date: Date,
    update_date: Date,
    #[serde(skip_serializing_if = "Option::is_none")]
    text_range: Option<RangeShape>,
    flows: Vec<FlowShape>,
    rule_key: String,
    message_formattings: [&'static str; 0],
}

impl Row {
    fn of(context: &Context, project: &Project, hotspot: &Issue, is_logged_in: bool) -> Self {
        Self {
            key: hotspot.id.as_str().to_owned(),
            component: context.place(project, &hotspot.component),
            project: project.key.as_str().to_owned(),
            security_category: SECURITY_CATEGORY,
            vulnerability_probability: PROBABILITY,
            status: hotspot.status.as_str(),
            resolution: hotspot.resolution.map(Resolution::as_str),
            line: hotspot.line(),
            message: hotspot.message.clone(),
            assignee: hotspot.assignee.clone(),
            author: hotspot.author.clone().filter(|_| is_logged_in),
            creation_date: Date(hotspot.created_at),
            update_date: Date(hotspot.updated_at),
            text_range: hotspot.shown_range().map(RangeShape::of),
            flows: context.flows(project, hotspot),
            rule_key: hotspot.rule.as_str().to_owned(),
            message_formattings: [],
        }
    }
}

fn run(tx: &mut Tx<'_>, call: &Call) -> Result<Answer, ApiError> {
    // Tokens for analyses carry no right to see issues.
    call.caller.require(call.caller.reach == Reach::Whole)?;
    let (page, size) = call.params.paging()?;
    let last = u64::from(page) * u64::from(size);
    if last > MAX_RESULTS {
        return Err(ApiError::bad(format!(
            "Can return only the first {MAX_RESULTS} results. {last}th result asked."
        )));
    }
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
    let is_logged_in = call.caller.user.is_some();
    let hotspots = found.issues.iter().filter_map(|hotspot| {
        let project = context.project(hotspot)?;
        Some(Row::of(&context, project, hotspot, is_logged_in))
    });
    Answer::json(&Found {
        paging: Paging {
            page_index: page,
            page_size: size,
            total: found.total,
        },
        hotspots: hotspots.collect(),
        components: context.components(),
    })
}

/// The search that the parameters describe; none when it can find nothing.
fn wanted(tx: &mut Tx<'_>, call: &Call, page: u32, size: u32) -> Result<Option<IssueSearch>, ApiError> {
    let params = &call.params;
    let (status, resolution) = (params.text("status"), params.text("resolution"));
    if resolution.is_some() && status != Some("REVIEWED") {
        return Err(ApiError::bad(
            "Parameter 'resolution' can be used with value 'REVIEWED' of parameter 'status' only",
        ));
    }
    let statuses = params.words("status", Status::parse);
    let mut search = IssueSearch {
        visible_to: Some(Viewer(call.caller.user.as_ref().map(|user| user.id.clone()))),
        kinds: vec![IssueType::SecurityHotspot],
        // Those that are not found any more are closed, and not shown.
        statuses: if statuses.is_empty() {
            vec![Status::ToReview, Status::Reviewed]
        } else {
            statuses
        },
        resolutions: params.words("resolution", Resolution::parse),
        files: params.list("files").unwrap_or_default(),
        sort: IssueSort::FileLine,
        page,
        size,
        hotspots: true,
        ..IssueSearch::default()
    };
    if params.flag("onlyMine") == Some(true) {
        search.assignees = vec![call.caller.require_login()?.login.clone()];
    }
    if let Some(key) = params.text("project") {
        let place = lookup::place(tx, key, params, |tx, project| {
            call.caller.require_project(tx, project, ProjectPermission::Browse)
        })?;
        if params.flag("inNewCodePeriod") == Some(true) {
            let period = analysis::last_of(tx, &place.branch.id)?.and_then(|last| last.period);
            search.in_new_code = Some(NewCode::of(place.branch.kind, period.as_ref()));
        }
        search.project = Some(place.project.id);
        search.branch = Some(place.branch.id);
        search.component_ids = place.file.map(|file| file.id).into_iter().collect();
    } else if params.text("hotspots").is_none() {
        return Err(ApiError::bad(
            "A value must be provided for either parameter 'project' or parameter 'hotspots'",
        ));
    }
    if params.text("hotspots").is_some() {
        search.ids = params.words("hotspots", IssueId::parse);
        if search.ids.is_empty() {
            return Ok(None);
        }
    }
    Ok(Some(search))
}
