//! Which inner addresses webhooks may call although the address guard refuses their kind.

use std::fmt;
use std::net::IpAddr;

use ipnet::{IpNet, Ipv4Net};
use url::Host;

/// The most entries of one list. Each one is compared with each address that is called.
pub const MAX_TARGETS: usize = 256;

/// Targets that were allowed by name: addresses, networks, hosts, and all hosts below a domain.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AllowedTargets {
    addresses: Vec<IpAddr>,
    networks: Vec<IpNet>,
    hosts: Vec<String>,
    /// Each with its leading dot.
    suffixes: Vec<String>,
}

/// Why a text is no list of targets.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotTargets {
    /// More entries than are compared.
    #[error("more than {MAX_TARGETS} entries")]
    TooMany,
    /// A whole URL, or one's path.
    #[error("'{0}' is a URL; write the host or the address only")]
    Url(String),
    /// A host with a port.
    #[error("'{0}' has a port; write the host or the address only, all of its ports are meant")]
    Port(String),
    /// A network that cannot be read.
    #[error("'{0}' is no network; write one as 10.1.0.0/16 or fd00:1::/32")]
    Network(String),
    /// A network whose address does not end with the prefix, so that two readings are possible.
    #[error("'{text}' has an address beyond its prefix; write {network} for the network, or {address} for the address")]
    BeyondPrefix {
        /// What was written.
        text: String,
        /// The network it lies in.
        network: IpNet,
        /// The address alone.
        address: IpAddr,
    },
    /// A `*` anywhere but at the beginning of a domain.
    #[error("'{0}' has a '*' where none can stand; write *.example.org for all hosts below example.org")]
    Star(String),
    /// Neither an address nor a host, or an address in a spelling that people read differently.
    #[error("'{0}' is neither an address, nor a network, nor the name of a host")]
    Unknown(String),
}

impl AllowedTargets {
    /// Reads entries that are separated by commas: addresses (`10.1.2.3`, `fd00::7`), networks (`10.1.0.0/16`), hosts
    /// (`ci.corp.example`) and all hosts below a domain (`*.corp.example`). An empty text is an empty list.
    pub fn parse(text: &str) -> Result<Self, NotTargets> {
        let mut targets = Self::default();
        let entries = text.split(',').map(str::trim).filter(|entry| !entry.is_empty());
        for (count, entry) in entries.enumerate() {
            if count >= MAX_TARGETS {
                return Err(NotTargets::TooMany);
            }
            targets.add(entry)?;
        }
        Ok(targets)
    }

    fn add(&mut self, entry: &str) -> Result<(), NotTargets> {
        let written = || entry.to_owned();
        if entry.contains("://") {
            return Err(NotTargets::Url(written()));
        }
        if let Some((address, prefix)) = entry.split_once('/') {
            return self.add_network(entry, address, prefix);
        }
        if let Some(address) = address(entry) {
            self.addresses.push(address);
            return Ok(());
        }
        let (name, below) = match entry.strip_prefix("*.") {
            Some(domain) => (domain, true),
            None => (entry, false),
        };
        if name.contains('*') {
            return Err(NotTargets::Star(written()));
        }
        if let Some((host, port)) = name.rsplit_once(':')
            && !host.is_empty()
            && port.bytes().all(|byte| byte.is_ascii_digit())
        {
            return Err(NotTargets::Port(written()));
        }
        // What the parser of URLs reads as an address was written in a way that other programs read as another one.
        match Host::parse(name.strip_suffix('.').unwrap_or(name)) {
            Ok(Host::Domain(name)) if !name.is_empty() && below => self.suffixes.push(format!(".{name}")),
            Ok(Host::Domain(name)) if !name.is_empty() => self.hosts.push(name),
            _ => return Err(NotTargets::Unknown(written())),
        }
        Ok(())
    }

