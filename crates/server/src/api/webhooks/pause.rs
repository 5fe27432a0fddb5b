//! `api/webhooks/pause`.

use gatehook_store::{Tx, webhook};

use crate::action::{Action, Answer, Call, Run};
use crate::api::webhooks::changeable;
use crate::error::ApiError;
use crate::params::Param;

pub(crate) const ACTION: Action = Action::post(
    "api/webhooks/pause",
    "2026.1",
    "Makes no more calls of a webhook until it is resumed. Calls are owed all the same, and wait. A call that is being \
     made ends as it would.",
    Run::Write(run),
)
.permission("Administer on the project, or Administer System for a global one")
.logged_in()
.params(&[Param::text("webhook", "The webhook's key").required().max_length(40)]);

fn run(tx: &mut Tx<'_>, call: &Call) -> Result<Answer, ApiError> {
    let kept = changeable(tx, &call.caller, call.params.required("webhook")?)?;
    webhook::pause(tx, &kept.id)?;
    Ok(Answer::nothing())
}
