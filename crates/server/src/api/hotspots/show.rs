//! `api/hotspots/show`.

use gatehook_domain::id::ComponentId;
use gatehook_domain::issue::{Issue, Resolution};
use gatehook_domain::user::ProjectPermission;
use gatehook_store::{StoreError, Tx, rule};
use serde::Serialize;

use crate::action::{Action, Answer, Call, Run};
use crate::api::hotspots::{PROBABILITY, SECURITY_CATEGORY, existing};
use crate::api::issues::shape::{ComponentShape, Context, FlowShape, RangeShape, UserShape, users};
use crate::caller::Reach;
use crate::error::ApiError;
use crate::params::Param;
use crate::shapes::Date;

pub(crate) const ACTION: Action = Action::get(
    "api/hotspots/show",
    "8.1",
    "One security hotspot with its file, its project and its rule.",
    Run::Read(run),
)
.permission("Browse on the project")
.params(&[Param::text("hotspot", "The hotspot's key").required()]);

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Shape {
    key: String,
    component: ComponentShape,
    project: ComponentShape,
    rule: RuleShape,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    resolution: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hash: Option<String>,
    message: String,
    message_formattings: [&'static str; 0],
    #[serde(skip_serializing_if = "Option::is_none")]
    assignee: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    author: Option<String>,
    creation_date: Date,
    update_date: Date,
    #[serde(skip_serializing_if = "Option::is_none")]
    text_range: Option<RangeShape>,
    flows: Vec<FlowShape>,
    changelog: [&'static str; 0],
    comment: [&'static str; 0],
    users: Vec<UserShape>,
    can_change_status: bool,
    code_variants: [&'static str; 0],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RuleShape {
    key: String,
    name: String,
    security_category: &'static str,
    vulnerability_probability: &'static str,
}

fn run(tx: &mut Tx<'_>, call: &Call) -> Result<Answer, ApiError> {
    // Tokens for analyses carry no right to see issues.
    call.caller.require(call.caller.reach == Reach::Whole)?;
    let (hotspot, project) = existing(tx, call)?;
    let context = Context::of(tx, std::slice::from_ref(&hotspot))?;
    let lost = || StoreError::Corrupt {
        what: "a hotspot without its component".to_owned(),
    };
    let component = context.component(&hotspot.component).ok_or_else(lost)?;
    let root = context
        .component(&ComponentId::root_of(&hotspot.branch))
        .ok_or_else(lost)?;
    let rule = rule::by_keys(tx, std::slice::from_ref(&hotspot.rule))?.pop();
    let login = hotspot.assignee.clone();
    let can_change_status =
        call.caller.user.is_some() && call.caller.has_project(tx, &project, ProjectPermission::HotspotAdmin)?;
    let flows = context.flows(&project, &hotspot);
    let Issue {
        id,
        status,
        resolution,
        line_hash,
        message,
        author,
        created_at,
        updated_at,
        ..
    } = hotspot.clone();
    Answer::json(&Shape {
        key: id.into(),
        component,
        project: root,
        rule: RuleShape {
            name: rule.map_or_else(|| hotspot.rule.as_str().to_owned(), |rule| rule.name),
            key: hotspot.rule.as_str().to_owned(),
            security_category: SECURITY_CATEGORY,
            vulnerability_probability: PROBABILITY,
        },
        status: status.as_str(),
        resolution: resolution.map(Resolution::as_str),
        line: hotspot.line(),
        hash: Some(line_hash).filter(|hash| !hash.is_empty()),
        message,
        message_formattings: [],
        users: users(tx, login.as_slice())?,
        assignee: login,
        author: author.filter(|_| call.caller.user.is_some()),
        creation_date: Date(created_at),
        update_date: Date(updated_at),
        text_range: hotspot.shown_range().map(RangeShape::of),
        flows,
        changelog: [],
        comment: [],
        can_change_status,
        code_variants: [],
    })
}
