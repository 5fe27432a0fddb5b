//! `api/qualitygates/update_condition`.

use gatehook_domain::gate::Condition;
use gatehook_domain::user::GlobalPermission;
use gatehook_store::{Tx, gate};

use crate::action::{Action, Answer, Call, Run};
use crate::api::qualitygates::create_condition::checked;
use crate::api::qualitygates::{ConditionShape, delete_condition};
use crate::error::ApiError;
use crate::params::Param;

pub(crate) const ACTION: Action = Action::post(
    "api/qualitygates/update_condition",
    "4.3",
    "Changes a condition of a quality gate; it counts from the next analysis on.",
    Run::Write(run),
)
.permission("Administer Quality Gates")
.logged_in()
.params(&[
    Param::text("error", "The last good value").required().max_length(64),
    Param::text("id", "The condition's id").required(),
    Param::text("metric", "The metric's key").required(),
    Param::text("op", "Which side of the value is bad: LT below it, GT above it").possible(&["LT", "GT"]),
]);

fn run(tx: &mut Tx<'_>, call: &Call) -> Result<Answer, ApiError> {
    call.caller.require_global(tx, GlobalPermission::GateAdmin)?;
    let (found, old) = delete_condition::changeable(tx, call.params.required("id")?)?;
    let others: Vec<Condition> = found.conditions.into_iter().filter(|other| other.id != old).collect();
    let changed = Condition {
        id: old,
        ..checked(tx, call, &others)?
    };
    gate::update_condition(tx, &changed)?;
    Answer::json(&ConditionShape::of(&changed))
}
