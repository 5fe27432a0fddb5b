//! Webhooks and what came of their calls.

use gatehook_domain::id::{ProjectId, WebhookId};
use gatehook_domain::key::ProjectKey;
use gatehook_domain::project::Project;
use gatehook_domain::setting;
use gatehook_domain::user::{GlobalPermission, ProjectPermission};
use gatehook_domain::webhook::{Delivery, DeliveryStatus, Webhook, WebhookUrl};
use gatehook_store::{StoreError, Tx, project, webhook};
use gatehook_webhooks::guard::GuardError;
use gatehook_webhooks::sender::can_be_called;
use serde::Serialize;

use crate::caller::Caller;
use crate::error::ApiError;
use crate::settings;
use crate::shapes::Date;
use crate::state::AppState;

pub(crate) mod attempts;
pub(crate) mod create;
pub(crate) mod delete;
pub(crate) mod deliveries;
pub(crate) mod delivery;
pub(crate) mod list;
mod options;
pub(crate) mod pause;
pub(crate) mod preview;
pub(crate) mod redeliver;
pub(crate) mod redeliver_failed;
pub(crate) mod redeliver_window;
pub(crate) mod resume;
pub(crate) mod test;
pub(crate) mod update;

/// Refuses a caller who may not see and change the webhooks of a project, or the global ones.
fn require_scope(tx: &mut Tx<'_>, caller: &Caller, project: Option<&Project>) -> Result<(), ApiError> {
    match project {
        Some(project) => caller.require_project(tx, project, ProjectPermission::Admin),
        None => caller.require_global(tx, GlobalPermission::Admin),
    }
}

/// The webhook of this key, if the caller may change it.
fn changeable(tx: &mut Tx<'_>, caller: &Caller, key: &str) -> Result<Webhook, ApiError> {
    let missing = || ApiError::not_found(format!("No webhook with key '{key}'"));
    let id = WebhookId::parse(key).map_err(|_| missing())?;
    let found = webhook::by_id(tx, &id)?.ok_or_else(missing)?;
    let project = match &found.project {
        Some(id) => Some(project::by_id(tx, id)?.ok_or_else(missing)?),
        None => None,
    };
    require_scope(tx, caller, project.as_ref())?;
    Ok(found)
}

/// Reads a URL. One that no call could be made to is refused, or each of its calls would fail.
fn read_url(text: &str) -> Result<WebhookUrl, ApiError> {
    let url = WebhookUrl::parse(text).map_err(|error| ApiError::bad(error.to_string()))?;
    if !can_be_called(&url) {
        return Err(ApiError::bad(format!(
            "Url parameter with value '{}' is not a valid url: the name of a host is made of letters, digits, '.', '-' and \
             '_', at most 63 of them between two dots",
            url.masked()
        )));
    }
    Ok(url)
}

/// What is said when the guard cannot tell this machine's addresses from others.
const UNCHECKABLE: &str = "The server cannot list its own network interfaces, so it cannot check where the URL leads; its log \
                           tells why. Until that is mended, webhooks can only be saved while the setting \
                           sonar.validateWebhooks is false, and then they may call every address.";

/// Has the guard look where a URL leads. Outside of any transaction, because names are resolved; and only for those who
/// may write the webhook, because the answer tells something about the network the server stands in.
async fn check_callable(state: &AppState, url: &WebhookUrl) -> Result<(), ApiError> {
    if is_guarded(state).await? {
        state.guard.check_url_now(url).await.map_err(|error| match error {
            GuardError::Forbidden(_) => ApiError::bad(error.to_string()),
            GuardError::OwnAddressesUnknown => ApiError::OutOfOrder {
                text: UNCHECKABLE,
                source: error.into(),
            },
        })?;
    }
    Ok(())
}

/// Whether webhooks to inner addresses are refused; the guard is told which of them are not.
async fn is_guarded(state: &AppState) -> Result<bool, ApiError> {
    let (guarded, allowed) = state
        .store
        .read(|tx| {
            let guarded = settings::flag(tx, setting::VALIDATE_WEBHOOKS, None)?;
            let allowed = settings::text(tx, setting::WEBHOOK_ALLOWED_TARGETS, None)?;
            Ok::<_, ApiError>((guarded, allowed))
        })
        .await?;
    if guarded {
        state.guard.allow(allowed.as_deref());
    }
    Ok(guarded)
}

/// The most calls that are made again at once. They change in one transaction, which others must not wait for too long.
const MAX_REDELIVERED: u64 = 100_000;

/// Refuses to make more calls again than can be at once.
fn check_count(deliveries: u64) -> Result<(), ApiError> {
    if deliveries > MAX_REDELIVERED {
        return Err(ApiError::bad(format!(
            "At most {MAX_REDELIVERED} calls are made again at once, and these are {deliveries}. Take a shorter time."
        )));
    }
    Ok(())
}

/// How many deliveries are sent again, or would be.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Counted {
    deliveries: u64,
    dry_run: bool,
}

/// A delivery in a list.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct DeliveryRow {
    id: String,
    /// Absent when the call is about the system, not about a project.
    #[serde(skip_serializing_if = "Option::is_none")]
    component_key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ce_task_id: Option<String>,
    name: String,
    url: String,
    at: Date,
    success: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    http_status: Option<u16>,
    duration_ms: i64,
    /// Beyond SonarQube's answer: there is no other way to tell a call that is still owed from one that failed.
    status: &'static str,
    attempts: i64,
    /// When a call that is still owed is tried next.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_attempt_at: Option<Date>,
}

impl DeliveryRow {
    fn of(delivery: Delivery, project: Option<ProjectKey>) -> Self {
        let last = delivery.last.as_ref();
        Self {
            component_key: project.map(String::from),
            ce_task_id: delivery.task.map(String::from),
            name: delivery.name,
            url: delivery.url,
            at: Date(last.map_or(delivery.created_at, |attempt| attempt.at)),
            success: delivery.status == DeliveryStatus::Delivered,
            http_status: last.and_then(|attempt| attempt.http_status),
            duration_ms: last.map_or(0, |attempt| attempt.duration_ms),
            status: delivery.status.as_str(),
            attempts: delivery.attempts,
            next_attempt_at: delivery.due_at.map(Date),
            id: delivery.id.into(),
        }
    }
}

/// Refuses a caller who may not see what is about a project or, without one, about a global webhook. Gives the project's
/// key.
fn require_told(tx: &mut Tx<'_>, caller: &Caller, project: Option<&ProjectId>) -> Result<Option<ProjectKey>, ApiError> {
    let project = match project {
        // It is there as long as what is about it.
        Some(id) => Some(project::by_id(tx, id)?.ok_or_else(|| StoreError::Corrupt {
            what: "a delivery without its project".to_owned(),
        })?),
        None => None,
    };
    require_scope(tx, caller, project.as_ref())?;
    Ok(project.map(|project| project.key))
}
