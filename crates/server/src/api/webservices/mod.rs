//! What the Web API says of itself.

pub(crate) mod list;
