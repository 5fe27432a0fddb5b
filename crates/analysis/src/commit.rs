//! The last transaction of an analysis: issues, measures, verdict, event, deliveries and the end of the task, together or
//! not at all.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use gatehook_domain::Timestamp;
use gatehook_domain::analysis::Analysis;
use gatehook_domain::branch::BranchKind;
use gatehook_domain::gate::GateStatus;
use gatehook_domain::id::{AnalysisId, ComponentId, EventId, NodeId};
use gatehook_domain::measure::Measures;
use gatehook_domain::tally::{self, Tally};
use gatehook_domain::task::{Task, TaskStatus};
use gatehook_domain::webhook::EventKind;
use gatehook_store::{Store, StoreError, Tx, analysis, branch, component, issue, issue_count, measure, rule, task};
use gatehook_webhooks::{Happened, ServerUrl, TaskResult, outbox};

use crate::error::AnalysisError;
use crate::judge;
use crate::pipeline::{Bench, Totals};
use crate::plan::{Heading, Plan};
use crate::spill::{self, Outcome};

/// How many rows are handed to the store at once.
const BATCH: usize = 500;

/// A task that became an analysis.
#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) analysis: AnalysisId,
    pub(crate) status: GateStatus,
    pub(crate) event: Option<EventId>,
}

/// Everything the transaction writes; shared, because the store may run it again.
struct Parcel {
    task: Task,
    plan_branch: gatehook_domain::branch::Branch,
    project: gatehook_domain::project::Project,
    analysis: Analysis,
    totals: Totals,
    rulings: judge::Rulings,
    has_new_code: bool,
    node: NodeId,
    urls: ServerUrl,
    spill: std::path::PathBuf,
    source: Option<String>,
    target: Option<String>,
}

/// Keeps an analysis.
pub(crate) fn commit(
    bench: &Bench<'_>,
    task: &Task,
    plan: &Plan,
    heading: Heading,
    totals: Totals,
    spill: &Path,
) -> Result<Finished, AnalysisError> {
    let ambient = bench.store.ambient();
    let analysis = Analysis {
        id: ambient.new_id(),
        project: plan.project.id.clone(),
        branch: plan.branch.id.clone(),
        task: task.id.clone(),
        date: heading.date,
        version: heading.version,
        build: heading.build,
        revision: heading.revision,
        period: plan.period.clone(),
        properties: heading.properties,
    };
    let mut task = task.clone();
    task.status = TaskStatus::Success;
    task.analysis = Some(analysis.id.clone());
    task.warnings = plan.warnings.iter().cloned().chain(heading.warnings).collect();
    task.warnings.extend(totals.warnings.iter().cloned());
    let parcel = Arc::new(Parcel {
        task,
        plan_branch: plan.branch.clone(),
        project: plan.project.clone(),
        analysis,
        totals,
        rulings: plan.rulings.clone(),
        has_new_code: plan.new_code.has_measures(),
        node: bench.node.clone(),
        urls: bench.urls.clone(),
        spill: spill.to_owned(),
        source: heading.source,
        target: heading.target,
    });
    bench.store.write_blocking(move |tx| write(tx, &parcel))
}

fn write(tx: &mut Tx<'_>, parcel: &Parcel) -> Result<Finished, AnalysisError> {
    // First of all, although it is the end: from here on the row of the task is locked, and a renewal of its lease waits
    // for this transaction instead of breaking it, as long as it may take.
    finish(tx, &parcel.task, &parcel.node)?;
    let id = &parcel.plan_branch.id;
    // Work that was done on issues which a person changed since, or on a branch that is gone, must not be kept.
    let current = branch::by_id(tx, id)?.ok_or(AnalysisError::Gone)?;
    if current.revision != parcel.plan_branch.revision {
        return Err(AnalysisError::Conflict);
    }
    branch::bump_revision(tx, id)?;
    rule::upsert_many(tx, &parcel.totals.rules)?;
    spill::read(&parcel.spill, |outcome| keep(tx, parcel, outcome))?;
    component::disable(tx, &parcel.totals.gone)?;
    issue_count::delete_for(tx, &parcel.totals.gone)?;
    measure::delete_for(tx, &parcel.totals.gone)?;
    if parcel.plan_branch.kind == BranchKind::PullRequest {
        let title = parcel.plan_branch.title.as_deref();
        branch::set_pull_request(tx, id, parcel.source.as_deref(), parcel.target.as_deref(), title)?;
    }

    let root = ComponentId::root_of(id);
    let mut measures = parcel.totals.measures.clone();
    let debt = parcel.rulings.debt(&measures, parcel.has_new_code);
    measures.extend(tally::issue_measures(&parcel.totals.tally, &debt));
    let kind = parcel.plan_branch.kind;
    let judged = judge::judge(tx, &parcel.project.id, kind, &mut measures, &parcel.rulings, false)?;
    issue_count::put(tx, id, &root, &parcel.totals.tally)?;
    let gate_before = judge::status_of(&measure::get(tx, &root)?);
    measure::put_many(tx, &[(id.clone(), root, measures.clone())])?;
    analysis::insert(tx, &parcel.analysis, &measures)?;
    branch::set_last_analysis(tx, id, &parcel.analysis.id)?;

    let event = outbox::record(
        tx,
        &parcel.urls,
        &Happened {
            project: &parcel.project,
            branch: Some(&parcel.plan_branch),
            named: None,
            kind: EventKind::AnalysisCompleted,
            task: Some(&parcel.task.id),
            result: TaskResult::Succeeded,
            analysis: Some(&parcel.analysis),
            analysed_at: None,
            revision: None,
            changed_at: parcel.analysis.date,
            gate: Some((&judged.gate.name, &judged.verdict)),
            gate_before,
            properties: &parcel.analysis.properties,
        },
    )?;
    Ok(Finished {
        analysis: parcel.analysis.id.clone(),
        status: judged.verdict.status,
        event,
    })
}

