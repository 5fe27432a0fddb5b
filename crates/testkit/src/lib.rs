//! The harness that tests of several crates use: reports made to order, a receiver that misbehaves on order, a server in
//! process with callers by role, and a clock to move.

pub mod lab;
pub mod receiver;
pub mod report;
