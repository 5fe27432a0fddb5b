//! What was measured, as a table.

use anyhow::{Context, Result};

/// Where the figures are kept.
const RESULTS: &str = "bench/results/delivery.md";

/// Figures, in the order in which they were taken.
#[derive(Default)]
pub(crate) struct Table {
    rows: Vec<String>,
}

impl Table {
    /// Adds a figure beside what is to be reached.
    pub(crate) fn row(&mut self, name: &str, measured: &str, reach: &str, stretch: &str) {
        self.rows.push(format!("| {name} | {measured} | {reach} | {stretch} |"));
    }

    /// The table, with what it is about.
    pub(crate) fn text(&self, runs: usize) -> String {
        let cores = std::thread::available_parallelism().map_or(0, usize::from);
        format!(
            "# Deliveries\n\nMedians of {runs} runs on {cores} cores; server, receiver and load on the same machine; SQLite with \
             `synchronous=FULL`.\nRatios are those of one run each, the floor and the server one after the other, and then their median. \
             What the figures mean stands in\n[docs/performance.md](../../docs/performance.md).\n\nCommand: `cargo xtask bench \
             delivery`.\n\n| figure | measured | reach | stretch |\n|---|---|---|---|\n{}\n",
            self.rows.join("\n")
        )
    }

    /// Keeps the table with the sources.
    pub(crate) fn write(&self, runs: usize) -> Result<()> {
        std::fs::create_dir_all("bench/results")?;
        std::fs::write(RESULTS, self.text(runs)).with_context(|| format!("cannot write {RESULTS}"))
    }
}

/// The value in the middle.
pub(crate) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}
