//! Measures: values of metrics.

use std::fmt;

use crate::metric::{Metric, ValueType};

mod json;

pub use self::json::MeasureError;

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
///
/// A list sorted by key, of the places that metrics have in that order: measures are read, changed in a few places and
/// written with every change of an issue, and so hardly any keys are compared for it.
#[derive(Clone, Default, PartialEq)]
pub struct Measures(Vec<(u16, MeasureValue)>);

impl fmt::Debug for Measures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

impl Measures {
    /// No measures.
    pub fn new() -> Self {
        Self::default()
    }

    /// The value of a metric.
    pub fn get(&self, key: &str) -> Option<&MeasureValue> {
        let at = self.find(Metric::place(key)?).ok()?;
        Some(&self.0[at].1)
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
        if let Some(place) = Metric::place(key) {
            self.insert(place, whole(Metric::at(place), value));
        }
    }

    /// Sets a number, rounded half up to what the metric keeps; nothing happens for a key that is not in the catalogue
    /// or for what is no finite number.
    pub fn set_number(&mut self, key: &str, value: f64) {
        if let Some(place) = Metric::place(key)
            && let Some(value) = number(Metric::at(place), value)
        {
            self.insert(place, value);
        }
    }

    /// Sets a text; nothing happens for a key that is not in the catalogue or whose metric has numbers.
    pub fn set_text(&mut self, key: &str, value: impl Into<String>) {
        if let Some(place) = Metric::place(key)
            && Form::of(Metric::at(place).kind) == Form::Text
        {
            self.insert(place, MeasureValue::Text(value.into()));
        }
    }

    /// Takes a value away.
    pub fn remove(&mut self, key: &str) -> Option<MeasureValue> {
        let at = self.find(Metric::place(key)?).ok()?;
        Some(self.0.remove(at).1)
    }

    /// All values, by key.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &MeasureValue)> {
        self.0.iter().map(|(place, value)| (Metric::at(*place).key, value))
    }

    /// Takes over all values of `other`.
    pub fn extend(&mut self, other: Measures) {
        for (place, value) in other.0 {
            self.insert(place, value);
        }
    }

    /// Sets the values of metrics, or takes them away. They come in the order of their places, each once.
    pub(crate) fn replace(&mut self, values: impl Iterator<Item = (u16, Option<MeasureValue>)>) {
        let mut merged = Vec::with_capacity(self.0.len() + values.size_hint().0);
        let mut old = std::mem::take(&mut self.0).into_iter().peekable();
        for (place, value) in values {
            while let Some(kept) = old.next_if(|(other, _)| *other < place) {
                merged.push(kept);
            }
            old.next_if(|(other, _)| *other == place);
            merged.extend(value.map(|value| (place, value)));
        }
        merged.extend(old);
        self.0 = merged;
    }

    /// The values with the places of their metrics, by place.
    pub(crate) fn into_places(self) -> Vec<(u16, MeasureValue)> {
        self.0
    }

    fn insert(&mut self, place: u16, value: MeasureValue) {
        if self.0.last().is_none_or(|(last, _)| *last < place) {
            self.0.push((place, value));
            return;
        }
        match self.find(place) {
            Ok(at) => self.0[at].1 = value,
            Err(at) => self.0.insert(at, (place, value)),
        }
    }

    /// Where the value of a metric is, or where it would belong.
    fn find(&self, place: u16) -> Result<usize, usize> {
        self.0.binary_search_by_key(&place, |(other, _)| *other)
    }

    /// True when there is no value.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// A whole number in the form that a metric keeps.
pub(crate) fn whole(metric: &Metric, value: i64) -> MeasureValue {
    match Form::of(metric.kind) {
        Form::Whole => MeasureValue::Int(value),
        Form::Decimal => MeasureValue::Number(value as f64),
        Form::Text => MeasureValue::Text(value.to_string()),
    }
}

