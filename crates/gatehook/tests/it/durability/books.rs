//! What is kept, read with plain SQL: nothing of the program vouches for itself here.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use postgres::types::{ToSql, Type};
use postgres::{Client, NoTls};
use rusqlite::types::Value;
use rusqlite::{Connection, OpenFlags};

use crate::durability::witness::Witness;
use crate::harness::PATIENCE;

/// What must not be there at any time. Each finds the rows that break a rule, and tells of one.
const RULES: [(&str, &str); 7] = [
    (
        "an event is not owed exactly once to each webhook",
        "SELECT e.kind || ' ' || e.id || ' for ' || w.name || ': ' || COUNT(d.id) FROM webhook_event e \
         JOIN webhook w ON w.project_id IS NULL OR w.project_id = e.project_id \
         LEFT JOIN delivery d ON d.event_id = e.id AND d.webhook_id = w.id \
         GROUP BY e.id, w.id HAVING COUNT(d.id) <> 1",
    ),
    (
        "a delivery is neither delivered nor failed and has no due time, or has one too many",
        "SELECT id FROM delivery WHERE (status = 'PENDING') <> (due_at IS NOT NULL)",
    ),
    (
        "a delivery counts as delivered without a good answer",
        "SELECT d.id FROM delivery d WHERE d.status = 'DELIVERED' AND NOT EXISTS (SELECT 1 FROM delivery_attempt a \
         WHERE a.delivery_id = d.id AND a.number = d.last_attempt AND a.http_status BETWEEN 200 AND 299)",
    ),
    (
        "a delivery failed without a reason",
        "SELECT d.id FROM delivery d WHERE d.status = 'FAILED' AND NOT EXISTS (SELECT 1 FROM delivery_attempt a \
         WHERE a.delivery_id = d.id AND a.number = d.last_attempt AND (a.http_status IS NOT NULL OR a.error IS NOT NULL))",
    ),
    (
        "an analysis was not told of exactly once",
        "SELECT a.id FROM analysis a LEFT JOIN webhook_event e ON e.analysis_id = a.id AND e.kind = 'analysis.completed' \
         GROUP BY a.id HAVING COUNT(e.id) <> 1",
    ),
    (
        "a task ended well without exactly one analysis",
        "SELECT t.id || ': ' || COUNT(a.id) FROM task t LEFT JOIN analysis a ON a.task_id = t.id \
         GROUP BY t.id HAVING COUNT(a.id) <> CASE t.status WHEN 'SUCCESS' THEN 1 ELSE 0 END",
    ),
    (
        "the gate turned as often as people changed an issue, but not so often was that told",
        "SELECT p.project_key || ': ' || (SELECT COUNT(*) FROM issue_change c JOIN issue i ON i.id = c.issue_id JOIN branch b ON b.id = i.branch_id \
           WHERE b.project_id = p.id AND c.login IS NOT NULL) || ' changes, ' || (SELECT COUNT(*) FROM webhook_event e \
           WHERE e.project_id = p.id AND e.kind = 'gate.changed') || ' events' FROM project p \
         WHERE (SELECT COUNT(*) FROM issue_change c JOIN issue i ON i.id = c.issue_id JOIN branch b ON b.id = i.branch_id \
             WHERE b.project_id = p.id AND c.login IS NOT NULL) \
           <> (SELECT COUNT(*) FROM webhook_event e WHERE e.project_id = p.id AND e.kind = 'gate.changed')",
    ),
];

/// A rule for SQLite, which writes its files itself.
const INTACT: (&str, &str) = (
    "the database is damaged",
    "SELECT integrity_check FROM pragma_integrity_check WHERE integrity_check <> 'ok' \
     UNION ALL SELECT \"table\" || ' refers to nothing' FROM pragma_foreign_key_check",
);

/// A copy of what a dead process left, so that looking at it does not repair it.
fn copy_of(database: &Path, to: &Path) -> PathBuf {
    let copy = to.join("copy.db");
    for ending in ["", "-wal"] {
        let name = |path: &Path| PathBuf::from(format!("{}{ending}", path.display()));
        if name(database).exists() {
            std::fs::copy(name(database), name(&copy)).unwrap();
        }
    }
    copy
}

