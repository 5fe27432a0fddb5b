//! `api/qualitygates/show`.

use gatehook_domain::user::GlobalPermission;
use gatehook_store::{Tx, gate};
use serde::Serialize;

use crate::action::{Action, Answer, Call, Run};
use crate::api::qualitygates::{ConditionShape, GateActions, GateShape, existing};
use crate::error::ApiError;
use crate::params::Param;

pub(crate) const ACTION: Action = Action::get(
    "api/qualitygates/show",
    "4.3",
    "A quality gate with its conditions.",
    Run::Read(run),
)
.params(&[Param::text("name", "The gate's name").required()]);

#[derive(Serialize)]
struct Shown {
    #[serde(flatten)]
    gate: GateShape,
    conditions: Vec<ConditionShape>,
    actions: GateActions,
}

fn run(tx: &mut Tx<'_>, call: &Call) -> Result<Answer, ApiError> {
    let found = existing(tx, call.params.required("name")?)?;
    let is_default = gate::default_gate(tx)?.id == found.id;
    let admin = call.caller.has_global(tx, GlobalPermission::GateAdmin)?;
    Answer::json(&Shown {
        gate: GateShape::of(&found, is_default),
        conditions: found.conditions.iter().map(ConditionShape::in_gate).collect(),
        actions: GateActions::of(&found, is_default, admin),
    })
}
