//! The made-up store: what the SQL of the real one does, in a few loops.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use super::Bug;
use crate::scheduler::{Incoming, Order};

/// A lease, in milliseconds.
const LEASE: i64 = 60_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Status {
    Pending,
    Delivered,
    Failed,
}

#[derive(Debug)]
pub(super) struct Row {
    pub(super) hook: usize,
    pub(super) branch: usize,
    pub(super) status: Status,
    pub(super) created: i64,
    pub(super) due: i64,
    pub(super) owned_until: Option<i64>,
    pub(super) attempts: i64,
    /// Whether an attempt has ended.
    pub(super) tried: bool,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Hook {
    pub(super) failures: i64,
    pub(super) paused: bool,
}

#[derive(Debug, Default)]
pub(super) struct Store {
    pub(super) rows: Vec<Row>,
    pub(super) hooks: Vec<Hook>,
    /// Whether claims write nothing, because the process remembers what it has.
    pub(super) remembered: bool,
    /// Deliveries that have not ended.
    pub(super) pending: usize,
    /// What is owed to each webhook, by class (not tried, tried), due time and id.
    owed: BTreeSet<(usize, bool, i64, usize)>,
    /// The same by due time only.
    due: BTreeSet<(i64, usize)>,
    /// What is being sent, by the end of its lease.
    leased: BTreeSet<(i64, usize)>,
    after: usize,
}

pub(super) struct Taken {
    pub(super) incoming: Vec<Incoming<usize, usize, usize>>,
    pub(super) left: bool,
    pub(super) next_due: Option<i64>,
}

impl Store {
    pub(super) fn insert(&mut self, row: Row) {
        self.rows.push(row);
        self.pending += 1;
        self.owe(self.rows.len() - 1);
    }

    fn owe(&mut self, id: usize) {
        let row = &self.rows[id];
        self.owed.insert((row.hook, row.tried, row.due, id));
        self.due.insert((row.due, id));
    }

    /// When something is due next, or a lease ends; in the past when it is late.
    pub(super) fn next(&self) -> Option<i64> {
        [self.due.first(), self.leased.first()]
            .into_iter()
            .flatten()
            .map(|(at, _)| *at)
            .min()
    }

    pub(super) fn claim(&mut self, order: &Order<usize>, held: &HashSet<usize>, now: i64, bug: Bug) -> Taken {
        while let Some((until, id)) = self.leased.first().copied()
            && until <= now
        {
            self.free(id, false);
        }
        let (mut limit, mut left, mut ids) = (order.limit, false, Vec::new());
        let mut rooms: BTreeMap<usize, usize> = BTreeMap::new();
        for tried in [false, true] {
            let mut class = if tried { limit.min(order.again) } else { limit };
            let hooks = self.hooks.len();
            let turn: Vec<usize> = match self.due.first() {
                Some((_, oldest)) if bug == Bug::Starvation => vec![self.rows[*oldest].hook],
                _ => (0..hooks).map(|step| (self.after + 1 + step) % hooks).collect(),
            };
            let share = class.div_ceil(hooks).max(1);
            for round in 0..2 {
                for &hook in turn.iter().filter(|hook| !self.hooks[**hook].paused) {
                    let due: Vec<usize> = self
                        .owed
                        .range((hook, tried, i64::MIN, 0)..=(hook, tried, now, usize::MAX))
                        .map(|key| key.3)
                        .filter(|id| !ids.contains(id))
                        .filter(|id| !held.contains(id) || (bug == Bug::DoubleClaim && id.is_multiple_of(50)))
                        .collect();
                    if due.is_empty() {
                        continue;
                    }
                    let room = rooms
                        .entry(hook)
                        .or_insert_with(|| order.rooms.of(&hook, self.hooks[hook].failures));
                    let most = if round == 0 { share } else { class };
                    let take = due.len().min(*room).min(most).min(class);
                    left |= take < due.len();
                    *room -= take;
                    class -= take;
                    limit -= take;
                    if bug == Bug::Reordering {
                        ids.extend(due.iter().rev().take(take));
                    } else {
                        ids.extend(due.iter().take(take));
                    }
                    if take > 0 {
                        self.after = hook;
                    }
                }
            }
        }
        let incoming = ids
            .into_iter()
            .map(|id| {
                if !self.remembered {
                    self.lease(id, now + LEASE, bug);
                }
                let row = &self.rows[id];
                Incoming {
                    key: row.hook,
                    failures: self.hooks[row.hook].failures,
                    thread: (!row.tried).then_some(row.branch),
                    delivery: id,
                }
            })
            .collect();
        let next_due = self.due.range((now + 1, 0)..).next().map(|(due, _)| *due);
        let lease = self.leased.first().map(|(until, _)| *until);
        Taken {
            incoming,
            left,
            next_due: next_due.into_iter().chain(lease).min(),
        }
    }

    fn lease(&mut self, id: usize, until: i64, bug: Bug) {
        let row = &mut self.rows[id];
        if bug != Bug::DoubleClaim || !id.is_multiple_of(50) {
            self.owed.remove(&(row.hook, row.tried, row.due, id));
            self.due.remove(&(row.due, id));
        }
        self.leased.insert((until, id));
        row.owned_until = Some(until);
        row.attempts += 1;
    }

    /// Which attempt a delivery is at that is being sent.
    pub(super) fn number(&self, id: usize) -> i64 {
        self.rows[id].attempts + i64::from(self.remembered)
    }

    /// Gives a delivery back; `uncounted` when it was not sent.
    pub(super) fn free(&mut self, id: usize, uncounted: bool) {
        if self.remembered {
            return;
        }
        self.unlease(id);
        let row = &mut self.rows[id];
        row.attempts -= i64::from(uncounted);
        self.owe(id);
    }

    /// Writes down how an attempt ended; `due` is when the next one is.
    pub(super) fn complete(&mut self, id: usize, status: Status, due: Option<i64>) {
        self.unlease(id);
        let row = &mut self.rows[id];
        self.owed.remove(&(row.hook, row.tried, row.due, id));
        self.due.remove(&(row.due, id));
        self.pending -= usize::from(row.status == Status::Pending && status != Status::Pending);
        row.tried = true;
        row.attempts += i64::from(self.remembered);
        row.status = status;
        let failures = &mut self.hooks[row.hook].failures;
        *failures = if status == Status::Delivered { 0 } else { *failures + 1 };
        if let Some(due) = due {
            row.due = due;
            self.owe(id);
        }
    }

    fn unlease(&mut self, id: usize) {
        if let Some(until) = self.rows[id].owned_until.take() {
            self.leased.remove(&(until, id));
        }
    }

    /// A new start on the same file.
    pub(super) fn take_over(&mut self) {
        while let Some((_, id)) = self.leased.first().copied() {
            self.free(id, false);
        }
    }
}
