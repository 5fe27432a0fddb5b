//! Benchmarks of the program itself: `cargo xtask bench`.
//!
//! Each starts `target/release/gatehook serve` as a process of its own, so what is measured is what users run.

mod ambient;
mod client;
mod delivery;
mod large_report;
mod receiver;
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
    /// Deliveries: how fast, how soon, at what cost, beside a bare client that does the least that can be done.
    Delivery(delivery::Options),
    /// One report of 100,000 issues in 5,000 files: time and peak memory of a first and a second analysis.
    LargeReport(large_report::Options),
}

fn main() -> Result<()> {
    let runtime = tokio::runtime::Runtime::new()?;
    match Cli::parse().command {
        Some(Command::Delivery(options)) => runtime.block_on(delivery::run(&options)),
        Some(Command::LargeReport(options)) => runtime.block_on(large_report::run(&options)),
        None => {
            runtime.block_on(delivery::run(&delivery::Options::parse_from(["delivery"])))?;
            runtime.block_on(large_report::run(&large_report::Options::parse_from(["large-report"])))
        }
    }
}
