//! Finding what a request names.

use gatehook_domain::branch::{Branch, BranchKind, BranchName};
use gatehook_domain::component::Component;
use gatehook_domain::key::ProjectKey;
use gatehook_domain::project::Project;
use gatehook_store::{StoreError, Tx, branch, component, project};

use crate::error::ApiError;
use crate::params::Params;

/// How many colons of a component's key are tried as the one between project and path.
const COLONS_TRIED: usize = 20;

/// A project, one of its branches, and perhaps a file in it.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) project: Project,
    pub(crate) branch: Branch,
    pub(crate) file: Option<Component>,
}

impl Place {
    /// The key of the file, or of the project.
    pub(crate) fn key(&self) -> String {
        match &self.file {
            Some(file) => file_key(&self.project, file),
            None => self.project.key.as_str().to_owned(),
        }
    }
}

/// A file's key.
pub(crate) fn file_key(project: &Project, file: &Component) -> String {
    if file.path.is_empty() {
        project.key.as_str().to_owned()
    } else {
        format!("{}:{}", project.key, file.path)
    }
}

/// The project of this key.
pub(crate) fn by_key(tx: &mut Tx<'_>, key: &str) -> Result<Option<Project>, StoreError> {
    match ProjectKey::parse(key) {
        Ok(key) => project::by_key(tx, &key),
        Err(_) => Ok(None),
    }
}

/// The project of this key; 404 `Project 'x' not found`.
pub(crate) fn existing(tx: &mut Tx<'_>, key: &str) -> Result<Project, ApiError> {
    by_key(tx, key)?.ok_or_else(|| ApiError::no_project(key))
}

/// The project of this key; 404 `Component key 'x' not found`.
pub(crate) fn existing_component(tx: &mut Tx<'_>, key: &str) -> Result<Project, ApiError> {
    by_key(tx, key)?.ok_or_else(|| no_component(key))
}

/// The project a component's key begins with, and the path that follows; an empty path for the project itself.
pub(crate) fn project_and_path<'a>(tx: &mut Tx<'_>, key: &'a str) -> Result<Option<(Project, &'a str)>, StoreError> {
    if let Some(found) = by_key(tx, key)? {
        return Ok(Some((found, "")));
    }
    // Keys of projects may hold colons too, so the longest one that exists is meant.
    for (colon, _) in key.rmatch_indices(':').take(COLONS_TRIED) {
        if let Some(found) = by_key(tx, &key[..colon])? {
            return Ok(Some((found, &key[colon + 1..])));
        }
    }
    Ok(None)
}

/// The branch that the parameters `branch` and `pullRequest` name; the main one when they name none.
pub(crate) fn branch_name(params: &Params) -> Result<BranchName, ApiError> {
    match (params.text("branch"), params.text("pullRequest")) {
        (Some(_), Some(_)) => Err(ApiError::bad("Either branch or pull request can be provided, not both")),
        (Some(name), None) => Ok(BranchName::Branch(name.to_owned())),
        (None, Some(key)) => Ok(BranchName::PullRequest(key.to_owned())),
        (None, None) => Ok(BranchName::Main),
    }
}

/// The branch of a project; 404 when it has none of this name.
pub(crate) fn existing_branch(tx: &mut Tx<'_>, project: &Project, name: &BranchName) -> Result<Branch, ApiError> {
    branch::by_name(tx, &project.id, name)?.ok_or_else(|| {
        ApiError::not_found(match name {
            BranchName::Main => format!("Component key '{}' not found", project.key),
            BranchName::Branch(name) => format!("Component '{}' on branch '{name}' not found", project.key),
            BranchName::PullRequest(key) => format!("Component '{}' on pull request '{key}' not found", project.key),
        })
    })
}

/// What a component's key names, on the branch that the parameters name. `admit` refuses those who may not see the
/// project; it is asked first, so that they do not learn which branches and files there are.
pub(crate) fn place(
    tx: &mut Tx<'_>,
    key: &str,
    params: &Params,
    admit: impl FnOnce(&mut Tx<'_>, &Project) -> Result<(), ApiError>,
) -> Result<Place, ApiError> {
    let name = branch_name(params)?;
    let Some((project, path)) = project_and_path(tx, key)? else {
        return Err(no_component(key));
    };
    admit(tx, &project)?;
    let branch = existing_branch(tx, &project, &name)?;
    let file = if path.is_empty() {
        None
    } else {
        Some(component::by_path(tx, &branch.id, path)?.ok_or_else(|| no_component(key))?)
    };
    Ok(Place { project, branch, file })
}

/// What `branch` or `pullRequest` say in an answer: nothing for the main branch.
pub(crate) fn branch_words(branch: &Branch) -> (Option<String>, Option<String>) {
    match branch.kind {
        _ if branch.is_main => (None, None),
        BranchKind::Branch => (Some(branch.name.clone()), None),
        BranchKind::PullRequest => (None, Some(branch.name.clone())),
    }
}

/// 404 for a component.
pub(crate) fn no_component(key: &str) -> ApiError {
    ApiError::not_found(format!("Component key '{key}' not found"))
}
