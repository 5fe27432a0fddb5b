//! One claimed delivery: the call, its line in the log, and what came of it.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use gatehook_domain::Ambient;
use gatehook_domain::setting::{
    VALIDATE_WEBHOOKS, WEBHOOK_ALLOWED_TARGETS, WEBHOOK_RATE, WEBHOOK_RETRIES, WEBHOOK_RETRY_SCHEDULE,
};
use gatehook_domain::webhook::{Attempt, RetrySchedule, Webhook};
use gatehook_store::delivery::{Claimed, Completion};
use gatehook_store::{StoreError, Tx, setting};

use crate::cause::Cause;
use crate::lanes::Pace;
use crate::policy::{Ending, after};
use crate::sender::{Call, Sender, Sent};

/// An answer that took longer is slow: its receiver is asked for less at once.
const SLOW: Duration = Duration::from_secs(1);

/// What the settings say that calls depend on; read with every claim.
#[derive(Debug)]
pub(crate) struct Rules {
    /// Whether webhooks to inner addresses are refused.
    guarded: bool,
    /// Which of them are not.
    pub(crate) allowed_targets: Option<String>,
    retries: bool,
    schedule: RetrySchedule,
    /// At most so many calls to one webhook begin in a second; 0 is no limit.
    pub(crate) rate: u32,
}

/// A delivery that is this node's to make, and what holds for it.
#[derive(Debug)]
pub(crate) struct Due {
    pub(crate) claimed: Claimed,
    pub(crate) rules: Arc<Rules>,
}

/// How a call ended.
#[derive(Debug)]
pub(crate) struct Landed {
    pub(crate) completion: Completion,
    pub(crate) pace: Pace,
}

/// The bytes of a call's body, shared with what was claimed.
struct Body(Arc<Due>);

impl AsRef<[u8]> for Body {
    fn as_ref(&self) -> &[u8] {
        self.0.body()
    }
}

impl Rules {
    pub(crate) fn read(tx: &mut Tx<'_>) -> Result<Self, StoreError> {
        let mut set = setting::of_system(
            tx,
            &[
                VALIDATE_WEBHOOKS,
                WEBHOOK_ALLOWED_TARGETS,
                WEBHOOK_RETRIES,
                WEBHOOK_RETRY_SCHEDULE,
                WEBHOOK_RATE,
            ],
        )?;
        let mut take = |key| set.remove(key);
        let on = |set: Option<String>| set.is_none_or(|set| !set.trim().eq_ignore_ascii_case("false"));
        Ok(Self {
            guarded: on(take(VALIDATE_WEBHOOKS)),
            allowed_targets: take(WEBHOOK_ALLOWED_TARGETS),
            retries: on(take(WEBHOOK_RETRIES)),
            // What cannot be read was refused when it was set; somebody wrote it past that.
            schedule: take(WEBHOOK_RETRY_SCHEDULE)
                .and_then(|text| RetrySchedule::parse(&text).ok())
                .unwrap_or_default(),
            rate: take(WEBHOOK_RATE)
                .and_then(|text| text.trim().parse().ok())
                .unwrap_or(0),
        })
    }

    /// The pauses between attempts for a webhook.
    fn schedule(&self, webhook: &Webhook) -> Cow<'_, RetrySchedule> {
        if webhook.retries.unwrap_or(self.retries) {
            Cow::Borrowed(&self.schedule)
        } else {
            Cow::Owned(RetrySchedule::never())
        }
    }
}

/// Makes one call and decides what comes next.
pub(crate) async fn deliver(sender: &Sender, ambient: &Ambient, due: Arc<Due>) -> Landed {
    let claimed = &due.claimed;
    if due.body().is_empty() {
        return due.without_call(Cause::NothingToSend, ambient);
    }
    let call = Call {
        webhook: Arc::clone(&claimed.webhook),
        project_key: claimed.event.project_key.clone(),
        kind: claimed.event.kind,
        delivery: claimed.id.clone(),
        number: claimed.number,
        body: Bytes::from_owner(Body(Arc::clone(&due))),
        path: claimed.rendered.as_ref().and_then(|rendered| rendered.path.clone()),
    };
    let sent = sender.call(&call, due.rules.guarded).await;
    due.landed(sent, ambient)
}

