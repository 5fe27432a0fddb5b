//! The workers that turn reports into analyses.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use gatehook_domain::id::NodeId;
use gatehook_domain::task::Task;
pub use gatehook_report::Limits;
use gatehook_store::{Engine, Store, StoreError, task};
use gatehook_webhooks::ServerUrl;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::commit::{self, Reason, Seen};
use crate::error::AnalysisError;
use crate::pipeline::{self, Bench};

/// How long a worker holds a task before another may take it for dead. It is renewed three times as often.
const LEASE: Duration = Duration::from_mins(1);
/// How long a worker sleeps when there is nothing to do and nobody wakes it: the longest a task of a dead node waits beyond
/// its lease.
const IDLE: Duration = Duration::from_secs(5);
/// How long a worker pauses after the store failed.
const AFTER_FAILURE: Duration = Duration::from_secs(2);
/// How often a task is begun. One that took its process down each time must not do so for ever.
const MAX_ATTEMPTS: i64 = 5;

/// What the workers need.
#[derive(Clone)]
pub struct WorkerConfig {
    /// The running process; another one at every start.
    pub node: NodeId,
    /// How many reports are analysed side by side.
    pub workers: usize,
    /// Where reports are unpacked; each task has a folder of its own in it.
    pub temp_dir: PathBuf,
    /// How much of a report is read before it is refused.
    pub limits: Limits,
    /// Under which address receivers know this server.
    pub urls: ServerUrl,
}

/// Called after each transaction that may have left something to deliver.
pub type OnEvent = Arc<dyn Fn() + Send + Sync>;

/// The running workers.
pub struct Workers {
    wake: Arc<Notify>,
    stop: CancellationToken,
    running: Vec<JoinHandle<()>>,
}

/// Wakes the workers; cheap to clone.
#[derive(Clone)]
pub struct Waker(Arc<Notify>);

impl Waker {
    /// Says that there is a task.
    pub fn wake(&self) {
        self.0.notify_one();
    }
}

impl Workers {
    /// Starts the workers. On SQLite, which serves one process at a time, tasks that an earlier process was working on are
    /// taken up at once; on PostgreSQL their leases run out first.
    pub async fn start(store: &Store, config: &WorkerConfig, on_event: &OnEvent) -> Result<Self, StoreError> {
        if store.engine() == Engine::Sqlite {
            let node = config.node.clone();
            let released = store.write(move |tx| task::release_of_others(tx, &node)).await?;
            if released > 0 {
                tracing::info!(released, "tasks of an earlier process are taken up again");
            }
        }
        let wake = Arc::new(Notify::new());
        let stop = CancellationToken::new();
        let running = (0..config.workers.max(1))
            .map(|_| {
                let worker = Worker {
                    store: store.clone(),
                    config: config.clone(),
                    on_event: Arc::clone(on_event),
                    wake: Arc::clone(&wake),
                    stop: stop.clone(),
                };
                tokio::spawn(worker.run())
            })
            .collect();
        Ok(Self { wake, stop, running })
    }

    /// What wakes them.
    pub fn waker(&self) -> Waker {
        Waker(Arc::clone(&self.wake))
    }

    /// Begins no more tasks and waits for those that are being worked on.
    pub async fn stop(self) {
        self.stop.cancel();
        for worker in self.running {
            if let Err(error) = worker.await {
                tracing::error!(%error, "a worker ended badly");
            }
        }
    }
}

#[derive(Clone)]
struct Worker {
    store: Store,
    config: WorkerConfig,
    on_event: OnEvent,
    wake: Arc<Notify>,
    stop: CancellationToken,
}

