//! Projects and files.

pub(crate) mod show;
