//! The delivery engine: claims what is due, has it sent, writes down what came of it.
//!
//! A claim takes deliveries for this process, the [`Ledger`] says how; the call is made outside any transaction; one short
//! transaction ends it. While one claim or one such transaction runs, what happens meanwhile is gathered for the next, so
//! that under load few transactions serve many deliveries. What to do next is decided by the [`Scheduler`], with the
//! lanes and the breakers; here it is done. When the process dies in between, the delivery is owed as before, at once or
//! when its lease runs out, and it is made again with the same id: at least once, never forgotten.

use std::error::Error as StdError;
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use gatehook_domain::Ambient;
use gatehook_domain::id::{BranchId, NodeId, WebhookId};
use gatehook_store::delivery::{self, Claimed};
use gatehook_store::{Store, StoreError};
use tokio::sync::Notify;
use tokio::task::{JoinError, JoinHandle};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::callers::{Callers, Ended};
use crate::counters::Counters;
use crate::deliver::{Due, Landed, random};
use crate::lanes::Pace;
use crate::ledger::{Ends, Haul, Ledger};
use crate::purge::purge_hourly;
use crate::scheduler::{Incoming, Scheduler};
use crate::sender::Sender;
use crate::server_url::ServerUrl;
use crate::watch::watch;

/// Pauses after a failure of the store: they double from the first to the last.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LAST_PAUSE: Duration = Duration::from_secs(10);
/// What is left over of a call after its time limit: the rest of the body, and the end written down.
const DRAIN_MARGIN: Duration = Duration::from_secs(5);
/// So many ends are worth a transaction at once; fewer wait a moment for more.
const WORTHWHILE: usize = 64;
/// That moment.
const MOMENT: Duration = Duration::from_millis(3);
/// How often the ends of calls are tried to be written down while the engine stops; then they are left to the lease.
const LAST_WRITES: u32 = 6;

/// The branch of a first attempt.
type Thread = Option<BranchId>;
/// What is being written down, and what came of that.
type Writing = (Arc<Ends>, JoinHandle<Result<u64, StoreError>>);
type Written = (Arc<Ends>, Result<Result<u64, StoreError>, JoinError>);

/// Delivers what is due, in the background.
#[derive(Debug)]
pub struct Engine;

/// How the engine runs.
#[derive(Debug, Clone)]
pub struct EngineConfig {
    /// Whose the leases are: an id of this process, which no other running process has.
    pub node: NodeId,
    /// The base of the links in what is told about webhooks that fail.
    pub urls: ServerUrl,
}

