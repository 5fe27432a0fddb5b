//! Projects and files.

pub(crate) mod search;
pub(crate) mod show;
