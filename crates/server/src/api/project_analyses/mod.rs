//! The analyses of projects.

pub(crate) mod search;
