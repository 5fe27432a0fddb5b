//! What can go wrong.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use crate::secret::Unsealable;

/// Why a transaction did not happen (or, for [`StoreError::CommitUnknown`] and [`StoreError::NotFlushed`], may not have happened).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The database refused a statement.
    #[error("the database refused the statement: {statement}")]
    Database {
        /// The start of the statement's text; never its parameters.
        statement: String,
        /// What the database said.
        source: EngineError,
    },
    /// What is kept cannot be read as what it should be.
    #[error("the database holds something unexpected: {what}")]
    Corrupt {
        /// Where and what; never the value.
        what: String,
    },
    /// The store is closed.
    #[error("the store is closed")]
    Closed,
    /// Others hold what is needed for longer than is waited, or got in the way too often. Trying later may help.
    #[error("the database is busy")]
    Busy {
        /// What the database said.
        source: EngineError,
    },
    /// There is no room left for the database.
    #[error("the disk of the database is full")]
    Full {
        /// What the database said.
        source: EngineError,
    },
    /// The database cannot be reached.
    #[error("the database cannot be reached")]
    Unavailable {
        /// What was seen.
        source: EngineError,
    },
    /// The work was done but could not be committed; nothing of it is kept.
    #[error("the transaction could not be committed")]
    NotCommitted {
        /// What the database said, shared by all that were in the transaction.
        source: Arc<EngineError>,
    },
    /// The connection was lost while the commit was on its way: the work may or may not be kept.
    #[error("the connection was lost during the commit; the change may or may not have been made")]
    CommitUnknown {
        /// What was seen.
        source: EngineError,
    },
    /// The work was done, but could not be brought to the disk: it may or may not be kept. Nothing more is done by this
    /// process.
    #[error(
        "the change may or may not have been made: the database could not be flushed to the disk, start the server anew"
    )]
    NotFlushed {
        /// What was seen, shared by all that waited for it.
        source: Arc<EngineError>,
    },
    /// A closure went on, or returned success, after one of its statements had failed.
    #[error("an earlier statement of the transaction failed")]
    Aborted,
    /// A closure panicked; nothing of its work is kept.
    #[error("a transaction panicked: {message}")]
    Panicked {
        /// The panic's message.
        message: String,
    },
    /// A secret could not be sealed or opened.
    #[error(transparent)]
    Secret(#[from] Unsealable),
}

/// Why the store could not be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// Another process has the SQLite file.
    #[error(
        "{path} is in use by another gatehook; a SQLite database serves one process only, PostgreSQL serves several"
    )]
    InUse {
        /// The database file.
        path: PathBuf,
    },
    /// A file beside the database or the database itself cannot be made or opened.
    #[error("cannot open {path}")]
    File {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// The database cannot be opened or reached.
    #[error("cannot connect to the database {database}")]
    Connect {
        /// The database, without its password.
        database: String,
        /// The cause.
        source: EngineError,
    },
    /// A newer program has used this database.
    #[error(
        "the database has schema version {found}, this gatehook knows versions up to {known}: use the newer gatehook that made it, or a backup"
    )]
    NewerSchema {
        /// The version found.
        found: i64,
        /// The newest version known.
        known: i64,
    },
    /// The database was sealed with another key.
    #[error(
        "the secrets in the database were sealed with another key: give the server the key that it had (the file secret.key \
         of its data folder, or GATEHOOK_SECRET_KEY); nodes on one PostgreSQL need the same; if a change of the key was \
         interrupted, `gatehook rotate-key` ends it"
    )]
    WrongKey,
    /// The key could not be compared with the database.
    #[error("the key cannot be compared with the one the database was sealed with")]
    Probe(#[source] StoreError),
    /// A migration that was applied is not the one this program carries.
    #[error("migration {version} ({name}) was applied with other contents than this gatehook carries")]
    ChangedMigration {
        /// The migration's number.
        version: i64,
        /// The migration's name.
        name: String,
    },
    /// A migration failed; the database is as it was.
    #[error("migration {version} ({name}) failed")]
    Migration {
        /// The migration's number.
        version: i64,
        /// The migration's name.
        name: &'static str,
        /// The cause.
        source: EngineError,
    },
    /// The database refused something else.
    #[error("the database could not be prepared")]
    Database {
        /// The cause.
        source: EngineError,
    },
    /// TLS could not be set up.
    #[error("cannot set up TLS for the database connection: {reason}")]
    Tls {
        /// The cause.
        reason: String,
    },
    /// A thread could not be started.
    #[error("cannot start a thread")]
    Thread(#[source] std::io::Error),
    /// Opening was given up: the runtime is shutting down.
    #[error("opening the database was interrupted")]
    Interrupted,
}

/// What a database said: its code and its message. Details that repeat values of a row are left out on purpose, they
/// could hold secrets.
#[derive(Debug)]
pub struct EngineError {
    code: Option<String>,
    message: String,
}

impl EngineError {
    pub(crate) fn new(code: Option<String>, message: String) -> Self {
        Self { code, message }
    }

    /// The database's code for it: a SQLSTATE, or SQLite's extended result code.
    pub fn code(&self) -> Option<&str> {
        self.code.as_deref()
    }
}

impl fmt::Display for EngineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.code {
            Some(code) => write!(f, "{} ({code})", self.message),
            None => f.write_str(&self.message),
        }
    }
}

impl std::error::Error for EngineError {}

/// How much of a statement's text an error repeats.
const STATEMENT_SHOWN: usize = 200;

/// The start of a statement, on one line, for an error.
pub(crate) fn shown(sql: &str) -> String {
    let mut text = String::with_capacity(STATEMENT_SHOWN);
    for word in sql.split_whitespace() {
        if !text.is_empty() {
            text.push(' ');
        }
        text.extend(word.chars().take(STATEMENT_SHOWN));
        if text.len() >= STATEMENT_SHOWN {
            text.push('…');
            break;
        }
    }
    text
}
