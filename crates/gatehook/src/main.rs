//! The program: configuration and wiring, nothing else.

mod ambient;
mod config;
mod demo;
mod listen;
mod logging;
mod open_files;
mod reference;
mod rotate_key;
mod scan;
mod serve;
mod temp_folder;

use std::io::Write as _;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};

use crate::config::{Flags, OPTIONS, Settings};

/// Many small pieces are allocated and freed by different threads: rows, payloads, requests. This allocator spends less of the
/// processor's time on that than the one of the C library, and serves SQLite as well. Without huge pages (`no_thp`) an idle
/// server has half the memory.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Decides whether code may pass, and tells everyone who needs to know.
#[derive(Parser)]
#[command(name = "gatehook", version, about, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the server.
    Serve {
        #[command(flatten)]
        flags: Flags,
    },
    /// Scan a code base with the reports of its tools, and submit it to a server.
    Scan(scan::Options),
    /// See the whole story on this machine: a server, two analyses, a gate that fails and is mended, two signed calls.
    Demo(demo::Options),
    /// Receive webhooks on this machine: print each call and check its signature.
    Listen(listen::Options),
    /// Show the effective configuration of the server and where each value came from.
    Config {
        #[command(flatten)]
        flags: Flags,
    },
    /// Bring the schema of the database up to date without serving.
    Migrate {
        #[command(flatten)]
        flags: Flags,
    },
    /// Seal the secrets in the database with another key. Stop all servers of the database first.
    ///
    /// The new key is the one in GATEHOOK_NEW_SECRET_KEY (32 bytes in base64). Without it a new one is made, if the key is the
    /// file of the data folder; it takes that file's place.
    RotateKey {
        #[command(flatten)]
        flags: Flags,
    },
    /// Print a part of the documentation that the program knows best.
    #[command(hide = true)]
    Reference {
        /// Which part.
        #[arg(value_enum)]
        part: reference::Part,
    },
}

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(said) => {
            // Help and version are what was asked for. A wrong command line ends with 1: 2 says that a gate failed.
            let code = if said.use_stderr() {
                ExitCode::FAILURE
            } else {
                ExitCode::SUCCESS
            };
            // Nothing is left to be done about an output that is closed.
            let _ = said.print();
            return code;
        }
    };
    match run(cli.command) {
        Ok(code) => code,
        Err(error) => {
            anstream::eprintln!("gatehook: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<ExitCode> {
    match command {
        Command::Serve { flags } => {
            let settings = Settings::resolve(&flags)?;
            start_logging(&settings)?;
            runtime()?.block_on(serve::serve(&settings))?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Scan(options) => runtime()?.block_on(scan::scan(options)),
        Command::Demo(options) => {
            logging::start(options.log_filter(), false)?;
            runtime()?.block_on(demo::demo(&options))
        }
        Command::Listen(options) => {
            logging::start("warn", false)?;
            runtime()?.block_on(listen::listen(options))?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Config { flags } => {
            show_config(&Settings::resolve(&flags)?)?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Migrate { flags } => {
            let settings = Settings::resolve(&flags)?;
            start_logging(&settings)?;
            runtime()?.block_on(serve::migrate(&settings))?;
            Ok(ExitCode::SUCCESS)
        }
        Command::RotateKey { flags } => {
            let settings = Settings::resolve(&flags)?;
            start_logging(&settings)?;
            runtime()?.block_on(rotate_key::rotate(&settings))?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Reference { part } => {
            write!(anstream::stdout(), "{}", reference::text(part))?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn start_logging(settings: &Settings) -> Result<()> {
    logging::start(
        settings.text("log").unwrap_or("info"),
        settings.text("log-format") == Some("json"),
    )
}

fn runtime() -> Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")
}

fn show_config(settings: &Settings) -> Result<()> {
    let mut out = anstream::stdout();
    for option in OPTIONS {
        let (value, source) = settings.shown(option);
        writeln!(out, "{:<21} = {value:<40} # {source}", option.name)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
