//! Writing the report: every file is read, counted, looked up in the history and joined with what tools said about it.
//!
//! Files are worked on by several threads and written in order, so equal scans give equal reports. Each thread is at most two files
//! ahead of the writer: memory follows the largest files, not their number.

use std::collections::BTreeMap;
use std::io::{Seek, Write};
use std::num::NonZeroUsize;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use gatehook_domain::Timestamp;
use gatehook_report::{ReportWriteError, ReportWriter, proto};
use tokio_util::sync::CancellationToken;

use crate::config::{Config, Target};
use crate::convert::{self, Converter, Refs};
use crate::files::{FileSet, SourceFile, first_names};
use crate::import::Imports;
use crate::lines::Lines;
use crate::paths::Resolver;
use crate::properties::Properties;
use crate::scm::{Scm, ScmWorker};
use crate::text;

const PROJECT_REF: i32 = 1;
/// More threads do not read faster, and each holds memory of its own.
const MAX_THREADS: usize = 8;
/// A measure by line that is longer is left out: no reader takes it, and nobody looks at a file of so many lines by line.
const MAX_LINE_DATA_BYTES: usize = 3 * 1024 * 1024;

/// What goes into a report.
pub(crate) struct Input<'a> {
    pub(crate) config: &'a Config,
    pub(crate) properties: &'a Properties,
    pub(crate) files: &'a FileSet,
    pub(crate) resolver: &'a Resolver<'a>,
    pub(crate) imports: &'a Imports,
    pub(crate) scm: Option<&'a Scm>,
    pub(crate) revision: Option<&'a str>,
    pub(crate) detected_ci: Option<&'a str>,
    pub(crate) now: Timestamp,
    pub(crate) cancel: &'a CancellationToken,
}

/// What went into a report.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Files.
    pub files: u64,
    /// Lines of them.
    pub lines: u64,
    /// Lines of code in those that are not tests.
    pub ncloc: u64,
    /// Issues of other tools.
    pub issues: u64,
    /// Files with coverage.
    pub covered_files: u64,
}

/// A report could not be written.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The archive cannot be written.
    #[error(transparent)]
    Write(#[from] ReportWriteError),
    /// The scan was told to stop.
    #[error("the scan was stopped")]
    Cancelled,
    /// A thread ended before its work did.
    #[error("a thread of the scan ended too early")]
    Thread,
}

/// One file, ready to be written.
struct Built {
    component: proto::Component,
    source: String,
    measures: Vec<proto::Measure>,
    ncloc: u64,
    coverage: Vec<proto::LineCoverage>,
    issues: Vec<proto::ExternalIssue>,
    changesets: Option<proto::Changesets>,
    changed: Option<proto::ChangedLines>,
    adjusted_ranges: usize,
    lines_behind_end: usize,
    lossy: bool,
    uncommitted: bool,
    scm_error: Option<String>,
}