impl Due {
    /// What is sent: the event's payload, unless the webhook has another format. Empty when that could make nothing of it.
    pub(crate) fn body(&self) -> &[u8] {
        match &self.claimed.rendered {
            Some(rendered) => &rendered.body,
            None => &self.claimed.event.payload,
        }
    }

    /// What comes of the attempt.
    fn landed(&self, sent: Sent, ambient: &Ambient) -> Landed {
        let Claimed { webhook, .. } = &self.claimed;
        let shown_url = webhook.url.masked();
        log(webhook, &shown_url, &sent.attempt);
        let ending = Ending::of(sent.attempt.http_status, sent.cause.as_ref());
        let schedule = self.rules.schedule(webhook);
        let pace = if ending == Ending::Transient {
            Pace::Failed {
                again: *schedule != RetrySchedule::never(),
            }
        } else if sent.attempt.duration_ms > SLOW.as_millis() as i64 {
            Pace::Slow
        } else {
            Pace::Quick
        };
        let outcome = after(
            ending,
            self.claimed.number_of_round,
            &schedule,
            sent.retry_after,
            ambient.now(),
            chance(ambient, ending),
        );
        Landed {
            completion: Completion {
                delivery: self.claimed.id.clone(),
                webhook: webhook.id.clone(),
                url: (shown_url != self.claimed.shown_url).then_some(shown_url),
                attempt: sent.attempt,
                outcome,
            },
            pace,
        }
    }

    /// What comes of an attempt that nothing is known of: the program failed at it.
    pub(crate) fn crashed(&self, ambient: &Ambient) -> Landed {
        self.without_call(Cause::Other, ambient)
    }

    /// What comes of an attempt in which no call was made.
    fn without_call(&self, cause: Cause, ambient: &Ambient) -> Landed {
        let attempt = Attempt {
            number: self.claimed.number,
            at: ambient.now(),
            duration_ms: 0,
            http_status: None,
            error: Some(cause.to_string()),
        };
        let sent = Sent {
            attempt,
            cause: Some(cause),
            retry_after: None,
        };
        self.landed(sent, ambient)
    }
}

/// Any number for a pause, where an ending may lead to one: asking for it costs a call of the system.
fn chance(ambient: &Ambient, ending: Ending) -> u64 {
    if ending == Ending::Transient {
        random(ambient)
    } else {
        0
    }
}

/// Any number.
pub(crate) fn random(ambient: &Ambient) -> u64 {
    let mut bytes = [0; 8];
    ambient.fill(&mut bytes);
    u64::from_le_bytes(bytes)
}

/// SonarQube's lines, which people's log searches know; the URL is masked, and what is no success is a warning.
fn log(webhook: &Webhook, url: &str, attempt: &Attempt) {
    // Whoever reads the log has to see that somebody could have read and changed the call on the way.
    let loud = if webhook.options.skip_tls_verification && webhook.url.target().scheme() == "https" {
        " | the certificate is NOT verified"
    } else {
        ""
    };
    if attempt.succeeded() && loud.is_empty() && !tracing::enabled!(tracing::Level::DEBUG) {
        return;
    }
    let name: String = webhook
        .name
        .chars()
        .map(|letter| if letter.is_control() { ' ' } else { letter })
        .collect();
    let time = attempt.duration_ms;
    match (attempt.http_status, &attempt.error) {
        (Some(status), _) if attempt.succeeded() => {
            if loud.is_empty() {
                tracing::debug!("Sent webhook '{name}' | url={url} | time={time}ms | status={status}");
            } else {
                tracing::warn!("Sent webhook '{name}' | url={url} | time={time}ms | status={status}{loud}");
            }
        }
        (Some(status), _) => {
            tracing::warn!("Failed to send webhook '{name}' | url={url} | time={time}ms | status={status}{loud}");
        }
        (None, error) => {
            let message = error.as_deref().unwrap_or("no answer");
            tracing::warn!("Failed to send webhook '{name}' | url={url} | message={message}{loud}");
        }
    }
}
