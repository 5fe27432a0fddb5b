//! What the frame of a user interface needs.

pub(crate) mod component;
pub(crate) mod global;
