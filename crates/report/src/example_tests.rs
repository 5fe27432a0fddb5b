//! Real output of real tools, as recorded in `examples/`. What is read is compared with what the files say in total, so recording
//! them again with newer tools breaks nothing.

use std::fs;
use std::path::PathBuf;

use crate::coverage::CoverageReport;
use crate::model::{ImportedIssues, IssueType};
use crate::{cobertura, generic_coverage, generic_issues, jacoco, lcov, sarif};

fn example(path: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../../examples")
        .join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Covered lines, lines, covered branches, branches.
fn totals(report: &CoverageReport) -> [u64; 4] {
    let mut totals = [0; 4];
    for line in report.files.iter().flat_map(|file| file.lines.values()) {
        let numbers = [
            u64::from(line.is_covered()),
            u64::from(line.is_to_cover()),
            line.covered_conditions.into(),
            line.conditions.into(),
        ];
        totals = std::array::from_fn(|index| totals[index] + numbers[index]);
    }
    totals
}

/// The number behind the first appearance of `before`.
fn number_after(text: &str, before: &str) -> u64 {
    let rest = text.split_once(before).unwrap_or_else(|| panic!("no {before}")).1;
    let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    rest[..end].parse().unwrap()
}

#[rstest::rstest]
#[case("python-shop/v1/reports/ruff.sarif", "ruff")]
#[case("python-shop/v2/reports/ruff.sarif", "ruff")]
#[case("python-shop/v1/reports/bandit.sarif", "Bandit")]
#[case("python-shop/v2/reports/bandit.sarif", "Bandit")]
#[case("ts-ledger/v1/reports/eslint.sarif", "ESLint")]
#[case("ts-ledger/v2/reports/eslint.sarif", "ESLint")]
fn sarif_of_linters_is_read_whole(#[case] path: &str, #[case] engine: &str) {
    let text = example(path);
    let log: serde_json::Value = serde_json::from_str(&text).unwrap();
    let results = log["runs"][0]["results"].as_array().unwrap();
    let imported = sarif::parse(text.as_bytes()).unwrap();
    assert_eq!(imported.warnings, Vec::<String>::new());
    let live = results
        .iter()
        .filter(|result| result["suppressions"].as_array().is_none_or(Vec::is_empty));
    assert_eq!(imported.issues.len(), live.count());
    assert!(!imported.issues.is_empty());
    for issue in &imported.issues {
        assert_eq!(issue.engine_id, engine);
        assert_eq!(issue.issue_type, Some(IssueType::Vulnerability));
        let path = issue.primary.path.as_deref().unwrap();
        assert!(path.starts_with("shop/") || path.starts_with("src/"), "{path}");
        assert!(issue.primary.range.is_some_and(|range| range.start_line > 0));
        assert!(imported.rules.iter().any(|rule| rule.rule_id == issue.rule_id));
    }
}

#[rstest::rstest]
#[case("python-shop/v1/reports/coverage.xml")]
#[case("python-shop/v2/reports/coverage.xml")]
fn coverage_py_is_read_whole(#[case] path: &str) {
    let text = example(path);
    let report = cobertura::parse(text.as_bytes()).unwrap();
    let names = [
        "lines-covered=\"",
        "lines-valid=\"",
        "branches-covered=\"",
        "branches-valid=\"",
    ];
    assert_eq!(totals(&report), names.map(|name| number_after(&text, name)));
    assert_eq!(report.source_roots, ["."]);
    assert!(report.files.iter().any(|file| file.path == "shop/cart.py"));
}

#[rstest::rstest]
#[case("ts-ledger/v1/reports/lcov.info")]
#[case("ts-ledger/v2/reports/lcov.info")]
fn lcov_is_read_whole(#[case] path: &str) {
    let text = example(path);
    let report = lcov::parse(text.as_bytes()).unwrap();
    assert_eq!(report.warnings, Vec::<String>::new());
    let sum = |kind: &str| {
        text.lines()
            .filter_map(|line| line.strip_prefix(kind)?.parse::<u64>().ok())
            .sum::<u64>()
    };
    assert_eq!(totals(&report), ["LH:", "LF:", "BRH:", "BRF:"].map(sum));
}

#[test]
fn jacoco_is_read_whole() {
    let text = example("formats/jacoco.xml");
    let report = jacoco::parse(text.as_bytes()).unwrap();
    // The totals of the report stand last.
    let counter = |kind: &str| {
        let counter = text.rsplit_once(&format!("<counter type=\"{kind}\"")).unwrap().1;
        let covered = number_after(counter, "covered=\"");
        [covered, covered + number_after(counter, "missed=\"")]
    };
    let ([lines_covered, lines], [branches_covered, branches]) = (counter("LINE"), counter("BRANCH"));
    assert_eq!(totals(&report), [lines_covered, lines, branches_covered, branches]);
    assert_eq!(report.files[0].path, "org/example/tally/Tally.java");
}

#[test]
fn generic_formats_are_read_whole() {
    let text = example("formats/generic-coverage.xml");
    let report = generic_coverage::parse(text.as_bytes()).unwrap();
    assert_eq!(totals(&report)[1], text.matches("<lineToCover").count() as u64);
    assert!(report.files.iter().any(|file| file.path == "shop/receipts.py"));

    let read = |path: &str| -> ImportedIssues { generic_issues::parse(example(path).as_bytes()).unwrap() };
    let current = read("formats/generic-issues.json");
    assert!(!current.rules.is_empty() && !current.issues.is_empty() && current.warnings.is_empty());
    let old = read("formats/generic-issues-old.json");
    assert!(old.rules.is_empty() && !old.issues.is_empty() && old.warnings.len() == 1);
}
