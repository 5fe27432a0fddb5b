//! How hosts are spelled, and what comes of each: the table is the specification.

use std::net::IpAddr;

use super::ranges::Kind;
use super::*;
use crate::guard::tests::{Fake, ambient};

/// What comes of a URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Allowed,
    Refused(Kind),
    /// No URL for the parser, so no webhook either.
    NoUrl,
}

use Verdict::{Allowed, NoUrl, Refused};

/// The host as it is spelled, what comes of it, and why. This machine has the address 198.18.7.7 of a range that is
/// refused anyway, 93.184.216.99 and 2a00:99::99. `inner.example` is 10.0.0.1, `outer.example` is public, `mixed.example` is
/// both.
const TABLE: &[(&str, Verdict, &str)] = &[
    // Loopback.
    ("127.0.0.1", Refused(Kind::Loopback), "loopback"),
    ("127.0.0.1:8080", Refused(Kind::Loopback), "the port does not matter"),
    ("127.0.0.0", Refused(Kind::Loopback), "the beginning of 127.0.0.0/8"),
    ("127.255.255.255", Refused(Kind::Loopback), "its end"),
    ("126.255.255.255", Allowed, "before it"),
    ("128.0.0.0", Allowed, "behind it"),
    (
        "user:password@127.0.0.1",
        Refused(Kind::Loopback),
        "credentials do not hide the host",
    ),
    (
        "outer.example@127.0.0.1",
        Refused(Kind::Loopback),
        "a user that looks like a host",
    ),
    ("127.1", Refused(Kind::Loopback), "two parts"),
    ("127.0.1", Refused(Kind::Loopback), "three parts"),
    ("127.0.0.1.", Refused(Kind::Loopback), "a dot at the end"),
    ("2130706433", Refused(Kind::Loopback), "decimal"),
    ("2130706433.", Refused(Kind::Loopback), "decimal with a dot at the end"),
    ("0x7f000001", Refused(Kind::Loopback), "hexadecimal"),
    ("0X7F000001", Refused(Kind::Loopback), "hexadecimal in upper case"),
    ("017700000001", Refused(Kind::Loopback), "octal"),
    ("0x7f.0x0.0x0.0x1", Refused(Kind::Loopback), "hexadecimal parts"),
    ("0x7f.1", Refused(Kind::Loopback), "two parts, one hexadecimal"),
    (
        "0177.0.0.1",
        Refused(Kind::Loopback),
        "octal part; decimal for Java, see docs/compatibility.md",
    ),
    ("0177.0x0.0.01", Refused(Kind::Loopback), "parts of three kinds"),
    (
        "127.0x000001",
        Refused(Kind::Loopback),
        "leading zeros in the last part",
    ),
    ("%31%32%37.0.0.1", Refused(Kind::Loopback), "percent-encoded digits"),
    ("127%2e0%2e0%2e1", Refused(Kind::Loopback), "percent-encoded dots"),
    ("１２７.０.０.１", Refused(Kind::Loopback), "full-width digits"),
    ("127。0。0。1", Refused(Kind::Loopback), "ideographic dots"),
    ("127．0．0．1", Refused(Kind::Loopback), "full-width dots"),
    ("①②⑦.⓪.⓪.①", Refused(Kind::Loopback), "digits in circles"),
    (
        "%EF%BC%91%EF%BC%92%EF%BC%97.0.0.1",
        Refused(Kind::Loopback),
        "full-width digits, percent-encoded",
    ),
    ("[::1]", Refused(Kind::Loopback), "loopback of IPv6"),
    ("[0:0:0:0:0:0:0:1]", Refused(Kind::Loopback), "the same, not shortened"),
    (
        "[0000:0000:0000:0000:0000:0000:0000:0001]",
        Refused(Kind::Loopback),
        "the same, with zeros",
    ),
    ("[::0.0.0.1]", Refused(Kind::Loopback), "the same, with an IPv4 part"),
    // Wildcard.
    ("0.0.0.0", Refused(Kind::Wildcard), "wildcard"),
    ("0", Refused(Kind::Wildcard), "the shortest spelling of it"),
    ("0x0", Refused(Kind::Wildcard), "hexadecimal"),
    ("00.0.0", Refused(Kind::Wildcard), "octal zeros"),
    ("0.255.255.255", Refused(Kind::Wildcard), "the end of 0.0.0.0/8"),
    ("1.0.0.0", Allowed, "behind it"),
    ("[::]", Refused(Kind::Wildcard), "wildcard of IPv6"),
    // Link-local and metadata.
    (
        "169.254.0.0",
        Refused(Kind::LinkLocal),
        "the beginning of 169.254.0.0/16",
    ),
    ("169.254.255.255", Refused(Kind::LinkLocal), "its end"),
    ("169.253.255.255", Allowed, "before it"),
    ("169.255.0.0", Allowed, "behind it"),
    ("169.254.169.253", Refused(Kind::LinkLocal), "beside the metadata"),
    ("[fe80::]", Refused(Kind::LinkLocal), "the beginning of fe80::/10"),
    ("[febf:ffff::1]", Refused(Kind::LinkLocal), "its end"),
    ("[fe80::1%25eth0]", NoUrl, "a zone"),
    ("[fe80::1%eth0]", NoUrl, "a zone, not encoded"),
    ("169.254.169.254", Refused(Kind::Metadata), "metadata of most clouds"),
    ("2852039166", Refused(Kind::Metadata), "the same, decimal"),
    ("0xa9fea9fe", Refused(Kind::Metadata), "the same, hexadecimal"),
    ("0251.0376.0251.0376", Refused(Kind::Metadata), "the same, octal"),
    ("[::ffff:169.254.169.254]", Refused(Kind::Metadata), "the same, mapped"),
    (
        "[64:ff9b::a9fe:a9fe]",
        Refused(Kind::Metadata),
        "the same, behind NAT64",
    ),
    ("169.254.170.2", Refused(Kind::Metadata), "credentials of tasks on AWS"),
    ("100.100.100.200", Refused(Kind::Metadata), "Alibaba"),
    ("192.0.0.192", Refused(Kind::Metadata), "Oracle"),
    ("168.63.129.16", Refused(Kind::Metadata), "Azure; a public address"),
    ("[fd00:ec2::254]", Refused(Kind::Metadata), "AWS over IPv6"),
    ("[FD00:0EC2::0254]", Refused(Kind::Metadata), "the same in upper case"),
    ("[fd20:ce::254]", Refused(Kind::Metadata), "Google over IPv6"),
    // Private.
    ("10.0.0.0", Refused(Kind::Private), "the beginning of 10.0.0.0/8"),
    ("10.255.255.255", Refused(Kind::Private), "its end"),
    ("9.255.255.255", Allowed, "before it"),
    ("11.0.0.0", Allowed, "behind it"),
    ("172.16.0.0", Refused(Kind::Private), "the beginning of 172.16.0.0/12"),
    ("172.31.255.255", Refused(Kind::Private), "its end"),
    ("172.15.255.255", Allowed, "before it"),
    ("172.32.0.0", Allowed, "behind it"),
    ("192.168.0.0", Refused(Kind::Private), "the beginning of 192.168.0.0/16"),
    ("192.168.255.255", Refused(Kind::Private), "its end"),
    ("192.167.255.255", Allowed, "before it"),
    ("192.169.0.0", Allowed, "behind it"),
    ("0300.0250.0.1", Refused(Kind::Private), "192.168.0.1, octal"),
    ("3232235521", Refused(Kind::Private), "192.168.0.1, decimal"),
    ("0xa.1", Refused(Kind::Private), "10.0.0.1, hexadecimal and short"),
    ("012.1", Refused(Kind::Private), "10.0.0.1, octal and short"),
    ("[fc00::1]", Refused(Kind::Private), "unique local"),
    ("[fdff:ffff::1]", Refused(Kind::Private), "the end of fc00::/7"),
    ("[fec0::1]", Refused(Kind::Private), "site-local"),
    // Shared, multicast, broadcast, reserved, documentation.
    ("100.64.0.0", Refused(Kind::Shared), "the beginning of 100.64.0.0/10"),
    ("100.127.255.255", Refused(Kind::Shared), "its end"),
    ("100.63.255.255", Allowed, "before it"),
    ("100.128.0.0", Allowed, "behind it"),
    ("224.0.0.0", Refused(Kind::Multicast), "the beginning of 224.0.0.0/4"),
    ("239.255.255.255", Refused(Kind::Multicast), "its end"),
    ("223.255.255.255", Allowed, "before it"),
    ("[ff02::1]", Refused(Kind::Multicast), "multicast of IPv6"),
    ("240.0.0.0", Refused(Kind::Reserved), "the beginning of 240.0.0.0/4"),
    ("255.255.255.254", Refused(Kind::Reserved), "its end but one"),
    ("255.255.255.255", Refused(Kind::Broadcast), "broadcast"),
    ("4294967295", Refused(Kind::Broadcast), "broadcast, decimal"),
    ("4294967296", NoUrl, "more than an address has room for"),
    ("256.0.0.1", NoUrl, "a part that is too large"),
    ("1.2.3.4.5", NoUrl, "a part too many"),
    ("192.0.0.8", Refused(Kind::Reserved), "192.0.0.0/24, protocols"),
    ("192.88.99.1", Refused(Kind::Reserved), "the relays of 6to4"),
    ("192.0.2.1", Refused(Kind::Documentation), "for examples"),
    ("198.51.100.1", Refused(Kind::Documentation), "for examples"),
    ("203.0.113.1", Refused(Kind::Documentation), "for examples"),
    ("198.18.0.1", Refused(Kind::Documentation), "for measurements"),
    ("198.19.255.255", Refused(Kind::Documentation), "for measurements"),
    ("198.17.255.255", Allowed, "before them"),
    ("198.20.0.0", Allowed, "behind them"),
    ("192.0.1.0", Allowed, "between two ranges that are refused"),
    ("[2000::1]", Allowed, "the beginning of what is routed over IPv6"),
    ("[3fff:1000::1]", Allowed, "behind those for examples, RFC 9637"),
    ("[2001:db8::1]", Refused(Kind::Documentation), "for examples"),
    ("[3fff:fff::1]", Refused(Kind::Documentation), "for examples, RFC 9637"),
    ("[2001:2::1]", Refused(Kind::Documentation), "for measurements"),
    ("[100::1]", Refused(Kind::Reserved), "where packets are dropped"),
    ("[4000::1]", Refused(Kind::Reserved), "assigned to nobody yet"),
    ("[2001:20::1]", Refused(Kind::Reserved), "identities, not addresses"),
    // IPv4 in the clothes of IPv6.
    ("[::ffff:127.0.0.1]", Refused(Kind::Loopback), "mapped"),
    ("[::ffff:7f00:1]", Refused(Kind::Loopback), "mapped, hexadecimal"),
    (
        "[0:0:0:0:0:FFFF:7F00:1]",
        Refused(Kind::Loopback),
        "mapped, not shortened, upper case",
    ),
    ("[::ffff:93.184.216.34]", Allowed, "mapped, of a public address"),
    ("[::127.0.0.1]", Refused(Kind::Loopback), "compatible"),
    (
        "[::93.184.216.34]",
        Refused(Kind::Reserved),
        "compatible, of a public address: nobody routes these",
    ),
    ("[::ffff:0:10.0.0.1]", Refused(Kind::Private), "translated"),
    ("[64:ff9b::10.0.0.1]", Refused(Kind::Private), "NAT64"),
    ("[64:ff9b::93.184.216.34]", Allowed, "NAT64 of a public address"),
    ("[64:ff9b:1::10.0.0.1]", Refused(Kind::Private), "local NAT64"),
    (
        "[64:ff9b:1:a00:0:100::]",
        Refused(Kind::Private),
        "local NAT64 with a prefix of 48 bits",
    ),
    (
        "[64:ff9b:1:a00:0:100:5db8:d822]",
        Refused(Kind::Private),
        "the same, with a public address at the end",
    ),
    ("[64:ff9b:1::93.184.216.34]", Allowed, "local NAT64 of a public address"),
    ("[64:ff9b:1::]", Refused(Kind::Wildcard), "local NAT64 of no address"),
    ("[64:ff9b:2::1]", Refused(Kind::Reserved), "beside it"),
    ("[2002:7f00:1::]", Refused(Kind::Loopback), "6to4"),
    ("[2002:5db8:d822::1]", Allowed, "6to4 of a public address"),
    (
        "[2001:0:5db8:d822:0:0:f5ff:fffe]",
        Refused(Kind::Private),
        "Teredo, the client is 10.0.0.1",
    ),
    (
        "[2001:0:a00:1::a247:27dd]",
        Refused(Kind::Private),
        "Teredo, the server is 10.0.0.1",
    ),
    ("[2001:0:5db8:d822::a247:27dd]", Allowed, "Teredo, both are public"),
    ("[2a00:1450::5efe:10.0.0.1]", Refused(Kind::Private), "ISATAP"),
    (
        "[2a00:1450::200:5efe:192.168.0.1]",
        Refused(Kind::Private),
        "ISATAP, of an address that is global",
    ),
    // This machine.
    ("93.184.216.99", Refused(Kind::Own), "an interface of this machine"),
    ("1572395107", Refused(Kind::Own), "the same, decimal"),
    ("[::ffff:93.184.216.99]", Refused(Kind::Own), "the same, mapped"),
    ("[64:ff9b::93.184.216.99]", Refused(Kind::Own), "the same, behind NAT64"),
    ("[2a00:99::99]", Refused(Kind::Own), "an interface over IPv6"),
    // Names.
    ("inner.example", Refused(Kind::Private), "a name of an inner address"),
    ("INNER.example", Refused(Kind::Private), "in upper case"),
    ("inner.example.", Refused(Kind::Private), "with a dot at the end"),
    ("inner。example", Refused(Kind::Private), "with an ideographic dot"),
    ("%69nner.example", Refused(Kind::Private), "percent-encoded"),
    ("ｉｎｎｅｒ.example", Refused(Kind::Private), "full-width letters"),
    (
        "inner.example\u{ad}",
        Refused(Kind::Private),
        "with a soft hyphen, which names drop",
    ),
    ("outer.example", Allowed, "a name of a public address"),
    (
        "mixed.example",
        Allowed,
        "some of its addresses are public, and only those are called",
    ),
    (
        "unknown.example",
        Allowed,
        "nobody knows it now; it is looked up at each call",
    ),
    (
        "127.0.0.1.outer.example",
        Allowed,
        "a name that only looks like an address",
    ),
    // Public addresses, and what is no host.
    ("93.184.216.34", Allowed, "public"),
    ("1572395042", Allowed, "the same, decimal"),
    ("[2a00:1450:4001:82b::200e]", Allowed, "public over IPv6"),
    ("[::1", NoUrl, "an open bracket"),
    ("::1", NoUrl, "IPv6 without brackets"),
    ("[127.0.0.1]", NoUrl, "IPv4 in brackets"),
    ("127.0.0.1%00.outer.example", NoUrl, "a zero byte"),
    (
        "127.0.0.1\\@outer.example",
        Refused(Kind::Loopback),
        "a backslash, which browsers read as a slash",
    ),
    ("127.0.0.1 .outer.example", NoUrl, "a space"),
    ("0x7f.1.outer%2eexample:99999", NoUrl, "no port"),
];

