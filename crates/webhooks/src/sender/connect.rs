//! Connections to receivers: to addresses that the guard let pass, or to a proxy that leads on.

use std::error::Error as StdError;
use std::future::Future;
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::{HOST, HeaderValue, PROXY_AUTHORIZATION};
use http::{Method, Request, StatusCode, Uri};
use http_body_util::Empty;
use hyper::client::conn::http1;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_rustls::{HttpsConnector, MaybeHttpsStream};
use hyper_util::client::legacy::connect::dns::Name;
use hyper_util::client::legacy::connect::{Connected, Connection, HttpConnector};
use hyper_util::client::proxy::matcher::Intercept;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio_util::task::AbortOnDropHandle;
use tower_service::Service;

use super::proxy::{Proxies, ProxyFailure};
use crate::guard::{NoAddress, Resolver};

/// The most that is read of a proxy's answer to `CONNECT`, in bytes.
const ANSWER_LIMIT: usize = 16 * 1024;

type BoxError = Box<dyn StdError + Send + Sync>;
type Io = MaybeHttpsStream<TokioIo<TcpStream>>;
type Connecting = Pin<Box<dyn Future<Output = Result<Stream, BoxError>> + Send>>;

/// Opens connections, without the TLS between this server and the receiver.
#[derive(Clone)]
pub(super) struct Connector {
    /// To receivers.
    pub(super) direct: HttpConnector<Resolver>,
    /// To proxies, wherever they are: who sets up the server chose them.
    pub(super) to_proxy: HttpsConnector<HttpConnector<Resolver>>,
    pub(super) proxies: Proxies,
}

impl Service<Uri> for Connector {
    type Response = Stream;
    type Error = BoxError;
    type Future = Connecting;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, target: Uri) -> Self::Future {
        let Some(proxy) = self.proxies.of(&target) else {
            let connecting = self.direct.call(target);
            return Box::pin(async move {
                let io = MaybeHttpsStream::Http(connecting.await?);
                Ok(Stream { io, forwards: false })
            });
        };
        let connecting = self.to_proxy.call(proxy.uri().clone());
        Box::pin(async move {
            let io = connecting.await.map_err(|error| {
                tracing::debug!(proxy = %proxy.uri(), error = &*error as &dyn StdError, "the proxy could not be reached");
                ProxyFailure::Unreachable
            })?;
            // A proxy that reads the request sends it on; one that must not read it opens a way for the bytes.
            let forwards = target.scheme_str() != Some("https");
            let io = if forwards {
                io
            } else {
                tunnel(io, &target, &proxy).await?
            };
            Ok(Stream { io, forwards })
        })
    }
}

/// Has a proxy open a way to the receiver (RFC 9110 section 9.3.6), which only carries bytes.
async fn tunnel(io: Io, target: &Uri, proxy: &Intercept) -> Result<Io, BoxError> {
    let broken = |error: hyper::Error| {
        tracing::debug!(proxy = %proxy.uri(), error = &error as &dyn StdError, "the proxy broke off");
        ProxyFailure::Broken
    };
    let authority = format!(
        "{}:{}",
        target.host().unwrap_or_default(),
        target.port_u16().unwrap_or(443)
    );
    let mut request = Request::new(Empty::<Bytes>::new());
    *request.method_mut() = Method::CONNECT;
    request.headers_mut().insert(HOST, HeaderValue::from_str(&authority)?);
    *request.uri_mut() = Uri::builder().authority(authority).build()?;
    if let Some(credentials) = proxy.basic_auth() {
        request.headers_mut().insert(PROXY_AUTHORIZATION, credentials.clone());
    }
    let (mut sender, connection) = http1::Builder::new()
        .max_buf_size(ANSWER_LIMIT)
        .handshake(io)
        .await
        .map_err(broken)?;
    let _connection = AbortOnDropHandle::new(tokio::spawn(connection.with_upgrades()));
    let answer = sender.send_request(request).await.map_err(broken)?;
    match answer.status() {
        status if status.is_success() => {}
        StatusCode::PROXY_AUTHENTICATION_REQUIRED => return Err(ProxyFailure::Credentials.into()),
        status => return Err(ProxyFailure::Refused(status.as_u16()).into()),
    }
    let way = hyper::upgrade::on(answer).await.map_err(broken)?;
    match way.downcast::<Io>() {
        // With TLS the client speaks first, so nothing can have come yet.
        Ok(parts) if parts.read_buf.is_empty() => Ok(parts.io),
        _ => Err(ProxyFailure::Broken.into()),
    }
}

/// A connection to a receiver, or to a proxy.
pub(super) struct Stream {
    io: Io,
    /// Whether a proxy at the other end reads requests and sends them on, so that they name their whole target.
    forwards: bool,
}

impl Connection for Stream {
    fn connected(&self) -> Connected {
        self.io.connected().proxy(self.forwards)
    }
}

impl Read for Stream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, buf)
    }
}

impl Write for Stream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
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
        Pin::new(&mut self.io).poll_write_vectored(cx, bufs)
    }
}

impl Service<Name> for Resolver {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = NoAddress;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let resolver = self.clone();
        Box::pin(async move {
            let found = resolver.addresses(name.as_str()).await?;
            let found: Vec<_> = found.into_iter().map(|address| SocketAddr::new(address, 0)).collect();
            Ok(found.into_iter())
        })
    }
}
