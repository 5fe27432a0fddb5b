//! A throw-away PostgreSQL cluster for the tests: made in a temporary folder, on a free port, run as a user who is
//! not root, and gone afterwards however this process ends.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::debian;
use crate::run::Cmd;

/// Where Debian puts the server's programs, a folder for each version.
const DEBIAN_VERSIONS: &str = "/usr/lib/postgresql";

/// Starts a cluster and ends it when its standard input closes, which happens however the parent ends.
/// Arguments: folder of the programs, data folder, port.
const KEEPER: &str = r#"
trap '' INT TERM HUP
bin=$1; data=$2; port=$3
"$bin/initdb" -D "$data" -A trust -U postgres --encoding=UTF8 --locale=C.UTF-8 --no-sync >"$data.log" 2>&1 \
  || { cat "$data.log" >&2; exit 1; }
"$bin/pg_ctl" -D "$data" -w -t 60 -l "$data.log" -o "-p $port -c listen_addresses=127.0.0.1 \
  -c unix_socket_directories= -c fsync=off -c full_page_writes=off -c max_connections=200" start >/dev/null \
  || { cat "$data.log" >&2; exit 1; }
echo ready
cat >/dev/null
"$bin/pg_ctl" -D "$data" -m immediate stop >/dev/null 2>&1
rm -rf "$data" "$data.log"
"#;

/// A running cluster.
pub(crate) struct Cluster {
    keeper: Child,
    port: u16,
    folder: Option<tempfile::TempDir>,
}

impl Cluster {
    /// Makes and starts a cluster; installs PostgreSQL first when it is missing and that is allowed.
    pub(crate) fn start() -> Result<Self> {
        if find_programs().is_none() {
            debian::install("postgresql", "PostgreSQL's server (initdb, postgres)")?;
        }
        let programs = find_programs().context("PostgreSQL was installed, but initdb is nowhere to be found")?;
        let folder = tempfile::Builder::new()
            .prefix("gatehook-pg-")
            .tempdir()
            .context("no temporary folder")?;
        let port = free_port()?;
        let mut command = keeper_command(folder.path())?;
        command
            .args(["-c", KEEPER, "keeper"])
            .arg(&programs)
            .arg(folder.path().join("data"))
            .arg(port.to_string())
            .current_dir(folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let mut keeper = command
            .spawn()
            .context("cannot start the keeper of the PostgreSQL cluster")?;
        let mut line = String::new();
        if let Some(output) = keeper.stdout.take() {
            BufReader::new(output)
                .read_line(&mut line)
                .context("the PostgreSQL cluster said nothing")?;
        }
        if line.trim() != "ready" {
            bail!("the PostgreSQL cluster for the tests did not start; its log stands above");
        }
        Ok(Self {
            keeper,
            port,
            folder: Some(folder),
        })
    }

    /// How the tests reach it.
    pub(crate) fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        let _ = self.keeper.wait();
        drop(self.folder.take());
    }
}

/// The folder that holds `initdb` and `postgres`: the newest of Debian's, else what the path has.
fn find_programs() -> Option<PathBuf> {
    let complete = |folder: &Path| folder.join("initdb").is_file() && folder.join("postgres").is_file();
    let mut versions: Vec<(u32, PathBuf)> = std::fs::read_dir(DEBIAN_VERSIONS)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path().join("bin"))))
        .filter(|(_, folder)| complete(folder))
        .collect();
    versions.sort();
    if let Some((_, folder)) = versions.pop() {
        return Some(folder);
    }
    std::env::split_paths(&std::env::var_os("PATH")?).find(|folder| complete(folder))
}

/// PostgreSQL refuses to run as root, so root hands it to another user and gives that user the folder.
fn keeper_command(folder: &Path) -> Result<Command> {
    if !debian::is_root() {
        return Ok(Command::new("sh"));
    }
    let user = ["postgres", "nobody"]
        .into_iter()
        .find(|user| Cmd::new("id").args([user]).quiet().succeeds());
    let user =
        user.context("running as root, and there is neither a user `postgres` nor `nobody` to run PostgreSQL")?;
    let group = Cmd::new("id").args(["-gn", user]).output()?;
    Cmd::new("chown")
        .args([&format!("{user}:{}", group.trim())])
        .args([folder])
        .quiet()
        .run()?;
    let mut command = Command::new("runuser");
    command.args(["-u", user, "--", "sh"]);
    Ok(command)
}

/// A port nobody listens on at this moment.
fn free_port() -> Result<u16> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).context("no free port on 127.0.0.1")?;
    Ok(listener.local_addr()?.port())
}
