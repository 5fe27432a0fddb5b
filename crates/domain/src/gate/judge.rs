//! Judging measures.

use super::{Condition, ConditionStatus, ConditionVerdict, GateStatus, Judging, Operator, Verdict};
use crate::measure::{MeasureValue, Measures, gate_text};
use crate::metric::{Metric, ValueType};

/// Under so many new lines coverage and duplication say little, so that they do not fail a gate.
pub const SMALL_CHANGE_LINES: i64 = 20;

/// What is not judged in a small change.
const NOT_IN_SMALL_CHANGES: &[&str] = &[
    "new_coverage",
    "new_line_coverage",
    "new_branch_coverage",
    "new_duplicated_lines_density",
    "new_duplicated_lines",
    "new_duplicated_blocks",
];

/// The metrics whose conditions are shown first; the others follow by key.
const SHOWN_FIRST: &[&str] = &[
    "new_reliability_rating",
    "reliability_rating",
    "new_security_rating",
    "security_rating",
    "new_maintainability_rating",
    "sqale_rating",
    "new_coverage",
    "coverage",
    "new_duplicated_lines_density",
    "duplicated_lines_density",
];

/// Judges measures by the conditions of a gate. A gate without conditions is passed.
pub fn judge(conditions: &[Condition], measures: &Measures, how: &Judging) -> Verdict {
    let small_change = how.ignore_small_changes
        && measures
            .int("new_lines")
            .is_some_and(|lines| lines < SMALL_CHANGE_LINES);
    let mut ignored_conditions = false;
    let mut verdicts: Vec<ConditionVerdict> = conditions
        .iter()
        .filter(|condition| !how.pull_request || condition.metric.is_on_new_code())
        .map(|condition| {
            let mut verdict = judge_one(condition, measures, how.live);
            if small_change
                && verdict.status == ConditionStatus::Error
                && NOT_IN_SMALL_CHANGES.contains(&verdict.metric.key)
            {
                verdict.status = ConditionStatus::Ok;
                ignored_conditions = true;
            }
            verdict
        })
        .collect();
    verdicts.sort_by_key(|verdict| place_of(verdict.metric));
    let failed = verdicts.iter().any(|verdict| verdict.status == ConditionStatus::Error);
    Verdict {
        status: if failed { GateStatus::Error } else { GateStatus::Ok },
        conditions: verdicts,
        ignored_conditions,
    }
}

/// Where a condition on a metric is shown.
fn place_of(metric: &Metric) -> (usize, &'static str) {
    (
        SHOWN_FIRST
            .iter()
            .position(|key| *key == metric.key)
            .unwrap_or(SHOWN_FIRST.len()),
        metric.key,
    )
}

fn judge_one(condition: &Condition, measures: &Measures, live: bool) -> ConditionVerdict {
    let found = measures
        .get(condition.metric.key)
        .map(|value| (condition.metric, value))
        .or_else(|| {
            // A metric of software qualities may be younger than the branch's last analysis; its standard twin is older.
            let standard = condition.metric.standard_equivalent().filter(|_| live)?;
            measures.get(standard.key).map(|value| (standard, value))
        });
    let (value, status) = match found {
        None if live => (None, ConditionStatus::Ok),
        None => (None, ConditionStatus::NoValue),
        Some((_, MeasureValue::Text(text))) if text.is_empty() => (None, ConditionStatus::Ok),
        Some((metric, value)) => (
            Some(gate_text(metric, value)),
            status_of(metric, value, condition.operator, &condition.threshold),
        ),
    };
    ConditionVerdict {
        metric: condition.metric,
        operator: condition.operator,
        threshold: condition.threshold.clone(),
        value,
        status,
    }
}

/// Compares strictly: a value equal to the threshold is good. A threshold that is no value of the metric cannot have
/// come through `check_condition`; nothing passes it, so that a broken gate is noticed.
fn status_of(metric: &Metric, value: &MeasureValue, operator: Operator, threshold: &str) -> ConditionStatus {
    let order = match metric.kind {
        // Ratings and counts were once written with a point; what stands after it is not looked at.
        ValueType::Int | ValueType::Rating => {
            let threshold = threshold.split_once('.').map_or(threshold, |(whole, _)| whole);
            threshold
                .parse::<i64>()
                .ok()
                .and_then(|threshold| whole(value).map(|value| value.cmp(&threshold)))
        }
        ValueType::WorkDur | ValueType::Millisec | ValueType::Bool => threshold
            .parse::<i64>()
            .ok()
            .and_then(|threshold| whole(value).map(|value| value.cmp(&threshold))),
        ValueType::Float | ValueType::Percent => threshold
            .parse::<f64>()
            .ok()
            .and_then(|threshold| number(value)?.partial_cmp(&threshold)),
        ValueType::Level | ValueType::Data | ValueType::Text => match value {
            MeasureValue::Text(text) => Some(text.as_str().cmp(threshold)),
            MeasureValue::Int(_) | MeasureValue::Number(_) => None,
        },
    };
    let good = order.is_some_and(|order| match operator {
        Operator::GreaterThan => order.is_le(),
        Operator::LessThan => order.is_ge(),
    });
    if good {
        ConditionStatus::Ok
    } else {
        ConditionStatus::Error
    }
}

