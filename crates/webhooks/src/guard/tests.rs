//! What the guard does with names and with what changes while it stands.

use std::collections::HashMap;
use std::io;
use std::sync::Mutex;

use gatehook_domain::Timestamp;
use gatehook_domain::ambient::{ManualClock, SeededEntropy};

use super::*;
use crate::names::{Answer, Lookup};

/// A network that tells what it was given.
pub(super) struct Fake {
    names: Mutex<HashMap<String, Vec<IpAddr>>>,
    own: Mutex<io::Result<Vec<IpAddr>>>,
}

impl Fake {
    pub(super) fn new(names: &[(&str, &[&str])]) -> Self {
        let fake = Self {
            names: Mutex::default(),
            own: Mutex::new(Ok(vec![])),
        };
        names
            .iter()
            .fold(fake, |fake, (name, addresses)| fake.and(name, addresses))
    }

    pub(super) fn and(self, name: &str, addresses: &[&str]) -> Self {
        self.tell(name, addresses);
        self
    }

    pub(super) fn owning(self, own: &[IpAddr]) -> Self {
        *self.own.lock().unwrap() = Ok(own.to_vec());
        self
    }

    fn tell(&self, name: &str, addresses: &[&str]) {
        let addresses = addresses.iter().map(|text| text.parse().unwrap()).collect();
        self.names.lock().unwrap().insert(name.to_owned(), addresses);
    }
}

impl Network for Fake {
    fn lookup(&self, host: &str) -> Lookup {
        let addresses = self.names.lock().unwrap().get(host).cloned().unwrap_or_default();
        let lifetime = Duration::from_mins(1);
        Box::pin(async move { Ok(Answer { addresses, lifetime }) })
    }

    fn own_addresses(&self) -> io::Result<Vec<IpAddr>> {
        match &*self.own.lock().unwrap() {
            Ok(own) => Ok(own.clone()),
            Err(error) => Err(error.kind().into()),
        }
    }
}

pub(super) fn ambient() -> (Arc<ManualClock>, Ambient) {
    let clock = Arc::new(ManualClock::new(Timestamp::from_millis(1_700_000_000_000)));
    (clock.clone(), Ambient::new(clock, Arc::new(SeededEntropy::new(1))))
}

fn url(text: &str) -> WebhookUrl {
    WebhookUrl::parse(text).unwrap()
}

#[tokio::test]
async fn a_connection_is_made_only_to_addresses_that_passed() {
    let guard = Guard::over(
        Arc::new(Fake::new(&[(
            "hooks.example",
            &["10.0.0.1", "93.184.216.34", "2a00:1450::1"],
        )])),
        &ambient().1,
    );
    let found = guard.resolve("hooks.example", true).await.unwrap();
    assert_eq!(
        found.iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["93.184.216.34", "2a00:1450::1"]
    );
    assert_eq!(
        guard.resolve("hooks.example", false).await.unwrap().len(),
        3,
        "the guard is off"
    );
}

#[tokio::test]
async fn what_dns_said_is_vetted_again_at_each_use() {
    let (clock, ambient) = ambient();
    let network = Arc::new(Fake::new(&[
        ("hooks.example", &["93.184.216.34"]),
        ("inner.example", &["10.0.0.1"]),
    ]));
    let guard = Guard::over(network.clone(), &ambient);
    assert!(guard.resolve("hooks.example", true).await.is_ok());
    assert!(guard.resolve("inner.example", true).await.is_err());
    // Within the lifetime of both names: an interface got the address, and somebody allowed the other one.
    *network.own.lock().unwrap() = Ok(vec![IpAddr::from([93, 184, 216, 34])]);
    clock.advance(Duration::from_secs(5));
    guard.allow(Some("10.0.0.0/8"));
    assert_eq!(
        guard.resolve("hooks.example", true).await,
        Err(GuardError::Forbidden(Kind::Own).into())
    );
    assert!(guard.resolve("inner.example", true).await.is_ok());
}

#[tokio::test]
async fn a_host_that_has_become_forbidden_is_found_without_asking_anybody() {
    let (clock, ambient) = ambient();
    let network = Arc::new(Fake::new(&[("hooks.example", &["93.184.216.34"])]));
    let guard = Guard::over(network.clone(), &ambient);
    let target = url("http://hooks.example/").target();
    assert_eq!(guard.check(&target), Ok(()), "nothing is known about it");
    guard.resolve("hooks.example", true).await.unwrap();
    assert_eq!(guard.check(&target), Ok(()));
    network.tell("hooks.example", &["127.0.0.1"]);
    clock.advance(Duration::from_mins(1));
    assert!(guard.resolve("hooks.example", true).await.is_err());
    assert_eq!(guard.check(&target), Err(GuardError::Forbidden(Kind::Loopback)));
}

#[tokio::test]
async fn a_machine_that_does_not_know_its_own_addresses_calls_nobody() {
    let network = Fake::new(&[("hooks.example", &["93.184.216.34"])]);
    *network.own.lock().unwrap() = Err(io::ErrorKind::PermissionDenied.into());
    let guard = Guard::over(Arc::new(network), &ambient().1);
    for host in ["hooks.example", "93.184.216.34"] {
        let checked = guard.check_url_now(&url(&format!("http://{host}/"))).await;
        assert_eq!(checked, Err(GuardError::OwnAddressesUnknown), "{host}");
    }
}

#[tokio::test]
async fn what_the_configuration_allows_stays_allowed_whatever_the_setting_says() {
    let always = AllowedTargets::parse("10.0.0.1").unwrap();
    let guard = Guard::over(Arc::new(Fake::new(&[])), &ambient().1).always_allowing(always);
    for setting in [None, Some("10.0.0.2"), Some("not, a:80, list"), None] {
        guard.allow(setting);
        assert_eq!(guard.check(&url("http://10.0.0.1/").target()), Ok(()));
        assert_eq!(
            guard.check(&url("http://10.0.0.2/").target()).is_ok(),
            setting == Some("10.0.0.2")
        );
    }
}
