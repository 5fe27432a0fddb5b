//! Running jobs on a connection: one after the other, or many in one transaction.

use std::sync::Arc;

use async_channel::Receiver;
use rusqlite::Connection;

use super::log::Log;
use super::session::{SqliteSession, engine_error, refusal};
use super::statements::Statements;
use crate::error::{EngineError, StoreError};
use crate::insert::InsertTexts;
use crate::job::{Job, Ran, fail_all};
use crate::remembered::Remembered;
use crate::store::{Queued, Shared};
use crate::tx::Tx;

/// How many closures share one transaction at most; more would make the first of them wait for little gain.
const BATCH: usize = 64;

/// So many closures are worth a flush of their own: those that come meanwhile go into the next transaction, which is made
/// while this one is flushed. Otherwise all who ask again and again would be in the same one, and the thread that writes would
/// have nothing to do during each flush.
pub(super) const WORTHWHILE: usize = 16;

/// A thread's connection, and what it needs to run jobs on it.
pub(super) struct Worker<'c> {
    pub(super) statements: Statements<'c>,
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
    pub(super) fn reading(connection: &'c Connection, shared: &'c Shared, log: &'c Log) -> Self {
        Self {
            statements: Statements::new(connection),
            texts: InsertTexts::default(),
            shared,
            log,
            remembered: None,
            version: 0,
        }
    }

    pub(super) fn writing(connection: &'c Connection, shared: &'c Shared, log: &'c Log) -> Self {
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
    pub(super) fn run_together(&mut self, mut batch: Vec<Box<dyn Job>>, queue: &Receiver<Queued>) -> Vec<Box<dyn Job>> {
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
                self.give_up(batch, Some(ran));
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
                self.give_up(batch, ran);
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
    pub(super) fn run(&mut self, job: &mut dyn Job) -> (Ran, bool) {
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
                not_committed(batch, engine_error(&error));
            }
        }
    }

    /// Answers jobs whose transaction could not be begun.
    fn refuse(&mut self, batch: Vec<Box<dyn Job>>, error: &rusqlite::Error) {
        self.end();
        fail_all(batch, || {
            refusal(error).unwrap_or_else(|| StoreError::NotCommitted {
                source: Arc::new(engine_error(error)),
            })
        });
    }

    /// Answers jobs whose transaction was lost while the last of them ran.
    fn give_up(&self, mut jobs: Vec<Box<dyn Job>>, ran: Option<Ran>) {
        if matches!(ran, Some(Ran::Badly(_)))
            && let Some(last) = jobs.pop()
        {
            // It knows the cause.
            self.log.answer_after_flush([last]);
        }
        let given_up = "the transaction was given up because of another change in it".to_owned();
        not_committed(jobs, EngineError::new(None, given_up));
    }

    /// Ends a transaction that has nothing to keep.
    pub(super) fn end(&mut self) {
        if !self.is_given_up()
            && let Err(error) = self.statements.run("ROLLBACK")
        {
            tracing::error!(error = %engine_error(&error), "could not end a transaction");
        }
        self.settle();
    }
}

fn not_committed(jobs: Vec<Box<dyn Job>>, source: EngineError) {
    let source = Arc::new(source);
    fail_all(jobs, || StoreError::NotCommitted { source: source.clone() });
}
