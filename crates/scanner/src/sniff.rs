//! Telling the format of a coverage report by how it starts, for a flag that does not say it.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use crate::import::ImportFailure;

/// The property a coverage report belongs to, told by how the file starts.
pub fn sniff_coverage(path: &Path) -> Result<&'static str, ImportFailure> {
    let shown = path.display().to_string();
    let open = |source| ImportFailure::Open {
        property: "--coverage",
        path: shown.clone(),
        source,
    };
    let mut start = Vec::new();
    File::open(path)
        .map_err(open)?
        .take(64 * 1024)
        .read_to_end(&mut start)
        .map_err(open)?;
    let start = String::from_utf8_lossy(&start);
    let start = start.trim_start_matches('\u{feff}').trim_start();
    let lcov_line = |line: &str| {
        ["TN:", "SF:", "DA:", "end_of_record"]
            .iter()
            .any(|mark| line.starts_with(mark))
    };
    if start.lines().take(5).any(lcov_line) {
        return Ok("sonar.lcov.reportPaths");
    }
    let Some(root) = root_element(start) else {
        return Err(ImportFailure::UnknownCoverage(shown));
    };
    match root.split(|c: char| c.is_whitespace() || c == '>' || c == '/').next() {
        Some("report") => Ok("sonar.coverage.jacoco.xmlReportPaths"),
        // Cobertura and the generic format share the name of their root; only the first has rates and packages.
        Some("coverage") if root.contains("line-rate") || start.contains("<packages") || start.contains("<sources") => {
            Ok("sonar.cobertura.reportPaths")
        }
        Some("coverage") => Ok("sonar.coverageReportPaths"),
        _ => Err(ImportFailure::UnknownCoverage(shown)),
    }
}

/// What stands in the first tag that is no declaration and no comment.
fn root_element(xml: &str) -> Option<&str> {
    let mut rest = xml;
    loop {
        rest = &rest[rest.find('<')?..];
        let end = if rest.starts_with("<!--") { "-->" } else { ">" };
        let tag = &rest[1..rest.find(end).unwrap_or(rest.len())];
        if !tag.starts_with(['?', '!']) {
            return Some(tag);
        }
        rest = &rest[tag.len() + 1..];
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("TN:\nSF:a.js\n", Some("sonar.lcov.reportPaths"))]
    #[case(
        "<?xml version=\"1.0\" ?>\n<!-- <report> -->\n<coverage line-rate=\"1\"><packages/>",
        Some("sonar.cobertura.reportPaths")
    )]
    #[case(
        "<!DOCTYPE report PUBLIC \"x\" \"y\"><report name=\"r\">",
        Some("sonar.coverage.jacoco.xmlReportPaths")
    )]
    #[case(
        "<coverage version=\"1\"><file path=\"a\"/></coverage>",
        Some("sonar.coverageReportPaths")
    )]
    #[case("{\"a\": 1}", None)]
    #[case("<html>", None)]
    #[case("", None)]
    fn the_format_of_coverage_is_told_by_the_start(#[case] text: &str, #[case] property: Option<&str>) {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        assert_eq!(sniff_coverage(file.path()).ok(), property);
    }
}
