//! Why a scanner report was refused.

use std::io;

use crate::zip_entry::{GateState, Passed};

/// Why a report was refused. Except for [`ReportError::Source`] it is the report's fault, and trying again does not help.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReportError {
    /// Not an archive at all, or one whose directory is unreadable.
    #[error("the report is not a zip archive: {reason}")]
    NotAnArchive {
        /// Why not.
        reason: String,
    },
    /// The archive has more entries than is sensible.
    #[error("the report has more than {limit} entries, the limit")]
    TooManyEntries {
        /// The limit.
        limit: usize,
    },
    /// An entry that must be there is not.
    #[error("{entry} is missing: {reason}")]
    Missing {
        /// The entry.
        entry: String,
        /// What needs it.
        reason: &'static str,
    },
    /// The compressed data of an entry is broken.
    #[error("{entry} is damaged: {source}")]
    Damaged {
        /// The entry.
        entry: String,
        /// What the decompressor says.
        #[source]
        source: io::Error,
    },
    /// An entry holds something other than what its name says.
    #[error("{entry} is not a valid {message} message: {reason}")]
    NotAMessage {
        /// The entry.
        entry: String,
        /// The kind of message expected.
        message: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// A message is larger than is sensible.
    #[error("{entry} has a message of more than {} MiB, the limit for one message", limit / (1024 * 1024))]
    MessageTooLarge {
        /// The entry.
        entry: String,
        /// The limit in bytes.
        limit: usize,
    },
    /// A stream has more messages than is sensible.
    #[error("{entry} has more than {limit} messages, the limit for one entry")]
    TooManyMessages {
        /// The entry.
        entry: String,
        /// The limit.
        limit: usize,
    },
    /// An entry is too large.
    #[error("{entry} expands to more than {} MiB, the limit for one entry", limit / (1024 * 1024))]
    EntryTooLarge {
        /// The entry.
        entry: String,
        /// The limit in bytes.
        limit: u64,
    },
    /// The entries are too large together.
    #[error("the report expands to more than {} MiB, the limit; it was stopped at {entry}", limit / (1024 * 1024))]
    ReportTooLarge {
        /// The entry that passed the limit.
        entry: String,
        /// The limit in bytes.
        limit: u64,
    },
    /// An entry expands like a zip bomb.
    #[error("{entry} expands to more than {limit} times its compressed size, the limit")]
    Bomb {
        /// The entry.
        entry: String,
        /// The limit.
        limit: u64,
    },
    /// The components are not a tree.
    #[error("the tree of components is broken: {reason}")]
    Tree {
        /// How.
        reason: String,
    },
    /// The place the report is kept in failed: not the report's fault.
    #[error("the report cannot be read: {0}")]
    Source(#[source] io::Error),
}

impl ReportError {
    /// Whether the report itself is at fault, so that trying again cannot help.
    pub const fn is_permanent(&self) -> bool {
        !matches!(self, Self::Source(_))
    }
}

/// The error of a read of an entry.
pub(crate) fn entry_error(name: &str, error: io::Error, gate: &GateState) -> ReportError {
    let entry = name.to_owned();
    match Passed::of(&error) {
        Some(Passed::Entry(limit)) => ReportError::EntryTooLarge { entry, limit },
        Some(Passed::Total(limit)) => ReportError::ReportTooLarge { entry, limit },
        Some(Passed::Ratio(limit)) => ReportError::Bomb { entry, limit },
        None if gate.source_failed() => ReportError::Source(error),
        None => ReportError::Damaged { entry, source: error },
    }
}
