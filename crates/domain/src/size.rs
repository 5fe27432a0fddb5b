//! Size, coverage and duplication: of a file, and summed up over files.

use std::collections::{BTreeMap, BTreeSet};

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
    /// What stands elsewhere too; none when nobody looked for it.
    pub duplication: Option<Duplication<'a>>,
    /// The new lines, as far as they are known.
    pub new_lines: Option<&'a BTreeSet<u32>>,
}

/// What of a file stands elsewhere too.
#[derive(Debug, Clone, Copy)]
pub struct Duplication<'a> {
    /// The lines.
    pub lines: &'a BTreeSet<u32>,
    /// How many blocks of them there are.
    pub blocks: u32,
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

/// The numbers that a scanner measures and that are taken as they are sent.
pub const FROM_SCANNER: &[&str] = &[
    "ncloc",
    "comment_lines",
    "statements",
    "functions",
    "classes",
    "complexity",
    "cognitive_complexity",
    "tests",
    "test_execution_time",
    "test_errors",
    "test_failures",
    "skipped_tests",
];

/// What else adds up over files.
const COUNTED_HERE: &[&str] = &[
    "files",
    "lines",
    "new_lines",
    "new_ncloc",
    "lines_to_cover",
    "uncovered_lines",
    "conditions_to_cover",
    "uncovered_conditions",
    "new_lines_to_cover",
    "new_uncovered_lines",
    "new_conditions_to_cover",
    "new_uncovered_conditions",
    "duplicated_lines",
    "duplicated_blocks",
    "duplicated_files",
    "new_duplicated_lines",
    "new_duplicated_blocks",
    DEVELOPMENT_COST,
    NEW_DEVELOPMENT_COST,
];

const DEVELOPMENT_COST: &str = "development_cost";
const NEW_DEVELOPMENT_COST: &str = "new_development_cost";

/// The measures of a file, without those of its issues. Files of tests have no size, coverage and duplication of their
/// own, only what the scanner measured and how many of their lines are new.
pub fn file_measures(facts: &FileFacts<'_>, development_cost_per_line: f64) -> Measures {
    let mut measures = Measures::new();
    for key in FROM_SCANNER {
        if let Some(value) = facts.raw.int(key) {
            measures.set_int(key, value);
        }
    }
    if let Some(new) = facts.new_lines {
        measures.set_int("new_lines", count(new));
    }
    if !facts.is_test {
        measures.set_int("files", 1);
        measures.set_int("lines", i64::from(facts.lines));
        measure_cost(facts, development_cost_per_line, &mut measures);
        measure_coverage(facts, &mut measures);
        measure_duplication(facts, &mut measures);
    }
    measure_ratios(&mut measures);
    measures
}

fn measure_cost(facts: &FileFacts<'_>, per_line: f64, measures: &mut Measures) {
    if let Some(lines) = measures.int("ncloc") {
        set_development_cost(measures, lines as f64 * per_line);
    }
    if let (Some(new), Some(code)) = (facts.new_lines, facts.code_lines) {
        let lines = new.intersection(code).count();
        measures.set_int("new_ncloc", lines as i64);
        measures.set_number(NEW_DEVELOPMENT_COST, lines as f64 * per_line);
    }
}

fn measure_coverage(facts: &FileFacts<'_>, measures: &mut Measures) {
    let overall = Covered::of(facts.coverage.iter());
    if overall.lines > 0 || overall.conditions > 0 {
        measures.set_int("lines_to_cover", overall.lines);
        measures.set_int("uncovered_lines", overall.lines - overall.ran);
    }
    if overall.conditions > 0 {
        measures.set_int("conditions_to_cover", overall.conditions);
        measures.set_int("uncovered_conditions", overall.conditions - overall.taken);
    }
    // A condition on new code has nothing to judge when nothing new can be covered, but it is known that there is
    // nothing: the counts are there.
    if let Some(new_lines) = facts.new_lines {
        let new = Covered::of(facts.coverage.iter().filter(|cover| new_lines.contains(&cover.line)));
        measures.set_int("new_lines_to_cover", new.lines);
        measures.set_int("new_uncovered_lines", new.lines - new.ran);
        measures.set_int("new_conditions_to_cover", new.conditions);
        measures.set_int("new_uncovered_conditions", new.conditions - new.taken);
    }
}

