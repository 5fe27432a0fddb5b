//! Settings.

use gatehook_domain::project::Project;
use gatehook_domain::user::{GlobalPermission, ProjectPermission};
use gatehook_store::Tx;

use crate::action::Call;
use crate::error::ApiError;
use crate::lookup;

pub(crate) mod list_definitions;
pub(crate) mod reset;
pub(crate) mod set;
pub(crate) mod values;

/// The longest key of a setting, in characters.
const MAX_KEY_LENGTH: usize = 255;

/// The project of the parameter `component`, if the caller may change its settings; none for the system's, if the
/// caller may change those.
fn changeable(tx: &mut Tx<'_>, call: &Call) -> Result<Option<Project>, ApiError> {
    if let Some(key) = call.params.text("component") {
        let project = lookup::existing_component(tx, key)?;
        call.caller.require_project(tx, &project, ProjectPermission::Admin)?;
        Ok(Some(project))
    } else {
        call.caller.require_global(tx, GlobalPermission::Admin)?;
        Ok(None)
    }
}
