//! `api/system/status`: what a readiness check asks.

use std::sync::Arc;

use serde::Serialize;

use crate::action::{Action, Answer, Call, Run};
use crate::bootstrap::SERVER_ID;
use crate::error::{ApiError, chain};

pub(crate) const ACTION: Action = Action::get(
    "api/system/status",
    "5.2",
    "Whether the server is up: UP, or DOWN while its database cannot be reached.",
    Run::Steps(|call| Box::pin(run(call))),
)
.open();

#[derive(Serialize)]
struct Shape {
    id: String,
    version: &'static str,
    status: &'static str,
}

async fn run(call: Arc<Call>) -> Result<Answer, ApiError> {
    let asked = call
        .state
        .store
        .read(|tx| gatehook_store::setting::get(tx, SERVER_ID, None))
        .await;
    let (id, status) = match asked {
        Ok(id) => (id.unwrap_or_default(), "UP"),
        Err(error) => {
            tracing::warn!(error = %chain(&error), "the database does not answer");
            (String::new(), "DOWN")
        }
    };
    Answer::json(&Shape {
        id,
        version: crate::API_LEVEL,
        status,
    })
}
