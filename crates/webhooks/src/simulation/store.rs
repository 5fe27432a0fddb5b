//! The made-up store: what the SQL of the real one does, in a few loops.

use std::collections::BTreeMap;

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
    /// What is owed to each webhook, by class (not tried, tried), due time and id.
    owed: BTreeMap<(usize, bool, i64, usize), ()>,
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
        self.owe(self.rows.len() - 1);
    }

    fn owe(&mut self, id: usize) {
        let row = &self.rows[id];
        self.owed.insert((row.hook, row.tried, row.due, id), ());
    }

    pub(super) fn claim(&mut self, order: &Order<usize>, now: i64, bug: Bug) -> Taken {
        for id in 0..self.rows.len() {
            if self.rows[id].owned_until.is_some_and(|until| until <= now) {
                self.free(id, false);
            }
        }
        let (mut limit, mut left, mut ids) = (order.limit, false, Vec::new());
        if bug == Bug::Starvation {
            let mut due: Vec<(i64, usize)> = self
                .owed
                .keys()
                .map(|key| (key.2, key.3))
                .filter(|due| due.0 <= now)
                .collect();
            due.sort_unstable();
            left = due.len() > limit;
            ids.extend(due.into_iter().take(limit).map(|(_, id)| id));
        } else {
            let mut rooms: BTreeMap<usize, usize> = BTreeMap::new();
            for tried in [false, true] {
                let mut class = if tried { limit.min(order.again) } else { limit };
                let hooks = self.hooks.len();
                let turn: Vec<usize> = (0..hooks).map(|step| (self.after + 1 + step) % hooks).collect();
                let share = class.div_ceil(hooks).max(1);
                for round in 0..2 {
                    for &hook in turn.iter().filter(|hook| !self.hooks[**hook].paused) {
                        let due: Vec<usize> = self
                            .owed
                            .range((hook, tried, i64::MIN, 0)..=(hook, tried, now, usize::MAX))
                            .map(|(key, ())| key.3)
                            .filter(|id| !ids.contains(id))
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
        }
        let incoming = ids
            .into_iter()
            .map(|id| {
                let row = &mut self.rows[id];
                if bug != Bug::DoubleClaim || !id.is_multiple_of(50) {
                    self.owed.remove(&(row.hook, row.tried, row.due, id));
                }
                row.owned_until = Some(now + LEASE);
                row.attempts += 1;
                Incoming {
                    key: row.hook,
                    failures: self.hooks[row.hook].failures,
                    thread: (!row.tried).then_some(row.branch),
                    delivery: id,
                }
            })
            .collect();
        let next_due = self.owed.keys().map(|key| key.2).filter(|due| *due > now);
        let leases = self.rows.iter().filter_map(|row| row.owned_until);
        Taken {
            incoming,
            left,
            next_due: next_due.chain(leases).min(),
        }
    }

    /// Gives a delivery back; `uncounted` when it was not sent.
    pub(super) fn free(&mut self, id: usize, uncounted: bool) {
        let row = &mut self.rows[id];
        row.owned_until = None;
        row.attempts -= i64::from(uncounted);
        self.owe(id);
    }

    /// Writes down how an attempt ended; `due` is when the next one is.
    pub(super) fn complete(&mut self, id: usize, status: Status, due: Option<i64>) {
        let row = &mut self.rows[id];
        self.owed.remove(&(row.hook, row.tried, row.due, id));
        row.owned_until = None;
        row.tried = true;
        row.status = status;
        let failures = &mut self.hooks[row.hook].failures;
        *failures = if status == Status::Delivered { 0 } else { *failures + 1 };
        if let Some(due) = due {
            row.due = due;
            self.owe(id);
        }
    }

    /// A new start on the same file.
    pub(super) fn take_over(&mut self) {
        for id in 0..self.rows.len() {
            if self.rows[id].owned_until.is_some() {
                self.free(id, false);
            }
        }
    }
}
