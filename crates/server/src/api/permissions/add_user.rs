//! `api/permissions/add_user`.

use gatehook_store::{Tx, permission};

use crate::action::{Action, Answer, Call, Run};
use crate::api::permissions::changeable;
use crate::error::ApiError;
use crate::params::Param;

pub(crate) const ACTION: Action = Action::post(
    "api/permissions/add_user",
    "5.2",
    "Gives a user a right.",
    Run::Write(run),
)
.permission("Administer System, or Administer on the project")
.logged_in()
.params(&[
    Param::text("login", "The user's login").required(),
    Param::text("permission", "The right").required(),
    Param::text("projectId", "The id of a project; none for the whole system"),
    Param::text("projectKey", "The key of a project; none for the whole system"),
]);

fn run(tx: &mut Tx<'_>, call: &Call) -> Result<Answer, ApiError> {
    let grant = changeable(tx, call)?;
    permission::grant_user(
        tx,
        &grant.user.id,
        grant.permission,
        grant.project.as_ref().map(|project| &project.id),
    )?;
    Ok(Answer::nothing())
}