fn network() -> Fake {
    let address = |text: &str| text.parse::<IpAddr>().unwrap();
    Fake::new(&[
        ("inner.example", &["10.0.0.1"]),
        ("inner.example.", &["10.0.0.1"]),
        ("outer.example", &["93.184.216.34"]),
        ("mixed.example", &["10.0.0.1", "93.184.216.34"]),
        ("127.0.0.1.outer.example", &["93.184.216.34"]),
    ])
    .owning(&[address("198.18.7.7"), address("93.184.216.99"), address("2a00:99::99")])
}

async fn verdict(guard: &Guard, host: &str) -> Verdict {
    let Ok(url) = WebhookUrl::parse(&format!("http://{host}/hook")) else {
        return NoUrl;
    };
    match guard.check_url_now(&url).await {
        Ok(()) => Allowed,
        Err(GuardError::Forbidden(kind)) => Refused(kind),
        Err(error) => panic!("{host}: {error}"),
    }
}

#[tokio::test]
async fn every_spelling_of_a_host_is_read_as_what_it_stands_for() {
    let guard = Guard::over(Arc::new(network()), &ambient().1);
    let mut wrong = Vec::new();
    for (host, expected, why) in TABLE {
        let found = verdict(&guard, host).await;
        if found != *expected {
            wrong.push(format!("{host} ({why}): {found:?} instead of {expected:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn what_is_on_the_list_is_called_and_its_neighbours_are_not() {
    let list = "10.0.0.0/8, 127.0.0.1, 93.184.216.99, fd00:ec2::/32, *.corp.example, inner.example";
    let network = network()
        .and("inner.example", &["192.168.0.1"])
        .and("a.corp.example", &["172.16.0.9", "fe80::9"])
        .and("cloud.corp.example", &["169.254.169.254"])
        .and("corp.example", &["172.16.0.9"]);
    let guard = Guard::over(Arc::new(network), &ambient().1);
    guard.allow(Some(list));
    for (host, expected) in [
        ("10.200.0.1", Allowed),
        ("012.200.1", Allowed),
        ("[::ffff:10.0.0.1]", Allowed),
        ("[64:ff9b::10.0.0.1]", Allowed),
        ("127.0.0.1", Allowed),
        ("0x7f.1", Allowed),
        ("127.0.0.2", Refused(Kind::Loopback)),
        ("192.168.0.1", Refused(Kind::Private)),
        ("93.184.216.99", Allowed),
        ("[fd00:ec2::7]", Allowed),
        ("[fd00:ec2::254]", Refused(Kind::Metadata)),
        ("inner.example", Allowed),
        ("a.corp.example", Allowed),
        ("A.CORP.example", Allowed),
        ("cloud.corp.example", Refused(Kind::Metadata)),
        ("corp.example", Refused(Kind::Private)),
    ] {
        assert_eq!(verdict(&guard, host).await, expected, "{host}");
    }
    guard.allow(Some("169.254.169.254"));
    assert_eq!(verdict(&guard, "169.254.169.254").await, Allowed, "it is named");
    assert_eq!(
        verdict(&guard, "cloud.corp.example").await,
        Allowed,
        "so its name may lead there"
    );
    assert_eq!(
        verdict(&guard, "10.200.0.1").await,
        Refused(Kind::Private),
        "the list is another one now"
    );
    guard.allow(None);
    assert_eq!(verdict(&guard, "169.254.169.254").await, Refused(Kind::Metadata));
}
