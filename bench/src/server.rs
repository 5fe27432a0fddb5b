//! The program under test, as a process of its own.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, bail};

/// The token the benchmarks use.
pub(crate) const TOKEN: &str = "bench-token-0123456789";

/// A running server on an empty data folder.
pub(crate) struct Server {
    child: Child,
    url: String,
}

impl Server {
    /// Starts the release build.
    pub(crate) fn start(data_dir: &Path) -> Result<Self> {
        let mut child = Command::new("target/release/gatehook")
            .args(["serve", "--listen", "127.0.0.1:0", "--log", "warn", "--data-dir"])
            .arg(data_dir)
            .env("GATEHOOK_ADMIN_TOKEN", TOKEN)
            .env("GATEHOOK_ADMIN_PASSWORD", "bench-password")
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot start target/release/gatehook; build it with `cargo build --release`")?;
        let output = child.stdout.take().context("the server has no output")?;
        for line in BufReader::new(output).lines() {
            let line = line?;
            if let Some(at) = line.find("http://") {
                let url = line[at..].split_whitespace().next().unwrap_or_default().to_owned();
                return Ok(Self { child, url });
            }
        }
        bail!("the server ended before it was ready")
    }

    /// Its address.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// The most memory it had so far, in MiB (`VmHWM`).
    pub(crate) fn peak_mib(&self) -> Result<f64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status
            .lines()
            .find(|line| line.starts_with("VmHWM"))
            .context("no VmHWM in /proc")?;
        let kib: f64 = line.split_whitespace().nth(1).context("no figure in VmHWM")?.parse()?;
        Ok(kib / 1024.0)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
