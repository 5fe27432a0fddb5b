//! Size, coverage and duplication: of a file, and summed up over files.

use std::collections::BTreeSet;

use crate::measure::Measures;

/// What a report says about a file.
#[derive(Debug, Clone, Copy)]
pub struct FileFacts<'a> {
    /// True for a file of tests.
    pub is_test: bool,
    /// How many lines it has.
    pub lines: u32,
    /// The numbers the scanner measured.
    pub raw: &'a Measures,
    /// The lines that hold code, as far as the scanner said.
    pub code_lines: Option<&'a BTreeSet<u32>>,
    /// The lines that tests can cover.
    pub coverage: &'a [LineCover],
    /// The lines that stand elsewhere too.
    pub duplicated_lines: &'a BTreeSet<u32>,
    /// How many blocks of them there are.
    pub duplicated_blocks: u32,
    /// The new lines, as far as they are known.
    pub new_lines: Option<&'a BTreeSet<u32>>,
}

/// What tests covered of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LineCover {
    /// The line, from 1.
    pub line: u32,
    /// Whether it ran; none when only its conditions are known.
    pub covered: Option<bool>,
    /// How many conditions it has.
    pub conditions: u32,
    /// How many of them were covered.
    pub covered_conditions: u32,
}

/// The measures of a file, without those of its issues.
pub fn file_measures(facts: &FileFacts<'_>, development_cost_per_line: f64) -> Measures {
    todo!("{facts:?} {development_cost_per_line}")
}

/// The measures of many files together.
#[derive(Debug, Clone, Default)]
pub struct Sum {
    so_far: Measures,
}

impl Sum {
    /// Adds the measures of a file (or of another sum).
    pub fn add(&mut self, measures: &Measures) {
        todo!("{measures:?}")
    }

    /// What they come to; ratios are computed from the sums.
    pub fn finish(self) -> Measures {
        self.so_far
    }
}
