//! `api/issues/do_transition`: a person decides about an issue.

use std::sync::Arc;

use gatehook_domain::workflow::{Change, Transition, permission_of};

use crate::action::{Action, Answer, Call, Run};
use crate::api::issues::changed;
use crate::error::ApiError;
use crate::params::Param;

pub(crate) const ACTION: Action = Action::post(
    "api/issues/do_transition",
    "3.6",
    "Makes a transition of the workflow with an issue. Its branch is judged anew at once.",
    Run::Steps(|call| Box::pin(run(call))),
)
.permission("Browse on the project; for some transitions Administer Issues or Administer Security Hotspots")
.logged_in()
.params(&[
    Param::text("issue", "The issue's key").required(),
    Param::text("transition", "The transition").required().possible(&[
        "confirm",
        "unconfirm",
        "reopen",
        "resolve",
        "falsepositive",
        "wontfix",
        "resolveasreviewed",
        "resolveassafe",
        "resolveasacknowledged",
        "resetastoreview",
        "accept",
    ]),
]);

async fn run(call: Arc<Call>) -> Result<Answer, ApiError> {
    let transition =
        Transition::parse(call.params.required("transition")?).map_err(|error| ApiError::bad(error.to_string()))?;
    changed(call, Change::Transition(transition), permission_of(transition)).await
}
