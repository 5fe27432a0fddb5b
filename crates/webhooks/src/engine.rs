//! The delivery engine: claims what is due, has it sent, writes down what came of it.
//!
//! A claim leases deliveries to this node for a minute; the call is made outside any transaction; one short
//! transaction ends it. When the process dies in between, the lease runs out (or the next start on the same file gives it back)
//! and the delivery is made again, with the same id: at least once, never forgotten.

use std::collections::HashMap;
use std::error::Error as StdError;
use std::sync::Arc;
use std::time::Duration;

use gatehook_domain::Timestamp;
use gatehook_domain::id::{NodeId, WebhookId};
use gatehook_store::{Engine as StoreEngine, Store, StoreError, delivery};
use tokio::sync::Notify;
use tokio::task::{Id, JoinError, JoinHandle, JoinSet};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::deliver::{Claimed, deliver};
use crate::lanes::Lanes;
use crate::purge::purge_hourly;
use crate::sender::Sender;

/// The most deliveries a node holds at once, being sent or waiting in their lanes.
const HELD: usize = 64;
/// How long a claimed delivery is this node's. Longer than the slowest end: 64 calls to one webhook that hangs begin
/// over 16 s, and the last takes another 10 s and is then written down.
const LEASE: Duration = Duration::from_mins(1);
/// The longest time between two looks for due deliveries; those of a dead node are found by it.
const LONGEST_SLEEP: Duration = Duration::from_secs(5);
/// The shortest such time after a look that found nothing.
const SHORTEST_SLEEP: Duration = Duration::from_millis(50);
/// Pauses after a failure of the store: they double from the first to the last.
pub(crate) const FIRST_PAUSE: Duration = Duration::from_millis(100);
pub(crate) const LAST_PAUSE: Duration = Duration::from_secs(10);
/// What is left over of a call after its time limit: the rest of the body, and the end written down.
const DRAIN_MARGIN: Duration = Duration::from_secs(5);

/// Delivers what is due, in the background.
#[derive(Debug)]
pub struct Engine;

/// How the engine runs.
#[derive(Debug, Clone)]
pub struct EngineConfig {
    /// Whose the leases are: an id of this process, which no other running process has.
    pub node: NodeId,
}

/// A running engine. Dropping it ends it at once, like a crash; [`EngineHandle::stop`] ends it in order.
#[derive(Debug)]
pub struct EngineHandle {
    wake: Wake,
    stop: CancellationToken,
    engine: JoinHandle<()>,
    purge: JoinHandle<()>,
}

/// Tells the engine that something may be due. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Wake(Arc<Notify>);

impl Wake {
    /// Has the engine look now. Never blocks; a wake while the engine is busy is not lost.
    pub fn wake(&self) {
        self.0.notify_one();
    }
}

impl Engine {
    /// Starts delivering. Must be called in a tokio runtime.
    pub fn start(store: Store, sender: Sender, config: EngineConfig) -> EngineHandle {
        let wake = Wake(Arc::new(Notify::new()));
        let stop = CancellationToken::new();
        let purge = tokio::spawn(purge_hourly(store.clone(), stop.clone()));
        let running = Running {
            store,
            sender,
            node: config.node,
            wake: wake.clone(),
            stop: stop.clone(),
            lanes: Lanes::new(),
            calls: JoinSet::new(),
            callees: HashMap::new(),
            look_at: Instant::now(),
            pause: FIRST_PAUSE,
        };
        EngineHandle {
            wake,
            stop,
            engine: tokio::spawn(running.run()),
            purge,
        }
    }
}

impl EngineHandle {
    /// Has the engine look for due deliveries now.
    pub fn wake(&self) {
        self.wake.wake();
    }

    /// What others wake the engine with.
    pub fn waker(&self) -> Wake {
        self.wake.clone()
    }

    /// Claims nothing more, waits for the calls that are being made (at most their time limit and a little), gives
    /// back what is still claimed, and ends.
    pub async fn stop(mut self) {
        self.stop.cancel();
        for task in [&mut self.engine, &mut self.purge] {
            if let Err(error) = task.await {
                tracing::error!(
                    error = &error as &dyn StdError,
                    "a part of the delivery engine ended badly"
                );
            }
        }
    }
}

impl Drop for EngineHandle {
    fn drop(&mut self) {
        self.engine.abort();
        self.purge.abort();
    }
}

struct Running {
    store: Store,
    sender: Sender,
    node: NodeId,
    wake: Wake,
    stop: CancellationToken,
    lanes: Lanes<WebhookId, Claimed>,
    calls: JoinSet<()>,
    callees: HashMap<Id, WebhookId>,
    /// When to look for due deliveries next.
    look_at: Instant,
    /// The pause after the next failure of the store.
    pause: Duration,
}

impl Running {
    async fn run(mut self) {
        self.take_over().await;
        while !self.stop.is_cancelled() {
            let now = Instant::now();
            if self.look_at <= now && self.lanes.held() < HELD {
                self.look().await;
            }
            self.begin_calls();
            let until = self.sleeps_until(Instant::now());
            tokio::select! {
                () = self.stop.cancelled() => break,
                () = self.wake.0.notified() => self.look_at = Instant::now(),
                Some(ended) = self.calls.join_next_with_id() => self.call_ended(ended),
                () = tokio::time::sleep_until(until) => {}
            }
        }
        self.drain().await;
    }

