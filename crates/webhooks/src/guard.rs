//! Which addresses webhooks must not call, and the resolution of names that keeps them from it.
//!
//! The rules are SonarQube's of 2026. They are applied when a webhook is written, and again to the very addresses a
//! connection is made to, so a name that answers differently the second time gains nothing.

use std::future::Future;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use gatehook_domain::webhook::WebhookUrl;
use tokio::sync::Semaphore;
use url::Host;

/// How long writing a webhook waits for its host's addresses; after that the host counts as unknown for now.
const LOOKUP_LIMIT: Duration = Duration::from_secs(5);
/// How many names are looked up at once for webhooks that are being written. A look-up holds a thread of the system for
/// as long as the name's servers please, and those threads are needed for calls and passwords too.
const LOOKUPS_AT_ONCE: usize = 8;
/// The most addresses of one host that are looked at; connecting tries them one after the other, within the limit of
/// the whole call.
const MAX_ADDRESSES: usize = 32;

/// Where clouds tell their machines about themselves, credentials included: AWS over IPv6, and Alibaba. The common
/// 169.254.169.254 is link-local.
const METADATA_V6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0x0ec2, 0, 0, 0, 0, 0, 0x0254);
const METADATA_V4: Ipv4Addr = Ipv4Addr::new(100, 100, 100, 200);

/// Why a URL must not be called. The words are those that clients of the Web API look for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum GuardError {
    /// Every address of its host is forbidden.
    #[error(
        "Invalid URL: loopback, wildcard, link-local, site-local, multicast, cloud metadata addresses and addresses \
         of the SonarQube server itself are not allowed for webhooks."
    )]
    Forbidden,
    /// This machine does not say which addresses are its own.
    #[error("Network interfaces could not be fetched.")]
    OwnAddressesUnknown,
}

/// Whether webhooks must not call `address`; `own` are the addresses of this machine's network interfaces.
///
/// An IPv6 address that stands for an IPv4 address (mapped, compatible, translated, NAT64, 6to4) is as forbidden as that one.
pub fn forbidden(address: IpAddr, own: &[IpAddr]) -> bool {
    if own.contains(&address) {
        return true;
    }
    match address {
        IpAddr::V4(v4) => forbidden_v4(v4),
        IpAddr::V6(v6) => {
            forbidden_v6(v6) || embedded(v6).is_some_and(|v4| forbidden_v4(v4) || own.contains(&IpAddr::V4(v4)))
        }
    }
}

fn forbidden_v4(address: Ipv4Addr) -> bool {
    address.is_loopback()
        || address.is_unspecified()
        || address.is_link_local()
        || address.is_private()
        || address.is_multicast()
        || address == METADATA_V4
}

fn forbidden_v6(address: Ipv6Addr) -> bool {
    let site_local = (address.segments()[0] & 0xffc0) == 0xfec0;
    address.is_loopback()
        || address.is_unspecified()
        || address.is_unicast_link_local()
        || site_local
        || address.is_multicast()
        || address == METADATA_V6
}

/// The IPv4 address that a gateway or the system itself would call for this IPv6 address.
fn embedded(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let joined = |high: u16, low: u16| Some(Ipv4Addr::from((u32::from(high) << 16) | u32::from(low)));
    match address.segments() {
        [0, 0, 0, 0, 0, 0 | 0xffff, high, low]
        | [0, 0, 0, 0, 0xffff, 0, high, low]
        | [0x0064, 0xff9b, 0, 0, 0, 0, high, low]
        | [0x0064, 0xff9b, 1, _, _, _, high, low]
        | [0x2002, high, low, ..] => joined(high, low),
        _ => None,
    }
}

/// The addresses of a name, or of this machine, once they are known.
pub type Lookup = Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send>>;

/// What the guard asks of the network.
pub trait Network: Send + Sync {
    /// The addresses of a host's name.
    fn lookup(&self, host: &str) -> Lookup;
    /// The addresses of this machine's network interfaces.
    fn own_addresses(&self) -> io::Result<Vec<IpAddr>>;
}

/// The network as the operating system sees it.
#[derive(Debug, Clone, Copy)]
pub struct SystemNetwork;

impl Network for SystemNetwork {
    fn lookup(&self, host: &str) -> Lookup {
        let host = host.to_owned();
        Box::pin(async move {
            Ok(tokio::net::lookup_host((host, 0))
                .await?
                .map(|found| found.ip())
                .collect())
        })
    }

