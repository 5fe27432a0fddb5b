//! Where a server lives, so that it can be started again and again.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::durability::dice::Dice;
use crate::harness::{PASSWORD, PATIENCE, Server, TOKEN};

/// How long a start lives that is killed before it is ready, at most.
const LONGEST_START: Duration = Duration::from_millis(400);

/// The folder of a server, and what it is started with.
pub(super) struct Home {
    data: PathBuf,
    variables: Vec<(&'static str, String)>,
}

impl Home {
    /// With a SQLite database in the folder.
    pub(super) fn on_sqlite(data: &Path) -> Self {
        Self {
            data: data.to_owned(),
            variables: Vec::new(),
        }
    }

    /// One of the nodes on a PostgreSQL database, which share a key.
    pub(super) fn on_postgres(data: &Path, url: &str, key: &str) -> Self {
        Self {
            data: data.to_owned(),
            variables: vec![
                ("GATEHOOK_DATABASE", url.to_owned()),
                ("GATEHOOK_SECRET_KEY", key.to_owned()),
                // Below that the driver tells of each step of each statement, which takes longer than the statements.
                ("GATEHOOK_LOG", "info".to_owned()),
            ],
        }
    }

    fn command(&self) -> Command {
        let mut command = Server::command(&self.data);
        command
            .env("GATEHOOK_ADMIN_TOKEN", TOKEN)
            .env("GATEHOOK_ADMIN_PASSWORD", PASSWORD)
            .envs(self.variables.iter().map(|(name, value)| (name, value)));
        command
    }

    /// A server that is ready.
    pub(super) async fn start(&self) -> Server {
        let (data, mut command) = (self.data.clone(), self.command());
        // Not on this thread: the receiver answers the calls of the starting server.
        let started = tokio::task::spawn_blocking(move || Server::run(&data, &mut command));
        tokio::time::timeout(PATIENCE, started)
            .await
            .expect("the server starts again")
            .unwrap()
    }

    /// Starts a server and kills it at some moment of its start, or soon after.
    pub(super) fn kill_while_it_starts(&self, dice: &mut Dice) -> impl Future<Output = ()> + use<> {
        let mut command = self.command();
        let moment = Duration::from_micros(dice.below(LONGEST_START.as_micros() as u64));
        async move {
            let mut child = command.stdout(Stdio::null()).spawn().unwrap();
            tokio::time::sleep(moment).await;
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }
}
