//! `api/issues/set_severity`.

use std::sync::Arc;

use gatehook_domain::issue::{ImpactSeverity, Severity, SoftwareQuality};
use gatehook_domain::user::ProjectPermission;
use gatehook_domain::workflow::Change;

use crate::action::{Action, Answer, Call, Run};
use crate::api::issues::changed;
use crate::error::ApiError;
use crate::params::Param;

pub(crate) const ACTION: Action = Action::post(
    "api/issues/set_severity",
    "3.6",
    "Gives an issue another severity, or its impact on a quality of software another one. Its branch is judged anew \
     at once.",
    Run::Steps(|call| Box::pin(run(call))),
)
.permission("Browse and Administer Issues on the project")
.logged_in()
.params(&[
    Param::text("impact", "An impact, written QUALITY=SEVERITY"),
    Param::text("issue", "The issue's key").required(),
    Param::text("severity", "The severity").possible(&["INFO", "MINOR", "MAJOR", "CRITICAL", "BLOCKER"]),
]);

async fn run(call: Arc<Call>) -> Result<Answer, ApiError> {
    let change = match (call.params.text("severity"), call.params.text("impact")) {
        (Some(word), None) => {
            Change::Severity(Severity::parse(word).map_err(|error| ApiError::bad(error.to_string()))?)
        }
        (None, Some(text)) => impact(text)?,
        (None, None) => return Err(ApiError::bad("Either 'severity' or 'impact' must be provided")),
        (Some(_), Some(_)) => {
            return Err(ApiError::bad("Either 'severity' or 'impact' can be provided, not both"));
        }
    };
    changed(call, change, Some(ProjectPermission::IssueAdmin)).await
}

fn impact(text: &str) -> Result<Change, ApiError> {
    let malformed = || ApiError::bad(format!("Invalid impact format: {text}"));
    let (quality, severity) = text.split_once('=').ok_or_else(malformed)?;
    let quality = SoftwareQuality::parse(quality.trim()).map_err(|_| malformed())?;
    let severity = ImpactSeverity::parse(severity.trim()).map_err(|_| malformed())?;
    Ok(Change::Impact(quality, severity))
}
