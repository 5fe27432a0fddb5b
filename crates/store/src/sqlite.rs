//! SQLite: one thread writes, a few read.
//!
//! The writer takes the closures that wait into one transaction: one flush to disk serves many of them. They are answered
//! after it, while the next transaction is made. A closure that fails after it has written is undone alone: then the
//! transaction is given up and begun anew, each closure under a savepoint. That is seldom, and without savepoints SQLite need
//! not keep what every page was before every closure.

pub(crate) mod changes;
#[cfg(test)]
mod flush_tests;
mod log;
mod session;
mod statements;
#[cfg(test)]
mod tests;
mod wal;
mod worker;

pub(crate) use session::engine_error;

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use async_channel::Receiver;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use crate::error::{OpenError, StoreError};
use crate::migrate;
use crate::store::{QUEUE, Queued, Shared, Threads};
use log::{Guard, Log};
use wal::WalFile;
use worker::Worker;

/// The settings of every connection. With `synchronous=NORMAL` the log is flushed before its pages are moved into the
/// database; that it is flushed before somebody is told of what stands in it is for [`Log`]. What a savepoint would have to
/// undo is kept in a file once it is large: in memory it would be as large as the largest analysis.
const SETTINGS: &str = "PRAGMA busy_timeout = 5000;
PRAGMA journal_mode = WAL;
PRAGMA synchronous = NORMAL;
PRAGMA foreign_keys = ON;
PRAGMA cache_size = -16384;
PRAGMA temp_store = FILE;
PRAGMA wal_autocheckpoint = 8000;
PRAGMA journal_size_limit = 67108864;";

/// Held as long as a thread of the store lives, so that no other process opens the same file.
type Lock = Arc<File>;

pub(crate) fn open(path: &Path, readers: usize, shared: &Shared) -> Result<Threads, OpenError> {
    open_with(path, readers, shared, WalFile::flush)
}

/// [`open`] with the way to bring the log to the disk.
fn open_with(
    path: &Path,
    readers: usize,
    shared: &Shared,
    flush: impl Fn(&WalFile) -> io::Result<()> + Send + Sync + 'static,
) -> Result<Threads, OpenError> {
    let lock = lock(path)?;
    create_private(path)?;
    let mut writer = connect(path).map_err(|error| cannot_connect(path, &error))?;
    migrate::sqlite(&mut writer, shared.ambient.now())?;
    settle(&writer).map_err(|error| cannot_connect(path, &error))?;
    let wal = WalFile::open(path).map_err(|source| OpenError::File {
        path: path.to_owned(),
        source,
    })?;
    let wal = Arc::new(wal);
    let log = Log::new({
        let wal = Arc::clone(&wal);
        move || flush(&wal)
    });
    let watched = shared.changes.watch(&mut writer);
    watched.map_err(|error| cannot_connect(path, &error))?;

    let (writes, write_queue) = async_channel::bounded(QUEUE);
    let (reads, read_queue) = async_channel::bounded(QUEUE);
    let mut handles = Vec::with_capacity(readers + 1);
    for index in 0..readers {
        let reader = connect(path).map_err(|error| cannot_connect(path, &error))?;
        reader
            // A reader serves short questions; the pages that many ask for are in the system's cache anyway.
            .execute_batch("PRAGMA query_only = ON; PRAGMA cache_size = -4096")
            .map_err(|error| cannot_connect(path, &error))?;
        let (queue, shared, log, lock) = (read_queue.clone(), shared.clone(), log.clone(), lock.clone());
        handles.push(spawn(format!("store-read-{index}"), move || {
            read(&reader, &queue, &shared, &log, lock);
        })?);
    }
    let (shared, flushed) = (shared.clone(), log.clone());
    handles.push(spawn("store-write".to_owned(), move || {
        write(writer, &write_queue, &shared, &log, &wal, lock);
    })?);
    handles.push(spawn("store-flush".to_owned(), move || {
        flushed.flush_for_others();
    })?);
    Ok(Threads {
        reads,
        writes,
        handles: Mutex::new(handles),
    })
}

fn spawn(name: String, body: impl FnOnce() + Send + 'static) -> Result<std::thread::JoinHandle<()>, OpenError> {
    std::thread::Builder::new()
        .name(name)
        .spawn(body)
        .map_err(OpenError::Thread)
}

fn lock(path: &Path) -> Result<Lock, OpenError> {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let file_name = PathBuf::from(name);
    let failed = |source| OpenError::File {
        path: file_name.clone(),
        source,
    };
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&file_name)
        .map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(Arc::new(file)),
        Err(TryLockError::WouldBlock) => Err(OpenError::InUse { path: path.to_owned() }),
        Err(TryLockError::Error(source)) => Err(failed(source)),
    }
}

/// Makes the file, if it is not there, readable by its owner only; SQLite gives its other files the same mode.
fn create_private(path: &Path) -> Result<(), OpenError> {
    let mut options = OpenOptions::new();
    options.create(true).truncate(false).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(drop).map_err(|source| OpenError::File {
        path: path.to_owned(),
        source,
    })
}

/// Moves what a process before this one has left in the log into the database, and flushes that: the log may be in the
/// system's memory only, where nothing tells that it is not on the disk.
fn settle(writer: &Connection) -> rusqlite::Result<()> {
    writer.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
}

fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.execute_batch(SETTINGS)?;
    // Otherwise statements whose plan may depend on what is bound, such as the claim of due deliveries, are compiled
    // again for every value that is bound to them.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    Ok(connection)
}

fn cannot_connect(path: &Path, error: &rusqlite::Error) -> OpenError {
    OpenError::Connect {
        database: path.display().to_string(),
        source: engine_error(error),
    }
}

fn read(connection: &Connection, queue: &Receiver<Queued>, shared: &Shared, log: &Log, lock: Lock) {
    let mut worker = Worker::reading(connection, shared, log);
    while let Ok(queued) = queue.recv_blocking() {
        let Some([mut job]) = log.admit([queued.job]) else {
            continue;
        };
        if let Err(error) = worker.statements.run("BEGIN DEFERRED") {
            let source = engine_error(&error);
            job.fail(StoreError::Unavailable { source });
            continue;
        }
        worker.run(&mut *job);
        worker.end();
        log.answer_after_flush([job]);
    }
    drop(worker);
    drop(lock);
}

fn write(connection: Connection, queue: &Receiver<Queued>, shared: &Shared, log: &Log, wal: &WalFile, lock: Lock) {
    let _guard = Guard(log);
    let mut worker = Worker::writing(&connection, shared, log);
    while let Ok(first) = queue.recv_blocking() {
        let mut batch = log.admit(vec![first.job]).unwrap_or_default();
        // A transaction that SQLite gives up in the middle leaves jobs that have not run; they get another one.
        while !batch.is_empty() {
            batch = worker.run_together(batch, queue);
        }
        // Not at the cost of whoever waits.
        while queue.is_empty() && !queue.is_closed() && log.is_usable() && wal.lengthen() {}
    }
    // Closing the last connection moves what is in the write-ahead log into the database.
    if let Err(error) = worker.statements.run("PRAGMA optimize") {
        tracing::debug!(error = %engine_error(&error), "could not optimize the database");
    }
    drop(worker);
    if let Err((_, error)) = connection.close() {
        tracing::warn!(error = %engine_error(&error), "the database did not close cleanly");
    }
    drop(lock);
}