/// What is kept of a delivery.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) name: String,
    pub(super) status: String,
    pub(super) payload: Vec<u8>,
}

/// What stands in a place of a row.
#[derive(Debug)]
enum Cell {
    Text(String),
    Number(i64),
    Bytes(Vec<u8>),
}

impl Cell {
    fn text(self) -> String {
        match self {
            Self::Text(text) => text,
            other => panic!("no text: {other:?}"),
        }
    }

    fn number(self) -> i64 {
        match self {
            Self::Number(number) => number,
            other => panic!("no number: {other:?}"),
        }
    }

    fn bytes(self) -> Vec<u8> {
        match self {
            Self::Bytes(bytes) => bytes,
            other => panic!("no bytes: {other:?}"),
        }
    }
}

/// The database of a server, or of several.
pub(super) enum Books {
    /// A file.
    Sqlite(PathBuf),
    /// A URL.
    Postgres(String),
}

impl Books {
    pub(super) fn on_sqlite(data: &Path) -> Self {
        Self::Sqlite(data.join("gatehook.db"))
    }

    pub(super) fn on_postgres(url: &str) -> Self {
        Self::Postgres(url.to_owned())
    }

    /// Reads what dead processes left, or what there is at this moment.
    fn read(&self, sql: &str, parameters: &[&str]) -> Vec<Vec<Cell>> {
        match self {
            Self::Sqlite(database) => {
                let folder = tempfile::tempdir().unwrap();
                let copy = Connection::open(copy_of(database, folder.path())).unwrap();
                read_sqlite(&copy, sql, parameters)
            }
            Self::Postgres(url) => on_postgres(url, |client| read_postgres(client, sql, parameters)),
        }
    }

    /// Checks the rules on what is kept, and that all that was told is in it.
    pub(super) fn check(&self, witness: &Witness, faults: u64) {
        let intact = matches!(self, Self::Sqlite(_)).then_some(INTACT);
        for (what, rule) in RULES.into_iter().chain(intact) {
            let broken = self.read(rule, &[]);
            assert!(broken.is_empty(), "after {faults} faults: {what}: {:?}", broken[0]);
        }
        witness.check(|| self.deliveries(), faults);
    }

