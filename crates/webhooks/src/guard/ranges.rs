//! What kinds of addresses there are that the outside cannot or must not be reached by. Pure: values in, verdict out.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use gatehook_domain::webhook::AllowedTargets;

/// What an address is that webhooks must not call, in the words that attempts show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// This machine by itself: 127.0.0.0/8 and ::1.
    Loopback,
    /// No address in particular, which systems take for this machine: 0.0.0.0/8 and ::.
    Wildcard,
    /// The link's own, where most clouds have their metadata service: 169.254.0.0/16 and fe80::/10.
    LinkLocal,
    /// A site's own: 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16, fec0::/10, and fc00::/7, which is what IPv6 has for them
    /// today.
    Private,
    /// A provider's own, behind its address translation: 100.64.0.0/10 (RFC 6598).
    Shared,
    /// Many at once: 224.0.0.0/4 and ff00::/8.
    Multicast,
    /// All at once: 255.255.255.255.
    Broadcast,
    /// For examples and for measurements: RFC 5737, RFC 3849, RFC 9637, RFC 2544, RFC 5180.
    Documentation,
    /// Assigned to nobody, or to protocols: 192.0.0.0/24, 240.0.0.0/4, and what is not in 2000::/3.
    Reserved,
    /// Where a cloud tells its machines about themselves, credentials included.
    Metadata,
    /// An address of this machine's network interfaces.
    Own,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Loopback => "a loopback address",
            Self::Wildcard => "a wildcard address",
            Self::LinkLocal => "a link-local address",
            Self::Private => "a private address",
            Self::Shared => "a provider's shared address",
            Self::Multicast => "a multicast address",
            Self::Broadcast => "the broadcast address",
            Self::Documentation => "an address for examples",
            Self::Reserved => "a reserved address",
            Self::Metadata => "a cloud's metadata address",
            Self::Own => "an address of this server",
        })
    }
}

/// Where clouds tell their machines about themselves. Whoever may call these may often act as the machine, so no network
/// that contains them and no host that leads to them opens them; see [`refusal`].
const METADATA: [IpAddr; 10] = [
    // Most clouds; tasks and pods of AWS.
    IpAddr::V4(Ipv4Addr::new(169, 254, 169, 254)),
    IpAddr::V4(Ipv4Addr::new(169, 254, 170, 2)),
    IpAddr::V4(Ipv4Addr::new(169, 254, 170, 23)),
    // Alibaba, Oracle, and the one of Azure that is a public address.
    IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)),
    IpAddr::V4(Ipv4Addr::new(192, 0, 0, 192)),
    IpAddr::V4(Ipv4Addr::new(168, 63, 129, 16)),
    // AWS, its pods, Google, OpenStack over IPv6.
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0x0ec2, 0, 0, 0, 0, 0, 0x0254)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0x0ec2, 0, 0, 0, 0, 0, 0x0023)),
    IpAddr::V6(Ipv6Addr::new(0xfd20, 0x00ce, 0, 0, 0, 0, 0, 0x0254)),
    IpAddr::V6(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0xa9fe, 0xa9fe)),
];

/// Why webhooks must not call `address`; none when they may.
///
/// `host` is the name that led to the address, if one did; `own` are the addresses of this machine's interfaces. An
/// IPv6 address that stands for an IPv4 one is refused when that one is. What is allowed by name goes before every other
/// rule, except that a metadata address has to be named itself.
pub fn refusal(address: IpAddr, host: Option<&str>, own: &[IpAddr], allowed: &AllowedTargets) -> Option<Kind> {
    let address = address.to_canonical();
    if allowed.names(address) {
        return None;
    }
    let inner = match address {
        IpAddr::V4(_) => Inner::default(),
        IpAddr::V6(v6) => Inner::of(v6),
    };
    let faces = || std::iter::once(address).chain(inner.addresses());
    if faces().any(|face| METADATA.contains(&face) && !allowed.names(face)) {
        return Some(Kind::Metadata);
    }
    if allowed.contains(address) || host.is_some_and(|name| allowed.contains_host(name)) {
        return None;
    }
    let is_own = |face: IpAddr| own.iter().any(|own| own.to_canonical() == face);
    let kind_of = |face: IpAddr| kind(face).or_else(|| is_own(face).then_some(Kind::Own));
    let of_inner = inner
        .addresses()
        .filter(|face| !allowed.contains(*face))
        .find_map(kind_of);
    of_inner.or_else(|| kind_of(address))
}

/// The kind of an address by itself, whatever it may stand for.
fn kind(address: IpAddr) -> Option<Kind> {
    match address {
        IpAddr::V4(v4) => kind_v4(v4),
        IpAddr::V6(v6) => kind_v6(v6),
    }
}

