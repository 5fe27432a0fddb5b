//! `api/webhooks/test`.

use std::sync::Arc;

use gatehook_domain::id::ProjectId;
use gatehook_domain::key::ProjectKey;
use gatehook_domain::project::{Project, Visibility};
use gatehook_domain::webhook::{Event, EventKind, Webhook};
use gatehook_store::{Tx, delivery, project};
use gatehook_webhooks::ping::{self, Pinged};
use serde::Serialize;

use crate::action::{Action, Answer, Call, Run};
use crate::api::webhooks::{changeable, is_guarded, require_told};
use crate::error::ApiError;
use crate::params::Param;

pub(crate) const ACTION: Action = Action::post(
    "api/webhooks/test",
    "2026.1",
    "Makes a test call at once and answers what came of it. It says that it is one: the event is 'ping', and the property \
     'sonar.analysis.gatehookTest' is 'true'. It is kept like other calls, and not made again.",
    Run::Steps(|call| Box::pin(run(call))),
)
.permission("Administer on the project, or Administer System for a global webhook")
.logged_in()
.params(&[
    Param::text(
        "delivery",
        "A past call whose event is told once more as a test; without it a made-up one",
    )
    .alias("deliveryId")
    .max_length(40),
    Param::text("webhook", "The webhook's key").required().max_length(40),
]);

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Tested {
    /// The id that the call is kept under.
    delivery_id: String,
    success: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    http_status: Option<u16>,
    duration_ms: i64,
    /// Why there was no answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

async fn run(call: Arc<Call>) -> Result<Answer, ApiError> {
    // A call takes up to ten seconds, and whoever asks for many at once would use the server to call others.
    let state = call.state.clone();
    let _place = state
        .tests
        .try_acquire()
        .map_err(|_| ApiError::bad("Too many test calls are being made at this moment. Try again in a few seconds."))?;
    let guarded = is_guarded(&state).await?;
    let store = state.store.clone();
    let asking = Arc::clone(&call);
    let (webhook, event) = store.read(move |tx| prepare(tx, &asking)).await?;
    let (webhook, id) = (Arc::new(webhook), state.ambient().new_id());
    let pinged = Arc::new(ping::ping(&state.sender, &webhook, &event, id, guarded).await);
    let made = Arc::clone(&pinged);
    store.write(move |tx| keep(tx, &call, &event, &webhook, &made)).await?;
    let attempt = &pinged.attempt;
    Answer::json(&Tested {
        delivery_id: pinged.delivery.to_string(),
        success: attempt.succeeded(),
        http_status: attempt.http_status,
        duration_ms: attempt.duration_ms,
        reason: attempt.error.clone(),
    })
}

fn prepare(tx: &mut Tx<'_>, call: &Call) -> Result<(Webhook, Event), ApiError> {
    let webhook = changeable(tx, &call.caller, call.params.required("webhook")?)?;
    let event = match call.params.text("delivery") {
        Some(id) => past(tx, call, id, &webhook)?,
        None => made_up(tx, call, &webhook)?,
    };
    Ok((webhook, event))
}

/// What happened once, as a test.
fn past(tx: &mut Tx<'_>, call: &Call, id: &str, webhook: &Webhook) -> Result<Event, ApiError> {
    let event = past_event(tx, call, id, webhook.project.as_ref())?;
    let payload =
        ping::marked(&event.payload).ok_or_else(|| ApiError::bad("The payload of this call cannot be used"))?;
    let now = tx.now();
    Ok(Event {
        id: tx.new_id(),
        kind: EventKind::Ping,
        payload,
        task: None,
        created_at: now,
        ..event
    })
}

/// The event that a past call was about. With a project only one of that project: what happened in another one is nothing
/// that its webhook may be told.
pub(super) fn past_event(tx: &mut Tx<'_>, call: &Call, id: &str, of: Option<&ProjectId>) -> Result<Event, ApiError> {
    let missing = || ApiError::not_found("Webhook delivery not found");
    let id = gatehook_domain::id::DeliveryId::parse(id).map_err(|_| missing())?;
    let found = delivery::by_id(tx, &id)?.ok_or_else(missing)?;
    require_told(tx, &call.caller, found.project.as_ref())?;
    if of.is_some() && of != found.project.as_ref() {
        return Err(ApiError::bad("The call was about another project than the webhook's"));
    }
    delivery::event(tx, &found.event)?.ok_or_else(missing)
}

/// Something that could have happened, in the webhook's project, or in one that there is not.
fn made_up(tx: &mut Tx<'_>, call: &Call, webhook: &Webhook) -> Result<Event, ApiError> {
    let project = match &webhook.project {
        Some(id) => project::by_id(tx, id)?.ok_or_else(|| ApiError::not_found("The webhook's project is gone"))?,
        None => sample_project(tx)?,
    };
    let url = call.state.config.server_url.effective(tx)?;
    let now = tx.now();
    Ok(Event {
        id: tx.new_id(),
        project: webhook.project.clone(),
        payload: ping::sample(&project, &url, now).map_err(ApiError::unknown)?,
        project_key: Some(project.key),
        branch: None,
        kind: EventKind::Ping,
        task: None,
        analysis: None,
        created_at: now,
    })
}

/// A project that there is not.
pub(super) fn sample_project(tx: &Tx<'_>) -> Result<Project, ApiError> {
    Ok(Project {
        id: ProjectId::parse("gatehook-test").map_err(ApiError::unknown)?,
        key: ProjectKey::parse("gatehook-test").map_err(ApiError::unknown)?,
        name: "Test of a webhook".to_owned(),
        visibility: Visibility::Private,
        created_at: tx.now(),
    })
}

/// Keeps the call, unless the webhook, or the right to it, is gone since.
fn keep(tx: &mut Tx<'_>, call: &Call, event: &Event, webhook: &Webhook, pinged: &Pinged) -> Result<(), ApiError> {
    changeable(tx, &call.caller, webhook.id.as_str())?;
    if let Some(project) = &event.project
        && project::by_id(tx, project)?.is_none()
    {
        return Ok(());
    }
    Ok(ping::record(tx, event, webhook, pinged)?)
}
