//! The server itself.

pub(crate) mod health;
pub(crate) mod ping;
pub(crate) mod status;
