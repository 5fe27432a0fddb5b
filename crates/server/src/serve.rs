//! Listens, with bounds on what clients may hold open, and stops gracefully.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, Sleep, sleep};

use crate::http::router;
use crate::state::AppState;

/// How many connections are open at once; more wait to be accepted.
const MAX_CONNECTIONS: usize = 2048;
/// How long requests that run may take to end after the signal to stop.
const DRAIN: Duration = Duration::from_secs(30);
/// How long to wait before accepting again when the system has no room for another connection.
const BREATHER: Duration = Duration::from_millis(200);

/// How long clients may take.
#[derive(Debug, Clone, Copy)]
struct Patience {
    /// From the first byte of a request to the end of its headers.
    head: Duration,
    /// Between two bytes of a body, and between two requests.
    silence: Duration,
}

const PATIENCE: Patience = Patience {
    head: Duration::from_secs(30),
    silence: Duration::from_secs(90),
};

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
        patience: PATIENCE,
    };
    let app = router(state).into_make_service_with_connect_info::<Line>();
    let serving = axum::serve(bounded, app).with_graceful_shutdown(stopping);
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

/// Whether a connection is at a request whose headers have come; told by the router, asked by the connection.
#[derive(Debug, Clone, Default)]
pub(crate) struct Line(Arc<AtomicBool>);

impl Line {
    /// The headers have come; what follows is the body and the answer.
    pub(crate) fn is_answering(&self, answering: bool) {
        self.0.store(answering, Ordering::Release);
    }

    fn answers(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

impl Connected<IncomingStream<'_, Bounded>> for Line {
    fn connect_info(stream: IncomingStream<'_, Bounded>) -> Self {
        stream.io().line.clone()
    }
}

/// Accepts connections while there is room.
struct Bounded {
    listener: TcpListener,
    room: Arc<Semaphore>,
    patience: Patience,
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
                    return (Watched::new(stream, self.patience, place), address);
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

/// A connection that ends when its client takes too long: to send the headers of a request as a whole, or to send
/// anything at all.
struct Watched {
    stream: TcpStream,
    patience: Patience,
    line: Line,
    /// Whether headers are on their way; the timer then runs from their first byte and is not set back.
    in_head: bool,
    timer: Pin<Box<Sleep>>,
    _place: OwnedSemaphorePermit,
}

impl Watched {
    fn new(stream: TcpStream, patience: Patience, place: OwnedSemaphorePermit) -> Self {
        let timer = Box::pin(sleep(patience.head));
        // The wait for the first request counts as part of its headers.
        Self {
            stream,
            patience,
            line: Line::default(),
            in_head: true,
            timer,
            _place: place,
        }
    }

    fn wait(&mut self, time: Duration) {
        self.timer.as_mut().reset(Instant::now() + time);
    }

    fn heard(&mut self) {
        if self.line.answers() {
            self.in_head = false;
            self.wait(self.patience.silence);
        } else if !self.in_head {
            self.in_head = true;
            self.wait(self.patience.head);
        }
    }

    fn told(&mut self) {
        self.in_head = false;
        self.wait(self.patience.silence);
    }

    /// Nothing is read while an answer waits for a client that has sent its next request already, so the time runs here
    /// as well.
    fn after_write(&mut self, written: Poll<io::Result<usize>>, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        if written.is_ready() {
            self.told();
            return written;
        }
        ready!(self.timer.as_mut().poll(cx));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
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
                if self.in_head && self.line.answers() {
                    self.told();
                }
                ready!(self.timer.as_mut().poll(cx));
                Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
            }
        }
    }
}

impl AsyncWrite for Watched {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.after_write(written, cx)
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
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, parts);
        self.after_write(written, cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::routing::get;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    #[tokio::test]
    async fn a_client_that_never_ends_its_headers_is_cut_off() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let patience = Patience {
            head: Duration::from_millis(50),
            silence: Duration::from_mins(10),
        };
        let bounded = Bounded {
            listener,
            room: Arc::new(Semaphore::new(1)),
            patience,
        };
        let app = Router::new()
            .route("/", get(|| async { "hello" }))
            .into_make_service_with_connect_info::<Line>();
        tokio::spawn(axum::serve(bounded, app).into_future());

        let mut slow = TcpStream::connect(address).await.unwrap();
        slow.write_all(b"GET / HTTP/1.1\r\nHost: x\r\nX-Endless: ")
            .await
            .unwrap();
        let mut answer = Vec::new();
        // Returns when the server closes, and would not return otherwise.
        let _ = slow.read_to_end(&mut answer).await;
        assert!(!answer.starts_with(b"HTTP/1.1 200"));

        // There is room for one connection only, so this also shows that the place was given back.
        let mut quick = TcpStream::connect(address).await.unwrap();
        quick
            .write_all(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            .await
            .unwrap();
        let mut answer = Vec::new();
        quick.read_to_end(&mut answer).await.unwrap();
        assert!(answer.starts_with(b"HTTP/1.1 200"));
    }

    #[tokio::test]
    async fn a_client_that_never_reads_its_answers_is_cut_off() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let patience = Patience {
            head: Duration::from_mins(10),
            silence: Duration::from_millis(50),
        };
        let bounded = Bounded {
            listener,
            room: Arc::new(Semaphore::new(1)),
            patience,
        };
        let app = Router::new()
            .route("/", get(|| async { "x".repeat(1024 * 1024) }))
            .into_make_service_with_connect_info::<Line>();
        tokio::spawn(axum::serve(bounded, app).into_future());

        let mut deaf = TcpStream::connect(address).await.unwrap();
        // Ends when the server closes; otherwise both sides would wait for each other for ever.
        while deaf.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.is_ok() {}
    }
}
