//! The made-up world: events, receivers, crashes, and what must hold all the time.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashMap, HashSet};
use std::time::Duration;

use gatehook_domain::Timestamp;
use gatehook_domain::webhook::RetrySchedule;
use gatehook_store::delivery::Outcome;
use tokio::time::Instant;

use super::Bug;
use super::store::{Row, Status, Store, Taken};
use crate::breaker::TRIP;
use crate::lanes::{CALLS, FLIGHTS, Pace};
use crate::policy::{Ending, after};
use crate::scheduler::{HELD, Order, Scheduler};

const START: i64 = 1_700_000_000_000;
const SECOND: i64 = 1_000;
const HOUR: i64 = 3_600 * SECOND;
/// How long events happen and things break.
const TROUBLE: i64 = 3 * HOUR;
/// By then everything must have ended: the schedule takes about a day.
const END: i64 = 40 * HOUR;
/// A first attempt to a receiver that has always been well begins within this, while the engine runs.
const PROMPT: i64 = 2 * SECOND;
/// Where a rate is set, a call begins within this after it was claimed: before a lease would run out.
const FRESH: i64 = 45 * SECOND;
/// Calls in an hour to a receiver that has long been dead: a probe a minute, give or take.
const PROBES: usize = 100;

/// What a receiver does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mood {
    Well,
    Slow,
    Errors,
    Hangs,
    Refuses,
    Unwilling,
}

#[derive(Debug)]
enum Happening {
    Event { hooks: Vec<usize>, branch: usize },
    Mood { hook: usize, mood: Mood },
    Pause { hook: usize, paused: bool },
    Rate { per_second: u32 },
    Crash,
    Restart,
    Applied,
    Hauled,
    Written,
    Ended { call: u64 },
}

#[derive(Debug)]
struct Call {
    hook: usize,
    thread: Option<usize>,
    delivery: usize,
    ending: Ending,
    slow: bool,
}

struct End {
    delivery: usize,
    hook: usize,
    /// None when it goes back unsent.
    outcome: Option<(Status, Option<i64>)>,
}

struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, limit: i64) -> i64 {
        (self.next() % limit.unsigned_abs()) as i64
    }

    fn between(&mut self, from: i64, to: i64) -> i64 {
        from + self.below(to - from)
    }
}

struct World {
    bug: Bug,
    random: Random,
    now: i64,
    base: Instant,
    happenings: BinaryHeap<Reverse<(i64, u64)>>,
    what: HashMap<u64, Happening>,
    made: u64,
    store: Store,
    moods: Vec<Mood>,
    /// Since when a receiver has had its mood.
    moody_since: Vec<i64>,
    always_well: Vec<bool>,
    schedule: RetrySchedule,
    /// The most calls to one webhook in a second, which the engine is told with every claim; 0 is no limit.
    rate: u32,
    /// Whether there was ever such a limit, so that nothing need be prompt.
    rated: bool,
    up: bool,
    up_since: i64,
    crashes: usize,
    scheduler: Scheduler<usize, usize, usize>,
    /// What is claimed, and what was held when the claim began.
    order: Option<(Order<usize>, HashSet<usize>)>,
    /// What was claimed and has not ended in the store.
    held: HashSet<usize>,
    taken: Option<Taken>,
    ends: Vec<End>,
    writing: Option<Vec<End>>,
    calls: HashMap<u64, Call>,
    /// When what is held was claimed.
    claimed: HashMap<usize, i64>,
    /// What is being sent, by delivery.
    flying: HashSet<usize>,
    begun: HashSet<usize>,
    /// The last delivery of a webhook and branch that was sent for the first time.
    last_first: BTreeMap<(usize, usize), usize>,
    /// When calls to a webhook began since it went dead.
    probes: BTreeMap<usize, Vec<i64>>,
}

/// Runs the world that belongs to a seed; an error says what did not hold.
pub(super) fn run(seed: u64, bug: Bug) -> Result<(), String> {
    let mut world = World::new(seed, bug);
    world.live()?;
    world.is_settled()
}

