//! One call: a signed POST to a webhook's URL, with every limit that a hostile receiver makes necessary.
//!
//! A call goes straight to the receiver, or through the proxy of the environment. A proxy resolves the host itself, so the
//! guard looks at it before the proxy is asked, as far as its name is known here.

mod address;
mod client;
mod connect;
mod parts;
pub(crate) mod pool;
pub mod proxy;
mod redirect;
mod retry_after;
pub mod tls;

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use bytes::Bytes;
use gatehook_domain::id::DeliveryId;
use gatehook_domain::key::ProjectKey;
use gatehook_domain::webhook::{Attempt, EventKind, Webhook};
use gatehook_domain::{Ambient, Timestamp};
use http::header::{
    AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, PROXY_AUTHORIZATION, RETRY_AFTER, USER_AGENT,
};
use http::{Method, Request, StatusCode};
use http_body_util::Full;
use secrecy::ExposeSecret;
use tokio::time::Instant;
use url::Url;

use crate::cause::Cause;
use crate::format;
use crate::guard::Guard;
use crate::signature::{self, Signed};
pub use address::can_be_called;
use client::{Clients, Way};
use pool::Answer;
use proxy::{Proxies, ProxyFailure};
use retry_after::retry_after;
use tls::TlsOptions;

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

/// How long a host is looked up before a proxy is asked for it. In a network whose only way out is a proxy, names of the
/// outside may not be known at all; then the proxy's word counts.
const LOOKUP_BEFORE_PROXY: Duration = Duration::from_secs(3);

const PROJECT: HeaderName = HeaderName::from_static("x-sonarqube-project");
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
    /// Which calls go through which proxy.
    pub proxies: Proxies,
    /// Who is trusted, and how this server proves who it is.
    pub tls: Arc<TlsOptions>,
}

