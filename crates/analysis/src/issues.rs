//! What becomes of the issues of one component: tracked, updated, closed, reopened, new.

use std::collections::{BTreeMap, BTreeSet};

use gatehook_domain::id::{BranchId, ComponentId};
use gatehook_domain::issue::{FieldDiff, Issue, IssueChange, IssueType, Resolution, Status};
use gatehook_domain::tracking::{self, LineHashes, Trackable};
use gatehook_domain::workflow::{self, Changed};
use gatehook_domain::{Ambient, Timestamp};

use crate::findings::RawIssue;
use crate::incoming::{Change, IncomingFile};

/// What is the same for all components of one analysis.
pub(crate) struct Setting<'a> {
    pub(crate) branch: &'a BranchId,
    /// The date of the analysis.
    pub(crate) date: Timestamp,
    /// True when the branch was never analysed before.
    pub(crate) first: bool,
    pub(crate) ambient: &'a Ambient,
}

/// The issues that a component had before.
#[derive(Default)]
pub(crate) struct Before {
    /// Those that were not closed.
    pub(crate) open: Vec<Issue>,
    /// Those that were closed not long ago.
    pub(crate) closed: Vec<Issue>,
    /// The shortened hashes of its lines.
    pub(crate) line_hashes: Vec<u8>,
    /// True when they belong to another branch: what matches is copied, and nothing is closed.
    pub(crate) borrowed: bool,
}

/// What became of the issues of a component.
#[derive(Debug, Default)]
pub(crate) struct After {
    /// All issues that are not closed, for counting.
    pub(crate) current: Vec<Issue>,
    pub(crate) inserted: Vec<Issue>,
    pub(crate) updated: Vec<Issue>,
    pub(crate) changes: Vec<IssueChange>,
}

/// Tracks the findings of a component against the issues it had.
///
/// `changed` are the lines that count as changed against the target or reference branch, where that matters.
pub(crate) fn follow(
    setting: &Setting<'_>,
    component: &ComponentId,
    file: &IncomingFile,
    raw: Vec<RawIssue>,
    before: &Before,
    changed: Option<&BTreeSet<u32>>,
) -> After {
    let found: Vec<Trackable<'_>> = raw.iter().map(trackable_raw).collect();
    let base: Vec<Trackable<'_>> = before.open.iter().map(trackable).collect();
    let mut matches = tracking::track(
        &found,
        &base,
        LineHashes::from_bytes(&file.short_hashes),
        LineHashes::from_bytes(&before.line_hashes),
    );
    matches.resize(raw.len(), None);
    let mut unmatched: Vec<usize> = (0..raw.len()).filter(|index| matches[*index].is_none()).collect();
    let mut revived: BTreeMap<usize, usize> = BTreeMap::new();
    if !unmatched.is_empty() && !before.closed.is_empty() {
        let rest: Vec<Trackable<'_>> = unmatched.iter().map(|index| trackable_raw(&raw[*index])).collect();
        let closed: Vec<Trackable<'_>> = before.closed.iter().map(trackable).collect();
        for (at, hit) in tracking::track_closed(&rest, &closed).into_iter().enumerate() {
            if let Some(closed) = hit {
                revived.insert(unmatched[at], closed);
            }
        }
        unmatched.retain(|index| !revived.contains_key(index));
    }

    let mut after = After::default();
    let mut kept = vec![false; before.open.len()];
    for (index, raw) in raw.into_iter().enumerate() {
        let on_changed_lines = lies_on(&raw, component, changed);
        if let Some(base) = matches[index] {
            kept[base] = true;
            let old = &before.open[base];
            if before.borrowed {
                let mut copy = renewed(setting, old, raw, on_changed_lines).0;
                // What somebody held for mended on the other branch is found here, so it is open again here.
                if let Some(reopened) = workflow::reopen_found_again(&copy, setting.date) {
                    copy = reopened.issue;
                }
                copy.id = setting.ambient.new_id();
                copy.branch = setting.branch.clone();
                copy.component = component.clone();
                after.inserted.push(copy.clone());
                after.current.push(copy);
            } else {
                take_up(setting, &mut after, old, raw, on_changed_lines);
            }
        } else if let Some(closed) = revived.get(&index) {
            take_up(setting, &mut after, &before.closed[*closed], raw, on_changed_lines);
        } else {
            let issue = new_issue(setting, component, file, raw, on_changed_lines);
            after.inserted.push(issue.clone());
            after.current.push(issue);
        }
    }
    if !before.borrowed {
        let gone = before
            .open
            .iter()
            .zip(kept)
            .filter(|(_, kept)| !kept)
            .map(|(issue, _)| issue);
        close_all(setting, &mut after, gone);
    }
    after
}

