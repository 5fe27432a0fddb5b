//! What jobs that share a transaction are told.

use gatehook_domain::Ambient;
use gatehook_domain::ambient::{ManualClock, SeededEntropy};
use tokio::sync::oneshot;

use super::*;
use crate::job::{Job, Work};
use crate::secret::SecretKey;
use crate::testing::START;
use crate::tx::Tx;
use crate::vault::Vault;

type Answer = oneshot::Receiver<Result<(), StoreError>>;

/// A log that is always on the disk.
fn flushed() -> Arc<Log> {
    Log::new(|| Ok(()))
}

/// A queue in which nobody waits.
fn nobody() -> Receiver<Queued> {
    async_channel::bounded(1).1
}

/// A database of a table, and another connection to it.
fn opened() -> (tempfile::TempDir, Connection, Connection, Shared) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("test.db");
    create_private(&path).unwrap();
    let (own, other) = (connect(&path).unwrap(), connect(&path).unwrap());
    // Nobody waits for the other one here.
    own.execute_batch("PRAGMA busy_timeout = 0; CREATE TABLE thing (name TEXT NOT NULL PRIMARY KEY)")
        .unwrap();
    (dir, own, other, shared())
}

/// What a store's threads share.
pub(super) fn shared() -> Shared {
    Shared {
        ambient: Ambient::new(Arc::new(ManualClock::new(START)), Arc::new(SeededEntropy::new(1))),
        vault: Vault::new(SecretKey::from_bytes([7; 32])),
        changes: Arc::default(),
    }
}

fn job(work: impl Fn(&mut Tx<'_>) -> Result<(), StoreError> + Send + 'static) -> (Box<dyn Job>, Answer) {
    let (work, answer) = Work::new(work);
    (Box::new(work), answer)
}

fn inserting(name: &'static str) -> (Box<dyn Job>, Answer) {
    job(move |tx| {
        tx.execute("INSERT INTO thing (name) VALUES ($1)", &crate::params![name])
            .map(drop)
    })
}

fn names(connection: &Connection) -> String {
    let sql = "SELECT coalesce(group_concat(name, ' ' ORDER BY name), '') FROM thing";
    connection.query_row(sql, [], |row| row.get(0)).unwrap()
}

#[test]
fn a_disk_that_is_full_is_told_apart_and_what_is_there_stays() {
    let (_dir, own, other, shared) = opened();
    let log = flushed();
    let mut worker = Worker::writing(&own, &shared, &log);
    let (first, told) = inserting("first");
    worker.run_together(vec![first], &nobody());
    assert!(told.blocking_recv().unwrap().is_ok());

    let pages: i64 = own.query_row("PRAGMA page_count", [], |row| row.get(0)).unwrap();
    own.query_row(&format!("PRAGMA max_page_count = {pages}"), [], |_| Ok(()))
        .unwrap();
    let (large, told) = job(|tx| {
        tx.execute(
            "INSERT INTO thing (name) VALUES ($1)",
            &crate::params!["x".repeat(100_000)],
        )
        .map(drop)
    });
    worker.run_together(vec![large], &nobody());
    let told = told.blocking_recv().unwrap();
    assert!(matches!(told, Err(StoreError::Full { .. })), "{told:?}");

    own.query_row("PRAGMA max_page_count = 100000", [], |_| Ok(())).unwrap();
    let (second, told) = inserting("second");
    worker.run_together(vec![second], &nobody());
    assert!(told.blocking_recv().unwrap().is_ok());
    assert_eq!(names(&other), "first second");
}

#[test]
fn a_database_that_others_have_locked_is_busy_and_nothing_else() {
    let (_dir, own, other, shared) = opened();
    let log = flushed();
    let mut worker = Worker::writing(&own, &shared, &log);
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let (first, told) = inserting("first");
    assert!(worker.run_together(vec![first], &nobody()).is_empty());
    let told = told.blocking_recv().unwrap();
    assert!(matches!(told, Err(StoreError::Busy { .. })), "{told:?}");

    other.execute_batch("ROLLBACK").unwrap();
    let (first, told) = inserting("first");
    worker.run_together(vec![first], &nobody());
    assert!(told.blocking_recv().unwrap().is_ok());
    assert_eq!(names(&other), "first");
}

#[test]
fn a_job_that_fails_after_a_write_takes_nothing_of_the_others_along() {
    let (_dir, own, other, shared) = opened();
    let log = flushed();
    let mut worker = Worker::writing(&own, &shared, &log);
    let (batch, answers): (Vec<_>, Vec<_>) = [
        inserting("a"),
        job(|tx| {
            tx.execute("INSERT INTO thing (name) VALUES ('undone')", &[])?;
            Err(StoreError::Closed)
        }),
        inserting("b"),
        inserting("a"),
        job(|_| Err(StoreError::Closed)),
        inserting("c"),
    ]
    .into_iter()
    .unzip();
    assert!(worker.run_together(batch, &nobody()).is_empty());
    let went: Vec<bool> = answers
        .into_iter()
        .map(|answer| answer.blocking_recv().unwrap().is_ok())
        .collect();
    assert_eq!(went, [true, false, true, false, false, true]);
    assert_eq!(names(&other), "a b c");
}

#[test]
fn a_lone_job_that_fails_after_a_write_leaves_nothing() {
    let (_dir, own, other, shared) = opened();
    let log = flushed();
    let mut worker = Worker::writing(&own, &shared, &log);
    let (failing, told) = job(|tx| {
        tx.execute("INSERT INTO thing (name) VALUES ('undone')", &[])?;
        Err(StoreError::Closed)
    });
    assert!(worker.run_together(vec![failing], &nobody()).is_empty());
    let told = told.blocking_recv().unwrap();
    assert!(matches!(told, Err(StoreError::Closed)), "its own error: {told:?}");
    assert_eq!(names(&other), "");
    assert!(own.is_autocommit(), "no transaction is left open");
}

#[test]
fn a_job_that_only_refuses_lets_the_others_be_run_once() {
    use std::sync::atomic::{AtomicUsize, Ordering};

    let (_dir, own, _other, shared) = opened();
    let log = flushed();
    let mut worker = Worker::writing(&own, &shared, &log);
    let runs = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&runs);
    let (first, _told) = job(move |tx| {
        counted.fetch_add(1, Ordering::Relaxed);
        tx.execute("INSERT INTO thing (name) VALUES ('a')", &[]).map(drop)
    });
    let (refusing, _told) = job(|tx| {
        tx.query("SELECT name FROM thing", &[])?;
        Err(StoreError::Closed)
    });
    worker.run_together(vec![first, refusing], &nobody());
    assert_eq!(runs.load(Ordering::Relaxed), 1);
}
