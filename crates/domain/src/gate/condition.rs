//! Checking a condition before it becomes part of a gate.

use super::{Condition, MAX_THRESHOLD_LENGTH, Operator};
use crate::metric::{Metric, ValueType};

/// Why a condition cannot be. The words are those that clients of the Web API look for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConditionError {
    /// The metric is not in the catalogue; the Web API answers 404.
    #[error("There is no metric with key={0}")]
    NoSuchMetric(String),
    /// Gates cannot look at this metric.
    #[error("Metric '{0}' cannot be used to define a condition.")]
    MetricNotUsable(&'static str),
    /// There is no operator.
    #[error("The 'op' parameter is missing")]
    OperatorMissing,
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
    let Some(metric) = Metric::find(metric_key) else {
        return Err(vec![ConditionError::NoSuchMetric(metric_key.to_owned())]);
    };
    let mut errors = Vec::new();
    if !is_usable(metric) {
        errors.push(ConditionError::MetricNotUsable(metric.key));
    }
    let operator = check_operator(metric, op).map_err(|error| errors.push(error)).ok();
    if let Err(error) = check_threshold(metric, error) {
        errors.push(error);
    }
    if others.iter().any(|other| other.metric == metric) {
        errors.push(ConditionError::AlreadyExists(metric.name));
    }
    if let Some(equivalent) = metric.quality_equivalent().or_else(|| metric.standard_equivalent())
        && others.iter().any(|other| other.metric == equivalent)
    {
        errors.push(ConditionError::EquivalentExists {
            metric: metric.key,
            equivalent: equivalent.key,
        });
    }
    match operator {
        Some(operator) if errors.is_empty() => Ok((metric, operator, error.to_owned())),
        _ => Err(errors),
    }
}

/// True when gates can look at the metric. The status of the gate itself would go round in circles, and hotspots are
/// judged by how many of them were reviewed.
pub fn is_usable(metric: &Metric) -> bool {
    let comparable = matches!(
        metric.kind,
        ValueType::Int
            | ValueType::Float
            | ValueType::Percent
            | ValueType::Millisec
            | ValueType::Level
            | ValueType::Rating
            | ValueType::WorkDur
    );
    comparable
        && !metric.hidden
        && !matches!(
            metric.key,
            "alert_status" | "security_hotspots" | "new_security_hotspots"
        )
}

fn check_operator(metric: &Metric, op: Option<&str>) -> Result<Operator, ConditionError> {
    let op = op.ok_or(ConditionError::OperatorMissing)?;
    let refused = || ConditionError::OperatorNotAllowed(op.to_owned());
    let operator = Operator::parse(op).map_err(|_| refused())?;
    let right_way = match operator {
        Operator::GreaterThan => metric.direction <= 0,
        Operator::LessThan => metric.direction >= 0,
    };
    if right_way { Ok(operator) } else { Err(refused()) }
}

