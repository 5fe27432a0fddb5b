//! From a request to an answer: finding the action, who calls, the log line, and what every answer carries.

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::LazyLock;
use std::time::Instant;

use axum::extract::{ConnectInfo, DefaultBodyLimit, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get};
use axum::{Extension, Router};
use futures_util::FutureExt;
use tracing::Instrument;

use crate::action::{Access, Action, Call};
use crate::api::ACTIONS;
use crate::auth::{self, Shown};
use crate::error::{ApiError, REQUEST_ID, envelope};
use crate::input;
use crate::pages;
use crate::params::Params;
use crate::serve::Line;
use crate::state::AppState;

/// Tells a client when its token stops working.
const TOKEN_EXPIRATION: HeaderName = HeaderName::from_static("sonarqube-authentication-token-expiration");

/// What every page may load: its own style sheet and images, nothing else.
const CONTENT_POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; \
                              form-action 'self'; frame-ancestors 'none'";

static BY_PATH: LazyLock<HashMap<&'static str, &'static Action>> =
    LazyLock::new(|| ACTIONS.iter().map(|action| (action.path, *action)).collect());

/// Names a request, in its answer and in the log.
#[derive(Clone)]
pub(crate) struct RequestId(pub(crate) String);

/// All that the server answers.
pub fn router(state: AppState) -> Router {
    Router::new()
        .route("/api/{*rest}", any(api))
        .route("/", get(pages::home::page))
        .route("/dashboard", get(pages::project::page))
        .route("/project/overview", get(pages::project::page))
        .route("/admin/webhooks", get(pages::webhooks::global))
        .route("/project/webhooks", get(pages::webhooks::of_project))
        .route("/static/style.css", get(pages::style))
        .fallback(pages::not_found)
        // Bodies are limited where they are read, by what they are.
        .layer(DefaultBodyLimit::disable())
        .layer(middleware::from_fn_with_state(state.clone(), around))
        .with_state(state)
}

/// What happens round every request: its id, its log line, and the answer when a handler panics.
async fn around(State(state): State<AppState>, mut request: Request, next: Next) -> Response {
    let id = state.ambient().random_hex(8);
    request.extensions_mut().insert(RequestId(id.clone()));
    let method = request.method().clone();
    // Without the query, because credentials are put there.
    let path: String = request.uri().path().chars().take(200).collect();
    let span = tracing::info_span!("request", id = %id, method = %method, path = %path);
    let begun = Instant::now();
    // Absent when the router is called without a connection.
    let line = request
        .extensions()
        .get::<ConnectInfo<Line>>()
        .map(|ConnectInfo(line)| line.clone());
    if let Some(line) = &line {
        line.is_answering(true);
    }
    let result = AssertUnwindSafe(next.run(request))
        .catch_unwind()
        .instrument(span.clone())
        .await;
    let mut response = result.unwrap_or_else(|_| {
        span.in_scope(|| tracing::error!(request_id = %id, "a handler panicked"));
        let text = "An error has occurred. Please contact your administrator".to_owned();
        envelope(StatusCode::INTERNAL_SERVER_ERROR, &[text], Some(&id))
    });
    if let Some(line) = &line {
        line.is_answering(false);
    }
    let headers = response.headers_mut();
    if let Ok(value) = HeaderValue::from_str(&id) {
        headers.insert(REQUEST_ID, value);
    }
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, CONTENT_POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "same-origin"),
        (header::CACHE_CONTROL, "no-cache, no-store, must-revalidate"),
    ] {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    let status = response.status().as_u16();
    let took_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
    span.in_scope(|| {
        // What went well is of interest to those who look for it; a busy server has thousands of these a minute.
        if status < 400 {
            tracing::debug!(status, took_ms, "answered");
        } else {
            tracing::info!(status, took_ms, "answered");
        }
    });
    response
}

async fn api(State(state): State<AppState>, Extension(id): Extension<RequestId>, request: Request) -> Response {
    match answer(&state, request).await {
        Ok(response) => response,
        Err(error) => error.into_answer(&id.0),
    }
}

