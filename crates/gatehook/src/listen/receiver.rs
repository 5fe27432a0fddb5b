//! The receiver: takes calls, hands them on, and answers as it was told.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context, Result};
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, State};
use axum::http::header::LOCATION;
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri};
use axum::response::Response;
use futures_util::stream;
use gatehook_webhooks::signature::{SIGNATURE_HEADER, verify};
use secrecy::SecretString;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::listen::wire::Wires;

/// The largest call that is taken, in bytes. Payloads have some kilobytes.
const MAX_BODY: usize = 8 * 1024 * 1024;
/// How many calls wait to be printed before receivers are made to wait.
const WAITING: usize = 64;
/// How long the last answers have to go out, beside the delay that was asked for.
const LAST_ANSWERS: Duration = Duration::from_secs(2);
/// A piece of a body that never ends.
const PIECE: &[u8] = &[b'.'; 16 * 1024];

/// How a receiver behaves.
#[derive(Debug, Clone)]
pub(crate) struct Behaviour {
    /// The statuses of the answers, in turn. None means 200.
    pub(crate) statuses: Vec<StatusCode>,
    /// How long it waits before it answers.
    pub(crate) delay: Duration,
    /// What it does then.
    pub(crate) manner: Manner,
}

impl Default for Behaviour {
    /// Answers 200 at once.
    fn default() -> Self {
        Self {
            statuses: Vec::new(),
            delay: Duration::ZERO,
            manner: Manner::Answer,
        }
    }
}

/// What a receiver does with a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Manner {
    /// Answers.
    Answer,
    /// Never answers.
    Hang,
    /// Breaks the connection off.
    Reset(Reset),
    /// Answers with a body that never ends.
    Endless,
    /// Answers with one byte a second.
    Slow,
    /// Sends the caller elsewhere.
    Redirect(HeaderValue),
}

impl Manner {
    /// One word for it.
    pub(crate) const fn as_str(&self) -> &'static str {
        match self {
            Self::Answer => "answer",
            Self::Hang => "hang",
            Self::Reset(_) => "reset",
            Self::Endless => "endless",
            Self::Slow => "slow",
            Self::Redirect(_) => "redirect",
        }
    }
}

/// When a connection is broken off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Reset {
    /// As soon as it stands; the call is not read.
    Accept,
    /// After the call was read.
    Call,
    /// In the middle of the answer.
    Answer,
}

/// What came in.
#[derive(Debug, Clone)]
pub(crate) enum Arrival {
    /// A call, and how it is answered.
    Call(Call, Planned),
    /// A connection that was broken off before anything was read from it.
    Refused(SocketAddr),
}

/// How a call is answered.
#[derive(Debug, Clone)]
pub(crate) struct Planned {
    /// The status that the caller gets to see; none when it sees no whole answer.
    pub(crate) status: Option<StatusCode>,
    /// What is done.
    pub(crate) manner: Manner,
}

/// A call that arrived.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) path: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Call {
    /// A header's value.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(found, _)| found.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// Whether the call is signed with the secret.
    pub(crate) fn signature(&self, secret: Option<&SecretString>) -> Signature {
        match (secret, self.header(SIGNATURE_HEADER)) {
            (_, None) => Signature::Absent,
            (None, Some(_)) => Signature::NotChecked,
            (Some(secret), Some(found)) if verify(secret, &self.body, found) => Signature::Valid,
            (Some(_), Some(_)) => Signature::Wrong,
        }
    }
}

/// What became of checking a signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Signature {
    /// The call has none.
    Absent,
    /// It has one, and no secret is known to check it with.
    NotChecked,
    /// It was made with the secret over exactly these bytes.
    Valid,
    /// It was not.
    Wrong,
}

impl Signature {
    /// One word for it.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Absent => "absent",
            Self::NotChecked => "not checked",
            Self::Valid => "valid",
            Self::Wrong => "WRONG",
        }
    }
}