fn kind_v4(address: Ipv4Addr) -> Option<Kind> {
    Some(match address.octets() {
        [0, ..] => Kind::Wildcard,
        [127, ..] => Kind::Loopback,
        [169, 254, ..] => Kind::LinkLocal,
        [10, ..] | [172, 16..=31, ..] | [192, 168, ..] => Kind::Private,
        [100, 64..=127, ..] => Kind::Shared,
        [192, 0, 2, _] | [198, 18 | 19, ..] | [198, 51, 100, _] | [203, 0, 113, _] => Kind::Documentation,
        [224..=239, ..] => Kind::Multicast,
        [255, 255, 255, 255] => Kind::Broadcast,
        // Protocol assignments, the relays of 6to4 (which RFC 7526 gave up), and what was never assigned.
        [192, 0, 0, _] | [192, 88, 99, _] | [240..=255, ..] => Kind::Reserved,
        _ => return None,
    })
}

fn kind_v6(address: Ipv6Addr) -> Option<Kind> {
    Some(match address.segments() {
        [0, 0, 0, 0, 0, 0, 0, 0] => Kind::Wildcard,
        [0, 0, 0, 0, 0, 0, 0, 1] => Kind::Loopback,
        [0xfe80..=0xfebf, ..] => Kind::LinkLocal,
        [0xfec0..=0xfeff | 0xfc00..=0xfdff, ..] => Kind::Private,
        [0xff00..=0xffff, ..] => Kind::Multicast,
        [0x2001, 0x0db8, ..] | [0x3fff, 0x0000..=0x0fff, ..] | [0x2001, 0x0002, 0, ..] => Kind::Documentation,
        // Protocol assignments in 2001::/23, but for Teredo.
        [0x2001, 0x0001..=0x01ff, ..] => Kind::Reserved,
        // NAT64 (RFC 6052 and RFC 8215) is what the address inside of it is; the rest is what is assigned to everybody.
        [0x0064, 0xff9b, 0, 0, 0, 0, ..] | [0x0064, 0xff9b, 1, ..] | [0x2000..=0x3fff, ..] => return None,
        _ => Kind::Reserved,
    })
}

/// The IPv4 addresses that a gateway, a tunnel or the system itself may call for one IPv6 address.
#[derive(Debug, Clone, Copy, Default)]
struct Inner([Option<Ipv4Addr>; 4]);

impl Inner {
    fn of(address: Ipv6Addr) -> Self {
        let octets = address.octets();
        let at =
            |a: usize, b: usize, c: usize, d: usize| Some(Ipv4Addr::new(octets[a], octets[b], octets[c], octets[d]));
        let last = at(12, 13, 14, 15);
        match address.segments() {
            // The wildcard and loopback are no compatible addresses.
            [0, 0, 0, 0, 0, 0, 0, 0 | 1] => Self::default(),
            [0x0064, 0xff9b, 1, ..] => {
                Self::of_local_nat64([last, at(6, 7, 9, 10), at(7, 9, 10, 11), at(9, 10, 11, 12)])
            }
            [0x2002, ..] => Self([at(2, 3, 4, 5), None, None, None]),
            // Teredo: the server, and the client with its bits turned (RFC 4380 section 4).
            [0x2001, 0, ..] => Self([at(4, 5, 6, 7), last.map(|client| !client), None, None]),
            // Compatible, translated (RFC 2765), NAT64 with the well-known prefix, and ISATAP under any prefix (RFC 5214
            // section 6.1).
            [0, 0, 0, 0, 0 | 0xffff, 0, _, _]
            | [0x0064, 0xff9b, 0, 0, 0, 0, _, _]
            | [_, _, _, _, 0 | 0x0200, 0x5efe, _, _] => Self([last, None, None, None]),
            _ => Self::default(),
        }
    }

    /// A network may use any length of prefix within 64:ff9b:1::/48 (RFC 8215), and only its gateway knows which. So each
    /// place where an address can stand counts. A place that reads as 0.x.y.z does not hold one, unless all do.
    fn of_local_nat64(places: [Option<Ipv4Addr>; 4]) -> Self {
        let real = places.map(|place| place.filter(|found| found.octets()[0] != 0));
        if real.iter().all(Option::is_none) {
            Self(places)
        } else {
            Self(real)
        }
    }

