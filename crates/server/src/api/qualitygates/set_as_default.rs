//! `api/qualitygates/set_as_default`.

use gatehook_domain::user::GlobalPermission;
use gatehook_store::{Tx, gate};

use crate::action::{Action, Answer, Call, Run};
use crate::api::qualitygates::existing;
use crate::error::ApiError;
use crate::params::Param;

pub(crate) const ACTION: Action = Action::post(
    "api/qualitygates/set_as_default",
    "4.3",
    "Lets a quality gate judge all projects for which no other was chosen.",
    Run::Write(run),
)
.permission("Administer Quality Gates")
.logged_in()
.params(&[Param::text("name", "The gate's name").required().max_length(100)]);

fn run(tx: &mut Tx<'_>, call: &Call) -> Result<Answer, ApiError> {
    call.caller.require_global(tx, GlobalPermission::GateAdmin)?;
    let found = existing(tx, call.params.required("name")?)?;
    gate::set_default(tx, &found.id)?;
    Ok(Answer::nothing())
}
