//! `api/webhooks/preview`.

use std::sync::Arc;

use gatehook_domain::webhook::{EventKind, Format, HookOptions};
use gatehook_store::Tx;
use gatehook_webhooks::{format, ping};
use serde::Serialize;

use crate::action::{Action, Answer, Call, Run};
use crate::api::webhooks::options::{self, changed_format};
use crate::api::webhooks::test::{past_event, sample_project};
use crate::api::webhooks::{changeable, require_scope};
use crate::error::ApiError;
use crate::lookup;
use crate::params::Param;

pub(crate) const ACTION: Action = Action::post(
    "api/webhooks/preview",
    "2026.1",
    "What a format makes of a past event, or of a made-up one. Nothing is sent, and nothing is kept.",
    Run::Steps(|call| Box::pin(run(call))),
)
.permission("Administer on the project, or Administer System without one")
.logged_in()
.params(&[
    Param::text("delivery", "A past call whose event is taken; without it a made-up one")
        .alias("deliveryId")
        .max_length(40),
    options::FORMAT,
    options::FORMAT_CONTENT_TYPE,
    options::FORMAT_NAME,
    options::FORMAT_PATH,
    options::FORMAT_PROJECT,
    options::FORMAT_TEMPLATE,
    options::FORMAT_TOKEN,
    Param::text(
        "project",
        "The key of the project whose webhook it is going to be; none for a global one",
    )
    .max_length(400),
    Param::text(
        "webhook",
        "The key of a webhook whose format is taken where nothing else is said",
    )
    .max_length(40),
]);

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Preview {
    format: &'static str,
    content_type: String,
    /// What is added to the path of the URL.
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<String>,
    body: String,
}

struct Given {
    format: Format,
    kind: EventKind,
    payload: Vec<u8>,
}

async fn run(call: Arc<Call>) -> Result<Answer, ApiError> {
    let store = call.state.store.clone();
    let given = store.read(move |tx| prepare(tx, &call)).await?;
    let word = given.format.word();
    // A template may take some time, and the threads that answer requests have none.
    let made = tokio::task::spawn_blocking(move || format::render(&given.format, given.kind, &given.payload)).await;
    let made = made
        .map_err(ApiError::unknown)?
        .map_err(|error| ApiError::bad(error.to_string()))?;
    Answer::json(&Preview {
        format: word,
        content_type: made.content_type,
        path: made.path,
        body: String::from_utf8_lossy(&made.body).into_owned(),
    })
}

fn prepare(tx: &mut Tx<'_>, call: &Call) -> Result<Given, ApiError> {
    let params = &call.params;
    let (kept, of) = if let Some(key) = params.text("webhook") {
        let webhook = changeable(tx, &call.caller, key)?;
        (webhook.options, webhook.project)
    } else {
        let project = params
            .text("project")
            .map(|key| lookup::existing(tx, key))
            .transpose()?;
        require_scope(tx, &call.caller, project.as_ref())?;
        (HookOptions::default(), project.map(|project| project.id))
    };
    let format = changed_format(params, &kept.format)?;
    let (kind, payload) = if let Some(id) = params.text("delivery") {
        let event = past_event(tx, call, id, of.as_ref())?;
        (event.kind, event.payload)
    } else {
        let project = match of {
            Some(id) => gatehook_store::project::by_id(tx, &id)?,
            None => None,
        };
        let project = match project {
            Some(project) => project,
            None => sample_project(tx)?,
        };
        let url = call.state.config.server_url.effective(tx)?;
        let payload = ping::sample(&project, &url, tx.now()).map_err(ApiError::unknown)?;
        (EventKind::AnalysisCompleted, payload)
    };
    Ok(Given { format, kind, payload })
}
