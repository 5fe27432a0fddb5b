//! One call: a signed POST to a webhook's URL, with every limit that a hostile receiver makes necessary.
//!
//! Calls go straight to the receiver: proxies of the environment are not used, because a proxy would resolve the host
//! itself, behind the guard's back.

mod client;
mod retry_after;

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use base64::Engine as _;
use bytes::Bytes;
use gatehook_domain::Ambient;
use gatehook_domain::id::DeliveryId;
use gatehook_domain::key::ProjectKey;
use gatehook_domain::webhook::{Attempt, EventKind, Webhook};
use http::header::{
    AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, LOCATION, RETRY_AFTER, USER_AGENT,
};
use http::{Method, Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Body as _, Incoming};
use rustls::ClientConfig;
use secrecy::ExposeSecret;
use tokio::time::Instant;
use url::Url;

use crate::cause::Cause;
use crate::guard::{Guard, Resolver};
use crate::signature::sign;
use client::Client;
use retry_after::retry_after;

/// How long a receiver has to answer, from the first look-up of its name to the head of the last answer, a redirect
/// included. SonarQube's documentation: "must respond within 10 seconds".
pub const TIME_LIMIT: Duration = Duration::from_secs(10);
/// How much of an answer's body is read, so that the connection can be used again. Nothing of it is kept.
const BODY_LIMIT: usize = 64 * 1024;
/// How long the body is read. The answer already counts, so this only decides whether the connection is used again.
const BODY_TIME_LIMIT: Duration = Duration::from_secs(1);
/// How soon a connection that was open already must break for the call to be made once more at once: the receiver closed
/// it between two calls, and the second try opens a new one.
const STALE_WITHIN: Duration = Duration::from_secs(1);

const PROJECT: HeaderName = HeaderName::from_static("x-sonarqube-project");
const SIGNATURE: HeaderName = HeaderName::from_static("x-sonar-webhook-hmac-sha256");
const DELIVERY: HeaderName = HeaderName::from_static("x-gatehook-delivery");
const KIND: HeaderName = HeaderName::from_static("x-gatehook-event");
const ATTEMPT: HeaderName = HeaderName::from_static("x-gatehook-attempt");

/// How calls are made.
#[derive(Clone)]
pub struct SenderConfig {
    /// The version of the product, for `User-Agent: Gatehook/<version>`.
    pub version: String,
    /// How long a receiver has to answer; [`TIME_LIMIT`] but in tests.
    pub time_limit: Duration,
    /// Which addresses are not called.
    pub guard: Guard,
}

impl SenderConfig {
    /// The limits of normal operation.
    pub fn new(version: &str, guard: Guard) -> Self {
        Self {
            version: version.to_owned(),
            time_limit: TIME_LIMIT,
            guard,
        }
    }
}

/// Why no calls can be made at all.
#[derive(Debug, thiserror::Error)]
pub enum SenderError {
    /// TLS could not be set up.
    #[error("TLS could not be set up")]
    Tls(#[source] rustls::Error),
    /// The version cannot stand in a header.
    #[error("'{0}' cannot stand in the User-Agent header")]
    Version(String),
}

/// What one call sends, and where to.
#[derive(Debug, Clone)]
pub struct Call {
    /// Whom to call: its URL, its secret and what else it says about its calls.
    pub webhook: Arc<Webhook>,
    /// The project it is about; none when it is about a global webhook.
    pub project_key: Option<ProjectKey>,
    /// What happened.
    pub kind: EventKind,
    /// The delivery it belongs to.
    pub delivery: DeliveryId,
    /// Which attempt this is, counted from 1.
    pub number: i64,
    /// The body.
    pub body: Bytes,
}

/// What came of a call.
#[derive(Debug, Clone)]
pub struct Sent {
    /// What is kept of it.
    pub attempt: Attempt,
    /// Why there was no answer.
    pub cause: Option<Cause>,
    /// For how long the receiver asked not to be called again.
    pub retry_after: Option<Duration>,
}

/// Makes calls. Cheap to clone; the clones share their connections.
#[derive(Clone)]
pub struct Sender(Arc<Shared>);

struct Shared {
    /// Connects only to addresses that passed the guard. Its open connections are its own, so that none made while
    /// the guard was off is used while it is on.
    guarded: OnceLock<Client>,
    /// Connects to every address.
    unguarded: OnceLock<Client>,
    tls: Arc<ClientConfig>,
    guard: Guard,
    user_agent: HeaderValue,
    time_limit: Duration,
    ambient: Ambient,
}

impl Sender {
    /// Sets TLS up; reads the certificates this machine trusts.
    pub fn new(config: SenderConfig, ambient: Ambient) -> Result<Self, SenderError> {
        let user_agent = HeaderValue::from_str(&format!("Gatehook/{}", config.version))
            .map_err(|_| SenderError::Version(config.version.clone()))?;
        Ok(Self(Arc::new(Shared {
            guarded: OnceLock::new(),
            unguarded: OnceLock::new(),
            tls: client::tls()?,
            guard: config.guard,
            user_agent,
            time_limit: config.time_limit,
            ambient,
        })))
    }

