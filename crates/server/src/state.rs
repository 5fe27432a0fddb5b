//! What every request can reach.

use std::fmt;
use std::ops::Deref;
use std::path::PathBuf;
use std::sync::Arc;

use gatehook_domain::Ambient;
use gatehook_store::Store;
use gatehook_webhooks::counters::Counters;
use gatehook_webhooks::guard::Guard;
use gatehook_webhooks::sender::Sender;
use gatehook_webhooks::server_url::ServerUrl;
use secrecy::SecretString;
use tokio::sync::Semaphore;

use crate::auth::Gatekeeper;

/// The largest report that is taken unless the configuration says otherwise, in bytes.
pub const DEFAULT_MAX_REPORT_BYTES: u64 = 512 * 1024 * 1024;

/// How many test calls of webhooks are made at once.
const TESTS_AT_ONCE: usize = 8;

/// How the server is set up.
pub struct ServerConfig {
    /// The address under which people know this server, unless a setting says otherwise.
    pub server_url: ServerUrl,
    /// Where reports rest while they arrive. Must exist.
    pub temp_dir: PathBuf,
    /// A text that is a valid token of the user `admin`.
    pub admin_token: Option<SecretString>,
    /// The largest report that is taken, in bytes.
    pub max_report_bytes: u64,
    /// What the delivery engine of this process counts.
    pub counters: Counters,
}

impl fmt::Debug for ServerConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerConfig")
            .field("server_url", &self.server_url)
            .field("temp_dir", &self.temp_dir)
            .field("has_admin_token", &self.admin_token.is_some())
            .field("max_report_bytes", &self.max_report_bytes)
            .field("counters", &self.counters)
            .finish()
    }
}

/// Tells the workers in the background that there is something to do, so that they need not look for it.
/// Each is called after the commit of what caused it.
#[derive(Clone)]
pub struct Wakers {
    /// Deliveries are due.
    pub deliveries: Arc<dyn Fn() + Send + Sync>,
    /// A task waits.
    pub tasks: Arc<dyn Fn() + Send + Sync>,
}

impl Wakers {
    /// Wakes nobody.
    pub fn none() -> Self {
        Self {
            deliveries: Arc::new(|| ()),
            tasks: Arc::new(|| ()),
        }
    }
}

impl fmt::Debug for Wakers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Wakers")
    }
}

/// What every request can reach; cheap to clone.
#[derive(Clone)]
pub struct AppState(Arc<Inner>);

/// The parts of an [`AppState`].
pub struct Inner {
    pub(crate) store: Store,
    pub(crate) config: ServerConfig,
    pub(crate) wakers: Wakers,
    pub(crate) guard: Guard,
    /// Makes the test calls.
    pub(crate) sender: Sender,
    /// Places for test calls.
    pub(crate) tests: Semaphore,
    pub(crate) gatekeeper: Gatekeeper,
}

impl AppState {
    /// Puts the parts together. The guard is the one that the sender asks.
    pub fn new(store: Store, config: ServerConfig, wakers: Wakers, guard: Guard, sender: Sender) -> Self {
        let gatekeeper = Gatekeeper::new(store.ambient(), config.admin_token.as_ref());
        Self(Arc::new(Inner {
            store,
            config,
            wakers,
            guard,
            sender,
            tests: Semaphore::new(TESTS_AT_ONCE),
            gatekeeper,
        }))
    }

    /// The clock and the randomness.
    pub(crate) fn ambient(&self) -> &Ambient {
        self.store.ambient()
    }
}

impl Deref for AppState {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}

impl fmt::Debug for AppState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AppState")
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inner")
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}