impl SenderConfig {
    /// The limits of normal operation; no proxies, and the trust of this machine.
    pub fn new(version: &str, guard: Guard) -> Self {
        Self {
            version: version.to_owned(),
            time_limit: TIME_LIMIT,
            guard,
            proxies: Proxies::none(),
            tls: Arc::default(),
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
    /// What is added to the path of the webhook's URL.
    pub path: Option<String>,
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
    clients: Clients,
    guard: Guard,
    proxies: Proxies,
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
            clients: Clients::new(
                config.guard.clone(),
                config.proxies.clone(),
                config.tls.configs().map_err(SenderError::Tls)?,
            ),
            guard: config.guard,
            proxies: config.proxies,
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
        self.call(call, guarded).await.attempt
    }

    /// [`Sender::send`], with what else is worth knowing. When a connection that was open already breaks at once, the call
    /// is made a second time on a new one, within the same time limit and as the same attempt.
    pub async fn call(&self, call: &Call, guarded: bool) -> Sent {
        let at = self.0.ambient.now();
        let begun = Instant::now();
        let answer = match tokio::time::timeout(self.0.time_limit, self.exchange(call, guarded)).await {
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
                if !response.is_done() {
                    Box::pin(response.finish(BODY_LIMIT, BODY_TIME_LIMIT)).await;
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

    /// The call and, if the receiver answers so, the one redirect that is followed. It posts the same bytes to wherever the
    /// receiver points, after the guard has seen that too. SonarQube sends everything on; here, another origin (scheme,
    /// host or port) gets neither credentials nor signatures, and has to prove who it is whatever the webhook says.
    async fn exchange(&self, call: &Call, guarded: bool) -> Result<Answer, Cause> {
        let url = &call.webhook.url;
        let mut headers = self.headers(call, self.0.ambient.now());
        let mut way = Way {
            guarded,
            unverified: call.webhook.options.skip_tls_verification,
        };
        let target = format::target(&url.target(), call.path.as_deref());
        let response = self.post(&target, &headers, &call.body, way).await?;
        if !redirect::is_followed(response.status()) {
            return Ok(response);
        }
        let next = redirect::target(&target, response.headers()).map_err(|how| how(url.masked()))?;
        if !response.is_done() {
            Box::pin(response.finish(BODY_LIMIT, BODY_TIME_LIMIT)).await;
        }
        if target.origin() != next.origin() {
            redirect::keep_public(&mut headers);
            way.unverified = false;
        }
        // What is seldom has a place of its own, so that the others do not carry it along.
        Box::pin(self.post(&next, &headers, &call.body, way)).await
    }

    /// Posts once, or a second time on a new connection when the first was open already and broke at once: the receiver
    /// closed it between two calls.
    async fn post(&self, target: &Url, headers: &HeaderMap, body: &Bytes, way: Way) -> Result<Answer, Cause> {
        let uri = address::uri(target)?;
        let proxy = self.0.proxies.of(&uri);
        if way.guarded {
            self.0.guard.check(target)?;
            if proxy.is_some() {
                Box::pin(self.0.guard.check_resolved(target, LOOKUP_BEFORE_PROXY)).await?;
            }
        }
        // What goes to the receiver through a way of bytes is not for the proxy, and the other way round.
        let forwarded = proxy.filter(|_| target.scheme() == "http");
        let request = || {
            let mut request = Request::new(Full::new(body.clone()));
            *request.method_mut() = Method::POST;
            *request.uri_mut() = uri.clone();
            *request.headers_mut() = headers.clone();
            if let Some(credentials) = forwarded.as_ref().and_then(|proxy| proxy.basic_auth()) {
                request.headers_mut().insert(PROXY_AUTHORIZATION, credentials.clone());
            }
            request
        };
        let pool = self.0.clients.of(way);
        let begun = Instant::now();
        let answer = match pool.request(request()).await {
            Err(failure) if failure.is_stale() && begun.elapsed() < STALE_WITHIN => {
                Box::pin(pool.request_anew(request())).await
            }
            ended => ended,
        };
        let answer = answer.map_err(|failure| Cause::of(&failure))?;
        if forwarded.is_some() && answer.status() == StatusCode::PROXY_AUTHENTICATION_REQUIRED {
            return Err(ProxyFailure::Credentials.into());
        }
        Ok(answer)
    }

    fn headers(&self, call: &Call, now: Timestamp) -> HeaderMap {
        let Webhook {
            url, secret, options, ..
        } = call.webhook.as_ref();
        let mut headers = HeaderMap::with_capacity(8);
        headers.insert(USER_AGENT, self.0.user_agent.clone());
        headers.insert(KIND, HeaderValue::from_static(call.kind.as_str()));
        headers.insert(ATTEMPT, HeaderValue::from(call.number));
        let mut put = |name: HeaderName, text: &str, sensitive: bool| {
            // None of the texts can hold a character that headers do not have: keys, ids and words are plain ASCII, and
            // what people chose was checked when they did.
            if let Ok(mut value) = HeaderValue::from_str(text) {
                value.set_sensitive(sensitive);
                headers.insert(name, value);
            }
        };
        put(CONTENT_TYPE, format::content_type(&options.format), false);
        if let Some(key) = &call.project_key {
            put(PROJECT, key.as_str(), false);
        }
        put(DELIVERY, call.delivery.as_str(), false);
        let signed = Signed {
            secret: secret.as_ref(),
            previous: options.previous_secret_at(now),
            standard: options.standard_webhooks,
            delivery: call.delivery.as_str(),
            unix_seconds: now.as_millis().div_euclid(1000),
            body: &call.body,
        };
        for (name, text) in signature::headers(&signed) {
            put(name, &text, false);
        }
        if let Some((user, password)) = url.credentials() {
            let pair = format!("{user}:{}", password.expose_secret());
            let encoded = base64::engine::general_purpose::STANDARD.encode(pair);
            put(AUTHORIZATION, &format!("Basic {encoded}"), true);
        }
        for (name, value) in format::headers(&options.format) {
            put(name, value.expose_secret(), true);
        }
        for own in &options.headers {
            if let Ok(name) = HeaderName::try_from(own.name()) {
                put(name, own.expose(), true);
            }
        }
        headers
    }
}
