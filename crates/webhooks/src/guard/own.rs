//! The addresses of this machine, kept for a moment: asking the system for them costs more than all the rest of a check.

use std::io;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use gatehook_domain::Timestamp;

/// How long they are kept. So long a new interface can go unnoticed.
const KEPT: Duration = Duration::from_secs(5);

/// The addresses of this machine, and when they were asked for.
#[derive(Default)]
pub(super) struct OwnAddresses(Mutex<Option<(Timestamp, Arc<[IpAddr]>)>>);

impl OwnAddresses {
    /// The addresses at `now`, from `ask` unless they are known. Many that ask at once wait for one answer; an error is not
    /// kept.
    pub(super) fn at(
        &self,
        now: Timestamp,
        ask: impl FnOnce() -> io::Result<Vec<IpAddr>>,
    ) -> io::Result<Arc<[IpAddr]>> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((asked, addresses)) = &*kept
            // A clock that was put back makes nothing last longer.
            && (*asked..asked.plus(KEPT)).contains(&now)
        {
            return Ok(Arc::clone(addresses));
        }
        let addresses: Arc<[IpAddr]> = ask()?.into();
        *kept = Some((now, Arc::clone(&addresses)));
        Ok(addresses)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    #[test]
    fn the_system_is_asked_once_in_five_seconds_and_a_new_interface_counts_after_that() {
        let own = OwnAddresses::default();
        let asked = Cell::new(0);
        let at = |millis: i64| {
            let found = own.at(Timestamp::from_millis(millis), || {
                asked.set(asked.get() + 1);
                Ok(vec![IpAddr::from([10, 0, 0, asked.get()])])
            });
            found.unwrap()[0].to_string()
        };
        assert_eq!([at(10_000), at(14_999)], ["10.0.0.1", "10.0.0.1"]);
        assert_eq!(at(15_000), "10.0.0.2");
        assert_eq!(at(9_000), "10.0.0.3", "the clock was put back");
    }

    #[test]
    fn an_error_is_not_kept() {
        let own = OwnAddresses::default();
        let now = Timestamp::from_millis(0);
        assert!(own.at(now, || Err(io::ErrorKind::Other.into())).is_err());
        assert!(own.at(now, || Ok(vec![])).is_ok());
    }
}