    fn add_network(&mut self, entry: &str, start: &str, prefix: &str) -> Result<(), NotTargets> {
        let bad = || NotTargets::Network(entry.to_owned());
        if prefix.is_empty() || !prefix.bytes().all(|byte| byte.is_ascii_digit()) {
            // A path, most likely.
            return Err(if address(start).is_some() {
                bad()
            } else {
                NotTargets::Url(entry.to_owned())
            });
        }
        let written: IpAddr = start.parse().map_err(|_| bad())?;
        let length: u8 = prefix.parse().map_err(|_| bad())?;
        let network = match (written, written.to_canonical()) {
            // An IPv4 network in the clothes of IPv6.
            (IpAddr::V6(_), IpAddr::V4(inner)) => {
                let length = length.checked_sub(96).ok_or_else(bad)?;
                IpNet::V4(Ipv4Net::new(inner, length).map_err(|_| bad())?)
            }
            _ => IpNet::new(written, length).map_err(|_| bad())?,
        };
        if network.trunc() != network {
            return Err(NotTargets::BeyondPrefix {
                text: entry.to_owned(),
                network: network.trunc(),
                address: network.addr(),
            });
        }
        if network.prefix_len() == network.max_prefix_len() {
            self.addresses.push(network.addr());
        } else {
            self.networks.push(network);
        }
        Ok(())
    }

    /// Both lists in one.
    #[must_use]
    pub fn and(mut self, other: &Self) -> Self {
        self.addresses.extend(&other.addresses);
        self.networks.extend(&other.networks);
        self.hosts.extend(other.hosts.iter().cloned());
        self.suffixes.extend(other.suffixes.iter().cloned());
        self
    }

    /// True when nothing is allowed.
    pub fn is_empty(&self) -> bool {
        self.addresses.is_empty() && self.networks.is_empty() && self.hosts.is_empty() && self.suffixes.is_empty()
    }

    /// Whether `address` is written in the list, not only as a part of a network.
    pub fn names(&self, address: IpAddr) -> bool {
        self.addresses.contains(&address.to_canonical())
    }

    /// Whether `address` is in the list, by itself or in a network.
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.names(address) || self.networks.iter().any(|network| network.contains(&address))
    }

    /// Whether the host of this name is in the list, by itself or below a domain. Case and a dot at the end do not matter.
    pub fn contains_host(&self, name: &str) -> bool {
        let name = name.strip_suffix('.').unwrap_or(name);
        let ends_with = |suffix: &String| {
            name.len() > suffix.len()
                && name
                    .get(name.len() - suffix.len()..)
                    .is_some_and(|end| end.eq_ignore_ascii_case(suffix))
        };
        self.hosts.iter().any(|host| host.eq_ignore_ascii_case(name)) || self.suffixes.iter().any(ends_with)
    }
}

/// As [`AllowedTargets::parse`] reads it.
impl fmt::Display for AllowedTargets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let addresses = self.addresses.iter().map(ToString::to_string);
        let networks = self.networks.iter().map(ToString::to_string);
        let suffixes = self.suffixes.iter().map(|suffix| format!("*{suffix}"));
        let all: Vec<String> = addresses
            .chain(networks)
            .chain(self.hosts.iter().cloned())
            .chain(suffixes)
            .collect();
        f.write_str(&all.join(","))
    }
}

