//! Issues and rules.

use std::collections::BTreeMap;

/// Severity of the standard experience.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, prost::Enumeration)]
#[repr(i32)]
pub enum Severity {
    /// Not said.
    Unset = 0,
    /// `INFO`
    Info = 1,
    /// `MINOR`
    Minor = 2,
    /// `MAJOR`
    Major = 3,
    /// `CRITICAL`
    Critical = 4,
    /// `BLOCKER`
    Blocker = 5,
}

/// Type of an issue in the standard experience.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, prost::Enumeration)]
#[repr(i32)]
pub enum IssueType {
    /// Not said.
    Unset = 0,
    /// `CODE_SMELL`
    CodeSmell = 1,
    /// `BUG`
    Bug = 2,
    /// `VULNERABILITY`
    Vulnerability = 3,
    /// `SECURITY_HOTSPOT`
    SecurityHotspot = 4,
}

/// What an issue harms.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, prost::Enumeration)]
#[repr(i32)]
pub enum SoftwareQuality {
    /// Not said.
    Unset = 0,
    /// `MAINTAINABILITY`
    Maintainability = 1,
    /// `RELIABILITY`
    Reliability = 2,
    /// `SECURITY`
    Security = 3,
}

/// How much an issue harms a quality. The numbers are in the order in which the values were invented, not by weight.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, prost::Enumeration)]
#[repr(i32)]
pub enum ImpactSeverity {
    /// Not said.
    Unset = 0,
    /// `LOW`
    Low = 1,
    /// `MEDIUM`
    Medium = 2,
    /// `HIGH`
    High = 3,
    /// `INFO`
    Info = 4,
    /// `BLOCKER`
    Blocker = 5,
}

/// One quality and how much it is harmed.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub struct Impact {
    /// What is harmed.
    #[prost(enumeration = "SoftwareQuality", tag = "1")]
    pub software_quality: i32,
    /// How much.
    #[prost(enumeration = "ImpactSeverity", tag = "2")]
    pub severity: i32,
}

/// A range of text.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub struct TextRange {
    /// First line, from 1.
    #[prost(int32, tag = "1")]
    pub start_line: i32,
    /// Last line, inclusive.
    #[prost(int32, tag = "2")]
    pub end_line: i32,
    /// Offset of the first character in its line, from 0.
    #[prost(int32, tag = "3")]
    pub start_offset: i32,
    /// Offset after the last character in its line.
    #[prost(int32, tag = "4")]
    pub end_offset: i32,
}

/// Places that belong together.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct Flow {
    /// The places.
    #[prost(message, repeated, tag = "1")]
    pub location: Vec<IssueLocation>,
    /// What they show.
    #[prost(string, tag = "2")]
    pub description: String,
    /// How they are to be read.
    #[prost(enumeration = "FlowType", tag = "3")]
    pub r#type: i32,
}

/// How a flow is to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, prost::Enumeration)]
#[repr(i32)]
pub enum FlowType {
    /// Not said; a single place is a secondary location.
    Undefined = 0,
    /// Data flows along it.
    Data = 1,
    /// Execution flows along it.
    Execution = 2,
}

/// A place in a component.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct IssueLocation {
    /// The component; 0 means the one that has the issue.
    #[prost(int32, tag = "1")]
    pub component_ref: i32,
    /// The range; none means the component as a whole.
    #[prost(message, optional, tag = "2")]
    pub text_range: Option<TextRange>,
    /// What is said about it.
    #[prost(string, tag = "3")]
    pub msg: String,
    /// Formatting of `msg`.
    #[prost(message, repeated, tag = "4")]
    pub msg_formatting: Vec<MessageFormatting>,
}

/// A part of a message that is shown in a special way.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub struct MessageFormatting {
    /// First character.
    #[prost(int32, tag = "1")]
    pub start: i32,
    /// Character after the last.
    #[prost(int32, tag = "2")]
    pub end: i32,
    /// How; 0 is code, the only one.
    #[prost(int32, tag = "3")]
    pub r#type: i32,
}

