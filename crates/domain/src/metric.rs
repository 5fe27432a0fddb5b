//! Metrics: what can be measured, and how a value of each reads.

use crate::words::words;

mod catalogue;

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

/// What the keys of metrics on new code begin with.
const ON_NEW_CODE: &str = "new_";

impl Metric {
    /// The metric of this key.
    pub fn find(key: &str) -> Option<&'static Metric> {
        Self::all().iter().find(|metric| metric.key == key)
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