    /// Waits until the running servers owe nothing any more, and all has been delivered.
    pub(super) async fn settled(&self, witness: &Witness) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let (tasks, deliveries) = self.owed();
            if (tasks, deliveries) == (0, 0) {
                return;
            }
            assert!(
                Instant::now() < deadline,
                "{tasks} tasks and {deliveries} deliveries are still owed after {} calls",
                witness.count()
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// How many tasks and deliveries running servers owe.
    fn owed(&self) -> (i64, i64) {
        let owed = "SELECT (SELECT COUNT(*) FROM task WHERE status IN ('PENDING', 'IN_PROGRESS')), \
                    (SELECT COUNT(*) FROM delivery WHERE status <> 'DELIVERED')";
        let mut rows = match self {
            Self::Sqlite(database) => {
                let books = Connection::open_with_flags(database, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
                books.busy_timeout(Duration::from_secs(5)).unwrap();
                read_sqlite(&books, owed, &[])
            }
            Self::Postgres(_) => self.read(owed, &[]),
        };
        let mut row = rows.remove(0).into_iter().map(Cell::number);
        (row.next().unwrap(), row.next().unwrap())
    }

    /// All deliveries by their ids.
    pub(super) fn deliveries(&self) -> BTreeMap<String, Kept> {
        let all = "SELECT d.id, d.name, d.status, e.payload FROM delivery d JOIN webhook_event e ON e.id = d.event_id";
        let rows = self.read(all, &[]).into_iter().map(|row| {
            let mut row = row.into_iter();
            let mut next = || row.next().unwrap();
            let id = next().text();
            let kept = Kept {
                name: next().text(),
                status: next().text(),
                payload: next().bytes(),
            };
            (id, kept)
        });
        rows.collect()
    }

    /// How often people changed issues of a project.
    pub(super) fn changes(&self, project: &str) -> u64 {
        self.count(
            "SELECT COUNT(*) FROM issue_change c JOIN issue i ON i.id = c.issue_id JOIN branch b ON b.id = i.branch_id JOIN project p ON p.id = b.project_id \
             WHERE c.login IS NOT NULL AND p.project_key = $1",
            &[project],
        )
    }

    /// How many deliveries told of a task.
    pub(super) fn calls_about(&self, task: &str) -> u64 {
        self.count(
            "SELECT COUNT(*) FROM delivery WHERE task_id = $1 AND status = 'DELIVERED'",
            &[task],
        )
    }

    /// How many events there were.
    pub(super) fn events(&self) -> u64 {
        self.count("SELECT COUNT(*) FROM webhook_event", &[])
    }

    fn count(&self, sql: &str, parameters: &[&str]) -> u64 {
        self.read(sql, parameters).remove(0).remove(0).number() as u64
    }

    /// The processes that hold leases of deliveries.
    pub(super) fn owners(&self) -> Vec<String> {
        let rows = self.read("SELECT DISTINCT owner FROM delivery WHERE owner IS NOT NULL", &[]);
        rows.into_iter().flatten().map(Cell::text).collect()
    }

    /// Has all leases run out, as if a minute had passed without a sign of their owners: the clock of a process cannot be
    /// moved.
    pub(super) fn leases_run_out(&self) {
        let Self::Postgres(url) = self else {
            panic!("there are no leases on SQLite");
        };
        on_postgres(url, |client| {
            client.batch_execute("UPDATE task SET lease_until = 0 WHERE owner IS NOT NULL; UPDATE delivery SET lease_until = 0 WHERE owner IS NOT NULL")
        })
        .unwrap();
    }

    /// Breaks all connections of a node; gives how many.
    pub(super) fn cut_off(&self, node: &str) -> u64 {
        self.count(
            "SELECT COUNT(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = current_database() AND application_name = $1",
            &[node],
        )
    }
}

fn read_sqlite(books: &Connection, sql: &str, parameters: &[&str]) -> Vec<Vec<Cell>> {
    let mut statement = books.prepare(sql).unwrap();
    let columns = statement.column_count();
    let mut rows = statement.query(rusqlite::params_from_iter(parameters)).unwrap();
    let mut read = Vec::new();
    while let Some(row) = rows.next().unwrap() {
        let cell = |index| match row.get(index).unwrap() {
            Value::Text(text) => Cell::Text(text),
            Value::Integer(number) => Cell::Number(number),
            Value::Blob(bytes) => Cell::Bytes(bytes),
            other => panic!("{other:?} in {sql}"),
        };
        read.push((0..columns).map(cell).collect());
    }
    read
}

fn read_postgres(client: &mut Client, sql: &str, parameters: &[&str]) -> Vec<Vec<Cell>> {
    let parameters: Vec<&(dyn ToSql + Sync)> = parameters.iter().map(|text| text as _).collect();
    let rows = client
        .query(sql, &parameters)
        .unwrap_or_else(|error| panic!("{sql}: {error:?}"));
    let read = rows.iter().map(|row| {
        let cell = |index: usize| match *row.columns()[index].type_() {
            Type::TEXT => Cell::Text(row.get(index)),
            Type::INT8 => Cell::Number(row.get(index)),
            Type::BYTEA => Cell::Bytes(row.get(index)),
            ref other => panic!("{other} in {sql}"),
        };
        (0..row.len()).map(cell).collect()
    });
    read.collect()
}

/// Does something on a connection of its own. The client blocks, so it must not be used, nor be dropped, where others wait.
fn on_postgres<T>(url: &str, work: impl FnOnce(&mut Client) -> T) -> T {
    tokio::task::block_in_place(|| work(&mut Client::connect(url, NoTls).unwrap()))
}
