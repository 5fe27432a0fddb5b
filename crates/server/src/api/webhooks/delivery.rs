//! `api/webhooks/delivery`.

use gatehook_domain::id::DeliveryId;
use gatehook_domain::webhook::Delivery;
use gatehook_store::{StoreError, Tx, delivery};
use serde::Serialize;

use crate::action::{Action, Answer, Call, Run};
use crate::api::webhooks::{DeliveryRow, require_told};
use crate::error::ApiError;
use crate::params::Param;

pub(crate) const ACTION: Action = Action::get(
    "api/webhooks/delivery",
    "6.2",
    "One call with the exact text that was sent, and why it failed if it did.",
    Run::Read(run),
)
.permission("Administer on the project the call is about")
.logged_in()
.params(&[Param::text("deliveryId", "The delivery's id").required()]);

#[derive(Serialize)]
struct Found {
    delivery: Shape,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Shape {
    #[serde(flatten)]
    row: DeliveryRow,
    payload: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_stacktrace: Option<String>,
}

fn run(tx: &mut Tx<'_>, call: &Call) -> Result<Answer, ApiError> {
    let missing = || ApiError::not_found("Webhook delivery not found");
    let id = DeliveryId::parse(call.params.required("deliveryId")?).map_err(|_| missing())?;
    let found = delivery::by_id(tx, &id)?.ok_or_else(missing)?;
    let project = require_told(tx, &call.caller, found.project.as_ref())?;
    let payload = sent_text(tx, &found)?;
    Answer::json(&Found {
        delivery: Shape {
            payload: String::from_utf8_lossy(&payload).into_owned(),
            error_stacktrace: found.last.as_ref().and_then(|attempt| attempt.error.clone()),
            row: DeliveryRow::of(found, project),
        },
    })
}

/// What is sent: what was made of the event for this delivery, else the event's payload.
fn sent_text(tx: &mut Tx<'_>, found: &Delivery) -> Result<Vec<u8>, StoreError> {
    if let Some(rendered) = delivery::rendered(tx, &found.id)? {
        return Ok(rendered.body);
    }
    let event = delivery::event(tx, &found.event)?.ok_or_else(|| StoreError::Corrupt {
        what: "a delivery without its event".to_owned(),
    })?;
    Ok(event.payload)
}
