//! Reading the reports of other tools: which property names which format, which files they are, and what in the project they mean.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs::File;
use std::path::{Path, PathBuf};

use encoding_rs::Encoding;
use gatehook_report::coverage::{CoverageReport, FileCoverage};
use gatehook_report::model::{ImportedIssue, ImportedIssues, ImportedRule};
use gatehook_report::{ImportError, cobertura, generic_coverage, generic_issues, jacoco, lcov, sarif};

use crate::files::{self, FileSet, first_names};
use crate::find_reports::find_reports;
use crate::paths::{Completeness, Resolved, Resolver};
use crate::patterns::Patterns;
use crate::properties::Properties;

type IssueParser = fn(File) -> Result<ImportedIssues, ImportError>;
type CoverageParser = fn(File) -> Result<CoverageReport, ImportError>;

/// Properties that name reports of issues. The flag says whether an issue of an unknown file is kept, on the project.
const ISSUES: &[(&str, IssueParser, bool)] = &[
    ("sonar.sarifReportPaths", |file| sarif::parse(file), true),
    (
        "sonar.externalIssuesReportPaths",
        |file| generic_issues::parse(file),
        false,
    ),
];

const LCOV: CoverageParser = |file| lcov::parse(file);
const COBERTURA: CoverageParser = |file| cobertura::parse(file);
const JACOCO: CoverageParser = |file| jacoco::parse(file);
const GENERIC: CoverageParser = |file| generic_coverage::parse(file);

/// Properties that name reports of coverage.
const COVERAGE: &[(&str, CoverageParser)] = &[
    ("sonar.javascript.lcov.reportPaths", LCOV),
    ("sonar.typescript.lcov.reportPaths", LCOV),
    ("sonar.lcov.reportPaths", LCOV),
    ("sonar.python.coverage.reportPaths", COBERTURA),
    ("sonar.cobertura.reportPaths", COBERTURA),
    ("sonar.cs.cobertura.reportPaths", COBERTURA),
    ("sonar.coverage.jacoco.xmlReportPaths", JACOCO),
    ("sonar.coverageReportPaths", GENERIC),
];

/// The property of SARIF reports, for flags that set it.
pub const SARIF_PROPERTY: &str = "sonar.sarifReportPaths";
/// The property of reports in the generic format for issues, for flags that set it.
pub const GENERIC_ISSUES_PROPERTY: &str = "sonar.externalIssuesReportPaths";

/// A report of another tool could not be taken.
#[derive(Debug, thiserror::Error)]
pub enum ImportFailure {
    /// The file is not there.
    #[error("{property}: the report '{path}' does not exist in {}", base.display())]
    Missing {
        /// The property that names it.
        property: &'static str,
        /// The path as it was given.
        path: String,
        /// What relative paths start at.
        base: PathBuf,
    },
    /// The file cannot be opened.
    #[error("{property}: the report '{path}' cannot be opened: {source}")]
    Open {
        /// The property that names it.
        property: &'static str,
        /// The path.
        path: String,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// The file cannot be read as what it should be.
    #[error("{property}: the report '{path}' cannot be read: {source}")]
    Parse {
        /// The property that names it.
        property: &'static str,
        /// The path.
        path: String,
        /// Where and why.
        #[source]
        source: ImportError,
    },
    /// A pattern for paths is wrong.
    #[error(transparent)]
    Pattern(#[from] crate::patterns::BadPattern),
    /// A report of coverage whose format nothing gives away.
    #[error(
        "the format of the coverage report '{0}' is not known; it should be LCOV, Cobertura, JaCoCo XML or generic coverage"
    )]
    UnknownCoverage(String),
}

/// How many issues one report gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReportCount {
    /// The report, as it was found.
    pub path: String,
    /// Issues taken from it.
    pub issues: usize,
}

