//! Generic coverage: `<coverage version="1">` with `<file path>` and `<lineToCover lineNumber covered>`.

use std::io::Read;

use crate::coverage::{CoverageReport, FileSet, LineHit};
use crate::import_error::ImportError;
use crate::xml::{Document, Element, Node};

/// Reads a report.
///
/// The format is strict, as SonarQube is with it: an element or a version that is not known, a line without its attributes, and more
/// covered branches than branches are errors. Paths are as in the report.
pub fn parse(input: impl Read) -> Result<CoverageReport, ImportError> {
    let mut document = Document::open(input)?;
    let mut files = FileSet::default();
    let mut path: Option<String> = None;
    loop {
        let depth = document.depth();
        let Some(node) = document.next()? else { break };
        match (node, depth) {
            (Node::Open(root), 0) => check_root(&root)?,
            (Node::Open(file), 1) => {
                expect(&file, "file")?;
                let named = file.required("path")?.into_owned();
                files.file(&named);
                path = Some(named);
            }
            (Node::Open(line), 2) => {
                expect(&line, "lineToCover")?;
                if let Some(path) = &path {
                    files.file(path).add(line.line_number("lineNumber")?, line_hit(&line)?);
                }
            }
            (Node::Open(element), _) => return Err(element.error(format!("<{}> is not expected here", element.name()))),
            (Node::Close | Node::Text(_), _) => {}
        }
    }
    Ok(CoverageReport {
        files: files.files,
        source_roots: Vec::new(),
        warnings: Vec::new(),
    })
}

fn check_root(root: &Element) -> Result<(), ImportError> {
    expect(root, "coverage")?;
    match &*root.required("version")? {
        "1" => Ok(()),
        other => Err(root.error(format!("the version is \"{other}\", only \"1\" is known"))),
    }
}

fn expect(element: &Element, name: &str) -> Result<(), ImportError> {
    if element.name() == name {
        return Ok(());
    }
    Err(element.error(format!("<{name}> is expected here, not <{}>", element.name())))
}

fn line_hit(line: &Element) -> Result<LineHit, ImportError> {
    let hits = match &*line.required("covered")? {
        "true" => 1,
        "false" => 0,
        other => return Err(line.error(format!("covered=\"{other}\" is neither true nor false"))),
    };
    let conditions = line.number("branchesToCover")?;
    let covered_conditions = line.number("coveredBranches")?.unwrap_or(0);
    let Some(conditions) = conditions else {
        return Ok(LineHit::of(hits));
    };
    if covered_conditions > conditions {
        return Err(line.error(format!(
            "{covered_conditions} of {conditions} branches are covered, which is more than there are"
        )));
    }
    Ok(LineHit {
        hits: Some(hits),
        conditions,
        covered_conditions,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> String {
        parse(text.as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn lines_and_branches_are_read_by_file() {
        let text = r#"<coverage version="1">
          <file path="src/a.py">
            <lineToCover lineNumber="1" covered="true" branchesToCover="2" coveredBranches="1"/>
            <lineToCover lineNumber="2" covered="false"/>
          </file>
          <file path="src/b.py"/>
        </coverage>"#;
        let report = parse(text.as_bytes()).unwrap();
        assert_eq!(report.files.len(), 2);
        assert_eq!(report.files[0].path, "src/a.py");
        assert_eq!(
            report.files[0].lines[&1],
            LineHit {
                hits: Some(1),
                conditions: 2,
                covered_conditions: 1
            }
        );
        assert_eq!(report.files[0].lines[&2], LineHit::of(0));
        assert!(report.files[1].lines.is_empty());
    }

    #[test]
    fn what_breaks_the_format_is_named_with_its_place() {
        assert_eq!(
            error("<report/>"),
            "line 1, column 1: <coverage> is expected here, not <report>"
        );
        assert!(error(r#"<coverage version="2"/>"#).contains("only \"1\" is known"));
        assert!(error("<coverage/>").contains("<coverage> has no attribute version"));
        let wrap = |line: &str| {
            error(&format!(
                "<coverage version='1'>\n<file path='a'>\n{line}</file></coverage>"
            ))
        };
        assert_eq!(
            wrap("<lineToCover covered='true'/>"),
            "line 3, column 1: <lineToCover> has no attribute lineNumber"
        );
        assert!(wrap("<lineToCover lineNumber='0' covered='true'/>").contains("lines count from 1"));
        assert!(wrap("<lineToCover lineNumber='1'/>").contains("no attribute covered"));
        assert!(wrap("<lineToCover lineNumber='1' covered='yes'/>").contains("neither true nor false"));
        assert!(
            wrap("<lineToCover lineNumber='1' covered='true' branchesToCover='1' coveredBranches='2'/>")
                .contains("2 of 1 branches")
        );
        assert!(wrap("<line/>").contains("<lineToCover> is expected here, not <line>"));
    }
}
