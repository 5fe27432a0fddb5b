//! Notices when users or their tokens change, so that who was found to be somebody need not be looked up for every call.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use rusqlite::Connection;

/// The tables that say who somebody is.
const TABLES: [&str; 2] = ["user_account", "user_token"];

/// Which state of the users and tokens this is.
#[derive(Default)]
pub(crate) struct Credentials {
    /// Whether the transaction that runs has changed a row.
    touched: AtomicBool,
    revision: AtomicU64,
}

impl Credentials {
    /// Watches the connection that writes. SQLite tells of every row, also of those that go along with others; only a
    /// `DELETE` of a whole table would not be told, and there is none.
    pub(super) fn watch(self: &Arc<Self>, writer: &mut Connection) -> rusqlite::Result<()> {
        let credentials = Arc::clone(self);
        writer.update_hook(Some(move |_, _: &str, table: &str, _| {
            if TABLES.contains(&table) {
                credentials.touched.store(true, Ordering::Relaxed);
            }
        }))
    }

    /// A transaction has ended, well or not, and nobody was told yet.
    pub(super) fn settle(&self) {
        if self.touched.swap(false, Ordering::Relaxed) {
            self.revision.fetch_add(1, Ordering::Release);
        }
    }

    /// Grows with every change, by the time the change is answered.
    pub(crate) fn revision(&self) -> u64 {
        self.revision.load(Ordering::Acquire)
    }
}
