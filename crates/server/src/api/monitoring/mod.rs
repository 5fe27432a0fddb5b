//! Numbers for those who watch over the server.

pub(crate) mod metrics;