    /// Gives back what dead processes had claimed, as far as one knows that they are dead: a SQLite file has one
    /// process, so all others are, and what they owed goes out at once. On PostgreSQL their leases run out.
    async fn take_over(&self) {
        if self.store.engine() == StoreEngine::Sqlite {
            let node = self.node.clone();
            said(self.store.write(move |tx| delivery::release_of_others(tx, &node)).await);
        }
    }

    /// Gives back what this process has claimed.
    async fn give_back(&self) {
        let node = self.node.clone();
        said(self.store.write(move |tx| delivery::release_of(tx, &node)).await);
    }

    /// Claims what is due and decides when to look again.
    async fn look(&mut self) {
        let room = HELD - self.lanes.held();
        match self.claim(room).await {
            Ok((claimed, next_due)) => {
                self.pause = FIRST_PAUSE;
                // A full claim leaves more behind: look again as soon as there is room.
                let wait = if claimed.len() == room {
                    Duration::ZERO
                } else {
                    self.wait_for(next_due)
                };
                self.look_at = Instant::now() + wait;
                for claimed in claimed {
                    self.lanes.push(claimed.webhook.id.clone(), claimed);
                }
            }
            Err(error) => {
                let pause_ms = self.pause.as_millis() as u64;
                tracing::error!(
                    error = &error as &dyn StdError,
                    pause_ms,
                    "due webhook deliveries could not be claimed"
                );
                self.look_at = Instant::now() + self.pause;
                self.pause = (self.pause * 2).min(LAST_PAUSE);
            }
        }
    }

    async fn claim(&self, room: usize) -> Result<(Vec<Claimed>, Option<Timestamp>), StoreError> {
        let node = self.node.clone();
        self.store
            .write(move |tx| {
                let now = tx.ambient().now();
                let claimed = delivery::claim(
                    tx,
                    &delivery::Claim {
                        node: &node,
                        now,
                        lease_until: now.plus(LEASE),
                        limit: room,
                        again: room,
                        room: &|_, _| room,
                        after: None,
                    },
                )?
                .claimed;
                let next_due = if claimed.len() < room {
                    delivery::next_due(tx, now)?
                } else {
                    None
                };
                let claimed = claimed
                    .into_iter()
                    .map(|claimed| Claimed {
                        delivery: claimed.delivery,
                        event: claimed.event,
                        webhook: claimed.webhook,
                    })
                    .collect();
                Ok((claimed, next_due))
            })
            .await
    }

    /// How long to sleep until a moment of the ambient clock, which need not run as real time does.
    fn wait_for(&self, due: Option<Timestamp>) -> Duration {
        let wait = due.map_or(LONGEST_SLEEP, |due| due.since(self.store.ambient().now()));
        wait.clamp(SHORTEST_SLEEP, LONGEST_SLEEP)
    }

    fn begin_calls(&mut self) {
        for (webhook, claimed) in self.lanes.begin(Instant::now()) {
            let delivering = deliver(self.store.clone(), self.sender.clone(), self.node.clone(), claimed);
            let task = self.calls.spawn(delivering);
            self.callees.insert(task.id(), webhook);
        }
    }

    /// Until when there is nothing to do but to wait for calls to end or for a wake.
    fn sleeps_until(&self, now: Instant) -> Instant {
        let look_at = if self.lanes.held() < HELD {
            self.look_at
        } else {
            now + LONGEST_SLEEP
        };
        self.lanes.next_begin(now).map_or(look_at, |begin| begin.min(look_at))
    }

    fn call_ended(&mut self, ended: Result<(Id, ()), JoinError>) {
        let id = match ended {
            Ok((id, ())) => id,
            Err(error) => {
                tracing::error!(
                    error = &error as &dyn StdError,
                    "a webhook call ended badly; its lease will run out"
                );
                error.id()
            }
        };
        if let Some(webhook) = self.callees.remove(&id) {
            self.lanes.ended(&webhook);
        }
    }

    /// Waits for the calls that are being made and gives back what has not begun.
    async fn drain(mut self) {
        let limit = self.sender.time_limit() + DRAIN_MARGIN;
        let calls = &mut self.calls;
        let all_ended = async { while calls.join_next().await.is_some() {} };
        if tokio::time::timeout(limit, all_ended).await.is_err() {
            tracing::warn!("webhook calls that did not end in time were broken off; they will be made again");
        }
        self.calls.shutdown().await;
        self.give_back().await;
    }
}

/// Leases that could not be given back run out by themselves.
fn said(given_back: Result<u64, StoreError>) {
    match given_back {
        Ok(0) => {}
        Ok(count) => tracing::info!(count, "claimed webhook deliveries were given back"),
        Err(error) => {
            tracing::error!(
                error = &error as &dyn StdError,
                "claimed webhook deliveries could not be given back"
            );
        }
    }
}
