//! `api/qualitygates/list`.

use gatehook_domain::user::GlobalPermission;
use gatehook_store::{Tx, gate};
use serde::Serialize;

use crate::action::{Action, Answer, Call, Run};
use crate::api::qualitygates::{GateActions, GateShape};
use crate::error::ApiError;

pub(crate) const ACTION: Action = Action::get(
    "api/qualitygates/list",
    "4.3",
    "All quality gates, by name.",
    Run::Read(run),
);

#[derive(Serialize)]
struct List {
    qualitygates: Vec<Row>,
    actions: Actions,
}

#[derive(Serialize)]
struct Row {
    #[serde(flatten)]
    gate: GateShape,
    actions: GateActions,
}

#[derive(Serialize)]
struct Actions {
    create: bool,
}

fn run(tx: &mut Tx<'_>, call: &Call) -> Result<Answer, ApiError> {
    let admin = call.caller.has_global(tx, GlobalPermission::GateAdmin)?;
    let default = gate::default_gate(tx)?.id;
    let qualitygates = gate::all(tx)?
        .iter()
        .map(|gate| {
            let is_default = gate.id == default;
            Row {
                gate: GateShape::of(gate, is_default),
                actions: GateActions::of(gate, is_default, admin),
            }
        })
        .collect();
    Answer::json(&List {
        qualitygates,
        actions: Actions { create: admin },
    })
}
