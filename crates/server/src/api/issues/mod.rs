//! Issues.

use std::collections::BTreeMap;

use gatehook_analysis::live::{LiveError, change_issue};
use gatehook_domain::id::{IssueId, ProjectId};
use gatehook_domain::issue::Issue;
use gatehook_domain::project::Project;
use gatehook_domain::user::ProjectPermission;
use gatehook_domain::workflow::{self, Change};
use gatehook_store::{StoreError, Tx, branch, issue, project, rule};
use serde::Serialize;

use crate::action::{Answer, Call};
use crate::error::ApiError;

pub(crate) mod do_transition;
pub(crate) mod search;
pub(crate) mod set_severity;
pub(crate) mod set_type;
pub(crate) mod shape;

use self::shape::{ComponentShape, Context, IssueShape, RuleShape, UserShape, users};

/// An issue after a change, with all that it names.
#[derive(Serialize)]
struct Changed {
    issue: IssueShape,
    components: Vec<ComponentShape>,
    rules: Vec<RuleShape>,
    users: Vec<UserShape>,
}

/// The issue of this key; 404 when there is none, or when the caller may not see its project.
fn existing(tx: &mut Tx<'_>, call: &Call, key: &str) -> Result<(Issue, Project), ApiError> {
    let missing = || ApiError::not_found(format!("Issue with key '{key}' does not exist"));
    let id = IssueId::parse(key).map_err(|_| missing())?;
    let found = issue::by_id(tx, &id)?.ok_or_else(missing)?;
    let branch = branch::by_id(tx, &found.branch)?.ok_or_else(missing)?;
    let project = project::by_id(tx, &branch.project)?.ok_or_else(missing)?;
    call.caller.require_project(tx, &project, ProjectPermission::Browse)?;
    Ok((found, project))
}

/// Changes an issue, judges its branch anew, and shows it as it is then.
fn changed(tx: &mut Tx<'_>, call: &Call, change: Change, right: Option<ProjectPermission>) -> Result<Answer, ApiError> {
    let user = call.caller.require_login()?;
    let (found, project) = existing(tx, call, call.params.required("issue")?)?;
    if let Some(right) = right {
        call.caller.require_project(tx, &project, right)?;
    }
    let done = change_issue(tx, &call.state.config.server_url, &found.id, change, &user.login).map_err(refused)?;
    let context = Context::of(tx, std::slice::from_ref(&done.issue))?;
    let rules = rule::by_keys(tx, std::slice::from_ref(&done.issue.rule))?;
    let logins: Vec<String> = done.issue.assignee.iter().cloned().collect();
    let transitions = transitions(tx, call, &done.issue, &project, &mut Rights::default())?;
    let shape = IssueShape::of(&context, &done.issue, true)?.with_transitions(transitions);
    let answer = Answer::json(&Changed {
        issue: shape,
        components: context.components(),
        rules: rules.iter().map(RuleShape::of).collect(),
        users: users(tx, &logins)?,
    })?;
    Ok(answer.waking_deliveries(done.event.is_some()))
}

/// The rights of a caller that were looked up already.
#[derive(Debug, Default)]
struct Rights(BTreeMap<(ProjectId, ProjectPermission), bool>);

impl Rights {
    fn has(
        &mut self,
        tx: &mut Tx<'_>,
        call: &Call,
        project: &Project,
        right: ProjectPermission,
    ) -> Result<bool, StoreError> {
        if let Some(has) = self.0.get(&(project.id.clone(), right)) {
            return Ok(*has);
        }
        let has = call.caller.has_project(tx, project, right)?;
        self.0.insert((project.id.clone(), right), has);
        Ok(has)
    }
}

/// The transitions that the caller may make with an issue.
fn transitions(
    tx: &mut Tx<'_>,
    call: &Call,
    issue: &Issue,
    project: &Project,
    rights: &mut Rights,
) -> Result<Vec<&'static str>, StoreError> {
    if call.caller.user.is_none() {
        return Ok(Vec::new());
    }
    let mut words = Vec::new();
    for transition in workflow::available(issue) {
        let may = match workflow::permission_of(transition) {
            Some(right) => rights.has(tx, call, project, right)?,
            None => true,
        };
        if may {
            words.push(transition.as_str());
        }
    }
    Ok(words)
}

fn refused(error: LiveError) -> ApiError {
    match error {
        LiveError::NoSuchIssue(_) => ApiError::NotFound(error.to_string()),
        LiveError::Workflow(error) => ApiError::bad(error.to_string()),
        LiveError::Store(error) => error.into(),
    }
}