impl World {
    fn new(seed: u64, bug: Bug) -> Self {
        let mut random = Random(seed);
        let hooks = random.between(2, 9) as usize;
        let base = Instant::now();
        let mut world = Self {
            bug,
            now: 0,
            base,
            happenings: BinaryHeap::new(),
            what: HashMap::new(),
            made: 0,
            store: Store::default(),
            moods: vec![Mood::Well; hooks],
            moody_since: vec![0; hooks],
            always_well: (0..hooks).map(|hook| hook == 0 || random.below(3) == 0).collect(),
            schedule: RetrySchedule::default(),
            rate: 0,
            rated: false,
            up: true,
            up_since: 0,
            crashes: 0,
            scheduler: Scheduler::new(base),
            order: None,
            held: HashSet::new(),
            taken: None,
            ends: Vec::new(),
            writing: None,
            calls: HashMap::new(),
            claimed: HashMap::new(),
            flying: HashSet::new(),
            begun: HashSet::new(),
            last_first: BTreeMap::new(),
            probes: BTreeMap::new(),
            random,
        };
        // As on SQLite, or as on PostgreSQL.
        world.store.remembered = seed.is_multiple_of(2);
        world.store.hooks = vec![super::store::Hook::default(); hooks];
        world.plan();
        world
    }

    /// Decides what will happen.
    fn plan(&mut self) {
        let hooks = self.moods.len();
        for _ in 0..self.random.between(2, 10) {
            // A burst, as of a nightly build, or a few events.
            let (mut at, size) = (self.random.below(TROUBLE), self.random.between(1, 20));
            let branches = self.random.between(1, 4);
            let step = self.random.between(1, 2_000);
            for _ in 0..size {
                at += self.random.below(step);
                let hooks = (0..hooks).filter(|_| self.random.below(2) == 0).collect();
                let branch = self.random.below(branches) as usize;
                self.at(at, Happening::Event { hooks, branch });
            }
        }
        let shaky: Vec<usize> = (0..hooks).filter(|hook| !self.always_well[*hook]).collect();
        if let Some(hook) = shaky.first()
            && self.random.below(8) == 0
        {
            // Far more than is held at once goes to one that hangs.
            let at = self.random.below(TROUBLE);
            self.at(
                at,
                Happening::Mood {
                    hook: *hook,
                    mood: Mood::Hangs,
                },
            );
            for event in 0..400 {
                self.at(
                    at + event,
                    Happening::Event {
                        hooks: vec![*hook],
                        branch: 0,
                    },
                );
            }
            let well = (0..hooks).filter(|hook| self.always_well[*hook]).collect();
            self.at(at + 30 * SECOND, Happening::Event { hooks: well, branch: 0 });
        }
        for hook in shaky {
            for _ in 0..self.random.below(5) {
                let mood = [
                    Mood::Well,
                    Mood::Slow,
                    Mood::Errors,
                    Mood::Hangs,
                    Mood::Refuses,
                    Mood::Unwilling,
                ][self.random.below(6) as usize];
                let at = self.random.below(TROUBLE);
                self.at(at, Happening::Mood { hook, mood });
            }
            if self.random.below(4) == 0 {
                let at = self.random.below(TROUBLE);
                let until = self.random.between(at, TROUBLE + 1);
                self.at(at, Happening::Pause { hook, paused: true });
                self.at(until, Happening::Pause { hook, paused: false });
            }
            self.at(TROUBLE + 1, Happening::Pause { hook, paused: false });
            self.at(TROUBLE + 1, Happening::Mood { hook, mood: Mood::Well });
        }
        if self.random.below(4) == 0 {
            self.plan_rates(hooks);
        }
        for _ in 0..self.random.below(4) {
            let at = self.random.below(TROUBLE);
            let back = at + self.random.below(30 * SECOND);
            self.at(at, Happening::Crash);
            self.at(back, Happening::Restart);
        }
    }

