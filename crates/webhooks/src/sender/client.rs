//! The HTTP clients that calls are made with: pooled connections, HTTP/1.1 and HTTP/2, and connections only to addresses
//! that the guard let pass.

use std::sync::OnceLock;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client as Pool;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};

use super::connect::Connector;
use super::proxy::Proxies;
use super::tls::Configs;
use crate::guard::{Guard, Resolver};
use crate::lanes::FLIGHTS;

/// Connections kept open to one receiver between calls, and how long.
const IDLE_CONNECTIONS: usize = FLIGHTS;
const IDLE_LIMIT: Duration = Duration::from_secs(30);
/// How long all addresses of a host have together, so that one that never answers leaves time for the next one within the
/// limit of the call.
const CONNECT_LIMIT: Duration = Duration::from_secs(8);
/// The most that is read of the head of an answer, in bytes.
const HEAD_LIMIT: usize = 64 * 1024;

/// A pool of connections.
pub(super) type Client = Pool<HttpsConnector<Connector>, Full<Bytes>>;

/// What a connection has to be like to carry a call.
#[derive(Debug, Clone, Copy)]
pub(super) struct Way {
    /// It leads to an address that passed the guard.
    pub(super) guarded: bool,
    /// Its receiver need not prove who it is.
    pub(super) unverified: bool,
}

/// A pool for each way, so that no connection carries a call that it was not made for: none made while the guard was off
/// is used while it is on, and none to an unknown receiver for one that has to be known.
pub(super) struct Clients {
    pools: [OnceLock<Client>; 4],
    guard: Guard,
    proxies: Proxies,
    tls: Configs,
}

impl Clients {
    pub(super) fn new(guard: Guard, proxies: Proxies, tls: Configs) -> Self {
        Self {
            pools: Default::default(),
            guard,
            proxies,
            tls,
        }
    }

    /// The pool for a way; made when it is wanted first, because few servers want more than one.
    pub(super) fn of(&self, way: Way) -> &Client {
        let place = usize::from(way.guarded) * 2 + usize::from(way.unverified);
        self.pools[place].get_or_init(|| self.make(way))
    }

    fn make(&self, way: Way) -> Client {
        let tls = if way.unverified {
            &self.tls.unverified
        } else {
            &self.tls.verified
        };
        let connector = Connector {
            direct: self.tcp(way.guarded),
            to_proxy: HttpsConnectorBuilder::new()
                .with_tls_config(self.tls.proxies.clone())
                .https_or_http()
                .enable_http1()
                .wrap_connector(self.tcp(false)),
            proxies: self.proxies.clone(),
        };
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls.clone())
            .https_or_http()
            .enable_http1()
            .enable_http2()
            .wrap_connector(connector);
        Pool::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .timer(TokioTimer::new())
            .pool_max_idle_per_host(IDLE_CONNECTIONS)
            .pool_idle_timeout(IDLE_LIMIT)
            .http1_max_buf_size(HEAD_LIMIT)
            .http2_max_header_list_size(HEAD_LIMIT as u32)
            .build(connector)
    }

    fn tcp(&self, vets: bool) -> HttpConnector<Resolver> {
        let guard = self.guard.clone();
        let mut tcp = HttpConnector::new_with_resolver(Resolver { guard, vets });
        // The connector above this one speaks TLS where the URL says so.
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(CONNECT_LIMIT));
        tcp
    }
}
