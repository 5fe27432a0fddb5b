//! Notices which rows the connection that writes changes, so that what seldom changes need not be looked up each time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use rusqlite::Connection;

use crate::remembered;

/// The tables that say who somebody is.
const CREDENTIALS: [&str; 2] = ["user_account", "user_token"];

/// What was changed.
#[derive(Default)]
pub(crate) struct Changes {
    /// Whether the transaction that runs has changed users or tokens.
    credentials: AtomicBool,
    /// Which state of the users and tokens this is.
    credentials_revision: AtomicU64,
    /// Whether the transaction that runs has changed what is remembered.
    lookups: AtomicBool,
}

impl Changes {
    /// Watches the connection that writes. SQLite tells of every row, also of those that go along with others; only a
    /// `DELETE` of a whole table that nothing refers to would not be told, nor a row that another one replaces, and there
    /// is neither.
    pub(super) fn watch(self: &Arc<Self>, writer: &mut Connection) -> rusqlite::Result<()> {
        let changes = Arc::clone(self);
        writer.update_hook(Some(move |_, _: &str, table: &str, _| {
            if CREDENTIALS.contains(&table) {
                changes.credentials.store(true, Ordering::Relaxed);
            }
            if remembered::TABLES.contains(&table) {
                changes.lookups.store(true, Ordering::Relaxed);
            }
        }))
    }

    /// A transaction has ended, well or not, and nobody was told yet. Says whether it changed what is remembered.
    pub(super) fn settle(&self) -> bool {
        if self.credentials.swap(false, Ordering::Relaxed) {
            self.credentials_revision.fetch_add(1, Ordering::Release);
        }
        self.lookups.swap(false, Ordering::Relaxed)
    }

    /// Whether the transaction that runs has changed what is remembered.
    pub(crate) fn touch_lookups(&self) -> bool {
        self.lookups.load(Ordering::Relaxed)
    }

    /// Grows with every change of users and tokens, by the time the change is answered.
    pub(crate) fn credentials_revision(&self) -> u64 {
        self.credentials_revision.load(Ordering::Acquire)
    }
}
