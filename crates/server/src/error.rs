//! What can go wrong with a request, and how it is answered.

use std::error::Error;

use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use gatehook_store::StoreError;
use serde::Serialize;

/// The header that names a request, in answers and in the log.
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Why an action gives no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ApiError {
    /// The request says something that cannot be; one text for each thing.
    #[error("{}", .0.join("; "))]
    BadRequest(Vec<String>),
    /// The caller showed credentials that are not valid. Answered without a body, as SonarQube does.
    #[error("the credentials are not valid")]
    BadCredentials,
    /// The caller showed no credentials, and nobody may look without. Answered without a body.
    #[error("credentials are needed")]
    NoCredentials,
    /// The action needs somebody who is logged in.
    #[error("Authentication is required")]
    AuthenticationRequired,
    /// The caller may not do this.
    #[error("Insufficient privileges")]
    Forbidden,
    /// What the request names is not there.
    #[error("{0}")]
    NotFound(String),
    /// The action is there, but with the other method.
    #[error("HTTP method {0} is required")]
    WrongMethod(&'static str),
    /// The request is larger than what is taken.
    #[error("{0}")]
    TooLarge(String),
    /// The client stopped sending in the middle.
    #[error("The request did not arrive in time")]
    Timeout,
    /// Too many failed log-ins.
    #[error("Too many failed attempts to log in. Try again later.")]
    TooManyAttempts,
    /// The server has too much to do, or stops.
    #[error("The server cannot answer at the moment. Try again later.")]
    Unavailable(#[source] Box<dyn Error + Send + Sync>),
    /// Something of the server's own stands in the way, and whoever administers it can do something about that.
    #[error("{text}")]
    OutOfOrder {
        /// What is wrong and what can be done, for people.
        text: &'static str,
        /// What the log is told.
        source: Box<dyn Error + Send + Sync>,
    },
    /// Something that is not the caller's fault; told to the log only.
    #[error("An error has occurred. Please contact your administrator")]
    Unknown(#[source] Box<dyn Error + Send + Sync>),
}

impl ApiError {
    /// One thing is wrong with the request.
    pub(crate) fn bad(text: impl Into<String>) -> Self {
        Self::BadRequest(vec![text.into()])
    }

    /// What the request names is not there.
    pub(crate) fn not_found(text: impl Into<String>) -> Self {
        Self::NotFound(text.into())
    }

    /// The project of this key is not there.
    pub(crate) fn no_project(key: &str) -> Self {
        Self::NotFound(format!("Project '{key}' not found"))
    }

    /// Something that is not the caller's fault.
    pub(crate) fn unknown(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Unknown(error.into())
    }

    fn status(&self) -> StatusCode {
        match self {
            Self::BadRequest(_) => StatusCode::BAD_REQUEST,
            Self::BadCredentials | Self::NoCredentials | Self::AuthenticationRequired => StatusCode::UNAUTHORIZED,
            Self::Forbidden => StatusCode::FORBIDDEN,
            Self::NotFound(_) => StatusCode::NOT_FOUND,
            Self::WrongMethod(_) => StatusCode::METHOD_NOT_ALLOWED,
            Self::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Timeout => StatusCode::REQUEST_TIMEOUT,
            Self::TooManyAttempts => StatusCode::TOO_MANY_REQUESTS,
            Self::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::OutOfOrder { .. } | Self::Unknown(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// The answer. An unknown error is logged here, once, with its causes.
    pub(crate) fn into_answer(self, request_id: &str) -> Response {
        let status = self.status();
        if let Self::WrongMethod(allowed) = self {
            let mut response = envelope(status, &[self.to_string()], None);
            response
                .headers_mut()
                .insert(header::ALLOW, HeaderValue::from_static(allowed));
            return response;
        }
        let texts = match self {
            Self::BadCredentials | Self::NoCredentials => return status.into_response(),
            Self::BadRequest(texts) => texts,
            Self::Unavailable(ref error) => {
                tracing::warn!(request_id, error = %chain(error.as_ref()), "a request came at a bad time");
                return envelope(status, &[self.to_string()], Some(request_id));
            }
            Self::Unknown(ref error) | Self::OutOfOrder { source: ref error, .. } => {
                tracing::error!(request_id, error = %chain(error.as_ref()), "a request failed");
                return envelope(status, &[self.to_string()], Some(request_id));
            }
            other => vec![other.to_string()],
        };
        envelope(status, &texts, None)
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Closed | StoreError::Busy { .. } | StoreError::Unavailable { .. } => {
                Self::Unavailable(Box::new(error))
            }
            other => Self::Unknown(Box::new(other)),
        }
    }
}

#[derive(Serialize)]
struct Envelope<'a> {
    errors: Vec<Message<'a>>,
    #[serde(rename = "requestId", skip_serializing_if = "Option::is_none")]
    request_id: Option<&'a str>,
}

#[derive(Serialize)]
struct Message<'a> {
    msg: &'a str,
}

/// `{"errors":[{"msg":"…"}]}`, and the request's id where a person will need it to find the log's line.
pub(crate) fn envelope(status: StatusCode, texts: &[String], request_id: Option<&str>) -> Response {
    let body = Envelope {
        errors: texts.iter().map(|text| Message { msg: text }).collect(),
        request_id,
    };
    let bytes = serde_json::to_vec(&body).unwrap_or_default();
    (
        status,
        [(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))],
        bytes,
    )
        .into_response()
}

/// An error and its causes in one line.
pub(crate) fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        text.push_str(": ");
        text.push_str(&next.to_string());
        cause = next.source();
    }
    text
}
