//! The receiver: as fast as it can be, yet it checks the signature and the id of every call.

use std::collections::HashSet;
use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use bytes::Bytes;
use gatehook_webhooks::signature::{SIGNATURE_HEADER, verify};
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use secrecy::SecretString;
use tokio::net::TcpListener;

/// What all calls are signed with.
pub(crate) const SECRET: &str = "bench-secret-0123456789";
/// Calls to this path are not counted, and not answered while the receiver hangs.
pub(crate) const HANGING: &str = "/hanging";
/// How long nothing may arrive before waiting for more is given up.
const PATIENCE: Duration = Duration::from_mins(1);

/// A running receiver. It listens on all addresses, so each address 127.x.y.z is a destination of its own.
#[derive(Clone)]
pub(crate) struct Receiver {
    port: u16,
    shared: Arc<Shared>,
}

struct Shared {
    secret: SecretString,
    hangs: AtomicBool,
    keeps_arrivals: AtomicBool,
    seen: Mutex<Seen>,
}

/// What arrived since the receiver was last emptied.
#[derive(Default)]
pub(crate) struct Seen {
    ids: HashSet<u128>,
    /// Calls whose id had been seen.
    pub(crate) repeats: usize,
    /// Calls without a valid signature or id.
    pub(crate) wrong: usize,
    /// When the first and the last counted call arrived.
    pub(crate) span: Option<(Instant, Instant)>,
    /// Project and moment of each call, if they are kept.
    pub(crate) arrivals: Vec<(String, Instant)>,
}

impl Receiver {
    /// Starts it on a port of the system's choice.
    pub(crate) async fn start() -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0)).await?;
        let receiver = Self {
            port: listener.local_addr()?.port(),
            shared: Arc::new(Shared {
                secret: SECRET.into(),
                hangs: AtomicBool::new(false),
                keeps_arrivals: AtomicBool::new(false),
                seen: Mutex::default(),
            }),
        };
        tokio::spawn(accept(listener, receiver.shared.clone()));
        Ok(receiver)
    }

    /// The address of the destination of this number.
    pub(crate) fn destination(&self, number: usize) -> SocketAddr {
        let [high, low] = [(number / 250) as u8, (number % 250 + 1) as u8];
        SocketAddr::from((Ipv4Addr::new(127, 1, high, low), self.port))
    }

    /// Forgets what arrived.
    pub(crate) fn empty(&self) {
        *self.shared.seen() = Seen::default();
    }

    /// Whether calls to [`HANGING`] are left without an answer.
    pub(crate) fn hang(&self, hangs: bool) {
        self.shared.hangs.store(hangs, Ordering::SeqCst);
    }

    /// Whether it is kept when which project's call arrived.
    pub(crate) fn keep_arrivals(&self, keeps: bool) {
        self.shared.keeps_arrivals.store(keeps, Ordering::SeqCst);
    }

    /// How many different calls arrived.
    pub(crate) fn count(&self) -> usize {
        self.shared.seen().ids.len()
    }

    /// Waits until so many different calls have arrived, and gives the time from the first to the last of them. An error
    /// when a call was wrong, or came twice though nothing failed.
    pub(crate) async fn wait_for(&self, count: usize) -> Result<Duration> {
        let (mut before, mut since) = (0, Instant::now());
        loop {
            let now = self.count();
            if now >= count {
                break;
            }
            if now > before {
                (before, since) = (now, Instant::now());
            }
            ensure!(
                since.elapsed() < PATIENCE,
                "only {now} of {count} calls arrived, and no more within {} s",
                PATIENCE.as_secs()
            );
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let seen = self.shared.seen();
        ensure!(seen.wrong == 0, "{} calls had no valid signature or id", seen.wrong);
        ensure!(seen.repeats == 0, "{} calls came more than once", seen.repeats);
        Ok(seen.span.map_or(Duration::ZERO, |(first, last)| last - first))
    }

    /// Takes what was kept about arrivals.
    pub(crate) fn take_arrivals(&self) -> Vec<(String, Instant)> {
        std::mem::take(&mut self.shared.seen().arrivals)
    }
}

impl Shared {
    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    while let Ok((stream, _)) = listener.accept().await {
        let _ = stream.set_nodelay(true);
        let shared = shared.clone();
        tokio::spawn(async move {
            let service = service_fn(move |request| receive(shared.clone(), request));
            let _ = http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}

async fn receive(shared: Arc<Shared>, request: Request<Incoming>) -> Result<Response<Empty<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map(http_body_util::Collected::to_bytes);
    let header = |name: &str| head.headers.get(name).and_then(|value| value.to_str().ok());
    let signed = match (&body, header(SIGNATURE_HEADER)) {
        (Ok(body), Some(signature)) => verify(&shared.secret, body, signature),
        _ => false,
    };
    let id = header("X-Gatehook-Delivery").and_then(number);
    if head.uri.path() == HANGING {
        if shared.hangs.load(Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
    } else {
        let now = Instant::now();
        let mut seen = shared.seen();
        match id.filter(|_| signed) {
            Some(id) if seen.ids.insert(id) => {
                let first = seen.span.map_or(now, |(first, _)| first);
                seen.span = Some((first, now));
            }
            Some(_) => seen.repeats += 1,
            None => seen.wrong += 1,
        }
        if shared.keeps_arrivals.load(Ordering::Relaxed) {
            let project = header("X-SonarQube-Project").unwrap_or_default().to_owned();
            seen.arrivals.push((project, now));
        }
    }
    let mut answer = Response::new(Empty::new());
    if !signed {
        *answer.status_mut() = StatusCode::UNAUTHORIZED;
    }
    Ok(answer)
}

/// The number that a UUID is.
fn number(id: &str) -> Option<u128> {
    let mut number = 0;
    let mut digits = 0;
    for letter in id.chars().filter(|letter| *letter != '-') {
        number = number << 4 | u128::from(letter.to_digit(16)?);
        digits += 1;
    }
    (digits == 32).then_some(number)
}
