//! One claimed delivery: the call, its line in the log, and what came of it written down.

use std::error::Error as StdError;

use bytes::Bytes;
use gatehook_domain::id::NodeId;
use gatehook_domain::setting::VALIDATE_WEBHOOKS;
use gatehook_domain::webhook::{Attempt, Delivery, Event, Webhook};
use gatehook_store::{Store, StoreError, Tx, delivery, setting};

use crate::engine::{FIRST_PAUSE, LAST_PAUSE};
use crate::policy::after;
use crate::sender::{Call, Sender};

/// How often the end of a call is tried to be written down before it is left to the lease.
const COMPLETION_TRIES: u32 = 6;

/// A delivery that is this node's to make.
#[derive(Debug, Clone)]
pub(crate) struct Claimed {
    pub(crate) delivery: Delivery,
    pub(crate) event: Event,
    pub(crate) webhook: Webhook,
}

/// Makes one call and writes down what came of it.
pub(crate) async fn deliver(store: Store, sender: Sender, node: NodeId, claimed: Claimed) {
    let call = Call {
        url: claimed.webhook.url.clone(),
        secret: claimed.webhook.secret.clone(),
        project_key: claimed.event.project_key.clone(),
        kind: claimed.event.kind,
        delivery: claimed.delivery.id.clone(),
        number: claimed.delivery.attempts,
        body: Bytes::from(claimed.event.payload),
    };
    let guarded = match store.read(guards).await {
        Ok(guarded) => guarded,
        Err(error) => {
            let error = &error as &dyn StdError;
            tracing::error!(error, delivery = %call.delivery, "a webhook call was put off until its lease runs out");
            return;
        }
    };
    let attempt = sender.send(&call, guarded).await;
    log(&claimed.webhook, &attempt);
    let mut pause = FIRST_PAUSE;
    for tries_left in (0..COMPLETION_TRIES).rev() {
        let (id, node, attempt) = (call.delivery.clone(), node.clone(), attempt.clone());
        let webhook = claimed.webhook.id.clone();
        let completed = store
            .write(move |tx| {
                let outcome = after(&attempt, tx.ambient().now());
                let completion = delivery::Completion {
                    delivery: id.clone(),
                    webhook: webhook.clone(),
                    attempt: attempt.clone(),
                    outcome,
                };
                delivery::complete(tx, &node, &completion)
            })
            .await;
        match completed {
            Ok(true) => return,
            Ok(false) => {
                tracing::warn!(delivery = %call.delivery, "the lease of a webhook call was lost, or its webhook deleted");
                return;
            }
            Err(error) => {
                let error = &error as &dyn StdError;
                tracing::error!(error, delivery = %call.delivery, tries_left, "a webhook call could not be written down");
            }
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LAST_PAUSE);
    }
}

/// Whether webhooks to inner addresses are refused; they are unless somebody said `false`.
fn guards(tx: &mut Tx<'_>) -> Result<bool, StoreError> {
    Ok(setting::get(tx, VALIDATE_WEBHOOKS, None)?.is_none_or(|set| !set.trim().eq_ignore_ascii_case("false")))
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
