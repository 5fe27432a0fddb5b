//! Metrics.

use gatehook_domain::metric::{Metric, ValueType};
use serde::Serialize;

pub(crate) mod search;

/// A metric as answers about measures show it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct MetricShape {
    key: &'static str,
    name: &'static str,
    description: &'static str,
    domain: &'static str,
    #[serde(rename = "type")]
    kind: &'static str,
    higher_values_are_better: bool,
    qualitative: bool,
    hidden: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    decimal_scale: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    best_value: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    worst_value: Option<String>,
}

impl MetricShape {
    pub(crate) fn of(metric: &Metric) -> Self {
        let text = |value: f64| match metric.kind {
            ValueType::Int | ValueType::WorkDur | ValueType::Millisec => format!("{value:.0}"),
            _ => format!("{value:.1}"),
        };
        Self {
            key: metric.key,
            name: metric.name,
            description: metric.description,
            domain: metric.domain,
            kind: metric.kind.as_str(),
            higher_values_are_better: metric.direction > 0,
            qualitative: metric.qualitative,
            hidden: metric.hidden,
            decimal_scale: metric.decimal_scale,
            best_value: metric.best.map(text),
            worst_value: metric.worst.map(text),
        }
    }
}
