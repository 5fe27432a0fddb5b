//! The language of quality gates: values and pure functions, no I/O, no async, no clock.
//!
//! A verdict is decided here and nowhere else. The other rooms of the house bring the values (from a report, from
//! the store, from a request) and carry the answers away.

pub mod ambient;
pub mod analysis;
pub mod branch;
pub mod component;
pub mod gate;
pub mod id;
pub mod issue;
pub mod key;
pub mod measure;
pub mod metric;
pub mod new_code;
pub mod project;
pub mod rule;
pub mod setting;
pub mod size;
pub mod tally;
pub mod task;
pub mod time;
pub mod tracking;
pub mod user;
pub mod webhook;
pub mod words;
pub mod workflow;

pub use ambient::{Ambient, Clock, Entropy};
pub use time::Timestamp;
