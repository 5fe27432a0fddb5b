//! The messages of a scanner report, declared here so that no protobuf compiler is needed to build.
//!
//! Field numbers are those of the official scanners; fields and messages nobody here reads are left out (protobuf skips unknown
//! fields). Enums travel as `i32`: use `Severity::try_from(value)` for a value that may be unknown.

pub mod ce;
mod code;
mod issue;
mod metadata;

pub use code::*;
pub use issue::*;
pub use metadata::*;
