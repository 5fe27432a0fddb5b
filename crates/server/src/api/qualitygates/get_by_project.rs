//! `api/qualitygates/get_by_project`.

use gatehook_domain::user::ProjectPermission;
use gatehook_store::{Tx, gate};
use serde::Serialize;

use crate::action::{Action, Answer, Call, Run};
use crate::error::ApiError;
use crate::lookup;
use crate::params::Param;

pub(crate) const ACTION: Action = Action::get(
    "api/qualitygates/get_by_project",
    "6.1",
    "Which quality gate judges a project.",
    Run::Read(run),
)
.permission("Browse on the project")
.params(&[Param::text("project", "The project's key").required()]);

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Found {
    quality_gate: Chosen,
}

#[derive(Serialize)]
struct Chosen {
    name: String,
    default: bool,
}

fn run(tx: &mut Tx<'_>, call: &Call) -> Result<Answer, ApiError> {
    let project = lookup::existing(tx, call.params.required("project")?)?;
    if !call.caller.has_project(tx, &project, ProjectPermission::Browse)? {
        call.caller.require_project(tx, &project, ProjectPermission::Admin)?;
    }
    let (found, default) = gate::of_project(tx, &project.id)?;
    Answer::json(&Found {
        quality_gate: Chosen {
            name: found.name,
            default,
        },
    })
}