    /// How long one call takes at most, before the body of the answer is dropped.
    pub fn time_limit(&self) -> Duration {
        self.0.time_limit
    }

    /// What keeps calls from inner addresses.
    pub(crate) fn guard(&self) -> &Guard {
        &self.0.guard
    }

    /// Makes one call. `guarded` is what `sonar.validateWebhooks` says now. Never fails: what went wrong is in the
    /// attempt, in the words of [`Cause`].
    pub async fn send(&self, call: &Call, guarded: bool) -> Attempt {
        self.call(call, guarded, false).await.attempt
    }

    /// [`Sender::send`], with what else is worth knowing. `warm` is whether a connection to the receiver is likely to be
    /// open already: when it breaks at once, the call is made a second time on a new one, within the same time limit and
    /// as the same attempt.
    pub async fn call(&self, call: &Call, guarded: bool, warm: bool) -> Sent {
        let at = self.0.ambient.now();
        let begun = Instant::now();
        let exchange = async {
            match self.exchange(call, guarded).await {
                Err(Cause::Closed | Cause::Reset) if warm && begun.elapsed() < STALE_WITHIN => {
                    self.exchange(call, guarded).await
                }
                answer => answer,
            }
        };
        let answer = match tokio::time::timeout(self.0.time_limit, exchange).await {
            Ok(answer) => answer,
            Err(_) => Err(Cause::NoAnswer(self.0.time_limit)),
        };
        let duration_ms = i64::try_from(begun.elapsed().as_millis()).unwrap_or(i64::MAX);
        let (http_status, retry_after, cause) = match answer {
            Ok(response) => {
                let status = response.status().as_u16();
                let retry_after = response
                    .headers()
                    .get(RETRY_AFTER)
                    .and_then(|value| value.to_str().ok())
                    .and_then(|text| retry_after(text, self.0.ambient.now()));
                if !response.body().is_end_stream() {
                    let _ = tokio::time::timeout(BODY_TIME_LIMIT, drain(response.into_body())).await;
                }
                (Some(status), retry_after, None)
            }
            Err(cause) => (None, None, Some(cause)),
        };
        let attempt = Attempt {
            number: call.number,
            at,
            duration_ms,
            http_status,
            error: cause.as_ref().map(Cause::to_string),
        };
        Sent {
            attempt,
            cause,
            retry_after,
        }
    }

    /// The call and, if the receiver answers so, the one redirect that is followed. Like SonarQube it posts the same
    /// bytes with the same headers to wherever the receiver points, after the guard has seen that too; but
    /// credentials that came over TLS do not go on without it.
    async fn exchange(&self, call: &Call, guarded: bool) -> Result<Response<Incoming>, Cause> {
        let url = &call.webhook.url;
        let mut headers = self.headers(call);
        let target = url.target();
        let response = self.post(&target, headers.clone(), &call.body, guarded).await?;
        if !is_followed(response.status()) {
            return Ok(response);
        }
        let next = redirect_target(&target, &response).map_err(|how| how(url.masked()))?;
        drop(response);
        if target.scheme() == "https" && next.scheme() == "http" {
            headers.remove(AUTHORIZATION);
        }
        self.post(&next, headers, &call.body, guarded).await
    }

