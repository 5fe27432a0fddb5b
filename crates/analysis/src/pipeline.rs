//! From a report to an analysis: everything between a claimed task and its last transaction.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use gatehook_domain::id::{ComponentId, NodeId};
use gatehook_domain::measure::Measures;
use gatehook_domain::tally::Tally;
use gatehook_domain::task::Task;
use gatehook_report::{Limits, ReportReader};
use gatehook_store::Store;
use gatehook_webhooks::ServerUrl;

use crate::commit::{self, Finished, Seen};
use crate::error::AnalysisError;
use crate::plan::{self, Heading, Plan};
use crate::spill::SpillWriter;
use crate::work::Work;

/// How often the work is done again because a person changed an issue of the branch meanwhile. Each time costs one analysis;
/// nobody changes issues so steadily that five in a row are hit.
const MAX_REDOS: u32 = 5;

/// A report in a file.
pub(crate) type Report = ReportReader<BufReader<File>>;

/// What the pipeline needs beside the task.
pub(crate) struct Bench<'a> {
    pub(crate) store: &'a Store,
    pub(crate) urls: &'a ServerUrl,
    pub(crate) node: &'a NodeId,
    pub(crate) limits: &'a Limits,
    /// A folder of this task's own.
    pub(crate) folder: &'a Path,
}

/// Analyses a report that lies in a file, and keeps the outcome.
///
/// `seen` takes what the report says about itself as soon as it is known, so that receivers hear of it even when the rest
/// turns out to be unusable.
pub(crate) fn analyse(
    bench: &Bench<'_>,
    task: &Task,
    report: &Path,
    seen: &mut Option<Seen>,
) -> Result<Finished, AnalysisError> {
    let project_key = {
        let id = task.project.clone();
        let found = bench
            .store
            .read_blocking(move |tx| gatehook_store::project::by_id(tx, &id).map_err(AnalysisError::from))?;
        found.ok_or(AnalysisError::Gone)?.key
    };
    let mut redos = 0;
    loop {
        let mut reader = ReportReader::open(BufReader::new(File::open(report)?), bench.limits)?;
        let now = bench.store.ambient().now();
        let heading = plan::heading(&mut reader, project_key.as_str(), now)?;
        *seen = Some(Seen {
            date: Some(heading.date),
            revision: heading.revision.clone(),
            properties: heading.properties.clone(),
        });
        match attempt(bench, task, &mut reader, heading) {
            Err(AnalysisError::Conflict) if redos < MAX_REDOS => {
                redos += 1;
                tracing::info!(task = %task.id, redos, "issues were changed meanwhile, the analysis is done again");
            }
            outcome => return outcome,
        }
    }
}

fn attempt(bench: &Bench<'_>, task: &Task, report: &mut Report, heading: Heading) -> Result<Finished, AnalysisError> {
    let plan = plan::plan(bench.store, task, &heading)?;
    carry_out(bench, task, report, heading, &plan)
}

fn carry_out(
    bench: &Bench<'_>,
    task: &Task,
    report: &mut Report,
    heading: Heading,
    plan: &Plan,
) -> Result<Finished, AnalysisError> {
    let spill = bench.folder.join("outcomes.jsonl");
    let mut work = Work::begin(bench, plan, heading.date, SpillWriter::create(&spill)?, report)?;
    let files = work.file_table(report, heading.root_ref)?;
    for (component_ref, id) in &files.order {
        work.file(report, *component_ref, id, &files.ids)?;
    }
    work.gone(&files.paths)?;
    let totals = work.root(report, heading.root_ref, &files.ids)?;
    commit::commit(bench, task, plan, heading, totals, &spill)
}

/// What is known about the whole branch when all its components are done.
pub(crate) struct Totals {
    /// Sizes, coverage and the like; without what follows from issues.
    pub(crate) measures: Measures,
    pub(crate) tally: Tally,
    pub(crate) rules: Vec<gatehook_domain::rule::Rule>,
    /// What people are to be told about the work.
    pub(crate) warnings: Vec<String>,
    /// The ids of files the branch no longer has.
    pub(crate) gone: Vec<ComponentId>,
}

#[cfg(test)]
mod tests;
