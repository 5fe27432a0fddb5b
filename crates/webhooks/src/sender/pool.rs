//! Connections to receivers, which are kept open between calls.
//!
//! A connection of HTTP/1.1 carries one call at a time. It belongs to that call, which drives it itself: writing and
//! reading need no task of their own, and nothing is handed from thread to thread. Between two calls nobody drives it, so
//! whether it is still open shows when the next call takes it. A connection of HTTP/2 carries many calls at once, and is a
//! task.

use std::collections::{HashMap, VecDeque};
use std::error::Error as StdError;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::header::{HOST, HeaderValue};
use http::uri::{Authority, Parts, Scheme};
use http::{HeaderMap, Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Body as _, Incoming};
use hyper::client::conn::{http1, http2};
use hyper::rt::Executor as _;
use hyper_rustls::{HttpsConnector, MaybeHttpsStream};
use hyper_util::client::legacy::connect::Connection as _;
use hyper_util::rt::TokioTimer;
use tokio::time::{Instant, timeout};
use tower_service::Service as _;

use super::connect::{Connector, Stream};
use super::parts::{Flushing, Tasks};
use crate::cause::Cause;
use crate::lanes::{CALLS, FLIGHTS};

/// Connections kept open to one receiver between calls, and how long.
const IDLE_CONNECTIONS: usize = FLIGHTS;
const IDLE_LIMIT: Duration = Duration::from_secs(30);
/// Connections of HTTP/1.1 kept open to all receivers together: each is an open file and some memory.
const IDLE_IN_ALL: usize = 2 * CALLS;
/// The most that is read of the head of an answer, in bytes.
const HEAD_LIMIT: usize = 64 * 1024;
/// How long what is left of a request may take to leave when its answer came before.
const REST_WITHIN: Duration = Duration::from_secs(10);
/// When a receiver that speaks HTTP/2 and owes an answer is asked for a sign of life, and how soon it has to give one. Both
/// together are less than the limit of a call, so that a connection that leads nowhere any more costs few calls.
const SIGN_OF_LIFE_AFTER: Duration = Duration::from_secs(5);
const SIGN_OF_LIFE_WITHIN: Duration = Duration::from_secs(3);

type Io = Flushing<MaybeHttpsStream<Stream>>;
type Body = Full<Bytes>;
/// Whom a connection leads to.
type Origin = (Scheme, Authority);
type BoxError = Box<dyn StdError + Send + Sync>;

/// Connections of one way. Cheap to clone; the clones share them.
#[derive(Clone)]
pub(super) struct Pool(Arc<Shared>);

struct Shared {
    connector: HttpsConnector<Connector>,
    idle: Mutex<Idle>,
}

struct Idle<L = Box<Line>> {
    by_origin: HashMap<Origin, Kept<L>>,
    /// How many connections of HTTP/1.1 they are.
    lines: usize,
    /// Whether something sees to it that what is idle for long is closed.
    swept: bool,
}

/// The connections to one receiver that could carry a call.
struct Kept<L> {
    /// Those of HTTP/1.1, the one that was used last at the end.
    lines: VecDeque<(L, Instant)>,
    /// That of HTTP/2, and when it was used last.
    shared: Option<(Channel, Instant)>,
}

/// A connection of HTTP/2. It ends with the last of its clones.
#[derive(Clone)]
struct Channel {
    sender: http2::SendRequest<Body>,
    tasks: Tasks,
}

/// A connection of HTTP/1.1.
struct Line {
    sender: http1::SendRequest<Body>,
    connection: http1::Connection<Io, Body>,
    /// Whether something that was written has not left this machine yet, which TLS keeps to itself.
    unsent: Arc<AtomicBool>,
    /// Whether a proxy at the other end reads requests and sends them on, so that they name their whole target.
    forwards: bool,
    ended: bool,
}

