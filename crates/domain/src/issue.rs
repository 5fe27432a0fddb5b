//! Issues: what an analyzer found, and what people decided about it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::id::{BranchId, ComponentId, IssueId};
use crate::rule::{CleanCodeAttribute, RuleKey};
use crate::time::Timestamp;
use crate::words::words;

/// An issue of a branch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Issue {
    /// Its id; what the Web API calls its key.
    pub id: IssueId,
    /// The branch it is in.
    pub branch: BranchId,
    /// The file it is in, or the branch's root.
    pub component: ComponentId,
    /// The rule that raised it.
    pub rule: RuleKey,
    /// Its type.
    pub kind: IssueType,
    /// Its severity.
    pub severity: Severity,
    /// True when a person chose the severity; later analyses keep it then.
    pub manual_severity: bool,
    /// Its status.
    pub status: Status,
    /// How it was resolved.
    pub resolution: Option<Resolution>,
    /// What it does to the qualities of the software.
    pub impacts: Impacts,
    /// The attribute of clean code that is broken.
    pub attribute: CleanCodeAttribute,
    /// What is wrong, in words.
    pub message: String,
    /// Where it is in its file.
    pub range: Option<TextRange>,
    /// The hash of its first line (lower-case hexadecimal MD5 without tabs and blanks), empty without a line.
    pub line_hash: String,
    /// Minutes that mending it takes.
    pub effort: i64,
    /// Other places that belong to it.
    pub flows: Vec<Flow>,
    /// The login of the person who takes care of it.
    pub assignee: Option<String>,
    /// Who wrote the line last, from the version control.
    pub author: Option<String>,
    /// Words people put on it.
    pub tags: Vec<String>,
    /// When it came into the code, as far as that is known.
    pub created_at: Timestamp,
    /// When it was changed last.
    pub updated_at: Timestamp,
    /// When it was closed.
    pub closed_at: Option<Timestamp>,
    /// True when it lies on lines that are new against a reference branch, or in a pull request.
    pub on_changed_lines: bool,
    /// The status and resolution it had before it was closed, to be taken up again when it comes back.
    pub before_close: Option<(Status, Option<Resolution>)>,
}

impl Issue {
    /// The line it starts on.
    pub fn line(&self) -> Option<u32> {
        self.range.map(|range| range.start_line)
    }

    /// Where it is shown to be: a closed issue is nowhere any more, although its place is kept to recognise it by.
    pub fn shown_range(&self) -> Option<TextRange> {
        self.range.filter(|_| self.status != Status::Closed)
    }

    /// True when nobody resolved it: status open, confirmed or reopened.
    pub fn is_unresolved(&self) -> bool {
        self.resolution.is_none()
    }
}

/// One entry of an issue's history: who changed what, and when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IssueChange {
    /// The issue.
    pub issue: IssueId,
    /// The login of the person, absent for an analysis.
    pub user: Option<String>,
    /// When.
    pub at: Timestamp,
    /// Field name, old value, new value.
    pub diffs: Vec<FieldDiff>,
}

/// A field of an issue that changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldDiff {
    /// The field, for example `status`.
    pub field: String,
    /// What it was.
    pub old: Option<String>,
    /// What it is.
    pub new: Option<String>,
}

/// A stretch of text: lines from 1 (both ends inside), columns from 0 (the end outside).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct TextRange {
    /// First line.
    pub start_line: u32,
    /// Last line.
    pub end_line: u32,
    /// First column on the first line.
    pub start_offset: u32,
    /// The column after the last one, on the last line.
    pub end_offset: u32,
}

/// Places that belong together, in order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flow {
    /// The places.
    pub locations: Vec<Location>,
}

/// A place in a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Location {
    /// The file.
    pub component: ComponentId,
    /// Where in it.
    pub range: Option<TextRange>,
    /// What is there, in words.
    pub message: String,
}

