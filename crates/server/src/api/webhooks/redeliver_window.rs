//! `api/webhooks/redeliver_window`.

use gatehook_store::{Tx, delivery};

use crate::action::{Action, Answer, Call, Run};
use crate::api::webhooks::{Counted, changeable, check_count};
use crate::error::ApiError;
use crate::params::{Param, missing};

pub(crate) const ACTION: Action = Action::post(
    "api/webhooks/redeliver_window",
    "2026.1",
    "Makes all calls of a webhook again about what happened in a window of time, also those that were a success, and says \
     how many they are. A receiver that lost what it was told gets it back this way.",
    Run::Write(run),
)
.permission("Administer on the project, or Administer System for a global one")
.logged_in()
.params(&[
    Param::flag("dryRun", "Only counts them").default("false"),
    Param::text("from", "The first moment of the window").required(),
    Param::text("to", "The first moment after the window; a day without a time belongs to it as a whole").required(),
    Param::text("webhook", "The webhook's key").required().max_length(40),
]);

fn run(tx: &mut Tx<'_>, call: &Call) -> Result<Answer, ApiError> {
    let params = &call.params;
    let kept = changeable(tx, &call.caller, params.required("webhook")?)?;
    let from = params.date("from")?.ok_or_else(|| missing("from"))?;
    let to = params.date_before("to")?.ok_or_else(|| missing("to"))?;
    if to <= from {
        return Err(ApiError::bad("The window must end after it begins"));
    }
    let dry_run = params.flag("dryRun").unwrap_or(false);
    let mut deliveries = delivery::redeliver_window(tx, &kept.id, from, to, true)?;
    if !dry_run {
        check_count(deliveries)?;
        deliveries = delivery::redeliver_window(tx, &kept.id, from, to, false)?;
    }
    let answer = Answer::json(&Counted { deliveries, dry_run })?;
    Ok(answer.waking_deliveries(deliveries > 0 && !dry_run))
}
