//! Whether the server does what it is there for, and what stands in the way.

use std::time::Duration;

use gatehook_domain::Timestamp;
use gatehook_domain::user::GlobalPermission;
use gatehook_domain::webhook::{LONG_FAILURE, Webhook};
use gatehook_store::delivery::{self, Backlog};
use gatehook_store::{Store, StoreError, Tx, setting, task, webhook};

use crate::action::Call;
use crate::error::{ApiError, chain};

/// The setting that is written to see whether writing works; it is none that people can see or change.
pub(crate) const PROBE: &str = "gatehook.health.probe";

/// How long a write may take.
const WRITE_PATIENCE: Duration = Duration::from_secs(5);
/// How many owed calls are many.
const MANY_OWED: i64 = 10_000;
/// How late a call may be made.
const LATE: Duration = Duration::from_mins(5);
/// How long a report may wait for its analysis.
const LONG_WAIT: Duration = Duration::from_mins(15);
/// How many failing webhooks are named.
const NAMED: i64 = 10;

/// How the server is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Level {
    Green,
    /// It works, but somebody should look.
    Yellow,
    /// It does not work.
    Red,
}

impl Level {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Green => "GREEN",
            Self::Yellow => "YELLOW",
            Self::Red => "RED",
        }
    }
}

/// How the server is, and why it is not green.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Health {
    pub(crate) level: Level,
    pub(crate) causes: Vec<String>,
}

/// What was seen.
#[derive(Debug)]
struct Seen {
    now: Timestamp,
    backlog: Backlog,
    oldest_task: Option<Timestamp>,
    /// Webhooks that have failed for long, those for longest first, as far as they are named.
    failing: Vec<Failing>,
    /// How many have failed for long.
    failing_count: i64,
    /// Webhooks whose receivers' certificates are not checked, as far as they are named: name and URL.
    unverified: Vec<(String, String)>,
    /// How many there are.
    unverified_count: i64,
}

#[derive(Debug)]
struct Failing {
    name: String,
    url: String,
    since: Timestamp,
    gone: bool,
}

/// Looks how the server is, for a caller who may know.
pub(crate) async fn look(call: &Call) -> Result<Health, ApiError> {
    let caller = call.caller.clone();
    let store = &call.state.store;
    let seen = store
        .read(move |tx| {
            caller.require_global(tx, GlobalPermission::Admin)?;
            see(tx).map_err(ApiError::from)
        })
        .await?;
    let write = store.write(|tx| {
        let now = tx.ambient().now().to_string();
        setting::set(tx, PROBE, None, &now)
    });
    let written = match tokio::time::timeout(WRITE_PATIENCE, write).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => {
            tracing::error!(error = %chain(&error), "the database cannot be written to");
            Err(match error {
                StoreError::Full { .. } => "The disk of the database is full",
                StoreError::Busy { .. } => "The database is locked by others",
                _ => "The database cannot be written to; the log has the reason",
            })
        }
        Err(_) => Err("The database takes more than five seconds for a write"),
    };
    Ok(judge(&seen, written))
}

/// Says in the log which webhooks do not check their receiver's certificate; for the start, so that nobody forgets them.
pub async fn warn_of_unverified(store: &Store) -> Result<(), StoreError> {
    let (found, count) = store
        .read(|tx| Ok::<_, StoreError>((webhook::unverified(tx, NAMED)?, webhook::count_unverified(tx)?)))
        .await?;
    for webhook in &found {
        tracing::warn!(
            webhook = %webhook.id,
            url = %webhook.url.masked(),
            count,
            "a webhook does not check its receiver's certificate: its calls can be read and changed on the way"
        );
    }
    Ok(())
}

fn see(tx: &mut Tx<'_>) -> Result<Seen, StoreError> {
    let now = tx.ambient().now();
    let before = now.minus(LONG_FAILURE);
    Ok(Seen {
        now,
        backlog: delivery::backlog(tx)?,
        oldest_task: task::oldest_pending(tx, None)?,
        failing: webhook::failing_since(tx, before, NAMED)?
            .into_iter()
            .filter_map(|webhook: Webhook| {
                Some(Failing {
                    url: webhook.url.masked(),
                    since: webhook.failing_since?,
                    gone: webhook.gone,
                    name: webhook.name,
                })
            })
            .collect(),
        failing_count: webhook::count_failing_since(tx, before)?,
        unverified: webhook::unverified(tx, NAMED)?
            .into_iter()
            .map(|webhook| {
                let url = webhook.url.masked();
                (webhook.name, url)
            })
            .collect(),
        unverified_count: webhook::count_unverified(tx)?,
    })
}

