//! What this process has sent since it started, for whoever collects numbers.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use gatehook_store::delivery::Outcome;

/// Counts what comes of attempts. Cheap to clone; all clones count together.
#[derive(Debug, Clone, Default)]
pub struct Counters(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    delivered: AtomicU64,
    failed: AtomicU64,
    retried: AtomicU64,
}

/// What was counted so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Attempts that were a success, each the end of a delivery.
    pub delivered: u64,
    /// Attempts that were none, each the end of a delivery.
    pub failed: u64,
    /// Attempts that were none, after which another one follows.
    pub retried: u64,
}

impl Counters {
    /// Counts an attempt that was written down.
    pub fn count(&self, outcome: Outcome) {
        let counter = match outcome {
            Outcome::Delivered => &self.0.delivered,
            Outcome::Failed => &self.0.failed,
            Outcome::RetryAt(_) => &self.0.retried,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// What was counted so far.
    pub fn counts(&self) -> Counts {
        Counts {
            delivered: self.0.delivered.load(Ordering::Relaxed),
            failed: self.0.failed.load(Ordering::Relaxed),
            retried: self.0.retried.load(Ordering::Relaxed),
        }
    }
}
