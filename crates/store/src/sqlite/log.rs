//! Sees to it that nobody hears of what was committed before it is on the disk.
//!
//! SQLite would flush its write-ahead log inside each `COMMIT` (`synchronous=FULL`), and the one thread that writes would
//! wait for the disk meanwhile. Here a commit only writes the log. While it is flushed by another thread, the one that
//! writes runs the jobs that wait; they are committed when the flush has ended. A job is answered after the flush of its
//! transaction, and one that only reads after the flush of all that it may have seen. What a loss of power can take is what
//! nobody was told.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use crate::error::{EngineError, StoreError};
use crate::job::{Job, fail_all};

type Jobs = Vec<Box<dyn Job>>;

/// The write-ahead log, and who waits for it to be on the disk.
pub(super) struct Log {
    flush: Box<dyn Fn() -> io::Result<()> + Send + Sync>,
    /// The number of the last transaction that may be seen.
    committed: AtomicU64,
    /// The number of the last transaction that is on the disk, with all before it.
    flushed: AtomicU64,
    state: Mutex<State>,
    /// Something was handed over, or a flush has ended.
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// What is to be flushed next: the number of a transaction and the jobs that it ran.
    handed: Option<(u64, Jobs)>,
    /// Whether that is handed over, or is being flushed.
    is_busy: bool,
    /// Jobs that are answered once the transaction of this number is on the disk.
    waiting: Vec<(u64, Box<dyn Job>)>,
    /// Why nothing can be flushed any more.
    broken: Option<Arc<EngineError>>,
    is_closed: bool,
}

impl Log {
    /// A log that is brought to the disk by `flush`, which returns when all that was written before is there.
    pub(super) fn new(flush: impl Fn() -> io::Result<()> + Send + Sync + 'static) -> Arc<Self> {
        Arc::new(Self {
            flush: Box::new(flush),
            committed: AtomicU64::new(0),
            flushed: AtomicU64::new(0),
            state: Mutex::default(),
            changed: Condvar::new(),
        })
    }

    /// Gives back jobs with which one may go on. Once a flush has failed there are none: the system may have dropped what it
    /// could not write, so that another flush would succeed without it, and only a new start finds out what is there.
    pub(super) fn admit<J: IntoIterator<Item = Box<dyn Job>>>(&self, jobs: J) -> Option<J> {
        let broken = self.lock().broken.clone();
        match broken {
            None => Some(jobs),
            Some(error) => {
                refuse(jobs, &error);
                None
            }
        }
    }

    /// Whether no flush has failed.
    pub(super) fn is_usable(&self) -> bool {
        self.lock().broken.is_none()
    }

    /// The transaction that is about to be committed, and may be seen from now on, has the number that this gives.
    pub(super) fn commits(&self) -> u64 {
        // Only the thread that writes counts.
        let number = self.committed.load(Ordering::Relaxed) + 1;
        self.committed.store(number, Ordering::SeqCst);
        number
    }

    /// The transaction of this number did not come about.
    pub(super) fn skips(&self, number: u64) {
        self.wait_until_idle();
        if self.is_usable() {
            self.is_flushed(number);
        }
    }

    /// Flushes a transaction and answers its jobs.
    pub(super) fn flush_here(&self, number: u64, jobs: Jobs) {
        self.wait_until_idle();
        if let Some(jobs) = self.admit(jobs) {
            self.flush(number, jobs);
        }
    }

    /// Has another thread do so, as soon as it has done the one before.
    pub(super) fn hand_over(&self, number: u64, jobs: Jobs) {
        self.wait_until_idle();
        if let Some(jobs) = self.admit(jobs) {
            let mut state = self.lock();
            state.handed = Some((number, jobs));
            state.is_busy = true;
            drop(state);
            self.changed.notify_all();
        }
    }

    /// Whether another thread is flushing.
    pub(super) fn is_busy(&self) -> bool {
        self.lock().is_busy
    }

