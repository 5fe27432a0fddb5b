//! `api/webhooks/resume`.

use gatehook_store::{Tx, webhook};

use crate::action::{Action, Answer, Call, Run};
use crate::api::webhooks::changeable;
use crate::error::ApiError;
use crate::params::Param;

pub(crate) const ACTION: Action = Action::post(
    "api/webhooks/resume",
    "2026.1",
    "Makes the calls of a paused webhook again, first those that waited.",
    Run::Write(run),
)
.permission("Administer on the project, or Administer System for a global one")
.logged_in()
.params(&[Param::text("webhook", "The webhook's key").required().max_length(40)]);

fn run(tx: &mut Tx<'_>, call: &Call) -> Result<Answer, ApiError> {
    let kept = changeable(tx, &call.caller, call.params.required("webhook")?)?;
    let resumed = webhook::resume(tx, &kept.id)?;
    Ok(Answer::nothing().waking_deliveries(resumed))
}
