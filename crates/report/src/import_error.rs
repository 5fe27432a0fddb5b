//! Why the output of another tool could not be read.

use std::io;

/// An error in a report of another tool. The text says where and what; the name of the file is added by who opened it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImportError {
    /// The source could not be read.
    #[error("it cannot be read: {0}")]
    Read(#[source] io::Error),
    /// The source is larger than the importer accepts.
    #[error("it is larger than {} MiB, the limit for one report", limit / (1024 * 1024))]
    TooLarge {
        /// The limit in bytes.
        limit: u64,
    },
    /// The source is not JSON, or not of the expected shape.
    #[error("line {line}, column {column}: {reason}")]
    Json {
        /// Line, from 1.
        line: usize,
        /// Column, from 1; 0 when the line ended too early.
        column: usize,
        /// What is wrong there.
        reason: String,
    },
    /// The source is not XML, or not of the expected shape.
    #[error("line {line}, column {column}: {reason}")]
    Xml {
        /// Line, from 1.
        line: u64,
        /// Column in bytes, from 1.
        column: u64,
        /// What is wrong there.
        reason: String,
    },
    /// A line of a format made of lines is wrong.
    #[error("line {line}: {reason}")]
    Line {
        /// Line, from 1.
        line: u64,
        /// What is wrong there.
        reason: String,
    },
    /// The report is well formed, but breaks a rule of its format.
    #[error("{0}")]
    Invalid(String),
}