/// A number in the form that a metric keeps, rounded half up; nothing for what is no finite number.
pub(crate) fn number(metric: &Metric, value: f64) -> Option<MeasureValue> {
    value.is_finite().then(|| match Form::of(metric.kind) {
        Form::Whole => MeasureValue::Int(rounded(value, 0) as i64),
        Form::Decimal => MeasureValue::Number(rounded(value, metric.decimal_scale.unwrap_or(1))),
        Form::Text => MeasureValue::Text(java_double(value)),
    })
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
    if is_rounded(value, scale) {
        return value;
    }
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

/// Whether a number is the one nearest to some number of so many digits after the point, and so is written with no
/// more: what was rounded once need not be written out to see that. False may also mean that it is too large to tell.
fn is_rounded(value: f64, scale: u8) -> bool {
    let power = 10_f64.powi(i32::from(scale));
    let digits = (value * power).round();
    // Up to 2^53 and 10^22 both are exact, and then a quotient is the nearest double.
    scale <= 22 && digits.abs() < 9_007_199_254_740_992.0 && (digits / power).to_bits() == value.to_bits()
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
    use crate::tally::{self, DebtContext, RatingGrid, Tally};

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
    #[case("new_development_cost", 0.0, "0.0", "0.0")]
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
    fn measures_are_read_in_whatever_order_they_stand() {
        let read = Measures::from_json(r#"{"violations":1,"no_such_metric":2,"bugs":3,"zzz":4,"coverage":5}"#).unwrap();
        let keys: Vec<_> = read.iter().map(|(key, _)| key).collect();
        assert_eq!(keys, ["bugs", "coverage", "violations"]);
    }

    #[test]
    fn what_is_no_value_of_a_metric_is_passed_over() {
        let text =
            r#"{"bugs":[1,[2]],"violations":{"a":{}},"open_issues":null,"ncloc":true,"coverage":"80","files":3}"#;
        let read = Measures::from_json(text).unwrap();
        assert_eq!(read.iter().collect::<Vec<_>>(), [("files", &MeasureValue::Int(3))]);
        let read = Measures::from_json(r#"{"=":1,"bugs":null,"violations":2}"#).unwrap();
        assert_eq!((read.int("bugs"), read.int("violations")), (None, Some(2)));
        assert_eq!(read.int("code_smells"), Some(0));
        assert!(Measures::from_json(r#"{"=":4}"#).is_err());
        assert!(Measures::from_json(r#"{"files":3}x"#).is_err());
        assert!(Measures::from_json("3").is_err());
    }

    #[test]
    fn measures_of_issues_that_are_what_they_are_without_issues_are_left_out_and_read_back() {
        let nothing = |has_new_code| {
            let costs = DebtContext::of(&Measures::new(), has_new_code, RatingGrid::default());
            tally::issue_measures(&Tally::default(), &costs)
        };
        let (mut overall, mut both) = (nothing(false), nothing(true));
        assert_eq!(overall.to_json(), r#"{"=":1}"#);
        assert_eq!(both.to_json(), r#"{"=":3}"#);
        overall.set_int("bugs", 2);
        both.set_int("ncloc", 7);
        assert_eq!(overall.to_json(), r#"{"=":1,"bugs":2}"#);
        assert_eq!(both.to_json(), r#"{"=":3,"ncloc":7}"#);
        for measures in [&overall, &both] {
            assert_eq!(Measures::from_json(&measures.to_json()).unwrap(), *measures);
        }
        // Without one of them it is not true any more that they are all there.
        overall.remove("violations");
        let text = overall.to_json();
        assert!(text.starts_with(r#"{"accepted_issues":0,"#), "{text}");
        assert_eq!(Measures::from_json(&text).unwrap(), overall);
    }

    /// What was written with `"="` is read by this list for ever. A metric that joins it, or has another value without
    /// issues, would change what was measured long ago: then another key must be written, and this list be kept for `"="`.
    #[test]
    fn what_is_left_out_stays_the_same() {
        let read = Measures::from_json(r#"{"=":3}"#).unwrap();
        let line = |(key, value)| format!("{key} {}\n", api_text(Metric::find(key).unwrap(), value));
        let list: String = read.iter().map(line).collect();
        assert_eq!(list, include_str!("measure/without_issues.txt"));
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
        fn a_rounded_number_has_no_more_digits_and_is_the_nearest(whole in -1_000_000_000_i64..1_000_000_000, scale in 0..6_u8,
            noise in -0.5..0.5_f64) {
            let power = 10_f64.powi(i32::from(scale));
            let exact = whole as f64 / power;
            prop_assert_eq!(rounded(exact, scale).to_bits(), exact.to_bits());
            let near = rounded((whole as f64 + noise * 0.999) / power, scale);
            prop_assert!((near - exact).abs() < 1e-9 * exact.abs().max(1.0), "{near} is not {exact}");
        }

        #[test]
        fn later_values_win_over_earlier_ones_wherever_they_stand(values in proptest::collection::vec((0..Metric::all().len(), 0..9_i64), 0..80)) {
            let mut measures = Measures::new();
            let mut other = Measures::new();
            let mut naive = std::collections::BTreeMap::new();
            for (turn, (at, value)) in values.into_iter().enumerate() {
                let metric = &Metric::all()[at];
                if value == 0 {
                    measures.remove(metric.key);
                    other.remove(metric.key);
                    naive.remove(metric.key);
                    continue;
                }
                if turn % 2 == 0 { &mut measures } else { &mut other }.set_int(metric.key, value);
                if turn % 2 == 0 { other.remove(metric.key); }
                naive.insert(metric.key, whole(metric, value));
            }
            measures.extend(other);
            prop_assert_eq!(measures.iter().collect::<Vec<_>>(), naive.iter().map(|(key, value)| (*key, value)).collect::<Vec<_>>());
        }

        #[test]
        fn measures_read_back_as_they_were_written(sides in 0..3, values in proptest::collection::vec(
            (0..Metric::all().len(), -1_000_000_000_000..1_000_000_000_000_i64, -1e9..1e9_f64, ".{0,20}"), 0..30)) {
            let costs = DebtContext::of(&Measures::new(), sides == 2, RatingGrid::default());
            let mut measures = if sides == 0 { Measures::new() } else { tally::issue_measures(&Tally::default(), &costs) };
            for (at, int, number, text) in values {
                let key = Metric::all()[at].key;
                match int.rem_euclid(4) {
                    0 => measures.set_int(key, int),
                    1 => measures.set_number(key, number),
                    2 => drop(measures.remove(key)),
                    _ => measures.set_text(key, text),
                }
            }
            prop_assert_eq!(Measures::from_json(&measures.to_json()).unwrap(), measures);
        }
    }
}