/// Closes issues that are no longer found.
pub(crate) fn close_all<'a>(setting: &Setting<'_>, after: &mut After, gone: impl IntoIterator<Item = &'a Issue>) {
    for issue in gone {
        if let Some(Changed { issue, diffs }) = workflow::close(issue, setting.date, Resolution::Fixed) {
            after.changes.push(history(setting, &issue, diffs));
            after.updated.push(issue);
        }
    }
}

/// Which findings of a pull request are its own: those on lines it changed, unless its target has the same and a person
/// resolved it there.
pub(crate) fn own_of_pull_request(
    raw: Vec<RawIssue>,
    component: &ComponentId,
    file: &IncomingFile,
    changed: Option<&BTreeSet<u32>>,
    target_resolved: &[Issue],
    target_hashes: &[u8],
) -> Vec<RawIssue> {
    let mine: Vec<RawIssue> = match changed {
        Some(_) => raw.into_iter().filter(|raw| lies_on(raw, component, changed)).collect(),
        None => raw,
    };
    if target_resolved.is_empty() {
        return mine;
    }
    let found: Vec<Trackable<'_>> = mine.iter().map(trackable_raw).collect();
    let base: Vec<Trackable<'_>> = target_resolved.iter().map(trackable).collect();
    let hits = tracking::track(
        &found,
        &base,
        LineHashes::from_bytes(&file.short_hashes),
        LineHashes::from_bytes(target_hashes),
    );
    let resolved: Vec<bool> = hits.iter().map(Option::is_some).collect();
    mine.into_iter()
        .zip(resolved)
        .filter(|(_, resolved)| !resolved)
        .map(|(raw, _)| raw)
        .collect()
}

fn trackable(issue: &Issue) -> Trackable<'_> {
    Trackable {
        rule: &issue.rule,
        line: issue.line(),
        line_hash: &issue.line_hash,
        message: &issue.message,
        updated_at: issue.updated_at,
    }
}

fn trackable_raw(raw: &RawIssue) -> Trackable<'_> {
    Trackable {
        rule: &raw.rule,
        line: raw.range.map(|range| range.start_line),
        line_hash: &raw.line_hash,
        message: &raw.message,
        updated_at: Timestamp::from_millis(0),
    }
}

/// True when a finding has a place on changed lines of its own file; what `changed` says is about no other file.
fn lies_on(raw: &RawIssue, component: &ComponentId, changed: Option<&BTreeSet<u32>>) -> bool {
    let Some(changed) = changed else { return false };
    let primary = raw.range.into_iter();
    let others = raw
        .flows
        .iter()
        .flat_map(|flow| &flow.locations)
        .filter(|location| location.component == *component)
        .filter_map(|location| location.range);
    primary.chain(others).any(|range| {
        changed
            .range(range.start_line..=range.end_line.max(range.start_line))
            .next()
            .is_some()
    })
}

/// An issue that is found again: what the tool says is new, what people decided stays.
fn take_up(setting: &Setting<'_>, after: &mut After, old: &Issue, raw: RawIssue, on_changed_lines: bool) {
    let (mut issue, mut diffs) = renewed(setting, old, raw, on_changed_lines);
    if let Some(reopened) = workflow::reopen_found_again(&issue, setting.date) {
        issue = reopened.issue;
        diffs.extend(reopened.diffs);
    }
    if issue != *old {
        if !diffs.is_empty() {
            issue.updated_at = setting.date;
            after.changes.push(history(setting, &issue, diffs));
        }
        after.updated.push(issue.clone());
    }
    after.current.push(issue);
}

