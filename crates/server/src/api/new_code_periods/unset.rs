//! `api/new_code_periods/unset`.

use gatehook_store::{Tx, new_code};

use crate::action::{Action, Answer, Call, Run};
use crate::api::new_code_periods::changeable;
use crate::error::ApiError;
use crate::params::Param;

pub(crate) const ACTION: Action = Action::post(
    "api/new_code_periods/unset",
    "8.0",
    "Takes back what was said about new code, so that what is said above holds.",
    Run::Write(run),
)
.permission("Administer System, or Administer on the project")
.logged_in()
.params(&[
    Param::text("branch", "The name of a branch"),
    Param::text("project", "The key of a project; none for all projects"),
]);

fn run(tx: &mut Tx<'_>, call: &Call) -> Result<Answer, ApiError> {
    let (project, branch) = changeable(tx, call)?;
    new_code::unset(
        tx,
        project.as_ref().map(|project| &project.id),
        branch.as_ref().map(|branch| &branch.id),
    )?;
    Ok(Answer::empty())
}
