//! `api/navigation/global`: what kind of server this is. Exporters ask it before anything else.

use gatehook_domain::user::GlobalPermission;
use gatehook_store::Tx;
use serde::Serialize;

use crate::action::{Action, Answer, Call, Run};
use crate::error::ApiError;

pub(crate) const ACTION: Action = Action::get(
    "api/navigation/global",
    "5.2",
    "What kind of server this is. The edition is the one whose Web API is spoken.",
    Run::Read(run),
)
.internal();

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Shape {
    can_admin: bool,
    edition: &'static str,
    version: &'static str,
    qualifiers: [&'static str; 1],
    global_pages: [&'static str; 0],
    settings: Empty,
    standalone: bool,
}

#[derive(Serialize)]
struct Empty {}

fn run(tx: &mut Tx<'_>, call: &Call) -> Result<Answer, ApiError> {
    Answer::json(&Shape {
        can_admin: call.caller.has_global(tx, GlobalPermission::Admin)?,
        edition: "community",
        version: crate::API_LEVEL,
        qualifiers: ["TRK"],
        global_pages: [],
        settings: Empty {},
        standalone: true,
    })
}
