//! Measures of projects and files.

pub(crate) mod component;
pub(crate) mod search_history;