    fn own_addresses(&self) -> io::Result<Vec<IpAddr>> {
        Ok(if_addrs::get_if_addrs()?
            .into_iter()
            .map(|interface| interface.ip())
            .collect())
    }
}

/// Keeps webhooks away from addresses they must not call. Cheap to clone.
#[derive(Clone)]
pub struct Guard {
    network: Arc<dyn Network>,
    rule: fn(IpAddr, &[IpAddr]) -> bool,
    lookups: Arc<Semaphore>,
}

impl Guard {
    /// The guard over the network as the operating system sees it.
    pub fn system() -> Self {
        Self::over(Arc::new(SystemNetwork))
    }

    /// The guard over another view of the network.
    pub fn over(network: Arc<dyn Network>) -> Self {
        Self::with_rule(network, forbidden)
    }

    /// The guard with another rule than [`forbidden`]: for tests, whose receivers all have forbidden addresses.
    #[doc(hidden)]
    pub fn with_rule(network: Arc<dyn Network>, rule: fn(IpAddr, &[IpAddr]) -> bool) -> Self {
        Self {
            network,
            rule,
            lookups: Arc::new(Semaphore::new(LOOKUPS_AT_ONCE)),
        }
    }

    /// Checks a URL that a webhook is to get. A host that nobody knows just now is accepted, as SonarQube accepts
    /// it; it is checked again before every call. The caller asks only while `sonar.validateWebhooks` is on.
    pub async fn check_url_now(&self, url: &WebhookUrl) -> Result<(), GuardError> {
        let target = url.target();
        match target.host() {
            Some(Host::Domain(name)) => match tokio::time::timeout(LOOKUP_LIMIT, self.looked_up(name)).await {
                Ok(Some(found)) if !found.is_empty() => self.vetted(found).map(drop),
                _ => Ok(()),
            },
            _ => self.check_literal(&target),
        }
    }

    /// The addresses of a name; none when nobody knows any. A look-up that nobody waits for any more keeps its place
    /// until it ends, because so long it keeps its thread.
    async fn looked_up(&self, name: &str) -> Option<Vec<IpAddr>> {
        let place = Arc::clone(&self.lookups).acquire_owned().await.ok()?;
        let lookup = self.network.lookup(name);
        let looking = tokio::spawn(async move {
            let found = lookup.await;
            drop(place);
            found
        });
        looking.await.ok()?.ok()
    }

    /// Checks a URL whose host is written as an address; names are checked when they are resolved. The parser has
    /// already read every spelling of an address (`2130706433`, `0x7f.1`, `0177.0.0.1`) as the address it stands for.
    pub(crate) fn check_literal(&self, url: &url::Url) -> Result<(), GuardError> {
        match url.host() {
            Some(Host::Ipv4(address)) => self.vetted(vec![address.into()]).map(drop),
            Some(Host::Ipv6(address)) => self.vetted(vec![address.into()]).map(drop),
            Some(Host::Domain(_)) | None => Ok(()),
        }
    }

    /// Those of the addresses that may be called; an error when that is none of them.
    fn vetted(&self, mut addresses: Vec<IpAddr>) -> Result<Vec<IpAddr>, GuardError> {
        let own = self
            .network
            .own_addresses()
            .map_err(|_| GuardError::OwnAddressesUnknown)?;
        addresses.retain(|address| !(self.rule)(*address, &own));
        if addresses.is_empty() {
            Err(GuardError::Forbidden)
        } else {
            Ok(addresses)
        }
    }
}

