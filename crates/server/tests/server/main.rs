//! The server over HTTP, as its clients see it.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod access;
mod actions;
mod calls;
mod clients;
mod hooks;
mod hostile;
mod issues;
mod recovery;
mod support;
mod webhooks;