fn judge(seen: &Seen, written: Result<(), &str>) -> Health {
    let mut causes = Vec::new();
    let level = if let Err(cause) = written {
        causes.push(cause.to_owned());
        Level::Red
    } else {
        Level::Yellow
    };
    let pending = seen.backlog.pending;
    if pending > MANY_OWED {
        causes.push(format!("{pending} webhook calls are owed"));
    }
    let waited = |since: Option<Timestamp>, most: Duration| {
        since
            .map(|since| seen.now.since(since))
            .filter(|waited| *waited > most)
            .map(|waited| waited.as_secs() / 60)
    };
    if let Some(minutes) = waited(seen.backlog.oldest_due, LATE) {
        causes.push(format!("A webhook call is {minutes} minutes late"));
    }
    if let Some(minutes) = waited(seen.oldest_task, LONG_WAIT) {
        causes.push(format!("A report has waited for {minutes} minutes for its analysis"));
    }
    for failing in &seen.failing {
        let Failing { name, url, since, gone } = failing;
        causes.push(if *gone {
            format!(
                "The webhook '{name}' to {url} has failed since {since}; its receiver says that it is gone for good"
            )
        } else {
            format!("The webhook '{name}' to {url} has failed since {since}")
        });
    }
    let unnamed = seen.failing_count - seen.failing.len() as i64;
    if unnamed > 0 {
        causes.push(format!("{unnamed} more webhooks have failed for more than an hour"));
    }
    for (name, url) in &seen.unverified {
        causes.push(format!(
            "The webhook '{name}' to {url} does not check the receiver's certificate: its calls can be read and changed on the way"
        ));
    }
    let unnamed = seen.unverified_count - seen.unverified.len() as i64;
    if unnamed > 0 {
        causes.push(format!(
            "{unnamed} more webhooks do not check their receiver's certificate"
        ));
    }
    Health {
        level: if causes.is_empty() { Level::Green } else { level },
        causes,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(pending: i64, oldest_due: Option<i64>) -> Seen {
        Seen {
            now: Timestamp::from_millis(10_000_000),
            backlog: Backlog {
                pending,
                oldest_due: oldest_due.map(Timestamp::from_millis),
                failing_hooks: 0,
            },
            oldest_task: None,
            failing: Vec::new(),
            failing_count: 0,
            unverified: Vec::new(),
            unverified_count: 0,
        }
    }

    #[test]
    fn what_is_late_large_or_broken_is_named() {
        let green = Health {
            level: Level::Green,
            causes: Vec::new(),
        };
        assert_eq!(judge(&seen(MANY_OWED, Some(10_000_000 - 300_000)), Ok(())), green);
        // A retry that lies ahead is not late.
        assert_eq!(judge(&seen(1, Some(20_000_000)), Ok(())), green);
        let late = judge(&seen(MANY_OWED + 1, Some(10_000_000 - 360_000)), Ok(()));
        assert_eq!(late.level, Level::Yellow);
        assert_eq!(
            late.causes,
            ["10001 webhook calls are owed", "A webhook call is 6 minutes late"]
        );
        let broken = judge(&seen(0, None), Err("full"));
        assert_eq!((broken.level, broken.causes), (Level::Red, vec!["full".to_owned()]));
    }

    #[test]
    fn a_webhook_that_fails_for_long_is_named_and_others_counted() {
        let mut seen = seen(0, None);
        seen.failing = vec![Failing {
            name: "ci".to_owned(),
            url: "https://ci.example/".to_owned(),
            since: Timestamp::from_millis(0),
            gone: true,
        }];
        seen.failing_count = 3;
        assert_eq!(
            judge(&seen, Ok(())).causes,
            [
                "The webhook 'ci' to https://ci.example/ has failed since 1970-01-01T00:00:00+0000; its receiver says that \
                 it is gone for good",
                "2 more webhooks have failed for more than an hour"
            ]
        );
    }

    #[test]
    fn a_webhook_that_checks_no_certificate_is_named() {
        let mut seen = seen(0, None);
        seen.unverified = vec![("ci".to_owned(), "https://ci.example/".to_owned())];
        seen.unverified_count = 2;
        let health = judge(&seen, Ok(()));
        assert_eq!(health.level, Level::Yellow);
        assert_eq!(
            health.causes,
            [
                "The webhook 'ci' to https://ci.example/ does not check the receiver's certificate: its calls can be read and \
                 changed on the way",
                "1 more webhooks do not check their receiver's certificate"
            ]
        );
    }
}
