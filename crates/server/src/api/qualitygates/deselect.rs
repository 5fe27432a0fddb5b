//! `api/qualitygates/deselect`: back to the default gate.

use gatehook_store::{Tx, gate};

use crate::action::{Action, Answer, Call, Run};
use crate::api::qualitygates::select::changeable_project;
use crate::error::ApiError;
use crate::params::Param;

pub(crate) const ACTION: Action = Action::post(
    "api/qualitygates/deselect",
    "4.3",
    "Lets the default gate judge a project again.",
    Run::Write(run),
)
.permission("Administer Quality Gates, or Administer on the project")
.logged_in()
.params(&[Param::text("projectKey", "The project's key").required()]);

fn run(tx: &mut Tx<'_>, call: &Call) -> Result<Answer, ApiError> {
    let project = changeable_project(tx, call)?;
    gate::deselect(tx, &project.id)?;
    Ok(Answer::nothing())
}
