//! `api/v2/system/health`: whether everything the server needs works.

use std::sync::Arc;

use serde::Serialize;

use crate::action::{Action, Answer, Call, Run};
use crate::error::ApiError;
use crate::health;

pub(crate) const ACTION: Action = Action::get(
    "api/v2/system/health",
    "10.2",
    "GREEN when all is well, YELLOW when somebody should look, RED when nothing can be kept; the causes say why.",
    Run::Steps(|call| Box::pin(run(call))),
)
.permission("Administer System");

#[derive(Serialize)]
struct Shape {
    status: &'static str,
    causes: Vec<String>,
}

async fn run(call: Arc<Call>) -> Result<Answer, ApiError> {
    let health = health::look(&call).await?;
    Answer::json(&Shape {
        status: health.level.as_str(),
        causes: health.causes,
    })
}
