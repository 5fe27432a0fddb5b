//! The neutral model of coverage: what every coverage format is read into, and how several reports are merged.

use std::collections::{BTreeMap, HashMap};

/// What tests did with one line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct LineHit {
    /// How often the line ran. Formats that only know whether it ran give 1 or 0. None means that the line is not one to cover by
    /// itself: only its branches are known (LCOV does this for default arguments, for example).
    pub hits: Option<u64>,
    /// Branches that leave the line; 0 for a line without a decision.
    pub conditions: u32,
    /// Branches that were taken; never more than `conditions`.
    pub covered_conditions: u32,
}

impl LineHit {
    /// A line without branches.
    pub const fn of(hits: u64) -> Self {
        Self {
            hits: Some(hits),
            conditions: 0,
            covered_conditions: 0,
        }
    }

    /// Whether the line is one to cover.
    pub const fn is_to_cover(self) -> bool {
        self.hits.is_some()
    }

    /// Whether a test ran the line.
    pub const fn is_covered(self) -> bool {
        matches!(self.hits, Some(1..))
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

impl LineHit {
    /// Adds what another report says about the same line: runs are summed. Which branches were taken is not known any more, so the
    /// larger numbers are kept: that never claims a branch that no single report claims.
    pub fn merge(&mut self, other: Self) {
        self.hits = match (self.hits, other.hits) {
            (Some(hits), Some(more)) => Some(hits.saturating_add(more)),
            (hits, more) => hits.or(more),
        };
        self.conditions = self.conditions.max(other.conditions);
        self.covered_conditions = self.covered_conditions.max(other.covered_conditions);
    }
}

impl FileCoverage {
    /// A file without lines.
    pub fn new(path: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            lines: BTreeMap::new(),
        }
    }

    /// Adds what is known about one line.
    pub fn add(&mut self, line: u32, hit: LineHit) {
        self.lines.entry(line).or_default().merge(hit);
    }

    /// Adds what another report says about the same file; the path stays.
    pub fn merge(&mut self, other: &Self) {
        for (line, hit) in &other.lines {
            self.add(*line, *hit);
        }
    }
}

/// Merges files with equal paths, keeping the order of their first appearance. Call it after the paths are looked up, since reports
/// name the same file in different ways.
pub fn merge_files(files: impl IntoIterator<Item = FileCoverage>) -> Vec<FileCoverage> {
    let mut set = FileSet::default();
    for file in files {
        set.file(&file.path).merge(&file);
    }
    set.files
}

/// Files by path, in the order of their first appearance.
#[derive(Debug, Default)]
pub(crate) struct FileSet {
    pub(crate) files: Vec<FileCoverage>,
    by_path: HashMap<String, usize>,
}

impl FileSet {
    pub(crate) fn file(&mut self, path: &str) -> &mut FileCoverage {
        let index = if let Some(index) = self.by_path.get(path) {
            *index
        } else {
            self.by_path.insert(path.to_owned(), self.files.len());
            self.files.push(FileCoverage::new(path));
            self.files.len() - 1
        };
        &mut self.files[index]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hit(hits: u64, conditions: u32, covered_conditions: u32) -> LineHit {
        LineHit {
            hits: Some(hits),
            conditions,
            covered_conditions,
        }
    }

    #[test]
    fn reports_of_one_file_are_merged_line_by_line() {
        let mut unit = FileCoverage::new("a.ts");
        unit.add(1, hit(2, 2, 1));
        unit.add(2, hit(0, 0, 0));
        let mut other = FileCoverage::new("b.ts");
        other.add(1, hit(1, 0, 0));
        let mut end_to_end = FileCoverage::new("a.ts");
        end_to_end.add(1, hit(3, 2, 2));
        end_to_end.add(2, hit(1, 0, 0));
        end_to_end.add(3, hit(u64::MAX, 0, 0));

        let merged = merge_files([unit, other, end_to_end]);
        assert_eq!(merged.len(), 2);
        assert_eq!(merged[0].path, "a.ts");
        assert_eq!(
            merged[0].lines,
            BTreeMap::from([(1, hit(5, 2, 2)), (2, hit(1, 0, 0)), (3, hit(u64::MAX, 0, 0))])
        );
    }
}