fn whole(value: &MeasureValue) -> Option<i64> {
    match value {
        MeasureValue::Int(value) => Some(*value),
        MeasureValue::Number(value) => Some(value.trunc() as i64),
        MeasureValue::Text(_) => None,
    }
}

fn number(value: &MeasureValue) -> Option<f64> {
    match value {
        MeasureValue::Int(value) => Some(*value as f64),
        MeasureValue::Number(value) => Some(*value),
        MeasureValue::Text(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;
    use crate::gate::SONAR_WAY;
    use crate::gate::testing::{condition, conditions};

    const ANALYSIS: Judging = Judging {
        pull_request: false,
        ignore_small_changes: true,
        live: false,
    };

    fn measures(values: &[(&str, f64)]) -> Measures {
        let mut measures = Measures::new();
        for (key, value) in values {
            measures.set_number(key, *value);
        }
        measures
    }

    fn status(metric: &str, operator: Operator, threshold: &str, value: f64) -> ConditionStatus {
        let verdict = judge(
            &[condition(metric, operator, threshold)],
            &measures(&[(metric, value)]),
            &ANALYSIS,
        );
        verdict.conditions[0].status
    }

    #[rstest]
    #[case("new_violations", Operator::GreaterThan, "0", 0.0, ConditionStatus::Ok)]
    #[case("new_violations", Operator::GreaterThan, "0", 1.0, ConditionStatus::Error)]
    #[case("new_coverage", Operator::LessThan, "80", 80.0, ConditionStatus::Ok)]
    #[case("new_coverage", Operator::LessThan, "80", 79.95, ConditionStatus::Ok)]
    #[case("new_coverage", Operator::LessThan, "80", 79.9, ConditionStatus::Error)]
    #[case("new_coverage", Operator::LessThan, "80.5", 80.4, ConditionStatus::Error)]
    #[case("sqale_rating", Operator::GreaterThan, "1.0", 1.0, ConditionStatus::Ok)]
    #[case("sqale_rating", Operator::GreaterThan, "1", 2.0, ConditionStatus::Error)]
    #[case("bugs", Operator::GreaterThan, "5.9", 5.0, ConditionStatus::Ok)]
    #[case("bugs", Operator::GreaterThan, "5.9", 6.0, ConditionStatus::Error)]
    #[case("tests", Operator::LessThan, "5.9", 5.0, ConditionStatus::Ok)]
    #[case("tests", Operator::LessThan, "5.9", 4.0, ConditionStatus::Error)]
    #[case("sqale_index", Operator::GreaterThan, "480", 481.0, ConditionStatus::Error)]
    #[case("bugs", Operator::GreaterThan, "broken", 0.0, ConditionStatus::Error)]
    fn a_condition_fails_strictly_past_its_threshold(
        #[case] metric: &str,
        #[case] operator: Operator,
        #[case] threshold: &str,
        #[case] value: f64,
        #[case] expected: ConditionStatus,
    ) {
        assert_eq!(status(metric, operator, threshold, value), expected);
    }

    #[test]
    fn a_gate_without_conditions_is_passed() {
        assert_eq!(judge(&[], &Measures::new(), &ANALYSIS).status, GateStatus::Ok);
    }

    #[test]
    fn a_first_analysis_has_no_value_on_new_code_and_passes() {
        let verdict = judge(&conditions(SONAR_WAY), &measures(&[("violations", 9.0)]), &ANALYSIS);
        assert_eq!(verdict.status, GateStatus::Ok);
        assert!(
            verdict
                .conditions
                .iter()
                .all(|one| one.status == ConditionStatus::NoValue && one.value.is_none())
        );
    }

    #[test]
    fn after_a_change_a_missing_value_is_looked_for_in_the_standard_metric_and_passes_when_there_is_none() {
        let live = Judging { live: true, ..ANALYSIS };
        let gate = [
            condition("software_quality_reliability_rating", Operator::GreaterThan, "1"),
            condition("software_quality_security_rating", Operator::GreaterThan, "1"),
        ];
        let verdict = judge(&gate, &measures(&[("reliability_rating", 3.0)]), &live);
        let found: Vec<_> = verdict
            .conditions
            .iter()
            .map(|one| (one.value.as_deref(), one.status))
            .collect();
        assert_eq!(
            found,
            [(Some("3"), ConditionStatus::Error), (None, ConditionStatus::Ok)]
        );
        let verdict = judge(&gate, &measures(&[("reliability_rating", 3.0)]), &ANALYSIS);
        assert!(
            verdict
                .conditions
                .iter()
                .all(|one| one.status == ConditionStatus::NoValue)
        );
    }

    #[test]
    fn an_empty_value_passes() {
        let mut measures = Measures::new();
        measures.set_text("development_cost", "");
        let verdict = judge(
            &[condition("development_cost", Operator::GreaterThan, "1")],
            &measures,
            &ANALYSIS,
        );
        assert_eq!(
            (verdict.conditions[0].value.clone(), verdict.conditions[0].status),
            (None, ConditionStatus::Ok)
        );
    }

    #[test]
    fn a_pull_request_is_judged_on_new_code_only() {
        let gate = [
            condition("bugs", Operator::GreaterThan, "0"),
            condition("new_bugs", Operator::GreaterThan, "0"),
        ];
        let all = measures(&[("bugs", 5.0), ("new_bugs", 0.0)]);
        let verdict = judge(
            &gate,
            &all,
            &Judging {
                pull_request: true,
                ..ANALYSIS
            },
        );
        assert_eq!(verdict.status, GateStatus::Ok);
        assert_eq!(verdict.conditions.len(), 1);
        assert_eq!(judge(&gate, &all, &ANALYSIS).status, GateStatus::Error);
    }

    #[rstest]
    #[case(19.0, true, GateStatus::Ok, true)]
    #[case(20.0, true, GateStatus::Error, false)]
    #[case(19.0, false, GateStatus::Error, false)]
    fn coverage_does_not_fail_a_small_change(
        #[case] new_lines: f64,
        #[case] ignore_small_changes: bool,
        #[case] status: GateStatus,
        #[case] ignored: bool,
    ) {
        let measures = measures(&[
            ("new_lines", new_lines),
            ("new_coverage", 10.0),
            ("new_violations", 0.0),
        ]);
        let verdict = judge(
            &conditions(SONAR_WAY),
            &measures,
            &Judging {
                ignore_small_changes,
                ..ANALYSIS
            },
        );
        assert_eq!((verdict.status, verdict.ignored_conditions), (status, ignored));
        assert_eq!(verdict.conditions[0].value.as_deref(), Some("10.0"));
    }

    #[test]
    fn issues_fail_a_small_change() {
        let measures = measures(&[("new_lines", 1.0), ("new_violations", 1.0)]);
        let verdict = judge(&conditions(SONAR_WAY), &measures, &ANALYSIS);
        assert_eq!((verdict.status, verdict.ignored_conditions), (GateStatus::Error, false));
    }

    #[test]
    fn conditions_are_shown_in_a_fixed_order() {
        let order = [
            "new_reliability_rating",
            "reliability_rating",
            "new_security_rating",
            "security_rating",
            "new_maintainability_rating",
            "sqale_rating",
            "new_coverage",
            "coverage",
            "new_duplicated_lines_density",
            "duplicated_lines_density",
            // From here on by key.
            "bugs",
            "new_violations",
            "violations",
        ];
        let shown = |keys: &[&str]| {
            let gate: Vec<_> = keys
                .iter()
                .map(|key| condition(key, Operator::GreaterThan, "1"))
                .collect();
            let verdict = judge(&gate, &Measures::new(), &ANALYSIS);
            verdict.conditions.iter().map(|one| one.metric.key).collect::<Vec<_>>()
        };
        let mut keys = order;
        for _ in 0..keys.len() {
            keys.rotate_left(1);
            assert_eq!(shown(&keys), order);
        }
        keys.reverse();
        assert_eq!(shown(&keys), order);
    }

    #[rstest]
    #[case::int("violations", "0", 7.0, "7")]
    #[case::rating("sqale_rating", "1", 3.0, "3")]
    #[case::percent("coverage", "80.50", 74.0, "74.0")]
    #[case::percent_rounded("coverage", "080", 200.0 / 3.0, "66.7")]
    #[case::float("new_development_cost", "1", 12_000_000.0, "1.2E7")]
    #[case::work_dur("sqale_index", "480", 481.0, "481")]
    #[case::millisec("test_execution_time", "1000", 90_000.0, "90000")]
    fn a_verdict_tells_the_value_in_the_form_of_its_type_and_the_threshold_as_it_was_configured(
        #[case] metric: &str,
        #[case] threshold: &str,
        #[case] value: f64,
        #[case] text: &str,
    ) {
        let gate = [condition(metric, Operator::GreaterThan, threshold)];
        let verdict = judge(&gate, &measures(&[(metric, value)]), &ANALYSIS);
        let told = &verdict.conditions[0];
        assert_eq!(
            (told.value.as_deref(), told.threshold.as_str()),
            (Some(text), threshold)
        );
    }

    proptest! {
        #[test]
        fn a_worse_value_never_passes_where_a_better_one_fails(
            threshold in 0..100_i64, one in 0.0..120.0_f64, other in 0.0..120.0_f64, live in any::<bool>(),
        ) {
            let (low, high) = if one < other { (one, other) } else { (other, one) };
            let fails = |metric, operator, value| {
                let gate = [condition(metric, operator, &threshold.to_string())];
                judge(&gate, &measures(&[(metric, value)]), &Judging { live, ..ANALYSIS }).status == GateStatus::Error
            };
            for metric in ["bugs", "sqale_index", "duplicated_lines_density"] {
                prop_assert!(!fails(metric, Operator::GreaterThan, low) || fails(metric, Operator::GreaterThan, high));
            }
            prop_assert!(!fails("coverage", Operator::LessThan, high) || fails("coverage", Operator::LessThan, low));
        }
    }
}