    /// Calls are limited to a rate, and far more than that is owed.
    fn plan_rates(&mut self, hooks: usize) {
        self.rated = true;
        let mut at = 0;
        for _ in 0..self.random.between(1, 4) {
            let per_second = [0, 1, 2, 10, 100][self.random.below(5) as usize];
            self.at(at, Happening::Rate { per_second });
            at = self.random.below(TROUBLE);
        }
        for _ in 0..self.random.between(1, 3) {
            let (hook, at) = (self.random.below(hooks as i64) as usize, self.random.below(TROUBLE));
            for event in 0..150 {
                let hooks = vec![hook];
                self.at(at + event, Happening::Event { hooks, branch: 0 });
            }
        }
    }

    fn at(&mut self, at: i64, happening: Happening) {
        self.made += 1;
        self.happenings.push(Reverse((at, self.made)));
        self.what.insert(self.made, happening);
    }

    fn soon(&mut self, from: i64, to: i64, happening: Happening) {
        let at = self.now + self.random.between(from, to);
        self.at(at, happening);
    }

    fn instant(&self) -> Instant {
        self.base + Duration::from_millis(self.now.unsigned_abs())
    }

    fn clock(&self) -> Timestamp {
        Timestamp::from_millis(START + self.now)
    }

    fn live(&mut self) -> Result<(), String> {
        loop {
            if self.up {
                self.act()?;
            }
            let next = self.happenings.peek().map(|Reverse((at, _))| *at);
            let wakes = self.up.then(|| {
                let sleep = self
                    .scheduler
                    .sleeps_until(self.instant())
                    .saturating_duration_since(self.base);
                (sleep.as_millis() as i64).max(self.now)
            });
            let owed = self.store.pending > 0;
            match (next, wakes) {
                (Some(next), Some(wakes)) if wakes < next => self.sleep(wakes.max(self.idle_until().min(next))),
                (Some(next), _) => {
                    self.now = self.now.max(next);
                    if let Some(Reverse((_, number))) = self.happenings.pop()
                        && let Some(happening) = self.what.remove(&number)
                    {
                        self.happens(happening);
                    }
                }
                (None, Some(wakes)) if owed && self.now < END => self.sleep(wakes.max(self.idle_until())),
                (None, _) => return Ok(()),
            }
        }
    }

    /// How long an engine that does nothing finds nothing to do; looking every few seconds of a day would take long.
    fn idle_until(&self) -> i64 {
        let busy = self.order.is_some() || self.taken.is_some() || !self.held.is_empty() || !self.calls.is_empty();
        match self.store.next() {
            Some(next) if !busy => next - 10 * SECOND,
            _ => self.now,
        }
    }

    /// Time never stands still, so that an engine that wants to act at once for ever is found.
    fn sleep(&mut self, until: i64) {
        self.now = until.max(self.now + 1);
    }

    fn happens(&mut self, happening: Happening) {
        match happening {
            Happening::Event { hooks, branch } => {
                for hook in hooks {
                    self.store.insert(Row {
                        hook,
                        branch,
                        status: Status::Pending,
                        created: self.now,
                        due: self.now,
                        owned_until: None,
                        attempts: 0,
                        tried: false,
                    });
                }
                let told = self.bug != Bug::LostWake || self.random.below(3) > 0;
                if self.up && told {
                    self.scheduler.wake(self.instant());
                }
            }
            Happening::Mood { hook, mood } => {
                self.moods[hook] = mood;
                self.moody_since[hook] = self.now;
                self.probes.remove(&hook);
            }
            Happening::Pause { hook, paused } => {
                self.store.hooks[hook].paused = paused;
                if self.up {
                    self.scheduler.wake(self.instant());
                }
            }
            Happening::Rate { per_second } => self.rate = per_second,
            Happening::Crash => {
                self.up = false;
                self.crashes += 1;
                self.flying.clear();
                self.calls.clear();
                self.ends.clear();
                self.held.clear();
                (self.order, self.taken, self.writing) = (None, None, None);
            }
            Happening::Restart if !self.up => {
                self.store.take_over();
                self.scheduler = Scheduler::new(self.instant());
                self.up = true;
                self.up_since = self.now;
            }
            Happening::Restart => {}
            Happening::Applied => {
                if let Some((order, held)) = self.order.take() {
                    self.taken = Some(self.store.claim(&order, &held, self.now, self.bug));
                    let late = if self.bug == Bug::None { 50 } else { 4 };
                    self.soon(0, late, Happening::Hauled);
                }
            }
            Happening::Hauled => self.hauled(),
            Happening::Written => self.written(),
            Happening::Ended { call } => self.ended(call),
        }
    }

