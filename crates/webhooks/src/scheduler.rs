//! What the engine does next: when to claim, how much, what to begin, what to give back. Pure: it is told what happened
//! and what time it is, and does no input or output itself.

use std::hash::Hash;
use std::time::Duration;

use gatehook_domain::Timestamp;
use tokio::time::Instant;

use crate::lanes::{Begun, Lanes, Pace, Rooms};

/// The most deliveries a node holds at once: being sent, waiting in their lanes, or ended and not written down yet.
pub(crate) const HELD: usize = 2048;
/// How many of them may be held by destinations that fail or answer slowly.
const TROUBLED: usize = HELD / 8;
/// How many of them may be no first attempts.
const AGAIN: usize = HELD / 2;
/// So many calls that have ended since the last claim are worth another one at once; for fewer it waits a moment for more.
const WORTHWHILE: usize = 64;
/// That moment.
const MOMENT: Duration = Duration::from_millis(5);
/// The longest time between two looks for due deliveries; those of a dead node are found by it.
pub(crate) const LONGEST_SLEEP: Duration = Duration::from_secs(5);
/// The shortest such time after a look that left nothing behind.
const SHORTEST_SLEEP: Duration = Duration::from_millis(50);

/// What to claim.
#[derive(Debug)]
pub(crate) struct Order<K> {
    /// At most so many.
    pub(crate) limit: usize,
    /// At most so many that are no first attempts.
    pub(crate) again: usize,
    /// At most so many of each destination.
    pub(crate) rooms: Rooms<K>,
}

/// A delivery that was claimed.
#[derive(Debug)]
pub(crate) struct Incoming<K, N, T> {
    pub(crate) key: K,
    pub(crate) failures: i64,
    /// The branch, for a first attempt.
    pub(crate) thread: Option<N>,
    pub(crate) delivery: T,
}

/// The state of an engine.
#[derive(Debug)]
pub(crate) struct Scheduler<K, N, T> {
    lanes: Lanes<K, N, T>,
    /// Ended or refused, and not written down yet.
    unwritten: usize,
    /// When to look for due deliveries next.
    look_at: Instant,
    /// When the first retry is due that was written down since the last claim began, which may not have seen it.
    retry_at: Option<Instant>,
    /// Whether the last claim left something behind that is due.
    left: bool,
    /// How many places became free since the last claim began.
    freed: usize,
    claiming: bool,
    /// Whether what is held is so large that nothing more may be claimed.
    heavy: bool,
    /// Whether there was a wake during the claim that runs: it may have come too late for it.
    woken: bool,
}

