//! Measures of projects and files.

pub(crate) mod component;