    async fn post(
        &self,
        target: &Url,
        headers: HeaderMap,
        body: &Bytes,
        guarded: bool,
    ) -> Result<Response<Incoming>, Cause> {
        if guarded {
            self.0.guard.check(target)?;
        }
        let mut request = Request::new(Full::new(body.clone()));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = Uri::try_from(target.as_str()).map_err(|_| Cause::Unspeakable)?;
        *request.headers_mut() = headers;
        let answer = self.client(guarded).request(request).await;
        answer.map_err(|error| Cause::of(&error))
    }

    fn client(&self, guarded: bool) -> &Client {
        let kept = if guarded { &self.0.guarded } else { &self.0.unguarded };
        kept.get_or_init(|| {
            let guard = self.0.guard.clone();
            client::client(Resolver { guard, vets: guarded }, &self.0.tls)
        })
    }

    fn headers(&self, call: &Call) -> HeaderMap {
        let mut headers = HeaderMap::with_capacity(8);
        headers.insert(
            CONTENT_TYPE,
            HeaderValue::from_static("application/json; charset=utf-8"),
        );
        headers.insert(USER_AGENT, self.0.user_agent.clone());
        headers.insert(KIND, HeaderValue::from_static(call.kind.as_str()));
        headers.insert(ATTEMPT, HeaderValue::from(call.number));
        let mut put = |name: HeaderName, text: &str, sensitive: bool| {
            // None of the texts can hold a character that headers do not have: keys, ids and words are plain ASCII.
            if let Ok(mut value) = HeaderValue::from_str(text) {
                value.set_sensitive(sensitive);
                headers.insert(name, value);
            }
        };
        if let Some(key) = &call.project_key {
            put(PROJECT, key.as_str(), false);
        }
        put(DELIVERY, call.delivery.as_str(), false);
        if let Some(secret) = &call.webhook.secret {
            put(SIGNATURE, &sign(secret, &call.body), false);
        }
        if let Some((user, password)) = call.webhook.url.credentials() {
            let pair = format!("{user}:{}", password.expose_secret());
            let encoded = base64::engine::general_purpose::STANDARD.encode(pair);
            put(AUTHORIZATION, &format!("Basic {encoded}"), true);
        }
        headers
    }
}

/// The statuses whose redirect is followed with the same POST. 303 would turn it into a GET, so it is an answer.
fn is_followed(status: StatusCode) -> bool {
    matches!(status.as_u16(), 301 | 302 | 307 | 308)
}

/// Where a redirect points, or the cause that is made of the webhook's masked URL.
fn redirect_target(from: &Url, response: &Response<Incoming>) -> Result<Url, fn(String) -> Cause> {
    let location = response
        .headers()
        .get(LOCATION)
        .ok_or(Cause::RedirectWithoutLocation as fn(String) -> Cause)?;
    let elsewhere = Cause::RedirectElsewhere as fn(String) -> Cause;
    let mut target = location
        .to_str()
        .ok()
        .and_then(|text| from.join(text).ok())
        .ok_or(elsewhere)?;
    if !matches!(target.scheme(), "http" | "https") {
        return Err(elsewhere);
    }
    // A receiver must not choose the credentials of a call. Both setters only fail without a host.
    target.set_username("").map_err(|()| elsewhere)?;
    target.set_password(None).map_err(|()| elsewhere)?;
    target.set_fragment(None);
    Ok(target)
}

async fn drain(mut body: Incoming) {
    let mut left = BODY_LIMIT;
    while let Some(Ok(frame)) = body.frame().await {
        let length = frame.data_ref().map_or(0, Bytes::len);
        match left.checked_sub(length) {
            Some(rest) => left = rest,
            None => return,
        }
    }
}
