//! Logging in.

pub(crate) mod validate;