/// A running engine. Dropping it ends it at once, like a crash; [`EngineHandle::stop`] ends it in order.
#[derive(Debug)]
pub struct EngineHandle {
    wake: Wake,
    stop: CancellationToken,
    engine: JoinHandle<()>,
    purge: JoinHandle<()>,
    watch: JoinHandle<()>,
    counters: Counters,
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
        let watch = tokio::spawn(watch(store.clone(), config.urls, wake.clone(), stop.clone()));
        let counters = Counters::default();
        let running = Running {
            ambient: store.ambient().clone(),
            callers: Callers::new(sender, store.ambient().clone()),
            ledger: Ledger::new(store, config.node.clone()),
            node: config.node,
            wake: wake.clone(),
            stop: stop.clone(),
            counters: counters.clone(),
            scheduler: Scheduler::new(Instant::now()),
            after: None,
            claiming: None,
            claim_pause: FIRST_PAUSE,
            ends: Ends::default(),
            writing: None,
            write_at: Instant::now(),
            write_pause: FIRST_PAUSE,
            gather_until: Instant::now(),
        };
        EngineHandle {
            wake,
            stop,
            engine: tokio::spawn(running.run()),
            purge,
            watch,
            counters,
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

    /// What was sent since the start.
    pub fn counters(&self) -> Counters {
        self.counters.clone()
    }

    /// Claims nothing more, waits for the calls that are being made (at most their time limit and a little), gives
    /// back what is still claimed, and ends.
    pub async fn stop(mut self) {
        self.stop.cancel();
        for task in [&mut self.engine, &mut self.purge, &mut self.watch] {
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
        self.watch.abort();
    }
}

struct Running {
    ambient: Ambient,
    ledger: Ledger,
    node: NodeId,
    wake: Wake,
    stop: CancellationToken,
    counters: Counters,
    scheduler: Scheduler<WebhookId, Thread, Due>,
    callers: Callers<Option<Thread>>,
    /// The webhook behind which the next claim begins.
    after: Option<WebhookId>,
    /// The claim that runs.
    claiming: Option<JoinHandle<Result<Haul, StoreError>>>,
    /// The pause after the next claim that fails.
    claim_pause: Duration,
    /// What ended since the last write began.
    ends: Ends,
    /// The write that runs, and what it writes.
    writing: Option<Writing>,
    /// When to write next, at the earliest, and the pause after the next write that fails.
    write_at: Instant,
    write_pause: Duration,
    /// Until when more ends are awaited, unless there are many.
    gather_until: Instant,
}

impl Running {
    async fn run(mut self) {
        said(self.ledger.takes_over(&self.node).await);
        while !self.stop.is_cancelled() {
            self.begin_calls();
            self.begin_write();
            self.scheduler.is_heavy(self.ledger.is_full());
            self.begin_claim();
            let mut until = self.scheduler.sleeps_until(Instant::now());
            if self.writing.is_none() && !self.ends.is_empty() {
                until = until.min(self.writes_at());
            }
            tokio::select! {
                () = self.stop.cancelled() => break,
                () = self.wake.0.notified() => self.scheduler.wake(Instant::now()),
                ended = self.callers.next() => {
                    self.call_ended(ended);
                    // Others that ended meanwhile go into the same write.
                    while let Some(ended) = self.callers.try_next() {
                        self.call_ended(ended);
                    }
                }
                hauled = running(&mut self.claiming) => self.claimed(hauled),
                written = writing(&mut self.writing) => self.written(written),
                () = tokio::time::sleep_until(until) => {}
            }
        }
        self.drain().await;
    }

    fn begin_claim(&mut self) {
        let clock = self.ambient.now();
        if let Some(order) = self.scheduler.order(Instant::now(), clock) {
            let claim = self.ledger.claim(order, self.after.clone());
            self.claiming = Some(tokio::spawn(claim));
        }
    }

    fn claimed(&mut self, hauled: Result<Result<Haul, StoreError>, JoinError>) {
        self.claiming = None;
        let haul = match hauled {
            Ok(Ok(haul)) => haul,
            Ok(Err(error)) => return self.claim_failed(&error),
            Err(error) => return self.claim_failed(&error),
        };
        self.claim_pause = FIRST_PAUSE;
        let Haul { taken, next_due, rules } = haul;
        self.after = taken.last;
        self.callers.sender().guard().allow(rules.allowed_targets.as_deref());
        let rules = Arc::new(rules);
        self.scheduler.limit_rate(rules.rate);
        let incoming = taken
            .claimed
            .into_iter()
            .map(|claimed| {
                let delivery = Due {
                    claimed,
                    rules: Arc::clone(&rules),
                };
                self.ledger.takes(&delivery);
                let Claimed { webhook, event, .. } = &delivery.claimed;
                Incoming {
                    key: webhook.id.clone(),
                    failures: webhook.failures,
                    thread: delivery.claimed.first.then(|| event.branch.clone()),
                    delivery,
                }
            })
            .collect();
        let clock = self.ambient.now();
        let back = self
            .scheduler
            .claimed(incoming, taken.left, next_due, Instant::now(), clock);
        self.ledger.gives_back(back, &mut self.ends);
    }

    fn claim_failed(&mut self, error: &(dyn StdError + 'static)) {
        let pause_ms = self.claim_pause.as_millis() as u64;
        tracing::error!(error, pause_ms, "due webhook deliveries could not be claimed");
        self.scheduler.claim_failed(self.claim_pause, Instant::now());
        self.claim_pause = (self.claim_pause * 2).min(LAST_PAUSE);
    }

    fn begin_calls(&mut self) {
        for begun in self.scheduler.begin(Instant::now()) {
            self.callers.begin(Arc::new(begun.delivery), begun.thread);
        }
    }

    fn call_ended(&mut self, ended: Ended<Option<Thread>>) {
        let Ended { due, thread, landed } = ended;
        let Landed { completion, pace } = landed;
        let now = (Instant::now(), self.ambient.now());
        self.ledger.drops(due.body().len());
        // Only a failure leads to a pause, and asking for chance costs a call of the system.
        let chance = match pace {
            Pace::Failed { .. } => random(&self.ambient),
            Pace::Quick | Pace::Slow => 0,
        };
        let back = self
            .scheduler
            .ended(&completion.webhook, thread.as_ref(), pace, now, chance);
        self.ledger.gives_back(back, &mut self.ends);
        if self.ends.completions.is_empty() {
            self.gather_until = now.0 + MOMENT;
        }
        self.ends.completions.push(completion);
    }

    /// When what has ended is to be written down.
    fn writes_at(&self) -> Instant {
        if self.ends.completions.len() >= WORTHWHILE {
            self.write_at
        } else {
            self.write_at.max(self.gather_until)
        }
    }

    fn begin_write(&mut self) {
        if self.writing.is_none() && !self.ends.is_empty() && self.writes_at() <= Instant::now() {
            let ends = Arc::new(std::mem::take(&mut self.ends));
            let write = self.ledger.write(Arc::clone(&ends));
            self.writing = Some((ends, tokio::spawn(write)));
        }
    }

    fn written(&mut self, (ends, written): Written) {
        self.writing = None;
        let trouble: &(dyn StdError + 'static) = match &written {
            Ok(Ok(counted)) => return self.are_written(&ends, *counted),
            Ok(Err(error)) => error,
            Err(error) => error,
        };
        let pause_ms = self.write_pause.as_millis() as u64;
        let calls = ends.completions.len();
        tracing::error!(
            error = trouble,
            pause_ms,
            calls,
            "webhook calls could not be written down"
        );
        self.write_at = Instant::now() + self.write_pause;
        self.write_pause = (self.write_pause * 2).min(LAST_PAUSE);
        // They are written with what ended meanwhile, before it.
        let since = std::mem::take(&mut self.ends);
        self.ends = Arc::unwrap_or_clone(ends);
        self.ends.completions.extend(since.completions);
        self.ends.back.extend(since.back);
    }

    fn are_written(&mut self, ends: &Ends, counted: u64) {
        self.ledger.wrote(ends);
        let lost = (ends.completions.len() as u64).saturating_sub(counted);
        if lost > 0 {
            tracing::warn!(
                lost,
                "webhook calls were no longer owed when they ended: their webhooks were deleted, or their leases ran out"
            );
        }
        let (now, clock) = (Instant::now(), self.ambient.now());
        self.write_pause = FIRST_PAUSE;
        for completion in &ends.completions {
            self.counters.count(completion.outcome);
            self.scheduler.written(now);
            if let delivery::Outcome::RetryAt(due) = completion.outcome {
                self.scheduler.retries(due, now, clock);
            }
        }
        for (webhook, _) in &ends.back {
            self.scheduler.returned(webhook, now);
        }
    }

    /// Gives back what has not begun, waits for the calls that are being made, and writes down how they ended.
    async fn drain(mut self) {
        if let Some(claiming) = self.claiming.take() {
            let hauled = claiming.await;
            self.claimed(hauled);
        }
        let waiting = self.scheduler.take_waiting();
        self.ledger.gives_back(waiting, &mut self.ends);
        let limit = Instant::now() + self.callers.sender().time_limit() + DRAIN_MARGIN;
        while !self.callers.is_empty()
            && let Ok(ended) = tokio::time::timeout_at(limit, self.callers.next()).await
        {
            self.call_ended(ended);
        }
        if !self.callers.is_empty() {
            tracing::warn!("webhook calls that did not end in time were broken off; they will be made again");
        }
        self.callers.shutdown().await;
        for _ in 0..LAST_WRITES {
            if let Some((ends, write)) = self.writing.take() {
                let written = write.await;
                self.written((ends, written));
            }
            if self.ends.is_empty() {
                break;
            }
            tokio::time::sleep_until(self.writes_at()).await;
            self.begin_write();
        }
        if let Some((ends, write)) = self.writing.take() {
            let written = write.await;
            self.written((ends, written));
        }
        said(self.ledger.releases().await);
    }
}

/// What the task comes to; never anything without one.
async fn running<T>(task: &mut Option<JoinHandle<T>>) -> Result<T, JoinError> {
    match task {
        Some(task) => task.await,
        None => pending().await,
    }
}

async fn writing(task: &mut Option<Writing>) -> Written {
    match task {
        Some((ends, task)) => (Arc::clone(ends), task.await),
        None => pending().await,
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
