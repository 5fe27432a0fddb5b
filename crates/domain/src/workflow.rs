//! What people and analyses do to issues.

use crate::issue::{
    FieldDiff, ImpactSeverity, Issue, IssueStatus, IssueType, Resolution, Severity, SoftwareQuality, Status,
};
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
    match change {
        Change::Transition(transition) => transit(issue, transition, now),
        Change::Severity(severity) => set_severity(issue, severity, now),
        Change::Impact(quality, severity) => set_impact(issue, quality, severity, now),
        Change::Kind(kind) => set_kind(issue, kind, now),
    }
}

/// The transitions that would change the issue, in the order they are offered.
pub fn available(issue: &Issue) -> Vec<Transition> {
    let would_change = |transition: &Transition| matches!(step(issue, *transition), Step::To(..));
    Transition::ALL.iter().copied().filter(would_change).collect()
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

/// Closes an issue that is no longer found (`Fixed`) or whose rule is gone (`Removed`). What it was is remembered, and
/// also where it was: a closed issue is shown without a line ([`Issue::shown_range`]), but comes back by it.
pub fn close(issue: &Issue, now: Timestamp, reason: Resolution) -> Option<Changed> {
    if issue.status == Status::Closed || !matches!(reason, Resolution::Fixed | Resolution::Removed) {
        return None;
    }
    let mut changed = moved(issue, Status::Closed, Some(reason), now);
    changed.issue.closed_at = Some(now);
    changed.issue.before_close = Some((issue.status, issue.resolution));
    Some(changed)
}

/// What an analysis does to an issue it finds again: resolved as fixed becomes reopened, closed becomes what it was.
pub fn reopen_found_again(issue: &Issue, now: Timestamp) -> Option<Changed> {
    let (status, resolution) = match (issue.status, issue.resolution) {
        (Status::Resolved, Some(Resolution::Fixed)) => (Status::Reopened, None),
        (Status::Closed, _) => issue
            .before_close
            .filter(|(status, _)| *status != Status::Closed)
            .unwrap_or({
                // Without a memory of what it was, nobody had decided about it.
                (
                    if issue.kind == IssueType::SecurityHotspot {
                        Status::ToReview
                    } else {
                        Status::Open
                    },
                    None,
                )
            }),
        _ => return None,
    };
    let mut changed = moved(issue, status, resolution, now);
    changed.issue.closed_at = None;
    changed.issue.before_close = None;
    Some(changed)
}

/// Where a transition leads.
enum Step {
    /// The status does not have it.
    Missing,
    /// The status has it, but there is nothing to do.
    Nothing,
    /// There.
    To(Status, Option<Resolution>),
}

const fn step(issue: &Issue, transition: Transition) -> Step {
    use Resolution::{Acknowledged, FalsePositive, Fixed, Safe, WontFix};
    use Status::{Confirmed, Open, Reopened, Resolved, Reviewed, ToReview};

    let (status, resolution) = match (issue.status, transition) {
        (Open | Reopened, Transition::Confirm) => (Confirmed, None),
        (Confirmed, Transition::Unconfirm) | (Resolved, Transition::Reopen) => (Reopened, None),
        (Open | Reopened | Confirmed, Transition::Resolve) => (Resolved, Some(Fixed)),
        (Open | Reopened | Confirmed, Transition::FalsePositive) => (Resolved, Some(FalsePositive)),
        (Open | Reopened | Confirmed, Transition::WontFix | Transition::Accept) => (Resolved, Some(WontFix)),
        (ToReview | Reviewed, Transition::ResolveAsReviewed) => (Reviewed, Some(Fixed)),
        (ToReview | Reviewed, Transition::ResolveAsSafe) => (Reviewed, Some(Safe)),
        (ToReview | Reviewed, Transition::ResolveAsAcknowledged) => (Reviewed, Some(Acknowledged)),
        (Reviewed, Transition::ResetAsToReview) => (ToReview, None),
        _ => return Step::Missing,
    };
    match (issue.status, issue.resolution, resolution) {
        (Reviewed, Some(Fixed), Some(Fixed))
        | (Reviewed, Some(Safe), Some(Safe))
        | (Reviewed, Some(Acknowledged), Some(Acknowledged)) => Step::Nothing,
        _ => Step::To(status, resolution),
    }
}

fn transit(issue: &Issue, transition: Transition, now: Timestamp) -> Result<Option<Changed>, WorkflowError> {
    let (status, resolution) = match step(issue, transition) {
        Step::Missing => {
            return Err(WorkflowError::NoSuchTransition {
                from: issue.status,
                transition,
            });
        }
        Step::Nothing => return Ok(None),
        Step::To(status, resolution) => (status, resolution),
    };
    let mut changed = moved(issue, status, resolution, now);
    // Nobody has to take care of what is accepted or no issue.
    if matches!(
        transition,
        Transition::Accept | Transition::WontFix | Transition::FalsePositive
    ) && let Some(assignee) = changed.issue.assignee.take()
    {
        changed.diffs.push(diff("assignee", Some(&assignee), None));
    }
    Ok(Some(changed))
}

/// Puts an issue into another status, and notes what is different.
fn moved(issue: &Issue, status: Status, resolution: Option<Resolution>, now: Timestamp) -> Changed {
    let issue_status = |status, resolution| IssueStatus::of(status, resolution).map(IssueStatus::as_str);
    let mut diffs = Vec::new();
    note(&mut diffs, "status", Some(issue.status.as_str()), Some(status.as_str()));
    note(
        &mut diffs,
        "resolution",
        issue.resolution.map(Resolution::as_str),
        resolution.map(Resolution::as_str),
    );
    note(
        &mut diffs,
        "issueStatus",
        issue_status(issue.status, issue.resolution),
        issue_status(status, resolution),
    );
    Changed {
        issue: Issue {
            status,
            resolution,
            updated_at: now,
            ..issue.clone()
        },
        diffs,
    }
}

fn set_severity(issue: &Issue, severity: Severity, now: Timestamp) -> Result<Option<Changed>, WorkflowError> {
    if issue.kind == IssueType::SecurityHotspot {
        return Err(WorkflowError::Hotspot);
    }
    if issue.severity == severity && issue.manual_severity {
        return Ok(None);
    }
    let quality = SoftwareQuality::of(issue.kind).filter(|quality| issue.impacts.contains_key(quality));
    Ok(Some(judged_anew(
        issue,
        Some(severity),
        quality.map(|quality| (quality, severity.into())),
        now,
    )))
}

fn set_impact(
    issue: &Issue,
    quality: SoftwareQuality,
    severity: ImpactSeverity,
    now: Timestamp,
) -> Result<Option<Changed>, WorkflowError> {
    if issue.kind == IssueType::SecurityHotspot {
        return Err(WorkflowError::Hotspot);
    }
    let Some(before) = issue.impacts.get(&quality) else {
        return Err(WorkflowError::NoSuchImpact(quality));
    };
    if *before == severity && issue.manual_severity {
        return Ok(None);
    }
    let legacy = (SoftwareQuality::of(issue.kind) == Some(quality)).then(|| severity.into());
    Ok(Some(judged_anew(issue, legacy, Some((quality, severity)), now)))
}

/// Puts a person's severities in; later analyses keep them.
fn judged_anew(
    issue: &Issue,
    severity: Option<Severity>,
    impact: Option<(SoftwareQuality, ImpactSeverity)>,
    now: Timestamp,
) -> Changed {
    let mut changed = Issue {
        manual_severity: true,
        updated_at: now,
        ..issue.clone()
    };
    let mut diffs = Vec::new();
    if let Some(severity) = severity {
        note(
            &mut diffs,
            "severity",
            Some(issue.severity.as_str()),
            Some(severity.as_str()),
        );
        changed.severity = severity;
    }
    if let Some((quality, severity)) = impact {
        let written = |severity: ImpactSeverity| format!("{quality}:{severity}");
        let before = changed.impacts.insert(quality, severity).map(written);
        note(
            &mut diffs,
            "impactSeverity",
            before.as_deref(),
            Some(&written(severity)),
        );
    }
    Changed { issue: changed, diffs }
}

/// Only the type changes; severity and impacts stay as they are.
fn set_kind(issue: &Issue, kind: IssueType, now: Timestamp) -> Result<Option<Changed>, WorkflowError> {
    if issue.kind == IssueType::SecurityHotspot || kind == IssueType::SecurityHotspot {
        return Err(WorkflowError::Hotspot);
    }
    if issue.kind == kind {
        return Ok(None);
    }
    let diffs = vec![diff("type", Some(issue.kind.as_str()), Some(kind.as_str()))];
    Ok(Some(Changed {
        issue: Issue {
            kind,
            updated_at: now,
            ..issue.clone()
        },
        diffs,
    }))
}

fn note(diffs: &mut Vec<FieldDiff>, field: &str, old: Option<&str>, new: Option<&str>) {
    if old != new {
        diffs.push(diff(field, old, new));
    }
}

fn diff(field: &str, old: Option<&str>, new: Option<&str>) -> FieldDiff {
    FieldDiff {
        field: field.to_owned(),
        old: old.map(str::to_owned),
        new: new.map(str::to_owned),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::Resolution::{Acknowledged, FalsePositive, Fixed, Safe, WontFix};
    use super::*;
    use crate::issue::testing::{any_issue, issue};

    const NOW: Timestamp = Timestamp::from_millis(9_000_000);

    fn at(status: Status, resolution: Option<Resolution>) -> Issue {
        let kind = match status {
            Status::ToReview | Status::Reviewed => IssueType::SecurityHotspot,
            _ => IssueType::CodeSmell,
        };
        Issue {
            status,
            resolution,
            kind,
            assignee: Some("ann".to_owned()),
            ..issue()
        }
    }

    fn shown(diffs: &[FieldDiff]) -> Vec<(&str, Option<&str>, Option<&str>)> {
        diffs
            .iter()
            .map(|diff| (diff.field.as_str(), diff.old.as_deref(), diff.new.as_deref()))
            .collect()
    }

    #[rstest]
    #[case("accept", Status::Open, None, Status::Resolved, Some(Resolution::WontFix))]
    #[case("wontfix", Status::Confirmed, None, Status::Resolved, Some(Resolution::WontFix))]
    #[case(
        "falsepositive",
        Status::Reopened,
        None,
        Status::Resolved,
        Some(Resolution::FalsePositive)
    )]
    #[case("resolve", Status::Open, None, Status::Resolved, Some(Resolution::Fixed))]
    #[case("confirm", Status::Reopened, None, Status::Confirmed, None)]
    #[case("unconfirm", Status::Confirmed, None, Status::Reopened, None)]
    #[case("reopen", Status::Resolved, Some(Resolution::WontFix), Status::Reopened, None)]
    #[case(
        "resolveasreviewed",
        Status::ToReview,
        None,
        Status::Reviewed,
        Some(Resolution::Fixed)
    )]
    #[case(
        "resolveassafe",
        Status::Reviewed,
        Some(Resolution::Fixed),
        Status::Reviewed,
        Some(Resolution::Safe)
    )]
    #[case(
        "resolveasacknowledged",
        Status::ToReview,
        None,
        Status::Reviewed,
        Some(Resolution::Acknowledged)
    )]
    #[case("resetastoreview", Status::Reviewed, Some(Resolution::Safe), Status::ToReview, None)]
    fn a_step_leads_where_the_tables_say(
        #[case] step: &str,
        #[case] from: Status,
        #[case] before: Option<Resolution>,
        #[case] to: Status,
        #[case] after: Option<Resolution>,
    ) {
        let step = Transition::parse(step).unwrap();
        let changed = change(&at(from, before), Change::Transition(step), NOW)
            .unwrap()
            .unwrap();
        assert_eq!((changed.issue.status, changed.issue.resolution), (to, after));
        assert_eq!(changed.issue.updated_at, NOW);
        let assignee_goes = matches!(
            step,
            Transition::Accept | Transition::WontFix | Transition::FalsePositive
        );
        assert_eq!(changed.issue.assignee.is_none(), assignee_goes);
    }

    #[rstest]
    #[case(
        Status::Resolved,
        Some(Resolution::WontFix),
        Transition::FalsePositive,
        "RESOLVED",
        "falsepositive"
    )]
    #[case(Status::Closed, Some(Resolution::Fixed), Transition::Reopen, "CLOSED", "reopen")]
    #[case(Status::Open, None, Transition::Unconfirm, "OPEN", "unconfirm")]
    #[case(Status::ToReview, None, Transition::ResetAsToReview, "TO_REVIEW", "resetastoreview")]
    #[case(Status::Open, None, Transition::ResolveAsSafe, "OPEN", "resolveassafe")]
    fn a_step_the_status_does_not_have_is_an_error(
        #[case] status: Status,
        #[case] resolution: Option<Resolution>,
        #[case] step: Transition,
        #[case] from: &str,
        #[case] asked: &str,
    ) {
        let error = change(&at(status, resolution), Change::Transition(step), NOW).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("Transition from state {from} does not exist: {asked}")
        );
    }

    #[test]
    fn reviewing_a_hotspot_the_same_way_again_does_nothing() {
        let hotspot = at(Status::Reviewed, Some(Resolution::Safe));
        assert_eq!(
            change(&hotspot, Change::Transition(Transition::ResolveAsSafe), NOW),
            Ok(None)
        );
        let offered = [
            Transition::ResolveAsReviewed,
            Transition::ResolveAsAcknowledged,
            Transition::ResetAsToReview,
        ];
        assert_eq!(available(&hotspot), offered);
    }

    #[test]
    fn the_history_tells_what_a_step_changed() {
        let changed = change(&at(Status::Open, None), Change::Transition(Transition::Accept), NOW)
            .unwrap()
            .unwrap();
        assert_eq!(
            shown(&changed.diffs),
            [
                ("status", Some("OPEN"), Some("RESOLVED")),
                ("resolution", None, Some("WONTFIX")),
                ("issueStatus", Some("OPEN"), Some("ACCEPTED")),
                ("assignee", Some("ann"), None),
            ]
        );
        let reopened = at(Status::Reopened, None);
        let changed = change(&reopened, Change::Transition(Transition::Confirm), NOW)
            .unwrap()
            .unwrap();
        assert_eq!(changed.diffs.len(), 2);
    }

    #[test]
    fn accepting_and_resolving_need_a_right_confirming_does_not() {
        assert_eq!(permission_of(Transition::Accept), Some(ProjectPermission::IssueAdmin));
        assert_eq!(permission_of(Transition::Confirm), None);
        assert_eq!(
            permission_of(Transition::ResolveAsSafe),
            Some(ProjectPermission::HotspotAdmin)
        );
    }

    #[test]
    fn a_severity_takes_the_impact_of_the_type_along_and_an_impact_the_severity() {
        let mut bug = Issue {
            kind: IssueType::Bug,
            severity: Severity::Major,
            ..issue()
        };
        bug.impacts = [
            (SoftwareQuality::Reliability, ImpactSeverity::Medium),
            (SoftwareQuality::Security, ImpactSeverity::Low),
        ]
        .into();
        let changed = change(&bug, Change::Severity(Severity::Blocker), NOW).unwrap().unwrap();
        assert_eq!(
            changed.issue.impacts[&SoftwareQuality::Reliability],
            ImpactSeverity::Blocker
        );
        assert_eq!(changed.issue.impacts[&SoftwareQuality::Security], ImpactSeverity::Low);
        assert!(changed.issue.manual_severity);
        assert_eq!(
            shown(&changed.diffs),
            [
                ("severity", Some("MAJOR"), Some("BLOCKER")),
                (
                    "impactSeverity",
                    Some("RELIABILITY:MEDIUM"),
                    Some("RELIABILITY:BLOCKER")
                ),
            ]
        );
        assert_eq!(
            change(&changed.issue, Change::Severity(Severity::Blocker), NOW),
            Ok(None)
        );

        let impact = Change::Impact(SoftwareQuality::Reliability, ImpactSeverity::High);
        assert_eq!(
            change(&bug, impact, NOW).unwrap().unwrap().issue.severity,
            Severity::Critical
        );
        let impact = Change::Impact(SoftwareQuality::Security, ImpactSeverity::High);
        assert_eq!(
            change(&bug, impact, NOW).unwrap().unwrap().issue.severity,
            Severity::Major
        );
        let impact = Change::Impact(SoftwareQuality::Maintainability, ImpactSeverity::High);
        let error = change(&bug, impact, NOW).unwrap_err().to_string();
        assert_eq!(error, "Issue does not support impact MAINTAINABILITY");
    }

    #[test]
    fn choosing_the_severity_it_has_makes_later_analyses_keep_it() {
        let changed = change(&issue(), Change::Severity(issue().severity), NOW)
            .unwrap()
            .unwrap();
        assert!(changed.issue.manual_severity && changed.diffs.is_empty());
    }

    #[test]
    fn a_type_changes_alone_and_hotspots_keep_theirs() {
        let changed = change(&issue(), Change::Kind(IssueType::Bug), NOW).unwrap().unwrap();
        assert_eq!(shown(&changed.diffs), [("type", Some("CODE_SMELL"), Some("BUG"))]);
        assert_eq!(changed.issue.impacts, issue().impacts);
        assert_eq!(change(&issue(), Change::Kind(IssueType::CodeSmell), NOW), Ok(None));
        let hotspot = at(Status::ToReview, None);
        for refused in [Change::Kind(IssueType::Bug), Change::Severity(Severity::Info)] {
            assert_eq!(change(&hotspot, refused, NOW), Err(WorkflowError::Hotspot));
        }
        assert_eq!(
            change(&issue(), Change::Kind(IssueType::SecurityHotspot), NOW),
            Err(WorkflowError::Hotspot)
        );
    }

    #[test]
    fn a_closed_issue_that_is_found_again_becomes_what_it_was() {
        for (status, resolution) in [
            (Status::Open, None),
            (Status::Confirmed, None),
            (Status::Resolved, Some(Resolution::WontFix)),
            (Status::ToReview, None),
            (Status::Reviewed, Some(Resolution::Safe)),
        ] {
            let before = at(status, resolution);
            let closed = close(&before, NOW, Resolution::Removed).unwrap().issue;
            assert_eq!(
                (closed.status, closed.resolution),
                (Status::Closed, Some(Resolution::Removed))
            );
            assert_eq!((closed.closed_at, closed.shown_range()), (Some(NOW), None));
            assert_eq!(close(&closed, NOW, Resolution::Fixed), None);
            let again = reopen_found_again(&closed, NOW).unwrap().issue;
            assert_eq!(
                again,
                Issue {
                    updated_at: NOW,
                    ..before
                }
            );
        }
    }

    #[test]
    fn only_an_issue_that_was_said_to_be_mended_is_reopened_when_found_again() {
        let fixed = reopen_found_again(&at(Status::Resolved, Some(Resolution::Fixed)), NOW).unwrap();
        assert_eq!((fixed.issue.status, fixed.issue.resolution), (Status::Reopened, None));
        for (status, resolution) in [
            (Status::Resolved, Some(Resolution::WontFix)),
            (Status::Resolved, Some(Resolution::FalsePositive)),
            (Status::Open, None),
            (Status::Reviewed, Some(Resolution::Fixed)),
        ] {
            assert_eq!(reopen_found_again(&at(status, resolution), NOW), None);
        }
    }

    proptest! {
        #[test]
        fn every_step_from_every_status_is_an_error_nothing_or_a_state_of_the_tables(
            issue in any_issue(), step in proptest::sample::select(Transition::ALL),
        ) {
            let offered = available(&issue);
            match change(&issue, Change::Transition(step), NOW) {
                Err(WorkflowError::NoSuchTransition { from, transition }) => {
                    prop_assert_eq!((from, transition), (issue.status, step));
                    prop_assert!(!offered.contains(&step));
                }
                Err(other) => prop_assert!(false, "{other}"),
                Ok(None) => prop_assert!(!offered.contains(&step)),
                Ok(Some(changed)) => {
                    prop_assert!(offered.contains(&step));
                    prop_assert!(matches!(
                        (changed.issue.status, changed.issue.resolution),
                        (Status::Confirmed | Status::Reopened | Status::ToReview, None)
                            | (Status::Resolved, Some(Fixed | FalsePositive | WontFix))
                            | (Status::Reviewed, Some(Fixed | Safe | Acknowledged))
                    ));
                    prop_assert!(!changed.diffs.is_empty());
                    let is_hotspot = |status| matches!(status, Status::ToReview | Status::Reviewed);
                    prop_assert_eq!(is_hotspot(changed.issue.status), is_hotspot(issue.status));
                }
            }
        }
    }
}
