//! `api/issues/set_type`.

use std::sync::Arc;

use gatehook_domain::issue::IssueType;
use gatehook_domain::user::ProjectPermission;
use gatehook_domain::workflow::Change;

use crate::action::{Action, Answer, Call, Run};
use crate::api::issues::changed;
use crate::error::ApiError;
use crate::params::Param;

pub(crate) const ACTION: Action = Action::post(
    "api/issues/set_type",
    "5.5",
    "Gives an issue another type. Its branch is judged anew at once.",
    Run::Steps(|call| Box::pin(run(call))),
)
.permission("Browse and Administer Issues on the project")
.logged_in()
.params(&[
    Param::text("issue", "The issue's key").required(),
    Param::text("type", "The type")
        .required()
        .possible(&["CODE_SMELL", "BUG", "VULNERABILITY"]),
]);

async fn run(call: Arc<Call>) -> Result<Answer, ApiError> {
    let kind = IssueType::parse(call.params.required("type")?).map_err(|error| ApiError::bad(error.to_string()))?;
    changed(call, Change::Kind(kind), Some(ProjectPermission::IssueAdmin)).await
}