/// What tests covered of some lines.
#[derive(Default)]
struct Covered {
    lines: i64,
    ran: i64,
    conditions: i64,
    taken: i64,
}

impl Covered {
    fn of<'a>(lines: impl Iterator<Item = &'a LineCover>) -> Self {
        let mut sum = Self::default();
        for line in lines {
            sum.lines += i64::from(line.covered.is_some());
            sum.ran += i64::from(line.covered == Some(true));
            sum.conditions += i64::from(line.conditions);
            sum.taken += i64::from(line.covered_conditions.min(line.conditions));
        }
        sum
    }
}

fn measure_duplication(facts: &FileFacts<'_>, measures: &mut Measures) {
    // A file nobody searched for duplicates is not a file without them.
    let Some(duplication) = facts.duplication else { return };
    measures.set_int("duplicated_lines", count(duplication.lines));
    measures.set_int("duplicated_blocks", i64::from(duplication.blocks));
    measures.set_int("duplicated_files", i64::from(!duplication.lines.is_empty()));
    if let Some(new) = facts.new_lines {
        measures.set_int(
            "new_duplicated_lines",
            new.intersection(duplication.lines).count() as i64,
        );
        let blocks = runs_with(duplication.lines, new).min(duplication.blocks);
        measures.set_int("new_duplicated_blocks", i64::from(blocks));
    }
}

/// How many runs of adjacent lines have one of `wanted` among them. Where blocks begin and end is not known here; blocks
/// that touch count as one.
fn runs_with(lines: &BTreeSet<u32>, wanted: &BTreeSet<u32>) -> u32 {
    let mut runs = 0;
    let mut counted = false;
    let mut before = None;
    for line in lines {
        if before.is_none_or(|before: u32| before.saturating_add(1) != *line) {
            counted = false;
        }
        if !counted && wanted.contains(line) {
            counted = true;
            runs += 1;
        }
        before = Some(*line);
    }
    runs
}

/// Computes the ratios anew from what they are ratios of; without anything to divide by there is no ratio.
fn measure_ratios(measures: &mut Measures) {
    let percent = |part: f64, whole: f64| (whole > 0.0).then(|| 100.0 * part / whole);
    let mut found = Vec::new();
    for prefix in ["", "new_"] {
        let get = |key: &str| measures.number(&format!("{prefix}{key}"));
        let (lines, missed_lines) = (
            get("lines_to_cover").unwrap_or(0.0),
            get("uncovered_lines").unwrap_or(0.0),
        );
        let (conditions, missed_conditions) = (
            get("conditions_to_cover").unwrap_or(0.0),
            get("uncovered_conditions").unwrap_or(0.0),
        );
        let covered = lines - missed_lines + conditions - missed_conditions;
        found.push((format!("{prefix}coverage"), percent(covered, lines + conditions)));
        found.push((format!("{prefix}line_coverage"), percent(lines - missed_lines, lines)));
        found.push((
            format!("{prefix}branch_coverage"),
            percent(conditions - missed_conditions, conditions),
        ));
        if let (Some(duplicated), Some(lines)) = (get("duplicated_lines"), get("lines")) {
            found.push((format!("{prefix}duplicated_lines_density"), percent(duplicated, lines)));
        }
    }
    let get = |key: &str| measures.number(key);
    if let (Some(comments), Some(code)) = (get("comment_lines"), get("ncloc")) {
        found.push(("comment_lines_density".to_owned(), percent(comments, comments + code)));
    }
    if let Some(tests) = get("tests") {
        let bad = get("test_errors").unwrap_or(0.0) + get("test_failures").unwrap_or(0.0);
        found.push((
            "test_success_density".to_owned(),
            percent((tests - bad).max(0.0), tests),
        ));
    }
    for (key, value) in found {
        if let Some(value) = value {
            measures.set_number(&key, value);
        }
    }
}

/// A cost in whole minutes reads as a whole number.
fn set_development_cost(measures: &mut Measures, cost: f64) {
    if cost.fract() == 0.0 && cost.abs() < 1e15 {
        measures.set_int(DEVELOPMENT_COST, cost as i64);
    } else {
        measures.set_number(DEVELOPMENT_COST, cost);
    }
}

fn count(lines: &BTreeSet<u32>) -> i64 {
    lines.len() as i64
}