words! {
    /// What kind of trouble an issue is.
    IssueType {
        /// Hard to maintain.
        CodeSmell = "CODE_SMELL",
        /// Works wrongly.
        Bug = "BUG",
        /// Can be attacked.
        Vulnerability = "VULNERABILITY",
        /// Must be looked at by a person.
        SecurityHotspot = "SECURITY_HOTSPOT",
    }
}

words! {
    /// How bad an issue is, from least to worst.
    Severity {
        /// Good to know.
        Info = "INFO",
        /// Small.
        Minor = "MINOR",
        /// Middling.
        Major = "MAJOR",
        /// Bad.
        Critical = "CRITICAL",
        /// Must be mended at once.
        Blocker = "BLOCKER",
    }
}

words! {
    /// Where an issue or a security hotspot stands.
    Status {
        /// Found, nobody decided yet.
        Open = "OPEN",
        /// A person said that it is real.
        Confirmed = "CONFIRMED",
        /// Was resolved once, and is open again.
        Reopened = "REOPENED",
        /// A person resolved it.
        Resolved = "RESOLVED",
        /// No longer found.
        Closed = "CLOSED",
        /// A hotspot nobody has looked at.
        ToReview = "TO_REVIEW",
        /// A hotspot a person has looked at.
        Reviewed = "REVIEWED",
    }
}

words! {
    /// How an issue or a security hotspot was resolved.
    Resolution {
        /// Mended.
        Fixed = "FIXED",
        /// Was never one.
        FalsePositive = "FALSE-POSITIVE",
        /// Real, and accepted.
        WontFix = "WONTFIX",
        /// Its rule is gone.
        Removed = "REMOVED",
        /// A hotspot that is safe.
        Safe = "SAFE",
        /// A hotspot whose risk is known and taken.
        Acknowledged = "ACKNOWLEDGED",
    }
}

words! {
    /// The one status that newer clients show, derived from status and resolution and never stored.
    IssueStatus {
        /// Found, nobody decided yet.
        Open = "OPEN",
        /// A person said that it is real.
        Confirmed = "CONFIRMED",
        /// A person said that it is none.
        FalsePositive = "FALSE_POSITIVE",
        /// Real, and accepted.
        Accepted = "ACCEPTED",
        /// Mended or gone.
        Fixed = "FIXED",
    }
}

words! {
    /// A quality of software.
    SoftwareQuality {
        /// Easy to change.
        Maintainability = "MAINTAINABILITY",
        /// Works.
        Reliability = "RELIABILITY",
        /// Withstands attacks.
        Security = "SECURITY",
    }
}

words! {
    /// How much an issue hurts a quality, from least to most.
    ImpactSeverity {
        /// Good to know.
        Info = "INFO",
        /// A little.
        Low = "LOW",
        /// Middling.
        Medium = "MEDIUM",
        /// Much.
        High = "HIGH",
        /// Must be mended at once.
        Blocker = "BLOCKER",
    }
}

/// The qualities an issue hurts, and how much each.
pub type Impacts = BTreeMap<SoftwareQuality, ImpactSeverity>;

impl IssueStatus {
    /// The status that follows from an issue's status and resolution; hotspots have none.
    pub const fn of(status: Status, resolution: Option<Resolution>) -> Option<Self> {
        Some(match (status, resolution) {
            (Status::Open | Status::Reopened, _) => Self::Open,
            (Status::Confirmed, _) => Self::Confirmed,
            (Status::Resolved, Some(Resolution::FalsePositive)) => Self::FalsePositive,
            (Status::Resolved, Some(Resolution::WontFix)) => Self::Accepted,
            (Status::Resolved | Status::Closed, _) => Self::Fixed,
            (Status::ToReview | Status::Reviewed, _) => return None,
        })
    }
}

impl SoftwareQuality {
    /// The quality that a type of issue hurts; hotspots hurt none.
    pub const fn of(kind: IssueType) -> Option<Self> {
        match kind {
            IssueType::CodeSmell => Some(Self::Maintainability),
            IssueType::Bug => Some(Self::Reliability),
            IssueType::Vulnerability => Some(Self::Security),
            IssueType::SecurityHotspot => None,
        }
    }
}

