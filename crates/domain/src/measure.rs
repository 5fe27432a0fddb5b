//! Measures: values of metrics.

use std::collections::BTreeMap;

use crate::metric::{Metric, ValueType};

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
        match self.get(key)? {
            MeasureValue::Int(value) => Some(*value),
            MeasureValue::Number(_) | MeasureValue::Text(_) => None,
        }
    }

    /// The number a metric has, whole or not. `development_cost` counts, which is a number kept as a text.
    pub fn number(&self, key: &str) -> Option<f64> {
        match self.get(key)? {
            MeasureValue::Int(value) => Some(*value as f64),
            MeasureValue::Number(value) => Some(*value),
            MeasureValue::Text(value) => value.parse().ok().filter(|number: &f64| number.is_finite()),
        }
    }

    /// The text a metric has.
    pub fn text(&self, key: &str) -> Option<&str> {
        match self.get(key)? {
            MeasureValue::Text(value) => Some(value),
            MeasureValue::Int(_) | MeasureValue::Number(_) => None,
        }
    }

    /// Sets a whole number, in the form the metric has; nothing happens for a key that is not in the catalogue.
    pub fn set_int(&mut self, key: &str, value: i64) {
        let Some(metric) = Metric::find(key) else { return };
        let kept = match Form::of(metric.kind) {
            Form::Whole => MeasureValue::Int(value),
            Form::Decimal => MeasureValue::Number(value as f64),
            Form::Text => MeasureValue::Text(value.to_string()),
        };
        self.0.insert(metric.key, kept);
    }

    /// Sets a number, rounded half up to what the metric keeps; nothing happens for a key that is not in the catalogue
    /// or for what is no finite number.
    pub fn set_number(&mut self, key: &str, value: f64) {
        let Some(metric) = Metric::find(key).filter(|_| value.is_finite()) else {
            return;
        };
        let kept = match Form::of(metric.kind) {
            Form::Whole => MeasureValue::Int(rounded(value, 0) as i64),
            Form::Decimal => MeasureValue::Number(rounded(value, metric.decimal_scale.unwrap_or(1))),
            Form::Text => MeasureValue::Text(java_double(value)),
        };
        self.0.insert(metric.key, kept);
    }

    /// Sets a text; nothing happens for a key that is not in the catalogue or whose metric has numbers.
    pub fn set_text(&mut self, key: &str, value: impl Into<String>) {
        if let Some(metric) = Metric::find(key)
            && Form::of(metric.kind) == Form::Text
        {
            self.0.insert(metric.key, MeasureValue::Text(value.into()));
        }
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
        let mut object = serde_json::Map::new();
        for (key, value) in self.iter() {
            let value = match value {
                MeasureValue::Int(value) => (*value).into(),
                MeasureValue::Number(value) => (*value).into(),
                MeasureValue::Text(value) => value.as_str().into(),
            };
            object.insert(key.to_owned(), value);
        }
        serde_json::Value::Object(object).to_string()
    }

    /// Reads what [`to_json`](Self::to_json) wrote; metrics that are no longer in the catalogue are dropped.
    pub fn from_json(text: &str) -> Result<Self, MeasureError> {
        let object: serde_json::Map<String, serde_json::Value> = serde_json::from_str(text)?;
        let mut measures = Self::new();
        for (key, value) in object {
            match value {
                serde_json::Value::Number(number) => match number.as_i64() {
                    Some(whole) => measures.set_int(&key, whole),
                    None => measures.set_number(&key, number.as_f64().unwrap_or(f64::NAN)),
                },
                serde_json::Value::String(text) => measures.set_text(&key, text),
                _ => {}
            }
        }
        Ok(measures)
    }
}

/// In what form the values of a metric are kept.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Whole,
    Decimal,
    Text,
}

impl Form {
    const fn of(kind: ValueType) -> Self {
        match kind {
            ValueType::Int | ValueType::Rating | ValueType::WorkDur | ValueType::Millisec | ValueType::Bool => {
                Self::Whole
            }
            ValueType::Float | ValueType::Percent => Self::Decimal,
            ValueType::Level | ValueType::Data | ValueType::Text => Self::Text,
        }
    }
}

/// The text of a value in the Web API's measures.
pub fn api_text(metric: &Metric, value: &MeasureValue) -> String {
    match (metric.kind, value) {
        (ValueType::Rating, MeasureValue::Int(value)) => java_double(*value as f64),
        (ValueType::Bool, MeasureValue::Int(value)) => (*value == 1).to_string(),
        _ => gate_text(metric, value),
    }
}

