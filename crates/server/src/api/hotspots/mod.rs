//! Security hotspots: places that a person must look at before they count as safe.

use gatehook_domain::id::IssueId;
use gatehook_domain::issue::{Issue, IssueType};
use gatehook_domain::project::Project;
use gatehook_domain::user::ProjectPermission;
use gatehook_store::{Tx, branch, issue, project};

use crate::action::Call;
use crate::error::ApiError;

pub(crate) mod change_status;
pub(crate) mod search;
pub(crate) mod show;

// Rules of external tools say nothing about these two; SonarQube shows such rules the same way.
const SECURITY_CATEGORY: &str = "others";
const PROBABILITY: &str = "LOW";

/// The hotspot that the parameter `hotspot` names, if the caller may see it.
fn existing(tx: &mut Tx<'_>, call: &Call) -> Result<(Issue, Project), ApiError> {
    let key = call.params.required("hotspot")?;
    let missing = || ApiError::not_found(format!("Hotspot '{key}' does not exist"));
    let id = IssueId::parse(key).map_err(|_| missing())?;
    let found = issue::by_id(tx, &id)?
        .filter(|found| found.kind == IssueType::SecurityHotspot)
        .ok_or_else(missing)?;
    let branch = branch::by_id(tx, &found.branch)?.ok_or_else(missing)?;
    let project = project::by_id(tx, &branch.project)?.ok_or_else(missing)?;
    call.caller.require_project(tx, &project, ProjectPermission::Browse)?;
    Ok((found, project))
}
