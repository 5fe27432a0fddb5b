//! Benchmarks of the program itself: `cargo xtask bench`.
//!
//! Each starts `target/release/gatehook serve` on an empty data folder, so what is measured is what users run.

mod large_report;
mod server;

use anyhow::Result;
use clap::{Parser, Subcommand};

/// Benchmarks of Gatehook.
#[derive(Parser)]
#[command(name = "cargo xtask bench --")]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// One report of 100,000 issues in 5,000 files: time and peak memory of a first and a second analysis.
    LargeReport(large_report::Options),
}

fn main() -> Result<()> {
    let runtime = tokio::runtime::Runtime::new()?;
    match Cli::parse().command {
        Some(Command::LargeReport(options)) => runtime.block_on(large_report::run(&options)),
        None => runtime.block_on(large_report::run(&large_report::Options::parse_from(["large-report"]))),
    }
}