/// What all reports say about the files of a scan.
#[derive(Debug, Default)]
pub struct Imports {
    /// Rules of other tools, each once.
    pub rules: Vec<ImportedRule>,
    /// Issues by file.
    pub issues: HashMap<usize, Vec<ImportedIssue>>,
    /// Issues of the project as a whole.
    pub project_issues: Vec<ImportedIssue>,
    /// Coverage by file.
    pub coverage: HashMap<usize, FileCoverage>,
    /// Issues by report.
    pub counts: Vec<ReportCount>,
    /// Files without a known language that a report names: they are scanned, too.
    pub named: HashSet<usize>,
    /// What could not be used.
    pub warnings: Vec<String>,
}

/// The reports the properties name.
pub struct Reports {
    issues: Vec<(&'static str, PathBuf, IssueParser, bool)>,
    coverage: Vec<(&'static str, PathBuf, CoverageParser)>,
    coverage_exclusions: Patterns,
    warnings: Vec<String>,
}

impl Reports {
    /// Finds the files; none is read yet.
    pub fn find(base: &Path, properties: &Properties) -> Result<Self, ImportFailure> {
        let mut warnings = Vec::new();
        let mut issues = Vec::new();
        for &(property, parse, keep_unknown) in ISSUES {
            for path in find_reports(base, property, &properties.list(property), &mut warnings)? {
                issues.push((property, path, parse, keep_unknown));
            }
        }
        let mut coverage = Vec::new();
        for &(property, parse) in COVERAGE {
            for path in find_reports(base, property, &properties.list(property), &mut warnings)? {
                coverage.push((property, path, parse));
            }
        }
        let exclusions = "sonar.coverage.exclusions";
        let coverage_exclusions = Patterns::new(exclusions, &properties.list(exclusions))?;
        Ok(Self {
            issues,
            coverage,
            coverage_exclusions,
            warnings,
        })
    }

    /// How many there are.
    pub fn count(&self) -> u64 {
        (self.issues.len() + self.coverage.len()) as u64
    }

    /// Where they are.
    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        let issues = self.issues.iter().map(|(_, path, ..)| path.as_path());
        issues.chain(self.coverage.iter().map(|(_, path, _)| path.as_path()))
    }

    /// Reads all of them, and finds what they speak of in the files of a scan.
    pub fn read(
        self,
        resolver: &Resolver<'_>,
        files: &FileSet,
        encoding: &'static Encoding,
        mut done: impl FnMut(u64),
    ) -> Result<Imports, ImportFailure> {
        let mut imports = Imports {
            warnings: self.warnings,
            ..Imports::default()
        };
        let mut lookup = Lookup {
            resolver,
            files,
            encoding,
            binaries: HashMap::new(),
            named: HashSet::new(),
        };
        let mut rules = BTreeMap::new();
        let mut count = 0;
        for (property, path, parse, keep_unknown) in self.issues {
            let report = open(property, &path, parse)?;
            imports.take_issues(report, &path, keep_unknown, &mut lookup, &mut rules);
            count += 1;
            done(count);
        }
        imports.rules = rules.into_values().collect();
        for (property, path, parse) in self.coverage {
            let report = open(property, &path, parse)?;
            imports.take_coverage(report, &path, &self.coverage_exclusions, &mut lookup);
            count += 1;
            done(count);
        }
        imports.named = lookup.named;
        Ok(imports)
    }
}

impl Imports {
    fn take_issues(
        &mut self,
        report: ImportedIssues,
        path: &Path,
        keep_unknown: bool,
        lookup: &mut Lookup<'_>,
        rules: &mut BTreeMap<(String, String), ImportedRule>,
    ) {
        let shown = path.display().to_string();
        self.warnings
            .extend(report.warnings.into_iter().map(|warning| format!("{shown}: {warning}")));
        for rule in report.rules {
            rules
                .entry((rule.engine_id.clone(), rule.rule_id.clone()))
                .or_insert(rule);
        }
        let mut unknown = Names::default();
        let mut left_out = 0;
        let mut taken = 0;
        for mut issue in report.issues {
            let found = issue
                .primary
                .path
                .as_ref()
                .map(|named| lookup.find(named, &[], None, Completeness::Whole));
            match (found, &mut issue.primary.path) {
                (Some(Resolved::File(index)), _) => self.issues.entry(index).or_default().push(issue),
                (Some(Resolved::LeftOut), _) => {
                    left_out += 1;
                    continue;
                }
                (Some(Resolved::Unknown), Some(named)) => {
                    unknown.add(named);
                    if !keep_unknown {
                        continue;
                    }
                    issue.primary.range = None;
                    self.project_issues.push(issue);
                }
                (None | Some(Resolved::Unknown), _) => self.project_issues.push(issue),
            }
            taken += 1;
        }
        if left_out > 0 {
            self.warnings.push(format!(
                "{shown}: {left_out} issues were skipped, because the scan leaves their files out"
            ));
        }
        if unknown.count > 0 {
            let fate = if keep_unknown {
                "are shown on the project"
            } else {
                "were skipped"
            };
            let (count, names) = (unknown.count, unknown.first());
            self.warnings.push(format!(
                "{shown}: {count} issues {fate}, because their files are not in the project: {names}"
            ));
        }
        self.counts.push(ReportCount {
            path: shown,
            issues: taken,
        });
    }