    fn addresses(self) -> impl Iterator<Item = IpAddr> {
        self.0.into_iter().flatten().map(IpAddr::V4)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Every way of writing an IPv4 address into an IPv6 one, with something in the places that do not matter.
    fn dressed(inner: Ipv4Addr, noise: u64) -> Vec<Ipv6Addr> {
        let [a, b, c, d] = inner.octets();
        let (high, low) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
        let [n0, n1, n2, n3] = [noise, noise >> 16, noise >> 32, noise >> 48].map(|part| part as u16);
        let (turned_high, turned_low) = (!high, !low);
        let one = u16::from(a);
        vec![
            Ipv6Addr::new(0, 0, 0, 0, 0, 0xffff, high, low),
            Ipv6Addr::new(0, 0, 0, 0, 0, 0, high, low),
            Ipv6Addr::new(0, 0, 0, 0, 0xffff, 0, high, low),
            Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, high, low),
            Ipv6Addr::new(0x64, 0xff9b, 1, n0, n1, n2, high, low),
            Ipv6Addr::new(0x64, 0xff9b, 1, high, u16::from(c), u16::from(d) << 8, n0, n1),
            Ipv6Addr::new(0x64, 0xff9b, 1, one, u16::from(b), low, n0, n1),
            Ipv6Addr::new(
                0x64,
                0xff9b,
                1,
                n0,
                one,
                u16::from_be_bytes([b, c]),
                u16::from(d) << 8,
                n1,
            ),
            Ipv6Addr::new(0x2002, high, low, n0, n1, n2, n3, n0),
            Ipv6Addr::new(0x2001, 0, high, low, n0, n1, n2, n3),
            Ipv6Addr::new(0x2001, 0, n0, n1, n2, n3, turned_high, turned_low),
            Ipv6Addr::new(0x2a00, n0, n1, n2, 0, 0x5efe, high, low),
            Ipv6Addr::new(0x2a00, n0, n1, n2, 0x200, 0x5efe, high, low),
        ]
    }

    fn v4() -> impl Strategy<Value = Ipv4Addr> {
        let inner = prop_oneof![
            Just([127, 0, 0, 1]),
            Just([169, 254, 169, 254]),
            Just([100, 100, 100, 200]),
            any::<[u8; 3]>().prop_map(|[b, c, d]| [10, b, c, d]),
            any::<[u8; 2]>().prop_map(|[c, d]| [192, 168, c, d]),
            any::<[u8; 4]>(),
        ];
        // What begins with zero is no address anybody is translated to; see `of_local_nat64`.
        inner
            .prop_map(Ipv4Addr::from)
            .prop_filter("0.0.0.0/8", |address| address.octets()[0] != 0)
    }

    proptest! {
        #[test]
        fn an_address_in_other_clothes_is_refused_as_it_is_itself(inner in v4(), noise: u64) {
            let none = AllowedTargets::default();
            if refusal(inner.into(), None, &[], &none).is_some() {
                for outer in dressed(inner, noise) {
                    prop_assert!(refusal(outer.into(), None, &[], &none).is_some(), "{outer} stands for {inner}");
                }
            }
        }

        #[test]
        fn this_machine_is_refused_in_whatever_clothes(own: Ipv4Addr, noise: u64) {
            prop_assume!(own.octets()[0] != 0);
            for outer in dressed(own, noise) {
                prop_assert!(refusal(outer.into(), None, &[own.into()], &AllowedTargets::default()).is_some(), "{outer}");
            }
        }

        #[test]
        fn a_mapped_address_is_that_address(inner in v4(), allow: bool) {
            let allowed = AllowedTargets::parse(if allow { "10.0.0.0/8,127.0.0.1" } else { "" }).unwrap();
            let mapped = IpAddr::V6(inner.to_ipv6_mapped());
            prop_assert_eq!(refusal(mapped, None, &[], &allowed), refusal(inner.into(), None, &[], &allowed));
        }

        #[test]
        fn neither_a_network_nor_a_host_opens_metadata(place in 0..METADATA.len(), noise: u64) {
            let allowed = AllowedTargets::parse("0.0.0.0/0,::/0,any.example").unwrap();
            let address = METADATA[place];
            let mut clothes = vec![address];
            if let IpAddr::V4(inner) = address {
                clothes.extend(dressed(inner, noise).into_iter().map(IpAddr::V6));
            }
            for one in clothes {
                prop_assert_eq!(refusal(one, Some("any.example"), &[], &allowed), Some(Kind::Metadata), "{}", one);
            }
            let named = AllowedTargets::parse(&address.to_string()).unwrap();
            prop_assert_eq!(refusal(address, None, &[], &named), None);
        }

        #[test]
        fn allowing_more_never_refuses_more(address: IpAddr, own: Vec<IpAddr>, network: Ipv4Addr, length in 0_u8..=32) {
            let none = AllowedTargets::default();
            let network = ipnet::Ipv4Net::new(network, length).unwrap().trunc();
            let some = AllowedTargets::parse(&network.to_string()).unwrap();
            if refusal(address, None, &own, &none).is_none() {
                prop_assert_eq!(refusal(address, None, &own, &some), None);
            }
        }
    }
}
