//! Nobody hears of what a loss of power would take back.

use std::fs;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Mutex, PoisonError};

use tokio::sync::oneshot;
use tokio::sync::oneshot::error::TryRecvError;

use super::tests::shared;
use super::worker::WORTHWHILE;
use super::*;
use crate::job::Work;
use crate::params;
use crate::store::Mode;
use crate::tx::Tx;

type Answer<T> = oneshot::Receiver<Result<T, StoreError>>;

/// A database with a table, one thread that reads, and a flush of one's own.
struct Home {
    threads: Threads,
    dir: tempfile::TempDir,
}

fn threads(path: &Path, flush: impl Fn(&WalFile) -> io::Result<()> + Send + Sync + 'static) -> Threads {
    open_with(path, 1, &shared(), flush).unwrap()
}

/// Copies a database with its log, as they are now.
fn copy(from: &Path, to: &Path) -> io::Result<()> {
    fs::copy(from, to)?;
    fs::copy(from.with_extension("db-wal"), to.with_extension("db-wal")).map(drop)
}

/// How many things of these names there are in a database, or of any.
fn things(path: &Path, name: Option<&str>) -> i64 {
    let sql = "SELECT COUNT(*) FROM thing WHERE $1 IS NULL OR name = $1";
    let database = Connection::open(path).unwrap();
    database.query_row(sql, [name], |row| row.get(0)).unwrap()
}

impl Home {
    fn open(flush: impl Fn(&WalFile) -> io::Result<()> + Send + Sync + 'static) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("test.db");
        create_private(&path).unwrap();
        let table = "CREATE TABLE thing (name TEXT NOT NULL PRIMARY KEY)";
        connect(&path).unwrap().execute_batch(table).unwrap();
        let threads = threads(&path, flush);
        Self { threads, dir }
    }

