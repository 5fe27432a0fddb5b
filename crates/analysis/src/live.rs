//! A person changes an issue, and the branch is judged again at once, in the same transaction.
//!
//! Only counters, measures and the verdict that the issue touches are computed again, from the difference the change
//! makes: it costs the same in a branch of a thousand issues and of a million.

use std::collections::BTreeMap;

use gatehook_domain::branch::Branch;
use gatehook_domain::component::Component;
use gatehook_domain::gate::GateStatus;
use gatehook_domain::id::{ComponentId, EventId, IssueId};
use gatehook_domain::issue::{Issue, IssueChange};
use gatehook_domain::new_code::NewCode;
use gatehook_domain::project::Project;
use gatehook_domain::tally::{self, Tally};
use gatehook_domain::webhook::EventKind;
use gatehook_domain::workflow::{self, Change, WorkflowError};
use gatehook_store::issue::PlacedIssue;
use gatehook_store::{StoreError, Tx};
use gatehook_webhooks::{Happened, ServerUrl, TaskResult, outbox};

use crate::judge::{self, Rulings};

/// What a change of an issue came to.
#[derive(Debug)]
pub struct ChangedIssue {
    /// The issue as it is now.
    pub issue: Issue,
    /// False when it already was as asked for; nothing was written then.
    pub changed: bool,
    /// The event, when the change turned the gate's status and somebody is to be told.
    pub event: Option<EventId>,
}

/// Why an issue was not changed.
#[derive(Debug, thiserror::Error)]
pub enum LiveError {
    /// There is no such issue.
    #[error("Issue with key '{0}' does not exist")]
    NoSuchIssue(IssueId),
    /// The change is not possible for this issue.
    #[error(transparent)]
    Workflow(#[from] WorkflowError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Changes an issue, judges its branch again and records the event, all in the caller's transaction. The caller has
/// checked that `login` may do it.
pub fn change_issue(
    tx: &mut Tx<'_>,
    urls: &ServerUrl,
    id: &IssueId,
    change: Change,
    login: &str,
) -> Result<ChangedIssue, LiveError> {
    let placed = gatehook_store::issue::placed(tx, id)?.ok_or_else(|| LiveError::NoSuchIssue(id.clone()))?;
    change_placed(tx, urls, &placed, change, login)
}

/// [`change_issue`] for a caller that has read the issue in the same transaction.
pub fn change_placed(
    tx: &mut Tx<'_>,
    urls: &ServerUrl,
    placed: &PlacedIssue,
    change: Change,
    login: &str,
) -> Result<ChangedIssue, LiveError> {
    let now = tx.ambient().now();
    let Some(changed) = workflow::change(&placed.issue, change, now)? else {
        return Ok(ChangedIssue {
            issue: placed.issue.clone(),
            changed: false,
            event: None,
        });
    };
    let new = changed.issue;
    // First, because it keeps others from changing the branch's counters meanwhile.
    gatehook_store::branch::bump_revision(tx, &new.branch)?;
    gatehook_store::issue::update_decision(tx, &new)?;
    let history = IssueChange {
        issue: new.id.clone(),
        user: Some(login.to_owned()),
        at: now,
        diffs: changed.diffs,
    };
    gatehook_store::issue::add_change(tx, &history)?;
    let event = rejudge(tx, urls, placed, &new)?;
    Ok(ChangedIssue {
        issue: new,
        changed: true,
        event,
    })
}

/// Computes again what the difference between two states of an issue touches; tells the receivers when the gate's status
/// turned.
fn rejudge(
    tx: &mut Tx<'_>,
    urls: &ServerUrl,
    placed: &PlacedIssue,
    new: &Issue,
) -> Result<Option<EventId>, StoreError> {
    let (old, branch, project) = (&placed.issue, &placed.branch, &placed.project);
    // A branch that was never analysed has no verdict to change.
    let Some(analysis) = &placed.analysis else {
        return Ok(None);
    };
    let new_code = NewCode::of(branch.kind, analysis.period.as_ref());
    let rulings = Rulings::of(tx, &project.id)?;
    let before = Tally::of(old, new_code.contains(old));
    let after = Tally::of(new, new_code.contains(new));

    let root = ComponentId::root_of(&branch.id);
    let mut counted = gatehook_store::measure::with_counters(tx, [&new.component, &root])?;
    let (mut tallies, mut recounted) = (Vec::with_capacity(2), Vec::with_capacity(2));
    let mut recount = |component: &ComponentId| {
        let (mut tally, mut measures) = counted.remove(component).unwrap_or_default();
        tally.subtract(&before);
        tally.add(&after);
        let debt = rulings.debt(&measures, new_code.has_measures());
        tally::renew(&mut measures, &tally, &debt);
        tallies.push((branch.id.clone(), component.clone(), tally));
        measures
    };
    if new.component != root {
        let measures = recount(&new.component);
        recounted.push((branch.id.clone(), new.component.clone(), measures));
    }
    let mut measures = recount(&root);
    gatehook_store::issue_count::put_many(tx, &tallies)?;
    let previous = judge::status_of(&measures);
    let judged = judge::judge(tx, &project.id, branch.kind, &mut measures, &rulings, true)?;
    recounted.push((branch.id.clone(), root, measures));
    gatehook_store::measure::put_many(tx, &recounted)?;

    if previous == Some(judged.verdict.status) {
        return Ok(None);
    }
    tell(tx, urls, project, branch, analysis, &judged, previous)
}

fn tell(
    tx: &mut Tx<'_>,
    urls: &ServerUrl,
    project: &Project,
    branch: &Branch,
    analysis: &gatehook_domain::analysis::Analysis,
    judged: &judge::Judged,
    gate_before: Option<GateStatus>,
) -> Result<Option<EventId>, StoreError> {
    let changed_at = tx.ambient().now();
    let properties: &BTreeMap<String, String> = &analysis.properties;
    outbox::record(
        tx,
        urls,
        &Happened {
            project,
            branch: Some(branch),
            named: None,
            kind: EventKind::GateChanged,
            task: None,
            result: TaskResult::Succeeded,
            analysis: Some(analysis),
            analysed_at: None,
            revision: None,
            changed_at,
            gate: Some((&judged.gate.name, &judged.verdict)),
            gate_before,
            properties,
        },
    )
}

fn missing(what: &'static str, id: &str) -> StoreError {
    StoreError::Corrupt {
        what: format!("the {what} {id} that another row names does not exist"),
    }
}

/// The component of an issue; every issue has one.
pub fn component_of(tx: &mut Tx<'_>, issue: &Issue) -> Result<Component, StoreError> {
    gatehook_store::component::by_id(tx, &issue.component)?
        .ok_or_else(|| missing("component", issue.component.as_str()))
}
