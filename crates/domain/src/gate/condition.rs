//! Checking a condition before it becomes part of a gate.

use super::{Condition, Operator};
use crate::metric::Metric;

/// Why a condition cannot be. The words are those that clients of the Web API look for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConditionError {
    /// The metric is not in the catalogue; the Web API answers 404.
    #[error("There is no metric with key={0}")]
    NoSuchMetric(String),
    /// Gates cannot look at this metric.
    #[error("Metric '{0}' cannot be used to define a condition.")]
    MetricNotUsable(&'static str),
    /// The operator is unknown, or the wrong way round for the metric.
    #[error("Operator {0} is not allowed for this metric.")]
    OperatorNotAllowed(String),
    /// The threshold is no value of the metric.
    #[error("Invalid value '{value}' for metric '{metric}'")]
    InvalidValue {
        /// What was written.
        value: String,
        /// The metric's name.
        metric: &'static str,
    },
    /// A rating that gates do not judge.
    #[error("The metric '{0}' cannot be used")]
    RatingNotUsable(&'static str),
    /// The threshold is none of A to E.
    #[error("'{0}' is not a valid rating")]
    NotARating(String),
    /// A threshold nothing can be worse than.
    #[error("There's no worse rating than E ({0})")]
    WorstRating(String),
    /// The gate has a condition on this metric.
    #[error("Condition on metric '{0}' already exists.")]
    AlreadyExists(&'static str),
    /// The gate has a condition on the metric that says the same in the other mode.
    #[error("Condition for metric '{metric}' already exists on equivalent metric '{equivalent}''.")]
    EquivalentExists {
        /// The metric's key.
        metric: &'static str,
        /// The other metric's key.
        equivalent: &'static str,
    },
}

impl ConditionError {
    /// True when the metric does not exist, so that the answer is 404.
    pub const fn is_not_found(&self) -> bool {
        matches!(self, Self::NoSuchMetric(_))
    }
}

/// True when one of the errors is that the metric does not exist, so that the answer is 404.
pub fn is_not_found(errors: &[ConditionError]) -> bool {
    errors.iter().any(ConditionError::is_not_found)
}

/// Checks a condition that is to stand beside `others` (without the one it replaces).
pub fn check_condition(
    metric_key: &str,
    op: Option<&str>,
    error: &str,
    others: &[Condition],
) -> Result<(&'static Metric, Operator, String), Vec<ConditionError>> {
    todo!("{metric_key} {op:?} {error} {others:?}")
}
