//! LCOV's tracefiles (`lcov.info`), which Istanbul, c8, Vitest, gcov, llvm-cov and many others write.

use std::collections::{BTreeMap, HashMap};
use std::io::{BufRead, Read};

use crate::coverage::{CoverageReport, FileCoverage, LineHit};
use crate::import_error::ImportError;
use crate::input::{self, Warnings};

/// Records that say nothing about a line that `DA` and `BRDA` do not say.
const PASSED_OVER: &[&str] = &[
    "TN", "VER", "FN", "FNDA", "FNF", "FNH", "FNL", "FNA", "BRF", "BRH", "LF", "LH", "MCDC", "MCF", "MCH", "BA",
];

/// Reads a report.
///
/// `SF`, `DA`, `BRDA` and `end_of_record` are read, other records are passed over. Sections of the same file (one per test) are
/// added up, branch by branch. A line that only has `BRDA` is not a line to cover. A branch counts as taken if its number is above 0; `-` means that its line never ran.
pub fn parse(input: impl Read) -> Result<CoverageReport, ImportError> {
    let mut reader = input::open(input)?;
    let mut tracefile = Tracefile::default();
    let mut bytes = Vec::new();
    let mut number = 0_u64;
    loop {
        bytes.clear();
        if reader.read_until(b'\n', &mut bytes).map_err(input::read_error)? == 0 {
            return Ok(tracefile.finish());
        }
        number += 1;
        let text = String::from_utf8_lossy(&bytes);
        tracefile.record(number, text.trim())?;
    }
}

#[derive(Default)]
struct Tracefile {
    files: Vec<Section>,
    by_path: HashMap<String, usize>,
    current: Option<usize>,
    warnings: Warnings,
}

/// One file, over all its sections.
struct Section {
    path: String,
    hits: BTreeMap<u32, u64>,
    /// Whether a branch (block and name, as written) of a line was taken.
    branches: BTreeMap<u32, BTreeMap<String, bool>>,
}

impl Tracefile {
    fn record(&mut self, line: u64, text: &str) -> Result<(), ImportError> {
        let error = |reason: String| ImportError::Line { line, reason };
        if text.is_empty() || text.starts_with('#') {
            return Ok(());
        }
        if text == "end_of_record" {
            self.current = None;
            return Ok(());
        }
        let Some((kind, rest)) = text.split_once(':') else {
            return Err(error(format!(
                "\"{}\" is not a record of an LCOV tracefile",
                shortened(text)
            )));
        };
        match kind {
            "SF" => {
                if rest.is_empty() {
                    return Err(error("SF names no file".to_owned()));
                }
                self.current = Some(self.index(rest));
            }
            "DA" | "BRDA" => {
                let Some(section) = self.current.and_then(|index| self.files.get_mut(index)) else {
                    return Err(error(format!("{kind} stands before SF, so its file is not known")));
                };
                let added = if kind == "DA" {
                    section.line(rest)
                } else {
                    section.branch(rest)
                };
                if !added.map_err(error)? {
                    self.warnings
                        .push(|| format!("line {line}: a record about line 0 is left out"));
                }
            }
            kind if PASSED_OVER.contains(&kind) => {}
            kind => self
                .warnings
                .push(|| format!("line {line}: a record {} is not known and left out", shortened(kind))),
        }
        Ok(())
    }

    fn index(&mut self, path: &str) -> usize {
        if let Some(index) = self.by_path.get(path) {
            return *index;
        }
        self.files.push(Section {
            path: path.to_owned(),
            hits: BTreeMap::new(),
            branches: BTreeMap::new(),
        });
        self.by_path.insert(path.to_owned(), self.files.len() - 1);
        self.files.len() - 1
    }

    fn finish(self) -> CoverageReport {
        CoverageReport {
            files: self.files.into_iter().map(Section::finish).collect(),
            source_roots: Vec::new(),
            warnings: self.warnings.finish(),
        }
    }
}

impl Section {
    /// `DA:<line>,<hits>[,<checksum>]`; false if the line is 0.
    fn line(&mut self, rest: &str) -> Result<bool, String> {
        let mut fields = rest.split(',');
        let line = line_number(fields.next().unwrap_or_default())?;
        let hits = fields
            .next()
            .ok_or_else(|| "DA has no number of hits".to_owned())?
            .trim();
        // Counters that overflowed are negative; they say nothing, least of all that the line ran.
        let hits = match hits.strip_prefix('-') {
            Some(digits) if digits.parse::<u64>().is_ok() => 0,
            _ => hits
                .parse::<u64>()
                .map_err(|_| format!("\"{}\" is not a number of hits", shortened(hits)))?,
        };
        if line > 0 {
            let sum = self.hits.entry(line).or_default();
            *sum = sum.saturating_add(hits);
        }
        Ok(line > 0)
    }

