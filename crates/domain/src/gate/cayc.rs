//! Whether a gate keeps new code clean.

use super::Condition;
use crate::words::words;

words! {
    /// Whether a gate keeps new code clean.
    CaycStatus {
        /// It demands just that.
        Compliant = "compliant",
        /// It demands that, and more.
        OverCompliant = "over-compliant",
        /// It does not.
        NonCompliant = "non-compliant",
    }
}

/// What must be demanded: a metric, and the threshold when it must be that one.
type Demands = &'static [(&'static str, Option<&'static str>)];

/// No new issue at all.
const NO_NEW_ISSUE: Demands = &[
    ("new_violations", Some("0")),
    ("new_security_hotspots_reviewed", Some("100")),
    ("new_coverage", None),
    ("new_duplicated_lines_density", None),
];

/// The best ratings: how it was said before.
const BEST_RATINGS: Demands = &[
    ("new_maintainability_rating", Some("1")),
    ("new_reliability_rating", Some("1")),
    ("new_security_rating", Some("1")),
    ("new_security_hotspots_reviewed", Some("100")),
    ("new_coverage", None),
    ("new_duplicated_lines_density", None),
];

/// Whether the gate with these conditions keeps new code clean; never part of a verdict.
pub fn cayc_status(conditions: &[Condition]) -> CaycStatus {
    let demanded = |demands: Demands| {
        demands.iter().all(|(metric, threshold)| {
            conditions.iter().any(|condition| {
                condition.metric.key == *metric && threshold.is_none_or(|wanted| whole(&condition.threshold) == wanted)
            })
        })
    };
    for demands in [NO_NEW_ISSUE, BEST_RATINGS] {
        if demanded(demands) {
            let just_that = conditions.len() == demands.len();
            return if just_that {
                CaycStatus::Compliant
            } else {
                CaycStatus::OverCompliant
            };
        }
    }
    CaycStatus::NonCompliant
}

/// A threshold without the point and zeros it may have been written with.
fn whole(threshold: &str) -> &str {
    match threshold.split_once('.') {
        Some((whole, digits)) if digits.bytes().all(|digit| digit == b'0') => whole,
        _ => threshold,
    }
}

/// True when the condition is on a metric that keeping new code clean is about.
pub fn is_cayc_condition(condition: &Condition) -> bool {
    NO_NEW_ISSUE
        .iter()
        .chain(BEST_RATINGS)
        .any(|(metric, _)| condition.metric.key == *metric)
}

/// True when a condition is on a metric of types and severities that has its like among the software qualities.
pub fn has_standard_conditions(conditions: &[Condition]) -> bool {
    conditions
        .iter()
        .any(|condition| condition.metric.quality_equivalent().is_some())
}

/// True when a condition is on a metric of the software qualities.
pub fn has_mqr_conditions(conditions: &[Condition]) -> bool {
    conditions
        .iter()
        .any(|condition| condition.metric.standard_equivalent().is_some())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::testing::{condition, conditions};
    use crate::gate::{Operator, SONAR_WAY};

    #[test]
    fn the_gate_that_comes_with_the_system_keeps_new_code_clean() {
        let mut gate = conditions(SONAR_WAY);
        assert_eq!(cayc_status(&gate), CaycStatus::Compliant);
        assert!(gate.iter().all(is_cayc_condition));
        gate.push(condition("bugs", Operator::GreaterThan, "0"));
        assert_eq!(cayc_status(&gate), CaycStatus::OverCompliant);
        assert!(!is_cayc_condition(&gate[4]));
        gate.remove(0);
        assert_eq!(cayc_status(&gate), CaycStatus::NonCompliant);
        assert_eq!(cayc_status(&[]), CaycStatus::NonCompliant);
    }

    #[test]
    fn thresholds_of_issues_and_hotspots_count_those_of_coverage_do_not() {
        let mut gate = conditions(SONAR_WAY);
        gate[1].threshold = "20".to_owned();
        assert_eq!(cayc_status(&gate), CaycStatus::Compliant);
        gate[0].threshold = "1".to_owned();
        assert_eq!(cayc_status(&gate), CaycStatus::NonCompliant);
    }

    #[test]
    fn the_older_form_with_ratings_counts() {
        let mut gate: Vec<_> = [
            "new_reliability_rating",
            "new_security_rating",
            "new_maintainability_rating",
        ]
        .iter()
        .map(|rating| condition(rating, Operator::GreaterThan, "1"))
        .chain(conditions(&SONAR_WAY[1..]))
        .collect();
        assert_eq!(cayc_status(&gate), CaycStatus::Compliant);
        gate.push(condition("new_bugs", Operator::GreaterThan, "3"));
        assert_eq!(cayc_status(&gate), CaycStatus::OverCompliant);
    }

    #[test]
    fn conditions_tell_the_mode_they_are_of() {
        let standard = [condition("bugs", Operator::GreaterThan, "0")];
        let mqr = [condition("software_quality_high_issues", Operator::GreaterThan, "0")];
        assert_eq!(
            (has_standard_conditions(&standard), has_mqr_conditions(&standard)),
            (true, false)
        );
        assert_eq!((has_standard_conditions(&mqr), has_mqr_conditions(&mqr)), (false, true));
        let both = conditions(SONAR_WAY);
        assert_eq!(
            (has_standard_conditions(&both), has_mqr_conditions(&both)),
            (false, false)
        );
    }
}
