//! The neutral model of issues found by other tools: what SARIF and the generic format are read into.
//!
//! Paths are as the tool wrote them (decoded, but not looked up): finding the file of a scan, and completing what a range leaves
//! open from the file's text, is the scanner's work.

/// Severity of the standard experience, from low to high.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// `INFO`
    Info,
    /// `MINOR`
    Minor,
    /// `MAJOR`
    Major,
    /// `CRITICAL`
    Critical,
    /// `BLOCKER`
    Blocker,
}

/// Type of an issue in the standard experience.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum IssueType {
    /// `CODE_SMELL`
    CodeSmell,
    /// `BUG`
    Bug,
    /// `VULNERABILITY`
    Vulnerability,
    /// `SECURITY_HOTSPOT`
    SecurityHotspot,
}

/// What an issue harms.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SoftwareQuality {
    /// `MAINTAINABILITY`
    Maintainability,
    /// `RELIABILITY`
    Reliability,
    /// `SECURITY`
    Security,
}

/// How much an issue harms a [`SoftwareQuality`], from low to high.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ImpactSeverity {
    /// `INFO`
    Info,
    /// `LOW`
    Low,
    /// `MEDIUM`
    Medium,
    /// `HIGH`
    High,
    /// `BLOCKER`
    Blocker,
}

/// The attribute of clean code that a rule protects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CleanCodeAttribute {
    /// `CONVENTIONAL`
    Conventional,
    /// `FORMATTED`
    Formatted,
    /// `IDENTIFIABLE`
    Identifiable,
    /// `CLEAR`
    Clear,
    /// `COMPLETE`
    Complete,
    /// `EFFICIENT`
    Efficient,
    /// `LOGICAL`
    Logical,
    /// `DISTINCT`
    Distinct,
    /// `FOCUSED`
    Focused,
    /// `MODULAR`
    Modular,
    /// `TESTED`
    Tested,
    /// `LAWFUL`
    Lawful,
    /// `RESPECTFUL`
    Respectful,
    /// `TRUSTWORTHY`
    Trustworthy,
}

/// Gives an enum its names on the wire: `as_str` and `parse`, exact and in upper case.
macro_rules! wire_names {
    ($type:ident { $($variant:ident => $name:literal),+ $(,)? }) => {
        impl $type {
            /// Every value with its name on the wire, in the order of the declaration.
            pub const NAMES: &'static [(&'static str, Self)] = &[$(($name, Self::$variant)),+];

            /// The name on the wire.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $name),+
                }
            }

            /// The value of a name on the wire; names are upper case and exact.
            pub fn parse(name: &str) -> Option<Self> {
                Self::NAMES.iter().find(|(known, _)| *known == name).map(|(_, value)| *value)
            }
        }

        impl std::fmt::Display for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

wire_names!(Severity { Info => "INFO", Minor => "MINOR", Major => "MAJOR", Critical => "CRITICAL", Blocker => "BLOCKER" });
wire_names!(IssueType {
    CodeSmell => "CODE_SMELL",
    Bug => "BUG",
    Vulnerability => "VULNERABILITY",
    SecurityHotspot => "SECURITY_HOTSPOT",
});
wire_names!(SoftwareQuality {
    Maintainability => "MAINTAINABILITY",
    Reliability => "RELIABILITY",
    Security => "SECURITY",
});
wire_names!(ImpactSeverity { Info => "INFO", Low => "LOW", Medium => "MEDIUM", High => "HIGH", Blocker => "BLOCKER" });
wire_names!(CleanCodeAttribute {
    Conventional => "CONVENTIONAL",
    Formatted => "FORMATTED",
    Identifiable => "IDENTIFIABLE",
    Clear => "CLEAR",
    Complete => "COMPLETE",
    Efficient => "EFFICIENT",
    Logical => "LOGICAL",
    Distinct => "DISTINCT",
    Focused => "FOCUSED",
    Modular => "MODULAR",
    Tested => "TESTED",
    Lawful => "LAWFUL",
    Respectful => "RESPECTFUL",
    Trustworthy => "TRUSTWORTHY",
});

/// One quality and how much it is harmed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Impact {
    /// What is harmed.
    pub quality: SoftwareQuality,
    /// How much.
    pub severity: ImpactSeverity,
}

/// A range of text as far as the tool gave it. Lines count from 1, columns from 0; the end column is the one after the last.
///
/// What is missing is completed from the file: no `start_column` is the whole line (or the start of it, if there is an end column),
/// no `end_line` is the start line, no `end_column` is the end of the end line. Whether the range fits the file is not checked here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TextRange {
    /// First line, at least 1.
    pub start_line: u32,
    /// Column of the first character, from 0.
    pub start_column: Option<u32>,
    /// Last line, inclusive, never before `start_line`.
    pub end_line: Option<u32>,
    /// Column after the last character, from 0.
    pub end_column: Option<u32>,
}

/// A place, with what is said about it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Location {
    /// The file as the tool names it; none means the project itself. Percent-escapes and `file:` are resolved; it may be absolute.
    pub path: Option<String>,
    /// The range in the file; none means the file as a whole.
    pub range: Option<TextRange>,
    /// What is said about the place.
    pub message: Option<String>,
}

/// A path through the code that leads to the issue: locations in the order of execution.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Flow {
    /// What the flow shows.
    pub description: Option<String>,
    /// The steps; never empty.
    pub locations: Vec<Location>,
}

/// A rule of another tool. Its key in the server is `external_<engine_id>:<rule_id>`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportedRule {
    /// The tool.
    pub engine_id: String,
    /// The rule within the tool.
    pub rule_id: String,
    /// A short name; without one, use `engine:rule`.
    pub name: Option<String>,
    /// A longer text.
    pub description: Option<String>,
    /// Severity of the standard experience.
    pub severity: Option<Severity>,
    /// Type of the standard experience.
    pub issue_type: Option<IssueType>,
    /// The attribute of clean code.
    pub clean_code_attribute: Option<CleanCodeAttribute>,
    /// Harm by quality, at most one per quality.
    pub impacts: Vec<Impact>,
}

/// An issue found by another tool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportedIssue {
    /// The tool.
    pub engine_id: String,
    /// The rule within the tool.
    pub rule_id: String,
    /// What is wrong; never empty.
    pub message: String,
    /// Severity of the standard experience, if the issue has its own.
    pub severity: Option<Severity>,
    /// Type of the standard experience, if the issue has its own.
    pub issue_type: Option<IssueType>,
    /// The attribute of clean code, if the issue has its own.
    pub clean_code_attribute: Option<CleanCodeAttribute>,
    /// Impacts that replace those of the rule, quality by quality.
    pub impacts: Vec<Impact>,
    /// Minutes it takes to fix.
    pub effort_minutes: Option<u32>,
    /// Where it is. Its `message` is none: the text is in the issue's own.
    pub primary: Location,
    /// Further places, unordered.
    pub secondary: Vec<Location>,
    /// Ordered paths.
    pub flows: Vec<Flow>,
}

/// What an issue report holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImportedIssues {
    /// Rules by engine and id, each once, in the order of the report.
    pub rules: Vec<ImportedRule>,
    /// Issues in the order of the report.
    pub issues: Vec<ImportedIssue>,
    /// What was left out or looks wrong, for the person who ran the scan. Bounded, however large the report.
    pub warnings: Vec<String>,
}
