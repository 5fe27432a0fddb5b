//! Look-ups by many at once, and look-ups that break.

use std::sync::atomic::{AtomicUsize, Ordering};

use gatehook_domain::Timestamp;
use gatehook_domain::ambient::{ManualClock, SeededEntropy};
use tokio::sync::Notify;

use super::*;

fn ambient() -> (Arc<ManualClock>, Ambient) {
    let clock = Arc::new(ManualClock::new(Timestamp::from_millis(1_700_000_000_000)));
    (clock.clone(), Ambient::new(clock, Arc::new(SeededEntropy::new(1))))
}

/// A network that counts, and answers when it is let.
#[derive(Default)]
struct Slow {
    asked: AtomicUsize,
    answered: Arc<Notify>,
    panics: bool,
}

impl Network for Slow {
    fn lookup(&self, _: &str) -> Lookup {
        let count = self.asked.fetch_add(1, Ordering::SeqCst);
        let (answered, panics) = (self.answered.clone(), self.panics && count == 0);
        Box::pin(async move {
            assert!(!panics, "a look-up that breaks");
            answered.notified().await;
            Ok(Answer {
                addresses: vec![IpAddr::from([93, 184, 216, 34])],
                lifetime: Duration::from_mins(1),
            })
        })
    }

    fn own_addresses(&self) -> io::Result<Vec<IpAddr>> {
        Ok(vec![])
    }
}

#[tokio::test]
async fn a_herd_that_wants_one_name_asks_once() {
    let network = Arc::new(Slow::default());
    let (names, ambient) = (Names::over(network.clone()), ambient().1);
    // One of them goes away before the answer: the others get it all the same.
    let gone = tokio::time::timeout(Duration::ZERO, names.addresses("hooks.example", &ambient)).await;
    assert!(gone.is_err());
    let herd: Vec<_> = (0..200)
        .map(|_| {
            let (names, ambient) = (names.clone(), ambient.clone());
            tokio::spawn(async move { names.addresses("hooks.example", &ambient).await })
        })
        .collect();
    tokio::task::yield_now().await;
    network.answered.notify_one();
    for one in herd {
        assert_eq!(one.await.unwrap().unwrap().len(), 1);
    }
    assert_eq!(network.asked.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_look_up_that_breaks_is_a_failure_and_not_the_end_of_the_name() {
    let network = Arc::new(Slow {
        panics: true,
        ..Slow::default()
    });
    let (names, (clock, ambient)) = (Names::over(network.clone()), ambient());
    assert_eq!(names.addresses("hooks.example", &ambient).await, Err(Unresolved));
    clock.advance(Duration::from_secs(3));
    network.answered.notify_one();
    assert!(names.addresses("hooks.example", &ambient).await.is_ok());
}
