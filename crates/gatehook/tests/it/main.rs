//! Black-box tests: the program as a process, real sockets, real files.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot be set up has failed"
)]

mod broken_input;
mod commands;
mod durability;
mod harness;
mod links;
mod listener;
mod listening;
mod misbehaving;
mod receivers;
mod scanning;
mod secrets;
mod several_nodes;
mod start_and_stop;
mod story;
mod survival;
mod trust;
