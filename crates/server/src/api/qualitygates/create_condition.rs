//! `api/qualitygates/create_condition`.

use gatehook_domain::gate::{Condition, check_condition, is_not_found};
use gatehook_store::{Tx, gate};

use crate::action::{Action, Answer, Call, Run};
use crate::api::qualitygates::{ConditionShape, changeable};
use crate::error::ApiError;
use crate::params::Param;

pub(crate) const ACTION: Action = Action::post(
    "api/qualitygates/create_condition",
    "4.3",
    "Adds a condition to a quality gate; it counts from the next analysis on.",
    Run::Write(run),
)
.permission("Administer Quality Gates")
.logged_in()
.params(&[
    Param::text("error", "The last good value").required().max_length(64),
    Param::text("gateName", "The gate's name").required(),
    Param::text("metric", "The metric's key").required(),
    Param::text("op", "Which side of the value is bad: LT below it, GT above it").possible(&["LT", "GT"]),
]);

fn run(tx: &mut Tx<'_>, call: &Call) -> Result<Answer, ApiError> {
    let found = changeable(tx, &call.caller, call.params.required("gateName")?)?;
    let made = checked(tx, call, &found.conditions)?;
    gate::add_condition(tx, &found.id, &made)?;
    Answer::json(&ConditionShape::of(&made))
}

/// The condition that the parameters describe, beside `others`.
pub(super) fn checked(tx: &mut Tx<'_>, call: &Call, others: &[Condition]) -> Result<Condition, ApiError> {
    let params = &call.params;
    let (metric, operator, threshold) = check_condition(
        params.required("metric")?,
        params.text("op"),
        params.required("error")?,
        others,
    )
    .map_err(|errors| {
        let texts: Vec<String> = errors.iter().map(ToString::to_string).collect();
        if is_not_found(&errors) {
            ApiError::NotFound(texts.join("; "))
        } else {
            ApiError::BadRequest(texts)
        }
    })?;
    Ok(Condition {
        id: tx.ambient().new_id(),
        metric,
        operator,
        threshold,
    })
}
