//! Projects and files.

pub(crate) mod search;
pub(crate) mod search_projects;
pub(crate) mod show;