/// A receiver that hands its calls on.
pub(crate) struct Receiver {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    arrivals: mpsc::Receiver<Arrival>,
    behaviour: Arc<Behaviour>,
    stop: CancellationToken,
    server: JoinHandle<()>,
}

struct Shared {
    arrivals: mpsc::Sender<Arrival>,
    behaviour: Arc<Behaviour>,
    calls: AtomicUsize,
}

impl Receiver {
    /// Starts a receiver.
    pub(crate) async fn start(listen: SocketAddr, behaviour: Behaviour) -> Result<Self> {
        let listener = TcpListener::bind(listen)
            .await
            .with_context(|| format!("cannot listen on {listen}"))?;
        let address = listener.local_addr()?;
        let behaviour = Arc::new(behaviour);
        let (sender, arrivals) = mpsc::channel(WAITING);
        let app = Router::new()
            .fallback(receive)
            .layer(DefaultBodyLimit::max(MAX_BODY))
            .with_state(Arc::new(Shared {
                arrivals: sender.clone(),
                behaviour: behaviour.clone(),
                calls: AtomicUsize::new(0),
            }));
        let wires = Wires::new(listener, &behaviour.manner, sender);
        let stop = CancellationToken::new();
        let stopped = stop.clone().cancelled_owned();
        let server = tokio::spawn(async move {
            if let Err(error) = axum::serve(wires, app).with_graceful_shutdown(stopped).await {
                tracing::error!(%error, "the receiver failed");
            }
        });
        Ok(Self {
            address,
            arrivals,
            behaviour,
            stop,
            server,
        })
    }

    /// What comes in next. Nothing when the receiver has failed.
    pub(crate) async fn next(&mut self) -> Option<Arrival> {
        self.arrivals.recv().await
    }

    /// The next call.
    pub(crate) async fn next_call(&mut self) -> Option<Call> {
        loop {
            if let Arrival::Call(call, _) = self.next().await? {
                return Some(call);
            }
        }
    }

    /// Takes no more calls and waits until those that are to be answered have been.
    pub(crate) async fn finish(self) {
        self.stop.cancel();
        if self.behaviour.manner != Manner::Hang {
            let limit = self.behaviour.delay + LAST_ANSWERS;
            // What is not answered by then is answered slowly on purpose, or nobody reads it.
            let _ = tokio::time::timeout(limit, self.server).await;
        }
    }
}

async fn receive(State(shared): State<Arc<Shared>>, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let call = Call {
        path: uri.path().to_owned(),
        headers: headers
            .iter()
            .map(|(name, value)| {
                (
                    name.as_str().to_owned(),
                    String::from_utf8_lossy(value.as_bytes()).into_owned(),
                )
            })
            .collect(),
        body: body.to_vec(),
    };
    let Behaviour {
        statuses,
        delay,
        manner,
    } = &*shared.behaviour;
    let turn = shared.calls.fetch_add(1, Ordering::Relaxed);
    let status = turn
        .checked_rem(statuses.len())
        .and_then(|turn| statuses.get(turn).copied())
        .unwrap_or_default();
    let planned = Planned {
        status: (!matches!(manner, Manner::Hang | Manner::Reset(_))).then_some(status),
        manner: manner.clone(),
    };
    // Nobody takes calls any more only when the program ends.
    let _ = shared.arrivals.send(Arrival::Call(call, planned)).await;
    tokio::time::sleep(*delay).await;
    answer(manner, status).await
}

/// What is to be answered; the wire sees to it that it goes out as badly as it should.
async fn answer(manner: &Manner, status: StatusCode) -> Response {
    let body = match manner {
        Manner::Hang => std::future::pending().await,
        Manner::Endless => Body::from_stream(stream::repeat_with(|| {
            Ok::<_, std::convert::Infallible>(Bytes::from_static(PIECE))
        })),
        _ => Body::empty(),
    };
    let mut answer = Response::new(body);
    *answer.status_mut() = status;
    if let Manner::Redirect(target) = manner {
        answer.headers_mut().insert(LOCATION, target.clone());
    }
    answer
}
