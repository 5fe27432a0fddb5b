//! Transactions behave the same on both engines.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

use std::error::Error as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use gatehook_domain::ambient::{ManualClock, SeededEntropy};
use gatehook_domain::{Ambient, Timestamp};
use gatehook_store::testing::{self, START, TestStore};
use gatehook_store::{Engine, Kind, OpenError, SecretKey, Statement, Store, StoreConfig, StoreError, Value, params};
use rstest::rstest;
use secrecy::ExposeSecret as _;
use tempfile::TempDir;
use tokio::task::JoinHandle;

const TABLE: &str = "CREATE TABLE thing (
    name TEXT NOT NULL PRIMARY KEY, number BIGINT, share DOUBLE PRECISION, flag BOOLEAN, raw BYTEA)";

/// What a caller may make of an error.
#[derive(Debug)]
enum Refusal {
    Store(StoreError),
    Rule(&'static str),
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

async fn open(engine: Engine) -> (TempDir, TestStore) {
    let dir = TempDir::new().unwrap();
    let test = testing::open(engine, dir.path()).await;
    execute(&test.store, TABLE).await;
    (dir, test)
}

async fn execute(store: &Store, sql: &'static str) {
    store
        .write(move |tx| tx.execute(sql, &[]))
        .await
        .unwrap_or_else(|error: StoreError| panic!("{error:?}"));
}

async fn reopen(config: &StoreConfig) -> Result<Store, OpenError> {
    let clock = Arc::new(ManualClock::new(START));
    Store::open(config.clone(), Ambient::new(clock, Arc::new(SeededEntropy::new(2)))).await
}

async fn insert(store: &Store, name: &'static str) -> Result<(), StoreError> {
    store
        .write(move |tx| {
            tx.execute("INSERT INTO thing (name) VALUES ($1)", &params![name])
                .map(drop)
        })
        .await
}

async fn names(store: &Store) -> Vec<String> {
    store
        .read(|tx| {
            tx.query("SELECT name FROM thing ORDER BY name", &[])?
                .iter()
                .map(|row| row.get(0))
                .collect()
        })
        .await
        .unwrap_or_else(|error: StoreError| panic!("{error:?}"))
}

/// Occupies a thread of the store until something is sent, or the sender is dropped.
async fn occupy(store: &Store) -> (SyncSender<()>, JoinHandle<Result<(), StoreError>>) {
    let (started, starts) = sync_channel(1);
    let (release, released): (_, Receiver<()>) = sync_channel(1);
    let store = store.clone();
    let task = tokio::spawn(async move {
        store
            .write(move |_| {
                let _ = started.try_send(());
                let _ = released.recv();
                Ok(())
            })
            .await
    });
    tokio::task::spawn_blocking(move || starts.recv().unwrap())
        .await
        .unwrap();
    (release, task)
}

/// On a runtime of one thread every task that was spawned before has put its work into the queue after this.
async fn queued() {
    for _ in 0..3 {
        tokio::task::yield_now().await;
    }
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn changes_that_wait_together_succeed_and_fail_alone(#[case] engine: Engine) {
    let (_dir, test) = open(engine).await;
    insert(&test.store, "taken").await.unwrap();
    let (release, blocker) = occupy(&test.store).await;
    let tasks: Vec<_> = ["first", "taken", "refused", "panics", "last"]
        .into_iter()
        .map(|name| {
            let store = test.store.clone();
            tokio::spawn(async move {
                store
                    .write(move |tx| {
                        tx.execute("INSERT INTO thing (name) VALUES ($1)", &params![name])?;
                        match name {
                            "refused" => Err(Refusal::Rule("no")),
                            "panics" => panic!("as asked"),
                            _ => Ok(tx.now()),
                        }
                    })
                    .await
            })
        })
        .collect();
    queued().await;
    drop(release);
    blocker.await.unwrap().unwrap();

    let mut answers = Vec::new();
    for task in tasks {
        answers.push(task.await.unwrap());
    }
    assert!(matches!(answers[0], Ok(START)), "{:?}", answers[0]);
    assert!(
        matches!(answers[1], Err(Refusal::Store(StoreError::Database { .. }))),
        "{:?}",
        answers[1]
    );
    assert!(matches!(answers[2], Err(Refusal::Rule("no"))), "{:?}", answers[2]);
    assert!(
        matches!(&answers[3], Err(Refusal::Store(StoreError::Panicked { message })) if message == "as asked"),
        "{:?}",
        answers[3]
    );
    assert!(answers[4].is_ok(), "{:?}", answers[4]);
    assert_eq!(names(&test.store).await, ["first", "last", "taken"]);
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn a_closure_that_hides_a_failed_statement_is_not_committed(#[case] engine: Engine) {
    let (_dir, test) = open(engine).await;
    let answer = test
        .store
        .write(|tx| {
            tx.execute("INSERT INTO thing (name) VALUES ('kept?')", &[])?;
            assert!(tx.execute("INSERT INTO thing (name) VALUES ('kept?')", &[]).is_err());
            assert!(matches!(
                tx.query("SELECT name FROM thing", &[]),
                Err(StoreError::Aborted)
            ));
            Ok::<_, StoreError>(())
        })
        .await;
    assert!(matches!(answer, Err(StoreError::Aborted)), "{answer:?}");
    assert!(names(&test.store).await.is_empty());
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn a_change_that_cannot_be_committed_is_an_error(#[case] engine: Engine) {
    let (_dir, test) = open(engine).await;
    execute(
        &test.store,
        "CREATE TABLE part (thing TEXT NOT NULL REFERENCES thing (name) DEFERRABLE INITIALLY DEFERRED)",
    )
    .await;
    let answer = test
        .store
        .write(|tx| tx.execute("INSERT INTO part (thing) VALUES ('nothing')", &[]))
        .await;
    assert!(matches!(answer, Err(StoreError::NotCommitted { .. })), "{answer:?}");
    insert(&test.store, "later").await.unwrap();
    let parts = test
        .store
        .read(|tx| tx.query("SELECT thing FROM part", &[]))
        .await
        .unwrap();
    assert!(parts.is_empty());
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn a_read_sees_one_state_and_cannot_write(#[case] engine: Engine) {
    let (_dir, test) = open(engine).await;
    let writer = test.store.clone();
    let counts = test
        .store
        .read(move |tx| {
            let before = tx.query("SELECT name FROM thing", &[])?.len();
            // Work of another closure that is waited for on a thread of its own: the store's threads are free for it.
            let other = writer.clone();
            std::thread::spawn(move || {
                other.write_blocking(|tx| tx.execute("INSERT INTO thing (name) VALUES ('new')", &[]))
            })
            .join()
            .unwrap()?;
            Ok::<_, StoreError>((before, tx.query("SELECT name FROM thing", &[])?.len()))
        })
        .await
        .unwrap();
    assert_eq!(counts, (0, 0));
    assert_eq!(names(&test.store).await, ["new"]);

    let answer = test.store.read(|tx| tx.execute("DELETE FROM thing", &[])).await;
    assert!(matches!(answer, Err(StoreError::Database { .. })), "{answer:?}");
    assert_eq!(names(&test.store).await, ["new"]);
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn increments_that_meet_all_count(#[case] engine: Engine) {
    let (_dir, test) = open(engine).await;
    execute(&test.store, "INSERT INTO thing (name, number) VALUES ('counter', 0)").await;
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let store = test.store.clone();
            tokio::spawn(async move {
                for _ in 0..5 {
                    store
                        .write(|tx| {
                            let row = tx.query_opt("SELECT number FROM thing WHERE name = 'counter'", &[])?;
                            let number: i64 = row.ok_or(StoreError::Closed)?.get(0)?;
                            tx.execute(
                                "UPDATE thing SET number = $1 WHERE name = 'counter'",
                                &params![number + 1],
                            )
                        })
                        .await
                        .unwrap();
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let row = test
        .store
        .read(|tx| tx.query_opt("SELECT number FROM thing", &[]))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(row.get::<i64>(0).unwrap(), 40);
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn every_kind_of_value_comes_back_also_its_absence(#[case] engine: Engine) {
    let (_dir, test) = open(engine).await;
    let rows = test
        .store
        .write(|tx| {
            let sql = "INSERT INTO thing (name, number, share, flag, raw) VALUES ($1, $2, $3, $4, $5)";
            tx.execute(sql, &params!["full", i64::MAX, 0.5, true, vec![0_u8, 255]])?;
            let empty: (Option<i64>, Option<f64>, Option<bool>, Option<Vec<u8>>) = (None, None, None, None);
            tx.execute(sql, &params!["none", empty.0, empty.1, empty.2, empty.3])?;
            tx.query("SELECT name, number, share, flag, raw FROM thing ORDER BY name", &[])
        })
        .await
        .unwrap();
    assert_eq!(rows[0].get::<Option<i64>>(1).unwrap(), Some(i64::MAX));
    assert_eq!(rows[0].get::<Option<f64>>(2).unwrap(), Some(0.5));
    assert!(rows[0].get::<bool>(3).unwrap());
    assert_eq!(rows[0].get::<Vec<u8>>(4).unwrap(), [0, 255]);
    assert_eq!(rows[1].get::<Option<i64>>(1).unwrap(), None);
    assert_eq!(rows[1].get::<Option<f64>>(2).unwrap(), None);
    assert_eq!(rows[1].get::<Option<bool>>(3).unwrap(), None);
    assert_eq!(rows[1].get::<Option<Vec<u8>>>(4).unwrap(), None);
    assert_eq!(rows[1].get::<Option<Timestamp>>(1).unwrap(), None);
    let error = rows[1].get::<i64>(1).unwrap_err().to_string();
    assert!(error.contains("column 1: expected an integer, found NULL"), "{error}");

    // A parameter that is absent has a type all the same, also where nothing else tells it; and each may be used twice.
    let found = test
        .store
        .read(|tx| {
            let sql =
                "SELECT name FROM thing WHERE ($2 IS NULL OR number = $2) AND ($1 IS NULL OR name = $1) ORDER BY name";
            let all = tx.query(sql, &params![None::<String>, None::<i64>])?.len();
            let full = tx.query(sql, &params![None::<String>, i64::MAX])?.len();
            let absent = tx.query_opt("SELECT $1 IS NULL", &[Value::Null(Kind::Bytes)])?;
            Ok::<_, StoreError>((all, full, absent.ok_or(StoreError::Closed)?.get::<bool>(0)?))
        })
        .await
        .unwrap();
    assert_eq!(found, (2, 1, true));
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn many_rows_go_in_across_the_borders_of_statements(#[case] engine: Engine) {
    let (_dir, test) = open(engine).await;
    let (inserted, updated, count, sum) = test
        .store
        .write(|tx| {
            let kinds = [Kind::Text, Kind::Int, Kind::Bool];
            let rows: Vec<Vec<Value>> = (0..1237_i64)
                .map(|n| params![format!("n{n}"), n, Some(n % 2 == 0)].to_vec())
                .collect();
            let inserted = tx.insert_many("thing (name, number, flag)", &kinds, &rows)?;
            let updated = tx.insert_many_with(
                "thing (name, number, flag)",
                "ON CONFLICT (name) DO UPDATE SET number = thing.number + excluded.number",
                &kinds,
                &rows[..700],
            )?;
            let sql = "SELECT COUNT(*), CAST(SUM(number) AS BIGINT) FROM thing";
            let row = tx.query_opt(sql, &[])?.ok_or(StoreError::Closed)?;
            assert_eq!(tx.insert_many("thing (name)", &[Kind::Text], &[])?, 0);
            Ok::<_, StoreError>((inserted, updated, row.get::<i64>(0)?, row.get::<i64>(1)?))
        })
        .await
        .unwrap();
    assert_eq!((inserted, updated, count), (1237, 700, 1237));
    assert_eq!(sum, (0..1237).sum::<i64>() + (0..700).sum::<i64>());

    let answer = test
        .store
        .write(|tx| tx.insert_many("thing (name)", &[Kind::Text], &[params![5_i64].to_vec()]))
        .await
        .map_err(|error| error.to_string());
    assert!(answer.unwrap_err().contains("row 0 for thing (name)"));
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn a_statement_can_be_put_together_and_streamed(#[case] engine: Engine) {
    let (_dir, test) = open(engine).await;
    for name in ["a", "b", "c", "d"] {
        insert(&test.store, name).await.unwrap();
    }
    let (some, none, until, two) = test
        .store
        .read(|tx| {
            let mut statement = Statement::new("SELECT name FROM thing WHERE name IN ");
            statement
                .bind_list(["c", "a", "nobody"])
                .push(" AND name <> ")
                .bind("a");
            let some = tx.query_built(&statement)?.len();
            let mut statement = Statement::new("SELECT name FROM thing WHERE name IN ");
            statement.bind_list(Vec::<String>::new());
            let none = tx.query_built(&statement)?.len();
            let mut until = Vec::new();
            let stopped = tx.for_each("SELECT name FROM thing ORDER BY name", &[], &mut |row| {
                until.push(row.get::<String>(0)?);
                if until.len() == 2 {
                    Err(StoreError::Closed)
                } else {
                    Ok(())
                }
            });
            assert!(matches!(stopped, Err(StoreError::Closed)));
            let two = tx.query_opt("SELECT name FROM thing", &[]).unwrap_err().to_string();
            Ok::<_, StoreError>((some, none, until, two))
        })
        .await
        .unwrap();
    assert_eq!((some, none), (1, 0));
    assert_eq!(until, ["a", "b"]);
    assert!(two.contains("more than one row"), "{two}");
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn an_error_names_the_statement_but_no_values(#[case] engine: Engine) {
    let (_dir, test) = open(engine).await;
    let add = |store: Store| async move {
        store
            .write(|tx| tx.execute("INSERT INTO thing (name) VALUES ($1)", &params!["hunter2"]))
            .await
    };
    add(test.store.clone()).await.unwrap();
    let error = add(test.store.clone()).await.unwrap_err();
    assert!(
        error.to_string().contains("INSERT INTO thing (name) VALUES ($1)"),
        "{error}"
    );
    assert!(error.source().is_some());
    assert!(!format!("{error} {error:?}").contains("hunter2"), "{error:?}");
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn closing_finishes_what_waits_and_takes_no_more(#[case] engine: Engine) {
    let (_dir, test) = open(engine).await;
    let (release, blocker) = occupy(&test.store).await;
    let tasks: Vec<_> = ["a", "b", "c"]
        .into_iter()
        .map(|name| {
            let store = test.store.clone();
            tokio::spawn(async move { insert(&store, name).await })
        })
        .collect();
    queued().await;
    let closing = tokio::spawn(test.store.clone().close());
    queued().await;
    assert!(matches!(insert(&test.store, "late").await, Err(StoreError::Closed)));
    drop(release);
    blocker.await.unwrap().unwrap();
    for task in tasks {
        task.await.unwrap().unwrap();
    }
    closing.await.unwrap();
    let store = reopen(&test.config).await.unwrap();
    assert_eq!(names(&store).await, ["a", "b", "c"]);
    store.close().await;
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn a_database_of_a_newer_program_is_left_alone(#[case] engine: Engine) {
    let (_dir, test) = open(engine).await;
    execute(
        &test.store,
        "INSERT INTO schema_version (version, name, applied_at, checksum) VALUES (9999, 'future', 0, '')",
    )
    .await;
    test.store.clone().close().await;
    let error = reopen(&test.config).await.unwrap_err();
    assert!(matches!(error, OpenError::NewerSchema { found: 9999, .. }), "{error:?}");
    assert!(error.to_string().contains("use the newer gatehook"), "{error}");
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn a_migration_that_was_changed_is_noticed(#[case] engine: Engine) {
    let (_dir, test) = open(engine).await;
    execute(
        &test.store,
        "UPDATE schema_version SET checksum = 'other' WHERE version = 1",
    )
    .await;
    test.store.clone().close().await;
    let error = reopen(&test.config).await.unwrap_err();
    assert!(
        matches!(error, OpenError::ChangedMigration { version: 1, .. }),
        "{error:?}"
    );
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn a_secret_is_kept_sealed_and_needs_its_key(#[case] engine: Engine) {
    let (_dir, mut test) = open(engine).await;
    test.store
        .write(|tx| {
            let sealed = tx.seal("thing.raw", "hunter2")?;
            tx.execute("INSERT INTO thing (name, raw) VALUES ('secret', $1)", &params![sealed])
        })
        .await
        .unwrap();
    let open_secret = |store: Store| async move {
        store
            .read(|tx| {
                let row = tx.query_opt("SELECT raw FROM thing", &[])?.ok_or(StoreError::Closed)?;
                tx.open_sealed("thing.raw", &row.get::<Vec<u8>>(0)?)
            })
            .await
    };
    assert_eq!(
        open_secret(test.store.clone()).await.unwrap().expose_secret(),
        "hunter2"
    );
    test.store.clone().close().await;
    let right = test.config.secret_key.clone();
    test.config.secret_key = SecretKey::from_bytes([8; 32]);
    let error = reopen(&test.config).await.unwrap_err();
    assert!(matches!(error, OpenError::WrongKey), "{error:?}");
    test.config.secret_key = right;
    let store = reopen(&test.config).await.unwrap();
    assert_eq!(open_secret(store.clone()).await.unwrap().expose_secret(), "hunter2");
    store.close().await;
}

/// Who was found to be somebody is not looked up again as long as the revision is the same, so that every way to change a
/// user or a token has to change it.
#[tokio::test]
async fn the_revision_of_users_and_tokens_changes_with_each_of_them_and_with_nothing_else() {
    let (_dir, test) = open(Engine::Sqlite).await;
    let store = &test.store;
    let mut last = store.credentials_revision();
    let steps: [(&'static str, bool); 9] = [
        ("INSERT INTO thing (name) VALUES ('x')", false),
        (
            "INSERT INTO user_account (id, login, name, active, created_at) VALUES ('u', 'ann', 'Ann', TRUE, 0)",
            true,
        ),
        (
            "INSERT INTO project (id, project_key, name, visibility, created_at) VALUES ('p', 'shop', 'Shop', 'public', 0)",
            false,
        ),
        (
            "INSERT INTO user_token (id, user_id, name, kind, project_id, hash, created_at)
             VALUES ('t', 'u', 'ci', 'PROJECT_ANALYSIS_TOKEN', 'p', 'h', 0)",
            true,
        ),
        ("UPDATE user_token SET last_used_at = 5", true),
        ("UPDATE user_account SET active = FALSE WHERE id = 'nobody'", false),
        ("DELETE FROM project", true),
        ("UPDATE user_account SET active = FALSE", true),
        ("DELETE FROM thing WHERE name = 'x'", false),
    ];
    for (sql, changes) in steps {
        execute(store, sql).await;
        let now = store.credentials_revision();
        assert_eq!(now != last, changes, "{sql}");
        last = now;
    }
    assert!(last.is_some());
    let (_dir, test) = open(Engine::Postgres).await;
    assert_eq!(test.store.credentials_revision(), None, "other nodes change them too");
}

#[tokio::test]
async fn a_second_server_on_the_same_sqlite_file_is_told_so() {
    let (_dir, test) = open(Engine::Sqlite).await;
    let error = reopen(&test.config).await.unwrap_err();
    assert!(matches!(error, OpenError::InUse { .. }), "{error:?}");
    assert!(
        error.to_string().contains("gatehook.db is in use by another gatehook"),
        "{error}"
    );
    test.store.clone().close().await;
    reopen(&test.config).await.unwrap().close().await;
}

#[tokio::test]
async fn nodes_that_start_together_on_postgresql_migrate_once() {
    let (url, _database) = testing::postgres_database().await;
    let config = testing::config(url);
    let opening: Vec<_> = (0..3)
        .map(|_| {
            let config = config.clone();
            tokio::spawn(async move { reopen(&config).await })
        })
        .collect();
    for task in opening {
        task.await.unwrap().unwrap().close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_change_gets_through_while_another_node_keeps_changing_the_same() {
    let (_dir, test) = open(Engine::Postgres).await;
    execute(&test.store, "INSERT INTO thing (name, number) VALUES ('counter', 0)").await;
    let other = reopen(&test.config).await.unwrap();
    let done = Arc::new(AtomicUsize::new(0));
    let quick: Vec<_> = (0..4)
        .map(|_| {
            let (store, done) = (other.clone(), done.clone());
            tokio::spawn(async move {
                let mut changes = 0;
                while done.load(Ordering::SeqCst) == 0 {
                    store
                        .write(|tx| tx.execute("UPDATE thing SET number = number + 1 WHERE name = 'counter'", &[]))
                        .await
                        .unwrap();
                    changes += 1;
                }
                changes
            })
        })
        .collect();
    let slow = test
        .store
        .write(|tx| {
            // What it sees is old when it writes, unless the others wait.
            tx.query("SELECT number, pg_sleep(0.1) IS NULL FROM thing", &[])?;
            tx.execute("UPDATE thing SET number = number + 1000000 WHERE name = 'counter'", &[])
        })
        .await;
    done.store(1, Ordering::SeqCst);
    assert_eq!(slow.unwrap(), 1);
    let mut changes = 0;
    for task in quick {
        changes += task.await.unwrap();
    }
    other.close().await;
    let row = test
        .store
        .read(|tx| tx.query_opt("SELECT number FROM thing", &[]))
        .await;
    assert_eq!(row.unwrap().unwrap().get::<i64>(0).unwrap(), 1_000_000 + changes);
}

#[tokio::test]
async fn a_connection_that_is_lost_before_the_commit_is_made_anew() {
    let (_dir, test) = open(Engine::Postgres).await;
    let runs = Arc::new(AtomicUsize::new(0));
    let counted = runs.clone();
    test.store
        .write(move |tx| {
            tx.execute("INSERT INTO thing (name) VALUES ('once')", &[])?;
            if counted.fetch_add(1, Ordering::SeqCst) == 0 {
                tx.query("SELECT pg_terminate_backend(pg_backend_pid())", &[])?;
            }
            Ok::<_, StoreError>(())
        })
        .await
        .unwrap();
    assert_eq!(runs.load(Ordering::SeqCst), 2);
    assert_eq!(names(&test.store).await, ["once"]);

    let answer = test
        .store
        .write(|tx| tx.query("SELECT pg_terminate_backend(pg_backend_pid())", &[]))
        .await;
    assert!(matches!(answer, Err(StoreError::Unavailable { .. })), "{answer:?}");
    insert(&test.store, "after").await.unwrap();
}

#[tokio::test]
async fn a_connection_that_is_lost_during_the_commit_is_not_hidden() {
    let (_dir, test) = open(Engine::Postgres).await;
    execute(
        &test.store,
        "CREATE FUNCTION cut() RETURNS trigger LANGUAGE plpgsql AS \
         $$ BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); PERFORM pg_sleep(1); RETURN NULL; END $$",
    )
    .await;
    execute(
        &test.store,
        "CREATE CONSTRAINT TRIGGER cut AFTER INSERT ON thing DEFERRABLE INITIALLY DEFERRED \
         FOR EACH ROW EXECUTE FUNCTION cut()",
    )
    .await;
    let runs = Arc::new(AtomicUsize::new(0));
    let counted = runs.clone();
    let answer = test
        .store
        .write(move |tx| {
            counted.fetch_add(1, Ordering::SeqCst);
            tx.execute("INSERT INTO thing (name) VALUES ('perhaps')", &[])
        })
        .await;
    assert!(matches!(answer, Err(StoreError::CommitUnknown { .. })), "{answer:?}");
    assert_eq!(runs.load(Ordering::SeqCst), 1);
    assert!(names(&test.store).await.is_empty());
}

#[tokio::test]
async fn a_connection_without_tls_is_refused_when_tls_is_demanded() {
    let (url, _database) = testing::postgres_database().await;
    let demanding = format!("{url}?sslmode=verify-full").parse().unwrap();
    let error = reopen(&testing::config(demanding)).await.unwrap_err();
    assert!(matches!(error, OpenError::Connect { .. }), "{error:?}");
}
