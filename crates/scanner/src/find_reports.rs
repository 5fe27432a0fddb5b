//! Which files a property means that lists paths of reports, with or without wildcards.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use globset::GlobBuilder;
use ignore::WalkBuilder;

use crate::import::ImportFailure;
use crate::patterns::{BadPattern, glob_of, has_wildcard};

/// The files a property names, wildcards resolved, each once, in order.
pub(crate) fn find_reports(
    base: &Path,
    property: &'static str,
    patterns: &[String],
    warnings: &mut Vec<String>,
) -> Result<Vec<PathBuf>, ImportFailure> {
    let mut found = Vec::new();
    for pattern in patterns {
        if !has_wildcard(pattern) {
            let path = base.join(pattern);
            if !path.is_file() {
                return Err(ImportFailure::Missing {
                    property,
                    path: pattern.clone(),
                    base: base.to_owned(),
                });
            }
            found.push(path);
            continue;
        }
        let matching = expand(base, property, pattern)?;
        if matching.is_empty() {
            warnings.push(format!("{property}: no file matches '{pattern}'"));
        }
        found.extend(matching);
    }
    let mut seen = HashSet::new();
    found.retain(|path| seen.insert(path.clone()));
    Ok(found)
}

fn expand(base: &Path, property: &str, pattern: &str) -> Result<Vec<PathBuf>, ImportFailure> {
    let whole = base.join(pattern.trim_start_matches("./"));
    let whole = whole.to_string_lossy();
    let glob = GlobBuilder::new(&glob_of(&whole))
        .literal_separator(true)
        .backslash_escape(false)
        .build();
    let glob = glob.map_err(|error| BadPattern {
        property: property.to_owned(),
        pattern: pattern.to_owned(),
        reason: error.kind().to_string(),
    })?;
    let glob = glob.compile_matcher();
    // Only the folder before the first wildcard can hold matches. Reports are often ignored by git, so nothing is left out.
    let start: PathBuf = Path::new(&*whole)
        .components()
        .take_while(|part| !has_wildcard(&part.as_os_str().to_string_lossy()))
        .collect();
    let mut matching: Vec<_> = WalkBuilder::new(start)
        .standard_filters(false)
        .build()
        .filter_map(Result::ok)
        .filter(|entry| entry.file_type().is_some_and(|kind| kind.is_file()) && glob.is_match(entry.path()))
        .map(ignore::DirEntry::into_path)
        .collect();
    matching.sort();
    Ok(matching)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import::SARIF_PROPERTY;

    #[test]
    fn a_missing_report_is_an_error_and_a_pattern_without_match_a_warning() {
        let dir = tempfile::tempdir().unwrap();
        let base = dir.path();
        std::fs::create_dir_all(base.join("out/x")).unwrap();
        for name in ["out/a.sarif", "out/x/b.sarif", "out/c.txt"] {
            std::fs::write(base.join(name), "").unwrap();
        }
        std::fs::write(base.join(".gitignore"), "out\n").unwrap();
        let mut warnings = Vec::new();
        let mut find = |patterns: &[&str]| {
            let patterns: Vec<_> = patterns.iter().map(|&pattern| pattern.to_owned()).collect();
            find_reports(base, SARIF_PROPERTY, &patterns, &mut warnings)
        };
        let found = find(&["out/a.sarif", "out/**/*.sarif", "no/*.sarif"]).unwrap();
        assert_eq!(found, [base.join("out/a.sarif"), base.join("out/x/b.sarif")]);
        let error = find(&["gone.sarif"]).unwrap_err().to_string();
        assert!(
            error.starts_with("sonar.sarifReportPaths: the report 'gone.sarif' does not exist"),
            "{error}"
        );
        assert_eq!(warnings, ["sonar.sarifReportPaths: no file matches 'no/*.sarif'"]);
    }
}
