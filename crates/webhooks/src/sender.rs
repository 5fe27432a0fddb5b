//! One call: a signed POST to a webhook's URL, with every limit that a hostile receiver makes necessary.
//!
//! Calls go straight to the receiver: proxies of the environment are not used, because a proxy would resolve the host
//! itself, behind the guard's back.

use std::time::Duration;

use base64::Engine as _;
use bytes::Bytes;
use gatehook_domain::id::DeliveryId;
use gatehook_domain::key::ProjectKey;
use gatehook_domain::webhook::{Attempt, EventKind, WebhookUrl};
use gatehook_domain::{Ambient, Timestamp};
use reqwest::header::{
    AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, LOCATION, RETRY_AFTER, USER_AGENT,
};
use reqwest::{Client, Response, StatusCode};
use secrecy::{ExposeSecret, SecretString};
use tokio::time::Instant;
use url::Url;

use crate::cause::Cause;
use crate::guard::{Guard, Resolver};
use crate::lanes::FLIGHTS;
use crate::signature::{SIGNATURE_HEADER, sign};

/// How long a receiver has to answer, from the first look-up of its name to the head of the last answer, a redirect
/// included. SonarQube's documentation: "must respond within 10 seconds".
pub const TIME_LIMIT: Duration = Duration::from_secs(10);
/// How much of an answer's body is read, so that the connection can be used again. Nothing of it is kept. Of the head,
/// the HTTP library reads at most 100 headers and about 400 KiB.
const BODY_LIMIT: usize = 64 * 1024;
/// How long the body is read. The answer already counts, so this only decides whether the connection is used again.
const BODY_TIME_LIMIT: Duration = Duration::from_secs(1);
/// Connections kept open to one receiver between calls, and how long.
const IDLE_CONNECTIONS: usize = FLIGHTS;
const IDLE_LIMIT: Duration = Duration::from_secs(30);

/// How soon a connection that was open already must break for the call to be made once more at once: the receiver closed
/// it between two calls, and the second try opens a new one.
const STALE_WITHIN: Duration = Duration::from_secs(1);

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
    /// The limits and the network of normal operation.
    pub fn new(version: &str) -> Self {
        Self {
            version: version.to_owned(),
            time_limit: TIME_LIMIT,
            guard: Guard::system(),
        }
    }
}

/// Why no calls can be made at all.
#[derive(Debug, thiserror::Error)]
pub enum SenderError {
    /// The HTTP client could not be set up.
    #[error("the HTTP client could not be set up")]
    Client(#[source] reqwest::Error),
    /// The version cannot stand in a header.
    #[error("'{0}' cannot stand in the User-Agent header")]
    Version(String),
}

/// What one call sends, and where to.
#[derive(Debug, Clone)]
pub struct Call {
    /// Where to.
    pub url: WebhookUrl,
    /// What it is signed with.
    pub secret: Option<SecretString>,
    /// The project it is about.
    pub project_key: ProjectKey,
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
pub struct Sender {
    /// Connects only to addresses that passed the guard. Its open connections are its own, so that none made while
    /// the guard was off is used while it is on.
    guarded: Client,
    /// Connects to every address.
    unguarded: Client,
    guard: Guard,
    user_agent: HeaderValue,
    time_limit: Duration,
    ambient: Ambient,
}

impl Sender {
    /// Sets the clients up; reads the certificates this machine trusts.
    pub fn new(config: SenderConfig, ambient: Ambient) -> Result<Self, SenderError> {
        let user_agent = HeaderValue::from_str(&format!("Gatehook/{}", config.version))
            .map_err(|_| SenderError::Version(config.version.clone()))?;
        Ok(Self {
            guarded: client(&Resolver {
                guard: config.guard.clone(),
                vets: true,
            })?,
            unguarded: client(&Resolver {
                guard: config.guard.clone(),
                vets: false,
            })?,
            guard: config.guard,
            user_agent,
            time_limit: config.time_limit,
            ambient,
        })
    }

