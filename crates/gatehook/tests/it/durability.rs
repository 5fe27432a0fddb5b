//! What must hold whatever happens to the process, the database and the disk: every event is owed to every webhook, each
//! delivery is delivered, failed for a reason, or due, and in the end all are delivered.

mod books;
mod dice;
mod load;
mod rounds;
mod storage;
mod witness;

use std::path::Path;

use crate::harness::{PATIENCE, Server, TOKEN};

/// Projects that people and scanners work on at the same time.
const PROJECTS: [&str; 4] = ["north", "east", "south", "west"];

/// A server that is ready.
async fn start(data: &Path) -> Server {
    let data = data.to_owned();
    // Not on this thread: the receiver answers the calls of the starting server.
    let started = tokio::task::spawn_blocking(move || {
        Server::start_with(&data, |command| {
            command.env("GATEHOOK_ADMIN_TOKEN", TOKEN);
        })
    });
    tokio::time::timeout(PATIENCE, started)
        .await
        .expect("the server starts again")
        .unwrap()
}