enum Taken {
    Line(Box<Line>),
    Shared(Channel),
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// No connection came about.
    #[error("the receiver could not be connected to")]
    Connecting(#[source] BoxError),
    /// The connection failed the call.
    #[error("the connection failed")]
    Calling {
        /// What HTTP says; nothing where the connection ended without a word.
        source: Option<hyper::Error>,
        /// Whether it had carried a call before, so that the receiver may have closed it between the two.
        reused: bool,
    },
    /// The request names no receiver.
    #[error("the request names no receiver")]
    NoReceiver,
}

impl Failure {
    /// Whether the receiver may have closed the connection between two calls.
    pub(super) fn is_stale(&self) -> bool {
        let Self::Calling { reused: true, .. } = self else {
            return false;
        };
        // A stream that was reset says nothing about the connection, unless the receiver says that it has not looked at it.
        let reset = self.http2().filter(|error| error.is_reset());
        match reset {
            Some(error) => error.reason() == Some(h2::Reason::REFUSED_STREAM),
            None => matches!(Cause::of(self), Cause::Closed | Cause::Reset),
        }
    }

    fn http2(&self) -> Option<&h2::Error> {
        let mut source = self.source();
        while let Some(inner) = source {
            if let Some(error) = inner.downcast_ref() {
                return Some(error);
            }
            source = inner.source();
        }
        None
    }
}

/// The head of an answer, and what the rest will come through.
pub(super) struct Answer {
    response: Response<Incoming>,
    /// The connection, unless it is back in the pool already.
    line: Option<(Box<Line>, Pool, Origin)>,
}

impl Pool {
    pub(super) fn new(connector: HttpsConnector<Connector>) -> Self {
        Self(Arc::new(Shared {
            connector,
            idle: Mutex::default(),
        }))
    }

    /// Sends a request whose URI is absolute; gives the head of the answer.
    pub(super) async fn request(&self, request: Request<Body>) -> Result<Answer, Failure> {
        let origin = origin(request.uri()).ok_or(Failure::NoReceiver)?;
        while let Some(taken) = self.take(&origin) {
            match taken {
                Taken::Line(mut line) => {
                    if line.is_ready().await {
                        return self.call(line, origin, request, true).await;
                    }
                }
                Taken::Shared(mut shared) => {
                    if shared.is_ready().await {
                        return call_shared(shared, request, true).await;
                    }
                    self.forget_shared(&origin, &shared);
                }
            }
        }
        Box::pin(self.connect_and_call(origin, request, false)).await
    }

    /// [`Pool::request`] on a new connection.
    pub(super) async fn request_anew(&self, request: Request<Body>) -> Result<Answer, Failure> {
        let origin = origin(request.uri()).ok_or(Failure::NoReceiver)?;
        self.connect_and_call(origin, request, true).await
    }

    /// `anew`: others may have a connection that could carry the call as well, but it is not used.
    async fn connect_and_call(&self, origin: Origin, request: Request<Body>, anew: bool) -> Result<Answer, Failure> {
        match self.connect(&origin, request.uri(), anew).await? {
            (Taken::Line(line), reused) => self.call(line, origin, request, reused).await,
            (Taken::Shared(shared), reused) => call_shared(shared, request, reused).await,
        }
    }

    /// A connection, and whether it may have carried a call before.
    async fn connect(&self, origin: &Origin, target: &Uri, anew: bool) -> Result<(Taken, bool), Failure> {
        let mut connector = self.0.connector.clone();
        poll_fn(|cx| connector.poll_ready(cx))
            .await
            .map_err(Failure::Connecting)?;
        let io = connector.call(target.clone()).await.map_err(Failure::Connecting)?;
        let failed = |source| Failure::Calling {
            source: Some(source),
            reused: false,
        };
        let connected = io.connected();
        let (io, unsent) = Flushing::new(io);
        if !connected.is_negotiated_h2() {
            let (sender, connection) = http1::Builder::new()
                .max_buf_size(HEAD_LIMIT)
                .handshake(io)
                .await
                .map_err(failed)?;
            let line = Line {
                sender,
                connection,
                unsent,
                forwards: connected.is_proxied(),
                ended: false,
            };
            return Ok((Taken::Line(Box::new(line)), false));
        }
        if let Some(shared) = self.shared(origin).filter(|_| !anew) {
            // Several calls connected at once; one connection is enough for them.
            return Ok((Taken::Shared(shared), true));
        }
        let tasks = Tasks::default();
        let (sender, connection) = http2::Builder::new(tasks.executor())
            .timer(TokioTimer::new())
            .keep_alive_interval(SIGN_OF_LIFE_AFTER)
            .keep_alive_timeout(SIGN_OF_LIFE_WITHIN)
            .max_header_list_size(HEAD_LIMIT as u32)
            .handshake(io)
            .await
            .map_err(failed)?;
        tasks.executor().execute(async move {
            if let Err(error) = connection.await {
                tracing::debug!(error = &error as &dyn StdError, "a connection of HTTP/2 ended");
            }
        });
        let shared = Channel { sender, tasks };
        self.share(origin, shared.clone());
        Ok((Taken::Shared(shared), false))
    }

