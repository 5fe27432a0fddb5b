//! `api/settings/reset`.

use gatehook_store::{Tx, setting};

use crate::action::{Action, Answer, Call, Run};
use crate::api::settings::changeable;
use crate::error::ApiError;
use crate::params::Param;

pub(crate) const ACTION: Action = Action::post(
    "api/settings/reset",
    "6.1",
    "Puts settings back to what they were.",
    Run::Write(run),
)
.permission("Administer System, or Administer on the project")
.logged_in()
.params(&[
    Param::text("component", "The key of a project; none for the whole system"),
    Param::list("keys", "The settings' keys").required(),
]);

fn run(tx: &mut Tx<'_>, call: &Call) -> Result<Answer, ApiError> {
    let project = changeable(tx, call)?;
    for key in call.params.list("keys").unwrap_or_default() {
        // The server's id is kept among the settings, and is none that people may change.
        if !crate::bootstrap::is_own(&key) {
            setting::reset(tx, &key, project.as_ref().map(|project| &project.id))?;
        }
    }
    Ok(Answer::nothing())
}
