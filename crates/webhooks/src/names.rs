//! The addresses of names, kept as long as DNS says.
//!
//! Only what was told is kept here. Whether an address may be called is decided at each use, by the
//! [`Guard`](crate::guard::Guard).

mod cache;
mod dns;
mod system;

use std::future::Future;
use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use gatehook_domain::Ambient;
use tokio::sync::Semaphore;

use cache::{Cache, Step};
pub use system::SystemNetwork;

/// The most addresses of one name that are looked at; connecting tries them one after the other, within the limit of the
/// whole call.
const MAX_ADDRESSES: usize = 32;
/// How many names are looked up at once; the rest wait for their turn.
const LOOKUPS_AT_ONCE: usize = 64;

/// What a name stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The addresses, best first.
    pub addresses: Vec<IpAddr>,
    /// For how long that is true. Kept within bounds: at least a second, at most five minutes.
    pub lifetime: Duration,
}

/// The addresses of a name, once they are known. It is awaited to its end also when nobody waits for it any more.
pub type Lookup = Pin<Box<dyn Future<Output = io::Result<Answer>> + Send>>;

/// What the guard asks of the network.
pub trait Network: Send + Sync {
    /// The addresses of a host's name; an error or none at all when nobody knows any.
    fn lookup(&self, host: &str) -> Lookup;
    /// The addresses of this machine's network interfaces.
    fn own_addresses(&self) -> io::Result<Vec<IpAddr>>;
}

/// The host's name has no address, or nobody could be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the host name could not be resolved")]
pub(crate) struct Unresolved;

/// What was told about a name: its addresses, or that there are none.
type Told = Option<Arc<[IpAddr]>>;

/// Names and their addresses. Cheap to clone; the clones share what they know.
#[derive(Clone)]
pub(crate) struct Names(Arc<Shared>);

struct Shared {
    network: Arc<dyn Network>,
    cache: Mutex<Cache>,
    places: Arc<Semaphore>,
}

impl Names {
    pub(crate) fn over(network: Arc<dyn Network>) -> Self {
        Self(Arc::new(Shared {
            network,
            cache: Mutex::default(),
            places: Arc::new(Semaphore::new(LOOKUPS_AT_ONCE)),
        }))
    }

    /// The addresses of a name, asked for unless they are known. Whoever asks while somebody else does waits for that
    /// answer.
    pub(crate) async fn addresses(&self, name: &str, ambient: &Ambient) -> Result<Arc<[IpAddr]>, Unresolved> {
        let mut answer = match self.cache().look(name, ambient.now()) {
            Step::Known(told) => return told.ok_or(Unresolved),
            Step::Wait(answer) => answer,
            Step::Ask(answer) => {
                self.ask(name, ambient);
                answer
            }
            Step::Full => {
                tracing::warn!("too many names are looked up; a webhook's host is not looked up now");
                return Err(Unresolved);
            }
        };
        // An asker that went away without an answer counts as one that found nothing.
        match answer.wait_for(Option::is_some).await {
            Ok(told) => told.clone().flatten().ok_or(Unresolved),
            Err(_) => Err(Unresolved),
        }
    }

    /// What was told last about a name, however long ago; nobody is asked.
    pub(crate) fn last_known(&self, name: &str) -> Option<Arc<[IpAddr]>> {
        self.cache().last(name)
    }

    /// Asks in a task of its own: the caller's time may run out, and others may wait by then.
    fn ask(&self, name: &str, ambient: &Ambient) {
        let (names, name, ambient) = (self.clone(), name.to_owned(), ambient.clone());
        tokio::spawn(async move {
            // Never closed.
            let _place = names.0.places.acquire().await;
            // In a task of its own too, so that one that breaks does not leave those waiting who ask later.
            let answer = tokio::spawn(names.0.network.lookup(&name)).await;
            let answer = answer.unwrap_or_else(|broken| Err(io::Error::other(broken)));
            let (told, lifetime) = match answer {
                Ok(mut answer) if !answer.addresses.is_empty() => {
                    answer.addresses.truncate(MAX_ADDRESSES);
                    (Some(Arc::from(answer.addresses)), answer.lifetime)
                }
                Ok(_) => (None, Duration::ZERO),
                Err(error) => {
                    tracing::debug!(host = name, %error, "a name could not be looked up");
                    (None, Duration::ZERO)
                }
            };
            names.cache().learn(&name, told, lifetime, ambient.now());
        });
    }

    fn cache(&self) -> MutexGuard<'_, Cache> {
        self.0.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
