//! `api/webhooks/redeliver_failed`.

use gatehook_domain::Timestamp;
use gatehook_store::{Tx, delivery};

use crate::action::{Action, Answer, Call, Run};
use crate::api::webhooks::{Counted, changeable, check_count};
use crate::error::ApiError;
use crate::params::Param;

pub(crate) const ACTION: Action = Action::post(
    "api/webhooks/redeliver_failed",
    "2026.1",
    "Makes all calls of a webhook again that have finally failed, and says how many they are.",
    Run::Write(run),
)
.permission("Administer on the project, or Administer System for a global one")
.logged_in()
.params(&[
    Param::text(
        "since",
        "Only calls about what happened at this moment or later; without it, all that are kept",
    ),
    Param::text("webhook", "The webhook's key").required().max_length(40),
]);

fn run(tx: &mut Tx<'_>, call: &Call) -> Result<Answer, ApiError> {
    let kept = changeable(tx, &call.caller, call.params.required("webhook")?)?;
    let since = call.params.date("since")?.unwrap_or(Timestamp::from_millis(0));
    check_count(delivery::count_failed(tx, &kept.id, since)?)?;
    let deliveries = delivery::redeliver_failed(tx, &kept.id, since)?;
    let answer = Answer::json(&Counted {
        deliveries,
        dry_run: false,
    })?;
    Ok(answer.waking_deliveries(deliveries > 0))
}