/// The text of a value in the verdict of a gate.
pub fn gate_text(metric: &Metric, value: &MeasureValue) -> String {
    match value {
        MeasureValue::Int(value) => value.to_string(),
        MeasureValue::Number(value) if metric.kind == ValueType::Rating => (value.trunc() as i64).to_string(),
        MeasureValue::Number(value) => java_double(*value),
        MeasureValue::Text(value) => value.clone(),
    }
}

/// A number rounded half up (away from zero) to so many digits after the point. What counts is the number as it is
/// written, not its binary form: 0.35 becomes 0.4, as in SonarQube.
pub(crate) fn rounded(value: f64, scale: u8) -> f64 {
    let written = value.abs().to_string();
    let Some((whole, digits)) = written.split_once('.') else {
        return value;
    };
    let scale = usize::from(scale);
    let Some(next) = digits.as_bytes().get(scale) else {
        return value;
    };
    let Ok(kept) = format!("{whole}{}", &digits[..scale]).parse::<u128>() else {
        return value;
    };
    let kept = if *next >= b'5' { kept + 1 } else { kept };
    format!("{kept}e-{scale}")
        .parse::<f64>()
        .map_or(value, |rounded| rounded.copysign(value))
}

/// A number as Java writes a double: `85.0`, `33.3`, `1.0E7`.
fn java_double(value: f64) -> String {
    let size = value.abs();
    if value == 0.0 || (1e-3..1e7).contains(&size) {
        return format!("{value:?}");
    }
    let written = format!("{value:E}");
    match written.split_once('E') {
        Some((digits, exponent)) if !digits.contains('.') => format!("{digits}.0E{exponent}"),
        _ => written,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    fn texts(key: &str, value: f64) -> (String, String) {
        let mut measures = Measures::new();
        measures.set_number(key, value);
        let metric = Metric::find(key).unwrap();
        let value = measures.get(key).unwrap();
        (api_text(metric, value), gate_text(metric, value))
    }

    #[rstest]
    #[case("violations", 12.0, "12", "12")]
    #[case("sqale_rating", 1.0, "1.0", "1")]
    #[case("coverage", 85.0, "85.0", "85.0")]
    #[case("coverage", 100.0 / 3.0, "33.3", "33.3")]
    #[case("coverage", 79.95, "80.0", "80.0")]
    #[case("sqale_index", 480.0, "480", "480")]
    #[case("new_development_cost", 9_000_000.0, "9000000.0", "9000000.0")]
    #[case("new_development_cost", 12_000_000.0, "1.2E7", "1.2E7")]
    #[case("new_development_cost", 10_000_000.0, "1.0E7", "1.0E7")]
    fn a_value_reads_as_in_the_web_api(#[case] key: &str, #[case] value: f64, #[case] api: &str, #[case] gate: &str) {
        assert_eq!(texts(key, value), (api.to_owned(), gate.to_owned()));
    }

    #[rstest]
    #[case(0.25, 0.3)]
    #[case(0.35, 0.4)]
    #[case(0.05, 0.1)]
    #[case(99.949, 99.9)]
    #[case(99.95, 100.0)]
    #[case(-0.25, -0.3)]
    fn numbers_are_rounded_half_up_as_they_are_written(#[case] value: f64, #[case] expected: f64) {
        assert_eq!(rounded(value, 1).to_bits(), expected.to_bits());
    }

    #[test]
    fn only_metrics_of_the_catalogue_are_kept() {
        let mut measures = Measures::new();
        measures.set_int("no_such_metric", 1);
        measures.set_number("coverage", f64::NAN);
        measures.set_text("coverage", "80");
        assert!(measures.is_empty());
        let read = Measures::from_json(r#"{"gone_metric":1,"bugs":2,"coverage":50,"alert_status":"OK"}"#).unwrap();
        assert_eq!(read.int("bugs"), Some(2));
        assert_eq!(read.get("coverage"), Some(&MeasureValue::Number(50.0)));
        assert_eq!(read.text("alert_status"), Some("OK"));
        assert_eq!(read.iter().count(), 3);
        assert!(Measures::from_json("[").is_err());
    }

    proptest! {
        #[test]
        fn measures_read_back_as_they_were_written(values in proptest::collection::vec(
            (0..Metric::all().len(), -1_000_000_000_000..1_000_000_000_000_i64, -1e9..1e9_f64, ".{0,20}"), 0..30)) {
            let mut measures = Measures::new();
            for (at, int, number, text) in values {
                let key = Metric::all()[at].key;
                match int.rem_euclid(3) {
                    0 => measures.set_int(key, int),
                    1 => measures.set_number(key, number),
                    _ => measures.set_text(key, text),
                }
            }
            prop_assert_eq!(Measures::from_json(&measures.to_json()).unwrap(), measures);
        }
    }
}
