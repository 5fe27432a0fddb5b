//! Quality gates: conditions that code must meet, and the verdict on measures.

use crate::id::{ConditionId, GateId};
use crate::metric::Metric;
use crate::words::words;

mod cayc;
mod condition;
mod details;
mod judge;

pub use self::cayc::{CaycStatus, cayc_status, has_mqr_conditions, has_standard_conditions, is_cayc_condition};
pub use self::condition::{ConditionError, check_condition, is_not_found, is_usable};
pub use self::details::BadDetails;
pub use self::judge::{SMALL_CHANGE_LINES, judge};

words! {
    /// Whether code may pass.
    GateStatus {
        /// It may.
        Ok = "OK",
        /// It may not.
        Error = "ERROR",
    }
}

words! {
    /// Whether one condition is met.
    ConditionStatus {
        /// It is.
        Ok = "OK",
        /// It is not.
        Error = "ERROR",
        /// There is nothing to judge.
        NoValue = "NO_VALUE",
    }
}

words! {
    /// Which side of the threshold is bad.
    Operator {
        /// Values above it.
        GreaterThan = "GT",
        /// Values below it.
        LessThan = "LT",
    }
}

impl Operator {
    /// The word for it in payloads.
    pub const fn payload_word(self) -> &'static str {
        match self {
            Self::GreaterThan => "GREATER_THAN",
            Self::LessThan => "LESS_THAN",
        }
    }
}

/// A quality gate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gate {
    /// Its id.
    pub id: GateId,
    /// Its name, unique.
    pub name: String,
    /// True for the one that comes with the system and cannot be changed.
    pub built_in: bool,
    /// What it demands.
    pub conditions: Vec<Condition>,
}

/// One demand of a gate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    /// Its id.
    pub id: ConditionId,
    /// What is looked at.
    pub metric: &'static Metric,
    /// Which side of the threshold is bad.
    pub operator: Operator,
    /// The last good value, as it was written.
    pub threshold: String,
}

/// The longest name of a gate, in characters.
pub const MAX_GATE_NAME_LENGTH: usize = 100;
/// The longest threshold, in characters.
pub const MAX_THRESHOLD_LENGTH: usize = 64;

/// The name of the gate that comes with the system.
pub const SONAR_WAY_NAME: &str = "Sonar way";

/// What the gate that comes with the system demands: metric, operator, threshold.
pub const SONAR_WAY: &[(&str, Operator, &str)] = &[
    ("new_violations", Operator::GreaterThan, "0"),
    ("new_coverage", Operator::LessThan, "80"),
    ("new_duplicated_lines_density", Operator::GreaterThan, "3"),
    ("new_security_hotspots_reviewed", Operator::LessThan, "100"),
];

/// How measures are judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Judging {
    /// True for a pull request, where only conditions on new code count.
    pub pull_request: bool,
    /// True when coverage and duplication are not judged under 20 new lines.
    pub ignore_small_changes: bool,
    /// True after a change of an issue, false in an analysis.
    pub live: bool,
}

/// What came of one condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConditionVerdict {
    /// What was looked at.
    pub metric: &'static Metric,
    /// Which side of the threshold is bad.
    pub operator: Operator,
    /// The last good value, as it was written.
    pub threshold: String,
    /// The value that was found.
    pub value: Option<String>,
    /// Whether the condition is met.
    pub status: ConditionStatus,
}

impl ConditionVerdict {
    /// True for a condition on new code.
    pub fn on_new_code(&self) -> bool {
        self.metric.is_on_new_code()
    }
}

/// What came of a gate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// Whether the code may pass.
    pub status: GateStatus,
    /// What came of each condition, in the order they are shown in.
    pub conditions: Vec<ConditionVerdict>,
    /// True when a condition was let pass because so few lines are new.
    pub ignored_conditions: bool,
}

#[cfg(test)]
mod testing {
    use super::*;
    use crate::metric::Metric;

    /// A condition for tests.
    pub(super) fn condition(metric: &str, operator: Operator, threshold: &str) -> Condition {
        Condition {
            id: ConditionId::parse(metric.get(..40).unwrap_or(metric)).unwrap(),
            metric: Metric::find(metric).unwrap(),
            operator,
            threshold: threshold.to_owned(),
        }
    }

    /// Conditions for tests.
    pub(super) fn conditions(of: &[(&str, Operator, &str)]) -> Vec<Condition> {
        of.iter()
            .map(|(metric, operator, threshold)| condition(metric, *operator, threshold))
            .collect()
    }
}
