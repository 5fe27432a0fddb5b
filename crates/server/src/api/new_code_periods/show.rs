//! `api/new_code_periods/show`.

use gatehook_domain::analysis::NewCodeDefinition;
use gatehook_domain::user::ProjectPermission;
use gatehook_store::{Tx, new_code};
use serde::Serialize;

use crate::action::{Action, Answer, Call, Run};
use crate::api::new_code_periods::named;
use crate::error::ApiError;
use crate::params::Param;

pub(crate) const ACTION: Action = Action::get(
    "api/new_code_periods/show",
    "8.0",
    "What counts as new code for everything, a project or a branch.",
    Run::Read(run),
)
.permission("Browse or Execute Analysis on the project")
.params(&[
    Param::text("branch", "The name of a branch"),
    Param::text("project", "The key of a project; none for all projects"),
]);

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Shown {
    #[serde(skip_serializing_if = "Option::is_none")]
    project_key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    branch_key: Option<String>,
    #[serde(rename = "type")]
    mode: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<String>,
    inherited: bool,
}

fn run(tx: &mut Tx<'_>, call: &Call) -> Result<Answer, ApiError> {
    let (project, branch) = named(tx, call, |tx, project| {
        let Some(project) = project else { return Ok(()) };
        let may = call.caller.has_project(tx, project, ProjectPermission::Browse)?
            || call.caller.may_scan(tx, project)?
            || call.caller.has_project(tx, project, ProjectPermission::Admin)?;
        call.caller.require(may)
    })?;
    let project_id = project.as_ref().map(|project| &project.id);
    let branch_id = branch.as_ref().map(|branch| &branch.id);
    let own = new_code::get(tx, project_id, branch_id)?;
    // What holds for everything is inherited from nowhere; exporters leave out what is inherited.
    let inherited = own.is_none() && project.is_some();
    let definition = match (own, project_id, branch_id) {
        (Some(definition), _, _) => definition,
        (None, Some(project), Some(branch)) => new_code::effective(tx, project, branch)?,
        (None, Some(project), None) => new_code::effective_of_project(tx, project)?,
        (None, None, _) => NewCodeDefinition::DEFAULT,
    };
    Answer::json(&Shown {
        project_key: project.map(|project| project.key.into()),
        branch_key: branch.map(|branch| branch.name),
        mode: definition.mode.as_str(),
        value: definition.value,
        inherited,
    })
}