impl IssueType {
    /// The type of the issues that hurt a quality.
    pub const fn of(quality: SoftwareQuality) -> Self {
        match quality {
            SoftwareQuality::Maintainability => Self::CodeSmell,
            SoftwareQuality::Reliability => Self::Bug,
            SoftwareQuality::Security => Self::Vulnerability,
        }
    }
}

impl From<Severity> for ImpactSeverity {
    fn from(severity: Severity) -> Self {
        match severity {
            Severity::Info => Self::Info,
            Severity::Minor => Self::Low,
            Severity::Major => Self::Medium,
            Severity::Critical => Self::High,
            Severity::Blocker => Self::Blocker,
        }
    }
}

impl From<ImpactSeverity> for Severity {
    fn from(severity: ImpactSeverity) -> Self {
        match severity {
            ImpactSeverity::Info => Self::Info,
            ImpactSeverity::Low => Self::Minor,
            ImpactSeverity::Medium => Self::Major,
            ImpactSeverity::High => Self::Critical,
            ImpactSeverity::Blocker => Self::Blocker,
        }
    }
}

#[cfg(test)]
pub(crate) mod testing {
    use proptest::prelude::*;
    use proptest::sample::select;

    use super::*;

    /// An issue for tests.
    pub(crate) fn issue() -> Issue {
        Issue {
            id: IssueId::parse("i").unwrap(),
            branch: BranchId::parse("b").unwrap(),
            component: ComponentId::parse("c").unwrap(),
            rule: RuleKey::parse("py:S1").unwrap(),
            kind: IssueType::CodeSmell,
            severity: Severity::Major,
            manual_severity: false,
            status: Status::Open,
            resolution: None,
            impacts: [(SoftwareQuality::Maintainability, ImpactSeverity::Medium)].into(),
            attribute: CleanCodeAttribute::Conventional,
            message: "m".to_owned(),
            range: Some(TextRange {
                start_line: 3,
                end_line: 3,
                start_offset: 0,
                end_offset: 1,
            }),
            line_hash: String::new(),
            effort: 5,
            flows: Vec::new(),
            assignee: None,
            author: None,
            tags: Vec::new(),
            created_at: Timestamp::from_millis(0),
            updated_at: Timestamp::from_millis(0),
            closed_at: None,
            on_changed_lines: false,
            before_close: None,
        }
    }

    /// Any issue in any state there can be.
    pub(crate) fn any_issue() -> impl Strategy<Value = Issue> {
        use Resolution::{Acknowledged, FalsePositive, Fixed, Removed, Safe, WontFix};
        let state = select(vec![
            (Status::Open, None),
            (Status::Confirmed, None),
            (Status::Reopened, None),
            (Status::Resolved, Some(Fixed)),
            (Status::Resolved, Some(FalsePositive)),
            (Status::Resolved, Some(WontFix)),
            (Status::Closed, Some(Fixed)),
            (Status::Closed, Some(Removed)),
            (Status::ToReview, None),
            (Status::Reviewed, Some(Fixed)),
            (Status::Reviewed, Some(Safe)),
            (Status::Reviewed, Some(Acknowledged)),
        ]);
        let kind = select(vec![IssueType::CodeSmell, IssueType::Bug, IssueType::Vulnerability]);
        let impacts = proptest::collection::btree_map(select(SoftwareQuality::ALL), select(ImpactSeverity::ALL), 0..=3);
        (state, kind, select(Severity::ALL), impacts, 0..500_i64, any::<bool>()).prop_map(
            |((status, resolution), kind, severity, impacts, effort, hotspot)| {
                let hotspot =
                    matches!(status, Status::ToReview | Status::Reviewed) || (hotspot && status == Status::Closed);
                let (kind, impacts) = if hotspot {
                    (IssueType::SecurityHotspot, Impacts::new())
                } else {
                    (kind, impacts)
                };
                Issue {
                    kind,
                    severity,
                    status,
                    resolution,
                    impacts,
                    effort,
                    ..issue()
                }
            },
        )
    }
}
