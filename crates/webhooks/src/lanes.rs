//! Which of the claimed deliveries may be sent now, and how many more may be claimed. Each destination (a webhook) has a
//! lane of its own, so that none waits for another. Pure.
//!
//! First attempts of one branch begin in the order in which they were claimed, which is the order of their events: each
//! when the one before has ended, or [`HEAD_START`] after that one began. So calls reach every receiver that can be
//! reached within the head start in order, and a receiver that hangs holds up a branch for a moment each, not for the
//! whole time limit.

use std::cell::Cell;
use std::collections::{HashMap, HashSet, VecDeque};
use std::hash::Hash;
use std::time::Duration;

use gatehook_domain::Timestamp;
use tokio::time::Instant;

use crate::breaker::{Breaker, TRIP};

/// How far ahead of the next call of the same branch a call is that has not ended: time to connect and to be read.
pub(crate) const HEAD_START: Duration = Duration::from_millis(250);
/// The most calls to one destination at once, as long as it has not answered many quickly.
const FIRST_FLIGHTS: usize = 8;
/// The most calls to one destination at once.
pub(crate) const FLIGHTS: usize = WIDEST_WINDOW / HELD_PER_FLIGHT;
/// For so many deliveries that a destination may hold there may be one call at once.
const HELD_PER_FLIGHT: usize = 16;
/// The most calls at once in all: each has a connection.
pub(crate) const CALLS: usize = 1024;
/// How many deliveries to a destination are held of which nothing is known, or that fails now and then.
const FIRST_WINDOW: usize = 4;
/// How many deliveries to a destination that answers quickly are held at most: enough that claiming more takes no longer
/// than sending these.
const WIDEST_WINDOW: usize = 512;
/// Where a rate is set, a destination holds no more than goes out in this time. What waits here goes out as its webhook was
/// when it was claimed, even if that was paused or changed since, and a lease that ran out meanwhile would have it sent twice.
const RATED_AHEAD: Duration = Duration::from_secs(5);
/// What has waited in a lane for so long shows that it holds too much: those of one branch go out one after the other. Well within
/// a lease, after which another node would send them, too.
const LATE: Duration = Duration::from_secs(10);
/// How far ahead of its rate a destination's calls may be: timers are no finer than this.
const AHEAD: Duration = Duration::from_millis(10);
/// Lanes that are remembered. Those of idle destinations are forgotten when there are more.
const REMEMBERED: usize = 4_096;

/// How a call ended, as far as its destination is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pace {
    /// It answered quickly.
    Quick,
    /// It answered slowly.
    Slow,
    /// It did not answer, or said that it is in trouble. Holds whether the call will be made again.
    Failed { again: bool },
}

/// The claimed deliveries by destination.
#[derive(Debug)]
pub(crate) struct Lanes<K, N, T> {
    by_key: HashMap<K, Lane<N, T>>,
    /// The lanes in which something may be waiting, so that the others are not looked at again and again.
    waiting: HashSet<K>,
    held: usize,
    flying: usize,
    held_again: usize,
    pushed: u64,
    /// How many claims have begun.
    claims: u64,
    /// The time from one call to a destination to the next at its highest rate; none where the rate is not limited.
    spacing: Option<Duration>,
    /// How many deliveries destinations in trouble may hold together.
    troubled_share: usize,
}

#[derive(Debug)]
struct Lane<N, T> {
    waiting: VecDeque<Waiting<N, T>>,
    flying: usize,
    threads: HashMap<N, Thread>,
    window: usize,
    slow: bool,
    breaker: Breaker,
    /// Deliveries on their way back to the store. Nothing is claimed meanwhile: it would be newer than they are.
    returning: usize,
    /// During or after which claim something went back last. What that claim brings may be newer, too.
    gave_back: Option<u64>,
    /// Until when the calls that have begun use up its rate.
    used_until: Option<Instant>,
}

#[derive(Debug)]
struct Waiting<N, T> {
    /// How many were pushed before, so that lanes that begin together keep that order.
    order: u64,
    since: Timestamp,
    thread: Option<N>,
    delivery: T,
}

#[derive(Debug)]
struct Thread {
    flying: usize,
    last_began: Instant,
}

/// A call that begins.
#[derive(Debug)]
pub(crate) struct Begun<N, T> {
    pub(crate) thread: Option<N>,
    pub(crate) delivery: T,
}

