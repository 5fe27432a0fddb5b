//! Stores for tests of this crate and of others: time stands still until it is moved, and ids repeat.
#![expect(
    clippy::panic,
    clippy::expect_used,
    reason = "a test that cannot be set up has failed"
)]

use std::hash::{BuildHasher as _, RandomState};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use gatehook_domain::ambient::{ManualClock, SeededEntropy};
use gatehook_domain::{Ambient, Timestamp};

use crate::{DatabaseUrl, Engine, SecretKey, Store, StoreConfig};

/// The address of a PostgreSQL server on which databases can be made, for tests.
pub const POSTGRES_VARIABLE: &str = "GATEHOOK_TEST_POSTGRES";

/// 2026-01-31T10:34:21Z, the moment at which the clocks of tests stand.
pub const START: Timestamp = Timestamp::from_millis(1_769_855_661_000);

/// A store with what it was opened with. A PostgreSQL database is dropped with it.
#[derive(Debug)]
pub struct TestStore {
    /// The store.
    pub store: Store,
    /// Its clock.
    pub clock: Arc<ManualClock>,
    /// What it was opened with, for opening it again.
    pub config: StoreConfig,
    _database: Option<TestDatabase>,
}

/// A PostgreSQL database that lives as long as this does.
#[derive(Debug)]
pub struct TestDatabase {
    name: String,
    server: String,
}

/// Opens a store on either engine; `dir` is where a SQLite file goes.
pub async fn open(engine: Engine, dir: &Path) -> TestStore {
    match engine {
        Engine::Sqlite => open_sqlite(dir).await,
        Engine::Postgres => open_postgres().await,
    }
}

/// Opens the SQLite store `gatehook.db` in a folder.
pub async fn open_sqlite(dir: &Path) -> TestStore {
    open_config(config(DatabaseUrl::sqlite(dir.join("gatehook.db"))), None).await
}

/// Opens a store on a new PostgreSQL database.
pub async fn open_postgres() -> TestStore {
    let (url, database) = postgres_database().await;
    open_config(config(url), Some(database)).await
}

/// Makes a new PostgreSQL database, with bytewise collation, and answers its URL.
pub async fn postgres_database() -> (DatabaseUrl, TestDatabase) {
    static MADE: AtomicU64 = AtomicU64::new(0);
    let Ok(server) = std::env::var(POSTGRES_VARIABLE) else {
        panic!(
            "{POSTGRES_VARIABLE} is not set: this test needs a PostgreSQL server; run `cargo xtask test`, which starts one"
        );
    };
    let made = MADE.fetch_add(1, Ordering::Relaxed);
    let name = format!(
        "gatehook_test_{}_{:016x}",
        std::process::id(),
        RandomState::new().hash_one(made)
    );
    let sql = format!("CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C.UTF-8'");
    let maintenance = server.clone();
    tokio::task::spawn_blocking(move || admin(&maintenance, &sql))
        .await
        .expect("the runtime runs")
        .unwrap_or_else(|error| panic!("cannot make a database on the server of {POSTGRES_VARIABLE}: {error:?}"));
    let mut url = url::Url::parse(&server).expect("a postgres:// URL");
    url.set_path(&name);
    let url = url.as_str().parse().expect("a postgres:// URL");
    (url, TestDatabase { name, server })
}

/// The configuration of a test's store, with a fixed key.
pub fn config(url: DatabaseUrl) -> StoreConfig {
    StoreConfig::new(url, SecretKey::from_bytes([7; 32]))
}

async fn open_config(config: StoreConfig, database: Option<TestDatabase>) -> TestStore {
    let clock = Arc::new(ManualClock::new(START));
    let ambient = Ambient::new(clock.clone(), Arc::new(SeededEntropy::new(1)));
    let store = Store::open(config.clone(), ambient)
        .await
        .unwrap_or_else(|error| panic!("cannot open: {error:?}"));
    TestStore {
        store,
        clock,
        config,
        _database: database,
    }
}

impl TestDatabase {
    /// Its address, for a program that is started on it.
    pub fn url(&self) -> String {
        let mut url = url::Url::parse(&self.server).expect("a postgres:// URL");
        url.set_path(&self.name);
        url.to_string()
    }
}

fn admin(server: &str, sql: &str) -> Result<(), postgres::Error> {
    postgres::Client::connect(server, postgres::NoTls)?.batch_execute(sql)
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        let sql = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name);
        let server = self.server.clone();
        // The blocking client must not be used on a thread of a runtime. A database that stays behind harms nobody.
        let _ = std::thread::spawn(move || admin(&server, &sql)).join();
    }
}
