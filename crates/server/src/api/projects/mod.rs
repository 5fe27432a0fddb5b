//! Projects.

use gatehook_domain::branch::{Branch, BranchKind, DEFAULT_MAIN_BRANCH};
use gatehook_domain::key::ProjectKey;
use gatehook_domain::project::{Project, Visibility, kept_name};
use gatehook_domain::setting;
use gatehook_store::{Tx, branch, permission, project};

use crate::error::ApiError;
use crate::settings;

pub(crate) mod create;
pub(crate) mod delete;
pub(crate) mod search;

/// The longest name of a branch, in characters.
pub(crate) const MAX_BRANCH_NAME_LENGTH: usize = 255;

/// What a new project should be like.
pub(crate) struct Wanted<'a> {
    pub(crate) key: &'a str,
    pub(crate) name: &'a str,
    pub(crate) visibility: Option<Visibility>,
    pub(crate) main_branch: Option<&'a str>,
}

/// Makes a project with its main branch, and gives the rights that every new project gives.
pub(crate) fn make(tx: &mut Tx<'_>, wanted: &Wanted<'_>) -> Result<Project, ApiError> {
    let key = ProjectKey::parse(wanted.key).map_err(|error| ApiError::bad(error.to_string()))?;
    if project::by_key(tx, &key)?.is_some() {
        return Err(ApiError::bad(format!(
            "Could not create Project with key: \"{key}\". A similar key already exists: \"{key}\""
        )));
    }
    let visibility = match wanted.visibility {
        Some(visibility) => visibility,
        None => settings::text(tx, setting::DEFAULT_VISIBILITY, None)?
            .and_then(|word| Visibility::parse(&word).ok())
            .unwrap_or(Visibility::Public),
    };
    let main_branch = match wanted.main_branch {
        Some(name) => name.to_owned(),
        None => settings::text(tx, setting::MAIN_BRANCH_NAME, None)?
            .filter(|name| !name.trim().is_empty())
            .unwrap_or_else(|| DEFAULT_MAIN_BRANCH.to_owned()),
    };
    let length = main_branch.chars().count();
    if length > MAX_BRANCH_NAME_LENGTH {
        return Err(ApiError::bad(format!(
            "'mainBranch' length ({length}) is longer than the maximum authorized ({MAX_BRANCH_NAME_LENGTH})"
        )));
    }
    let now = tx.ambient().now();
    let made = Project {
        id: tx.ambient().new_id(),
        key,
        name: kept_name(wanted.name),
        visibility,
        created_at: now,
    };
    project::insert(tx, &made)?;
    let main = Branch {
        id: tx.ambient().new_id(),
        project: made.id.clone(),
        kind: BranchKind::Branch,
        name: main_branch,
        is_main: true,
        source: None,
        target: None,
        title: None,
        created_at: now,
        last_analysis: None,
        revision: 0,
    };
    branch::insert(tx, &main)?;
    permission::apply_template(tx, &made.id)?;
    Ok(made)
}
