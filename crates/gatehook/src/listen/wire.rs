//! Connections that misbehave below HTTP: broken off at a chosen moment, or a byte a second.

use std::future::Future as _;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::serve::Listener;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::{Instant, Sleep};

use crate::listen::receiver::{Arrival, Manner, Reset};

/// How far an answer gets that is broken off: into its head, so that the caller has no status yet.
const MIDDLE: usize = 12;
/// The pause between two bytes of a slow answer.
const SLOW: Duration = Duration::from_secs(1);

/// Accepts connections.
pub(super) struct Wires {
    listener: TcpListener,
    refuses: bool,
    fault: Fault,
    arrivals: mpsc::Sender<Arrival>,
}

/// What is wrong with the connections.
#[derive(Debug, Clone, Copy)]
enum Fault {
    /// Nothing.
    None,
    /// They break when so many bytes have been written.
    BreakAfter(usize),
    /// They pause after each byte.
    Slow,
}

impl Wires {
    pub(super) fn new(listener: TcpListener, manner: &Manner, arrivals: mpsc::Sender<Arrival>) -> Self {
        Self {
            listener,
            refuses: matches!(manner, Manner::Reset(Reset::Accept)),
            fault: match manner {
                Manner::Reset(Reset::Call) => Fault::BreakAfter(0),
                Manner::Reset(Reset::Answer) => Fault::BreakAfter(MIDDLE),
                Manner::Slow => Fault::Slow,
                _ => Fault::None,
            },
            arrivals,
        }
    }
}

impl Listener for Wires {
    type Io = Wire;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Wire, SocketAddr) {
        loop {
            let (stream, peer) = Listener::accept(&mut self.listener).await;
            if self.refuses {
                let _ = stream.set_zero_linger();
                drop(stream);
                // Nobody takes arrivals any more only when the program ends.
                let _ = self.arrivals.send(Arrival::Refused(peer)).await;
                continue;
            }
            let wire = Wire {
                stream,
                fault: self.fault,
                pause: Box::pin(tokio::time::sleep(Duration::ZERO)),
            };
            return (wire, peer);
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// A connection.
pub(super) struct Wire {
    stream: TcpStream,
    fault: Fault,
    /// Over when a slow connection may write its next byte.
    pause: Pin<Box<Sleep>>,
}

impl AsyncRead for Wire {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Wire {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.fault {
            Fault::None => Pin::new(&mut self.stream).poll_write(cx, bytes),
            Fault::BreakAfter(0) => {
                // Closed like this, the other side gets a reset instead of an orderly end.
                self.stream.set_zero_linger()?;
                Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()))
            }
            Fault::BreakAfter(left) => {
                let bytes = bytes.get(..left).unwrap_or(bytes);
                let written = ready!(Pin::new(&mut self.stream).poll_write(cx, bytes))?;
                self.fault = Fault::BreakAfter(left.saturating_sub(written));
                Poll::Ready(Ok(written))
            }
            Fault::Slow => {
                ready!(self.pause.as_mut().poll(cx));
                let bytes = bytes.get(..1).unwrap_or(bytes);
                let written = ready!(Pin::new(&mut self.stream).poll_write(cx, bytes))?;
                self.pause.as_mut().reset(Instant::now() + SLOW);
                Poll::Ready(Ok(written))
            }
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if matches!(self.fault, Fault::BreakAfter(0)) {
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
