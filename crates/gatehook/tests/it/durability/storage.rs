//! A database that others lock, and a disk that is full: what cannot be kept is refused, nothing that was answered is
//! lost, and all goes on when the trouble is over.

use std::path::Path;
use std::process::{Command, Stdio};

use rusqlite::Connection;
use serde_json::Value;

use crate::durability::PROJECTS;
use crate::durability::books::Books;
use crate::durability::load::{self, Ledger, Load};
use crate::durability::witness::Witness;
use crate::harness::{PATIENCE, SECRET, Server, TOKEN};

/// How large files can be on a disk that is full, in bytes: less than they are.
const FULL: &str = "65536";

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_others_lock_for_a_while_refuses_and_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let witness = Witness::start(SECRET, 1).await;
    let server = Server::start(&data).await;
    load::prepare(&server, &witness).await;
    let other = Connection::open(data.join("gatehook.db")).unwrap();
    other.busy_timeout(PATIENCE).unwrap();
    // The lock is held until everybody who wants to write has been told that it cannot be done now.
    let lock = || tokio::task::block_in_place(|| other.execute_batch("BEGIN IMMEDIATE")).unwrap();
    let ledger = trouble_comes(&server, &witness, lock).await;
    let found = server.get("issues/search", &[("componentKeys", PROJECTS[0])]).await;
    assert_eq!(found["issues"].as_array().map(Vec::len), Some(1), "reading goes on");
    other.execute_batch("ROLLBACK").unwrap();
    goes_on(server, &data, &witness, &ledger).await;
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_is_full_for_a_while_refuses_and_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let witness = Witness::start(SECRET, 1).await;
    // A limit on the size of files stands for the end of the disk. The signal that would come with it is ignored, so
    // that writing beyond it is an error as on a full disk.
    let mut shell = Command::new("sh");
    let plain = Server::command(&data);
    shell
        .args(["-c", "trap '' XFSZ; exec \"$@\"", "sh"])
        .arg(plain.get_program())
        .args(plain.get_args())
        .env("GATEHOOK_ADMIN_TOKEN", TOKEN)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    let server = Server::run(&data, &mut shell);
    server
        .post("settings/set", &[("key", "sonar.validateWebhooks"), ("value", "false")])
        .await;
    load::prepare(&server, &witness).await;
    let ledger = trouble_comes(&server, &witness, || limit_files(&server, FULL)).await;
    limit_files(&server, "unlimited");
    goes_on(server, &data, &witness, &ledger).await;
}

/// People work until the trouble that comes meanwhile has reached all of them.
async fn trouble_comes(server: &Server, witness: &Witness, trouble: impl FnOnce()) -> Ledger {
    let coming = async {
        witness.things_happen(100).await;
        trouble();
    };
    let (ledger, ()) = tokio::join!(Load::on(server, witness).in_trouble(true).changes(), coming);
    assert!(!ledger.is_blank(), "the trouble came before anything was done");
    let health = server.get("system/health", &[]).await;
    assert_eq!(health["health"], "RED", "{health}");
    assert_ne!(health["causes"][0]["message"], Value::Null, "{health}");
    ledger
}

/// After the trouble: people and scanners work as before, everything is delivered, and the books are in order.
async fn goes_on(server: Server, data: &Path, witness: &Witness, ledger: &Ledger) {
    let books = Books::on_sqlite(data);
    for project in PROJECTS {
        load::analyse(&server, project).await;
    }
    books.settled(witness).await;
    assert_eq!(server.get("system/health", &[]).await["health"], "GREEN");
    assert_eq!(server.stop().await.code(), Some(0));
    books.check(witness, 0);
    ledger.check(&books);
}

/// Limits the size of the server's files.
fn limit_files(server: &Server, bytes: &str) {
    let limited = Command::new("prlimit")
        .args(["--pid", &server.id().to_string(), &format!("--fsize={bytes}:unlimited")])
        .status();
    assert!(limited.unwrap().success());
}