/// An address in its usual spelling, with or without the brackets of URLs.
fn address(text: &str) -> Option<IpAddr> {
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let parsed: IpAddr = match bare {
        Some(inner) => IpAddr::V6(inner.parse().ok()?),
        None => text.parse().ok()?,
    };
    Some(parsed.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rstest::rstest;

    fn allowed(text: &str) -> AllowedTargets {
        AllowedTargets::parse(text).unwrap()
    }

    #[test]
    fn an_entry_allows_what_it_says_and_its_neighbours_stay_out() {
        let list = allowed(" 10.1.2.3, fd00:1::/32,[fd00:2::7],192.168.4.0/22 ,CI.corp.example., *.apps.example,");
        let has = |text: &str| list.contains(text.parse().unwrap());
        assert!(has("10.1.2.3") && !has("10.1.2.4"));
        assert!(has("::ffff:10.1.2.3"), "that is the same address");
        assert!(has("fd00:1:ffff::1") && !has("fd00:3::1"));
        assert!(has("fd00:2::7") && !has("fd00:2::8"));
        assert!(has("192.168.7.255") && !has("192.168.8.0"));
        let host = |name: &str| list.contains_host(name);
        assert!(host("ci.corp.example") && host("CI.CORP.EXAMPLE.") && !host("a.ci.corp.example"));
        assert!(host("a.apps.example") && host("a.b.Apps.example"));
        assert!(!host("apps.example") && !host("badapps.example") && !host(".apps.example"));
        assert!(!host("apps.example.evil.example") && !host(""));
    }

    #[test]
    fn only_a_whole_address_is_named() {
        let list = allowed("169.254.0.0/16,100.100.100.200/32,::ffff:10.0.0.0/104");
        assert!(!list.names("169.254.169.254".parse().unwrap()));
        assert!(list.names("100.100.100.200".parse().unwrap()));
        assert!(list.contains("10.9.9.9".parse().unwrap()));
    }

    #[rstest]
    #[case(
        "https://ci.corp.example/hook",
        "'https://ci.corp.example/hook' is a URL; write the host or the address only"
    )]
    #[case(
        "ci.corp.example/hook",
        "'ci.corp.example/hook' is a URL; write the host or the address only"
    )]
    #[case("10.0.0.0/", "'10.0.0.0/' is no network; write one as 10.1.0.0/16 or fd00:1::/32")]
    #[case(
        "10.0.0.0/33",
        "'10.0.0.0/33' is no network; write one as 10.1.0.0/16 or fd00:1::/32"
    )]
    #[case(
        "::ffff:10.0.0.0/90",
        "'::ffff:10.0.0.0/90' is no network; write one as 10.1.0.0/16 or fd00:1::/32"
    )]
    #[case(
        "10.1.2.3/8",
        "'10.1.2.3/8' has an address beyond its prefix; write 10.0.0.0/8 for the network, or 10.1.2.3 for the address"
    )]
    #[case(
        "ci.corp.example:8080",
        "'ci.corp.example:8080' has a port; write the host or the address only, all of its ports are meant"
    )]
    #[case(
        "10.0.0.1:80",
        "'10.0.0.1:80' has a port; write the host or the address only, all of its ports are meant"
    )]
    #[case(
        "*",
        "'*' has a '*' where none can stand; write *.example.org for all hosts below example.org"
    )]
    #[case(
        "*.*.example",
        "'*.*.example' has a '*' where none can stand; write *.example.org for all hosts below example.org"
    )]
    #[case(
        "ci*.example",
        "'ci*.example' has a '*' where none can stand; write *.example.org for all hosts below example.org"
    )]
    #[case("*.", "'*.' is neither an address, nor a network, nor the name of a host")]
    #[case("0x7f.1", "'0x7f.1' is neither an address, nor a network, nor the name of a host")]
    #[case(
        "2130706433",
        "'2130706433' is neither an address, nor a network, nor the name of a host"
    )]
    #[case("ci corp", "'ci corp' is neither an address, nor a network, nor the name of a host")]
    fn an_entry_that_cannot_be_meant_is_refused_in_words_that_help(#[case] text: &str, #[case] words: &str) {
        assert_eq!(
            AllowedTargets::parse(&format!("10.0.0.1,{text}"))
                .unwrap_err()
                .to_string(),
            words
        );
    }

    #[test]
    fn a_list_has_an_end() {
        let long = |count: usize| vec!["a.example"; count].join(",");
        assert!(AllowedTargets::parse(&long(MAX_TARGETS)).is_ok());
        assert_eq!(AllowedTargets::parse(&long(MAX_TARGETS + 1)), Err(NotTargets::TooMany));
    }

    proptest! {
        #[test]
        fn what_is_shown_reads_as_the_same_list(
            addresses: Vec<IpAddr>, networks in proptest::collection::vec((any::<IpAddr>(), 0_u8..=128), 0..5),
            hosts in proptest::collection::vec("[a-z]{1,8}(\\.[a-z]{1,8}){0,2}", 0..5),
        ) {
            let mut texts: Vec<String> = addresses.iter().map(ToString::to_string).collect();
            for (address, length) in networks {
                let length = if address.is_ipv4() { length % 33 } else { length };
                if let Ok(network) = IpNet::new(address, length) {
                    texts.push(network.trunc().to_string());
                }
            }
            texts.extend(hosts.iter().cloned());
            texts.extend(hosts.iter().map(|host| format!("*.{host}")));
            if let Ok(list) = AllowedTargets::parse(&texts.join(",")) {
                prop_assert_eq!(AllowedTargets::parse(&list.to_string()).unwrap(), list);
            }
        }

        #[test]
        fn no_text_is_too_odd_to_be_read(text: String, address: IpAddr) {
            if let Ok(list) = AllowedTargets::parse(&text) {
                prop_assert!(!list.names(address) || list.contains(address));
            }
        }
    }
}
