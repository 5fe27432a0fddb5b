//! What goes out: payload, signature, address guard, sender and the delivery engine.
//!
//! [`outbox::record`] writes an event and its deliveries in the transaction of what caused them. The
//! [`engine::Engine`] takes what is due, has the [`sender::Sender`] make one call each, and writes down what came
//! of it. What happens after a call is decided in [`policy`] and nowhere else.

mod breaker;
mod callers;
pub mod cause;
pub mod counters;
mod deliver;
pub mod engine;
pub mod format;
pub mod guard;
mod lanes;
mod ledger;
pub mod names;
pub mod outbox;
pub mod payload;
pub mod ping;
pub mod policy;
pub mod purge;
mod scheduler;
pub mod sender;
pub mod server_url;
pub mod signature;
#[cfg(test)]
mod simulation;
pub mod watch;

pub use engine::{Engine, EngineConfig, EngineHandle, Wake};
pub use guard::{Guard, GuardError};
pub use outbox::record;
pub use payload::{Happened, TaskResult};
pub use sender::{Call, Sender, SenderConfig};
pub use server_url::ServerUrl;
