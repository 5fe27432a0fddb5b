//! Who may do what.

use gatehook_domain::id::ProjectId;
use gatehook_domain::project::{Project, Visibility};
use gatehook_domain::user::{GlobalPermission, ProjectPermission, User};
use gatehook_store::{Tx, project, user};

use crate::action::Call;
use crate::error::ApiError;
use crate::lookup;

pub(crate) mod add_user;
pub(crate) mod remove_user;

/// What a right is given to or taken from.
struct Grant {
    user: User,
    permission: &'static str,
    project: Option<Project>,
}

/// What the parameters name, if the caller may change it.
fn changeable(tx: &mut Tx<'_>, call: &Call) -> Result<Grant, ApiError> {
    let params = &call.params;
    let project = match (params.text("projectKey"), params.text("projectId")) {
        (Some(_), Some(_)) => {
            return Err(ApiError::bad("Project id or project key can be provided, not both."));
        }
        (Some(key), None) => Some(lookup::existing(tx, key)?),
        (None, Some(id)) => {
            let missing = || ApiError::not_found(format!("Project id '{id}' not found"));
            let id = ProjectId::parse(id).map_err(|_| missing())?;
            Some(project::by_id(tx, &id)?.ok_or_else(missing)?)
        }
        (None, None) => None,
    };
    if !call.caller.has_global(tx, GlobalPermission::Admin)? {
        match &project {
            Some(project) => call.caller.require_project(tx, project, ProjectPermission::Admin)?,
            None => call.caller.require(false)?,
        }
    }
    let word = params.required("permission")?;
    let permission = match &project {
        Some(_) => ProjectPermission::parse(word).map(ProjectPermission::as_str),
        None => GlobalPermission::parse(word).map(GlobalPermission::as_str),
    }
    .map_err(|unknown| {
        ApiError::bad(format!(
            "Value of parameter 'permission' ({word}) must be one of: [{}]",
            unknown.expected
        ))
    })?;
    let implied = ["user", "codeviewer"].contains(&permission);
    if implied
        && project
            .as_ref()
            .is_some_and(|project| project.visibility == Visibility::Public)
    {
        return Err(ApiError::bad(format!(
            "Permission {permission} can't be changed on a public component"
        )));
    }
    let login = params.required("login")?;
    let user = user::by_login(tx, login)?
        .ok_or_else(|| ApiError::not_found(format!("User with login '{login}' is not found")))?;
    Ok(Grant {
        user,
        permission,
        project,
    })
}
