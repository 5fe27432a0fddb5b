//! Listens, with bounds on what clients may hold open, and stops gracefully.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::serve::Listener;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, Sleep, sleep};

use crate::http::router;
use crate::state::AppState;

/// How many connections are open at once; more wait to be accepted.
const MAX_CONNECTIONS: usize = 2048;
/// How long a client may be silent before its connection is closed.
const MAX_SILENCE: Duration = Duration::from_secs(90);
/// How long requests that run may take to end after the signal to stop.
const DRAIN: Duration = Duration::from_secs(30);
/// How long to wait before accepting again when the system has no room for another connection.
const BREATHER: Duration = Duration::from_millis(200);

/// Serves until `stop` ends, then lets running requests finish, for at most 30 seconds.
pub async fn serve(
    listener: TcpListener,
    state: AppState,
    stop: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let (told, mut hears) = tokio::sync::watch::channel(false);
    let stopping = async move {
        stop.await;
        // Nobody listening any more means that serving ended by itself.
        let _ = told.send(true);
    };
    let bounded = Bounded {
        listener,
        room: Arc::new(Semaphore::new(MAX_CONNECTIONS)),
    };
    let serving = axum::serve(bounded, router(state)).with_graceful_shutdown(stopping);
    let overdue = async move {
        // An error means that the other side is gone, which happens after the signal only.
        let _ = hears.wait_for(|stopped| *stopped).await;
        sleep(DRAIN).await;
    };
    tokio::select! {
        result = serving => result,
        () = overdue => {
            tracing::warn!("some requests did not end in time and were cut off");
            Ok(())
        }
    }
}

/// Accepts connections while there is room.
struct Bounded {
    listener: TcpListener,
    room: Arc<Semaphore>,
}

impl Listener for Bounded {
    type Io = Watched;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Watched, SocketAddr) {
        loop {
            let Ok(place) = Arc::clone(&self.room).acquire_owned().await else {
                // The semaphore is never closed.
                std::future::pending::<()>().await;
                continue;
            };
            match self.listener.accept().await {
                Ok((stream, address)) => {
                    // Answers are small and written at once; waiting to fill a packet would only delay them.
                    let _ = stream.set_nodelay(true);
                    let silence = Box::pin(sleep(MAX_SILENCE));
                    return (
                        Watched {
                            stream,
                            silence,
                            _place: place,
                        },
                        address,
                    );
                }
                Err(error) => {
                    tracing::debug!(%error, "a connection could not be accepted");
                    sleep(BREATHER).await;
                }
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// A connection that ends when its client is silent for too long.
struct Watched {
    stream: TcpStream,
    silence: Pin<Box<Sleep>>,
    _place: OwnedSemaphorePermit,
}

impl Watched {
    fn heard(&mut self) {
        self.silence.as_mut().reset(Instant::now() + MAX_SILENCE);
    }
}

impl AsyncRead for Watched {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match Pin::new(&mut self.stream).poll_read(cx, buffer) {
            Poll::Ready(result) => {
                self.heard();
                Poll::Ready(result)
            }
            Poll::Pending => {
                ready!(self.silence.as_mut().poll(cx));
                Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
            }
        }
    }
}

impl AsyncWrite for Watched {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.stream).poll_write(cx, bytes));
        self.heard();
        Poll::Ready(written)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.stream).poll_write_vectored(cx, parts));
        self.heard();
        Poll::Ready(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
