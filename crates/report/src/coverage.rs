//! The neutral model of coverage: what every coverage format is read into, and how several reports are merged.

use std::collections::BTreeMap;

/// What tests did with one line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct LineHit {
    /// How often the line ran. Formats that only know whether it ran give 1 or 0.
    pub hits: u64,
    /// Branches that leave the line; 0 for a line without a decision.
    pub conditions: u32,
    /// Branches that were taken; never more than `conditions`.
    pub covered_conditions: u32,
}

impl LineHit {
    /// Whether a test ran the line.
    pub const fn is_covered(self) -> bool {
        self.hits > 0
    }
}

/// Coverage of one file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FileCoverage {
    /// The file as the report names it; relative or absolute.
    pub path: String,
    /// Lines that could have run, by number from 1.
    pub lines: BTreeMap<u32, LineHit>,
}

/// What a coverage report holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CoverageReport {
    /// Files, each path once, in the order of the report.
    pub files: Vec<FileCoverage>,
    /// Folders the paths are relative to, in the order to try them; empty if the format does not say (then: the project's base).
    pub source_roots: Vec<String>,
    /// What was left out or looks wrong, for the person who ran the scan. Bounded.
    pub warnings: Vec<String>,
}