    fn take_coverage(&mut self, report: CoverageReport, path: &Path, excluded: &Patterns, lookup: &mut Lookup<'_>) {
        let shown = path.display().to_string();
        self.warnings
            .extend(report.warnings.into_iter().map(|warning| format!("{shown}: {warning}")));
        let mut unknown = Names::default();
        let is_empty = report.files.is_empty();
        for covered in report.files {
            match lookup.find(
                &covered.path,
                &report.source_roots,
                path.parent(),
                Completeness::MaybePart,
            ) {
                Resolved::File(index) => {
                    let file = &lookup.files.all()[index];
                    if !file.is_test && !excluded.matches(&file.path, &file.absolute) {
                        self.coverage.entry(index).or_default().merge(&covered);
                    }
                }
                Resolved::LeftOut => {}
                Resolved::Unknown => unknown.add(&covered.path),
            }
        }
        if is_empty {
            self.warnings
                .push(format!("{shown}: the report says nothing about any file"));
        }
        if unknown.count > 0 {
            let (count, names) = (unknown.count, unknown.first());
            self.warnings.push(format!(
                "{shown}: coverage of {count} files was skipped, because they are not in the project: {names}"
            ));
        }
    }
}

/// Looks paths up, and takes files without a language into the scan when a report names them and they are text.
struct Lookup<'a> {
    resolver: &'a Resolver<'a>,
    files: &'a FileSet,
    encoding: &'static Encoding,
    /// Which files without a language are binaries, as far as that was asked.
    binaries: HashMap<usize, bool>,
    named: HashSet<usize>,
}

impl Lookup<'_> {
    fn find(
        &mut self,
        path: &str,
        roots: &[String],
        report_dir: Option<&Path>,
        completeness: Completeness,
    ) -> Resolved {
        let resolved = self.resolver.resolve(path, roots, report_dir, completeness);
        if let Resolved::File(index) = resolved
            && self.files.all()[index].language.is_none()
        {
            let looks_binary = || files::looks_binary(&self.files.all()[index].absolute, self.encoding).unwrap_or(true);
            if *self.binaries.entry(index).or_insert_with(looks_binary) {
                return Resolved::LeftOut;
            }
            self.named.insert(index);
        }
        resolved
    }
}

/// Counts names and keeps the first few different ones.
#[derive(Default)]
struct Names {
    count: usize,
    distinct: HashSet<String>,
    shown: Vec<String>,
}

impl Names {
    fn add(&mut self, name: &str) {
        const KEPT: usize = 1000;
        self.count += 1;
        if self.distinct.len() < KEPT && self.distinct.insert(name.to_owned()) {
            self.shown.push(name.to_owned());
        }
    }

    fn first(&self) -> String {
        first_names(&self.shown)
    }
}

fn open<T>(property: &'static str, path: &Path, parse: fn(File) -> Result<T, ImportError>) -> Result<T, ImportFailure> {
    let shown = || path.display().to_string();
    let file = File::open(path).map_err(|source| ImportFailure::Open {
        property,
        path: shown(),
        source,
    })?;
    parse(file).map_err(|source| ImportFailure::Parse {
        property,
        path: shown(),
        source,
    })
}
