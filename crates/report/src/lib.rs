//! What comes in: the scanner report, SARIF, generic issues and coverage formats; one format per file.
//!
//! The crate knows formats and nothing else: it reads from any [`std::io::Read`] and hands out plain values. What they mean for a
//! project (which file a path is, which issues are new, what a gate says) is decided by those who use it.
//!
//! * The scanner report: [`proto`] has its messages, [`zip_writer::ReportWriter`] makes one, [`zip_reader::ReportReader`] reads one
//!   from a source that is not trusted.
//! * Output of other tools: [`sarif`] and [`generic_issues`] give [`model::ImportedIssues`]; [`lcov`], [`cobertura`], [`jacoco`] and
//!   [`generic_coverage`] give [`coverage::CoverageReport`].

pub mod cobertura;
pub mod coverage;
pub mod generic_coverage;
pub mod generic_issues;
pub mod import_error;
mod input;
pub mod jacoco;
pub mod lcov;
pub mod limits;
pub mod messages;
pub mod model;
pub mod proto;
pub mod report_error;
pub mod sarif;
mod xml;
mod zip_entry;
pub mod zip_reader;
pub mod zip_writer;

pub use import_error::ImportError;
pub use limits::Limits;
pub use report_error::ReportError;
pub use zip_reader::ReportReader;
pub use zip_writer::{ReportWriteError, ReportWriter};

#[cfg(test)]
mod arbitrary_tests;
#[cfg(test)]
mod example_tests;
#[cfg(test)]
mod zip_tests;
