//! Versions.

pub(crate) mod version;
