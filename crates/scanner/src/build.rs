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

use crate::build_file::{Built, build};
use crate::config::{Config, Target};
use crate::convert::{self, Converter, Refs};
use crate::files::FileSet;
use crate::import::Imports;
use crate::notes::Notes;
use crate::paths::Resolver;
use crate::properties::Properties;
use crate::scm::Scm;

const PROJECT_REF: i32 = 1;
/// More threads do not read faster, and each holds memory of its own.
const MAX_THREADS: usize = 8;

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
                );
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

impl Totals {
    fn add(&mut self, built: &Built) {
        self.files += 1;
        self.lines += u64::from(built.component.lines.unsigned_abs());
        self.ncloc += built.ncloc;
        self.issues += built.issues.len() as u64;
        self.covered_files += u64::from(!built.coverage.is_empty());
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
