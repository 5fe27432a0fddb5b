//! A machine that does not say which addresses are its own.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use gatehook_webhooks::guard::Guard;
use gatehook_webhooks::names::{Lookup, Network};
use gatehook_webhooks::{Sender, SenderConfig};
use rstest::rstest;

use crate::logs;
use crate::sender::{OneAddress, call, clocked, outcome, sender_with};

/// A machine that does not say which addresses are its own, for a reason, unless it sees.
struct Blind {
    why: &'static str,
    sees: AtomicBool,
}

impl Blind {
    fn new(why: &'static str) -> Arc<Self> {
        let sees = AtomicBool::new(false);
        Arc::new(Self { why, sees })
    }
}

impl Network for Blind {
    fn lookup(&self, host: &str) -> Lookup {
        OneAddress(Some([93, 184, 216, 34].into())).lookup(host)
    }

    fn own_addresses(&self) -> io::Result<Vec<IpAddr>> {
        if self.sees.load(Ordering::SeqCst) {
            return Ok(vec![]);
        }
        Err(io::Error::other(self.why))
    }
}

const UNKNOWN: &str = "Network interfaces could not be fetched.";

#[rstest]
#[case::by_address("93.184.216.34")]
#[case::by_name("hooks.example")]
#[tokio::test]
async fn nothing_is_called_while_this_machines_addresses_cannot_be_listed(#[case] host: &str) {
    let guard = Guard::over(Blind::new("the test wants it so"), &clocked().1);
    let sender = sender_with(guard, Duration::from_secs(10));
    let attempt = sender.send(&call(&format!("http://{host}/")), true).await;
    assert_eq!(outcome(&attempt), UNKNOWN);
}

#[tokio::test]
async fn that_addresses_cannot_be_listed_is_logged_once_until_they_can_be_again() {
    const WHY: &str = "the interfaces are behind seven seals";
    let (clock, ambient) = clocked();
    let network = Blind::new(WHY);
    let guard = Guard::over(network.clone(), &ambient);
    let config = SenderConfig {
        time_limit: Duration::from_secs(10),
        ..SenderConfig::new("1.2.3", guard)
    };
    let sender = Sender::new(config, ambient).unwrap();
    let ask = async |host: &str| outcome(&sender.send(&call(&format!("http://{host}/")), true).await);
    let said = |what: &str| logs::kept().lines().filter(|line| line.contains(what)).count();
    let again = "the addresses of this machine can be listed again";
    for _ in 0..3 {
        assert_eq!(
            (ask("93.184.216.34").await, ask("hooks.example").await),
            (UNKNOWN.into(), UNKNOWN.into())
        );
    }
    assert_eq!((said(WHY), said(again)), (1, 0));
    network.sees.store(true, Ordering::SeqCst);
    for _ in 0..2 {
        assert!(ask("127.0.0.1").await.starts_with("blocked by the address guard"));
    }
    assert_eq!((said(WHY), said(again)), (1, 1));
    network.sees.store(false, Ordering::SeqCst);
    clock.advance(Duration::from_secs(5));
    for _ in 0..2 {
        assert_eq!(ask("93.184.216.34").await, UNKNOWN);
    }
    assert_eq!((said(WHY), said(again)), (2, 1), "it is news again");
}