    /// Waits until no other thread is flushing; false if none was.
    pub(super) fn wait_until_idle(&self) -> bool {
        let mut state = self.lock();
        let was_busy = state.is_busy;
        while state.is_busy {
            state = self.wait(state);
        }
        was_busy
    }

    /// Answers jobs that have seen what is committed now, or less, once that is on the disk.
    pub(super) fn answer_after_flush(&self, jobs: impl IntoIterator<Item = Box<dyn Job>>) {
        let seen = self.committed.load(Ordering::SeqCst);
        if seen > self.flushed.load(Ordering::SeqCst) {
            let mut state = self.lock();
            if let Some(error) = state.broken.clone() {
                drop(state);
                return refuse(jobs, &error);
            }
            // It may have got there meanwhile.
            if seen > self.flushed.load(Ordering::SeqCst) {
                state.waiting.extend(jobs.into_iter().map(|job| (seen, job)));
                return;
            }
        }
        answer_all(jobs);
    }

    /// Flushes what is handed over, until the thread that writes has ended.
    pub(super) fn flush_for_others(&self) {
        let _guard = Guard(self);
        loop {
            let mut state = self.lock();
            let (number, jobs) = loop {
                if let Some(handed) = state.handed.take() {
                    break handed;
                }
                if state.is_closed {
                    return;
                }
                state = self.wait(state);
            };
            drop(state);
            self.flush(number, jobs);
        }
    }

    /// Nothing more is handed over.
    fn close(&self) {
        self.lock().is_closed = true;
        self.changed.notify_all();
    }

    fn flush(&self, number: u64, jobs: Jobs) {
        match (self.flush)() {
            Ok(()) => {
                self.is_flushed(number);
                answer_all(jobs);
            }
            Err(error) => {
                let error = Arc::new(EngineError::new(None, error.to_string()));
                self.breaks(&error);
                refuse(jobs, &error);
            }
        }
    }

    fn is_flushed(&self, number: u64) {
        let mut state = self.lock();
        self.flushed.store(number, Ordering::SeqCst);
        let waiting = std::mem::take(&mut state.waiting);
        let (told, waiting): (Vec<_>, Vec<_>) = waiting.into_iter().partition(|(seen, _)| *seen <= number);
        state.waiting = waiting;
        // The thread that writes does this by itself only while no other one flushes.
        state.is_busy = false;
        drop(state);
        self.changed.notify_all();
        answer_all(told.into_iter().map(|(_, job)| job));
    }

    fn breaks(&self, error: &Arc<EngineError>) {
        let mut state = self.lock();
        let is_first = state.broken.is_none();
        state.broken.get_or_insert_with(|| Arc::clone(error));
        let waiting = std::mem::take(&mut state.waiting);
        state.is_busy = false;
        drop(state);
        self.changed.notify_all();
        refuse(waiting.into_iter().map(|(_, job)| job), error);
        if is_first {
            tracing::error!(
                %error,
                "what was written to the database could not be flushed to the disk: nothing more is done with it until a \
                 new start"
            );
        }
    }

    fn wait<'s>(&self, state: MutexGuard<'s, State>) -> MutexGuard<'s, State> {
        self.changed.wait(state).unwrap_or_else(PoisonError::into_inner)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Held by the thread that writes and by the one that flushes. When one of them ends, nothing more is handed over, and if it
/// ends with a panic, nobody is kept waiting for it.
pub(super) struct Guard<'l>(pub(super) &'l Log);

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let error = EngineError::new(None, "a thread of the store ended with a panic".to_owned());
            self.0.breaks(&Arc::new(error));
        }
        self.0.close();
    }
}

fn answer_all(jobs: impl IntoIterator<Item = Box<dyn Job>>) {
    for job in jobs {
        job.answer();
    }
}

fn refuse(jobs: impl IntoIterator<Item = Box<dyn Job>>, error: &Arc<EngineError>) {
    fail_all(jobs, || StoreError::NotFlushed {
        source: Arc::clone(error),
    });
}