/// Writes the report. `warnings` are those known so far; what is found on the way is added to them and goes into the report, too.
pub(crate) fn write<W: Write + Seek>(
    input: &Input<'_>,
    out: W,
    warnings: &mut Vec<String>,
    mut done: impl FnMut(u64, u64),
) -> Result<(W, Totals), BuildError> {
    let included: Vec<usize> = (0..input.files.all().len())
        .filter(|index| input.files.all()[*index].language.is_some() || input.imports.named.contains(index))
        .collect();
    let mut refs: Refs = vec![None; input.files.all().len()];
    for (position, &index) in included.iter().enumerate() {
        refs[index] = Some(PROJECT_REF + 1 + position as i32);
    }
    let mut writer = ReportWriter::new(out);
    let mut notes = Notes::default();
    let mut totals = Totals::default();
    let mut children = Vec::with_capacity(included.len());
    let mut languages: BTreeMap<String, i32> = BTreeMap::new();
    let threads = std::thread::available_parallelism()
        .map_or(1, NonZeroUsize::get)
        .clamp(1, MAX_THREADS)
        .min(included.len().max(1));

    std::thread::scope(|scope| -> Result<(), BuildError> {
        let mut queues: Vec<Receiver<Result<Built, String>>> = Vec::with_capacity(threads);
        for thread in 0..threads {
            let (sender, receiver) = sync_channel(2);
            queues.push(receiver);
            let (included, refs) = (&included, &refs);
            scope.spawn(move || {
                work(
                    input,
                    included.iter().copied().skip(thread).step_by(threads),
                    refs,
                    &sender,
                )
            });
        }
        for position in 0..included.len() {
            let built = queues[position % threads].recv().map_err(|_| {
                if input.cancel.is_cancelled() {
                    BuildError::Cancelled
                } else {
                    BuildError::Thread
                }
            })?;
            match built {
                Ok(built) => {
                    totals.add(&built);
                    notes.add(&built);
                    *languages.entry(built.component.language.clone()).or_default() += 1;
                    children.push(built.component.r#ref);
                    write_file(&mut writer, &built)?;
                }
                Err(unreadable) => notes.unreadable.push(unreadable),
            }
            done(position as u64 + 1, included.len() as u64);
        }
        Ok(())
    })?;

    let mut converter = Converter::new(input.files, input.resolver, &refs, input.config.encoding);
    totals.issues += input.imports.project_issues.len() as u64;
    writer.external_issues(
        PROJECT_REF,
        input
            .imports
            .project_issues
            .iter()
            .map(|issue| converter.issue(issue, None)),
    )?;
    notes.adjusted_ranges += converter.adjusted;
    writer.adhoc_rules(input.imports.rules.iter().map(convert::rule))?;
    writer.context_props(context(input))?;
    warnings.extend(notes.finish());
    let timestamp = input.now.as_millis();
    writer.warnings(warnings.iter().map(|text| proto::AnalysisWarning {
        text: text.clone(),
        timestamp,
    }))?;
    writer.component(&project(input, children))?;
    writer.metadata(&metadata(input, languages))?;
    Ok((writer.finish()?, totals))
}

fn write_file<W: Write + Seek>(writer: &mut ReportWriter<W>, built: &Built) -> Result<(), ReportWriteError> {
    let component_ref = built.component.r#ref;
    writer.component(&built.component)?;
    writer.source(component_ref, &built.source)?;
    writer.measures(component_ref, &built.measures)?;
    writer.coverages(component_ref, &built.coverage)?;
    writer.external_issues(component_ref, &built.issues)?;
    if let Some(changesets) = &built.changesets {
        writer.changesets(changesets)?;
    }
    if let Some(changed) = &built.changed {
        writer.changed_lines(component_ref, changed)?;
    }
    Ok(())
}

/// What one thread does: its share of the files, in order.
fn work(
    input: &Input<'_>,
    indices: impl Iterator<Item = usize>,
    refs: &Refs,
    sender: &SyncSender<Result<Built, String>>,
) {
    let mut converter = Converter::new(input.files, input.resolver, refs, input.config.encoding);
    let mut scm = input.scm.map(|scm| scm.worker(input.config.encoding));
    for index in indices {
        if input.cancel.is_cancelled() {
            return;
        }
        let file = &input.files.all()[index];
        let built = match std::fs::read(&file.absolute) {
            Ok(bytes) => Ok(build(input, index, file, bytes, refs, &mut converter, scm.as_mut())),
            Err(error) => Err(format!("{} ({error})", file.path)),
        };
        if sender.send(built).is_err() {
            return;
        }
    }
}

fn build(
    input: &Input<'_>,
    index: usize,
    file: &SourceFile,
    bytes: Vec<u8>,
    refs: &Refs,
    converter: &mut Converter<'_>,
    scm: Option<&mut ScmWorker<'_>>,
) -> Built {
    let decoded = text::decode(bytes, input.config.encoding);
    let lengths = text::line_lengths(&decoded.content);
    let line_count = lengths.len();
    let component_ref = refs[index].unwrap_or_default();
    let mut component = proto::Component {
        r#ref: component_ref,
        name: file.path.rsplit('/').next().unwrap_or(&file.path).to_owned(),
        r#type: proto::ComponentType::File as i32,
        is_test: file.is_test,
        language: file.language.unwrap_or_default().to_owned(),
        lines: line_count as i32,
        project_relative_path: file.path.clone(),
        ..proto::Component::default()
    };

    let mut measures = Vec::new();
    let mut ncloc = 0;
    if let (Some(language), false) = (file.language, file.is_test) {
        let lines = Lines::classify(&decoded.content, language);
        ncloc = lines.ncloc() as u64;
        measures.push(proto::Measure::int("ncloc", lines.ncloc() as i32));
        measures.push(proto::Measure::int("comment_lines", lines.comment_lines() as i32));
        let data = lines.ncloc_data();
        if !data.is_empty() && data.len() <= MAX_LINE_DATA_BYTES {
            measures.push(proto::Measure::string("ncloc_data", data));
        }
    }

    let mut coverage = Vec::new();
    let mut lines_behind_end = 0;
    if let Some(covered) = input.imports.coverage.get(&index) {
        for (&line, hit) in &covered.lines {
            if line == 0 || line as usize > line_count {
                lines_behind_end += 1;
                continue;
            }
            coverage.push(proto::LineCoverage {
                line: line as i32,
                conditions: hit.conditions as i32,
                hits: Some(hit.is_covered()),
                covered_conditions: (hit.conditions > 0).then_some(hit.covered_conditions.min(hit.conditions) as i32),
            });
        }
    }

    converter.own_file(index, lengths);
    converter.adjusted = 0;
    let issues = input
        .imports
        .issues
        .get(&index)
        .into_iter()
        .flatten()
        .map(|issue| converter.issue(issue, Some(index)))
        .collect();

    let mut changesets = None;
    let mut changed = None;
    let mut uncommitted = false;
    let mut scm_error = None;
    if let (Some(worker), Some(scm)) = (scm, input.scm) {
        if scm.has_history {
            match worker.blame(&file.path, &decoded.content, input.now.as_millis()) {
                Ok(Some(found)) => changesets = Some(proto::Changesets { component_ref, ..found }),
                Ok(None) => uncommitted = !decoded.content.is_empty(),
                Err(error) => scm_error = Some(error.to_string()),
            }
        }
        match worker.changed_lines(&file.path, &decoded.content) {
            Ok(Some(found)) => {
                component.old_relative_file_path = found.old_path.unwrap_or_default();
                changed = Some(proto::ChangedLines { line: found.lines });
            }
            Ok(None) => {}
            Err(error) => scm_error = Some(error.to_string()),
        }
    }
    Built {
        component,
        source: decoded.content,
        measures,
        ncloc,
        coverage,
        issues,
        changesets,
        changed,
        adjusted_ranges: converter.adjusted,
        lines_behind_end,
        lossy: decoded.lossy,
        uncommitted,
        scm_error,
    }
}

impl Totals {
    fn add(&mut self, built: &Built) {
        self.files += 1;
        self.lines += u64::from(built.component.lines.unsigned_abs());
        self.ncloc += built.ncloc;
        self.issues += built.issues.len() as u64;
        self.covered_files += u64::from(!built.coverage.is_empty());
    }
}

/// What was noticed while the files were read; each kind becomes one warning.
#[derive(Default)]
struct Notes {
    unreadable: Vec<String>,
    lossy: Vec<String>,
    uncommitted: Vec<String>,
    scm_errors: Vec<String>,
    behind_end: Vec<String>,
    adjusted_ranges: usize,
}

impl Notes {
    fn add(&mut self, built: &Built) {
        let path = &built.component.project_relative_path;
        if built.lossy {
            self.lossy.push(path.clone());
        }
        if built.uncommitted {
            self.uncommitted.push(path.clone());
        }
        if let Some(error) = &built.scm_error {
            self.scm_errors.push(format!("{path} ({error})"));
        }
        if built.lines_behind_end > 0 {
            self.behind_end.push(path.clone());
        }
        self.adjusted_ranges += built.adjusted_ranges;
    }

    fn finish(self) -> Vec<String> {
        let mut warnings: Vec<String> = [
            (self.unreadable, "files could not be read and were skipped"),
            (self.lossy, "files hold characters that do not fit their encoding (sonar.sourceEncoding)"),
            (self.uncommitted, "files are not committed, so it is not known who changed them when"),
            (self.scm_errors, "files have a history that git could not tell"),
            (self.behind_end, "files are shorter than a coverage report says; what is behind their end was skipped (is the report old?)"),
        ]
        .into_iter()
        .filter(|(names, _)| !names.is_empty())
        .map(|(names, what)| format!("{} {what}: {}", names.len(), first_names(&names)))
        .collect();
        if self.adjusted_ranges > 0 {
            let count = self.adjusted_ranges;
            warnings.push(format!("{count} places of issues do not fit the text of their files and were moved to the nearest line (is the report old?)"));
        }
        warnings
    }
}

fn context(input: &Input<'_>) -> Vec<proto::ContextProperty> {
    let mut properties: BTreeMap<&str, &str> = input.properties.with_prefix("sonar.analysis.").collect();
    properties.insert(
        "sonar.analysis.detectedscm",
        if input.scm.is_some() { "git" } else { "undetected" },
    );
    properties.insert("sonar.analysis.detectedci", input.detected_ci.unwrap_or("undetected"));
    properties
        .into_iter()
        .map(|(key, value)| proto::ContextProperty {
            key: key.to_owned(),
            value: value.to_owned(),
        })
        .collect()
}

fn project(input: &Input<'_>, child_ref: Vec<i32>) -> proto::Component {
    let get = |key: &str| input.properties.get(key).unwrap_or_default().to_owned();
    let links = [
        ("sonar.links.homepage", proto::ComponentLinkType::Home),
        ("sonar.links.scm", proto::ComponentLinkType::Scm),
        ("sonar.links.issue", proto::ComponentLinkType::Issue),
        ("sonar.links.ci", proto::ComponentLinkType::Ci),
    ];
    proto::Component {
        r#ref: PROJECT_REF,
        name: get("sonar.projectName"),
        r#type: proto::ComponentType::Project as i32,
        key: input.config.project_key.as_str().to_owned(),
        description: get("sonar.projectDescription"),
        child_ref,
        link: links
            .into_iter()
            .filter_map(|(key, kind)| Some((input.properties.get(key)?, kind)))
            .map(|(href, kind)| proto::ComponentLink {
                r#type: kind as i32,
                href: href.to_owned(),
            })
            .collect(),
        ..proto::Component::default()
    }
}

fn metadata(input: &Input<'_>, languages: BTreeMap<String, i32>) -> proto::Metadata {
    let get = |key: &str| input.properties.get(key).unwrap_or_default().to_owned();
    let mut metadata = proto::Metadata {
        analysis_date: input.config.date.unwrap_or(input.now).as_millis(),
        project_key: input.config.project_key.as_str().to_owned(),
        root_component_ref: PROJECT_REF,
        relative_path_from_scm_root: input.scm.map(|scm| scm.prefix().to_owned()).unwrap_or_default(),
        scm_revision_id: input.revision.unwrap_or_default().to_owned(),
        project_version: get("sonar.projectVersion"),
        build_string: get("sonar.buildString"),
        new_code_reference_branch: get("sonar.newCode.referenceBranch"),
        analyzed_indexed_file_count_per_type: languages,
        ..proto::Metadata::default()
    };
    match &input.config.target {
        Target::Main => {}
        Target::Branch(name) => {
            metadata.branch_name.clone_from(name);
            metadata.branch_type = proto::BranchType::Branch as i32;
        }
        Target::PullRequest { key, branch, base } => {
            metadata.branch_name = branch.clone().unwrap_or_default();
            metadata.branch_type = proto::BranchType::PullRequest as i32;
            metadata.pull_request_key.clone_from(key);
            metadata.reference_branch_name = base.clone().unwrap_or_default();
            metadata.target_branch_name = base.clone().unwrap_or_default();
        }
    }
    metadata
}
