//! What an action of the Web API is. The table of actions feeds routing, the checks of parameters, and the
//! self-description at `api/webservices/list`.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use gatehook_store::Tx;
use serde::Serialize;

use crate::caller::Caller;
use crate::error::ApiError;
use crate::params::{Param, Params, Raw};
use crate::state::AppState;

/// The method an action is called with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Method {
    Get,
    Post,
}

impl Method {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
        }
    }
}

/// Who may call an action at all; what it is called about is checked by the action itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// Everybody, also where nobody may look without logging in.
    Open,
    /// Everybody, unless nobody may look without logging in.
    Anyone,
    /// Those who are logged in.
    LoggedIn,
}

/// An action of the Web API.
pub(crate) struct Action {
    /// For example `api/webhooks/create`.
    pub(crate) path: &'static str,
    pub(crate) method: Method,
    /// The version of SonarQube that has it since, which clients read.
    pub(crate) since: &'static str,
    pub(crate) description: &'static str,
    /// Who may do it, in words.
    pub(crate) permission: &'static str,
    pub(crate) access: Access,
    /// Made for scanners and the user interface rather than for people's scripts.
    pub(crate) internal: bool,
    pub(crate) params: &'static [Param],
    /// Asked before the body is read, for actions whose bodies are large.
    pub(crate) admit: Option<Admit>,
    pub(crate) run: Run,
}

/// Refuses a caller by what the query says.
pub(crate) type Admit = fn(&mut Tx<'_>, &Caller, &Raw) -> Result<(), ApiError>;

/// The future an action's work is.
pub(crate) type Work = Pin<Box<dyn Future<Output = Result<Answer, ApiError>> + Send>>;

/// How an action works.
#[derive(Clone, Copy)]
pub(crate) enum Run {
    /// Needs nothing that is kept.
    Plain(fn(&Call) -> Result<Answer, ApiError>),
    /// In one transaction that reads.
    Read(fn(&mut Tx<'_>, &Call) -> Result<Answer, ApiError>),
    /// In one transaction that writes. It may be run several times until one of them is committed.
    Write(fn(&mut Tx<'_>, &Call) -> Result<Answer, ApiError>),
    /// With more than one step.
    Steps(fn(Arc<Call>) -> Work),
}

impl Action {
    const fn new(method: Method, path: &'static str, since: &'static str, description: &'static str, run: Run) -> Self {
        Self {
            path,
            method,
            since,
            description,
            permission: "",
            access: Access::Anyone,
            internal: false,
            params: &[],
            admit: None,
            run,
        }
    }

    pub(crate) const fn get(path: &'static str, since: &'static str, description: &'static str, run: Run) -> Self {
        Self::new(Method::Get, path, since, description, run)
    }

    pub(crate) const fn post(path: &'static str, since: &'static str, description: &'static str, run: Run) -> Self {
        Self::new(Method::Post, path, since, description, run)
    }

    pub(crate) const fn params(mut self, params: &'static [Param]) -> Self {
        self.params = params;
        self
    }

    pub(crate) const fn admitting(mut self, admit: Admit) -> Self {
        self.admit = Some(admit);
        self
    }

    pub(crate) const fn permission(mut self, words: &'static str) -> Self {
        self.permission = words;
        self
    }

    pub(crate) const fn open(mut self) -> Self {
        self.access = Access::Open;
        self
    }

    pub(crate) const fn logged_in(mut self) -> Self {
        self.access = Access::LoggedIn;
        self
    }

    pub(crate) const fn internal(mut self) -> Self {
        self.internal = true;
        self
    }

    /// Does the work.
    pub(crate) async fn work(&self, call: Call) -> Result<Answer, ApiError> {
        let store = call.state.store.clone();
        let call = Arc::new(call);
        match self.run {
            Run::Plain(run) => run(&call),
            Run::Read(run) => store.read(move |tx| run(tx, &call)).await,
            Run::Write(run) => store.write(move |tx| run(tx, &call)).await,
            Run::Steps(run) => run(call).await,
        }
    }
}

/// One call of an action.
pub(crate) struct Call {
    pub(crate) state: AppState,
    pub(crate) caller: Caller,
    /// Whether the caller showed credentials that are not valid; only open actions get to see that.
    pub(crate) refused: bool,
    pub(crate) params: Params,
    /// Whether the client asked for protobuf instead of JSON.
    pub(crate) wants_protobuf: bool,
    /// The file that came with it; removed when the call ends.
    pub(crate) file: Option<tempfile::TempPath>,
}

/// What an action answers.
#[derive(Debug)]
pub(crate) struct Answer {
    body: Body,
    /// Deliveries were recorded that should go out now.
    pub(crate) wakes_deliveries: bool,
    /// A task was recorded that should be taken now.
    pub(crate) wakes_tasks: bool,
}

#[derive(Debug)]
enum Body {
    Nothing,
    /// Success without a body, but with status 200.
    Empty,
    Json(Vec<u8>),
    Text(String),
    /// Numbers for Prometheus.
    Metrics(String),
    Protobuf(Vec<u8>),
}

impl Answer {
    const fn of(body: Body) -> Self {
        Self {
            body,
            wakes_deliveries: false,
            wakes_tasks: false,
        }
    }

    /// 204, no body.
    pub(crate) const fn nothing() -> Self {
        Self::of(Body::Nothing)
    }

    /// 200, no body.
    pub(crate) const fn empty() -> Self {
        Self::of(Body::Empty)
    }

    /// 200 with JSON.
    pub(crate) fn json(value: &impl Serialize) -> Result<Self, ApiError> {
        serde_json::to_vec(value)
            .map(|bytes| Self::of(Body::Json(bytes)))
            .map_err(ApiError::unknown)
    }

    /// 200 with plain text.
    pub(crate) fn text(text: impl Into<String>) -> Self {
        Self::of(Body::Text(text.into()))
    }

    /// 200 with numbers in the text format of Prometheus.
    pub(crate) const fn metrics(text: String) -> Self {
        Self::of(Body::Metrics(text))
    }

    /// 200 with a protobuf message.
    pub(crate) const fn protobuf(bytes: Vec<u8>) -> Self {
        Self::of(Body::Protobuf(bytes))
    }

    pub(crate) const fn waking_deliveries(mut self, wakes: bool) -> Self {
        self.wakes_deliveries = wakes;
        self
    }

    pub(crate) const fn waking_tasks(mut self) -> Self {
        self.wakes_tasks = true;
        self
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let typed = |kind: &'static str, bytes: Vec<u8>| {
            ([(header::CONTENT_TYPE, HeaderValue::from_static(kind))], bytes).into_response()
        };
        match self.body {
            Body::Nothing => StatusCode::NO_CONTENT.into_response(),
            Body::Empty => StatusCode::OK.into_response(),
            // Clients compare the type as a whole, so no character set follows.
            Body::Json(bytes) => typed("application/json", bytes),
            Body::Text(text) => typed("text/plain; charset=utf-8", text.into_bytes()),
            // Collectors refuse what does not name the version of the format.
            Body::Metrics(text) => typed("text/plain; version=0.0.4; charset=utf-8", text.into_bytes()),
            Body::Protobuf(bytes) => typed("application/x-protobuf", bytes),
        }
    }
}
