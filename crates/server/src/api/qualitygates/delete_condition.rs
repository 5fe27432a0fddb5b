//! `api/qualitygates/delete_condition`.

use gatehook_domain::gate::Gate;
use gatehook_domain::id::ConditionId;
use gatehook_domain::user::GlobalPermission;
use gatehook_store::{StoreError, Tx, gate};

use crate::action::{Action, Answer, Call, Run};
use crate::api::qualitygates::refuse_built_in;
use crate::error::ApiError;
use crate::params::Param;

pub(crate) const ACTION: Action = Action::post(
    "api/qualitygates/delete_condition",
    "4.3",
    "Removes a condition from a quality gate; it counts from the next analysis on.",
    Run::Write(run),
)
.permission("Administer Quality Gates")
.logged_in()
.params(&[Param::text("id", "The condition's id").required()]);

fn run(tx: &mut Tx<'_>, call: &Call) -> Result<Answer, ApiError> {
    call.caller.require_global(tx, GlobalPermission::GateAdmin)?;
    let (_, id) = changeable(tx, call.params.required("id")?)?;
    gate::delete_condition(tx, &id)?;
    Ok(Answer::nothing())
}

/// The gate a condition is in, unless it is the one that comes with the system.
pub(super) fn changeable(tx: &mut Tx<'_>, id: &str) -> Result<(Gate, ConditionId), ApiError> {
    let missing = || ApiError::not_found(format!("No quality gate condition with uuid '{id}'"));
    let condition = ConditionId::parse(id).map_err(|_| missing())?;
    let (gate, _) = gate::condition(tx, &condition)?.ok_or_else(missing)?;
    let found = gate::by_id(tx, &gate)?.ok_or_else(|| StoreError::Corrupt {
        what: "a condition without its gate".to_owned(),
    })?;
    refuse_built_in(&found)?;
    Ok((found, condition))
}
