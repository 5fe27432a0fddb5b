//! Tells those who ask for it that the calls of a webhook have failed for long, and that they arrive again.
//!
//! These events are operational: about calls, not about code. Only webhooks that name them in their filter are told, those
//! of the same project and global ones, and never the one it is about. Nothing is switched off and nothing is dropped.

use std::sync::Arc;

use gatehook_domain::Timestamp;
use gatehook_domain::key::form_encoded;
use gatehook_domain::project::Project;
use gatehook_domain::webhook::{Event, EventKind, Facts, LONG_FAILURE, TaskEnd, Webhook};
use gatehook_store::{Store, StoreError, Tx, delivery, project, webhook};
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use crate::engine::Wake;
use crate::outbox::record_for;
use crate::server_url::ServerUrl;

/// How often webhooks are looked through.
const EVERY: std::time::Duration = std::time::Duration::from_mins(1);
/// How many webhooks are told about in one transaction.
const BATCH: i64 = 50;

/// What receivers are told: the members of the payload, in their order.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Body<'a> {
    server_url: &'a str,
    status: &'static str,
    changed_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    project: Option<ProjectBody<'a>>,
    webhook: WebhookBody<'a>,
}

#[derive(Serialize)]
struct ProjectBody<'a> {
    key: &'a str,
    name: &'a str,
    url: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct WebhookBody<'a> {
    key: &'a str,
    name: &'a str,
    /// Credentials masked.
    url: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    failing_since: Option<String>,
    failures: i64,
    gone: bool,
    /// How many calls it is owed.
    owed: i64,
}

/// Records an event for each webhook whose calls have failed since [`LONG_FAILURE`] and that was not told about yet, and for each
/// that was told about and takes calls again. Gives how many there were.
pub fn announce(tx: &mut Tx<'_>, urls: &ServerUrl) -> Result<u64, StoreError> {
    let now = tx.now();
    let mut told = 0;
    for failing in webhook::unannounced(tx, now.minus(LONG_FAILURE), BATCH)? {
        if webhook::set_announced(tx, &failing.id, Some(now))? {
            tell(tx, urls, EventKind::WebhookFailing, &failing, now)?;
            told += 1;
        }
    }
    for well in webhook::recovered(tx, BATCH)? {
        if webhook::set_announced(tx, &well.id, None)? {
            tell(tx, urls, EventKind::WebhookRecovered, &well, now)?;
            told += 1;
        }
    }
    Ok(told)
}

fn tell(tx: &mut Tx<'_>, urls: &ServerUrl, kind: EventKind, about: &Webhook, now: Timestamp) -> Result<(), StoreError> {
    let (name, url, failures) = (about.name.as_str(), about.url.masked(), about.failures);
    if kind == EventKind::WebhookFailing {
        let gone = about.gone;
        tracing::warn!(
            name,
            url,
            failures,
            gone,
            "the calls of a webhook have failed for an hour or longer"
        );
    } else {
        tracing::info!(name, url, "the calls of a webhook arrive again");
    }
    let of = match &about.project {
        Some(id) => project::by_id(tx, id)?,
        None => None,
    };
    let facts = Facts {
        event: kind,
        task: TaskEnd::Success,
        gate: None,
        gate_before: None,
        branch: None,
        project: of.as_ref().map(|project| project.key.as_str()),
    };
    let mut webhooks = match &about.project {
        Some(id) => webhook::for_event(tx, id)?,
        None => webhook::global(tx)?.into_iter().map(Arc::new).collect(),
    };
    webhooks.retain(|webhook| webhook.id != about.id && webhook.options.filter.admits(&facts));
    if webhooks.is_empty() {
        return Ok(());
    }
    let owed = delivery::count_owed(tx, &about.id)?;
    let event = Event {
        id: tx.new_id(),
        payload: payload(kind, about, of.as_ref(), owed, now, &urls.effective(tx)?),
        project_key: of.as_ref().map(|project| project.key.clone()),
        project: of.map(|project| project.id),
        branch: None,
        kind,
        task: None,
        analysis: None,
        created_at: now,
    };
    record_for(tx, &event, &webhooks)
}

/// The bytes that are signed and sent.
fn payload(
    kind: EventKind,
    about: &Webhook,
    project: Option<&Project>,
    owed: i64,
    now: Timestamp,
    server_url: &str,
) -> Vec<u8> {
    let body = Body {
        server_url,
        status: if kind == EventKind::WebhookFailing {
            "FAILING"
        } else {
            "RECOVERED"
        },
        changed_at: now.to_string(),
        project: project.map(|project| ProjectBody {
            key: project.key.as_str(),
            name: &project.name,
            url: format!("{server_url}/dashboard?id={}", form_encoded(project.key.as_str())),
        }),
        webhook: WebhookBody {
            key: about.id.as_str(),
            name: &about.name,
            url: about.url.masked(),
            failing_since: about.failing_since.map(|since| since.to_string()),
            failures: about.failures,
            gone: about.gone,
            owed,
        },
    };
    // Neither a map with other keys than texts nor anything else that JSON does not have is in it.
    serde_json::to_vec(&body).unwrap_or_default()
}

/// Looks now and every minute until it is stopped.
pub(crate) async fn watch(store: Store, urls: ServerUrl, wake: Wake, stop: CancellationToken) {
    loop {
        let urls = urls.clone();
        let announced = tokio::select! {
            () = stop.cancelled() => return,
            announced = store.write(move |tx| announce(tx, &urls)) => announced,
        };
        match announced {
            Ok(0) => {}
            Ok(_) => wake.wake(),
            Err(error) => {
                let error = &error as &dyn std::error::Error;
                tracing::error!(error, "failing webhooks could not be looked for");
            }
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(EVERY) => {}
        }
    }
}
