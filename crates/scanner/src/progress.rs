//! How a scan tells what it does.

/// A part of a scan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Phase {
    /// Files are looked for; counts files.
    Files,
    /// Reports of other tools are read; counts reports.
    Imports,
    /// The report is written: text, lines, history, issues; counts files.
    Report,
    /// The report is sent; counts bytes.
    Upload,
    /// The server is waited for; counts nothing.
    Gate,
}

/// How much a line matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Shown.
    Info,
    /// Shown, and something may be wrong.
    Warning,
    /// Shown, and something is wrong.
    Error,
}

/// Receives progress and lines of text. Calls come from several threads and must return soon.
pub trait Progress: Send + Sync {
    /// A phase starts; `total` is how far it will count, if known.
    fn start(&self, phase: Phase, total: Option<u64>) {
        let _ = (phase, total);
    }
    /// A phase has counted up to `done`.
    fn advance(&self, phase: Phase, done: u64) {
        let _ = (phase, done);
    }
    /// A phase ended well.
    fn finish(&self, phase: Phase) {
        let _ = phase;
    }
    /// A line for the log, without a line end.
    fn line(&self, level: Level, text: &str);
}

/// Hides everything.
#[derive(Clone, Copy, Debug, Default)]
pub struct Quiet;

impl Progress for Quiet {
    fn line(&self, _: Level, _: &str) {}
}
