//! `api/ce/component`: what waits and runs for a project, and what ended last.

use gatehook_domain::user::ProjectPermission;
use gatehook_store::{Tx, task};
use serde::Serialize;

use crate::action::{Action, Answer, Call, Run};
use crate::api::ce::{TaskShape, shaped};
use crate::error::ApiError;
use crate::lookup;
use crate::params::Param;

pub(crate) const ACTION: Action = Action::get(
    "api/ce/component",
    "5.2",
    "The tasks of a project that wait or run, and the last one that ended.",
    Run::Read(run),
)
.permission("Browse on the project")
.params(&[Param::text("component", "The project's key").required()]);

#[derive(Serialize)]
struct Found {
    queue: Vec<TaskShape>,
    #[serde(skip_serializing_if = "Option::is_none")]
    current: Option<TaskShape>,
}

fn run(tx: &mut Tx<'_>, call: &Call) -> Result<Answer, ApiError> {
    let project = lookup::existing_component(tx, call.params.required("component")?)?;
    call.caller.require_project(tx, &project, ProjectPermission::Browse)?;
    let queue = task::queue(tx, &project.id)?;
    let current = task::current(tx, &project.id)?;
    let queue = shaped(tx, queue)?;
    Answer::json(&Found {
        queue,
        current: current.map(|task| TaskShape::of(task, &project)),
    })
}
