//! The file of SQLite's write-ahead log.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

/// The length of a log: that of so many pages as make SQLite begin it anew, `wal_autocheckpoint`.
const LENGTH: u64 = 8000 * (4096 + 24) + 32;
/// What is written so much to is worth to be made longer.
const USED: u64 = 1 << 20;
/// How much is added at once: so little that whoever comes meanwhile hardly waits.
const PIECE: u64 = 64 << 10;

/// The file of a database that is open; it stays the same as long as that is.
pub(super) struct WalFile {
    file: File,
    /// The same, to make it longer: a failure to write that happens meanwhile is still told to whoever flushes.
    end: File,
    /// Whether it is as long as it is to be, or cannot be made longer.
    is_long: AtomicBool,
}

impl WalFile {
    pub(super) fn open(database: &Path) -> io::Result<Self> {
        // SQLite puts it beside the file that a link leads to.
        let mut name = fs::canonicalize(database)?.into_os_string();
        name.push("-wal");
        let open = || OpenOptions::new().append(true).open(&name);
        Ok(Self {
            file: open()?,
            end: open()?,
            is_long: AtomicBool::new(false),
        })
    }

    /// Returns when all that was written to it is on the disk.
    pub(super) fn flush(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    /// Makes it a piece longer, once it is used; false if there is nothing more to do now. To flush what stands in the middle of
    /// a file costs about half of what it costs to flush what made it longer. SQLite reads a log as far as its checksums are
    /// right, so it does not matter what follows. Nobody may write to it meanwhile.
    pub(super) fn lengthen(&self) -> bool {
        if self.is_long.load(Ordering::Relaxed) {
            return false;
        }
        let length = self.add_piece().unwrap_or_else(|error| {
            tracing::debug!(%error, "the write-ahead log is not made longer");
            LENGTH
        });
        self.is_long.store(length >= LENGTH, Ordering::Relaxed);
        (USED..LENGTH).contains(&length)
    }

    /// Gives how long it is now.
    fn add_piece(&self) -> io::Result<u64> {
        let length = self.end.metadata()?.len();
        if !(USED..LENGTH).contains(&length) {
            return Ok(length);
        }
        let piece = PIECE.min(LENGTH - length);
        io::copy(&mut io::repeat(0).take(piece), &mut &self.end)?;
        self.end.sync_data()?;
        Ok(length + piece)
    }
}