/// One of `issues-N.pb`: found by an analyzer of the scanner, by an active rule.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Issue {
    /// Repository of the rule.
    #[prost(string, tag = "1")]
    pub rule_repository: String,
    /// Key of the rule in its repository.
    #[prost(string, tag = "2")]
    pub rule_key: String,
    /// What is wrong.
    #[prost(string, tag = "3")]
    pub msg: String,
    /// Severity instead of the active rule's.
    #[prost(enumeration = "Severity", optional, tag = "4")]
    pub overridden_severity: Option<i32>,
    /// How many times the rule's effort multiplier counts.
    #[prost(double, tag = "5")]
    pub gap: f64,
    /// Where; none means the component as a whole.
    #[prost(message, optional, tag = "6")]
    pub text_range: Option<TextRange>,
    /// Secondary places and flows.
    #[prost(message, repeated, tag = "7")]
    pub flow: Vec<Flow>,
    /// Whether an editor can fix it.
    #[prost(bool, tag = "8")]
    pub quick_fix_available: bool,
    /// Which of the rule's descriptions fits.
    #[prost(string, optional, tag = "9")]
    pub rule_description_context_key: Option<String>,
    /// Formatting of `msg`.
    #[prost(message, repeated, tag = "10")]
    pub msg_formatting: Vec<MessageFormatting>,
    /// Build variants that have the issue.
    #[prost(string, repeated, tag = "11")]
    pub code_variants: Vec<String>,
    /// Impacts instead of the active rule's.
    #[prost(message, repeated, tag = "12")]
    pub overridden_impacts: Vec<Impact>,
    /// Tags nobody sees.
    #[prost(string, repeated, tag = "13")]
    pub internal_tags: Vec<String>,
}

/// One of `external-issues-N.pb`: found by another tool; its rule is `external_<engine>:<rule>`.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct ExternalIssue {
    /// The tool.
    #[prost(string, tag = "1")]
    pub engine_id: String,
    /// The rule within the tool.
    #[prost(string, tag = "2")]
    pub rule_id: String,
    /// What is wrong.
    #[prost(string, tag = "3")]
    pub msg: String,
    /// Severity.
    #[prost(enumeration = "Severity", optional, tag = "4")]
    pub severity: Option<i32>,
    /// Minutes it takes to fix.
    #[prost(int64, tag = "5")]
    pub effort: i64,
    /// Where; none means the component as a whole.
    #[prost(message, optional, tag = "6")]
    pub text_range: Option<TextRange>,
    /// Secondary places and flows.
    #[prost(message, repeated, tag = "7")]
    pub flow: Vec<Flow>,
    /// Type.
    #[prost(enumeration = "IssueType", optional, tag = "8")]
    pub r#type: Option<i32>,
    /// Formatting of `msg`.
    #[prost(message, repeated, tag = "9")]
    pub msg_formatting: Vec<MessageFormatting>,
    /// Impacts.
    #[prost(message, repeated, tag = "10")]
    pub impacts: Vec<Impact>,
    /// Attribute of clean code, by name.
    #[prost(string, optional, tag = "11")]
    pub clean_code_attribute: Option<String>,
}

/// One of `adhocrules.pb`: a rule of another tool.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct AdHocRule {
    /// The tool.
    #[prost(string, tag = "1")]
    pub engine_id: String,
    /// The rule within the tool.
    #[prost(string, tag = "2")]
    pub rule_id: String,
    /// Name.
    #[prost(string, tag = "3")]
    pub name: String,
    /// Description.
    #[prost(string, tag = "4")]
    pub description: String,
    /// Severity.
    #[prost(enumeration = "Severity", optional, tag = "5")]
    pub severity: Option<i32>,
    /// Type.
    #[prost(enumeration = "IssueType", optional, tag = "6")]
    pub r#type: Option<i32>,
    /// Attribute of clean code, by name.
    #[prost(string, optional, tag = "7")]
    pub clean_code_attribute: Option<String>,
    /// Impacts of issues that have none of their own.
    #[prost(message, repeated, tag = "8")]
    pub default_impacts: Vec<Impact>,
}

/// One of `activerules.pb`: a rule the analysis applied.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct ActiveRule {
    /// Repository of the rule.
    #[prost(string, tag = "1")]
    pub rule_repository: String,
    /// Key of the rule in its repository.
    #[prost(string, tag = "2")]
    pub rule_key: String,
    /// Severity in the profile.
    #[prost(enumeration = "Severity", tag = "3")]
    pub severity: i32,
    /// Parameters.
    #[prost(btree_map = "string, string", tag = "4")]
    pub params_by_key: BTreeMap<String, String>,
    /// When it was activated, in milliseconds since 1970.
    #[prost(int64, tag = "5")]
    pub created_at: i64,
    /// When the activation changed last, in milliseconds since 1970.
    #[prost(int64, tag = "6")]
    pub updated_at: i64,
    /// Key of the profile.
    #[prost(string, tag = "7")]
    pub q_profile_key: String,
    /// Impacts in the profile.
    #[prost(message, repeated, tag = "8")]
    pub impacts: Vec<Impact>,
}