    fn queue<T: Send + 'static>(
        &self,
        mode: Mode,
        work: impl Fn(&mut Tx<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Answer<T> {
        let (work, answer) = Work::new(work);
        let queue = match mode {
            Mode::Read => &self.threads.reads,
            Mode::Write => &self.threads.writes,
        };
        let job = Box::new(work);
        queue.send_blocking(Queued { mode, job }).unwrap();
        answer
    }

    fn insert(&self, name: &str) -> Answer<()> {
        let name = name.to_owned();
        self.queue(Mode::Write, move |tx| {
            tx.execute("INSERT INTO thing (name) VALUES ($1)", &params![name])
                .map(drop)
        })
    }

    fn count(&self, mode: Mode) -> Answer<i64> {
        self.queue(mode, |tx| {
            let row = tx.query_opt("SELECT COUNT(*) FROM thing", &[])?;
            row.map_or(Ok(0), |row| row.get(0))
        })
    }

    /// Tells when the thread of a mode has done all that was queued before.
    fn turn(&self, mode: Mode) -> Receiver<()> {
        let (reached, at) = sync_channel(1);
        let _answer = self.queue(mode, move |_| {
            reached.send(()).unwrap();
            Ok(())
        });
        at
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        self.threads.reads.close();
        self.threads.writes.close();
        for thread in self.threads.handles.lock().unwrap().drain(..) {
            thread.join().unwrap();
        }
    }
}

/// A flush that says that it has begun and waits to be let go on.
fn gate() -> (
    impl Fn(&WalFile) -> io::Result<()> + Send + Sync + 'static,
    Receiver<()>,
    SyncSender<()>,
) {
    let (begun, begins) = sync_channel(1000);
    let (go, may_go) = sync_channel(1000);
    let may_go = Mutex::new(may_go);
    let flush = move |wal: &WalFile| {
        begun.send(()).unwrap();
        // Whoever has gone away lets all go on.
        let _ = may_go.lock().unwrap_or_else(PoisonError::into_inner).recv();
        wal.flush()
    };
    (flush, begins, go)
}

fn is_pending<T>(answer: &mut Answer<T>) -> bool {
    matches!(answer.try_recv(), Err(TryRecvError::Empty))
}

/// A copy of the files is taken at each flush: of what is written later, nothing is on the disk for sure.
#[test]
fn what_was_answered_outlives_a_loss_of_power() {
    let disk = tempfile::tempdir().unwrap();
    let image = disk.path().join("test.db");
    let copying = Arc::new(Mutex::new(()));
    let files: Arc<Mutex<Option<PathBuf>>> = Arc::default();
    let flush = {
        let (image, copying, files) = (image.clone(), copying.clone(), files.clone());
        move |wal: &WalFile| {
            let _alone = copying.lock().unwrap();
            if let Some(from) = &*files.lock().unwrap() {
                copy(from, &image)?;
            }
            wal.flush()
        }
    };
    let home = Home::open(flush);
    *files.lock().unwrap() = Some(home.dir.path().join("test.db"));
    std::thread::scope(|scope| {
        for person in 0..8 {
            let (home, image, copying) = (&home, &image, &copying);
            scope.spawn(move || {
                for number in 0..20 {
                    let name = format!("{person}-{number}");
                    home.insert(&name).blocking_recv().unwrap().unwrap();
                    let after = tempfile::tempdir().unwrap();
                    let left = after.path().join("test.db");
                    {
                        let _alone = copying.lock().unwrap();
                        copy(image, &left).unwrap();
                    }
                    assert_eq!(things(&left, Some(&name)), 1, "{name} was answered and is lost");
                }
            });
        }
    });
}

#[test]
fn who_reads_what_is_not_on_the_disk_yet_waits_for_it() {
    let (flush, begins, go) = gate();
    let home = Home::open(flush);
    // Is let go before the database is closed, also when the test fails.
    let go = go;
    let mut nothing = home.count(Mode::Read);
    home.turn(Mode::Read).recv().unwrap();
    assert_eq!(nothing.try_recv().unwrap().unwrap(), 0, "there is nothing to wait for");

    let mut written = home.insert("a");
    begins.recv().unwrap();
    let mut read = home.count(Mode::Read);
    home.turn(Mode::Read).recv().unwrap();
    assert!(is_pending(&mut read) && is_pending(&mut written));
    go.send(()).unwrap();
    assert!(written.blocking_recv().unwrap().is_ok());
    assert_eq!(read.blocking_recv().unwrap().unwrap(), 1);
    drop(go);
}

#[test]
fn while_a_transaction_is_flushed_the_next_one_is_made() {
    let (flush, begins, go) = gate();
    let home = Home::open(flush);
    // Is let go before the database is closed, also when the test fails.
    let go = go;
    let (held, hold) = sync_channel(0);
    let hold = Mutex::new(hold);
    let mut first = home.queue(Mode::Write, move |tx| {
        let _ = hold.lock().unwrap().recv();
        tx.execute("INSERT INTO thing (name) VALUES ('first')", &[]).map(drop)
    });
    let mut others: Vec<_> = (0..WORTHWHILE).map(|number| home.insert(&number.to_string())).collect();
    let mut seen = home.count(Mode::Write);
    let turn = home.turn(Mode::Write);
    held.send(()).unwrap();
    begins.recv().unwrap();
    // All have been run when this one is, and the first of them are still being flushed.
    turn.recv().unwrap();
    assert!(is_pending(&mut first) && is_pending(&mut seen));
    assert!(others.iter_mut().all(is_pending));
    drop(go);
    assert!(first.blocking_recv().unwrap().is_ok());
    for other in others {
        assert!(other.blocking_recv().unwrap().is_ok());
    }
    assert_eq!(seen.blocking_recv().unwrap().unwrap(), WORTHWHILE as i64 + 1);
}

#[test]
fn once_a_flush_has_failed_nothing_is_done_any_more() {
    let (begun, begins) = sync_channel(1000);
    let (go, may_go) = sync_channel(1000);
    let may_go = Mutex::new(may_go);
    let home = Home::open(move |_| {
        begun.send(()).unwrap();
        let _ = may_go.lock().unwrap().recv();
        Err(io::Error::other("the disk is gone"))
    });
    let go = go;
    let written = home.insert("a");
    begins.recv().unwrap();
    let read = home.count(Mode::Read);
    let next = home.insert("b");
    home.turn(Mode::Read).recv().unwrap();
    go.send(()).unwrap();
    let not_flushed = |error: StoreError| matches!(error, StoreError::NotFlushed { .. });
    assert!(not_flushed(written.blocking_recv().unwrap().unwrap_err()));
    assert!(not_flushed(read.blocking_recv().unwrap().unwrap_err()));
    assert!(not_flushed(next.blocking_recv().unwrap().unwrap_err()));
    assert!(not_flushed(
        home.count(Mode::Read).blocking_recv().unwrap().unwrap_err()
    ));
    let error = home.insert("c").blocking_recv().unwrap().unwrap_err();
    assert!(error.to_string().contains("start the server anew"), "{error}");
    assert!(begins.try_recv().is_err(), "what failed once is not tried again");
}

#[test]
fn a_transaction_that_cannot_be_committed_keeps_nobody_waiting() {
    let home = Home::open(WalFile::flush);
    let deferred = home.queue(Mode::Write, |tx| {
        tx.execute(
            "CREATE TABLE part (thing TEXT REFERENCES thing (name) DEFERRABLE INITIALLY DEFERRED)",
            &[],
        )?;
        tx.execute("INSERT INTO part VALUES ('nobody')", &[]).map(drop)
    });
    assert!(matches!(
        deferred.blocking_recv().unwrap(),
        Err(StoreError::NotCommitted { .. })
    ));
    assert_eq!(home.count(Mode::Read).blocking_recv().unwrap().unwrap(), 0);
    assert!(home.insert("a").blocking_recv().unwrap().is_ok());
    assert_eq!(home.count(Mode::Read).blocking_recv().unwrap().unwrap(), 1);
}

#[test]
fn a_log_that_is_used_is_made_as_long_as_it_gets_and_is_read_as_before() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("test.db");
    create_private(&path).unwrap();
    let database = connect(&path).unwrap();
    database
        .execute_batch("CREATE TABLE thing (name TEXT NOT NULL)")
        .unwrap();
    let wal = WalFile::open(&path).unwrap();
    let length = || fs::metadata(path.with_extension("db-wal")).unwrap().len();
    let short = length();
    assert!(!wal.lengthen(), "nobody needs it yet");
    assert_eq!(length(), short);

