//! The project's own commands: `cargo xtask test | ci | generate | bench | soak`.

mod debian;
mod generate;
mod postgres;
mod python;
mod run;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::{Parser, Subcommand};

use crate::run::Cmd;

/// Commands for people who work on Gatehook.
#[derive(Parser)]
#[command(name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Sets up what the tests need (a throw-away PostgreSQL, a Python with a reference library) and runs all of them.
    Test {
        /// Passed on to `cargo test`, for example `-p gatehook-store`.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// What must hold before a change lands: format, lints, docs, licences, generated files.
    Ci,
    /// Writes the generated parts of the documentation.
    Generate {
        /// Only tells whether they are up to date.
        #[arg(long)]
        check: bool,
    },
    /// Kills a server on SQLite under load again and again, and nodes on a throw-away PostgreSQL, and checks what they
    /// left; `test` does the same a few times.
    Soak {
        /// How many rounds are played on each of the two databases.
        #[arg(long, default_value_t = 200)]
        rounds: u64,
        /// The seed that an earlier run printed, to play its rounds again.
        #[arg(long)]
        seed: Option<u64>,
    },
    /// Builds for release, runs the benchmarks and writes `bench/results/`.
    Bench {
        /// Passed on to the benchmark program.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
}

#[expect(clippy::print_stderr, reason = "a program for people at a terminal")]
fn main() -> ExitCode {
    match work() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// How many seeds the simulation of the delivery engine runs when everything is tested; it takes about a minute.
const SIMULATED_SEEDS: &str = "10000";

fn work() -> Result<()> {
    let root = workspace_root()?;
    std::env::set_current_dir(&root).with_context(|| format!("cannot enter {}", root.display()))?;
    match Cli::parse().command {
        Command::Test { arguments } => test(&arguments),
        Command::Ci => ci(),
        Command::Soak { rounds, seed } => soak(rounds, seed),
        Command::Generate { check } => generate::generate(check),
        Command::Bench { arguments } => {
            Cmd::cargo(["build", "--release", "-p", "gatehook", "-p", "gatehook-bench"]).run()?;
            Cmd::new("target/release/gatehook-bench").args(&arguments).run()
        }
    }
}

/// The folder above this package's; the commands work from any folder of the checkout.
fn workspace_root() -> Result<PathBuf> {
    let Some(root) = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).parent() else {
        bail!("the xtask package has no folder above it");
    };
    Ok(root.to_owned())
}

fn test(arguments: &[String]) -> Result<()> {
    let cluster = postgres::Cluster::start()?;
    let python = python::environment()?;
    let mut cargo = Cmd::cargo(["test", "--locked"]);
    if arguments.is_empty() {
        // The program is built first: the black-box tests start it as a process of its own.
        Cmd::cargo(["build", "--locked", "-p", "gatehook"]).run()?;
        cargo = cargo.args(["--workspace"]).env("GATEHOOK_SIM_SEEDS", SIMULATED_SEEDS);
    } else {
        cargo = cargo.args(arguments);
    }
    cargo
        .env("GATEHOOK_TEST_POSTGRES", &cluster.url())
        .env("GATEHOOK_TEST_PYTHON", &python.to_string_lossy())
        .run()
}

fn soak(rounds: u64, seed: Option<u64>) -> Result<()> {
    let cluster = postgres::Cluster::start()?;
    let mut cargo = Cmd::cargo(["test", "--locked", "-p", "gatehook", "--test", "it", "--"])
        .args(["durability::rounds", "durability::nodes"])
        // One after the other: beside each other they would only have less to do between two kills.
        .args(["--test-threads=1", "--nocapture"])
        .env("GATEHOOK_TEST_POSTGRES", &cluster.url())
        .env("GATEHOOK_SOAK_ROUNDS", &rounds.to_string());
    if let Some(seed) = seed {
        cargo = cargo.env("GATEHOOK_SOAK_SEED", &seed.to_string());
    }
    cargo.run()
}

fn ci() -> Result<()> {
    Cmd::cargo(["fmt", "--all", "--check"]).run()?;
    Cmd::cargo([
        "clippy",
        "--locked",
        "--workspace",
        "--all-targets",
        "--",
        "-D",
        "warnings",
    ])
    .run()?;
    Cmd::cargo([
        "doc",
        "--locked",
        "--workspace",
        "--no-deps",
        "--document-private-items",
    ])
    // The crates are read by the people who change them, so links to private items are as good as any.
    .env("RUSTDOCFLAGS", "-D warnings -A rustdoc::private_intra_doc_links")
    .run()?;
    licences()?;
    generate::generate(true)
}

/// Licences, bans and sources of all dependencies; and known vulnerabilities, where their list can be fetched.
#[expect(clippy::print_stderr, reason = "a program for people at a terminal")]
fn licences() -> Result<()> {
    if !Cmd::cargo(["deny", "--version"]).quiet().succeeds() {
        Cmd::cargo(["install", "--locked", "cargo-deny"]).run()?;
    }
    Cmd::cargo(["deny", "--locked", "check", "licenses", "bans", "sources"]).run()?;
    if Cmd::cargo(["deny", "--locked", "fetch", "db"]).quiet().succeeds() {
        Cmd::cargo(["deny", "--locked", "check", "advisories"]).run()
    } else {
        eprintln!("xtask: the list of known vulnerabilities cannot be fetched here; they were NOT checked");
        Ok(())
    }
}
