//! One claimed delivery: the call, its line in the log, and what came of it.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use gatehook_domain::Ambient;
use gatehook_domain::setting::{VALIDATE_WEBHOOKS, WEBHOOK_ALLOWED_TARGETS, WEBHOOK_RETRIES, WEBHOOK_RETRY_SCHEDULE};
use gatehook_domain::webhook::{Attempt, RetrySchedule, Webhook};
use gatehook_store::delivery::{Claimed, Completion};
use gatehook_store::{StoreError, Tx, setting};

use crate::lanes::Pace;
use crate::policy::{Ending, after};
use crate::sender::{Call, Sender};

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

impl Rules {
    pub(crate) fn read(tx: &mut Tx<'_>) -> Result<Self, StoreError> {
        let on = |set: Option<String>| set.is_none_or(|set| !set.trim().eq_ignore_ascii_case("false"));
        let schedule = setting::get(tx, WEBHOOK_RETRY_SCHEDULE, None)?;
        Ok(Self {
            guarded: on(setting::get(tx, VALIDATE_WEBHOOKS, None)?),
            allowed_targets: setting::get(tx, WEBHOOK_ALLOWED_TARGETS, None)?,
            retries: on(setting::get(tx, WEBHOOK_RETRIES, None)?),
            // What cannot be read was refused when it was set; somebody wrote it past that.
            schedule: schedule
                .and_then(|text| RetrySchedule::parse(&text).ok())
                .unwrap_or_default(),
        })
    }

    /// The pauses between attempts for a webhook.
    fn schedule(&self, webhook: &Webhook) -> RetrySchedule {
        if webhook.retries.unwrap_or(self.retries) {
            self.schedule.clone()
        } else {
            RetrySchedule::never()
        }
    }
}

/// Makes one call and decides what comes next.
pub(crate) async fn deliver(sender: Sender, ambient: Ambient, due: Due, warm: bool) -> Landed {
    let Due { claimed, rules } = due;
    let call = Call {
        webhook: Arc::new(claimed.webhook),
        project_key: claimed.event.project_key.clone(),
        kind: claimed.event.kind,
        delivery: claimed.delivery.id.clone(),
        number: claimed.delivery.attempts,
        body: Bytes::from(claimed.event.payload),
    };
    let sent = sender.call(&call, rules.guarded, warm).await;
    log(&call.webhook, &sent.attempt);
    let ending = Ending::of(sent.attempt.http_status, sent.cause.as_ref());
    let schedule = rules.schedule(&call.webhook);
    let outcome = after(
        ending,
        claimed.attempt_of_round,
        &schedule,
        sent.retry_after,
        ambient.now(),
        random(&ambient),
    );
    let pace = if ending == Ending::Transient {
        Pace::Failed {
            again: schedule != RetrySchedule::never(),
        }
    } else if sent.attempt.duration_ms > SLOW.as_millis() as i64 {
        Pace::Slow
    } else {
        Pace::Quick
    };
    Landed {
        completion: Completion {
            delivery: call.delivery,
            webhook: call.webhook.id.clone(),
            attempt: sent.attempt,
            outcome,
        },
        pace,
    }
}

/// Any number.
pub(crate) fn random(ambient: &Ambient) -> u64 {
    let mut bytes = [0; 8];
    ambient.fill(&mut bytes);
    u64::from_le_bytes(bytes)
}

/// SonarQube's lines, which people's log searches know; the URL is masked, and what is no success is a warning.
fn log(webhook: &Webhook, attempt: &Attempt) {
    let name: String = webhook
        .name
        .chars()
        .map(|letter| if letter.is_control() { ' ' } else { letter })
        .collect();
    let (url, time) = (webhook.url.masked(), attempt.duration_ms);
    match (attempt.http_status, &attempt.error) {
        (Some(status), _) if attempt.succeeded() => {
            tracing::debug!("Sent webhook '{name}' | url={url} | time={time}ms | status={status}");
        }
        (Some(status), _) => {
            tracing::warn!("Failed to send webhook '{name}' | url={url} | time={time}ms | status={status}");
        }
        (None, error) => {
            let message = error.as_deref().unwrap_or("no answer");
            tracing::warn!("Failed to send webhook '{name}' | url={url} | message={message}");
        }
    }
}
