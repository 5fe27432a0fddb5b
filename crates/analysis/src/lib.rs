//! Background work and its live counterpart: a report becomes tracked issues, measures, a verdict and an event; and a
//! person's change of an issue becomes a new verdict at once.
//!
//! * [`submit`] takes a report in: it is kept in the same transaction as its task.
//! * [`worker`] claims tasks under a lease and runs the [`pipeline`], which works outside any transaction, spills what it
//!   found out to a file, and commits all of it in one transaction.
//! * [`live`] changes one issue and judges the branch again, in the caller's transaction.

mod commit;
mod error;
mod findings;
mod incoming;
mod issues;
mod judge;
pub mod live;
mod pipeline;
mod plan;
mod rules;
mod spill;
pub mod submit;
mod work;
pub mod worker;

pub use error::AnalysisError;
