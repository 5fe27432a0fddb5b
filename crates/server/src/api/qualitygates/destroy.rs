//! `api/qualitygates/destroy`.

use gatehook_store::{Tx, gate};

use crate::action::{Action, Answer, Call, Run};
use crate::api::qualitygates::changeable;
use crate::error::ApiError;
use crate::params::Param;

pub(crate) const ACTION: Action = Action::post(
    "api/qualitygates/destroy",
    "4.3",
    "Deletes a quality gate; the default gate judges its projects from then on.",
    Run::Write(run),
)
.permission("Administer Quality Gates")
.logged_in()
.params(&[Param::text("name", "The gate's name").required().max_length(100)]);

fn run(tx: &mut Tx<'_>, call: &Call) -> Result<Answer, ApiError> {
    let found = changeable(tx, &call.caller, call.params.required("name")?)?;
    if gate::default_gate(tx)?.id == found.id {
        return Err(ApiError::bad("The default quality gate cannot be removed"));
    }
    gate::delete(tx, &found.id)?;
    Ok(Answer::nothing())
}
