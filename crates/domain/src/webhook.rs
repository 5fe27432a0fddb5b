//! Webhooks: whom to call, what for, and what came of it.

use std::time::Duration;

use secrecy::SecretString;

use crate::id::{AnalysisId, BranchId, DeliveryId, EventId, ProjectId, TaskId, WebhookId};
use crate::key::ProjectKey;
use crate::time::Timestamp;
use crate::words::words;

pub mod filter;
pub mod format;
pub mod header;
pub mod options;
pub mod schedule;
pub mod targets;
pub mod url;

pub use self::filter::{Facts, Filter, GateSays, Pattern, TaskEnd};
pub use self::format::{BadFormat, Format, FormatKind, FormatParts};
pub use self::header::{BadHeader, CustomHeader};
pub use self::options::{HookOptions, PreviousSecret};
pub use self::schedule::{NotASchedule, RetrySchedule, parse_pause};
pub use self::targets::{AllowedTargets, NotTargets};
pub use self::url::{StillMasked, WebhookUrl};

/// The most webhooks one project has, and, separately, the system, unless the settings say otherwise.
pub const MAX_WEBHOOKS: usize = 10;

/// After so long without a success, the calls of a webhook have failed for long: people are told.
pub const LONG_FAILURE: Duration = Duration::from_hours(1);

/// An address that is called when something happened.
#[derive(Debug, Clone)]
pub struct Webhook {
    /// Its id; what the Web API calls its key.
    pub id: WebhookId,
    /// The project it belongs to; none for a global one.
    pub project: Option<ProjectId>,
    /// Its name, not unique.
    pub name: String,
    /// Where to call.
    pub url: WebhookUrl,
    /// What calls are signed with.
    pub secret: Option<SecretString>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was changed.
    pub updated_at: Timestamp,
    /// Whether what it is owed waits until somebody resumes it.
    pub paused: bool,
    /// Whether failed calls are tried again; none is: as the setting says.
    pub retries: Option<bool>,
    /// When the first of the failures in a row began; none while there are none.
    pub failing_since: Option<Timestamp>,
    /// How many attempts in a row were no success.
    pub failures: i64,
    /// Whether the receiver has answered 410 since it last took a call: it says that it is gone for good.
    pub gone: bool,
    /// What it asks for beyond SonarQube's.
    pub options: HookOptions,
}

words! {
    /// What happened.
    EventKind {
        /// The analysis of a branch ended, in success or failure.
        AnalysisCompleted = "analysis.completed",
        /// A change of an issue changed the gate's status.
        GateChanged = "gate.changed",
        /// The calls of a webhook have failed for long.
        WebhookFailing = "webhook.failing",
        /// The calls of a webhook that had failed for long arrive again.
        WebhookRecovered = "webhook.recovered",
        /// Nothing: somebody tries a webhook out.
        Ping = "ping",
    }
}

impl EventKind {
    /// Whether webhooks are told that name no kinds of event: what SonarQube's webhooks are told.
    pub const fn is_told_unasked(self) -> bool {
        matches!(self, Self::AnalysisCompleted | Self::GateChanged)
    }

    /// Whether it is about a branch and its gate.
    pub const fn is_about_code(self) -> bool {
        matches!(self, Self::AnalysisCompleted | Self::GateChanged)
    }
}

/// Something that happened, and the exact bytes receivers are sent about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Its id.
    pub id: EventId,
    /// The project it is about; none when it is about a global webhook.
    pub project: Option<ProjectId>,
    /// That project's key at the time, for the header.
    pub project_key: Option<ProjectKey>,
    /// The branch, unless the report could not be read so far.
    pub branch: Option<BranchId>,
    /// What happened.
    pub kind: EventKind,
    /// The task that caused it.
    pub task: Option<TaskId>,
    /// The analysis it is about.
    pub analysis: Option<AnalysisId>,
    /// The body of the calls, exactly as it is signed and sent.
    pub payload: Vec<u8>,
    /// When it happened.
    pub created_at: Timestamp,
}

words! {
    /// Where a delivery stands.
    DeliveryStatus {
        /// Owed: has exactly one due time.
        Pending = "PENDING",
        /// The receiver answered with a 2xx status.
        Delivered = "DELIVERED",
        /// It did not, and no further try will be made.
        Failed = "FAILED",
    }
}

/// One event on its way to one webhook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Its id, the same on every attempt.
    pub id: DeliveryId,
    /// The event.
    pub event: EventId,
    /// The webhook.
    pub webhook: WebhookId,
    /// The project the event is about; none when it is about a global webhook.
    pub project: Option<ProjectId>,
    /// The task that caused the event.
    pub task: Option<TaskId>,
    /// The webhook's name when the event happened.
    pub name: String,
    /// The webhook's URL when the last attempt was made (before any: when the event happened), credentials masked.
    pub url: String,
    /// Where it stands.
    pub status: DeliveryStatus,
    /// When the next attempt is due; exactly as long as the status is pending.
    pub due_at: Option<Timestamp>,
    /// How many attempts were begun.
    pub attempts: i64,
    /// What came of the last attempt.
    pub last: Option<Attempt>,
    /// When the event happened.
    pub created_at: Timestamp,
}

/// What one delivery sends in the place of its event's payload, because its webhook has another format.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendered {
    /// The body, exactly as it is signed and sent. An empty one: nothing could be made of the event, and it is never sent.
    pub body: Vec<u8>,
    /// What is added to the path of the webhook's URL, percent-encoded and beginning with `/`; none: nothing.
    pub path: Option<String>,
}

/// What came of one attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// Counted from 1.
    pub number: i64,
    /// When it began.
    pub at: Timestamp,
    /// How long it took, in milliseconds.
    pub duration_ms: i64,
    /// The status of the answer, if there was one.
    pub http_status: Option<u16>,
    /// Why there was no answer, or why it was refused; never holds credentials or anything the receiver sent.
    pub error: Option<String>,
}

impl Attempt {
    /// True when the receiver answered with a 2xx status.
    pub fn succeeded(&self) -> bool {
        self.http_status.is_some_and(|status| (200..300).contains(&status))
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(Some(100), false)]
    #[case(Some(199), false)]
    #[case(Some(200), true)]
    #[case(Some(204), true)]
    #[case(Some(299), true)]
    #[case(Some(300), false)]
    #[case(Some(404), false)]
    #[case(Some(500), false)]
    #[case(None, false)]
    fn only_an_answer_from_200_to_299_is_a_success(#[case] http_status: Option<u16>, #[case] succeeded: bool) {
        let attempt = Attempt {
            number: 1,
            at: Timestamp::from_millis(0),
            duration_ms: 0,
            http_status,
            error: None,
        };
        assert_eq!(attempt.succeeded(), succeeded);
    }
}
