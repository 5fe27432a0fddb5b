//! Which of the claimed deliveries may be sent now. Each webhook has a lane; its calls begin in the order in which
//! they were claimed, which is the order of their events.
//!
//! A call begins when the one before it in its lane has ended, or [`HEAD_START`] after that one began. So calls reach
//! every receiver that can be reached within the head start in order, and a receiver that hangs holds up its own
//! lane for a moment each, not for the whole time limit, and other lanes not at all while there are free places.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;
use std::time::Duration;

use tokio::time::Instant;

/// How far ahead of the next call of the same webhook a call is that has not ended: time to connect and to be read.
pub(crate) const HEAD_START: Duration = Duration::from_millis(250);

/// The claimed deliveries, by webhook.
#[derive(Debug)]
pub(crate) struct Lanes<K, T> {
    by_webhook: HashMap<K, Lane<T>>,
    held: usize,
    pushed: u64,
}

#[derive(Debug)]
struct Lane<T> {
    /// With how many were pushed before, so that lanes that begin together keep that order.
    waiting: VecDeque<(u64, T)>,
    calling: usize,
    last_began: Option<Instant>,
}

impl<T> Lane<T> {
    /// When the first of those that wait may begin; none when nothing waits.
    fn may_begin(&self, now: Instant) -> Option<Instant> {
        if self.waiting.is_empty() {
            return None;
        }
        match self.last_began {
            Some(began) if self.calling > 0 => Some(began + HEAD_START),
            _ => Some(now),
        }
    }
}

impl<K: Eq + Hash + Clone, T> Lanes<K, T> {
    pub(crate) fn new() -> Self {
        Self {
            by_webhook: HashMap::new(),
            held: 0,
            pushed: 0,
        }
    }

    /// How many deliveries wait or are being sent.
    pub(crate) fn held(&self) -> usize {
        self.held
    }

    /// Puts a delivery at the end of its webhook's lane.
    pub(crate) fn push(&mut self, webhook: K, delivery: T) {
        let lane = self.by_webhook.entry(webhook).or_insert(Lane {
            waiting: VecDeque::new(),
            calling: 0,
            last_began: None,
        });
        lane.waiting.push_back((self.pushed, delivery));
        self.pushed += 1;
        self.held += 1;
    }

    /// Takes those whose call begins now, in the order in which they were claimed.
    pub(crate) fn begin(&mut self, now: Instant) -> Vec<(K, T)> {
        let mut begun = Vec::new();
        for (webhook, lane) in &mut self.by_webhook {
            if lane.may_begin(now).is_some_and(|at| at <= now)
                && let Some((order, delivery)) = lane.waiting.pop_front()
            {
                lane.calling += 1;
                lane.last_began = Some(now);
                begun.push((order, webhook.clone(), delivery));
            }
        }
        begun.sort_unstable_by_key(|(order, ..)| *order);
        begun
            .into_iter()
            .map(|(_, webhook, delivery)| (webhook, delivery))
            .collect()
    }

    /// When [`Lanes::begin`] has something to give next, unless a call ends before.
    pub(crate) fn next_begin(&self, now: Instant) -> Option<Instant> {
        self.by_webhook.values().filter_map(|lane| lane.may_begin(now)).min()
    }

    /// A call of this webhook has ended.
    pub(crate) fn ended(&mut self, webhook: &K) {
        let Some(lane) = self.by_webhook.get_mut(webhook) else {
            return;
        };
        lane.calling = lane.calling.saturating_sub(1);
        self.held = self.held.saturating_sub(1);
        if lane.calling == 0 && lane.waiting.is_empty() {
            self.by_webhook.remove(webhook);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn begun(lanes: &mut Lanes<&'static str, u8>, now: Instant) -> Vec<u8> {
        lanes.begin(now).into_iter().map(|(_, delivery)| delivery).collect()
    }

    #[test]
    fn calls_of_one_webhook_begin_one_after_the_other_and_others_beside_them() {
        let mut lanes = Lanes::new();
        let now = Instant::now();
        for (webhook, delivery) in [("a", 1), ("a", 2), ("b", 3)] {
            lanes.push(webhook, delivery);
        }
        assert_eq!(begun(&mut lanes, now), [1, 3]);
        assert_eq!(begun(&mut lanes, now), [] as [u8; 0]);
        lanes.ended(&"a");
        assert_eq!(begun(&mut lanes, now), [2]);
        lanes.ended(&"a");
        lanes.ended(&"b");
        assert_eq!(lanes.held(), 0);
        assert!(lanes.by_webhook.is_empty());
    }

    #[test]
    fn a_call_that_hangs_holds_the_next_one_up_for_its_head_start_only() {
        let mut lanes = Lanes::new();
        let now = Instant::now();
        lanes.push("a", 1);
        lanes.push("a", 2);
        assert_eq!(begun(&mut lanes, now), [1]);
        assert_eq!(lanes.next_begin(now), Some(now + HEAD_START));
        assert_eq!(begun(&mut lanes, now + HEAD_START), [2]);
        assert_eq!(lanes.next_begin(now), None);
    }
}
