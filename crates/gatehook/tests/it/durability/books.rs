//! What is kept, read with plain SQL: nothing of the program vouches for itself here.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rusqlite::{Connection, OpenFlags};

use crate::durability::witness::Witness;
use crate::harness::PATIENCE;

/// What must not be there at any time. Each finds the rows that break a rule, and tells of one.
const RULES: [(&str, &str); 8] = [
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
         GROUP BY t.id HAVING COUNT(a.id) <> (t.status = 'SUCCESS')",
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
    (
        "the database is damaged",
        "SELECT integrity_check FROM pragma_integrity_check WHERE integrity_check <> 'ok' \
         UNION ALL SELECT \"table\" || ' refers to nothing' FROM pragma_foreign_key_check",
    ),
];

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

/// The database of a server.
pub(super) struct Books {
    database: PathBuf,
}

impl Books {
    pub(super) fn of(data: &Path) -> Self {
        Self {
            database: data.join("gatehook.db"),
        }
    }

    /// Reads what a dead process left.
    fn read<T>(&self, read: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> T {
        let folder = tempfile::tempdir().unwrap();
        let copy = Connection::open(copy_of(&self.database, folder.path())).unwrap();
        read(&copy).unwrap()
    }

    /// Checks the rules on what a dead process left, and that all it told is in it.
    pub(super) fn check(&self, witness: &Witness, round: u64) {
        self.read(|books| {
            for (what, rule) in RULES {
                let broken = books.query_row(rule, [], |row| row.get::<_, String>(0));
                assert_eq!(
                    broken,
                    Err(rusqlite::Error::QueryReturnedNoRows),
                    "round {round}: {what}"
                );
            }
            Ok(())
        });
        witness.check(&self.deliveries(), round);
    }

    /// Waits until the running server owes nothing any more, and all has been delivered.
    pub(super) async fn settled(&self, witness: &Witness) {
        let books = Connection::open_with_flags(&self.database, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
        books.busy_timeout(Duration::from_secs(5)).unwrap();
        let owed = || -> (i64, i64) {
            let owed = "SELECT (SELECT COUNT(*) FROM task WHERE status IN ('PENDING', 'IN_PROGRESS')), \
                        (SELECT COUNT(*) FROM delivery WHERE status <> 'DELIVERED')";
            books.query_row(owed, [], |row| Ok((row.get(0)?, row.get(1)?))).unwrap()
        };
        let deadline = Instant::now() + PATIENCE;
        while owed() != (0, 0) {
            let (owed, calls) = (owed(), witness.count());
            assert!(
                Instant::now() < deadline,
                "{} tasks and {} deliveries are still owed after {calls} calls",
                owed.0,
                owed.1
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// All deliveries by their ids.
    pub(super) fn deliveries(&self) -> BTreeMap<String, Kept> {
        self.read(|books| {
            let mut all = books.prepare(
                "SELECT d.id, d.name, d.status, e.payload FROM delivery d JOIN webhook_event e ON e.id = d.event_id",
            )?;
            let kept = all.query_map([], |row| {
                let kept = Kept {
                    name: row.get(1)?,
                    status: row.get(2)?,
                    payload: row.get(3)?,
                };
                Ok((row.get(0)?, kept))
            })?;
            kept.collect()
        })
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
        self.read(|books| books.query_row(sql, rusqlite::params_from_iter(parameters), |row| row.get::<_, i64>(0)))
            as u64
    }
}
