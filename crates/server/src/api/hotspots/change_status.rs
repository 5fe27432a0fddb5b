//! `api/hotspots/change_status`: a person has looked at a hotspot.

use gatehook_analysis::live::{LiveError, change_issue};
use gatehook_domain::issue::Resolution;
use gatehook_domain::user::ProjectPermission;
use gatehook_domain::workflow::{Change, Transition};
use gatehook_store::Tx;

use crate::action::{Action, Answer, Call, Run};
use crate::api::hotspots::existing;
use crate::error::ApiError;
use crate::params::Param;

pub(crate) const ACTION: Action = Action::post(
    "api/hotspots/change_status",
    "8.1",
    "Says that a hotspot was looked at and with what result, or must be looked at again. Its branch is judged anew at once.",
    Run::Write(run),
)
.permission("Administer Security Hotspots on the project")
.logged_in()
.params(&[
    Param::text("hotspot", "The hotspot's key").required(),
    Param::text("resolution", "The result; with REVIEWED only").possible(&["FIXED", "SAFE", "ACKNOWLEDGED"]),
    Param::text("status", "The new status")
        .required()
        .possible(&["TO_REVIEW", "REVIEWED"]),
]);

fn run(tx: &mut Tx<'_>, call: &Call) -> Result<Answer, ApiError> {
    let user = call.caller.require_login()?;
    let (found, project) = existing(tx, call)?;
    call.caller
        .require_project(tx, &project, ProjectPermission::HotspotAdmin)?;
    let (status, resolution) = (call.params.required("status")?, call.params.text("resolution"));
    let transition = match (status, resolution) {
        ("REVIEWED", Some("FIXED")) => Transition::ResolveAsReviewed,
        ("REVIEWED", Some("SAFE")) => Transition::ResolveAsSafe,
        ("REVIEWED", Some("ACKNOWLEDGED")) => Transition::ResolveAsAcknowledged,
        ("REVIEWED", _) => {
            return Err(ApiError::bad(
                "Argument 'resolution' must be specified when new status is 'REVIEWED'",
            ));
        }
        (_, Some(_)) => {
            return Err(ApiError::bad(
                "Argument 'resolution' must not be specified when new status is 'TO_REVIEW'",
            ));
        }
        (_, None) => Transition::ResetAsToReview,
    };
    // What is already as it should be is no error, other than in the workflow.
    if found.status.as_str() == status && found.resolution.map(Resolution::as_str) == resolution {
        return Ok(Answer::nothing());
    }
    let done = change_issue(
        tx,
        &call.state.config.server_url,
        &found.id,
        Change::Transition(transition),
        &user.login,
    )
    .map_err(|error| match error {
        LiveError::NoSuchIssue(_) => ApiError::NotFound(error.to_string()),
        LiveError::Workflow(error) => ApiError::bad(error.to_string()),
        LiveError::Store(error) => error.into(),
    })?;
    Ok(Answer::nothing().waking_deliveries(done.event.is_some()))
}
