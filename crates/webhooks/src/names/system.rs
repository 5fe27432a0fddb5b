//! The network as the operating system sees it.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;

use super::dns::Dns;
use super::{Answer, Lookup, Network};

/// How many names the system's resolver is asked for at once. A look-up holds a thread for as long as the name's servers
/// please, and those threads are needed for calls and passwords too.
const THREADS: usize = 8;
/// How long is kept what the system says, which does not say how long it is true.
const SYSTEM_LIFETIME: Duration = Duration::from_secs(30);

/// The network as the operating system sees it: the hosts file, then DNS, then whatever else the system's resolver asks
/// (mDNS, NIS, names of containers).
#[derive(Debug, Clone)]
pub struct SystemNetwork {
    dns: Arc<Dns>,
    /// None when the system's own resolver is not asked.
    threads: Option<Arc<Semaphore>>,
}

impl Default for SystemNetwork {
    fn default() -> Self {
        Self::new()
    }
}

impl SystemNetwork {
    /// The network as this machine is set up. Changes of its set-up are seen at the next look-up.
    pub fn new() -> Self {
        Self {
            dns: Arc::new(Dns::of_system()),
            threads: Some(Arc::new(Semaphore::new(THREADS))),
        }
    }

    /// The network as this machine is set up, but that one server alone is asked for names that are not in the hosts file:
    /// for tests.
    #[doc(hidden)]
    pub fn with_server(server: SocketAddr) -> Self {
        Self {
            dns: Arc::new(Dns::of_server(server)),
            threads: None,
        }
    }
}

impl Network for SystemNetwork {
    fn lookup(&self, host: &str) -> Lookup {
        let (this, host) = (self.clone(), host.to_owned());
        Box::pin(async move {
            if let Some(answer) = this.dns.lookup(&host).await {
                return Ok(answer);
            }
            let threads = this.threads.ok_or(io::ErrorKind::NotFound)?;
            // Never closed.
            let _thread = threads.acquire().await;
            let found = tokio::net::lookup_host((host, 0)).await?;
            Ok(Answer {
                addresses: found.map(|found| found.ip()).collect(),
                lifetime: SYSTEM_LIFETIME,
            })
        })
    }

    fn own_addresses(&self) -> io::Result<Vec<IpAddr>> {
        Ok(if_addrs::get_if_addrs()?
            .into_iter()
            .map(|interface| interface.ip())
            .collect())
    }
}
