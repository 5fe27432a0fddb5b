//! `gatehook listen` as a process of its own, read through its JSON output.

use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};

use serde_json::Value;
use tokio::sync::{Mutex, mpsc};

use crate::harness::{PATIENCE, SECRET, gatehook};

/// How many lines wait to be read before the receiver is made to wait.
const WAITING: usize = 1024;

/// A running `gatehook listen --json`.
pub(crate) struct Listener {
    child: Child,
    pub(crate) url: String,
    lines: Mutex<mpsc::Receiver<Value>>,
}

impl Listener {
    /// Starts one on a free port.
    pub(crate) fn start(flags: &[&str]) -> Self {
        Self::start_at("127.0.0.1:0", flags)
    }

    /// Starts one where it is wanted.
    pub(crate) fn start_at(address: &str, flags: &[&str]) -> Self {
        let mut child = gatehook()
            .args(["listen", "--json", "--listen", address])
            .args(flags)
            .env("GATEHOOK_LISTEN_SECRET", SECRET)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut greeting = String::new();
        let mut errors = BufReader::new(child.stderr.take().unwrap());
        errors.read_line(&mut greeting).unwrap();
        let url = greeting
            .split_whitespace()
            .find(|word| word.starts_with("http://"))
            .unwrap_or_else(|| panic!("no address in {greeting}"));
        let (sender, lines) = mpsc::channel(WAITING);
        let output = BufReader::new(child.stdout.take().unwrap());
        std::thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                let told = sender.blocking_send(serde_json::from_str(&line).expect("each line is JSON"));
                if told.is_err() {
                    return;
                }
            }
        });
        Self {
            url: url.to_owned(),
            child,
            lines: Mutex::new(lines),
        }
    }

    /// What came next; nothing when the program has ended.
    pub(crate) async fn next(&self) -> Option<Value> {
        let mut lines = self.lines.lock().await;
        tokio::time::timeout(PATIENCE, lines.recv())
            .await
            .expect("a call comes")
    }

    /// Waits for the program to end by itself, and gives its exit code.
    pub(crate) async fn ended(mut self) -> Option<i32> {
        while self.next().await.is_some() {}
        self.child.wait().unwrap().code()
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
