//! `api/projects/delete`: a project with everything that belongs to it.

use gatehook_domain::user::{GlobalPermission, ProjectPermission};
use gatehook_store::{Tx, project};

use crate::action::{Action, Answer, Call, Run};
use crate::error::ApiError;
use crate::lookup;
use crate::params::Param;

pub(crate) const ACTION: Action = Action::post(
    "api/projects/delete",
    "5.2",
    "Deletes a project with its analyses, issues, webhooks and deliveries.",
    Run::Write(run),
)
.permission("Administer System, or Administer on the project")
.logged_in()
.params(&[Param::text("project", "The project's key").required()]);

fn run(tx: &mut Tx<'_>, call: &Call) -> Result<Answer, ApiError> {
    let found = lookup::existing(tx, call.params.required("project")?)?;
    if !call.caller.has_global(tx, GlobalPermission::Admin)? {
        call.caller.require_project(tx, &found, ProjectPermission::Admin)?;
    }
    project::delete(tx, &found.id)?;
    Ok(Answer::nothing())
}
