//! Metrics: what can be measured, and how a value of each reads.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::sync::LazyLock;

use crate::words::words;

mod catalogue;
mod equivalence;

words! {
    /// What the values of a metric are.
    ValueType {
        /// A whole number.
        Int = "INT",
        /// A number.
        Float = "FLOAT",
        /// Hundredths.
        Percent = "PERCENT",
        /// 1 (best, shown as A) to 5 (worst, E).
        Rating = "RATING",
        /// Minutes of work.
        WorkDur = "WORK_DUR",
        /// Milliseconds.
        Millisec = "MILLISEC",
        /// The status of a gate.
        Level = "LEVEL",
        /// Yes or no.
        Bool = "BOOL",
        /// A text for programs.
        Data = "DATA",
        /// A text.
        Text = "STRING",
    }
}

/// Something that can be measured.
#[derive(Debug, Clone, Copy)]
pub struct Metric {
    /// What it is called on the wire and in the store.
    pub key: &'static str,
    /// What people call it.
    pub name: &'static str,
    /// What it says, in a few words.
    pub description: &'static str,
    /// What its values are.
    pub kind: ValueType,
    /// The group it is shown in.
    pub domain: &'static str,
    /// 1 when higher is better, -1 when lower is better, 0 when neither.
    pub direction: i8,
    /// The value that cannot be bettered.
    pub best: Option<f64>,
    /// The worst value.
    pub worst: Option<f64>,
    /// True when people are not shown it and gates cannot use it.
    pub hidden: bool,
    /// True when it says how good the code is, not only how much of it there is.
    pub qualitative: bool,
    /// How many digits after the point are kept.
    pub decimal_scale: Option<u8>,
}

/// The whole catalogue, sorted by key.
static SORTED: LazyLock<Vec<&'static Metric>> = LazyLock::new(|| {
    let mut sorted: Vec<_> = Metric::all().iter().collect();
    sorted.sort_unstable_by_key(|metric| metric.key);
    sorted
});

/// What the keys of metrics on new code begin with.
const ON_NEW_CODE: &str = "new_";

impl Metric {
    /// The metric of this key.
    pub fn find(key: &str) -> Option<&'static Metric> {
        Some(Self::at(Self::place(key)?))
    }

    /// Where the metric of this key stands in the order of all keys.
    pub(crate) fn place(key: &str) -> Option<u16> {
        static BY_KEY: LazyLock<HashMap<&'static str, u16>> =
            LazyLock::new(|| SORTED.iter().map(|metric| metric.key).zip(0..).collect());
        BY_KEY.get(key).copied()
    }

    /// The metric at a place that [`place`](Self::place) gave.
    pub(crate) fn at(place: u16) -> &'static Metric {
        SORTED[usize::from(place)]
    }

    /// The place of a key that mostly comes soon after the key before it, which was found just before `from`.
    pub(crate) fn place_from(from: u16, key: &str) -> Option<u16> {
        for (metric, place) in SORTED.iter().skip(usize::from(from)).zip(from..) {
            match metric.key.cmp(key) {
                Ordering::Less => {}
                Ordering::Equal => return Some(place),
                Ordering::Greater => break,
            }
        }
        Self::place(key)
    }

    /// The whole catalogue.
    pub fn all() -> &'static [Metric] {
        catalogue::ALL
    }

    /// True for a metric about new code.
    pub fn is_on_new_code(&self) -> bool {
        self.key.starts_with(ON_NEW_CODE)
    }
}

/// Two metrics are the same when their keys are.
impl PartialEq for Metric {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key
    }
}

impl Eq for Metric {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_metric_is_in_the_catalogue_once_and_found_by_its_key() {
        for metric in Metric::all() {
            assert!(
                std::ptr::eq(Metric::find(metric.key).unwrap(), metric),
                "{}",
                metric.key
            );
            assert_eq!(
                metric.decimal_scale.is_some(),
                matches!(metric.kind, ValueType::Float | ValueType::Percent)
            );
        }
        assert_eq!(Metric::find("no_such_metric"), None);
    }

    #[test]
    fn the_catalogue_says_what_clients_of_the_web_api_know() {
        let of = |key| {
            let metric = Metric::find(key).unwrap();
            (
                metric.kind.as_str(),
                metric.domain,
                metric.direction,
                metric.best,
                metric.worst,
                metric.hidden,
            )
        };
        assert_eq!(of("alert_status"), ("LEVEL", "Releasability", 1, None, None, false));
        assert_eq!(of("new_violations"), ("INT", "Issues", -1, Some(0.0), None, false));
        assert_eq!(
            of("new_coverage"),
            ("PERCENT", "Coverage", 1, Some(100.0), Some(0.0), false)
        );
        assert_eq!(
            of("development_cost"),
            ("STRING", "Maintainability", -1, Some(0.0), None, true)
        );
        assert_eq!(
            of("duplicated_lines_density"),
            ("PERCENT", "Duplications", -1, Some(0.0), Some(50.0), false)
        );
        assert_eq!(
            of("sqale_rating"),
            ("RATING", "Maintainability", -1, Some(1.0), Some(5.0), false)
        );
    }
}
