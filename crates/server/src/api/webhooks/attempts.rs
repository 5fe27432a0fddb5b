//! `api/webhooks/attempts`.

use gatehook_domain::id::DeliveryId;
use gatehook_domain::webhook::Attempt;
use gatehook_store::{Tx, delivery};
use serde::Serialize;

use crate::action::{Action, Answer, Call, Run};
use crate::api::webhooks::{DeliveryRow, require_told};
use crate::error::ApiError;
use crate::params::Param;
use crate::shapes::Date;

pub(crate) const ACTION: Action = Action::get(
    "api/webhooks/attempts",
    "2026.1",
    "A call with every attempt that ended, oldest first: when, how long, and what came of it.",
    Run::Read(run),
)
.permission("Administer on the project the call is about")
.logged_in()
.params(&[Param::text("delivery", "The delivery's id")
    .alias("deliveryId")
    .required()
    .max_length(40)]);

#[derive(Serialize)]
struct Found {
    delivery: DeliveryRow,
    attempts: Vec<Row>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    number: i64,
    at: Date,
    duration_ms: i64,
    success: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    http_status: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

impl From<Attempt> for Row {
    fn from(attempt: Attempt) -> Self {
        Self {
            number: attempt.number,
            at: Date(attempt.at),
            duration_ms: attempt.duration_ms,
            success: attempt.succeeded(),
            http_status: attempt.http_status,
            error: attempt.error,
        }
    }
}

fn run(tx: &mut Tx<'_>, call: &Call) -> Result<Answer, ApiError> {
    let missing = || ApiError::not_found("Webhook delivery not found");
    let id = DeliveryId::parse(call.params.required("delivery")?).map_err(|_| missing())?;
    let found = delivery::by_id(tx, &id)?.ok_or_else(missing)?;
    let project = require_told(tx, &call.caller, found.project.as_ref())?;
    let attempts = delivery::attempts(tx, &id)?;
    Answer::json(&Found {
        attempts: attempts.into_iter().map(Row::from).collect(),
        delivery: DeliveryRow::of(found, project),
    })
}
