//! Issues.

use std::collections::BTreeMap;
use std::sync::Arc;

use gatehook_analysis::live::{ChangedIssue, LiveError, change_placed};
use gatehook_domain::id::{IssueId, ProjectId};
use gatehook_domain::issue::Issue;
use gatehook_domain::project::Project;
use gatehook_domain::user::ProjectPermission;
use gatehook_domain::workflow::{self, Change};
use gatehook_store::issue::PlacedIssue;
use gatehook_store::{StoreError, Tx, issue, rule};
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
fn existing(tx: &mut Tx<'_>, call: &Call, key: &str) -> Result<PlacedIssue, ApiError> {
    let missing = || ApiError::not_found(format!("Issue with key '{key}' does not exist"));
    let id = IssueId::parse(key).map_err(|_| missing())?;
    let found = issue::placed(tx, &id)?.ok_or_else(missing)?;
    call.caller
        .require_project(tx, &found.project, ProjectPermission::Browse)?;
    Ok(found)
}

/// Changes an issue, judges its branch anew, and shows it as it is then.
///
/// What the answer names is read in the same transaction: those who change issues wait for one thread on SQLite, but it
/// has at hand what it has just changed, and all others would have to read it anew. The answer is put together after the
/// commit, on the caller's side.
async fn changed(call: Arc<Call>, change: Change, right: Option<ProjectPermission>) -> Result<Answer, ApiError> {
    let login = call.caller.require_login()?.login.clone();
    let store = call.state.store.clone();
    let scene = store.write(move |tx| {
        let mut rights = Rights::default();
        let found = existing(tx, &call, call.params.required("issue")?)?;
        if let Some(right) = right {
            let has = rights.has(tx, &call, &found.project, right)?;
            call.caller.require(has)?;
        }
        let done = change_placed(tx, &call.state.config.server_url, &found, change, &login).map_err(refused)?;
        Scene::of(tx, &call, &mut rights, found, done)
    });
    scene.await?.answer()
}

/// A changed issue, and what is shown beside it.
struct Scene {
    done: ChangedIssue,
    context: Context,
    rules: Vec<RuleShape>,
    users: Vec<UserShape>,
    transitions: Vec<&'static str>,
}

impl Scene {
    fn of(
        tx: &mut Tx<'_>,
        call: &Call,
        rights: &mut Rights,
        found: PlacedIssue,
        done: ChangedIssue,
    ) -> Result<Self, ApiError> {
        let rule = rule::by_key(tx, &done.issue.rule)?;
        let logins: Vec<String> = done.issue.assignee.iter().cloned().collect();
        Ok(Self {
            transitions: transitions(tx, call, &done.issue, &found.project, rights)?,
            rules: rule.iter().map(RuleShape::of).collect(),
            users: users(tx, &logins)?,
            context: Context::of_placed(tx, found)?,
            done,
        })
    }

    fn answer(self) -> Result<Answer, ApiError> {
        let issue = IssueShape::of(&self.context, &self.done.issue, true)?;
        let answer = Answer::json(&Changed {
            issue: issue.with_transitions(self.transitions),
            components: self.context.components(),
            rules: self.rules,
            users: self.users,
        })?;
        Ok(answer.waking_deliveries(self.done.event.is_some()))
    }
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