/// How many deliveries may be claimed of each destination.
#[derive(Debug, Clone)]
pub(crate) struct Rooms<K> {
    known: HashMap<K, usize>,
    troubled: Cell<usize>,
}

impl<K: Eq + Hash> Rooms<K> {
    /// The room for a destination with so many failures in a row.
    pub(crate) fn of(&self, key: &K, failures: i64) -> usize {
        if let Some(room) = self.known.get(key) {
            return *room;
        }
        if failures < i64::from(TRIP) {
            return FIRST_WINDOW;
        }
        let left = self.troubled.get();
        self.troubled.set(left.saturating_sub(1));
        left.min(1)
    }
}

/// How many a destination may hold that gets a call each so much time.
fn rated(spacing: Option<Duration>) -> usize {
    spacing.map_or(usize::MAX, |spacing| {
        usize::try_from(RATED_AHEAD.as_nanos() / spacing.as_nanos().max(1))
            .map_or(usize::MAX, |goes_out| goes_out.max(1))
    })
}

impl<N: Eq + Hash + Clone, T> Lane<N, T> {
    fn new(breaker: Breaker) -> Self {
        Self {
            waiting: VecDeque::new(),
            flying: 0,
            threads: HashMap::new(),
            window: FIRST_WINDOW,
            slow: false,
            breaker,
            returning: 0,
            gave_back: None,
            used_until: None,
        }
    }

    fn held(&self) -> usize {
        self.waiting.len() + self.flying
    }

    fn troubled(&self) -> bool {
        self.slow || self.breaker.is_open()
    }

    /// How many it may hold at all.
    fn width(&self, spacing: Option<Duration>) -> usize {
        if self.breaker.is_open() {
            1
        } else {
            self.window.min(rated(spacing))
        }
    }

    fn flights(&self, spacing: Option<Duration>) -> usize {
        if self.breaker.is_open() {
            1
        } else {
            (self.window / HELD_PER_FLIGHT).max(FIRST_FLIGHTS).min(rated(spacing))
        }
    }

    /// When the branch of a delivery lets its call begin.
    fn may_begin(&self, thread: Option<&N>, now: Instant) -> Instant {
        match thread.and_then(|thread| self.threads.get(thread)) {
            Some(thread) if thread.flying > 0 => thread.last_began + HEAD_START,
            _ => now,
        }
    }

    /// When its rate lets a call begin.
    fn rate_lets(&self, now: Instant) -> Instant {
        self.used_until
            .and_then(|until| until.checked_sub(AHEAD))
            .map_or(now, |at| at.max(now))
    }

    /// Takes at most `most` of those whose call begins now.
    fn begin(&mut self, now: Instant, spacing: Option<Duration>, most: usize, begun: &mut Vec<(u64, Begun<N, T>)>) {
        let (mut next, enough) = (0, begun.len().saturating_add(most));
        while begun.len() < enough
            && self.flying < self.flights(spacing)
            && next < self.waiting.len()
            && self.rate_lets(now) <= now
        {
            let thread = self.waiting[next].thread.clone();
            if self.may_begin(thread.as_ref(), now) > now {
                next += 1;
                continue;
            }
            let Some(waiting) = self.waiting.remove(next) else {
                break;
            };
            self.flying += 1;
            if let Some(spacing) = spacing {
                self.used_until = Some(self.used_until.map_or(now, |until| until.max(now)) + spacing);
            }
            if let Some(thread) = thread.clone() {
                let thread = self.threads.entry(thread).or_insert(Thread {
                    flying: 0,
                    last_began: now,
                });
                thread.flying += 1;
                thread.last_began = now;
            }
            begun.push((
                waiting.order,
                Begun {
                    thread,
                    delivery: waiting.delivery,
                },
            ));
        }
    }

    fn landed(&mut self, thread: Option<&N>) {
        self.flying = self.flying.saturating_sub(1);
        if let Some(key) = thread
            && let Some(thread) = self.threads.get_mut(key)
        {
            thread.flying = thread.flying.saturating_sub(1);
            if thread.flying == 0 {
                self.threads.remove(key);
            }
        }
    }

    /// Whether the one that has waited longest has waited too long.
    fn is_late(&self, now: Timestamp) -> bool {
        let oldest = self.waiting.front();
        oldest.is_some_and(|waiting| now.since(waiting.since) > LATE)
    }