impl Worker {
    async fn run(self) {
        while !self.stop.is_cancelled() {
            let pause = match self.claim().await {
                Ok(Some(claimed)) => {
                    // There may be more for the others.
                    self.wake.notify_one();
                    self.work(claimed).await;
                    continue;
                }
                Ok(None) => IDLE,
                Err(error) => {
                    tracing::error!(error = &error as &dyn std::error::Error, "cannot look for tasks");
                    AFTER_FAILURE
                }
            };
            tokio::select! {
                () = self.stop.cancelled() => {}
                () = self.wake.notified() => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    async fn claim(&self) -> Result<Option<Task>, AnalysisError> {
        let node = self.config.node.clone();
        self.store
            .write(move |tx| {
                let now = tx.ambient().now();
                Ok::<_, AnalysisError>(task::claim(tx, &node, now, now.plus(LEASE))?)
            })
            .await
    }

    /// Works on a task, and renews its lease meanwhile.
    async fn work(&self, claimed: Task) {
        let worker = self.clone();
        let id = claimed.id.clone();
        let mut work = tokio::task::spawn_blocking(move || worker.work_on(&claimed));
        loop {
            tokio::select! {
                ended = &mut work => {
                    if let Err(error) = ended {
                        tracing::error!(task = %id, %error, "the work on a task ended badly");
                    }
                    return;
                }
                () = tokio::time::sleep(LEASE / 3) => {}
            }
            let (node, renewed) = (self.config.node.clone(), id.clone());
            let kept = self
                .store
                .write(move |tx| {
                    let until = tx.ambient().now().plus(LEASE);
                    // One that has just ended is not to be held any longer.
                    let kept = task::renew(tx, &renewed, &node, until)?
                        || task::by_id(tx, &renewed)?.is_some_and(|task| task.status.is_final());
                    Ok::<_, AnalysisError>(kept)
                })
                .await;
            match kept {
                Ok(true) => {}
                Ok(false) => tracing::warn!(task = %id, "the lease of a task was lost; its work will not be kept"),
                Err(error) => {
                    tracing::warn!(task = %id, error = &error as &dyn std::error::Error, "a lease cannot be renewed");
                }
            }
        }
    }

    fn work_on(&self, claimed: &Task) {
        let began = self.store.ambient().now();
        let outcome = if claimed.attempts > MAX_ATTEMPTS {
            let text = "The report could not be processed: the server stopped or failed each time it tried. Its log tells more.";
            self.fail(
                claimed,
                &Reason {
                    kind: "INTERNAL_ERROR",
                    text,
                },
                None,
            )
        } else {
            self.analyse(claimed, began)
        };
        match outcome {
            Ok(()) => (self.on_event)(),
            Err(AnalysisError::LeaseLost) => {
                tracing::warn!(task = %claimed.id, "another worker has the task now; this work is dropped");
            }
            Err(error) => {
                // The lease stays until it runs out, so that a failing store is not asked without a pause.
                let error = &error as &dyn std::error::Error;
                tracing::error!(task = %claimed.id, error, "a task failed for a reason of the server's; it will be tried again");
            }
        }
    }

    fn analyse(&self, claimed: &Task, began: gatehook_domain::Timestamp) -> Result<(), AnalysisError> {
        let folder = tempfile::Builder::new()
            .prefix("task-")
            .tempdir_in(&self.config.temp_dir)?;
        let report = folder.path().join("report.zip");
        self.fetch(claimed, &report)?;
        let bench = Bench {
            store: &self.store,
            urls: &self.config.urls,
            node: &self.config.node,
            limits: &self.config.limits,
            folder: folder.path(),
        };
        let mut seen = None;
        match pipeline::analyse(&bench, claimed, &report, &mut seen) {
            Ok(done) => {
                tracing::info!(
                    task = %claimed.id,
                    analysis = %done.analysis,
                    gate = %done.status,
                    event = done.event.as_ref().map(ToString::to_string),
                    milliseconds = self.store.ambient().now().since(began).as_millis(),
                    "a report became an analysis",
                );
                Ok(())
            }
            Err(error) => match error.permanent_type() {
                Some(kind) => self.fail(
                    claimed,
                    &Reason {
                        kind,
                        text: &error.to_string(),
                    },
                    seen,
                ),
                None => Err(error),
            },
        }
    }

    fn fail(&self, claimed: &Task, reason: &Reason<'_>, seen: Option<Seen>) -> Result<(), AnalysisError> {
        tracing::warn!(task = %claimed.id, kind = reason.kind, reason = reason.text, "a report did not become an analysis");
        commit::fail(&self.store, &self.config.urls, &self.config.node, claimed, reason, seen)?;
        Ok(())
    }

    /// Copies the report from the store to a file, a chunk at a time.
    fn fetch(&self, claimed: &Task, to: &Path) -> Result<(), AnalysisError> {
        let mut file = File::create(to)?;
        for sequence in 0.. {
            let id = claimed.id.clone();
            let chunk = self
                .store
                .read_blocking(move |tx| Ok::<_, AnalysisError>(task::report_chunk(tx, &id, sequence)?))?;
            let Some(chunk) = chunk else { break };
            file.write_all(&chunk)?;
        }
        file.flush()?;
        Ok(())
    }
}
