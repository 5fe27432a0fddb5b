//! JaCoCo's XML: lines of source files, counted in bytecode instructions and branches.

use std::io::Read;

use crate::coverage::{CoverageReport, FileSet, LineHit};
use crate::import_error::ImportError;
use crate::input::Warnings;
use crate::xml::{Document, Element, Node};

/// Reads a report.
///
/// JaCoCo knows packages and file names but not folders: paths are `package/File.java`, to be looked up under each source root by
/// the caller. Files of equal path in several groups (modules) are merged.
pub fn parse(input: impl Read) -> Result<CoverageReport, ImportError> {
    let mut document = Document::open(input)?;
    let mut files = FileSet::default();
    let mut warnings = Warnings::default();
    let mut package = String::new();
    // The path of the source file that is open, and how deep it is.
    let mut open: Option<(String, usize)> = None;
    loop {
        let depth = document.depth();
        let Some(node) = document.next()? else { break };
        match node {
            Node::Open(element) => match (element.name(), &open) {
                (name, _) if depth == 0 && name != "report" => {
                    return Err(element.error(format!("<report> is expected here, not <{name}>")));
                }
                ("package", _) => package = element.required("name")?.into_owned(),
                ("sourcefile", _) => {
                    let name = element.required("name")?;
                    let path = if package.is_empty() {
                        name.into_owned()
                    } else {
                        format!("{package}/{name}")
                    };
                    files.file(&path);
                    open = Some((path, depth));
                }
                ("line", Some((path, _))) => {
                    let number: u32 = element.required_number("nr")?;
                    // Kotlin's compiler gives code without a line the number 0.
                    if number == 0 {
                        warnings.push(|| format!("{path}: line 0 is left out"));
                    } else {
                        files.file(path).add(number, line_hit(&element)?);
                    }
                }
                _ => {}
            },
            Node::Close => {
                if open.as_ref().is_some_and(|(_, at)| depth == *at + 1) {
                    open = None;
                }
            }
            Node::Text(_) => {}
        }
    }
    Ok(CoverageReport {
        files: files.files,
        source_roots: Vec::new(),
        warnings: warnings.finish(),
    })
}

fn line_hit(line: &Element) -> Result<LineHit, ImportError> {
    let covered_instructions: u64 = line.number("ci")?.unwrap_or(0);
    let missed_branches: u32 = line.number("mb")?.unwrap_or(0);
    let covered_conditions: u32 = line.number("cb")?.unwrap_or(0);
    let conditions = missed_branches.saturating_add(covered_conditions);
    // Instructions are not runs: a line ran or it did not.
    Ok(LineHit {
        hits: Some(u64::from(covered_instructions > 0)),
        conditions,
        covered_conditions,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const REPORT: &str = r#"<?xml version="1.0" encoding="UTF-8" standalone="yes"?>
<!DOCTYPE report PUBLIC "-//JACOCO//DTD Report 1.1//EN" "report.dtd">
<report name="shop"><sessioninfo id="x" start="1" dump="2"/>
<group name="core"><package name="com/example"><class name="com/example/Cart" sourcefilename="Cart.java"><method name="add" desc="()V" line="3"><counter type="LINE" missed="0" covered="2"/></method></class>
<sourcefile name="Cart.java"><line nr="3" mi="0" ci="4" mb="1" cb="3"/><line nr="4" mi="2" ci="0" mb="0" cb="0"/><line nr="0" mi="2" ci="0" mb="0" cb="0"/><counter type="LINE" missed="1" covered="1"/></sourcefile></package>
<package name=""><sourcefile name="Main.java"/></package></group></report>"#;

    #[test]
    fn lines_are_read_by_package_and_file() {
        let report = parse(REPORT.as_bytes()).unwrap();
        assert_eq!(report.files.len(), 2);
        assert_eq!(report.files[0].path, "com/example/Cart.java");
        assert_eq!(report.files[0].lines.len(), 2);
        assert_eq!(
            report.files[0].lines[&3],
            LineHit {
                hits: Some(1),
                conditions: 4,
                covered_conditions: 3
            }
        );
        assert_eq!(report.files[0].lines[&4], LineHit::of(0));
        assert_eq!(report.files[1].path, "Main.java");
        assert_eq!(report.warnings, ["com/example/Cart.java: line 0 is left out"]);
    }

    #[test]
    fn another_format_is_named() {
        let error = parse(&b"<coverage version='1'/>"[..]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "line 1, column 1: <report> is expected here, not <coverage>"
        );
    }
}
