//! When a destination that keeps failing is tried again. Pure.

use std::time::Duration;

use gatehook_domain::Timestamp;

use crate::policy::jittered;

/// After so many failures in a row only single probes are made.
pub(crate) const TRIP: u32 = 5;
/// The pause before the first probe; it doubles from probe to probe.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// The longest pause between two probes: a destination that is back is noticed after it at the latest.
const LONGEST_PAUSE: Duration = Duration::from_mins(1);

/// What is known of a destination's failures.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Breaker {
    failures: u32,
    /// When the next probe may be made; exactly while the breaker is open.
    probe_at: Option<Timestamp>,
}

impl Breaker {
    /// That of a destination with so many failures in a row, of which nothing else is known: a probe may be made at once.
    pub(crate) fn with(failures: u32, now: Timestamp) -> Self {
        Self {
            failures,
            probe_at: (failures >= TRIP).then_some(now),
        }
    }

    /// Whether only single probes are made.
    pub(crate) fn is_open(&self) -> bool {
        self.probe_at.is_some()
    }

    /// Whether a call may be made as far as the breaker is concerned. While it is open, one at a time.
    pub(crate) fn allows(&self, now: Timestamp) -> bool {
        // A clock that was put back must not put the probe off.
        self.probe_at
            .is_none_or(|at| at <= now || at.since(now) > LONGEST_PAUSE * 2)
    }

    /// When a probe may be made, if that is later than now.
    pub(crate) fn next_probe(&self, now: Timestamp) -> Option<Timestamp> {
        self.probe_at.filter(|_| !self.allows(now))
    }

    /// The destination answered.
    pub(crate) fn answered(&mut self) {
        *self = Self::default();
    }

    /// A call failed. `pausing` is whether it will be tried again: what is tried only once does not wait for a
    /// destination to come back.
    pub(crate) fn failed(&mut self, now: Timestamp, pausing: bool, random: u64) {
        self.failures = self.failures.saturating_add(1);
        if self.failures >= TRIP {
            let doublings = (self.failures - TRIP).min(6);
            let pause = (FIRST_PAUSE * (1 << doublings)).min(LONGEST_PAUSE);
            self.probe_at = Some(if pausing {
                now.plus(jittered(pause, random))
            } else {
                now
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(1_700_000_000_000 + seconds * 1000)
    }

    #[test]
    fn probes_come_less_and_less_often_until_the_destination_answers() {
        let mut breaker = Breaker::default();
        let mut pauses = Vec::new();
        for failure in 1..=13 {
            breaker.failed(at(0), true, 200);
            assert_eq!(breaker.is_open(), failure >= TRIP);
            pauses.push(breaker.next_probe(at(0)).map(|probe| probe.since(at(0)).as_secs()));
        }
        assert_eq!(pauses[..4], [None; 4]);
        assert_eq!(pauses[4..], [1, 2, 4, 8, 16, 32, 60, 60, 60].map(Some));
        assert!(!breaker.allows(at(59)) && breaker.allows(at(60)));
        breaker.answered();
        assert!(breaker.allows(at(0)) && !breaker.is_open());
    }

    #[test]
    fn one_that_is_known_to_fail_is_probed_at_once_and_so_is_one_without_retries() {
        let known = Breaker::with(TRIP, at(0));
        assert!(known.is_open() && known.allows(at(0)));
        assert!(!Breaker::with(TRIP - 1, at(0)).is_open());
        let mut once = Breaker::with(TRIP, at(0));
        once.failed(at(0), false, 0);
        assert!(once.is_open() && once.allows(at(0)));
    }

    #[test]
    fn a_clock_that_was_put_back_does_not_put_the_probe_off() {
        let mut breaker = Breaker::with(100, at(0));
        breaker.failed(at(10_000), true, 400);
        assert!(!breaker.allows(at(10_000)));
        assert!(breaker.allows(at(0)));
    }
}
