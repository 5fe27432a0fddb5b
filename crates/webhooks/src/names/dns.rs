//! Asking DNS itself, because only DNS says for how long an answer is true.

use std::fmt;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use hickory_resolver::config::{NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::op::Query;
use hickory_resolver::proto::rr::{Name, RecordType};
use hickory_resolver::{Hosts, TokioResolver};

use super::Answer;

/// How long one server has for one answer, and how often it is asked. Together less than the time for a call, so that a
/// server that is gone leaves time for the next one.
const PATIENCE: Duration = Duration::from_secs(2);
const TRIES: usize = 2;
/// How long is kept what stands in the hosts file, which people change by hand.
const HOSTS_LIFETIME: Duration = Duration::from_secs(30);
/// What says whom to ask, and what need not be asked for.
#[cfg(unix)]
const FILES: [&str; 2] = ["/etc/resolv.conf", "/etc/hosts"];
#[cfg(not(unix))]
const FILES: [&str; 0] = [];

/// The servers to ask, set up anew when the system's files change: a laptop changes its network, a container its servers.
pub(super) struct Dns {
    server: Option<SocketAddr>,
    current: Mutex<Option<(Vec<Stamp>, Client)>>,
}

/// What tells one state of a file from another.
type Stamp = Option<(Option<SystemTime>, u64)>;

#[derive(Clone)]
struct Client {
    hosts: Arc<Hosts>,
    /// None when the system has no servers to ask.
    resolver: Option<TokioResolver>,
}

impl Dns {
    pub(super) fn of_system() -> Self {
        Self {
            server: None,
            current: Mutex::default(),
        }
    }

    pub(super) fn of_server(server: SocketAddr) -> Self {
        Self {
            server: Some(server),
            current: Mutex::default(),
        }
    }

    /// What the hosts file or DNS knows about a name; none when they know nothing or cannot be asked.
    pub(super) async fn lookup(&self, host: &str) -> Option<Answer> {
        let client = self.client();
        if let Some(answer) = in_hosts(&client.hosts, host) {
            return Some(answer);
        }
        let found = client.resolver?.lookup_ip(host).await;
        let found = found
            .inspect_err(|error| tracing::debug!(host, %error, "DNS does not know a name"))
            .ok()?;
        let records = found.as_lookup().answers();
        let lifetime = records.iter().map(|record| record.ttl).min().unwrap_or(0);
        Some(Answer {
            addresses: found.iter().collect(),
            lifetime: Duration::from_secs(lifetime.into()),
        })
    }

    fn client(&self) -> Client {
        let stamps: Vec<Stamp> = FILES.iter().map(|file| stamp(Path::new(file))).collect();
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((known, client)) = &*current
            && *known == stamps
        {
            return client.clone();
        }
        let client = Client::new(self.server);
        *current = Some((stamps, client.clone()));
        client
    }
}

impl Client {
    fn new(server: Option<SocketAddr>) -> Self {
        let (config, mut options) = match server {
            None => match hickory_resolver::system_conf::read_system_conf() {
                Ok(read) => read,
                Err(error) => {
                    tracing::debug!(%error, "the system names no DNS servers; its own resolver is asked");
                    return Self {
                        hosts: hosts(),
                        resolver: None,
                    };
                }
            },
            Some(server) => {
                let mut asked = NameServerConfig::udp_and_tcp(server.ip());
                for connection in &mut asked.connections {
                    connection.port = server.port();
                }
                (
                    ResolverConfig::from_parts(None, vec![], vec![asked]),
                    ResolverOpts::default(),
                )
            }
        };
        options.timeout = options.timeout.min(PATIENCE);
        options.attempts = options.attempts.min(TRIES);
        // Answers are kept by `Names`, within its own bounds, and the hosts file is looked into before.
        options.cache_size = 0;
        options.use_hosts_file = ResolveHosts::Never;
        let built = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default())
            .with_options(options)
            .build();
        Self {
            hosts: hosts(),
            resolver: built
                .inspect_err(|error| tracing::warn!(%error, "DNS cannot be asked; the system's own resolver is"))
                .ok(),
        }
    }
}

impl fmt::Debug for Dns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dns")
            .field("server", &self.server)
            .finish_non_exhaustive()
    }
}

fn hosts() -> Arc<Hosts> {
    Arc::new(Hosts::from_system().unwrap_or_default())
}

/// What the hosts file says about a name, of both families: a name that stands there with an address of one family is not
/// asked of DNS for one of the other, as the system's resolver does it.
fn in_hosts(hosts: &Hosts, host: &str) -> Option<Answer> {
    let name = Name::from_utf8(host).ok()?;
    let of = |kind| hosts.lookup_static_host(&Query::query(name.clone(), kind));
    let addresses: Vec<_> = [RecordType::AAAA, RecordType::A]
        .into_iter()
        .filter_map(of)
        .flat_map(|found| {
            found
                .answers()
                .iter()
                .filter_map(|record| record.data.ip_addr())
                .collect::<Vec<_>>()
        })
        .collect();
    (!addresses.is_empty()).then_some(Answer {
        addresses,
        lifetime: HOSTS_LIFETIME,
    })
}

fn stamp(path: &Path) -> Stamp {
    let found = std::fs::metadata(path).ok()?;
    Some((found.modified().ok(), found.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_in_the_hosts_file_is_what_that_file_says_and_nothing_else() {
        let mut hosts = Hosts::default();
        let file = "10.0.0.7 ci.corp.example ci # the build server\n::1 both\n127.0.0.1 both\n";
        hosts.read_hosts_conf(file.as_bytes()).unwrap();
        let found = |name: &str| {
            let answer = in_hosts(&hosts, name)?;
            assert_eq!(answer.lifetime, HOSTS_LIFETIME);
            Some(answer.addresses.iter().map(ToString::to_string).collect::<Vec<_>>())
        };
        assert_eq!(
            found("CI.corp.example").unwrap(),
            ["10.0.0.7"],
            "DNS is not asked for IPv6"
        );
        assert_eq!(found("ci").unwrap(), ["10.0.0.7"]);
        assert_eq!(found("both").unwrap(), ["::1", "127.0.0.1"]);
        assert_eq!(found("other.example"), None);
    }
}