    let large = "x".repeat(2 << 20);
    database.execute("INSERT INTO thing VALUES ($1)", [&large]).unwrap();
    while wal.lengthen() {}
    let long = length();
    assert_eq!(long, 8000 * 4120 + 32);
    database.execute("INSERT INTO thing VALUES ('b')", []).unwrap();
    assert_eq!(length(), long, "it is written where there was nothing");

    // As after a crash.
    let after = tempfile::tempdir().unwrap();
    let left = after.path().join("test.db");
    copy(&path, &left).unwrap();
    assert_eq!(things(&left, None), 2);
}

/// What a process has left in the log may be in the system's memory only.
#[cfg(unix)]
#[test]
fn a_start_brings_what_was_left_in_the_log_to_the_disk_also_behind_a_link() {
    let left = tempfile::tempdir().unwrap();
    let path = left.path().join("test.db");
    create_private(&path).unwrap();
    let dead = connect(&path).unwrap();
    dead.execute_batch("CREATE TABLE thing (name TEXT NOT NULL PRIMARY KEY); INSERT INTO thing VALUES ('left')")
        .unwrap();
    let dir = tempfile::tempdir().unwrap();
    let (real, link) = (dir.path().join("real.db"), dir.path().join("test.db"));
    copy(&path, &real).unwrap();
    assert!(fs::metadata(real.with_extension("db-wal")).unwrap().len() > 0);
    std::os::unix::fs::symlink(&real, &link).unwrap();

    let home = Home {
        threads: threads(&link, WalFile::flush),
        dir,
    };
    // Nothing of the log is needed any more for what was there.
    let after = tempfile::tempdir().unwrap();
    let alone = after.path().join("test.db");
    fs::copy(&real, &alone).unwrap();
    assert_eq!(things(&alone, None), 1);
    assert!(home.insert("next").blocking_recv().unwrap().is_ok());
    assert_eq!(home.count(Mode::Read).blocking_recv().unwrap().unwrap(), 2);
}