fn renewed(setting: &Setting<'_>, old: &Issue, raw: RawIssue, on_changed_lines: bool) -> (Issue, Vec<FieldDiff>) {
    let mut issue = old.clone();
    let mut diffs = Vec::new();
    if !issue.manual_severity {
        if issue.severity != raw.severity {
            diffs.push(FieldDiff {
                field: "severity".to_owned(),
                old: Some(issue.severity.to_string()),
                new: Some(raw.severity.to_string()),
            });
        }
        issue.severity = raw.severity;
        issue.impacts = raw.impacts;
    }
    if issue.effort != raw.effort {
        diffs.push(FieldDiff {
            field: "effort".to_owned(),
            old: Some(issue.effort.to_string()),
            new: Some(raw.effort.to_string()),
        });
    }
    issue.message = raw.message;
    issue.range = raw.range;
    issue.line_hash = raw.line_hash;
    issue.effort = raw.effort;
    issue.flows = raw.flows;
    issue.attribute = raw.attribute;
    issue.on_changed_lines = on_changed_lines;
    if !diffs.is_empty() {
        issue.updated_at = setting.date;
    }
    (issue, diffs)
}

fn history(setting: &Setting<'_>, issue: &Issue, diffs: Vec<FieldDiff>) -> IssueChange {
    IssueChange {
        issue: issue.id.clone(),
        user: None,
        at: setting.date,
        diffs,
    }
}

fn new_issue(
    setting: &Setting<'_>,
    component: &ComponentId,
    file: &IncomingFile,
    raw: RawIssue,
    on_changed_lines: bool,
) -> Issue {
    let last = last_change(file, &raw);
    // A finding of an external tool, and every finding of a first analysis, is as old as the code it is about: it was there
    // before anybody looked. A commit of the future is a wrong clock.
    let backdated = setting.first || raw.rule.engine().is_some();
    let created_at = match last {
        Some(change) if backdated => change.date.min(setting.date),
        _ => setting.date,
    };
    // The start of new code counts in whole seconds, and so does what is compared with it: else everything that the
    // analysis of that second found would be newer than itself.
    let created_at = created_at.truncated_to_seconds();
    let author = raw
        .range
        .and_then(|range| file.changes.get(range.start_line as usize - 1))
        .and_then(Option::as_ref)
        .and_then(|change| change.author.clone());
    let status = if raw.kind == IssueType::SecurityHotspot {
        Status::ToReview
    } else {
        Status::Open
    };
    Issue {
        id: setting.ambient.new_id(),
        branch: setting.branch.clone(),
        component: component.clone(),
        rule: raw.rule,
        kind: raw.kind,
        severity: raw.severity,
        manual_severity: false,
        status,
        resolution: None,
        impacts: raw.impacts,
        attribute: raw.attribute,
        message: raw.message,
        range: raw.range,
        line_hash: raw.line_hash,
        effort: raw.effort,
        flows: raw.flows,
        assignee: None,
        author,
        tags: Vec::new(),
        created_at,
        updated_at: setting.date,
        closed_at: None,
        on_changed_lines,
        before_close: None,
    }
}

/// The most recent change among the lines of a finding; the most recent of the file when it has no line. A line that is
/// not committed yet has no change, and then neither has the finding: it is of this moment.
fn last_change<'a>(file: &'a IncomingFile, raw: &RawIssue) -> Option<&'a Change> {
    if file.changes.is_empty() {
        return None;
    }
    let Some(range) = raw.range else {
        return file.changes.iter().flatten().max_by_key(|change| change.date);
    };
    let lines = file
        .changes
        .get(range.start_line as usize - 1..(range.end_line as usize).min(file.changes.len()))?;
    if lines.is_empty() || lines.iter().any(Option::is_none) {
        return None;
    }
    lines.iter().flatten().max_by_key(|change| change.date)
}

#[cfg(test)]
mod tests;