    fn heed(&mut self, pace: Pace, now: Timestamp, random: u64) {
        match pace {
            Pace::Quick => {
                let closes = self.breaker.is_open();
                self.breaker.answered();
                self.slow = false;
                self.window = if closes {
                    FIRST_WINDOW
                } else if self.is_late(now) {
                    (self.window / 2).max(FIRST_WINDOW)
                } else {
                    (self.window + 1).min(WIDEST_WINDOW)
                };
            }
            Pace::Slow => {
                self.breaker.answered();
                self.slow = true;
                self.window = self.window.min(FIRST_FLIGHTS);
            }
            Pace::Failed { again } => {
                self.breaker.failed(now, again, random);
                self.window = (self.window / 2).max(FIRST_WINDOW);
            }
        }
    }
}

impl<K: Eq + Hash + Clone, N: Eq + Hash + Clone, T> Lanes<K, N, T> {
    /// Lanes among which those in trouble may hold at most `troubled_share` deliveries together.
    pub(crate) fn new(troubled_share: usize) -> Self {
        Self {
            by_key: HashMap::new(),
            waiting: HashSet::new(),
            held: 0,
            flying: 0,
            held_again: 0,
            pushed: 0,
            claims: 0,
            spacing: None,
            troubled_share,
        }
    }

    /// Limits how many calls to one destination begin in a second; 0 is no limit.
    pub(crate) fn limit_rate(&mut self, per_second: u32) {
        let spacing = (per_second > 0).then(|| Duration::from_secs(1) / per_second);
        if self.spacing != spacing {
            self.spacing = spacing;
            for lane in self.by_key.values_mut() {
                lane.used_until = None;
            }
        }
    }

    /// How many deliveries wait or are being sent.
    pub(crate) fn held(&self) -> usize {
        self.held
    }

    /// How many of them are no first attempts.
    pub(crate) fn held_again(&self) -> usize {
        self.held_again
    }

    /// A claim begins: how many more deliveries it may bring, by destination.
    pub(crate) fn claim(&mut self, now: Timestamp) -> Rooms<K> {
        self.claims += 1;
        self.rooms(now)
    }

    fn rooms(&self, now: Timestamp) -> Rooms<K> {
        let troubled: usize = self
            .by_key
            .values()
            .filter(|lane| lane.troubled())
            .map(Lane::held)
            .sum();
        let spare = self.troubled_share.saturating_sub(troubled);
        let room = |lane: &Lane<N, T>| {
            if lane.returning > 0 || !lane.breaker.allows(now) {
                return 0;
            }
            let room = lane.width(self.spacing).saturating_sub(lane.held());
            if lane.troubled() { room.min(spare) } else { room }
        };
        Rooms {
            known: self
                .by_key
                .iter()
                .map(|(key, lane)| (key.clone(), room(lane)))
                .collect(),
            troubled: Cell::new(spare),
        }
    }

    /// Puts a claimed delivery at the end of its lane. `failures` is what the store knows of its destination, and first
    /// attempts have a `thread`. Gives it back when there is no room for it any more.
    pub(crate) fn push(
        &mut self,
        key: &K,
        failures: i64,
        thread: Option<N>,
        delivery: T,
        now: Timestamp,
    ) -> Result<(), T> {
        if !self.by_key.contains_key(key) {
            self.forget_idle();
            let failures = u32::try_from(failures).unwrap_or(0);
            self.by_key.insert(key.clone(), Lane::new(Breaker::with(failures, now)));
        }
        let Some(lane) = self.by_key.get_mut(key) else {
            return Err(delivery);
        };
        let is_full = lane.held() >= lane.width(self.spacing);
        if lane.returning > 0 || lane.gave_back == Some(self.claims) || is_full {
            lane.returning += 1;
            lane.gave_back = Some(self.claims);
            return Err(delivery);
        }
        self.held += 1;
        self.held_again += usize::from(thread.is_none());
        lane.waiting.push_back(Waiting {
            order: self.pushed,
            since: now,
            thread,
            delivery,
        });
        self.pushed += 1;
        if lane.waiting.len() == 1 {
            self.waiting.insert(key.clone());
        }
        Ok(())
    }

