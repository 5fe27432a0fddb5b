//! `api/authentication/validate`: whether the shown credentials are valid. Always 200.

use gatehook_domain::setting;
use gatehook_store::Tx;
use serde::Serialize;

use crate::action::{Action, Answer, Call, Run};
use crate::error::ApiError;
use crate::settings;

pub(crate) const ACTION: Action = Action::get(
    "api/authentication/validate",
    "3.3",
    "Whether the shown credentials are valid. Without any: whether one may look without logging in.",
    Run::Read(run),
)
.open();

#[derive(Serialize)]
struct Valid {
    valid: bool,
}

fn run(tx: &mut Tx<'_>, call: &Call) -> Result<Answer, ApiError> {
    let valid =
        !call.refused && (call.caller.user.is_some() || !settings::flag(tx, setting::FORCE_AUTHENTICATION, None)?);
    Answer::json(&Valid { valid })
}
