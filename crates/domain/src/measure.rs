//! Measures: values of metrics.

use std::collections::BTreeMap;

use crate::metric::Metric;

/// The value of a metric.
#[derive(Debug, Clone, PartialEq)]
pub enum MeasureValue {
    /// A whole number, of `INT`, `RATING`, `WORK_DUR`, `MILLISEC`.
    Int(i64),
    /// A number, of `FLOAT`, `PERCENT`.
    Number(f64),
    /// A text, of `LEVEL`, `DATA`, `STRING`.
    Text(String),
}

/// Values of metrics of the catalogue, at most one of each.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Measures(BTreeMap<&'static str, MeasureValue>);

/// A text that holds no measures.
#[derive(Debug, thiserror::Error)]
#[error("the measures cannot be read")]
pub struct MeasureError(#[from] serde_json::Error);

impl Measures {
    /// No measures.
    pub fn new() -> Self {
        Self::default()
    }

    /// The value of a metric.
    pub fn get(&self, key: &str) -> Option<&MeasureValue> {
        self.0.get(key)
    }

    /// The whole number a metric has.
    pub fn int(&self, key: &str) -> Option<i64> {
        todo!("{key}")
    }

    /// The number a metric has, whole or not.
    pub fn number(&self, key: &str) -> Option<f64> {
        todo!("{key}")
    }

    /// The text a metric has.
    pub fn text(&self, key: &str) -> Option<&str> {
        todo!("{key}")
    }

    /// Sets a whole number; nothing happens for a key that is not in the catalogue.
    pub fn set_int(&mut self, key: &str, value: i64) {
        todo!("{key} {value}")
    }

    /// Sets a number, rounded half up to what the metric keeps; nothing happens for a key that is not in the catalogue.
    pub fn set_number(&mut self, key: &str, value: f64) {
        todo!("{key} {value}")
    }

    /// Sets a text; nothing happens for a key that is not in the catalogue.
    pub fn set_text(&mut self, key: &str, value: impl Into<String>) {
        let _: String = value.into();
        todo!("{key}")
    }

    /// Takes a value away.
    pub fn remove(&mut self, key: &str) -> Option<MeasureValue> {
        self.0.remove(key)
    }

    /// All values, by key.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &MeasureValue)> {
        self.0.iter().map(|(key, value)| (*key, value))
    }

    /// Takes over all values of `other`.
    pub fn extend(&mut self, other: Measures) {
        self.0.extend(other.0);
    }

    /// True when there is no value.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Writes them as a JSON object.
    pub fn to_json(&self) -> String {
        todo!()
    }

    /// Reads what [`to_json`](Self::to_json) wrote; metrics that are no longer in the catalogue are dropped.
    pub fn from_json(text: &str) -> Result<Self, MeasureError> {
        todo!("{text}")
    }
}

/// The text of a value in the Web API's measures.
pub fn api_text(metric: &Metric, value: &MeasureValue) -> String {
    todo!("{metric:?} {value:?}")
}

/// The text of a value in the verdict of a gate.
pub fn gate_text(metric: &Metric, value: &MeasureValue) -> String {
    todo!("{metric:?} {value:?}")
}
