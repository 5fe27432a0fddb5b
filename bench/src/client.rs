//! A bare HTTP client: one connection that is kept open, no pool, no redirects, no look-ups.

use std::net::SocketAddr;

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::{HOST, HeaderMap, HeaderValue};
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// One connection.
pub(crate) struct Connection {
    host: HeaderValue,
    sender: SendRequest<Full<Bytes>>,
}

impl Connection {
    /// Connects.
    pub(crate) async fn open(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address)
            .await
            .with_context(|| format!("cannot connect to {address}"))?;
        stream.set_nodelay(true)?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await?;
        tokio::spawn(async move {
            let _ = connection.await;
        });
        Ok(Self {
            host: HeaderValue::from_str(&address.to_string())?,
            sender,
        })
    }

    /// Posts a body and gives the answer's status; an answer's body is read and dropped.
    pub(crate) async fn post(&mut self, path: &str, headers: HeaderMap, body: Bytes) -> Result<StatusCode> {
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = path.parse()?;
        *request.headers_mut() = headers;
        request.headers_mut().insert(HOST, self.host.clone());
        self.sender.ready().await?;
        let answer = self.sender.send_request(request).await?;
        let status = answer.status();
        let mut body = answer.into_body();
        while let Some(frame) = body.frame().await {
            frame?;
        }
        Ok(status)
    }

    /// Posts a form to the Web API as the administrator; an error unless it is answered with a 2xx status.
    pub(crate) async fn api(&mut self, path: &str, headers: &HeaderMap, form: String) -> Result<()> {
        let status = self.post(path, headers.clone(), Bytes::from(form)).await?;
        ensure!(status.is_success(), "{path} answered {status}");
        Ok(())
    }
}
