//! `api/ce/task`: where one task stands.

use gatehook_domain::id::TaskId;
use gatehook_domain::user::{GlobalPermission, ProjectPermission};
use gatehook_store::{Tx, project, task};
use serde::Serialize;

use crate::action::{Action, Answer, Call, Run};
use crate::api::ce::TaskShape;
use crate::error::ApiError;
use crate::params::Param;

pub(crate) const ACTION: Action = Action::get(
    "api/ce/task",
    "5.2",
    "Where a task stands, and which analysis it made.",
    Run::Read(run),
)
.permission("Administer System, Execute Analysis, or Administer on the project")
.params(&[
    Param::list("additionalFields", "More about the task").possible(&["stacktrace", "scannerContext", "warnings"]),
    Param::text("id", "The task's id").required(),
]);

#[derive(Serialize)]
struct Found {
    task: TaskShape,
}

fn run(tx: &mut Tx<'_>, call: &Call) -> Result<Answer, ApiError> {
    let id = call.params.required("id")?;
    let missing = || ApiError::not_found(format!("No activity found for task '{id}'"));
    let id = TaskId::parse(id).map_err(|_| missing())?;
    let found = task::by_id(tx, &id)?.ok_or_else(missing)?;
    let project = project::by_id(tx, &found.project)?.ok_or_else(missing)?;
    let caller = &call.caller;
    let may = caller.may_scan(tx, &project)?
        || caller.has_project(tx, &project, ProjectPermission::Admin)?
        || caller.has_global(tx, GlobalPermission::Admin)?;
    caller.require(may)?;
    Answer::json(&Found {
        task: TaskShape::of(found, &project),
    })
}
