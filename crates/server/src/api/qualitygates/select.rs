//! `api/qualitygates/select`: which gate judges a project.

use gatehook_domain::project::Project;
use gatehook_domain::user::{GlobalPermission, ProjectPermission};
use gatehook_store::{Tx, gate};

use crate::action::{Action, Answer, Call, Run};
use crate::api::qualitygates::existing;
use crate::error::ApiError;
use crate::lookup;
use crate::params::Param;

pub(crate) const ACTION: Action = Action::post(
    "api/qualitygates/select",
    "4.3",
    "Lets a quality gate judge a project, from its next analysis or change of an issue on.",
    Run::Write(run),
)
.permission("Administer Quality Gates, or Administer on the project")
.logged_in()
.params(&[
    Param::text("gateName", "The gate's name").required().max_length(100),
    Param::text("projectKey", "The project's key").required(),
]);

fn run(tx: &mut Tx<'_>, call: &Call) -> Result<Answer, ApiError> {
    let chosen = existing(tx, call.params.required("gateName")?)?;
    let project = changeable_project(tx, call)?;
    gate::select(tx, &project.id, &chosen.id)?;
    Ok(Answer::nothing())
}

/// The project of the parameter `projectKey`, if the caller may choose its gate.
pub(super) fn changeable_project(tx: &mut Tx<'_>, call: &Call) -> Result<Project, ApiError> {
    let project = lookup::existing(tx, call.params.required("projectKey")?)?;
    if !call.caller.has_global(tx, GlobalPermission::GateAdmin)? {
        call.caller.require_project(tx, &project, ProjectPermission::Admin)?;
    }
    Ok(project)
}
