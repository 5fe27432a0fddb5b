//! What is known about the lines of a file.

use super::TextRange;

/// One of `measures-N.pb`: a value measured by the scanner.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Measure {
    /// Key of the metric.
    #[prost(string, tag = "1")]
    pub metric_key: String,
    /// The value; the type depends on the metric.
    #[prost(oneof = "MeasureValue", tags = "2, 3, 4, 5, 6")]
    pub value: Option<MeasureValue>,
}

/// Value of a [`Measure`].
#[derive(Clone, PartialEq, prost::Oneof)]
pub enum MeasureValue {
    /// Yes or no.
    #[prost(message, tag = "2")]
    Boolean(BoolValue),
    /// A whole number.
    #[prost(message, tag = "3")]
    Int(IntValue),
    /// A large whole number.
    #[prost(message, tag = "4")]
    Long(LongValue),
    /// A number with fractions.
    #[prost(message, tag = "5")]
    Double(DoubleValue),
    /// A text, for example `1=1;3=1` for values by line.
    #[prost(message, tag = "6")]
    String(StringValue),
}

/// Yes or no.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct BoolValue {
    /// The value.
    #[prost(bool, tag = "1")]
    pub value: bool,
    /// Additional text.
    #[prost(string, tag = "2")]
    pub data: String,
}

/// A whole number.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct IntValue {
    /// The value.
    #[prost(int32, tag = "1")]
    pub value: i32,
    /// Additional text.
    #[prost(string, tag = "2")]
    pub data: String,
}

/// A large whole number.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct LongValue {
    /// The value.
    #[prost(int64, tag = "1")]
    pub value: i64,
    /// Additional text.
    #[prost(string, tag = "2")]
    pub data: String,
}

/// A number with fractions.
#[derive(Clone, PartialEq, prost::Message)]
pub struct DoubleValue {
    /// The value.
    #[prost(double, tag = "1")]
    pub value: f64,
    /// Additional text.
    #[prost(string, tag = "2")]
    pub data: String,
}

/// A text.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct StringValue {
    /// The value.
    #[prost(string, tag = "1")]
    pub value: String,
}

impl Measure {
    /// A whole number for a metric.
    pub fn int(metric_key: &str, value: i32) -> Self {
        let value = IntValue {
            value,
            data: String::new(),
        };
        Self {
            metric_key: metric_key.to_owned(),
            value: Some(MeasureValue::Int(value)),
        }
    }

    /// A text for a metric.
    pub fn string(metric_key: &str, value: impl Into<String>) -> Self {
        let value = StringValue { value: value.into() };
        Self {
            metric_key: metric_key.to_owned(),
            value: Some(MeasureValue::String(value)),
        }
    }
}

/// `changesets-N.pb`: who changed each line when.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct Changesets {
    /// The file.
    #[prost(int32, tag = "1")]
    pub component_ref: i32,
    /// Whether the server is to take the previous analysis' instead; the lists are empty then.
    #[prost(bool, tag = "2")]
    pub copy_from_previous: bool,
    /// Each change once.
    #[prost(message, repeated, tag = "3")]
    pub changeset: Vec<Changeset>,
    /// For each line, from the first, the index of its change in `changeset`.
    #[prost(int32, repeated, tag = "4")]
    pub changeset_index_by_line: Vec<i32>,
}

/// A change in the repository.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct Changeset {
    /// Revision.
    #[prost(string, tag = "1")]
    pub revision: String,
    /// Author, usually an e-mail address; may be empty.
    #[prost(string, tag = "2")]
    pub author: String,
    /// When, in milliseconds since 1970.
    #[prost(int64, tag = "3")]
    pub date: i64,
}

/// One of `coverages-N.pb`: what tests did with a line.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub struct LineCoverage {
    /// The line, from 1.
    #[prost(int32, tag = "1")]
    pub line: i32,
    /// Branches that leave the line.
    #[prost(int32, tag = "2")]
    pub conditions: i32,
    /// Whether a test ran the line; none means that it is not a line to cover.
    #[prost(bool, optional, tag = "3")]
    pub hits: Option<bool>,
    /// Branches that were taken.
    #[prost(int32, optional, tag = "5")]
    pub covered_conditions: Option<i32>,
}

/// One of `duplications-N.pb`: a block that exists more than once.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct Duplication {
    /// Where it is in this file.
    #[prost(message, optional, tag = "1")]
    pub origin_position: Option<TextRange>,
    /// Where else it is.
    #[prost(message, repeated, tag = "2")]
    pub duplicate: Vec<Duplicate>,
}

/// Another place of a duplicated block.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub struct Duplicate {
    /// The file; 0 means the same one.
    #[prost(int32, tag = "1")]
    pub other_file_ref: i32,
    /// Where in that file.
    #[prost(message, optional, tag = "2")]
    pub range: Option<TextRange>,
}

/// `changed-lines-N.pb`: lines a pull request or branch changed.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct ChangedLines {
    /// Lines, from 1.
    #[prost(int32, repeated, tag = "1")]
    pub line: Vec<i32>,
}
