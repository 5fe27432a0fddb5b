//! PostgreSQL: a bounded pool of threads, a connection each.
//!
//! Writes are SERIALIZABLE, reads REPEATABLE READ and read only. A closure is run again after a serialization failure or
//! a deadlock, and once after the connection was lost before the commit; never when the outcome of a commit is unknown.
//! One that keeps failing so is run alone: it keeps the writes of all nodes away with a lock that they share.

mod server;
mod session;

pub(crate) use server::Server;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::error::{EngineError, OpenError, StoreError};
use crate::insert::InsertTexts;
use crate::job::{Job, Ran};
use crate::migrate::{self, postgres_error};
use crate::store::{Mode, QUEUE, Queued, Shared, Threads};
use crate::tx::{Trouble, Tx};
use session::{PostgresSession, is_busy, is_conflict, is_lost};

/// How often a closure is run again before its caller is told that the database is busy.
const RERUNS: u32 = 10;

/// From which rerun on a closure is run while no other writes. Of two that conflict the longer one loses, and it would lose
/// again and again to short ones, of which several nodes make hundreds a second.
const ALONE_FROM: u32 = 3;

/// How a write begins, beside others and alone. The lock on a table that hardly anybody else needs stands for the right to
/// write: all share it, but not with the one who is alone. `LOCK TABLE` comes before what the transaction sees is fixed, so
/// whoever had to wait sees what those wrote that it waited for. It goes with the transaction.
const BEGIN_WRITE: &str = "BEGIN ISOLATION LEVEL SERIALIZABLE READ WRITE; LOCK TABLE schema_version IN ROW SHARE MODE";
const BEGIN_ALONE: &str = "BEGIN ISOLATION LEVEL SERIALIZABLE READ WRITE; LOCK TABLE schema_version IN EXCLUSIVE MODE";

pub(crate) fn open(server: &Server, connections: usize, shared: &Shared) -> Result<Threads, OpenError> {
    let mut first = server.connect().map_err(|error| OpenError::Connect {
        database: server.shown().to_owned(),
        source: postgres_error(&error),
    })?;
    migrate::postgres(&mut first, shared.ambient.now())?;

    let (sender, queue) = async_channel::bounded::<Queued>(QUEUE);
    let mut client = Some(first);
    let mut handles = Vec::with_capacity(connections);
    for index in 0..connections {
        let mut worker = Worker {
            server: server.clone(),
            session: client.take().map(PostgresSession::new),
            texts: InsertTexts::default(),
            shared: shared.clone(),
            index: u32::try_from(index).unwrap_or(0),
        };
        let queue = queue.clone();
        let body = move || {
            while let Ok(Queued { mode, job }) = queue.recv_blocking() {
                worker.serve(mode, job);
            }
        };
        let thread = std::thread::Builder::new().name(format!("store-{index}"));
        handles.push(thread.spawn(body).map_err(OpenError::Thread)?);
    }
    Ok(Threads {
        reads: sender.clone(),
        writes: sender,
        handles: Mutex::new(handles),
    })
}

struct Worker {
    server: Server,
    session: Option<PostgresSession>,
    texts: InsertTexts,
    shared: Shared,
    index: u32,
}

/// How a closure is run.
#[derive(Clone, Copy)]
enum How {
    /// It only reads.
    Read,
    /// It writes, beside others.
    Write,
    /// It writes, and nobody else does.
    Alone,
}

/// How an attempt went, when its outcome is not the closure's own.
enum Attempt {
    /// The job knows the answer: the closure returned an error, or its work is committed.
    Decided,
    /// It got in the way of another transaction.
    Conflict,
    /// The connection was lost before the commit.
    Lost(EngineError),
    /// It cannot be done.
    Refused(StoreError),
}