    /// `BRDA:<line>,<block>,<branch>,<taken>`, where the branch may be an expression with commas; false if the line is 0.
    fn branch(&mut self, rest: &str) -> Result<bool, String> {
        let incomplete = || "BRDA is not <line>,<block>,<branch>,<taken>".to_owned();
        let (line, rest) = rest.split_once(',').ok_or_else(incomplete)?;
        let (branch, taken) = rest.rsplit_once(',').ok_or_else(incomplete)?;
        if !branch.contains(',') {
            return Err(incomplete());
        }
        let line = line_number(line)?;
        let taken = match taken.trim() {
            "-" => false,
            taken => {
                taken
                    .parse::<i64>()
                    .map_err(|_| format!("\"{}\" is not how often a branch was taken", shortened(taken)))?
                    > 0
            }
        };
        if line > 0 {
            *self
                .branches
                .entry(line)
                .or_default()
                .entry(branch.to_owned())
                .or_default() |= taken;
        }
        Ok(line > 0)
    }

    fn finish(self) -> FileCoverage {
        let mut file = FileCoverage::new(self.path);
        for (line, hits) in self.hits {
            file.add(line, LineHit::of(hits));
        }
        for (line, branches) in self.branches {
            let conditions = u32::try_from(branches.len()).unwrap_or(u32::MAX);
            let taken = branches.values().filter(|taken| **taken).count();
            let covered_conditions = u32::try_from(taken).unwrap_or(u32::MAX);
            file.add(
                line,
                LineHit {
                    hits: None,
                    conditions,
                    covered_conditions,
                },
            );
        }
        file
    }
}

fn line_number(text: &str) -> Result<u32, String> {
    text.trim()
        .parse()
        .map_err(|_| format!("\"{}\" is not the number of a line", shortened(text)))
}

/// Text from a report for an error: enough to recognise it.
fn shortened(text: &str) -> String {
    text.chars().take(40).collect()
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
    fn lines_and_branches_are_read_and_sections_of_a_file_added_up() {
        let text = "TN:unit\r\nSF:src/a.ts\nFN:1,f\nFNDA:1,f\nDA:1,2\nDA:2,0,checksum\nBRDA:1,0,0,1\nBRDA:1,0,1,-\nBRDA:5,0,0,0\nLF:2\nLH:1\nend_of_record\n\
                    TN:e2e\nSF:src/b.ts\nDA:1,1\nend_of_record\nSF:src/a.ts\nDA:1,1\nDA:2,4\nBRDA:1,0,1,3\nBRDA:1,e1,(a, b),-\n";
        let report = parse(text.as_bytes()).unwrap();
        assert_eq!(report.files.len(), 2);
        assert_eq!(report.files[0].path, "src/a.ts");
        assert_eq!(
            report.files[0].lines,
            BTreeMap::from([
                (1, hit(3, 3, 2)),
                (2, hit(4, 0, 0)),
                (
                    5,
                    LineHit {
                        hits: None,
                        conditions: 1,
                        covered_conditions: 0
                    }
                )
            ])
        );
        assert!(report.warnings.is_empty(), "{:?}", report.warnings);
    }

    #[test]
    fn what_is_odd_but_harmless_is_passed_over() {
        let report = parse(&b"SF:a\nDA:0,1\nDA:1,-7\nXYZ:1\n"[..]).unwrap();
        assert_eq!(report.files[0].lines, BTreeMap::from([(1, hit(0, 0, 0))]));
        assert_eq!(report.warnings.len(), 2);
        assert!(report.warnings[1].contains("XYZ"));
        assert!(parse(&b""[..]).unwrap().files.is_empty());
    }

    #[rstest::rstest]
    #[case("DA:1,1\n", "line 1: DA stands before SF, so its file is not known")]
    #[case(
        "SF:a\nend_of_record\nBRDA:1,0,0,1\n",
        "line 3: BRDA stands before SF, so its file is not known"
    )]
    #[case("SF:a\nDA:x,1\n", "line 2: \"x\" is not the number of a line")]
    #[case("SF:a\nDA:1\n", "line 2: DA has no number of hits")]
    #[case("SF:a\nDA:1,many\n", "line 2: \"many\" is not a number of hits")]
    #[case("SF:a\nBRDA:1,0,1\n", "line 2: BRDA is not <line>,<block>,<branch>,<taken>")]
    #[case("SF:a\nBRDA:1,0,0,x\n", "line 2: \"x\" is not how often a branch was taken")]
    #[case("SF:\n", "line 1: SF names no file")]
    #[case("<coverage>\n", "line 1: \"<coverage>\" is not a record of an LCOV tracefile")]
    fn errors_name_the_line(#[case] text: &str, #[case] expected: &str) {
        assert_eq!(parse(text.as_bytes()).unwrap_err().to_string(), expected);
    }
}