    async fn call(
        &self,
        mut line: Box<Line>,
        origin: Origin,
        mut request: Request<Body>,
        reused: bool,
    ) -> Result<Answer, Failure> {
        address(&mut request, line.forwards);
        let sent = line.sender.send_request(request);
        let response = match line.drive(sent).await {
            Some(Ok(response)) => response,
            Some(Err(error)) => return Err(failed(Some(error), reused)),
            None => return Err(failed(None, reused)),
        };
        // An answer can come before all of the request has left this machine, and what is left goes on.
        let line = if response.body().is_end_stream() && (line.is_ready().await || line.ended) {
            self.give_back(origin, line);
            None
        } else {
            Some((line, self.clone(), origin))
        };
        Ok(Answer { response, line })
    }

    fn idle(&self) -> MutexGuard<'_, Idle> {
        self.0.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self, origin: &Origin) -> Option<Taken> {
        let mut idle = self.idle();
        let kept = idle.by_origin.get_mut(origin)?;
        if let Some((shared, used)) = &mut kept.shared {
            *used = Instant::now();
            return Some(Taken::Shared(shared.clone()));
        }
        idle.take(origin).map(Taken::Line)
    }

    /// Keeps a connection that is ready for the next call.
    fn give_back(&self, origin: Origin, line: Box<Line>) {
        if line.ended {
            return;
        }
        let mut idle = self.idle();
        if idle.keep(origin, line, Instant::now()) {
            self.is_swept(idle);
        }
    }

    fn shared(&self, origin: &Origin) -> Option<Channel> {
        let idle = self.idle();
        let (shared, _) = idle.by_origin.get(origin)?.shared.as_ref()?;
        shared.is_open().then(|| shared.clone())
    }

    /// Has later calls use a connection of HTTP/2. One from before ends with its last call.
    fn share(&self, origin: &Origin, shared: Channel) {
        let mut idle = self.idle();
        let kept = idle.by_origin.entry(origin.clone()).or_default();
        let before = kept.shared.replace((shared, Instant::now()));
        self.is_swept(idle);
        drop(before);
    }

    /// Has later calls not use a connection that is of no use any more.
    fn forget_shared(&self, origin: &Origin, dead: &Channel) {
        let mut idle = self.idle();
        let forgotten = idle
            .by_origin
            .get_mut(origin)
            .and_then(|kept| kept.shared.take_if(|(shared, _)| shared.tasks.is_same(&dead.tasks)));
        drop(idle);
        drop(forgotten);
    }

    fn is_swept(&self, mut idle: MutexGuard<'_, Idle>) {
        if !idle.swept {
            idle.swept = true;
            tokio::spawn(sweep(Arc::downgrade(&self.0)));
        }
    }
}

/// Closes what nobody used for a while, as long as there is something.
async fn sweep(pool: Weak<Shared>) {
    loop {
        tokio::time::sleep(IDLE_LIMIT / 4).await;
        let Some(shared) = pool.upgrade() else {
            return;
        };
        // They are closed when the pool is no longer locked.
        let (closed, is_empty) = Pool(shared).idle().sweep(Instant::now());
        for (line, _) in closed.into_iter().flat_map(|kept| kept.lines) {
            line.close().await;
        }
        if is_empty {
            return;
        }
    }
}

impl<L> Default for Idle<L> {
    fn default() -> Self {
        Self {
            by_origin: HashMap::new(),
            lines: 0,
            swept: false,
        }
    }
}

