//! `api/navigation/component`: a project, as the frame of a user interface and exporters ask for it.

use gatehook_domain::user::ProjectPermission;
use gatehook_store::{Tx, analysis, gate};
use serde::Serialize;

use crate::action::{Action, Answer, Call, Run};
use crate::error::ApiError;
use crate::lookup::{self, branch_words};
use crate::params::Param;
use crate::shapes::Date;

pub(crate) const ACTION: Action = Action::get(
    "api/navigation/component",
    "5.2",
    "A project, its last analysis, and the quality gate that judges it.",
    Run::Read(run),
)
.permission("Browse on the project")
.internal()
.params(&[
    Param::text("branch", "The name of a branch"),
    Param::text("component", "The key of a project or of a file in it").required(),
    Param::text("pullRequest", "The key of a pull request"),
]);

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Shape {
    key: String,
    name: String,
    qualifier: &'static str,
    is_favorite: bool,
    visibility: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    branch: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pull_request: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    analysis_date: Option<Date>,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<String>,
    quality_gate: GateShape,
    quality_profiles: [&'static str; 0],
    extensions: [&'static str; 0],
    breadcrumbs: [Crumb; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct GateShape {
    key: String,
    name: String,
    is_default: bool,
}

#[derive(Serialize)]
struct Crumb {
    key: String,
    name: String,
    qualifier: &'static str,
}

fn run(tx: &mut Tx<'_>, call: &Call) -> Result<Answer, ApiError> {
    let place = lookup::place(tx, call.params.required("component")?, &call.params, |tx, project| {
        call.caller.require_project(tx, project, ProjectPermission::Browse)
    })?;
    let last = analysis::last_of(tx, &place.branch.id)?;
    let (chosen, is_default) = gate::of_project(tx, &place.project.id)?;
    let (branch, pull_request) = branch_words(&place.branch);
    let project = place.project;
    Answer::json(&Shape {
        key: project.key.as_str().to_owned(),
        name: project.name.clone(),
        qualifier: "TRK",
        is_favorite: false,
        visibility: project.visibility.as_str(),
        branch,
        pull_request,
        analysis_date: last.as_ref().map(|last| Date(last.date)),
        version: last.and_then(|last| last.version),
        quality_gate: GateShape {
            key: chosen.id.into(),
            name: chosen.name,
            is_default,
        },
        quality_profiles: [],
        extensions: [],
        breadcrumbs: [Crumb {
            key: project.key.into(),
            name: project.name,
            qualifier: "TRK",
        }],
    })
}
