//! SQLite: one thread writes, a few read.
//!
//! The writer takes all closures that wait into one transaction, each under a savepoint, and answers after the commit:
//! one flush to disk serves many of them.

mod session;

pub(crate) use session::engine_error;

use std::fs::{File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use async_channel::Receiver;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use crate::error::{EngineError, OpenError, StoreError};
use crate::insert::InsertTexts;
use crate::job::{Job, Ran};
use crate::migrate;
use crate::store::{QUEUE, Queued, Shared, Threads};
use crate::tx::Tx;
use session::SqliteSession;

/// How many closures share one transaction at most; more would make the first of them wait for little gain.
const BATCH: usize = 64;

/// How many prepared statements a connection keeps.
const STATEMENTS: usize = 256;

/// The settings of every connection. `synchronous=FULL` keeps what was answered over a loss of power. What a savepoint
/// would have to undo is kept in a file once it is large: in memory it would be as large as the largest analysis.
const SETTINGS: &str = "PRAGMA busy_timeout = 5000;
PRAGMA journal_mode = WAL;
PRAGMA synchronous = FULL;
PRAGMA foreign_keys = ON;
PRAGMA cache_size = -16384;
PRAGMA temp_store = FILE;
PRAGMA journal_size_limit = 67108864;";

/// Held as long as a thread of the store lives, so that no other process opens the same file.
type Lock = Arc<File>;

pub(crate) fn open(path: &Path, readers: usize, shared: &Shared) -> Result<Threads, OpenError> {
    let lock = lock(path)?;
    create_private(path)?;
    let mut writer = connect(path).map_err(|error| cannot_connect(path, &error))?;
    migrate::sqlite(&mut writer, shared.ambient.now())?;

    let (writes, write_queue) = async_channel::bounded(QUEUE);
    let (reads, read_queue) = async_channel::bounded(QUEUE);
    let mut handles = Vec::with_capacity(readers + 1);
    for index in 0..readers {
        let reader = connect(path).map_err(|error| cannot_connect(path, &error))?;
        reader
            // A reader serves short questions; the pages that many ask for are in the system's cache anyway.
            .execute_batch("PRAGMA query_only = ON; PRAGMA cache_size = -4096")
            .map_err(|error| cannot_connect(path, &error))?;
        let (queue, shared, lock) = (read_queue.clone(), shared.clone(), lock.clone());
        handles.push(spawn(format!("store-read-{index}"), move || {
            read(&reader, &queue, &shared, lock);
        })?);
    }
    let shared = shared.clone();
    handles.push(spawn("store-write".to_owned(), move || {
        write(writer, &write_queue, &shared, lock);
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

fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.execute_batch(SETTINGS)?;
    // Otherwise statements whose plan may depend on what is bound, such as the claim of due deliveries, are compiled
    // again for every value that is bound to them.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    Ok(connection)
}

fn cannot_connect(path: &Path, error: &rusqlite::Error) -> OpenError {
    OpenError::Connect {
        database: path.display().to_string(),
        source: engine_error(error),
    }
}

fn read(connection: &Connection, queue: &Receiver<Queued>, shared: &Shared, lock: Lock) {
    let mut texts = InsertTexts::default();
    while let Ok(Queued { mut job, .. }) = queue.recv_blocking() {
        if let Err(source) = run(connection, "BEGIN DEFERRED") {
            job.fail(StoreError::Unavailable { source });
            continue;
        }
        run_job(connection, &mut *job, &mut texts, shared);
        end(connection);
        job.answer();
    }
    drop(lock);
}

fn write(connection: Connection, queue: &Receiver<Queued>, shared: &Shared, lock: Lock) {
    let mut texts = InsertTexts::default();
    while let Ok(first) = queue.recv_blocking() {
        let mut batch = vec![first.job];
        while batch.len() < BATCH
            && let Ok(next) = queue.try_recv()
        {
            batch.push(next.job);
        }
        // A transaction that SQLite gives up in the middle leaves jobs that have not run; they get another one.
        while !batch.is_empty() {
            batch = run_batch(&connection, batch, &mut texts, shared);
        }
    }
    // Closing the last connection moves what is in the write-ahead log into the database.
    if let Err(error) = run(&connection, "PRAGMA optimize") {
        tracing::debug!(%error, "could not optimize the database");
    }
    if let Err((_, error)) = connection.close() {
        tracing::warn!(error = %engine_error(&error), "the database did not close cleanly");
    }
    drop(lock);
}

/// Runs jobs in one transaction and answers them; gives back those that could not be run in it.
fn run_batch(
    connection: &Connection,
    batch: Vec<Box<dyn Job>>,
    texts: &mut InsertTexts,
    shared: &Shared,
) -> Vec<Box<dyn Job>> {
    if let Err(source) = run(connection, "BEGIN IMMEDIATE") {
        fail_all(batch, source);
        return Vec::new();
    }
    let mut waiting = batch.into_iter();
    let mut done = Vec::with_capacity(waiting.len());
    while let Some(mut job) = waiting.next() {
        let Err(Lost { ran }) = run_under_savepoint(connection, &mut *job, texts, shared) else {
            done.push(job);
            continue;
        };
        end(connection);
        let given_up = "the transaction was given up because of another change in it".to_owned();
        if matches!(ran, Some(Ran::Badly(_))) {
            // It knows the cause.
            job.answer();
        } else {
            done.push(job);
        }
        fail_all(done, EngineError::new(None, given_up));
        return waiting.collect();
    }
    match run(connection, "COMMIT") {
        Ok(()) => {
            for job in done {
                job.answer();
            }
        }
        Err(source) => {
            end(connection);
            fail_all(done, source);
        }
    }
    Vec::new()
}

fn fail_all(jobs: Vec<Box<dyn Job>>, source: EngineError) {
    let source = Arc::new(source);
    for job in jobs {
        job.fail(StoreError::NotCommitted { source: source.clone() });
    }
}

/// The whole transaction is lost, and what the job that ran last made of it.
struct Lost {
    ran: Option<Ran>,
}

/// Runs one job, and undoes its work if it failed.
fn run_under_savepoint(
    connection: &Connection,
    job: &mut dyn Job,
    texts: &mut InsertTexts,
    shared: &Shared,
) -> Result<(), Lost> {
    run(connection, "SAVEPOINT job").map_err(|_| Lost { ran: None })?;
    let ran = run_job(connection, job, texts, shared);
    let lost = || Lost { ran: Some(ran) };
    if connection.is_autocommit() {
        // SQLite rolls everything back by itself when the disk is full or fails.
        return Err(lost());
    }
    if ran != Ran::Well {
        run(connection, "ROLLBACK TO job").map_err(|_| lost())?;
    }
    run(connection, "RELEASE job").map_err(|_| lost())
}

fn run_job(connection: &Connection, job: &mut dyn Job, texts: &mut InsertTexts, shared: &Shared) -> Ran {
    let mut session = SqliteSession(connection);
    job.run(&mut Tx::new(&mut session, texts, &shared.ambient, &shared.key))
}

/// Ends a transaction that has nothing to keep.
fn end(connection: &Connection) {
    if !connection.is_autocommit()
        && let Err(error) = run(connection, "ROLLBACK")
    {
        tracing::error!(%error, "could not end a transaction");
    }
}

fn run(connection: &Connection, sql: &'static str) -> Result<(), EngineError> {
    let done = connection
        .prepare_cached(sql)
        .and_then(|mut statement| statement.raw_execute());
    done.map(drop).map_err(|error| engine_error(&error))
}
