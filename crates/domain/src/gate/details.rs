//! How a verdict is kept: the value of the metric `quality_gate_details`.

use serde::{Deserialize, Serialize};

use super::{ConditionStatus, ConditionVerdict, GateStatus, Operator, Verdict};
use crate::metric::Metric;

/// A text that holds no verdict.
#[derive(Debug, thiserror::Error)]
#[error("the details of the quality gate cannot be read")]
pub struct BadDetails(#[from] serde_json::Error);

#[derive(Serialize, Deserialize)]
struct Details {
    level: GateStatus,
    #[serde(default)]
    conditions: Vec<ConditionDetails>,
    #[serde(default, rename = "ignoredConditions")]
    ignored_conditions: bool,
}

#[derive(Serialize, Deserialize)]
struct ConditionDetails {
    metric: String,
    op: Operator,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    period: Option<u8>,
    error: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    actual: Option<String>,
    level: ConditionStatus,
}

impl Verdict {
    /// Writes it as `quality_gate_details`; conditions without a value that were not judged are left out.
    pub fn to_details_json(&self) -> String {
        let judged = self
            .conditions
            .iter()
            .filter(|one| one.status != ConditionStatus::NoValue);
        let details = Details {
            level: self.status,
            conditions: judged
                .map(|one| ConditionDetails {
                    metric: one.metric.key.to_owned(),
                    op: one.operator,
                    period: one.on_new_code().then_some(1),
                    error: one.threshold.clone(),
                    actual: one.value.clone(),
                    level: one.status,
                })
                .collect(),
            ignored_conditions: self.ignored_conditions,
        };
        serde_json::to_string(&details).unwrap_or_default()
    }

    /// Reads what [`to_details_json`](Self::to_details_json) wrote; metrics that are no longer in the catalogue are
    /// dropped.
    pub fn from_details_json(text: &str) -> Result<Self, BadDetails> {
        let details: Details = serde_json::from_str(text)?;
        let conditions = details.conditions.into_iter().filter_map(|one| {
            Some(ConditionVerdict {
                metric: Metric::find(&one.metric)?,
                operator: one.op,
                threshold: one.error,
                value: one.actual,
                status: one.level,
            })
        });
        Ok(Self {
            status: details.level,
            conditions: conditions.collect(),
            ignored_conditions: details.ignored_conditions,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::testing::condition;
    use crate::gate::{Judging, judge};
    use crate::measure::Measures;

    #[test]
    fn the_details_of_a_verdict_are_kept() {
        let gate = [
            condition("bugs", Operator::GreaterThan, "0"),
            condition("new_coverage", Operator::LessThan, "80"),
            condition("new_violations", Operator::GreaterThan, "0"),
        ];
        let mut measures = Measures::new();
        measures.set_int("bugs", 1);
        measures.set_number("new_coverage", 85.0);
        let how = Judging {
            pull_request: false,
            ignore_small_changes: true,
            live: false,
        };
        let verdict = judge(&gate, &measures, &how);
        let written = verdict.to_details_json();
        insta::assert_snapshot!(written, @r#"{"level":"ERROR","conditions":[{"metric":"new_coverage","op":"LT","period":1,"error":"80","actual":"85.0","level":"OK"},{"metric":"bugs","op":"GT","error":"0","actual":"1","level":"ERROR"}],"ignoredConditions":false}"#);

        let mut judged = verdict;
        judged.conditions.retain(|one| one.status != ConditionStatus::NoValue);
        assert_eq!(Verdict::from_details_json(&written).unwrap(), judged);
    }

    #[test]
    fn a_broken_text_is_refused_and_a_forgotten_metric_dropped() {
        assert!(Verdict::from_details_json("{}").is_err());
        let old = r#"{"level":"OK","conditions":[{"metric":"gone","op":"GT","error":"1","level":"OK"}]}"#;
        assert!(Verdict::from_details_json(old).unwrap().conditions.is_empty());
    }
}
