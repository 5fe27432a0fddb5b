//! What this process logs, at every level: searched for secrets in each test, and partly kept for the one that reads it.

use std::io::Write;
use std::sync::{Mutex, Once};

use gatehook_testkit::secrets::Watch;

/// The lines about calls and about addresses.
static KEPT: Mutex<String> = Mutex::new(String::new());
/// Where they come from.
const SOURCES: [&str; 2] = [" gatehook_webhooks::deliver: ", " gatehook_webhooks::guard: "];

struct Log;

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let line = String::from_utf8_lossy(bytes);
        if SOURCES.iter().any(|source| line.contains(source)) {
            KEPT.lock().unwrap().push_str(&line);
        }
        Watch.write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Watches what is logged from now on, in the whole process: one thread alone would miss what others have met first.
pub(crate) fn watch() {
    static WATCHED: Once = Once::new();
    WATCHED.call_once(|| {
        tracing_subscriber::fmt()
            .with_max_level(tracing::Level::TRACE)
            .with_ansi(false)
            .with_writer(|| Log)
            .init();
    });
}

/// Fails the test that ends when a secret was logged.
pub(crate) fn check() {
    if !std::thread::panicking() {
        Watch::check();
    }
}

/// What was logged about calls and addresses so far, in this test and others.
pub(crate) fn kept() -> String {
    KEPT.lock().unwrap().clone()
}