impl<L> Default for Kept<L> {
    fn default() -> Self {
        Self {
            lines: VecDeque::new(),
            shared: None,
        }
    }
}

impl<L> Idle<L> {
    /// Keeps a connection of HTTP/1.1, unless its receiver has enough of them or there are enough in all.
    fn keep(&mut self, origin: Origin, line: L, now: Instant) -> bool {
        if self.lines >= IDLE_IN_ALL {
            return false;
        }
        let lines = &mut self.by_origin.entry(origin).or_default().lines;
        if lines.len() >= IDLE_CONNECTIONS {
            return false;
        }
        lines.push_back((line, now));
        self.lines += 1;
        true
    }

    /// Takes the connection of HTTP/1.1 that was used last.
    fn take(&mut self, origin: &Origin) -> Option<L> {
        let (line, _) = self.by_origin.get_mut(origin)?.lines.pop_back()?;
        self.lines -= 1;
        Some(line)
    }

    /// Takes out what was used last longer ago than is kept; tells whether nothing is left, and then nothing sweeps on.
    fn sweep(&mut self, now: Instant) -> (Vec<Kept<L>>, bool) {
        let is_old = |used: Instant| now.duration_since(used) >= IDLE_LIMIT;
        let mut closed = Vec::new();
        self.by_origin.retain(|_, kept| {
            let old = kept.lines.iter().take_while(|(_, used)| is_old(*used)).count();
            closed.push(Kept {
                lines: kept.lines.drain(..old).collect(),
                shared: kept.shared.take_if(|(shared, used)| !shared.is_open() || is_old(*used)),
            });
            !kept.lines.is_empty() || kept.shared.is_some()
        });
        self.lines -= closed.iter().map(|kept| kept.lines.len()).sum::<usize>();
        self.swept = !self.by_origin.is_empty();
        (closed, !self.swept)
    }
}

impl Line {
    /// Drives the connection until something has come of what goes through it; nothing if the connection ends first.
    async fn drive<T>(&mut self, what: impl Future<Output = T>) -> Option<T> {
        let mut what = pin!(what);
        poll_fn(|cx| {
            self.ended = self.ended || Pin::new(&mut self.connection).poll(cx).is_ready();
            match what.as_mut().poll(cx) {
                Poll::Ready(done) => Poll::Ready(Some(done)),
                Poll::Pending if self.ended => Poll::Ready(None),
                Poll::Pending => Poll::Pending,
            }
        })
        .await
    }

    /// Whether it can carry a call now. A receiver that has closed it is noticed here.
    async fn is_ready(&mut self) -> bool {
        poll_fn(|cx| Poll::Ready(self.poll_ready(cx).is_ready() && !self.ended)).await
    }

    /// Waits until it can carry another call or has ended.
    async fn settle(&mut self) {
        poll_fn(|cx| self.poll_ready(cx)).await;
    }

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.ended = self.ended || Pin::new(&mut self.connection).poll(cx).is_ready();
        if self.ended {
            return Poll::Ready(());
        }
        match self.sender.poll_ready(cx) {
            Poll::Ready(Ok(())) if !self.unsent.load(Ordering::Relaxed) => Poll::Ready(()),
            Poll::Ready(Err(_)) => {
                self.ended = true;
                Poll::Ready(())
            }
            _ => Poll::Pending,
        }
    }

    /// Closes it in the way that TLS wants it: not as if it had been cut off.
    async fn close(self) {
        let Self {
            sender, mut connection, ..
        } = self;
        drop(sender);
        poll_fn(|cx| {
            let _ = Pin::new(&mut connection).poll(cx);
            Poll::Ready(())
        })
        .await;
    }
}

impl Channel {
    async fn is_ready(&mut self) -> bool {
        self.sender.ready().await.is_ok() && self.is_open()
    }

    fn is_open(&self) -> bool {
        !self.sender.is_closed() && self.tasks.are_few()
    }
}

impl Answer {
    pub(super) fn status(&self) -> StatusCode {
        self.response.status()
    }

    pub(super) fn headers(&self) -> &HeaderMap {
        self.response.headers()
    }

