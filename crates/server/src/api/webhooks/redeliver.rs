//! `api/webhooks/redeliver`.

use gatehook_domain::id::DeliveryId;
use gatehook_domain::webhook::DeliveryStatus;
use gatehook_store::{Tx, delivery};
use serde::Serialize;

use crate::action::{Action, Answer, Call, Run};
use crate::api::webhooks::{DeliveryRow, require_told};
use crate::error::ApiError;
use crate::params::Param;

pub(crate) const ACTION: Action = Action::post(
    "api/webhooks/redeliver",
    "2026.1",
    "Makes a call again, now, whatever came of it: with the same id and the same text, to the URL its webhook has now.",
    Run::Write(run),
)
.permission("Administer on the project the call is about")
.logged_in()
.params(&[Param::text("delivery", "The delivery's id")
    .alias("deliveryId")
    .required()
    .max_length(40)]);

#[derive(Serialize)]
struct Owed {
    delivery: DeliveryRow,
}

fn run(tx: &mut Tx<'_>, call: &Call) -> Result<Answer, ApiError> {
    let missing = || ApiError::not_found("Webhook delivery not found");
    let id = DeliveryId::parse(call.params.required("delivery")?).map_err(|_| missing())?;
    let found = delivery::by_id(tx, &id)?.ok_or_else(missing)?;
    let project = require_told(tx, &call.caller, found.project.as_ref())?;
    if !delivery::redeliver(tx, &id)? {
        return Err(ApiError::bad(match found.status {
            DeliveryStatus::Pending => "The call is being made at this moment",
            _ => {
                "The call cannot be made: the webhook's format could make nothing of the event, or it is being made at this moment"
            }
        }));
    }
    let owed = delivery::by_id(tx, &id)?.ok_or_else(missing)?;
    let answer = Answer::json(&Owed {
        delivery: DeliveryRow::of(owed, project),
    })?;
    Ok(answer.waking_deliveries(true))
}