    /// How long one call takes at most, before the body of the answer is dropped.
    pub fn time_limit(&self) -> Duration {
        self.time_limit
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
        let at = self.ambient.now();
        let begun = Instant::now();
        let exchange = async {
            match self.exchange(call, guarded).await {
                Err(Cause::Closed | Cause::Reset) if warm && begun.elapsed() < STALE_WITHIN => {
                    self.exchange(call, guarded).await
                }
                answer => answer,
            }
        };
        let answer = match tokio::time::timeout(self.time_limit, exchange).await {
            Ok(answer) => answer,
            Err(_) => Err(Cause::NoAnswer(self.time_limit)),
        };
        let duration_ms = i64::try_from(begun.elapsed().as_millis()).unwrap_or(i64::MAX);
        let (http_status, retry_after, cause) = match answer {
            Ok(response) => {
                let status = response.status().as_u16();
                let retry_after = response
                    .headers()
                    .get(RETRY_AFTER)
                    .and_then(|value| value.to_str().ok())
                    .and_then(|text| retry_after(text, self.ambient.now()));
                let _ = tokio::time::timeout(BODY_TIME_LIMIT, drain(response)).await;
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
    async fn exchange(&self, call: &Call, guarded: bool) -> Result<Response, Cause> {
        let mut headers = self.headers(call);
        let target = call.url.target();
        let response = self.post(&target, headers.clone(), &call.body, guarded).await?;
        if !is_followed(response.status()) {
            return Ok(response);
        }
        let next = redirect_target(&target, &response).map_err(|how| how(call.url.masked()))?;
        drop(response);
        if target.scheme() == "https" && next.scheme() == "http" {
            headers.remove(AUTHORIZATION);
        }
        self.post(&next, headers, &call.body, guarded).await
    }

    async fn post(&self, target: &Url, headers: HeaderMap, body: &Bytes, guarded: bool) -> Result<Response, Cause> {
        if guarded {
            self.guard.check_literal(target)?;
        }
        let client = if guarded { &self.guarded } else { &self.unguarded };
        let request = client.post(target.clone()).headers(headers).body(body.clone());
        request.send().await.map_err(|error| Cause::of(&error))
    }

    fn headers(&self, call: &Call) -> HeaderMap {
        let mut headers = HeaderMap::with_capacity(8);
        headers.insert(
            CONTENT_TYPE,
            HeaderValue::from_static("application/json; charset=utf-8"),
        );
        headers.insert(USER_AGENT, self.user_agent.clone());
        let mut put = |name: &'static str, text: &str, sensitive: bool| {
            // None of the texts can hold a character that headers do not have: keys, ids and words are plain ASCII.
            if let (Ok(name), Ok(mut value)) = (HeaderName::try_from(name), HeaderValue::from_str(text)) {
                value.set_sensitive(sensitive);
                headers.insert(name, value);
            }
        };
        put("X-SonarQube-Project", call.project_key.as_str(), false);
        put("X-Gatehook-Delivery", call.delivery.as_str(), false);
        put("X-Gatehook-Event", call.kind.as_str(), false);
        put("X-Gatehook-Attempt", &call.number.to_string(), false);
        if let Some(secret) = &call.secret {
            put(SIGNATURE_HEADER, &sign(secret, &call.body), false);
        }
        if let Some((user, password)) = call.url.credentials() {
            let pair = format!("{user}:{}", password.expose_secret());
            let encoded = base64::engine::general_purpose::STANDARD.encode(pair);
            put("Authorization", &format!("Basic {encoded}"), true);
        }
        headers
    }
}

fn client(resolver: &Resolver) -> Result<Client, SenderError> {
    let builder = || {
        Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .no_proxy()
            .pool_max_idle_per_host(IDLE_CONNECTIONS)
            .pool_idle_timeout(IDLE_LIMIT)
            .dns_resolver(resolver.clone())
    };
    builder().build().or_else(|error| {
        // A bare system has no certificates to trust. Receivers without TLS can be called all the same.
        tracing::warn!(%error, "no trusted certificates were found: calls over https will fail");
        builder()
            .tls_certs_only(std::iter::empty())
            .build()
            .map_err(SenderError::Client)
    })
}

/// How long from `now` the header `Retry-After` asks to wait: seconds, or until a date in the form of RFC 9110.
fn retry_after(text: &str, now: Timestamp) -> Option<Duration> {
    let text = text.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(Duration::from_secs(text.parse().unwrap_or(u64::MAX)));
    }
    let until = httpdate(text)?;
    Some(until.since(now))
}

/// Reads `Sun, 06 Nov 1994 08:49:37 GMT`, the only form of a date that may be sent.
fn httpdate(text: &str) -> Option<Timestamp> {
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let mut words = text.split_once(", ")?.1.split(' ');
    let (day, month, year) = (words.next()?, words.next()?, words.next()?);
    let (time, zone) = (words.next()?, words.next()?);
    let month = MONTHS.iter().position(|name| *name == month)? + 1;
    if zone != "GMT" {
        return None;
    }
    Timestamp::parse(&format!("{year}-{month:02}-{day}T{time}+0000")).ok()
}

/// The statuses whose redirect is followed with the same POST. 303 would turn it into a GET, so it is an answer.
fn is_followed(status: StatusCode) -> bool {
    matches!(status.as_u16(), 301 | 302 | 307 | 308)
}

/// Where a redirect points, or the cause that is made of the webhook's masked URL.
fn redirect_target(from: &Url, response: &Response) -> Result<Url, fn(String) -> Cause> {
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

async fn drain(mut response: Response) {
    let mut left = BODY_LIMIT;
    while let Ok(Some(chunk)) = response.chunk().await {
        match left.checked_sub(chunk.len()) {
            Some(rest) => left = rest,
            None => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_receiver_asks_for_time_in_seconds_or_until_a_date() {
        let now = Timestamp::parse("1994-11-06T08:48:37+0000").unwrap();
        let seconds = |text| retry_after(text, now).map(|wait| wait.as_secs());
        assert_eq!(seconds("120"), Some(120));
        assert_eq!(seconds(" 0 "), Some(0));
        assert_eq!(seconds("99999999999999999999999"), Some(u64::MAX));
        assert_eq!(seconds("Sun, 06 Nov 1994 08:49:37 GMT"), Some(60));
        assert_eq!(seconds("Sun, 06 Nov 1994 08:40:37 GMT"), Some(0), "that has passed");
        for text in [
            "",
            "-5",
            "1.5",
            "soon",
            "Sun, 06 Nov 1994 08:49:37 CET",
            "Sun, 99 Nov 1994 08:49:37 GMT",
        ] {
            assert_eq!(seconds(text), None, "{text}");
        }
    }
}