impl Worker {
    fn serve(&mut self, mode: Mode, mut job: Box<dyn Job>) {
        let mut lost = false;
        for rerun in 0..=RERUNS {
            let how = match mode {
                Mode::Read => How::Read,
                Mode::Write if rerun < ALONE_FROM => How::Write,
                Mode::Write => How::Alone,
            };
            match self.attempt(how, &mut *job) {
                Attempt::Decided => return job.answer(),
                Attempt::Refused(error) => return job.fail(error),
                Attempt::Lost(source) if lost => return job.fail(StoreError::Unavailable { source }),
                Attempt::Lost(_) => lost = true,
                Attempt::Conflict if rerun < RERUNS => std::thread::park_timeout(self.pause(rerun)),
                Attempt::Conflict => {}
            }
        }
        let message = format!("gave up after {} conflicts with other transactions", RERUNS + 1);
        job.fail(StoreError::Busy {
            source: EngineError::new(None, message),
        });
    }

    /// 1 ms, doubled each time up to 128 ms, and different for each connection, so that those that met do not meet
    /// again.
    fn pause(&self, rerun: u32) -> Duration {
        let base = Duration::from_millis(1 << rerun.min(7));
        base + base * (self.index % 8) / 8
    }

    fn attempt(&mut self, how: How, job: &mut dyn Job) -> Attempt {
        let session = match begin(&mut self.session, &self.server, how) {
            Ok(session) => session,
            Err(error) => return Attempt::Refused(error),
        };
        let ran = job.run(&mut Tx::new(
            session,
            &mut self.texts,
            &self.shared.ambient,
            &self.shared.vault,
            None,
        ));
        match ran {
            Ran::Well => match session.client.batch_execute("COMMIT") {
                Ok(()) => Attempt::Decided,
                Err(error) => self.not_committed(how, &error),
            },
            Ran::Badly(Trouble::Lost) => {
                self.session = None;
                Attempt::Lost(EngineError::new(None, "the connection was lost".to_owned()))
            }
            Ran::Badly(trouble) => {
                if session.client.batch_execute("ROLLBACK").is_err() {
                    self.session = None;
                }
                if trouble == Trouble::Conflict {
                    Attempt::Conflict
                } else {
                    Attempt::Decided
                }
            }
        }
    }

    fn not_committed(&mut self, how: How, error: &::postgres::Error) -> Attempt {
        let source = postgres_error(error);
        if is_conflict(error) {
            return Attempt::Conflict;
        }
        if !is_lost(error) {
            return Attempt::Refused(StoreError::NotCommitted {
                source: Arc::new(source),
            });
        }
        self.session = None;
        match how {
            How::Read => Attempt::Lost(source),
            How::Write | How::Alone => Attempt::Refused(StoreError::CommitUnknown { source }),
        }
    }
}

/// Starts a transaction, on a new connection if there is none or the old one turns out to be broken.
fn begin<'s>(
    session: &'s mut Option<PostgresSession>,
    server: &Server,
    how: How,
) -> Result<&'s mut PostgresSession, StoreError> {
    let alive = match session.as_mut().map(|session| start(&mut session.client, how)) {
        Some(Ok(())) => true,
        Some(Err(error)) if !is_lost(&error) => {
            // A transaction we cannot begin on a live connection means a state we do not know: start anew next time.
            *session = None;
            return Err(not_begun(&error));
        }
        Some(Err(_)) | None => false,
    };
    if alive && let Some(session) = session {
        return Ok(session);
    }
    let mut client = server.connect().map_err(|error| not_begun(&error))?;
    start(&mut client, how).map_err(|error| not_begun(&error))?;
    Ok(session.insert(PostgresSession::new(client)))
}

fn start(client: &mut ::postgres::Client, how: How) -> Result<(), ::postgres::Error> {
    client.batch_execute(match how {
        How::Read => "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
        How::Write => BEGIN_WRITE,
        How::Alone => BEGIN_ALONE,
    })
}

fn not_begun(error: &::postgres::Error) -> StoreError {
    let source = postgres_error(error);
    if is_busy(error) {
        StoreError::Busy { source }
    } else {
        StoreError::Unavailable { source }
    }
}
