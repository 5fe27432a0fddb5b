//! The HTTP clients that calls are made with: pooled connections, HTTP/1.1 and HTTP/2, and connections only to addresses
//! that the guard let pass.

use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client as Pool;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::dns::Name;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::BuilderVerifierExt as _;
use tower_service::Service;

use super::SenderError;
use crate::guard::{NoAddress, Resolver};
use crate::lanes::FLIGHTS;

/// Connections kept open to one receiver between calls, and how long.
const IDLE_CONNECTIONS: usize = FLIGHTS;
const IDLE_LIMIT: Duration = Duration::from_secs(30);
/// The most that is read of the head of an answer, in bytes.
const HEAD_LIMIT: usize = 64 * 1024;

/// A pool of connections.
pub(super) type Client = Pool<HttpsConnector<HttpConnector<Resolver>>, Full<Bytes>>;

/// A pool whose connections go where `resolver` leads.
pub(super) fn client(resolver: Resolver, tls: &Arc<ClientConfig>) -> Client {
    let mut tcp = HttpConnector::new_with_resolver(resolver);
    // The connector above this one speaks TLS where the URL says so.
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    let connector = HttpsConnectorBuilder::new()
        .with_tls_config(tls.as_ref().clone())
        .https_or_http()
        .enable_http1()
        .enable_http2()
        .wrap_connector(tcp);
    Pool::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .timer(TokioTimer::new())
        .pool_max_idle_per_host(IDLE_CONNECTIONS)
        .pool_idle_timeout(IDLE_LIMIT)
        .http1_max_buf_size(HEAD_LIMIT)
        .http2_max_header_list_size(HEAD_LIMIT as u32)
        .build(connector)
}

/// How receivers prove who they are: by the certificates that this machine trusts.
pub(super) fn tls() -> Result<Arc<ClientConfig>, SenderError> {
    let builder = || {
        ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(SenderError::Tls)
    };
    let config = match builder()?.with_platform_verifier() {
        Ok(verified) => verified.with_no_client_auth(),
        Err(error) => {
            // A bare system has no certificates to trust. Receivers without TLS can be called all the same.
            tracing::warn!(%error, "no trusted certificates were found: calls over https will fail");
            builder()?
                .with_root_certificates(RootCertStore::empty())
                .with_no_client_auth()
        }
    };
    Ok(Arc::new(config))
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
