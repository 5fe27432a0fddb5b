//! Pages for people: plain HTML without scripts. A page is a struct; its template, status and cache policy stand
//! beside its handler.

use askama::Template;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use gatehook_domain::Timestamp;

use crate::auth::{self, Known, Shown};
use crate::error::{ApiError, chain};
use crate::http::RequestId;
use crate::state::AppState;

pub(crate) mod home;
pub(crate) mod project;
pub(crate) mod webhooks;

/// What browsers are told, so that they ask for a login and a password.
const CHALLENGE: HeaderValue = HeaderValue::from_static("Basic realm=\"Gatehook\", charset=\"UTF-8\"");

/// The style sheet of all pages.
pub(crate) async fn style() -> Response {
    let headers = [
        (
            header::CONTENT_TYPE,
            HeaderValue::from_static("text/css; charset=utf-8"),
        ),
        (header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=3600")),
    ];
    (headers, include_str!("assets/style.css")).into_response()
}

/// What nothing else answers.
pub(crate) async fn not_found(request: Request) -> Response {
    let path: String = request.uri().path().chars().take(200).collect();
    message(
        StatusCode::NOT_FOUND,
        "Not found",
        &format!("There is nothing at {path}."),
    )
}

/// A page that says one thing.
#[derive(Template)]
#[template(path = "message.html")]
struct MessagePage<'a> {
    title: &'a str,
    text: &'a str,
}

/// Answers with a page that says one thing.
fn message(status: StatusCode, title: &str, text: &str) -> Response {
    let mut response = html(status, &MessagePage { title, text });
    if status == StatusCode::UNAUTHORIZED {
        response.headers_mut().insert(header::WWW_AUTHENTICATE, CHALLENGE);
    }
    response
}

/// Answers with a page. Pages change with every analysis and depend on who looks, so they are never kept.
fn html(status: StatusCode, page: &impl Template) -> Response {
    match page.render() {
        Ok(text) => {
            let kind = HeaderValue::from_static("text/html; charset=utf-8");
            (status, [(header::CONTENT_TYPE, kind)], text).into_response()
        }
        Err(error) => {
            tracing::error!(error = %chain(&error), "a page could not be written");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// A moment as a page shows it: `2026-11-24 07:37 UTC`.
fn shown(moment: Timestamp) -> String {
    let text = moment.to_string();
    match (text.get(..10), text.get(11..16)) {
        (Some(day), Some(time)) => format!("{day} {time} UTC"),
        _ => text,
    }
}

/// Who looks at a page. Nobody may without logging in where the settings say so.
async fn visitor(state: &AppState, headers: &HeaderMap) -> Result<Known, ApiError> {
    let known = auth::known(state, Shown::of(headers)).await?;
    if known.caller.user.is_none() && auth::is_forced(state).await? {
        return Err(ApiError::NoCredentials);
    }
    Ok(known)
}

/// The page for an error.
fn refused(error: &ApiError, id: &RequestId) -> Response {
    match error {
        ApiError::NoCredentials | ApiError::BadCredentials | ApiError::AuthenticationRequired => message(
            StatusCode::UNAUTHORIZED,
            "Please log in",
            "This page needs a login. Your browser asks for it; a token works as the user name with an empty password.",
        ),
        ApiError::Forbidden => message(
            StatusCode::FORBIDDEN,
            "Not yours to see",
            "You are logged in, but may not see this page.",
        ),
        ApiError::NotFound(text) => message(StatusCode::NOT_FOUND, "Not found", text),
        ApiError::BadRequest(texts) => message(StatusCode::BAD_REQUEST, "That cannot be", &texts.join("; ")),
        ApiError::TooManyAttempts => message(StatusCode::TOO_MANY_REQUESTS, "Too many attempts", &error.to_string()),
        other => {
            tracing::error!(request_id = %id.0, error = %chain(other), "a page failed");
            let text = format!("An error has occurred. The log has more about the request {}.", id.0);
            message(StatusCode::INTERNAL_SERVER_ERROR, "Something went wrong", &text)
        }
    }
}
