//! PostgreSQL: a bounded pool of threads, a connection each.
//!
//! Writes are SERIALIZABLE, reads REPEATABLE READ and read only. A closure is run again after a serialization failure or
//! a deadlock, and once after the connection was lost before the commit; never when the outcome of a commit is unknown.

mod server;
mod session;

pub(crate) use server::Server;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::error::{EngineError, OpenError, StoreError};
use crate::insert::InsertTexts;
use crate::job::{Job, Ran};
use crate::migrate::{self, postgres_error};
use crate::store::{Mode, QUEUE, Queued, Shared, Threads};
use crate::tx::{Trouble, Tx};
use session::{PostgresSession, is_conflict, is_lost};

/// How often a closure is run again before its caller is told that the database is busy.
const RERUNS: u32 = 10;

/// From which rerun on closures of this process no longer compete with each other, see [`Worker::lane`].
const ORDERLY_FROM: u32 = 3;

pub(crate) fn open(server: &Server, connections: usize, shared: &Shared) -> Result<Threads, OpenError> {
    let mut first = server.connect().map_err(|error| OpenError::Connect {
        database: server.shown().to_owned(),
        source: postgres_error(&error),
    })?;
    migrate::postgres(&mut first, shared.ambient.now())?;

    let (sender, queue) = async_channel::bounded::<Queued>(QUEUE);
    let lane = Arc::new(Mutex::new(()));
    let mut client = Some(first);
    let mut handles = Vec::with_capacity(connections);
    for index in 0..connections {
        let mut worker = Worker {
            server: server.clone(),
            session: client.take().map(PostgresSession::new),
            texts: InsertTexts::default(),
            shared: shared.clone(),
            lane: lane.clone(),
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
    /// Held while a closure is run for the fourth time or later: those that conflict most go one after the other, or a
    /// crowd of them could keep each other from ever getting through.
    lane: Arc<Mutex<()>>,
    index: u32,
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
            let lane = self.lane.clone();
            let turn = (rerun >= ORDERLY_FROM).then(|| lane.lock().unwrap_or_else(PoisonError::into_inner));
            let attempt = self.attempt(mode, &mut *job);
            drop(turn);
            match attempt {
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

    fn attempt(&mut self, mode: Mode, job: &mut dyn Job) -> Attempt {
        let session = match begin(&mut self.session, &self.server, mode) {
            Ok(session) => session,
            Err(error) => return Attempt::Refused(error),
        };
        let ran = job.run(&mut Tx::new(
            session,
            &mut self.texts,
            &self.shared.ambient,
            &self.shared.vault,
        ));
        match ran {
            Ran::Well => match session.client.batch_execute("COMMIT") {
                Ok(()) => Attempt::Decided,
                Err(error) => self.not_committed(mode, &error),
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

    fn not_committed(&mut self, mode: Mode, error: &::postgres::Error) -> Attempt {
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
        match mode {
            Mode::Read => Attempt::Lost(source),
            Mode::Write => Attempt::Refused(StoreError::CommitUnknown { source }),
        }
    }
}

/// Starts a transaction, on a new connection if there is none or the old one turns out to be broken.
fn begin<'s>(
    session: &'s mut Option<PostgresSession>,
    server: &Server,
    mode: Mode,
) -> Result<&'s mut PostgresSession, StoreError> {
    let sql = match mode {
        Mode::Read => "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
        Mode::Write => "BEGIN ISOLATION LEVEL SERIALIZABLE READ WRITE",
    };
    let unavailable = |error: ::postgres::Error| StoreError::Unavailable {
        source: postgres_error(&error),
    };
    let alive = match session.as_mut().map(|session| session.client.batch_execute(sql)) {
        Some(Ok(())) => true,
        Some(Err(error)) if !is_lost(&error) => {
            // A transaction we cannot begin on a live connection means a state we do not know: start anew next time.
            *session = None;
            return Err(unavailable(error));
        }
        Some(Err(_)) | None => false,
    };
    if alive && let Some(session) = session {
        return Ok(session);
    }
    let mut client = server.connect().map_err(unavailable)?;
    client.batch_execute(sql).map_err(unavailable)?;
    Ok(session.insert(PostgresSession::new(client)))
}
