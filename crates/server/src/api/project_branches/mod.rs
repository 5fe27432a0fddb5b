//! Branches of projects.

pub(crate) mod list;
