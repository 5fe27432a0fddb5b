//! The store: queues of closures, and the threads that run them.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use async_channel::Sender;
use gatehook_domain::Ambient;

use crate::config::{Place, StoreConfig};
use crate::error::{OpenError, StoreError};
use crate::job::{Job, Work};
use crate::key_probe;
use crate::sqlite::changes::Changes;
use crate::tx::{Engine, Tx};
use crate::vault::Vault;
use crate::{postgres, sqlite};

/// How many closures wait in a queue before their callers wait for a place in it.
pub(crate) const QUEUE: usize = 1024;

/// The database of one running system; cheap to clone.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    engine: Engine,
    changes: Arc<Changes>,
    ambient: Ambient,
    threads: Threads,
}

/// What every thread needs to make a [`Tx`].
#[derive(Clone)]
pub(crate) struct Shared {
    pub(crate) ambient: Ambient,
    pub(crate) vault: Arc<Vault>,
    /// Kept by SQLite only.
    pub(crate) changes: Arc<Changes>,
}

/// Whether a closure may write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    Read,
    Write,
}

/// A closure in a queue.
pub(crate) struct Queued {
    pub(crate) mode: Mode,
    pub(crate) job: Box<dyn Job>,
}

/// The queues of an engine and its threads, in the order in which they are to be waited for.
pub(crate) struct Threads {
    pub(crate) reads: Sender<Queued>,
    pub(crate) writes: Sender<Queued>,
    pub(crate) handles: Mutex<Vec<JoinHandle<()>>>,
}

impl Store {
    /// Opens the database and brings its schema up to date, under a lock that keeps other processes away meanwhile.
    pub async fn open(config: StoreConfig, ambient: Ambient) -> Result<Self, OpenError> {
        tokio::task::spawn_blocking(move || Self::open_blocking(&config, ambient))
            .await
            .map_err(|_| OpenError::Interrupted)?
    }

    fn open_blocking(config: &StoreConfig, ambient: Ambient) -> Result<Self, OpenError> {
        let shared = Shared {
            ambient: ambient.clone(),
            vault: Vault::new(config.secret_key.clone()),
            changes: Arc::default(),
        };
        let (engine, threads) = match config.url.place() {
            Place::Sqlite(path) => (
                Engine::Sqlite,
                sqlite::open(path, config.sqlite_readers.max(1), &shared)?,
            ),
            Place::Postgres { url, shown, tls } => {
                let server = postgres::Server::new(url, shown, *tls)?;
                (
                    Engine::Postgres,
                    postgres::open(&server, config.postgres_connections.max(1), &shared)?,
                )
            }
        };
        let store = Self {
            inner: Arc::new(Inner {
                engine,
                changes: shared.changes,
                ambient,
                threads,
            }),
        };
        let refused = match store.write_blocking(key_probe::check) {
            Ok(true) => return Ok(store),
            Ok(false) => OpenError::WrongKey,
            Err(error) => OpenError::Probe(error),
        };
        join(store.end());
        Err(refused)
    }

    /// Runs a closure in a transaction of its own and answers after the commit. An error of the closure undoes its work
    /// and only that. Dropping the future does not undo what commits.
    ///
    /// On SQLite closures that wait together share one transaction on disk, so one commit serves many; each is still
    /// undone alone. On PostgreSQL the closure is run again after a serialization failure.
    pub async fn write<T, E, F>(&self, closure: F) -> Result<T, E>
    where
        F: Fn(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        self.call(Mode::Write, closure).await
    }

    /// Runs a closure that only reads, on a consistent snapshot. It sees everything that was committed before.
    pub async fn read<T, E, F>(&self, closure: F) -> Result<T, E>
    where
        F: Fn(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        self.call(Mode::Read, closure).await
    }

    /// [`Store::write`] for a thread that may wait; panics inside asynchronous code.
    pub fn write_blocking<T, E, F>(&self, closure: F) -> Result<T, E>
    where
        F: Fn(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        self.call_blocking(Mode::Write, closure)
    }

    /// [`Store::read`] for a thread that may wait; panics inside asynchronous code.
    pub fn read_blocking<T, E, F>(&self, closure: F) -> Result<T, E>
    where
        F: Fn(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        self.call_blocking(Mode::Read, closure)
    }

    /// The clock and the source of randomness.
    pub fn ambient(&self) -> &Ambient {
        &self.inner.ambient
    }

    /// Which database this is.
    pub fn engine(&self) -> Engine {
        self.inner.engine
    }

    /// A number that is another one once users or tokens have changed, by the time that change is answered. Whoever takes it,
    /// then reads a user or a token, may use what was read as long as it is the same. None where other processes can
    /// change them too, on PostgreSQL.
    pub fn credentials_revision(&self) -> Option<u64> {
        match self.inner.engine {
            Engine::Sqlite => Some(self.inner.changes.credentials_revision()),
            Engine::Postgres => None,
        }
    }

    /// Takes no more work, finishes what waits, and closes the database. Other clones of the store answer
    /// [`StoreError::Closed`] from now on.
    pub async fn close(self) {
        let handles = self.end();
        // It fails only when the runtime is shutting down; the threads end by themselves then.
        let _ = tokio::task::spawn_blocking(move || join(handles)).await;
    }

    /// Takes no more work; gives the threads to wait for.
    fn end(&self) -> Vec<JoinHandle<()>> {
        let threads = &self.inner.threads;
        threads.reads.close();
        threads.writes.close();
        std::mem::take(&mut *threads.handles.lock().unwrap_or_else(PoisonError::into_inner))
    }

    async fn call<T, E, F>(&self, mode: Mode, closure: F) -> Result<T, E>
    where
        F: Fn(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let (work, answer) = Work::new(closure);
        let queued = Queued {
            mode,
            job: Box::new(work),
        };
        self.queue(mode).send(queued).await.map_err(|_| StoreError::Closed)?;
        answer.await.map_err(|_| StoreError::Closed)?
    }

    fn call_blocking<T, E, F>(&self, mode: Mode, closure: F) -> Result<T, E>
    where
        F: Fn(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let (work, answer) = Work::new(closure);
        let queued = Queued {
            mode,
            job: Box::new(work),
        };
        self.queue(mode).send_blocking(queued).map_err(|_| StoreError::Closed)?;
        answer.blocking_recv().map_err(|_| StoreError::Closed)?
    }

    fn queue(&self, mode: Mode) -> &Sender<Queued> {
        match mode {
            Mode::Read => &self.inner.threads.reads,
            Mode::Write => &self.inner.threads.writes,
        }
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store")
            .field("engine", &self.inner.engine)
            .finish_non_exhaustive()
    }
}

fn join(handles: Vec<JoinHandle<()>>) {
    for handle in handles {
        if handle.join().is_err() {
            tracing::error!("a thread of the store ended with a panic");
        }
    }
}
