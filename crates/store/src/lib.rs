//! What is kept: every SQL statement, migrations and transactions, on SQLite and PostgreSQL.
//!
//! Work on the store is plain synchronous code in a closure that gets a [`Tx`]:
//! `store.write(|tx| …).await` and `store.read(|tx| …).await`. A closure may run more than once (after a serialization
//! failure on PostgreSQL), so it must have no effect beside the database. It must not call the store again: its thread
//! is the one that would have to answer.

mod config;
mod error;
mod insert;
mod job;
mod key_probe;
mod migrate;
mod postgres;
mod remembered;
mod secret;
mod sql;
mod sqlite;
mod statement;
mod store;
#[doc(hidden)]
pub mod testing;
mod tx;
mod value;
mod vault;

// The repository modules, one per group of tables: every `pub mod` of theirs stands between these two lines.
pub mod analysis;
pub mod branch;
pub mod component;
pub mod delivery;
pub mod gate;
pub mod issue;
pub mod issue_count;
pub mod measure;
pub mod new_code;
pub mod node;
pub mod permission;
pub mod project;
mod rekey;
pub mod rule;
pub mod setting;
pub mod task;
pub mod user;
pub mod webhook;
// (end of the repository modules)

pub use config::{DatabaseUrl, DatabaseUrlError, StoreConfig};
pub use error::{EngineError, OpenError, StoreError};
pub use rekey::rekey;
pub use secret::{SecretKey, SecretKeyError, Unsealable};
pub use statement::Statement;
pub use store::Store;
pub use tx::{Engine, Tx};
pub use value::{Cell, FromValue, HasKind, Kind, Row, ToValue, Value};
