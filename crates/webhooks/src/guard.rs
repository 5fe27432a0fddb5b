//! Which addresses webhooks must not call, and the names that are kept from leading there.
//!
//! The rules are SonarQube's of 2026 and what else the outside cannot be reached by; [`ranges`] has them all. They are
//! applied when a webhook is written, before every call and every redirect, and to the very addresses a connection is made
//! to, so a name that answers differently the second time gains nothing.

mod own;
pub mod ranges;

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use gatehook_domain::Ambient;
use gatehook_domain::webhook::{AllowedTargets, WebhookUrl};
use url::Host;

use crate::names::{Names, Network, SystemNetwork, Unresolved};
use own::OwnAddresses;
use ranges::{Kind, refusal};

/// How long writing a webhook waits for its host's addresses; after that the host counts as unknown for now.
const LOOKUP_LIMIT: Duration = Duration::from_secs(5);

/// Why a URL must not be called. The words are those that clients of the Web API look for when a webhook is written;
/// attempts tell the kind of the address instead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum GuardError {
    /// Every address of its host is forbidden; the first one for this reason.
    #[error(
        "Invalid URL: loopback, wildcard, link-local, site-local, multicast, cloud metadata addresses and addresses \
         of the SonarQube server itself are not allowed for webhooks."
    )]
    Forbidden(Kind),
    /// This machine does not say which addresses are its own.
    #[error("Network interfaces could not be fetched.")]
    OwnAddressesUnknown,
}

/// Why a name leads nowhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NoAddress {
    /// It has no address, or nobody could be asked.
    #[error("the host name could not be resolved")]
    Unresolved,
    /// None of its addresses may be called.
    #[error(transparent)]
    Guarded(#[from] GuardError),
}

impl From<Unresolved> for NoAddress {
    fn from(Unresolved: Unresolved) -> Self {
        Self::Unresolved
    }
}

/// Keeps webhooks away from addresses they must not call. Cheap to clone; the clones are one guard.
#[derive(Clone)]
pub struct Guard(Arc<Shared>);

struct Shared {
    ambient: Ambient,
    network: Arc<dyn Network>,
    names: Names,
    own: OwnAddresses,
    /// Whether the addresses of this machine could not be listed the last time.
    is_blind: AtomicBool,
    /// What the configuration of the server allows.
    always: AllowedTargets,
    allowed: RwLock<Allowed>,
}

/// What is allowed just now.
struct Allowed {
    /// The setting as it was last seen.
    setting: String,
    /// The setting's targets and those of the configuration.
    targets: Arc<AllowedTargets>,
}

impl Guard {
    /// The guard over the network as the operating system sees it.
    pub fn system(ambient: &Ambient) -> Self {
        Self::over(Arc::new(SystemNetwork::new()), ambient)
    }

    /// The guard over another view of the network.
    pub fn over(network: Arc<dyn Network>, ambient: &Ambient) -> Self {
        Self(Arc::new(Shared {
            ambient: ambient.clone(),
            names: Names::over(Arc::clone(&network)),
            network,
            own: OwnAddresses::default(),
            is_blind: AtomicBool::new(false),
            always: AllowedTargets::default(),
            allowed: RwLock::new(Allowed {
                setting: String::new(),
                targets: Arc::default(),
            }),
        }))
    }

    /// The same guard, which lets these targets pass whatever the setting says.
    #[must_use]
    pub fn always_allowing(self, targets: AllowedTargets) -> Self {
        let shared = Shared {
            ambient: self.0.ambient.clone(),
            names: self.0.names.clone(),
            network: Arc::clone(&self.0.network),
            own: OwnAddresses::default(),
            is_blind: AtomicBool::new(false),
            allowed: RwLock::new(Allowed {
                setting: String::new(),
                targets: Arc::new(targets.clone()),
            }),
            always: targets,
        };
        Self(Arc::new(shared))
    }

    /// Lets the targets of the setting `gatehook.webhooks.allowedTargets` pass from now on. The setting is read with every
    /// claim, so a text that has not changed costs a comparison.
    pub fn allow(&self, setting: Option<&str>) {
        let setting = setting.unwrap_or_default();
        let same = |allowed: &Allowed| allowed.setting == setting;
        if same(&self.0.allowed.read().unwrap_or_else(PoisonError::into_inner)) {
            return;
        }
        // What cannot be read was refused when it was set; somebody wrote it past that.
        let targets = AllowedTargets::parse(setting).unwrap_or_else(|error| {
            tracing::warn!(%error, "the setting gatehook.webhooks.allowedTargets cannot be read and allows nothing");
            AllowedTargets::default()
        });
        *self.0.allowed.write().unwrap_or_else(PoisonError::into_inner) = Allowed {
            setting: setting.to_owned(),
            targets: Arc::new(targets.and(&self.0.always)),
        };
    }

