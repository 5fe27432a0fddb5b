//! What counts as new code.

use gatehook_domain::branch::{Branch, BranchName};
use gatehook_domain::project::Project;
use gatehook_domain::user::{GlobalPermission, ProjectPermission};
use gatehook_store::Tx;

use crate::action::Call;
use crate::error::ApiError;
use crate::lookup;

pub(crate) mod set;
pub(crate) mod show;
pub(crate) mod unset;

/// The project and the branch that the parameters name. `admit` refuses those who may not; it is asked before the branch
/// is looked up, so that they do not learn which branches there are.
fn named(
    tx: &mut Tx<'_>,
    call: &Call,
    admit: impl FnOnce(&mut Tx<'_>, Option<&Project>) -> Result<(), ApiError>,
) -> Result<(Option<Project>, Option<Branch>), ApiError> {
    let params = &call.params;
    let project = params
        .text("project")
        .map(|key| lookup::existing(tx, key))
        .transpose()?;
    admit(tx, project.as_ref())?;
    let branch = match (&project, params.text("branch")) {
        (_, None) => None,
        (None, Some(_)) => {
            return Err(ApiError::bad(
                "If branch key is specified, project key needs to be specified too",
            ));
        }
        (Some(project), Some(name)) => Some(lookup::existing_branch(
            tx,
            project,
            &BranchName::Branch(name.to_owned()),
        )?),
    };
    Ok((project, branch))
}

/// The same, if the caller may change what counts as new there.
fn changeable(tx: &mut Tx<'_>, call: &Call) -> Result<(Option<Project>, Option<Branch>), ApiError> {
    named(tx, call, |tx, project| match project {
        Some(project) => call.caller.require_project(tx, project, ProjectPermission::Admin),
        None => call.caller.require_global(tx, GlobalPermission::Admin),
    })
}