    /// What the engine does between two happenings.
    fn act(&mut self) -> Result<(), String> {
        for begun in self.scheduler.begin(self.instant()) {
            let hook = self.store.rows[begun.delivery].hook;
            self.begins(hook, begun.thread, begun.delivery)?;
        }
        if self.writing.is_none() && !self.ends.is_empty() {
            self.writing = Some(std::mem::take(&mut self.ends));
            self.soon(1, 20, Happening::Written);
        }
        if let Some(order) = self.scheduler.order(self.instant(), self.clock()) {
            if order.limit > HELD {
                return Err(format!("{} are ordered", order.limit));
            }
            self.order = Some((order, self.held.clone()));
            self.soon(0, 10, Happening::Applied);
        }
        Ok(())
    }

    fn begins(&mut self, hook: usize, thread: Option<usize>, delivery: usize) -> Result<(), String> {
        let now = self.now;
        if !self.flying.insert(delivery) {
            return Err(format!("delivery {delivery} is sent twice at once"));
        }
        if self.calls.values().filter(|call| call.hook == hook).count() >= FLIGHTS {
            return Err(format!("webhook {hook} has too many calls at once"));
        }
        if self.calls.len() >= CALLS {
            return Err("there are too many calls at once".to_owned());
        }
        let row = &self.store.rows[delivery];
        if row.status != Status::Pending {
            return Err(format!("delivery {delivery} is sent twice: it has ended"));
        }
        let claimed = self.claimed.remove(&delivery).unwrap_or(now);
        if self.rate > 0 && now - claimed > FRESH {
            return Err(format!(
                "delivery {delivery} begins {} ms after its claim",
                now - claimed
            ));
        }
        if self.begun.insert(delivery) {
            let last = self.last_first.insert((hook, row.branch), delivery);
            if last.is_some_and(|last| last > delivery) {
                return Err(format!(
                    "delivery {delivery} of webhook {hook} is out of order after {last:?}"
                ));
            }
            let since = row.created.max(self.up_since);
            if self.always_well[hook] && !self.rated && now - since > PROMPT {
                return Err(format!(
                    "delivery {delivery} to webhook {hook} is late by {} ms",
                    now - since
                ));
            }
        }
        let mood = self.moods[hook];
        self.storms(hook, mood)?;
        let (took, ending) = match mood {
            Mood::Well => (self.random.between(1, 60), Ending::Arrived),
            Mood::Slow => (self.random.between(500, 9_000), Ending::Arrived),
            Mood::Errors => (self.random.between(1, 300), Ending::Transient),
            Mood::Hangs => (10_000, Ending::Transient),
            Mood::Refuses => (1, Ending::Transient),
            Mood::Unwilling => (self.random.between(1, 300), Ending::Refused),
        };
        self.at(now + took, Happening::Ended { call: self.made + 1 });
        self.calls.insert(
            self.made,
            Call {
                hook,
                thread,
                delivery,
                ending,
                slow: took > SECOND,
            },
        );
        Ok(())
    }