impl<K: Eq + Hash + Clone, N: Eq + Hash + Clone, T> Scheduler<K, N, T> {
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            lanes: Lanes::new(TROUBLED),
            unwritten: 0,
            look_at: now,
            retry_at: None,
            left: false,
            freed: 0,
            claiming: false,
            heavy: false,
            woken: false,
        }
    }

    /// Says whether what is held is so large that nothing more may be claimed, however many places are free.
    pub(crate) fn is_heavy(&mut self, heavy: bool) {
        self.heavy = heavy;
    }

    /// Limits how many calls to one destination begin in a second; 0 is no limit.
    pub(crate) fn limit_rate(&mut self, per_second: u32) {
        self.lanes.limit_rate(per_second);
    }

    /// Something may be due.
    pub(crate) fn wake(&mut self, now: Instant) {
        self.woken |= self.claiming;
        self.look_at = self.look_at.min(now);
    }

    /// Whether to claim now, and what. Nothing more is claimed until it is said what came of it.
    pub(crate) fn order(&mut self, now: Instant, clock: Timestamp) -> Option<Order<K>> {
        let limit = self.free();
        if self.claiming || limit == 0 || self.look_at > now {
            return None;
        }
        self.claiming = true;
        self.freed = 0;
        self.woken = false;
        self.retry_at = None;
        Some(Order {
            limit,
            again: AGAIN.saturating_sub(self.lanes.held_again()),
            rooms: self.lanes.claim(clock),
        })
    }

    /// What was claimed, whether something was left behind, and when something becomes due next. Gives what has to go back
    /// to the store.
    pub(crate) fn claimed(
        &mut self,
        claimed: Vec<Incoming<K, N, T>>,
        left: bool,
        next_due: Option<Timestamp>,
        now: Instant,
        clock: Timestamp,
    ) -> Vec<T> {
        self.claiming = false;
        self.left = left;
        let mut back = Vec::new();
        for one in claimed {
            let pushed = self.lanes.push(&one.key, one.failures, one.thread, one.delivery, clock);
            if let Err(refused) = pushed {
                back.push(refused);
            }
        }
        self.unwritten += back.len();
        let next = [next_due, self.lanes.next_probe(clock)].into_iter().flatten().min();
        let wait = next.map_or(LONGEST_SLEEP, |next| next.since(clock));
        self.look_at = if self.woken {
            now
        } else {
            let next = now + wait.clamp(SHORTEST_SLEEP, LONGEST_SLEEP);
            self.retry_at.map_or(next, |retry| retry.min(next))
        };
        if self.freed > 0 {
            self.looks_again(now);
        }
        back
    }

    /// The claim failed; the next one is made after a pause.
    pub(crate) fn claim_failed(&mut self, pause: Duration, now: Instant) {
        self.claiming = false;
        self.look_at = now + pause;
    }

    /// The calls to begin now.
    pub(crate) fn begin(&mut self, now: Instant) -> Vec<Begun<N, T>> {
        self.lanes.begin(now)
    }

    /// A call has ended; its end is to be written down. Gives what has to go back to the store with it.
    pub(crate) fn ended(
        &mut self,
        key: &K,
        thread: Option<&N>,
        pace: Pace,
        (now, clock): (Instant, Timestamp),
        random: u64,
    ) -> Vec<T> {
        let back = self.lanes.ended(key, thread, pace, clock, random);
        self.unwritten += 1 + back.len();
        self.freed += 1;
        self.looks_again(now);
        back
    }

    /// The end of a call is written down.
    pub(crate) fn written(&mut self, now: Instant) {
        self.unwritten -= 1;
        self.looks_again(now);
    }

    /// A retry was written down that is due then.
    pub(crate) fn retries(&mut self, due: Timestamp, now: Instant, clock: Timestamp) {
        let at = now + due.since(clock).clamp(SHORTEST_SLEEP, LONGEST_SLEEP);
        self.retry_at = Some(self.retry_at.map_or(at, |retry| retry.min(at)));
        self.look_at = self.look_at.min(at);
    }

    /// A delivery that had to go back to the store is there.
    pub(crate) fn returned(&mut self, key: &K, now: Instant) {
        self.lanes.returned(key);
        self.unwritten -= 1;
        self.left = true;
        self.freed += 1;
        self.looks_again(now);
    }

    /// Until when there is nothing to do but to wait for something to happen.
    pub(crate) fn sleeps_until(&self, now: Instant) -> Instant {
        let look_at = if self.claiming || self.free() == 0 {
            now + LONGEST_SLEEP
        } else {
            self.look_at
        };
        self.lanes.next_begin(now).map_or(look_at, |begin| begin.min(look_at))
    }

    /// Takes all whose call has not begun: the engine stops.
    pub(crate) fn take_waiting(&mut self) -> Vec<T> {
        let waiting = self.lanes.take_waiting();
        self.unwritten += waiting.len();
        waiting
    }

    fn free(&self) -> usize {
        if self.heavy {
            return 0;
        }
        HELD.saturating_sub(self.lanes.held() + self.unwritten)
    }

    /// A place or a lane became free: what was left behind may be claimed now, or a moment later. While a claim runs, it
    /// is not known yet what that leaves behind.
    fn looks_again(&mut self, now: Instant) {
        if self.left && !self.claiming {
            let wait = if self.freed >= WORTHWHILE {
                Duration::ZERO
            } else {
                MOMENT
            };
            self.look_at = self.look_at.min(now + wait);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wake_during_a_claim_has_the_engine_look_again() {
        let (now, clock) = (Instant::now(), Timestamp::from_millis(0));
        let mut scheduler: Scheduler<u8, u8, ()> = Scheduler::new(now);
        assert!(scheduler.order(now, clock).is_some());
        assert!(scheduler.order(now, clock).is_none(), "one claim at a time");
        scheduler.wake(now);
        scheduler.claimed(Vec::new(), false, None, now, clock);
        assert!(scheduler.order(now, clock).is_some());
        scheduler.claimed(Vec::new(), false, None, now, clock);
        assert!(scheduler.order(now, clock).is_none());
    }

    #[test]
    fn what_was_left_behind_is_looked_for_when_a_place_becomes_free() {
        let (now, clock) = (Instant::now(), Timestamp::from_millis(0));
        let mut scheduler: Scheduler<u8, u8, ()> = Scheduler::new(now);
        scheduler.order(now, clock).unwrap();
        let one = Incoming {
            key: 1,
            failures: 0,
            thread: None,
            delivery: (),
        };
        scheduler.claimed(vec![one], true, None, now, clock);
        assert!(scheduler.order(now, clock).is_none());
        assert_eq!(scheduler.begin(now).len(), 1);
        scheduler.ended(&1, None, Pace::Quick, (now, clock), 0);
        assert!(scheduler.order(now, clock).is_none(), "there may soon be more places");
        assert_eq!(scheduler.sleeps_until(now), now + MOMENT);
        let (now, clock) = (now + MOMENT, clock.plus(MOMENT));
        assert!(scheduler.order(now, clock).is_some());
        scheduler.claimed(Vec::new(), true, None, now, clock);
        assert!(scheduler.order(now, clock).is_none(), "nothing ended since");
    }

    #[test]
    fn many_places_are_worth_a_claim_at_once_also_those_that_became_free_during_the_one_before() {
        let (now, clock) = (Instant::now(), Timestamp::from_millis(0));
        let mut scheduler: Scheduler<usize, u8, ()> = Scheduler::new(now);
        let many = || {
            (0..WORTHWHILE).map(|key| Incoming {
                key,
                failures: 0,
                thread: None,
                delivery: (),
            })
        };
        scheduler.order(now, clock).unwrap();
        scheduler.claimed(many().collect(), true, None, now, clock);
        assert_eq!(scheduler.begin(now).len(), WORTHWHILE);
        for key in 0..WORTHWHILE - 1 {
            scheduler.ended(&key, None, Pace::Quick, (now, clock), 0);
            assert!(scheduler.order(now, clock).is_none());
        }
        scheduler.ended(&(WORTHWHILE - 1), None, Pace::Quick, (now, clock), 0);
        assert!(scheduler.order(now, clock).is_some());

        scheduler.claimed(many().collect(), false, None, now, clock);
        scheduler.begin(now);
        scheduler.wake(now);
        scheduler.order(now, clock).unwrap();
        for key in 0..WORTHWHILE {
            scheduler.ended(&key, None, Pace::Quick, (now, clock), 0);
        }
        scheduler.claimed(Vec::new(), true, None, now, clock);
        assert!(scheduler.order(now, clock).is_some());
    }

    #[test]
    fn a_retry_is_looked_for_when_it_is_due_also_when_it_was_written_down_during_a_claim() {
        let (now, clock) = (Instant::now(), Timestamp::from_millis(0));
        let second = Duration::from_secs(1);
        let mut scheduler: Scheduler<u8, u8, ()> = Scheduler::new(now);
        assert!(scheduler.order(now, clock).is_some());
        scheduler.claimed(Vec::new(), false, None, now, clock);
        assert_eq!(scheduler.sleeps_until(now), now + LONGEST_SLEEP);
        scheduler.retries(clock.plus(second), now, clock);
        assert_eq!(scheduler.sleeps_until(now), now + second);

        let (now, clock) = (now + second, clock.plus(second));
        assert!(scheduler.order(now, clock).is_some());
        scheduler.retries(clock.plus(second), now, clock);
        scheduler.claimed(Vec::new(), false, None, now, clock);
        assert_eq!(scheduler.sleeps_until(now), now + second);
    }

    #[test]
    fn at_most_half_of_what_is_held_may_be_no_first_attempts() {
        let (now, clock) = (Instant::now(), Timestamp::from_millis(0));
        let mut scheduler: Scheduler<usize, u8, ()> = Scheduler::new(now);
        let order = scheduler.order(now, clock).unwrap();
        assert_eq!((order.limit, order.again), (HELD, HELD / 2));
        let again = (0..100).map(|key| Incoming {
            key,
            failures: 0,
            thread: None,
            delivery: (),
        });
        let first = (100..130).map(|key| Incoming {
            key,
            failures: 0,
            thread: Some(1),
            delivery: (),
        });
        scheduler.claimed(again.chain(first).collect(), false, None, now, clock);
        scheduler.wake(now);
        let order = scheduler.order(now, clock).unwrap();
        assert_eq!((order.limit, order.again), (HELD - 130, HELD / 2 - 100));
        scheduler.claimed(Vec::new(), false, None, now, clock);

        assert_eq!(scheduler.begin(now).len(), 130);
        scheduler.ended(&0, None, Pace::Quick, (now, clock), 0);
        scheduler.written(now);
        scheduler.wake(now);
        let order = scheduler.order(now, clock).unwrap();
        assert_eq!((order.limit, order.again), (HELD - 129, HELD / 2 - 99));
    }

    #[test]
    fn webhooks_in_trouble_get_an_eighth_of_what_is_held_together() {
        let (now, clock) = (Instant::now(), Timestamp::from_millis(0));
        let mut scheduler: Scheduler<usize, u8, ()> = Scheduler::new(now);
        let order = scheduler.order(now, clock).unwrap();
        let given: usize = (0..HELD).map(|key| order.rooms.of(&key, 100)).sum();
        assert_eq!(given, HELD / 8);
        assert!(order.rooms.of(&HELD, 0) > 0, "those that are well are not held up");
    }

    #[test]
    fn nothing_more_is_claimed_while_what_is_held_is_too_large() {
        let (now, clock) = (Instant::now(), Timestamp::from_millis(0));
        let mut scheduler: Scheduler<usize, u8, ()> = Scheduler::new(now);
        scheduler.is_heavy(true);
        assert!(scheduler.order(now, clock).is_none());
        assert_eq!(scheduler.sleeps_until(now), now + LONGEST_SLEEP);
        scheduler.is_heavy(false);
        assert!(scheduler.order(now, clock).is_some());
    }
}