    /// Checks a URL that a webhook is to get. A host that nobody knows just now is accepted, as SonarQube accepts
    /// it; it is checked again before every call. The caller asks only while `sonar.validateWebhooks` is on.
    pub async fn check_url_now(&self, url: &WebhookUrl) -> Result<(), GuardError> {
        self.check_resolved(&url.target(), LOOKUP_LIMIT).await
    }

    /// Checks a URL, with the addresses of its host as far as they become known within `limit`.
    pub(crate) async fn check_resolved(&self, url: &url::Url, limit: Duration) -> Result<(), GuardError> {
        let Some(Host::Domain(name)) = url.host() else {
            return self.check(url);
        };
        match tokio::time::timeout(limit, self.resolve(name, true)).await {
            Ok(Err(NoAddress::Guarded(refused))) => Err(refused),
            // Not known, or not known yet.
            Ok(Ok(_) | Err(NoAddress::Unresolved)) | Err(_) => Ok(()),
        }
    }

    /// Checks a URL whose host is written as an address, or whose host's addresses are known from before; names are
    /// checked again when they are resolved for a connection. Asks nobody, so it holds nothing up; but a connection that
    /// is open already is not used for a host that has become forbidden meanwhile. The parser has read every spelling of
    /// an address (`2130706433`, `0x7f.1`, `0177.0.0.1`) as the address it stands for.
    pub(crate) fn check(&self, url: &url::Url) -> Result<(), GuardError> {
        match url.host() {
            Some(Host::Ipv4(address)) => self.vetted(None, &[address.into()]).map(drop),
            Some(Host::Ipv6(address)) => self.vetted(None, &[address.into()]).map(drop),
            Some(Host::Domain(name)) => match self.0.names.last_known(name) {
                Some(known) => self.vetted(Some(name), &known).map(drop),
                None => Ok(()),
            },
            None => Ok(()),
        }
    }

    /// The addresses of a name, in the order in which they were told; while `guarded`, those that may be called. They are
    /// vetted each time, because what is allowed and which addresses are this machine's may have changed since they were
    /// told.
    pub(crate) async fn resolve(&self, name: &str, guarded: bool) -> Result<Vec<IpAddr>, NoAddress> {
        let found = self.0.names.addresses(name, &self.0.ambient).await?;
        if guarded {
            Ok(self.vetted(Some(name), &found)?)
        } else {
            Ok(found.to_vec())
        }
    }

    /// Those of the addresses that may be called; an error when that is none of them.
    fn vetted(&self, host: Option<&str>, addresses: &[IpAddr]) -> Result<Vec<IpAddr>, GuardError> {
        let own = self.own_addresses()?;
        let targets = {
            let allowed = self.0.allowed.read().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(&allowed.targets)
        };
        let mut first = None;
        let mut passed = Vec::with_capacity(addresses.len());
        for address in addresses {
            match refusal(*address, host, &own, &targets) {
                None => passed.push(*address),
                Some(kind) => first = first.or(Some(kind)),
            }
        }
        match first {
            Some(kind) if passed.is_empty() => Err(GuardError::Forbidden(kind)),
            _ => Ok(passed),
        }
    }

    /// The addresses of this machine. That they cannot be listed is logged once, and so is that they can be again: in between,
    /// every call would say it.
    fn own_addresses(&self) -> Result<Arc<[IpAddr]>, GuardError> {
        let listed = self.0.own.at(self.0.ambient.now(), || self.0.network.own_addresses());
        let was_blind = self.0.is_blind.swap(listed.is_err(), Ordering::Relaxed);
        if was_blind && listed.is_ok() {
            tracing::info!("the addresses of this machine can be listed again");
        }
        listed.map_err(|error| {
            if !was_blind {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "the addresses of this machine cannot be listed, so nothing is called while webhooks are guarded"
                );
            }
            GuardError::OwnAddressesUnknown
        })
    }
}

/// Resolves names for connections, which then go to exactly the addresses that passed.
#[derive(Clone)]
pub(crate) struct Resolver {
    pub(crate) guard: Guard,
    pub(crate) vets: bool,
}

impl Resolver {
    /// The addresses of a name that a connection may be made to, in the order in which they were found.
    pub(crate) async fn addresses(&self, name: &str) -> Result<Vec<IpAddr>, NoAddress> {
        self.guard.resolve(name, self.vets).await
    }
}

#[cfg(test)]
mod spellings;
#[cfg(test)]
mod tests;
