//! Background tasks.

use std::collections::BTreeMap;

use gatehook_domain::branch::BranchName;
use gatehook_domain::id::ProjectId;
use gatehook_domain::project::Project;
use gatehook_domain::task::Task;
use gatehook_store::{StoreError, Tx, project};
use serde::Serialize;

use crate::shapes::Date;

pub(crate) mod activity;
pub(crate) mod component;
pub(crate) mod submit;
pub(crate) mod task;

/// A task as every action shows it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct TaskShape {
    id: String,
    #[serde(rename = "type")]
    kind: &'static str,
    component_id: String,
    component_key: String,
    component_name: String,
    component_qualifier: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    analysis_id: Option<String>,
    status: &'static str,
    submitted_at: Date,
    #[serde(skip_serializing_if = "Option::is_none")]
    submitter_login: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    started_at: Option<Date>,
    #[serde(skip_serializing_if = "Option::is_none")]
    executed_at: Option<Date>,
    #[serde(skip_serializing_if = "Option::is_none")]
    execution_time_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_message: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_type: Option<String>,
    has_scanner_context: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    branch: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    branch_type: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pull_request: Option<String>,
    warning_count: usize,
    warnings: Vec<String>,
    info_messages: [&'static str; 0],
}

impl TaskShape {
    fn of(task: Task, project: &Project) -> Self {
        let (branch, branch_type, pull_request) = match task.branch {
            BranchName::Main => (None, None, None),
            BranchName::Branch(name) => (Some(name), Some("BRANCH"), None),
            BranchName::PullRequest(key) => (None, None, Some(key)),
        };
        let execution_time = task.started_at.zip(task.executed_at).map(|(from, to)| to.since(from));
        Self {
            id: task.id.into(),
            kind: "REPORT",
            component_id: project.id.as_str().to_owned(),
            component_key: project.key.as_str().to_owned(),
            component_name: project.name.clone(),
            component_qualifier: "TRK",
            analysis_id: task.analysis.map(String::from),
            status: task.status.as_str(),
            submitted_at: Date(task.submitted_at),
            submitter_login: task.submitter,
            started_at: task.started_at.map(Date),
            executed_at: task.executed_at.map(Date),
            execution_time_ms: execution_time.map(|time| u64::try_from(time.as_millis()).unwrap_or(u64::MAX)),
            error_message: task.error,
            error_type: task.error_type,
            has_scanner_context: false,
            branch,
            branch_type,
            pull_request,
            warning_count: task.warnings.len(),
            warnings: task.warnings,
            info_messages: [],
        }
    }
}

/// Tasks as they are shown, with the projects they are about.
fn shaped(tx: &mut Tx<'_>, tasks: Vec<Task>) -> Result<Vec<TaskShape>, StoreError> {
    let mut projects: BTreeMap<ProjectId, Project> = BTreeMap::new();
    let mut shapes = Vec::with_capacity(tasks.len());
    for task in tasks {
        if !projects.contains_key(&task.project) {
            let found = project::by_id(tx, &task.project)?.ok_or_else(|| StoreError::Corrupt {
                what: "a task without its project".to_owned(),
            })?;
            projects.insert(task.project.clone(), found);
        }
        if let Some(project) = projects.get(&task.project) {
            shapes.push(TaskShape::of(task, project));
        }
    }
    Ok(shapes)
}