    fn storms(&mut self, hook: usize, mood: Mood) -> Result<(), String> {
        let dead = matches!(mood, Mood::Errors | Mood::Hangs | Mood::Refuses);
        if !dead || self.store.hooks[hook].failures < i64::from(TRIP) * 3 {
            return Ok(());
        }
        let (now, crashes) = (self.now, self.crashes);
        let probes = self.probes.entry(hook).or_default();
        probes.retain(|at| *at > now - HOUR);
        probes.push(now);
        if probes.len() > PROBES + crashes * 10 {
            return Err(format!(
                "a storm of {} calls in an hour to the dead webhook {hook}",
                probes.len()
            ));
        }
        Ok(())
    }

    fn ended(&mut self, number: u64) {
        // A crash has ended it.
        let Some(call) = self.calls.remove(&number) else { return };
        self.flying.remove(&call.delivery);
        let pace = match (call.ending, call.slow) {
            (Ending::Transient, _) if self.bug == Bug::Storm => Pace::Quick,
            (Ending::Transient, _) => Pace::Failed { again: true },
            (_, true) => Pace::Slow,
            (_, false) => Pace::Quick,
        };
        let attempt = self.store.number(call.delivery);
        let random = self.random.next();
        let outcome = match after(call.ending, attempt, &self.schedule, None, self.clock(), random) {
            Outcome::Delivered => (Status::Delivered, None),
            Outcome::Failed => (Status::Failed, None),
            Outcome::RetryAt(_) if self.bug == Bug::Storm => (Status::Pending, Some(self.now)),
            Outcome::RetryAt(due) => (Status::Pending, Some(due.as_millis() - START)),
        };
        let (instant, clock) = (self.instant(), self.clock());
        let back = self
            .scheduler
            .ended(&call.hook, call.thread.as_ref(), pace, (instant, clock), random);
        self.goes_back(back);
        if self.bug != Bug::LostEnd || !call.delivery.is_multiple_of(40) {
            self.ends.push(End {
                delivery: call.delivery,
                hook: call.hook,
                outcome: Some(outcome),
            });
        }
    }

    fn goes_back(&mut self, back: Vec<usize>) {
        let ends = back.into_iter().map(|delivery| End {
            delivery,
            hook: self.store.rows[delivery].hook,
            outcome: None,
        });
        self.ends.extend(ends);
    }

    fn hauled(&mut self) {
        let Some(taken) = self.taken.take() else { return };
        let (instant, clock) = (self.instant(), self.clock());
        let due = taken.next_due.map(|due| Timestamp::from_millis(START + due));
        let now = self.now;
        self.claimed
            .extend(taken.incoming.iter().map(|incoming| (incoming.delivery, now)));
        self.scheduler.limit_rate(self.rate);
        self.held
            .extend(taken.incoming.iter().map(|incoming| incoming.delivery));
        let back = self.scheduler.claimed(taken.incoming, taken.left, due, instant, clock);
        self.goes_back(back);
    }

    fn written(&mut self) {
        let Some(ends) = self.writing.take() else { return };
        let now = self.instant();
        for end in ends {
            self.held.remove(&end.delivery);
            let Some((status, due)) = end.outcome else {
                self.store.free(end.delivery, true);
                self.scheduler.returned(&end.hook, now);
                continue;
            };
            self.store.complete(end.delivery, status, due);
            self.scheduler.written(now);
            if let Some(due) = due {
                let due = Timestamp::from_millis(START + due);
                self.scheduler.retries(due, now, self.clock());
            }
        }
    }

    /// Everything has ended: what could be delivered is, and what was not was refused or tried as often as planned.
    fn is_settled(&self) -> Result<(), String> {
        for (id, row) in self.store.rows.iter().enumerate() {
            if row.status == Status::Pending {
                return Err(format!("delivery {id} is still owed: {row:?} at {}", self.now));
            }
            if self.always_well[row.hook] && row.status != Status::Delivered {
                return Err(format!("delivery {id} was lost: {row:?}"));
            }
        }
        Ok(())
    }
}
