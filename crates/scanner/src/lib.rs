//! The client side: reads properties, walks files, imports tool output, builds and submits the report, waits for the gate.
//!
//! The binary parses flags, fills a [`Properties`] and calls [`scan()`]; everything it shows comes through a [`Progress`]. Property names
//! are the official ones, so that a project's configuration works unchanged.
//!
//! ```no_run
//! # async fn example(ambient: gatehook_domain::Ambient) -> Result<(), Box<dyn std::error::Error>> {
//! use std::sync::Arc;
//! use gatehook_scanner::{Environment, Properties, Quiet, ScanOptions, scan};
//!
//! let environment = Environment::of_process();
//! let properties = Properties::load(".".as_ref(), &["sonar.projectKey=shop"], &environment)?;
//! let outcome = scan(ScanOptions::new(".", properties, environment, ambient, Arc::new(Quiet))).await?;
//! std::process::exit(outcome.exit_code().into());
//! # }
//! ```

mod build;
mod build_file;
pub mod ci;
mod client;
pub mod config;
mod convert;
pub mod files;
mod find_reports;
pub mod import;
pub mod java_properties;
pub mod languages;
mod line_map;
pub mod lines;
mod notes;
pub mod paths;
pub mod patterns;
mod prepare;
pub mod progress;
pub mod properties;
pub mod scan;
#[cfg(test)]
mod scan_tests;
pub mod scm;
mod sniff;
mod submit;
#[cfg(test)]
mod submit_tests;
mod syntax;
pub mod text;

pub use build::{BuildError, Totals};
pub use client::ClientError;
pub use config::{Config, ConfigError, Target};
pub use import::{GENERIC_ISSUES_PROPERTY, ImportFailure, ReportCount, SARIF_PROPERTY};
pub use prepare::{Prepared, prepare};
pub use progress::{Level, Phase, Progress, Quiet};
pub use properties::{Environment, Properties, PropertiesError};
pub use scan::{EXIT_FAILED, EXIT_GATE_FAILED, EXIT_OK, ScanError, ScanOptions, ScanOutcome, scan};
pub use sniff::sniff_coverage;
pub use submit::{FailedCondition, GateResult, SubmitError, Submitted};
