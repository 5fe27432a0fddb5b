//! The harness that tests of several crates use: reports made to order, a receiver that misbehaves on order, authorities and
//! their certificates, a project in a store of its own with a clock to move, and the search for secrets in what servers say.

pub mod authority;
pub mod hook;
pub mod lab;
pub mod receiver;
pub mod report;
pub mod secrets;
