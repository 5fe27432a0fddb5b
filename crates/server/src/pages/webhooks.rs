//! `/admin/webhooks` and `/project/webhooks?id=`: which webhooks there are, and how their calls fare.

use askama::Template;
use axum::Extension;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use gatehook_domain::Timestamp;
use gatehook_domain::user::{GlobalPermission, ProjectPermission};
use gatehook_domain::webhook::{DeliveryStatus, LONG_FAILURE, Webhook};
use gatehook_store::{StoreError, Tx, delivery, webhook};
use serde::Deserialize;

use crate::caller::Caller;
use crate::error::ApiError;
use crate::http::RequestId;
use crate::lookup;
use crate::pages::{html, refused, shown, visitor};
use crate::state::AppState;

#[derive(Template)]
#[template(path = "webhooks.html")]
struct WebhooksPage {
    /// The project's name and key; none for the global ones.
    project: Option<(String, String)>,
    rows: Vec<HookRow>,
}

/// A webhook as a page shows it.
struct HookRow {
    name: String,
    url: String,
    has_secret: bool,
    last: Option<LastCall>,
    /// What is to be known about it, the most important first.
    notes: Vec<Note>,
}

struct LastCall {
    at: String,
    what: String,
    /// The style's class.
    class: &'static str,
}

struct Note {
    text: String,
    /// The style's class.
    class: &'static str,
}

/// What the address names.
#[derive(Debug, Deserialize)]
pub(crate) struct Asked {
    id: Option<String>,
}

/// `/admin/webhooks`: the global webhooks, for those who administer the system.
pub(crate) async fn global(
    State(state): State<AppState>,
    Extension(id): Extension<RequestId>,
    headers: HeaderMap,
) -> Response {
    answer(&state, &id, &headers, |tx, caller| {
        caller.require_global(tx, GlobalPermission::Admin)?;
        let hooks = webhook::global(tx)?;
        Ok(WebhooksPage {
            project: None,
            rows: rows(tx, hooks)?,
        })
    })
    .await
}

/// `/project/webhooks?id=`: a project's webhooks, for those who administer it.
pub(crate) async fn of_project(
    State(state): State<AppState>,
    Extension(id): Extension<RequestId>,
    headers: HeaderMap,
    asked: Result<Query<Asked>, axum::extract::rejection::QueryRejection>,
) -> Response {
    let key = asked.map(|Query(asked)| asked.id.unwrap_or_default());
    answer(&state, &id, &headers, move |tx, caller| {
        let key = key
            .as_deref()
            .map_err(|_| ApiError::bad("The address cannot be read."))?;
        let project = lookup::existing(tx, key)?;
        caller.require_project(tx, &project, ProjectPermission::Admin)?;
        let hooks = webhook::of_project(tx, &project.id)?;
        Ok(WebhooksPage {
            rows: rows(tx, hooks)?,
            project: Some((project.name, project.key.into())),
        })
    })
    .await
}

async fn answer(
    state: &AppState,
    id: &RequestId,
    headers: &HeaderMap,
    find: impl Fn(&mut Tx<'_>, &Caller) -> Result<WebhooksPage, ApiError> + Send + 'static,
) -> Response {
    let answered = async {
        let caller = visitor(state, headers).await?.caller;
        caller.require_login()?;
        state.store.read(move |tx| find(tx, &caller)).await
    };
    match answered.await {
        Ok(page) => html(StatusCode::OK, &page),
        Err(error) => refused(&error, id),
    }
}

/// The webhooks with their last deliveries.
fn rows(tx: &mut Tx<'_>, hooks: Vec<Webhook>) -> Result<Vec<HookRow>, StoreError> {
    let now = tx.now();
    hooks
        .into_iter()
        .map(|hook| {
            let last = delivery::latest_of(tx, &hook.id)?;
            Ok(HookRow {
                notes: notes(&hook, now),
                last: last.map(|last| {
                    let (what, class) = match (last.status, last.last) {
                        (DeliveryStatus::Delivered, _) => ("arrived".to_owned(), "passed"),
                        (DeliveryStatus::Failed, _) => ("failed".to_owned(), "failed"),
                        (DeliveryStatus::Pending, None) => ("owed".to_owned(), "plain"),
                        (DeliveryStatus::Pending, Some(_)) => ("failed, will be tried again".to_owned(), "failed"),
                    };
                    LastCall {
                        at: shown(last.created_at),
                        what,
                        class,
                    }
                }),
                url: hook.url.masked(),
                has_secret: hook.secret.is_some(),
                name: hook.name,
            })
        })
        .collect()
}

fn notes(hook: &Webhook, now: Timestamp) -> Vec<Note> {
    let mut notes = Vec::new();
    let mut note = |class, text| notes.push(Note { text, class });
    if hook.gone {
        note("failed", "the receiver says that it is gone (410)".to_owned());
    }
    if let Some(since) = hook.failing_since {
        let long = now.since(since) >= LONG_FAILURE;
        let times = if hook.failures == 1 { "call" } else { "calls" };
        note(
            if long { "failed" } else { "plain" },
            format!("fails since {} ({} {times} in a row)", shown(since), hook.failures),
        );
    }
    if hook.paused {
        note("plain", "paused: what it is owed waits".to_owned());
    }
    if hook.options.skip_tls_verification {
        note("failed", "its receiver's certificate is not verified".to_owned());
    }
    notes
}
