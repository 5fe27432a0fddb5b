//! `api/webhooks/delete`.

use gatehook_store::{Tx, webhook};

use crate::action::{Action, Answer, Call, Run};
use crate::api::webhooks::changeable;
use crate::error::ApiError;
use crate::params::Param;

pub(crate) const ACTION: Action = Action::post(
    "api/webhooks/delete",
    "7.1",
    "Deletes a webhook and the records of its calls; calls that are still owed are not made.",
    Run::Write(run),
)
.permission("Administer on the project, or Administer System for a global one")
.logged_in()
.params(&[Param::text("webhook", "The webhook's key").required().max_length(40)]);

fn run(tx: &mut Tx<'_>, call: &Call) -> Result<Answer, ApiError> {
    let kept = changeable(tx, &call.caller, call.params.required("webhook")?)?;
    webhook::delete(tx, &kept.id)?;
    Ok(Answer::nothing())
}
