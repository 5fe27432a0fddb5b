//! `api/user_tokens/revoke`.

use gatehook_store::{Tx, user};

use crate::action::{Action, Answer, Call, Run};
use crate::api::user_tokens::owner;
use crate::error::ApiError;
use crate::params::Param;

pub(crate) const ACTION: Action = Action::post(
    "api/user_tokens/revoke",
    "5.3",
    "Ends a token. Succeeds also when there is none of the name.",
    Run::Write(run),
)
.permission("Administer System for another user's token")
.logged_in()
.params(&[
    Param::text("login", "Whose token; the caller's when not given"),
    Param::text("name", "What its owner calls it").required(),
]);

fn run(tx: &mut Tx<'_>, call: &Call) -> Result<Answer, ApiError> {
    let owner = owner(tx, call)?;
    user::token_delete(tx, &owner.id, call.params.required("name")?)?;
    Ok(Answer::nothing())
}