    /// Takes those whose call begins now, in the order in which they were claimed.
    pub(crate) fn begin(&mut self, now: Instant) -> Vec<Begun<N, T>> {
        let mut begun = Vec::new();
        let (by_key, spacing) = (&mut self.by_key, self.spacing);
        let mut left = CALLS.saturating_sub(self.flying);
        if self.held - self.flying <= left {
            self.waiting.retain(|key| {
                by_key.get_mut(key).is_some_and(|lane| {
                    lane.begin(now, spacing, usize::MAX, &mut begun);
                    !lane.waiting.is_empty()
                })
            });
        } else {
            // Not all can begin: the lane with the oldest goes first.
            let first = |key: &K| {
                by_key
                    .get(key)
                    .and_then(|lane| lane.waiting.front())
                    .map(|one| one.order)
            };
            let mut keys: Vec<(Option<u64>, K)> = self.waiting.iter().map(|key| (first(key), key.clone())).collect();
            keys.sort_unstable_by_key(|(order, _)| *order);
            for (_, key) in keys {
                if left == 0 {
                    break;
                }
                let Some(lane) = by_key.get_mut(&key) else {
                    continue;
                };
                let before = begun.len();
                lane.begin(now, spacing, left, &mut begun);
                left -= begun.len() - before;
                if lane.waiting.is_empty() {
                    self.waiting.remove(&key);
                }
            }
        }
        self.flying += begun.len();
        begun.sort_unstable_by_key(|(order, _)| *order);
        begun.into_iter().map(|(_, begun)| begun).collect()
    }

    /// When [`Lanes::begin`] has something to give next, unless a call ends before.
    pub(crate) fn next_begin(&self, now: Instant) -> Option<Instant> {
        if self.flying >= CALLS {
            return None;
        }
        self.waiting
            .iter()
            .filter_map(|key| self.by_key.get(key))
            .filter(|lane| lane.flying < lane.flights(self.spacing))
            .flat_map(|lane| {
                let at = lane.rate_lets(now);
                lane.waiting
                    .iter()
                    .map(move |waiting| lane.may_begin(waiting.thread.as_ref(), now).max(at))
            })
            .min()
    }

    /// When the next probe of a destination may be made, if that is later than now.
    pub(crate) fn next_probe(&self, now: Timestamp) -> Option<Timestamp> {
        self.by_key
            .values()
            .filter_map(|lane| lane.breaker.next_probe(now))
            .min()
    }

    /// A call of this lane has ended. Gives the deliveries that have to go back to the store, because the lane may not
    /// hold them any more; [`Lanes::returned`] says when they are there.
    pub(crate) fn ended(&mut self, key: &K, thread: Option<&N>, pace: Pace, now: Timestamp, random: u64) -> Vec<T> {
        let Some(lane) = self.by_key.get_mut(key) else {
            return Vec::new();
        };
        lane.landed(thread);
        self.flying -= 1;
        self.held -= 1;
        self.held_again -= usize::from(thread.is_none());
        lane.heed(pace, now, random);
        // A probe that is open lets nothing wait: it would wait for the next one.
        let most = if lane.breaker.is_open() {
            0
        } else {
            lane.width(self.spacing)
        };
        let mut back = Vec::new();
        // The newest go, so that what stays is before them.
        while lane.held() > most
            && let Some(waiting) = lane.waiting.pop_back()
        {
            lane.returning += 1;
            lane.gave_back = Some(self.claims);
            self.held -= 1;
            self.held_again -= usize::from(waiting.thread.is_none());
            back.push(waiting.delivery);
        }
        back
    }

    /// A delivery of this lane that had to go back is there.
    pub(crate) fn returned(&mut self, key: &K) {
        if let Some(lane) = self.by_key.get_mut(key) {
            lane.returning = lane.returning.saturating_sub(1);
        }
    }

    /// Takes all that wait.
    pub(crate) fn take_waiting(&mut self) -> Vec<T> {
        let mut waiting = Vec::new();
        for lane in self.by_key.values_mut() {
            lane.returning += lane.waiting.len();
            waiting.extend(lane.waiting.drain(..));
        }
        self.held -= waiting.len();
        self.held_again -= waiting.iter().filter(|waiting| waiting.thread.is_none()).count();
        waiting.into_iter().map(|waiting| waiting.delivery).collect()
    }

