//! Cobertura's XML, which coverage.py, gcovr, Istanbul, tarpaulin and many others write.

use std::io::Read;

use crate::coverage::{CoverageReport, FileSet, LineHit};
use crate::import_error::ImportError;
use crate::input::Warnings;
use crate::xml::{Document, Element, Node};

/// Reads a report.
///
/// Paths are as in the report, relative to one of the `source_roots` (from `<sources>`) unless absolute. Lines inside `<methods>`
/// are passed over: they repeat those of the class.
pub fn parse(input: impl Read) -> Result<CoverageReport, ImportError> {
    let mut document = Document::open(input)?;
    let mut files = FileSet::default();
    let mut source_roots = Vec::new();
    let mut warnings = Warnings::default();
    let mut source: Option<String> = None;
    let mut path: Option<String> = None;
    // The depth of the `<methods>` we are in.
    let mut methods: Option<usize> = None;
    loop {
        let depth = document.depth();
        let Some(node) = document.next()? else { break };
        match node {
            Node::Open(element) => match element.name() {
                name if depth == 0 && name != "coverage" => {
                    return Err(element.error(format!("<coverage> is expected here, not <{name}>")));
                }
                "source" => source = Some(String::new()),
                "class" => {
                    let name = element.required("filename")?.into_owned();
                    if name.is_empty() {
                        warnings.push(|| "a class without a file name is left out".to_owned());
                        path = None;
                    } else {
                        files.file(&name);
                        path = Some(name);
                    }
                }
                "methods" if methods.is_none() => methods = Some(depth),
                "line" if methods.is_none() => {
                    if let Some(path) = &path {
                        let hit = line_hit(&element)?;
                        files.file(path).add(element.line_number("number")?, hit);
                    }
                }
                _ => {}
            },
            Node::Text(text) => {
                if let Some(source) = &mut source {
                    source.push_str(&text);
                }
            }
            Node::Close => {
                if methods.is_some_and(|at| depth == at + 1) {
                    methods = None;
                }
                if let Some(root) = source.take() {
                    let root = root.trim();
                    if !root.is_empty() {
                        source_roots.push(root.to_owned());
                    }
                }
            }
        }
    }
    Ok(CoverageReport {
        files: files.files,
        source_roots,
        warnings: warnings.finish(),
    })
}

fn line_hit(line: &Element) -> Result<LineHit, ImportError> {
    // Counters that overflowed are negative; they say nothing, least of all that the line ran.
    let hits: i64 = line.required_number("hits")?;
    let hits = u64::try_from(hits).unwrap_or(0);
    let is_branch = line
        .attribute("branch")?
        .is_some_and(|value| value.eq_ignore_ascii_case("true"));
    let conditions = if is_branch {
        line.attribute("condition-coverage")?
    } else {
        None
    };
    let Some(text) = conditions else {
        return Ok(LineHit::of(hits));
    };
    let (covered_conditions, conditions) = parse_conditions(&text)
        .ok_or_else(|| line.error(format!("condition-coverage=\"{text}\" is not like \"50% (1/2)\"")))?;
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

/// Reads `50% (1/2)`.
fn parse_conditions(text: &str) -> Option<(u32, u32)> {
    let inside = text.split_once('(')?.1.split_once(')')?.0;
    let (covered, all) = inside.split_once('/')?;
    Some((covered.trim().parse().ok()?, all.trim().parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const REPORT: &str = r#"<?xml version="1.0" ?>
<!DOCTYPE coverage SYSTEM "http://cobertura.sourceforge.net/xml/coverage-04.dtd">
<coverage version="7.6" line-rate="0.5">
  <sources>
    <source>/builds/shop/src</source>
    <source></source>
    <source>C:\a &amp; b</source>
  </sources>
  <packages><package name="shop"><classes>
    <class name="cart.py" filename="shop/cart.py">
      <methods><method name="add"><lines><line number="2" hits="7"/></lines></method></methods>
      <lines>
        <line number="1" hits="1"/>
        <line number="2" hits="0" branch="true" condition-coverage="50% (1/2)" missing-branches="4"/>
      </lines>
    </class>
    <class name="Inner" filename="shop/cart.py"><methods/><lines><line number="9" hits="-1"/></lines></class>
  </classes></package></packages>
</coverage>"#;

    #[test]
    fn lines_branches_and_roots_are_read() {
        let report = parse(REPORT.as_bytes()).unwrap();
        assert_eq!(report.source_roots, ["/builds/shop/src", "C:\\a & b"]);
        assert_eq!(report.files.len(), 1);
        let lines = &report.files[0].lines;
        assert_eq!(lines[&1], LineHit::of(1));
        assert_eq!(
            lines[&2],
            LineHit {
                hits: Some(0),
                conditions: 2,
                covered_conditions: 1
            }
        );
        assert_eq!(lines[&9], LineHit::of(0));
    }

    #[test]
    fn broken_branches_are_named_with_their_place() {
        let wrap = |line: &str| {
            let text = format!("<coverage>\n<class filename='a'><lines>\n{line}</lines></class></coverage>");
            parse(text.as_bytes()).unwrap_err().to_string()
        };
        assert_eq!(
            wrap("<line number='1' hits='1' branch='true' condition-coverage='50%'/>"),
            "line 3, column 1: condition-coverage=\"50%\" is not like \"50% (1/2)\""
        );
        assert!(
            wrap("<line number='1' hits='1' branch='true' condition-coverage='(3/2)'/>").contains("3 of 2 branches")
        );
        assert!(wrap("<line hits='1'/>").contains("no attribute number"));
        assert!(wrap("<line number='1' hits='many'/>").contains("is not a number"));
    }
}