/// The measures of many files together, without those of their issues.
#[derive(Debug, Clone, Default)]
pub struct Sum {
    whole: BTreeMap<&'static str, i64>,
    development_cost: Option<f64>,
    new_development_cost: Option<f64>,
}

impl Sum {
    /// Adds the measures of a file (or of another sum).
    pub fn add(&mut self, measures: &Measures) {
        for key in FROM_SCANNER.iter().chain(COUNTED_HERE) {
            if let Some(value) = measures.int(key) {
                let sum = self.whole.entry(key).or_default();
                *sum = sum.saturating_add(value);
            }
        }
        for (sum, key) in [
            (&mut self.development_cost, DEVELOPMENT_COST),
            (&mut self.new_development_cost, NEW_DEVELOPMENT_COST),
        ] {
            if let Some(value) = measures.number(key) {
                *sum = Some(sum.unwrap_or(0.0) + value);
            }
        }
    }

    /// What they come to; ratios are computed from the sums.
    pub fn finish(self) -> Measures {
        let mut measures = Measures::new();
        for (key, value) in self.whole {
            measures.set_int(key, value);
        }
        if let Some(cost) = self.development_cost {
            set_development_cost(&mut measures, cost);
        }
        if let Some(cost) = self.new_development_cost {
            measures.set_number(NEW_DEVELOPMENT_COST, cost);
        }
        measure_ratios(&mut measures);
        measures
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn raw(values: &[(&str, i64)]) -> Measures {
        let mut measures = Measures::new();
        for (key, value) in values {
            measures.set_int(key, *value);
        }
        measures
    }

    fn cover(line: u32, covered: bool, conditions: u32, covered_conditions: u32) -> LineCover {
        LineCover {
            line,
            covered: Some(covered),
            conditions,
            covered_conditions,
        }
    }

    const NO_LINES: &BTreeSet<u32> = &BTreeSet::new();

    /// A file of 10 lines with the facts a test needs.
    fn facts<'a>(raw: &'a Measures, coverage: &'a [LineCover], new_lines: Option<&'a BTreeSet<u32>>) -> FileFacts<'a> {
        FileFacts {
            is_test: false,
            lines: 10,
            raw,
            code_lines: None,
            coverage,
            duplication: None,
            new_lines,
        }
    }

    #[test]
    fn coverage_is_of_lines_and_conditions_together() {
        let coverage = [
            cover(1, true, 2, 1),
            cover(2, true, 0, 0),
            cover(3, false, 0, 0),
            cover(4, true, 1, 9),
        ];
        let measures = file_measures(&facts(&raw(&[]), &coverage, Some(&[3, 4, 9].into())), 30.0);
        let int = |key| measures.int(key).unwrap();
        assert_eq!((int("lines_to_cover"), int("uncovered_lines")), (4, 1));
        assert_eq!((int("conditions_to_cover"), int("uncovered_conditions")), (3, 1));
        assert_eq!(measures.number("coverage"), Some(71.4));
        assert_eq!(measures.number("line_coverage"), Some(75.0));
        assert_eq!(measures.number("branch_coverage"), Some(66.7));
        assert_eq!(
            (int("new_lines"), int("new_lines_to_cover"), int("new_uncovered_lines")),
            (3, 2, 1)
        );
        assert_eq!(measures.number("new_coverage"), Some(66.7));
        assert_eq!(measures.number("new_branch_coverage"), Some(100.0));
    }

    #[test]
    fn without_anything_to_cover_there_is_no_coverage_but_the_counts_on_new_code() {
        let measures = file_measures(&facts(&raw(&[]), &[], Some(NO_LINES)), 30.0);
        assert_eq!((measures.get("coverage"), measures.get("new_coverage")), (None, None));
        assert_eq!(
            (measures.int("new_lines_to_cover"), measures.get("lines_to_cover")),
            (Some(0), None)
        );
        assert_eq!(measures.get("new_duplicated_lines_density"), None);
        let unknown = file_measures(&facts(&raw(&[]), &[], None), 30.0);
        assert!(unknown.iter().all(|(key, _)| !key.starts_with("new_")));
    }

    #[test]
    fn a_line_is_new_code_when_it_is_new_and_code() {
        let (new, code) = (BTreeSet::from([1, 2, 3]), BTreeSet::from([2, 3, 4]));
        let raw = raw(&[
            ("ncloc", 3),
            ("comment_lines", 1),
            ("alert_status", 1),
            ("complexity", 7),
        ]);
        let facts = FileFacts {
            code_lines: Some(&code),
            ..facts(&raw, &[], Some(&new))
        };
        let measures = file_measures(&facts, 30.0);
        assert_eq!(measures.text("development_cost"), Some("90"));
        assert_eq!(
            (measures.number("new_development_cost"), measures.int("new_ncloc")),
            (Some(60.0), Some(2))
        );
        assert_eq!(
            (measures.number("comment_lines_density"), measures.int("complexity")),
            (Some(25.0), Some(7))
        );
        assert_eq!(measures.get("alert_status"), None);
    }

    #[test]
    fn duplication_is_a_part_of_the_lines() {
        let (new, duplicated) = (BTreeSet::from([2, 8, 10]), BTreeSet::from([1, 2, 3, 7, 8]));
        let raw = raw(&[]);
        let facts = FileFacts {
            duplication: Some(Duplication {
                lines: &duplicated,
                blocks: 3,
            }),
            ..facts(&raw, &[], Some(&new))
        };
        let measures = file_measures(&facts, 30.0);
        assert_eq!(measures.number("duplicated_lines_density"), Some(50.0));
        assert_eq!(measures.number("new_duplicated_lines_density"), Some(66.7));
        let int = |key| measures.int(key).unwrap();
        assert_eq!(
            (
                int("duplicated_files"),
                int("duplicated_blocks"),
                int("new_duplicated_blocks")
            ),
            (1, 3, 2)
        );
    }

    #[test]
    fn a_file_of_tests_counts_for_its_tests_and_new_lines_only() {
        let raw = raw(&[("tests", 4), ("test_failures", 1)]);
        let new = BTreeSet::from([1, 2]);
        let coverage = [cover(1, true, 0, 0)];
        let facts = FileFacts {
            is_test: true,
            ..facts(&raw, &coverage, Some(&new))
        };
        let facts = file_measures(&facts, 30.0);
        assert_eq!(facts.number("test_success_density"), Some(75.0));
        assert_eq!(facts.int("new_lines"), Some(2));
        for key in [
            "files",
            "lines",
            "lines_to_cover",
            "duplicated_lines",
            "new_lines_to_cover",
            "development_cost",
        ] {
            assert_eq!(facts.get(key), None, "{key}");
        }
    }

    #[test]
    fn ratios_of_a_sum_come_from_the_sums() {
        let mut sum = Sum::default();
        for (coverage, ncloc) in [(vec![cover(1, true, 0, 0)], 1), (vec![cover(1, false, 0, 0); 3], 2)] {
            sum.add(&file_measures(&facts(&raw(&[("ncloc", ncloc)]), &coverage, None), 0.5));
        }
        let measures = sum.finish();
        assert_eq!(measures.number("coverage"), Some(25.0));
        assert_eq!(
            (measures.int("files"), measures.int("lines"), measures.int("ncloc")),
            (Some(2), Some(20), Some(3))
        );
        assert_eq!(
            (measures.text("development_cost"), measures.number("development_cost")),
            (Some("1.5"), Some(1.5))
        );
        assert!(Sum::default().finish().is_empty());
    }

    proptest! {
        #[test]
        fn sums_of_sums_are_the_sum_of_all(
            files in proptest::collection::vec(
                (proptest::collection::vec((1..10_u32, any::<bool>(), 0..3_u32), 0..8), 0..9_i64,
                    proptest::collection::btree_set(1..10_u32, 0..9)), 1..8),
            split in any::<prop::sample::Index>(),
        ) {
            let files: Vec<Measures> = files.iter().map(|(lines, ncloc, new)| {
                let coverage: Vec<_> = lines.iter().map(|(line, covered, both)| cover(*line, *covered, *both, 1)).collect();
                file_measures(&facts(&raw(&[("ncloc", *ncloc)]), &coverage, Some(new)), 30.0)
            }).collect();
            let sum = |files: &[Measures]| {
                let mut sum = Sum::default();
                for file in files {
                    sum.add(file);
                }
                sum.finish()
            };
            let (left, right) = files.split_at(split.index(files.len()));
            prop_assert_eq!(sum(&[sum(left), sum(right)]), sum(&files));
        }
    }
}
