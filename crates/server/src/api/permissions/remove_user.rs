//! `api/permissions/remove_user`.

use gatehook_domain::user::GlobalPermission;
use gatehook_store::{Tx, permission};

use crate::action::{Action, Answer, Call, Run};
use crate::api::permissions::changeable;
use crate::error::ApiError;
use crate::params::Param;

pub(crate) const ACTION: Action = Action::post(
    "api/permissions/remove_user",
    "5.2",
    "Takes a right from a user.",
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
    permission::revoke_user(
        tx,
        &grant.user.id,
        grant.permission,
        grant.project.as_ref().map(|project| &project.id),
    )?;
    let is_admin = grant.project.is_none() && grant.permission == GlobalPermission::Admin.as_str();
    // Looked at afterwards, because the user may have the right through a group as well.
    if is_admin && permission::holders_of_global(tx, GlobalPermission::Admin)? == 0 {
        return Err(ApiError::bad(
            "Last user with permission 'admin'. Permission cannot be removed.",
        ));
    }
    Ok(Answer::nothing())
}
