//! SQLite: one thread writes, a few read.
//!
//! The writer takes the closures that wait into one transaction: one flush to disk serves many of them. They are answered
//! after it, while the next transaction is made. A closure that fails after it has written is undone alone: then the transaction is given up and begun
//! anew, each closure under a savepoint. That is seldom, and without savepoints SQLite need not keep what every page was
//! before every closure.

pub(crate) mod changes;
#[cfg(test)]
mod flush_tests;
mod log;
mod session;
mod statements;
#[cfg(test)]
mod tests;
mod wal;

pub(crate) use session::engine_error;

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use async_channel::Receiver;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use crate::error::{EngineError, OpenError, StoreError};
use crate::insert::InsertTexts;
use crate::job::{Job, Ran};
use crate::migrate;
use crate::remembered::Remembered;
use crate::store::{QUEUE, Queued, Shared, Threads};
use crate::tx::Tx;
use log::Log;
use session::{SqliteSession, refusal};
use statements::Statements;
use wal::WalFile;

/// How many closures share one transaction at most; more would make the first of them wait for little gain.
const BATCH: usize = 64;

/// So many closures are worth a flush of their own: those that come meanwhile go into the next transaction, which is made
/// while this one is flushed. Otherwise all who ask again and again would be in the same one, and the thread that writes would
/// have nothing to do during each flush.
const WORTHWHILE: usize = 16;

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
        let Some(mut job) = log.admit(vec![queued.job]).pop() else {
            continue;
        };
        if let Err(error) = worker.statements.run("BEGIN DEFERRED") {
            let source = engine_error(&error);
            job.fail(StoreError::Unavailable { source });
            continue;
        }
        worker.run(&mut *job);
        worker.end();
        log.answer_after_flush(vec![job]);
    }
    drop(worker);
    drop(lock);
}

fn write(connection: Connection, queue: &Receiver<Queued>, shared: &Shared, log: &Log, wal: &WalFile, lock: Lock) {
    let _closing = Closing(log);
    let mut worker = Worker::writing(&connection, shared, log);
    while let Ok(first) = queue.recv_blocking() {
        let mut batch = log.admit(vec![first.job]);
        // A transaction that SQLite gives up in the middle leaves jobs that have not run; they get another one.
        while !batch.is_empty() {
            batch = worker.run_together(batch, queue);
        }
        // Not at the cost of whoever waits.
        while queue.is_empty() && wal.lengthen() {}
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

/// Ends the thread that flushes, however the one that writes ends.
struct Closing<'l>(&'l Log);

impl Drop for Closing<'_> {
    fn drop(&mut self) {
        self.0.close();
    }
}

/// A thread's connection, and what it needs to run jobs on it.
struct Worker<'c> {
    statements: Statements<'c>,
    texts: InsertTexts,
    shared: &'c Shared,
    log: &'c Log,
    /// What the one that writes has looked up; others are not told of changes in time.
    remembered: Option<Remembered>,
    /// Another number once another process has changed the database.
    version: i64,
}

/// The whole transaction is lost, and what the job that ran last made of it.
struct Lost {
    ran: Option<Ran>,
}

impl<'c> Worker<'c> {
    fn reading(connection: &'c Connection, shared: &'c Shared, log: &'c Log) -> Self {
        Self {
            statements: Statements::new(connection),
            texts: InsertTexts::default(),
            shared,
            log,
            remembered: None,
            version: 0,
        }
    }

    fn writing(connection: &'c Connection, shared: &'c Shared, log: &'c Log) -> Self {
        Self {
            remembered: Some(Remembered::new(Arc::clone(&shared.changes))),
            ..Self::reading(connection, shared, log)
        }
    }

    /// Begins a transaction of jobs that may write.
    fn begin(&mut self) -> rusqlite::Result<()> {
        self.statements.run("BEGIN IMMEDIATE")?;
        // Somebody may have put something right by hand.
        let version = self.statements.number("PRAGMA data_version")?;
        if std::mem::replace(&mut self.version, version) != version {
            self.forget();
        }
        Ok(())
    }

    fn forget(&mut self) {
        if let Some(remembered) = &mut self.remembered {
            remembered.forget();
        }
    }

    /// The transaction has ended, well or not.
    fn settle(&mut self) {
        if self.shared.changes.settle() {
            self.forget();
        }
    }

    /// Runs jobs in one transaction, with those that come meanwhile, and has them answered; gives back those that could not
    /// be run in it.
    fn run_together(&mut self, mut batch: Vec<Box<dyn Job>>, queue: &Receiver<Queued>) -> Vec<Box<dyn Job>> {
        if let Err(error) = self.begin() {
            self.refuse(batch, &error);
            return Vec::new();
        }
        let (mut at, mut has_written) = (0, false);
        while at < batch.len() {
            let (ran, wrote) = self.run(&mut *batch[at]);
            has_written |= wrote;
            at += 1;
            if self.is_given_up() {
                self.settle();
                let waiting = batch.split_off(at);
                give_up(batch, Some(ran));
                return waiting;
            }
            if ran != Ran::Well && wrote {
                self.end();
                if batch.len() > 1 {
                    return self.run_apart(batch, queue);
                }
                self.log.answer_after_flush(batch);
                return Vec::new();
            }
            if at == batch.len() && at < BATCH && (at < WORTHWHILE || self.log.is_busy()) {
                batch.extend(self.next(queue));
            }
        }
        self.commit(batch, has_written, queue);
        Vec::new()
    }

