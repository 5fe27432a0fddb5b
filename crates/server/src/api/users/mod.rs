//! Users.

pub(crate) mod create;
