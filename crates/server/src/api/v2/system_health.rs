//! `api/v2/system/health`: whether everything the server needs works.

use gatehook_domain::user::GlobalPermission;
use gatehook_store::Tx;
use serde::Serialize;

use crate::action::{Action, Answer, Call, Run};
use crate::error::ApiError;

pub(crate) const ACTION: Action = Action::get(
    "api/v2/system/health",
    "10.2",
    "GREEN when the server and its database work.",
    Run::Read(run),
)
.permission("Administer System");

#[derive(Serialize)]
struct Health {
    status: &'static str,
    causes: [&'static str; 0],
}

fn run(tx: &mut Tx<'_>, call: &Call) -> Result<Answer, ApiError> {
    call.caller.require_global(tx, GlobalPermission::Admin)?;
    Answer::json(&Health {
        status: "GREEN",
        causes: [],
    })
}
