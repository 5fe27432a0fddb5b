//! `api/project_branches/list`: the branches of a project.

use gatehook_domain::branch::BranchKind;
use gatehook_domain::id::ComponentId;
use gatehook_domain::user::ProjectPermission;
use gatehook_store::{Tx, analysis, branch, measure};
use serde::Serialize;

use crate::action::{Action, Answer, Call, Run};
use crate::error::ApiError;
use crate::lookup;
use crate::params::Param;
use crate::shapes::Date;

pub(crate) const ACTION: Action = Action::get(
    "api/project_branches/list",
    "6.6",
    "The branches of a project, the main one first. Pull requests are not among them.",
    Run::Read(run),
)
.permission("Browse or Execute Analysis on the project")
.params(&[Param::text("project", "The project's key").required()]);

#[derive(Serialize)]
struct Found {
    branches: Vec<Row>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    name: String,
    is_main: bool,
    #[serde(rename = "type")]
    kind: &'static str,
    status: StatusShape,
    #[serde(skip_serializing_if = "Option::is_none")]
    analysis_date: Option<Date>,
    excluded_from_purge: bool,
    branch_id: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct StatusShape {
    #[serde(skip_serializing_if = "Option::is_none")]
    quality_gate_status: Option<String>,
}

fn run(tx: &mut Tx<'_>, call: &Call) -> Result<Answer, ApiError> {
    let project = lookup::existing(tx, call.params.required("project")?)?;
    let may =
        call.caller.has_project(tx, &project, ProjectPermission::Browse)? || call.caller.may_scan(tx, &project)?;
    call.caller.require(may)?;
    let mut branches = Vec::new();
    for found in branch::all(tx, &project.id)? {
        if found.kind != BranchKind::Branch {
            continue;
        }
        let measures = measure::get(tx, &ComponentId::root_of(&found.id))?;
        let last = analysis::last_of(tx, &found.id)?;
        branches.push(Row {
            name: found.name,
            is_main: found.is_main,
            kind: found.kind.as_str(),
            status: StatusShape {
                quality_gate_status: measures.text("alert_status").map(str::to_owned),
            },
            analysis_date: last.map(|last| Date(last.date)),
            // Nothing is purged yet.
            excluded_from_purge: true,
            branch_id: found.id.into(),
        });
    }
    Answer::json(&Found { branches })
}
