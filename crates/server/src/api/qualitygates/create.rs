//! `api/qualitygates/create`: a gate without conditions.

use gatehook_domain::gate::Gate;
use gatehook_domain::user::GlobalPermission;
use gatehook_store::{Tx, gate};
use serde::Serialize;

use crate::action::{Action, Answer, Call, Run};
use crate::error::ApiError;
use crate::params::Param;

pub(crate) const ACTION: Action = Action::post(
    "api/qualitygates/create",
    "4.3",
    "Creates a quality gate without conditions.",
    Run::Write(run),
)
.permission("Administer Quality Gates")
.logged_in()
.params(&[Param::text("name", "The gate's name").required().max_length(100)]);

#[derive(Serialize)]
struct Created<'a> {
    name: &'a str,
}

fn run(tx: &mut Tx<'_>, call: &Call) -> Result<Answer, ApiError> {
    call.caller.require_global(tx, GlobalPermission::GateAdmin)?;
    let name = call.params.required("name")?;
    if gate::by_name(tx, name)?.is_some() {
        return Err(ApiError::bad("Name has already been taken"));
    }
    let made = Gate {
        id: tx.ambient().new_id(),
        name: name.to_owned(),
        built_in: false,
        conditions: Vec::new(),
    };
    gate::insert(tx, &made)?;
    Answer::json(&Created { name })
}