    /// Whether there is nothing more to read and to send.
    pub(super) fn is_done(&self) -> bool {
        self.line.is_none() && self.response.body().is_end_stream()
    }

    /// Reads the rest for a moment, unless it has more bytes than `most`, and sends what is left of the request, so that
    /// the connection can be used again. The answer counts already.
    pub(super) async fn finish(self, most: usize, moment: Duration) {
        let rest = timeout(moment, drain(self.response.into_body(), most));
        let Some((mut line, pool, origin)) = self.line else {
            let _ = rest.await;
            return;
        };
        let is_read = line.drive(rest).await == Some(Ok(true));
        let settled = timeout(REST_WITHIN, line.settle()).await.is_ok();
        if is_read && settled {
            pool.give_back(origin, line);
        }
    }
}

/// Reads a body and drops it; false if it did not end within so many bytes, or broke off.
async fn drain(mut body: Incoming, most: usize) -> bool {
    let mut left = most;
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else {
            return false;
        };
        let length = frame.data_ref().map_or(0, Bytes::len);
        match left.checked_sub(length) {
            Some(rest) => left = rest,
            None => return false,
        }
    }
    true
}

async fn call_shared(mut shared: Channel, request: Request<Body>, reused: bool) -> Result<Answer, Failure> {
    let sent = shared.sender.send_request(request).await;
    let response = sent.map_err(|error| failed(Some(error), reused))?;
    Ok(Answer { response, line: None })
}

fn failed(source: Option<hyper::Error>, reused: bool) -> Failure {
    Failure::Calling { source, reused }
}

fn origin(target: &Uri) -> Option<Origin> {
    Some((target.scheme()?.clone(), target.authority()?.clone()))
}

/// Puts the receiver into `Host` and, unless a proxy has to know it, leaves it out of the target (RFC 9112 section 3.2).
fn address(request: &mut Request<Body>, forwards: bool) {
    let host = request.uri().authority().map(Authority::as_str).unwrap_or_default();
    if let Ok(host) = HeaderValue::from_str(host) {
        request.headers_mut().insert(HOST, host);
    }
    if !forwards {
        let mut parts = Parts::default();
        parts.path_and_query = request.uri().path_and_query().cloned();
        if let Ok(target) = Uri::from_parts(parts) {
            *request.uri_mut() = target;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn receiver(number: usize) -> Origin {
        (Scheme::HTTP, format!("r{number}.example").parse().unwrap())
    }

    #[test]
    fn only_so_many_connections_are_kept_for_a_receiver_and_for_all_together() {
        let now = Instant::now();
        let mut idle = Idle::default();
        for line in 0..IDLE_CONNECTIONS {
            assert!(idle.keep(receiver(0), line, now));
        }
        assert!(!idle.keep(receiver(0), 99, now), "enough for one");
        for number in IDLE_CONNECTIONS..IDLE_IN_ALL {
            assert!(idle.keep(receiver(number), number, now));
        }
        assert!(!idle.keep(receiver(IDLE_IN_ALL), 99, now), "enough in all");
        assert_eq!(idle.take(&receiver(0)), Some(IDLE_CONNECTIONS - 1), "the one used last");
        assert!(idle.keep(receiver(IDLE_IN_ALL), 99, now), "there is room again");
        assert_eq!(idle.take(&receiver(IDLE_IN_ALL + 1)), None);

        let later = now + IDLE_LIMIT;
        assert_eq!(idle.take(&receiver(1_000)), Some(1_000));
        assert!(idle.keep(receiver(1_000), 1_000, later));
        let (closed, is_empty) = idle.sweep(later);
        assert_eq!(
            closed.iter().map(|kept| kept.lines.len()).sum::<usize>(),
            IDLE_IN_ALL - 1
        );
        assert!(!is_empty);
        assert_eq!(idle.lines, 1);
        for number in 0..IDLE_IN_ALL - 1 {
            assert!(
                idle.keep(receiver(10_000 + number), number, later),
                "what is closed takes no room"
            );
        }
        assert!(!idle.keep(receiver(0), 0, later));
    }
}