fn keep(tx: &mut Tx<'_>, parcel: &Parcel, outcome: Outcome) -> Result<(), AnalysisError> {
    let branch = &parcel.plan_branch.id;
    let id = outcome.component.id.clone();
    let is_root = id == ComponentId::root_of(branch);
    let enabled = outcome.component.enabled;
    component::upsert_many(tx, &[outcome.component])?;
    for issues in outcome.inserted.chunks(BATCH) {
        issue::insert_many(tx, issues)?;
    }
    for issues in outcome.updated.chunks(BATCH) {
        issue::update_many(tx, issues)?;
    }
    for changes in outcome.changes.chunks(BATCH) {
        issue::add_changes(tx, changes)?;
    }
    if enabled && !is_root {
        let measures =
            Measures::from_json(&outcome.measures).map_err(|bad| StoreError::Corrupt { what: bad.to_string() })?;
        let tally = Tally::from_json(&outcome.tally).map_err(|bad| StoreError::Corrupt { what: bad.to_string() })?;
        measure::put_many(tx, &[(branch.clone(), id.clone(), measures)])?;
        issue_count::put(tx, branch, &id, &tally)?;
    }
    Ok(())
}

/// Ends a task and drops its report; only the holder of its lease may.
fn finish(tx: &mut Tx<'_>, ended: &Task, node: &NodeId) -> Result<(), AnalysisError> {
    let mut ended = ended.clone();
    ended.executed_at = Some(tx.ambient().now());
    if !task::finish(tx, &ended, node)? {
        return Err(AnalysisError::LeaseLost);
    }
    task::report_delete(tx, &ended.id)?;
    Ok(())
}

/// Why a task failed.
pub(crate) struct Reason<'a> {
    /// A short word for programs.
    pub(crate) kind: &'a str,
    /// What people are told.
    pub(crate) text: &'a str,
}

/// What was read of a report that then failed; receivers are told.
#[derive(Debug, Clone, Default)]
pub(crate) struct Seen {
    pub(crate) date: Option<Timestamp>,
    pub(crate) revision: Option<String>,
    pub(crate) properties: BTreeMap<String, String>,
}

/// Ends a task that cannot become an analysis, and tells the receivers.
pub(crate) fn fail(
    store: &Store,
    urls: &ServerUrl,
    node: &NodeId,
    task: &Task,
    reason: &Reason<'_>,
    seen: Option<Seen>,
) -> Result<Option<EventId>, AnalysisError> {
    let mut failed = task.clone();
    failed.status = TaskStatus::Failed;
    failed.error = Some(reason.text.to_owned());
    failed.error_type = Some(reason.kind.to_owned());
    let seen = seen.unwrap_or_default();
    let (urls, node) = (urls.clone(), node.clone());
    store.write_blocking(move |tx| {
        finish(tx, &failed, &node)?;
        let Some(project) = gatehook_store::project::by_id(tx, &failed.project)? else {
            return Ok(None);
        };
        let branch = branch::by_name(tx, &project.id, &failed.branch)?;
        let changed_at = tx.ambient().now();
        let event = outbox::record(
            tx,
            &urls,
            &Happened {
                project: &project,
                branch: branch.as_ref(),
                named: Some(&failed.branch),
                kind: EventKind::AnalysisCompleted,
                task: Some(&failed.id),
                result: TaskResult::Failed,
                analysis: None,
                analysed_at: seen.date,
                revision: seen.revision.as_deref(),
                changed_at,
                gate: None,
                gate_before: None,
                properties: &seen.properties,
            },
        )?;
        Ok::<_, AnalysisError>(event)
    })
}
