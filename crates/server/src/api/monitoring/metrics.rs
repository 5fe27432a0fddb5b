//! `api/monitoring/metrics`: numbers in the text format of Prometheus.

use std::fmt::Write as _;
use std::time::Duration;

use gatehook_domain::Timestamp;
use gatehook_domain::user::GlobalPermission;
use gatehook_store::delivery::{self, Backlog};
use gatehook_store::{Tx, task};
use gatehook_webhooks::counters::Counts;

use crate::action::{Action, Answer, Call, Run};
use crate::error::ApiError;

pub(crate) const ACTION: Action = Action::get(
    "api/monitoring/metrics",
    "9.3",
    "Numbers in the text format of Prometheus: what is owed and how late it is, calls, tasks.",
    Run::Read(run),
)
.permission("Administer System");

/// What the numbers are made of.
#[derive(Debug, Clone, Copy)]
struct Seen {
    now: Timestamp,
    backlog: Backlog,
    tasks: i64,
    oldest_task: Option<Timestamp>,
    counts: Counts,
}

fn run(tx: &mut Tx<'_>, call: &Call) -> Result<Answer, ApiError> {
    call.caller.require_global(tx, GlobalPermission::Admin)?;
    let seen = Seen {
        now: tx.ambient().now(),
        backlog: delivery::backlog(tx)?,
        tasks: task::count_pending(tx)?,
        oldest_task: task::oldest_pending(tx, None)?,
        counts: call.state.config.counters.counts(),
    };
    Ok(Answer::metrics(text(&seen)))
}

fn text(seen: &Seen) -> String {
    let late = |since: Option<Timestamp>| {
        since
            .map_or(Duration::ZERO, |since| seen.now.since(since))
            .as_secs_f64()
    };
    let Counts {
        delivered,
        failed,
        retried,
    } = seen.counts;
    let mut text = Text::default();
    text.family(
        "gatehook_build_info",
        "gauge",
        "Always 1; the version stands in the label.",
    );
    text.sample("gatehook_build_info", Some(("version", crate::VERSION)), 1);
    text.gauge(
        "gatehook_webhook_backlog",
        "Webhook calls that are owed, also those that wait for a retry or for a paused webhook.",
        seen.backlog.pending,
    );
    text.gauge(
        "gatehook_webhook_overdue_seconds",
        "How late the call is that should have been made first; 0 when none is due. Paused webhooks do not count.",
        late(seen.backlog.oldest_due),
    );
    text.gauge(
        "gatehook_webhooks_failing",
        "Webhooks whose last attempt was no success.",
        seen.backlog.failing_hooks,
    );
    text.family(
        "gatehook_webhook_attempts_total",
        "counter",
        "Attempts of webhook calls that ended, of this process: retry is a failure after which another one follows.",
    );
    for (result, count) in [("success", delivered), ("retry", retried), ("failure", failed)] {
        text.sample("gatehook_webhook_attempts_total", Some(("result", result)), count);
    }
    text.family(
        "gatehook_webhook_deliveries_total",
        "counter",
        "Webhook calls that this process has brought to an end.",
    );
    for (outcome, count) in [("delivered", delivered), ("failed", failed)] {
        text.sample("gatehook_webhook_deliveries_total", Some(("outcome", outcome)), count);
    }
    text.gauge(
        "gatehook_tasks_pending",
        "Reports that wait for their analysis.",
        seen.tasks,
    );
    text.gauge(
        "gatehook_tasks_oldest_pending_seconds",
        "How long the report has waited that waits longest; 0 when none does.",
        late(seen.oldest_task),
    );
    text.0
}

/// The text format: families of samples, each with its help and type.
#[derive(Debug, Default)]
struct Text(String);

impl Text {
    // Writing to a text cannot fail. Help and labels are the fixed ones above, without anything to escape.
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    fn sample(&mut self, name: &str, label: Option<(&str, &str)>, value: impl std::fmt::Display) {
        let _ = match label {
            Some((key, word)) => writeln!(self.0, "{name}{{{key}=\"{word}\"}} {value}"),
            None => writeln!(self.0, "{name} {value}"),
        };
    }

    fn gauge(&mut self, name: &str, help: &str, value: impl std::fmt::Display) {
        self.family(name, "gauge", help);
        self.sample(name, None, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_late_is_told_in_seconds_and_what_lies_ahead_is_not_late() {
        let at = Timestamp::from_millis;
        let mut seen = Seen {
            now: at(10_000),
            backlog: Backlog {
                pending: 3,
                oldest_due: Some(at(7_500)),
                failing_hooks: 1,
            },
            tasks: 0,
            oldest_task: None,
            counts: Counts {
                delivered: 5,
                failed: 2,
                retried: 4,
            },
        };
        let shown = text(&seen);
        for line in [
            "gatehook_webhook_backlog 3",
            "gatehook_webhook_overdue_seconds 2.5",
            "gatehook_webhooks_failing 1",
            "gatehook_webhook_attempts_total{result=\"retry\"} 4",
            "gatehook_webhook_deliveries_total{outcome=\"delivered\"} 5",
            "gatehook_tasks_oldest_pending_seconds 0",
        ] {
            assert!(shown.lines().any(|one| one == line), "{line}:\n{shown}");
        }
        seen.backlog.oldest_due = Some(at(20_000));
        assert!(text(&seen).contains("gatehook_webhook_overdue_seconds 0\n"));
    }
}