async fn answer(state: &AppState, request: Request) -> Result<Response, ApiError> {
    let path = request.uri().path().to_owned();
    let (name, wants_protobuf) = action_name(&path, request.headers());
    let action = BY_PATH.get(name).copied();
    let is_open = action.is_some_and(|action| action.access == Access::Open);
    let known = match auth::known(state, Shown::of(request.headers())).await {
        // Whether credentials are valid is what one of the open actions is for.
        Err(ApiError::BadCredentials | ApiError::TooManyAttempts) if is_open => auth::Known::refused(),
        other => other?,
    };
    if !is_open && known.caller.user.is_none() && auth::is_forced(state).await? {
        return Err(ApiError::NoCredentials);
    }
    let Some(action) = action else {
        return Err(ApiError::not_found(format!("Unknown url : {path}")));
    };
    if request.method().as_str() != action.method.as_str() {
        return Err(ApiError::WrongMethod(action.method.as_str()));
    }
    if action.access == Access::LoggedIn {
        known.caller.require_login()?;
    }
    refuse_foreign_forms(state, action, request.headers()).await?;
    if let Some(admit) = action.admit {
        let (caller, raw) = (known.caller.clone(), input::query(&request)?);
        if let Err(error) = state.store.read(move |tx| admit(tx, &caller, &raw)).await {
            input::discard(request).await;
            return Err(error);
        }
    }
    let given = input::read(state, action, request).await?;
    let params = Params::check(action.params, &given.raw, given.file.is_some())?;
    let call = Call {
        state: state.clone(),
        caller: known.caller,
        refused: known.refused,
        params,
        wants_protobuf,
        file: given.file,
    };
    let done = action.work(call).await?;
    if done.wakes_deliveries {
        (state.wakers.deliveries)();
    }
    if done.wakes_tasks {
        (state.wakers.tasks)();
    }
    let mut response = done.into_response();
    if let Some(end) = known.expires
        && let Ok(value) = HeaderValue::from_str(&end.to_string())
    {
        response.headers_mut().insert(TOKEN_EXPIRATION, value);
    }
    Ok(response)
}

/// The action a path names, without the suffix for the format, and whether protobuf is asked for.
fn action_name<'a>(path: &'a str, headers: &HeaderMap) -> (&'a str, bool) {
    let path = path.trim_matches('/');
    if let Some(name) = path.strip_suffix(".protobuf") {
        return (name, true);
    }
    let accepts = headers
        .get(header::ACCEPT)
        .and_then(|value| value.to_str().ok())
        .unwrap_or("");
    (
        path.strip_suffix(".json").unwrap_or(path),
        accepts.starts_with("application/x-protobuf"),
    )
}

/// Browsers keep a password given over HTTP Basic and send it along with forms of other sites too. They also say
/// which site a form comes from, so such calls are told apart; other clients send no origin.
async fn refuse_foreign_forms(state: &AppState, action: &Action, headers: &HeaderMap) -> Result<(), ApiError> {
    if action.method != crate::action::Method::Post {
        return Ok(());
    }
    let Some(origin) = headers.get(header::ORIGIN) else {
        return Ok(());
    };
    let origin = origin.to_str().unwrap_or("");
    let host = headers
        .get(header::HOST)
        .and_then(|value| value.to_str().ok())
        .unwrap_or("");
    if origin
        .split_once("://")
        .is_some_and(|(_, authority)| authority.eq_ignore_ascii_case(host))
    {
        return Ok(());
    }
    let default = state.config.server_url.clone();
    let own = state
        .store
        .read(move |tx| default.effective(tx).map_err(ApiError::from))
        .await?;
    let own = url::Url::parse(&own)
        .map(|url| url.origin().ascii_serialization())
        .unwrap_or_default();
    if own.eq_ignore_ascii_case(origin) {
        Ok(())
    } else {
        Err(ApiError::Forbidden)
    }
}