/// Resolves names for connections, which then go to exactly the addresses that passed.
#[derive(Clone)]
pub(crate) struct Resolver {
    pub(crate) guard: Guard,
    pub(crate) vets: bool,
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

impl Resolver {
    /// The addresses of a name that a connection may be made to, in the order in which they were found.
    pub(crate) async fn addresses(&self, name: &str) -> Result<Vec<IpAddr>, NoAddress> {
        let lookup = self.guard.network.lookup(name);
        let mut found = lookup.await.map_err(|_| NoAddress::Unresolved)?;
        if found.is_empty() {
            return Err(NoAddress::Unresolved);
        }
        if self.vets {
            found = self.guard.vetted(found)?;
        }
        found.truncate(MAX_ADDRESSES);
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case::loopback("127.0.0.1")]
    #[case::all_of_loopback("127.255.3.4")]
    #[case::loopback_v6("::1")]
    #[case::wildcard("0.0.0.0")]
    #[case::wildcard_v6("::")]
    #[case::link_local_and_aws_metadata("169.254.169.254")]
    #[case::link_local_v6("fe80::1")]
    #[case::private_10("10.1.2.3")]
    #[case::private_172("172.31.255.255")]
    #[case::private_192("192.168.0.1")]
    #[case::site_local_v6("fec0::1")]
    #[case::multicast("239.0.0.1")]
    #[case::multicast_v6("ff02::1")]
    #[case::alibaba_metadata("100.100.100.200")]
    #[case::aws_metadata_v6("fd00:ec2::254")]
    #[case::own("203.0.113.7")]
    #[case::mapped("::ffff:127.0.0.1")]
    #[case::compatible("::10.0.0.1")]
    #[case::nat64("64:ff9b::192.168.1.1")]
    #[case::local_nat64("64:ff9b:1::10.0.0.1")]
    #[case::translated("::ffff:0:127.0.0.1")]
    #[case::six_to_four("2002:7f00:1::1")]
    #[case::own_mapped("::ffff:203.0.113.7")]
    fn inner_addresses_are_forbidden(#[case] address: IpAddr) {
        assert!(forbidden(address, &["203.0.113.7".parse().unwrap()]));
    }

    #[rstest]
    #[case::public("203.0.113.8")]
    #[case::below_172("172.15.255.255")]
    #[case::above_172("172.32.0.0")]
    #[case::shared_space_but_one("100.64.0.1")]
    #[case::reserved("240.0.0.1")]
    #[case::unique_local_v6("fd12:3456::1")]
    #[case::public_v6("2001:db8::1")]
    #[case::nat64_of_public("64:ff9b::203.0.113.8")]
    fn other_addresses_are_not(#[case] address: IpAddr) {
        assert!(!forbidden(address, &[]));
    }

    struct Fake(Vec<&'static str>);

    impl Network for Fake {
        fn lookup(&self, _: &str) -> Lookup {
            let found = self.0.iter().map(|text| text.parse().unwrap()).collect();
            Box::pin(async move { Ok(found) })
        }

        fn own_addresses(&self) -> io::Result<Vec<IpAddr>> {
            Ok(vec![])
        }
    }

    #[rstest]
    #[case::decimal("http://2130706433/")]
    #[case::octal("http://0177.0.0.1/")]
    #[case::hexadecimal("http://0x7f000001:8080/")]
    #[case::short("http://127.1/")]
    #[case::trailing_dot("http://127.0.0.1./")]
    #[case::bracketed("http://[::1]/")]
    #[case::mapped("http://[::ffff:7f00:1]/")]
    #[case::with_credentials("http://u:p@127.0.0.1/")]
    #[case::by_name("http://inner.example/")]
    #[tokio::test]
    async fn a_url_to_an_inner_address_is_refused_however_it_is_spelled(#[case] url: &str) {
        let guard = Guard::over(Arc::new(Fake(vec!["10.0.0.1", "::1"])));
        assert_eq!(
            guard.check_url_now(&WebhookUrl::parse(url).unwrap()).await,
            Err(GuardError::Forbidden)
        );
    }

    #[tokio::test]
    async fn a_url_whose_host_is_unknown_or_has_an_outer_address_is_taken() {
        let url = WebhookUrl::parse("http://hooks.example/").unwrap();
        assert_eq!(Guard::over(Arc::new(Fake(vec![]))).check_url_now(&url).await, Ok(()));
        let mixed = Guard::over(Arc::new(Fake(vec!["10.0.0.1", "203.0.113.8"])));
        assert_eq!(mixed.check_url_now(&url).await, Ok(()));
    }

    #[tokio::test]
    async fn a_connection_is_made_only_to_addresses_that_passed() {
        let guard = Guard::over(Arc::new(Fake(vec!["10.0.0.1", "203.0.113.8"])));
        let resolver = Resolver { guard, vets: true };
        let found = resolver.addresses("hooks.example").await.unwrap();
        assert_eq!(found, [IpAddr::from([203, 0, 113, 8])]);
    }
}