fn check_threshold(metric: &Metric, threshold: &str) -> Result<(), ConditionError> {
    let fits = match metric.kind {
        ValueType::Int | ValueType::Rating => threshold.parse::<i32>().is_ok(),
        ValueType::WorkDur | ValueType::Millisec => threshold.parse::<i64>().is_ok(),
        ValueType::Float | ValueType::Percent => threshold.parse::<f64>().is_ok_and(f64::is_finite),
        ValueType::Level | ValueType::Bool | ValueType::Data | ValueType::Text => true,
    };
    if !fits || threshold.chars().count() > MAX_THRESHOLD_LENGTH {
        return Err(ConditionError::InvalidValue {
            value: threshold.to_owned(),
            metric: metric.name,
        });
    }
    if metric.kind == ValueType::Rating {
        match threshold.parse::<i32>() {
            Ok(1..=4) => {}
            Ok(5) => return Err(ConditionError::WorstRating(threshold.to_owned())),
            _ => return Err(ConditionError::NotARating(threshold.to_owned())),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::gate::testing::condition;

    fn texts(metric: &str, op: Option<&str>, threshold: &str, others: &[Condition]) -> Vec<String> {
        check_condition(metric, op, threshold, others)
            .unwrap_err()
            .iter()
            .map(ToString::to_string)
            .collect()
    }

    #[rstest]
    #[case("new_coverage", "LT", "80")]
    #[case("new_coverage", "LT", "80.5")]
    #[case("new_violations", "GT", "0")]
    #[case("sqale_rating", "GT", "4")]
    #[case("sqale_index", "GT", "4800000000")]
    fn a_condition_of_the_right_shape_is_taken(#[case] metric: &str, #[case] op: &str, #[case] threshold: &str) {
        let (found, operator, kept) = check_condition(metric, Some(op), threshold, &[]).unwrap();
        assert_eq!((found.key, operator.as_str(), kept.as_str()), (metric, op, threshold));
    }

    #[rstest]
    #[case("nope", Some("GT"), "1", "There is no metric with key=nope")]
    #[case(
        "alert_status",
        Some("LT"),
        "OK",
        "Metric 'alert_status' cannot be used to define a condition."
    )]
    #[case(
        "new_security_hotspots",
        Some("GT"),
        "1",
        "Metric 'new_security_hotspots' cannot be used to define a condition."
    )]
    #[case(
        "development_cost",
        Some("GT"),
        "1",
        "Metric 'development_cost' cannot be used to define a condition."
    )]
    #[case("new_coverage", Some("GT"), "80", "Operator GT is not allowed for this metric.")]
    #[case("new_violations", Some("EQ"), "0", "Operator EQ is not allowed for this metric.")]
    #[case("new_violations", None, "0", "The 'op' parameter is missing")]
    #[case(
        "new_coverage",
        Some("LT"),
        "much",
        "Invalid value 'much' for metric 'Coverage on New Code'"
    )]
    #[case(
        "new_coverage",
        Some("LT"),
        "NaN",
        "Invalid value 'NaN' for metric 'Coverage on New Code'"
    )]
    #[case("bugs", Some("GT"), "1.5", "Invalid value '1.5' for metric 'Bugs'")]
    #[case("sqale_rating", Some("GT"), "0", "'0' is not a valid rating")]
    #[case("sqale_rating", Some("GT"), "5", "There's no worse rating than E (5)")]
    fn a_condition_that_cannot_be_is_refused_in_the_words_of_the_web_api(
        #[case] metric: &str,
        #[case] op: Option<&str>,
        #[case] threshold: &str,
        #[case] expected: &str,
    ) {
        assert_eq!(texts(metric, op, threshold, &[]), [expected]);
    }

    #[test]
    fn only_an_unknown_metric_is_not_found() {
        assert!(is_not_found(
            &check_condition("nope", Some("GT"), "1", &[]).unwrap_err()
        ));
        assert!(!is_not_found(
            &check_condition("bugs", Some("LT"), "1", &[]).unwrap_err()
        ));
    }

    #[test]
    fn several_errors_come_at_once() {
        let expected = [
            "Operator LT is not allowed for this metric.",
            "Invalid value 'x' for metric 'Bugs'",
        ];
        assert_eq!(texts("bugs", Some("LT"), "x", &[]), expected);
    }

    #[test]
    fn a_gate_looks_at_a_thing_once() {
        let others = [condition("new_bugs", Operator::GreaterThan, "1")];
        assert_eq!(
            texts("new_bugs", Some("GT"), "1", &others),
            ["Condition on metric 'New Bugs' already exists."]
        );
        assert_eq!(
            texts("new_software_quality_reliability_issues", Some("GT"), "1", &others),
            [
                "Condition for metric 'new_software_quality_reliability_issues' already exists on equivalent metric 'new_bugs''."
            ]
        );
        let others = [condition(
            "new_software_quality_reliability_issues",
            Operator::GreaterThan,
            "1",
        )];
        assert_eq!(
            texts("new_bugs", Some("GT"), "1", &others),
            [
                "Condition for metric 'new_bugs' already exists on equivalent metric 'new_software_quality_reliability_issues''."
            ]
        );
    }
}