    /// What is forgotten is known from the store well enough: the failures stand there.
    fn forget_idle(&mut self) {
        if self.by_key.len() >= REMEMBERED {
            self.by_key.retain(|_, lane| lane.held() > 0 || lane.returning > 0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Small = Lanes<&'static str, u8, u32>;

    const CLOCK: Timestamp = Timestamp::from_millis(1_700_000_000_000);

    fn begun(lanes: &mut Small, now: Instant) -> Vec<u32> {
        lanes.begin(now).into_iter().map(|begun| begun.delivery).collect()
    }

    fn with(deliveries: &[(&'static str, Option<u8>, u32)]) -> Small {
        let mut lanes = Lanes::new(100);
        for (key, thread, delivery) in deliveries {
            lanes.push(key, 0, *thread, *delivery, CLOCK).unwrap();
        }
        lanes
    }

    fn end(lanes: &mut Small, key: &'static str, thread: Option<u8>, pace: Pace) -> Vec<u32> {
        lanes.ended(&key, thread.as_ref(), pace, CLOCK, 0)
    }

    fn room(lanes: &Small, key: &'static str) -> usize {
        lanes.rooms(CLOCK).of(&key, 0)
    }

    const FAILED: Pace = Pace::Failed { again: true };

    #[test]
    fn first_attempts_of_a_branch_begin_one_after_the_other_and_all_else_beside_them() {
        let mut lanes = with(&[
            ("a", Some(1), 1),
            ("a", Some(1), 2),
            ("a", Some(2), 3),
            ("a", None, 4),
            ("b", Some(1), 5),
        ]);
        let now = Instant::now();
        assert_eq!(begun(&mut lanes, now), [1, 3, 4, 5]);
        assert_eq!(begun(&mut lanes, now), [] as [u32; 0]);
        assert!(end(&mut lanes, "a", Some(1), Pace::Quick).is_empty());
        assert_eq!(begun(&mut lanes, now), [2]);
    }

    #[test]
    fn a_call_that_hangs_holds_the_next_one_of_its_branch_up_for_its_head_start_only() {
        let mut lanes = with(&[("a", Some(1), 1), ("a", Some(1), 2)]);
        let now = Instant::now();
        assert_eq!(begun(&mut lanes, now), [1]);
        assert_eq!(lanes.next_begin(now), Some(now + HEAD_START));
        assert_eq!(begun(&mut lanes, now + HEAD_START), [2]);
        assert_eq!(lanes.next_begin(now), None);
    }

    /// Lanes of which one has answered quickly for so long that it has become as wide as it gets.
    fn widened(now: Instant) -> Small {
        let mut lanes = Small::new(100);
        for round in 0..600 {
            lanes.push(&"a", 0, None, round, CLOCK).unwrap();
            begun(&mut lanes, now);
            end(&mut lanes, "a", None, Pace::Quick);
        }
        lanes
    }

    #[test]
    fn a_lane_widens_while_it_answers_and_has_so_many_calls_at_once() {
        let now = Instant::now();
        let mut lanes = widened(now);
        assert_eq!(room(&lanes, "a"), WIDEST_WINDOW);
        assert_eq!(room(&lanes, "new"), FIRST_WINDOW);
        for delivery in 0..50 {
            lanes.push(&"a", 0, None, delivery, CLOCK).unwrap();
        }
        assert_eq!(begun(&mut lanes, now).len(), FLIGHTS);
        assert_eq!(lanes.next_begin(now), None);
        assert_eq!(
            end(&mut lanes, "a", None, Pace::Slow),
            (FLIGHTS as u32..50).rev().collect::<Vec<_>>()
        );
        assert_eq!(room(&lanes, "a"), 0);
    }

    #[test]
    fn there_are_no_more_calls_than_so_many_in_all_and_the_oldest_go_first() {
        let many = CALLS as u32 + 10;
        let mut lanes = Lanes::<u32, u8, u32>::new(100);
        let now = Instant::now();
        for delivery in 0..many {
            lanes.push(&(many - delivery), 0, None, delivery, CLOCK).unwrap();
        }
        let first: Vec<u32> = lanes.begin(now).into_iter().map(|begun| begun.delivery).collect();
        assert_eq!(first, (0..CALLS as u32).collect::<Vec<_>>());
        assert!(lanes.begin(now).is_empty());
        assert_eq!(lanes.next_begin(now), None);
        assert!(lanes.ended(&many, None, Pace::Quick, CLOCK, 0).is_empty());
        let next: Vec<u32> = lanes.begin(now).into_iter().map(|begun| begun.delivery).collect();
        assert_eq!(next, [CALLS as u32]);
    }

    #[test]
    fn a_lane_that_keeps_failing_gives_back_what_waits_and_gets_one_probe_at_a_time() {
        let mut lanes = Small::new(100);
        let now = Instant::now();
        for failure in 1..TRIP {
            lanes.push(&"a", 0, None, failure, CLOCK).unwrap();
            begun(&mut lanes, now);
            assert!(end(&mut lanes, "a", None, FAILED).is_empty());
        }
        assert_eq!(room(&lanes, "a"), FIRST_WINDOW);
        for delivery in 0..4 {
            lanes.push(&"a", 0, Some(1), delivery, CLOCK).unwrap();
        }
        assert_eq!(begun(&mut lanes, now), [0]);
        assert_eq!(end(&mut lanes, "a", Some(1), FAILED), [3, 2, 1]);
        assert_eq!((lanes.held(), room(&lanes, "a")), (0, 0));
        let probe = lanes.next_probe(CLOCK).unwrap();
        assert_eq!(lanes.rooms(probe).of(&"a", 0), 0, "what went back is not there yet");
        for _ in 0..3 {
            lanes.returned(&"a");
        }
        assert_eq!(lanes.claim(probe).of(&"a", 0), 1);
        lanes.push(&"a", 9, Some(1), 1, probe).unwrap();
        assert_eq!(lanes.push(&"a", 9, Some(1), 2, probe), Err(2));
        assert_eq!(begun(&mut lanes, now), [1]);
        assert!(lanes.ended(&"a", Some(&1), Pace::Quick, probe, 0).is_empty());
        lanes.returned(&"a");
        assert_eq!(lanes.rooms(probe).of(&"a", 0), FIRST_WINDOW);
    }

    #[test]
    fn what_was_claimed_while_something_older_goes_back_goes_back_too() {
        let mut lanes = with(&[("a", Some(1), 1), ("a", Some(1), 2)]);
        begun(&mut lanes, Instant::now());
        for _ in 0..TRIP {
            lanes.by_key.get_mut("a").unwrap().breaker.failed(CLOCK, true, 0);
        }
        assert_eq!(end(&mut lanes, "a", Some(1), FAILED), [2]);
        assert_eq!(lanes.push(&"a", 0, Some(1), 3, CLOCK), Err(3));
    }

    #[test]
    fn what_a_claim_brings_goes_back_if_something_older_went_back_during_it() {
        let mut lanes = Small::new(100);
        lanes.claim(CLOCK);
        for delivery in 1..=4 {
            lanes.push(&"a", 0, Some(1), delivery, CLOCK).unwrap();
        }
        begun(&mut lanes, Instant::now());
        lanes.claim(CLOCK);
        lanes.by_key.get_mut("a").unwrap().window = 1;
        assert_eq!(end(&mut lanes, "a", Some(1), Pace::Slow), [4, 3]);
        lanes.returned(&"a");
        lanes.returned(&"a");
        lanes.by_key.get_mut("a").unwrap().window = 9;
        assert_eq!(
            lanes.push(&"a", 0, Some(1), 5, CLOCK),
            Err(5),
            "3 and 4 were not there for it"
        );
        lanes.returned(&"a");
        lanes.claim(CLOCK);
        assert_eq!(lanes.push(&"a", 0, Some(1), 3, CLOCK), Ok(()));
    }

    #[test]
    fn a_branch_whose_calls_wait_for_long_gives_the_rest_back() {
        let mut lanes: Lanes<&str, u8, u32> = Lanes::new(9);
        let now = Instant::now();
        for round in 0..200 {
            lanes.push(&"a", 0, None, round, CLOCK).unwrap();
            lanes.begin(now);
            lanes.ended(&"a", None, Pace::Quick, CLOCK, 0);
        }
        for delivery in 0..100 {
            lanes.push(&"a", 0, Some(1), delivery, CLOCK).unwrap();
        }
        let mut back = Vec::new();
        let mut later = |millis: i64, sent: u32| {
            let begun = lanes.begin(now + Duration::from_millis(millis as u64));
            assert_eq!(begun.iter().map(|one| one.delivery).collect::<Vec<_>>(), [sent]);
            let clock = Timestamp::from_millis(CLOCK.as_millis() + millis);
            back.extend(lanes.ended(&"a", Some(&1), Pace::Quick, clock, 0));
            back.len()
        };
        assert_eq!(later(10_000, 0), 0);
        let given: Vec<usize> = (1..7).map(|sent| later(10_001, sent)).collect();
        assert!(given.is_sorted() && given[5] > 80, "{given:?}");
        back.sort_unstable();
        assert_eq!(back.last(), Some(&99), "the newest go first");
        assert!(lanes.held() <= FIRST_WINDOW, "{}", lanes.held());
    }

    #[test]
    fn a_destination_gets_no_more_calls_in_a_second_than_it_may_and_others_are_not_held_up() {
        let mut lanes = Small::new(100);
        let start = Instant::now();
        lanes.limit_rate(50);
        let (mut now, mut begun_a) = (start, 0);
        lanes.push(&"b", 0, None, 0, CLOCK).unwrap();
        while now < start + Duration::from_secs(1) {
            while lanes.push(&"a", 0, None, 1, CLOCK).is_ok() {}
            lanes.by_key.get_mut("a").unwrap().returning = 0;
            lanes.by_key.get_mut("a").unwrap().gave_back = None;
            for begun in lanes.begin(now) {
                assert!(begun.delivery == 1 || now == start);
                if begun.delivery == 1 {
                    begun_a += 1;
                    assert!(end(&mut lanes, "a", None, Pace::Quick).is_empty());
                }
            }
            let next = lanes.next_begin(now).unwrap();
            assert!(next > now, "it would be asked again at once, for ever");
            now = next;
        }
        assert!((49..=51).contains(&begun_a), "{begun_a}");
        lanes.limit_rate(0);
        assert_eq!(lanes.next_begin(now), Some(now));
    }

    #[test]
    fn a_destination_with_a_rate_holds_no_more_than_goes_out_soon_however_quick_it_is() {
        let now = Instant::now();
        let mut lanes = widened(now);
        for delivery in 0..50 {
            lanes.push(&"a", 0, None, delivery, CLOCK).unwrap();
        }
        lanes.limit_rate(1);
        assert_eq!(begun(&mut lanes, now), [0]);
        assert_eq!(room(&lanes, "a"), 0);
        // What it holds beyond that from before there was a rate goes back, so that others see what was changed.
        assert_eq!(end(&mut lanes, "a", None, Pace::Quick).len(), 49 - 5);
        for _ in 0..49 - 5 {
            lanes.returned(&"a");
        }
        lanes.claim(CLOCK);
        assert_eq!((lanes.held(), room(&lanes, "a")), (5, 0));
        assert_eq!(lanes.push(&"a", 0, None, 50, CLOCK), Err(50));
        lanes.limit_rate(100);
        lanes.returned(&"a");
        assert_eq!(room(&lanes, "a"), 500 - 5);
        lanes.limit_rate(0);
        assert_eq!(room(&lanes, "a"), WIDEST_WINDOW - 5);
    }

    #[test]
    fn a_destination_that_hangs_has_no_more_calls_at_once_than_its_rate_lets_it_hold() {
        let mut lanes = Small::new(100);
        lanes.limit_rate(1);
        lanes.push(&"a", 0, None, 0, CLOCK).unwrap();
        lanes.by_key.get_mut("a").unwrap().window = WIDEST_WINDOW;
        for delivery in 1..5 {
            lanes.push(&"a", 0, None, delivery, CLOCK).unwrap();
        }
        lanes.by_key.get_mut("a").unwrap().flying = 5;
        assert_eq!(lanes.next_begin(Instant::now()), None);
    }

    #[test]
    fn destinations_in_trouble_share_what_they_hold() {
        let mut lanes = Lanes::<u32, u8, u32>::new(3);
        let rooms = lanes.rooms(CLOCK);
        let given: usize = (0..100).map(|key| rooms.of(&key, i64::from(TRIP))).sum();
        assert_eq!(given, 3);
        for key in 0..3 {
            lanes.push(&key, i64::from(TRIP), None, key, CLOCK).unwrap();
        }
        assert_eq!(
            (lanes.rooms(CLOCK).of(&9, 5), lanes.rooms(CLOCK).of(&9, 0)),
            (0, FIRST_WINDOW)
        );
    }

    #[test]
    fn idle_lanes_are_forgotten_when_there_are_many() {
        let mut lanes = Lanes::<usize, u8, ()>::new(3);
        let now = Instant::now();
        lanes.push(&usize::MAX, 0, None, (), CLOCK).unwrap();
        for key in 0..=REMEMBERED {
            lanes.push(&key, 0, None, (), CLOCK).unwrap();
            lanes.begin(now);
            lanes.ended(&key, None, Pace::Quick, CLOCK, 0);
        }
        assert!(lanes.by_key.len() < 10);
    }
}
