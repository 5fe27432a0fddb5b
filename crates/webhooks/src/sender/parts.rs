//! What a connection is made of beside what the libraries bring.

use std::future::Future;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::task::{Context, Poll};

use hyper::rt::{Executor, Read, ReadBufCursor, Write};
use tokio::task::JoinSet;

/// The most tasks of one connection of HTTP/2 that have not ended. Each call whose body has not left yet is one; when a receiver
/// lets that many wait, later calls get another connection.
const TASKS: usize = 256;

/// The tasks of a connection. They are aborted with its last clone: a receiver must not be able to keep them.
#[derive(Clone, Default)]
pub(super) struct Tasks(Arc<Mutex<JoinSet<()>>>);

/// What starts them. It does not keep them alive, because they have it.
#[derive(Clone)]
pub(super) struct Starter(Weak<Mutex<JoinSet<()>>>);

impl Tasks {
    pub(super) fn executor(&self) -> Starter {
        Starter(Arc::downgrade(&self.0))
    }

    /// Whether there are not too many.
    pub(super) fn are_few(&self) -> bool {
        let mut tasks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        while tasks.try_join_next().is_some() {}
        tasks.len() < TASKS
    }

    pub(super) fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl<F: Future<Output: Send> + Send + 'static> Executor<F> for Starter {
    fn execute(&self, task: F) {
        let Some(tasks) = self.0.upgrade() else {
            // The connection is gone, and nobody waits for this.
            return;
        };
        let mut tasks = tasks.lock().unwrap_or_else(PoisonError::into_inner);
        while tasks.try_join_next().is_some() {}
        tasks.spawn(async move {
            task.await;
        });
    }
}

/// A connection that says whether all that was written has left: TLS takes more than the system does, and keeps it.
pub(super) struct Flushing<I> {
    io: I,
    unsent: Arc<AtomicBool>,
}

impl<I> Flushing<I> {
    pub(super) fn new(io: I) -> (Self, Arc<AtomicBool>) {
        let unsent = Arc::new(AtomicBool::new(false));
        (
            Self {
                io,
                unsent: Arc::clone(&unsent),
            },
            unsent,
        )
    }

    fn wrote(&self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if matches!(written, Poll::Ready(Ok(1..))) {
            self.unsent.store(true, Ordering::Relaxed);
        }
        written
    }
}

impl<I: Read + Unpin> Read for Flushing<I> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, buf)
    }
}

impl<I: Write + Unpin> Write for Flushing<I> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write(cx, buf);
        self.wrote(written)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.io).poll_flush(cx);
        if flushed.is_ready() {
            self.unsent.store(false, Ordering::Relaxed);
        }
        flushed
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write_vectored(cx, bufs);
        self.wrote(written)
    }
}
