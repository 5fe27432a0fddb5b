//! What people and analyses do to issues.

use crate::issue::{FieldDiff, ImpactSeverity, Issue, IssueType, Resolution, Severity, SoftwareQuality, Status};
use crate::time::Timestamp;
use crate::user::ProjectPermission;
use crate::words::words;

words! {
    /// A step a person takes with an issue or a security hotspot.
    Transition {
        /// It is real.
        Confirm = "confirm",
        /// It is perhaps not.
        Unconfirm = "unconfirm",
        /// It is not resolved after all.
        Reopen = "reopen",
        /// It is mended.
        Resolve = "resolve",
        /// It was never one.
        FalsePositive = "falsepositive",
        /// It is real, and stays; the old word.
        WontFix = "wontfix",
        /// It is real, and stays.
        Accept = "accept",
        /// The hotspot was looked at and mended.
        ResolveAsReviewed = "resolveasreviewed",
        /// The hotspot is safe.
        ResolveAsSafe = "resolveassafe",
        /// The hotspot's risk is known and taken.
        ResolveAsAcknowledged = "resolveasacknowledged",
        /// The hotspot must be looked at again.
        ResetAsToReview = "resetastoreview",
    }
}

/// A change a person makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// A step of the workflow.
    Transition(Transition),
    /// Another severity.
    Severity(Severity),
    /// Another severity of the impact on a quality.
    Impact(SoftwareQuality, ImpactSeverity),
    /// Another type.
    Kind(IssueType),
}

/// A changed issue, and what changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changed {
    /// The issue as it is now.
    pub issue: Issue,
    /// What changed; empty when a severity was only confirmed.
    pub diffs: Vec<FieldDiff>,
}

/// Why a change cannot be made. The words are those that clients of the Web API look for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WorkflowError {
    /// The issue's status does not have this transition.
    #[error("Transition from state {from} does not exist: {transition}")]
    NoSuchTransition {
        /// The issue's status.
        from: Status,
        /// What was asked for.
        transition: Transition,
    },
    /// The issue does not hurt this quality.
    #[error("Issue does not support impact {0}")]
    NoSuchImpact(SoftwareQuality),
    /// Hotspots have neither another severity nor another type, and issues do not become hotspots.
    #[error("Severity and type of a security hotspot cannot be changed, and no issue becomes one")]
    Hotspot,
}

/// Changes an issue. Nothing comes back when there is nothing to do.
pub fn change(issue: &Issue, change: Change, now: Timestamp) -> Result<Option<Changed>, WorkflowError> {
    todo!("{issue:?} {change:?} {now:?}")
}

/// The transitions that would change the issue, in the order they are offered.
pub fn available(issue: &Issue) -> Vec<Transition> {
    todo!("{issue:?}")
}

/// The right a transition needs beyond seeing the project.
pub const fn permission_of(transition: Transition) -> Option<ProjectPermission> {
    match transition {
        Transition::Confirm | Transition::Unconfirm | Transition::Reopen => None,
        Transition::Resolve | Transition::FalsePositive | Transition::WontFix | Transition::Accept => {
            Some(ProjectPermission::IssueAdmin)
        }
        Transition::ResolveAsReviewed
        | Transition::ResolveAsSafe
        | Transition::ResolveAsAcknowledged
        | Transition::ResetAsToReview => Some(ProjectPermission::HotspotAdmin),
    }
}

/// Closes an issue that is no longer found (`Fixed`) or whose rule is gone (`Removed`).
pub fn close(issue: &Issue, now: Timestamp, reason: Resolution) -> Option<Changed> {
    todo!("{issue:?} {now:?} {reason:?}")
}

/// What an analysis does to an issue it finds again: resolved as fixed becomes reopened, closed becomes what it was.
pub fn reopen_found_again(issue: &Issue, now: Timestamp) -> Option<Changed> {
    todo!("{issue:?} {now:?}")
}
