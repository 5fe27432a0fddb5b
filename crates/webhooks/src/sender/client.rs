//! The HTTP clients that calls are made with: pooled connections, HTTP/1.1 and HTTP/2, and connections only to addresses
//! that the guard let pass.

use std::sync::OnceLock;
use std::time::Duration;

use hyper_rustls::HttpsConnectorBuilder;
use hyper_util::client::legacy::connect::HttpConnector;

use super::connect::Connector;
use super::pool::Pool;
use super::proxy::Proxies;
use super::tls::Configs;
use crate::guard::{Guard, Resolver};

/// How long all addresses of a host have together, so that one that never answers leaves time for the next one within the
/// limit of the call.
const CONNECT_LIMIT: Duration = Duration::from_secs(8);

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
    pools: [OnceLock<Pool>; 4],
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
    pub(super) fn of(&self, way: Way) -> &Pool {
        let place = usize::from(way.guarded) * 2 + usize::from(way.unverified);
        self.pools[place].get_or_init(|| self.make(way))
    }

    fn make(&self, way: Way) -> Pool {
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
        Pool::new(connector)
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