    /// A job that waits. While the transaction before is being flushed, there is time for more of them.
    fn next(&self, queue: &Receiver<Queued>) -> Option<Box<dyn Job>> {
        let next = || queue.try_recv().ok().map(|next| next.job);
        next().or_else(|| if self.log.wait_until_idle() { next() } else { None })
    }

    /// Like `run_together`, but undoes the work of jobs that fail, and only that.
    fn run_apart(&mut self, mut batch: Vec<Box<dyn Job>>, queue: &Receiver<Queued>) -> Vec<Box<dyn Job>> {
        if let Err(error) = self.begin() {
            self.refuse(batch, &error);
            return Vec::new();
        }
        for at in 0..batch.len() {
            if let Err(Lost { ran }) = self.run_under_savepoint(&mut *batch[at]) {
                self.end();
                let waiting = batch.split_off(at + 1);
                give_up(batch, ran);
                return waiting;
            }
        }
        self.commit(batch, true, queue);
        Vec::new()
    }

    /// Runs one job, and undoes its work if it failed.
    fn run_under_savepoint(&mut self, job: &mut dyn Job) -> Result<(), Lost> {
        let begun = self.statements.run("SAVEPOINT job");
        begun.map_err(|_| Lost { ran: None })?;
        let (ran, _) = self.run(job);
        let lost = || Lost { ran: Some(ran) };
        if self.is_given_up() {
            return Err(lost());
        }
        if ran != Ran::Well {
            self.statements.run("ROLLBACK TO job").map_err(|_| lost())?;
        }
        self.statements.run("RELEASE job").map_err(|_| lost())
    }

    /// Runs one job; says how it went, and whether it may have changed something.
    fn run(&mut self, job: &mut dyn Job) -> (Ran, bool) {
        let mut session = SqliteSession::new(&mut self.statements);
        let ran = job.run(&mut Tx::new(
            &mut session,
            &mut self.texts,
            &self.shared.ambient,
            &self.shared.vault,
            self.remembered.as_mut(),
        ));
        (ran, session.wrote())
    }

    /// SQLite rolls everything back by itself when the disk is full or fails.
    fn is_given_up(&self) -> bool {
        self.statements.connection.is_autocommit()
    }

    fn commit(&mut self, batch: Vec<Box<dyn Job>>, has_written: bool, queue: &Receiver<Queued>) {
        let number = has_written.then(|| self.log.commits());
        let committed = self.statements.run("COMMIT");
        self.settle();
        match (committed, number) {
            (Ok(()), None) => self.log.answer_after_flush(batch),
            // To hand it over would only cost time.
            (Ok(()), Some(number)) if queue.is_empty() => self.log.flush_here(number, batch),
            (Ok(()), Some(number)) => self.log.hand_over(number, batch),
            (Err(error), number) => {
                self.end();
                if let Some(number) = number {
                    self.log.skips(number);
                }
                fail_all(batch, engine_error(&error));
            }
        }
    }

    /// Answers jobs whose transaction could not be begun.
    fn refuse(&mut self, batch: Vec<Box<dyn Job>>, error: &rusqlite::Error) {
        self.end();
        refuse_all(batch, error);
    }

    /// Ends a transaction that has nothing to keep.
    fn end(&mut self) {
        if !self.is_given_up()
            && let Err(error) = self.statements.run("ROLLBACK")
        {
            tracing::error!(error = %engine_error(&error), "could not end a transaction");
        }
        self.settle();
    }
}

/// Answers jobs whose transaction could not be begun.
fn refuse_all(jobs: Vec<Box<dyn Job>>, error: &rusqlite::Error) {
    for job in jobs {
        job.fail(refusal(error).unwrap_or_else(|| StoreError::NotCommitted {
            source: Arc::new(engine_error(error)),
        }));
    }
}

/// Answers jobs whose transaction was lost while the last of them ran.
fn give_up(mut jobs: Vec<Box<dyn Job>>, ran: Option<Ran>) {
    if matches!(ran, Some(Ran::Badly(_)))
        && let Some(last) = jobs.pop()
    {
        // It knows the cause.
        last.answer();
    }
    let given_up = "the transaction was given up because of another change in it".to_owned();
    fail_all(jobs, EngineError::new(None, given_up));
}

fn fail_all(jobs: Vec<Box<dyn Job>>, source: EngineError) {
    let source = Arc::new(source);
    for job in jobs {
        job.fail(StoreError::NotCommitted { source: source.clone() });
    }
}
