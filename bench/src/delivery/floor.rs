//! The floor: the least that can be done on this machine. A bare client posts the same signed bytes over connections
//! that are kept open, and a thread commits one row per delivery to SQLite with `synchronous=FULL`, in groups of 64.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use gatehook_webhooks::signature::{SIGNATURE_HEADER, sign};
use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use rusqlite::{Connection as Database, params};
use tokio::sync::{mpsc, oneshot};

use crate::client::Connection;
use crate::receiver::SECRET;

/// How many calls are under way at once, and how many rows one commit keeps.
const GROUP: usize = 64;

/// One row to be committed, and who is told then.
struct Row {
    number: usize,
    status: u16,
    told: Option<oneshot::Sender<()>>,
}

/// The thread that commits rows.
pub(crate) struct Writer {
    rows: mpsc::Sender<Row>,
    thread: std::thread::JoinHandle<Result<()>>,
}

impl Writer {
    /// Opens a new database in `folder`. A commit waits for `group` rows, or for the last one.
    pub(crate) fn start(folder: &Path, group: usize) -> Result<Self> {
        let file = folder.join("floor.db");
        for ending in ["", "-wal", "-shm"] {
            let _ = std::fs::remove_file(format!("{}{ending}", file.display()));
        }
        let database = Database::open(&file)?;
        database.execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
             CREATE TABLE delivery (id TEXT NOT NULL PRIMARY KEY, status INTEGER NOT NULL, at INTEGER NOT NULL) STRICT;",
        )?;
        let (rows, queue) = mpsc::channel(GROUP * 4);
        let thread = std::thread::spawn(move || write(&database, queue, group));
        Ok(Self { rows, thread })
    }

    /// Commits a row and waits until it is on disk.
    pub(crate) async fn commit(rows: &RowSender, number: usize) -> Result<()> {
        let (told, committed) = oneshot::channel();
        rows.0
            .send(Row {
                number,
                status: 200,
                told: Some(told),
            })
            .await?;
        Ok(committed.await?)
    }

    /// What rows are sent with.
    pub(crate) fn sender(&self) -> RowSender {
        RowSender(self.rows.clone())
    }

    /// Waits until all is committed. All senders must be gone.
    pub(crate) fn end(self) -> Result<()> {
        drop(self.rows);
        match self.thread.join() {
            Ok(ended) => ended,
            Err(_) => anyhow::bail!("the thread that commits ended badly"),
        }
    }
}

/// Sends rows to the thread that commits them.
#[derive(Clone)]
pub(crate) struct RowSender(mpsc::Sender<Row>);

fn write(database: &Database, mut queue: mpsc::Receiver<Row>, group: usize) -> Result<()> {
    let mut rows = Vec::with_capacity(GROUP);
    while let Some(first) = queue.blocking_recv() {
        rows.push(first);
        while rows.len() < group
            && let Some(next) = queue.blocking_recv()
        {
            rows.push(next);
        }
        database.prepare_cached("BEGIN IMMEDIATE")?.raw_execute()?;
        {
            let mut insert = database.prepare_cached("INSERT INTO delivery (id, status, at) VALUES (?1, ?2, ?3)")?;
            for row in &rows {
                insert.execute(params![id(row.number), row.status, row.number as i64])?;
            }
        }
        database.prepare_cached("COMMIT")?.raw_execute()?;
        for row in rows.drain(..) {
            if let Some(told) = row.told {
                let _ = told.send(());
            }
        }
    }
    Ok(())
}

/// A delivery's id, written as a UUID.
fn id(number: usize) -> String {
    let text = format!("{number:032x}");
    [&text[..8], &text[8..12], &text[12..16], &text[16..20], &text[20..]].join("-")
}

/// The headers that every call carries.
pub(crate) fn headers(body: &[u8], number: usize, project: &str) -> Result<HeaderMap> {
    let mut headers = HeaderMap::with_capacity(8);
    let mut put = |name: &'static str, text: &str| -> Result<()> {
        headers.insert(HeaderName::from_bytes(name.as_bytes())?, HeaderValue::from_str(text)?);
        Ok(())
    };
    put("Content-Type", "application/json; charset=utf-8")?;
    put("X-SonarQube-Project", project)?;
    put("X-Gatehook-Delivery", &id(number))?;
    put("X-Gatehook-Event", "gate.changed")?;
    put("X-Gatehook-Attempt", "1")?;
    put(SIGNATURE_HEADER, &sign(&SECRET.into(), body))?;
    Ok(headers)
}

/// Makes `count` deliveries to the destinations in turn, 64 at a time.
pub(crate) async fn drain(destinations: &[SocketAddr], body: &Bytes, count: usize, folder: &Path) -> Result<()> {
    let writer = Writer::start(folder, GROUP)?;
    let common = Arc::new(headers(body, 0, "bench-project")?);
    let next = Arc::new(AtomicUsize::new(0));
    let mut callers = Vec::with_capacity(GROUP);
    for caller in 0..GROUP {
        // Each caller has connections of its own: one to a single destination, else its share of all.
        let mut connections = Vec::new();
        let own = destinations.iter().skip(caller % destinations.len()).step_by(GROUP);
        for destination in own {
            connections.push(Connection::open(*destination).await?);
        }
        let (rows, body, common, next) = (writer.sender(), body.clone(), common.clone(), next.clone());
        callers.push(tokio::spawn(async move {
            let mut turn = 0;
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= count {
                    return Ok::<(), anyhow::Error>(());
                }
                let mut headers = (*common).clone();
                headers.insert("x-gatehook-delivery", HeaderValue::from_str(&id(number))?);
                let at = turn % connections.len();
                turn += 1;
                let status = connections[at].post("/", headers, body.clone()).await?;
                ensure!(status.is_success(), "the receiver answered {status}");
                let status = status.as_u16();
                let row = Row {
                    number,
                    status,
                    told: None,
                };
                rows.0.send(row).await.context("the thread that commits has ended")?;
            }
        }));
    }
    for caller in callers {
        caller.await??;
    }
    writer.end()
}
