//! What the frame of a user interface needs.

pub(crate) mod global;
