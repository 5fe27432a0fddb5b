//! The program under test, as a process of its own.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

/// The token the benchmarks use.
pub(crate) const TOKEN: &str = "bench-token-0123456789";
/// How many ticks of `/proc/…/stat` are a second: fixed on Linux, whatever the kernel's own clock.
const TICKS: f64 = 100.0;

/// A running server.
pub(crate) struct Server {
    child: Child,
    url: String,
    ready_after: Duration,
}

impl Server {
    /// Starts the release build on a data folder, which may be empty. Its log goes to `server.log` in it.
    pub(crate) fn start(data_dir: &Path) -> Result<Self> {
        std::fs::create_dir_all(data_dir)?;
        let log = File::options()
            .create(true)
            .append(true)
            .open(data_dir.join("server.log"))?;
        let began = Instant::now();
        let mut child = Command::new("target/release/gatehook")
            .args(["serve", "--listen", "127.0.0.1:0", "--log", "warn", "--data-dir"])
            .arg(data_dir)
            .env("GATEHOOK_ADMIN_TOKEN", TOKEN)
            .env("GATEHOOK_ADMIN_PASSWORD", "bench-password")
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .context("cannot start target/release/gatehook; build it with `cargo build --release`")?;
        let output = child.stdout.take().context("the server has no output")?;
        for line in BufReader::new(output).lines() {
            let line = line?;
            if let Some(at) = line.find("http://") {
                let url = line[at..].split_whitespace().next().unwrap_or_default().to_owned();
                return Ok(Self {
                    child,
                    url,
                    ready_after: began.elapsed(),
                });
            }
        }
        bail!(
            "the server ended before it was ready; see {}/server.log",
            data_dir.display()
        )
    }

    /// Stops it as an operator does, and waits for its end.
    pub(crate) fn stop(mut self) -> Result<()> {
        let told = Command::new("kill").arg(self.child.id().to_string()).status()?;
        ensure!(told.success(), "the server could not be told to stop");
        let status = self.child.wait()?;
        ensure!(status.success(), "the server ended with {status}");
        Ok(())
    }

    /// Its address as a URL.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Its address.
    pub(crate) fn address(&self) -> Result<SocketAddr> {
        let address = self.url.trim_start_matches("http://").parse();
        address.with_context(|| format!("{} is no address", self.url))
    }

    /// How long it took from the start of the process until it said that it is ready.
    pub(crate) fn ready_after(&self) -> Duration {
        self.ready_after
    }

    /// The seconds of processor time it has used, its own and the kernel's for it.
    pub(crate) fn cpu_seconds(&self) -> Result<f64> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        // The name of the program, in parentheses, may hold anything; the fields after it are counted.
        let (_, fields) = stat.rsplit_once(')').context("no name in /proc/…/stat")?;
        let ticks = |at: usize| -> Result<f64> {
            let field = fields
                .split_whitespace()
                .nth(at)
                .context("too few fields in /proc/…/stat")?;
            Ok(field.parse()?)
        };
        Ok((ticks(11)? + ticks(12)?) / TICKS)
    }

    /// The most memory it had so far, in MiB (`VmHWM`).
    pub(crate) fn peak_mib(&self) -> Result<f64> {
        self.memory("VmHWM")
    }

    /// The memory it has now, in MiB (`VmRSS`).
    pub(crate) fn resident_mib(&self) -> Result<f64> {
        self.memory("VmRSS")
    }

    fn memory(&self, name: &str) -> Result<f64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status
            .lines()
            .find(|line| line.starts_with(name))
            .with_context(|| format!("no {name} in /proc"))?;
        let kib: f64 = line
            .split_whitespace()
            .nth(1)
            .with_context(|| format!("no figure in {name}"))?
            .parse()?;
        Ok(kib / 1024.0)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
