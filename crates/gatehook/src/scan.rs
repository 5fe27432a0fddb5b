//! `gatehook scan`: flags and progress of the scanner, which does the work.

use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Result;
use gatehook_scanner::{
    Environment, GENERIC_ISSUES_PROPERTY, Level, Phase, Progress, Properties, SARIF_PROPERTY, ScanOptions,
    sniff_coverage,
};
use indicatif::{ProgressBar, ProgressStyle};

/// What is scanned, with which reports, and where to.
///
/// Everything can also be said under the official names: in sonar-project.properties, as -Dkey=value, and in SONAR_TOKEN and
/// SONAR_HOST_URL. Ends with 0, with 1 when the scan failed, or with 2 when the gate failed and was waited for.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// The server (sonar.host.url).
    #[arg(long, value_name = "URL")]
    server: Option<String>,
    /// A token of a user, or an analysis token (sonar.token). Others on the machine can read flags; SONAR_TOKEN is safer.
    #[arg(long, value_name = "TOKEN")]
    token: Option<String>,
    /// The key of the project (sonar.projectKey).
    #[arg(long, value_name = "KEY")]
    project: Option<String>,
    /// A SARIF report (sonar.sarifReportPaths); may be given several times.
    #[arg(long, value_name = "FILE")]
    sarif: Vec<PathBuf>,
    /// A report of generic issues (sonar.externalIssuesReportPaths); may be given several times.
    #[arg(long, value_name = "FILE")]
    issues: Vec<PathBuf>,
    /// A coverage report: LCOV, Cobertura, JaCoCo or generic, told by how it starts; may be given several times.
    #[arg(long, value_name = "FILE")]
    coverage: Vec<PathBuf>,
    /// The branch that is scanned (sonar.branch.name); the main one unless said.
    #[arg(long, value_name = "NAME")]
    branch: Option<String>,
    /// Wait for the gate, and end with 2 when it fails (sonar.qualitygate.wait).
    #[arg(long)]
    wait: bool,
    /// The folder to scan (sonar.projectBaseDir); the current one unless said.
    #[arg(long, value_name = "FOLDER")]
    base_dir: Option<PathBuf>,
    /// Sets any property.
    #[arg(short = 'D', value_name = "KEY=VALUE")]
    define: Vec<String>,
}

/// Scans and tells the exit code.
pub(crate) async fn scan(options: Options) -> Result<ExitCode> {
    let environment = Environment::of_process();
    let started_in = match &options.base_dir {
        Some(folder) => folder.clone(),
        None => std::env::current_dir()?,
    };
    let mut properties = Properties::load(&started_in, &options.define, &environment)?;
    apply(&options, &mut properties)?;
    let progress = Arc::new(Shown::new(std::io::stderr().is_terminal()));
    let wanted = ScanOptions::new(
        started_in,
        properties,
        environment,
        crate::ambient::system(),
        Arc::<Shown>::clone(&progress),
    );
    let cancel = wanted.cancel.clone();
    tokio::spawn(async move {
        if tokio::signal::ctrl_c().await.is_ok() {
            cancel.cancel();
        }
    });
    match gatehook_scanner::scan(wanted).await {
        Ok(outcome) => Ok(ExitCode::from(outcome.exit_code())),
        Err(error) => {
            let code = error.exit_code();
            progress.line(Level::Error, &format!("{:#}", anyhow::Error::from(error)));
            Ok(ExitCode::from(code))
        }
    }
}

/// The flags are properties by other names; they count before all others.
fn apply(options: &Options, properties: &mut Properties) -> Result<()> {
    let texts = [
        ("sonar.host.url", &options.server),
        ("sonar.token", &options.token),
        ("sonar.projectKey", &options.project),
        ("sonar.branch.name", &options.branch),
    ];
    for (key, value) in texts {
        if let Some(value) = value {
            properties.set(key, value);
        }
    }
    if options.wait {
        properties.set("sonar.qualitygate.wait", "true");
    }
    // Paths of flags are relative to the current folder, as everywhere on a command line; those of properties to the project.
    let current = std::env::current_dir()?;
    let mut append = |key: &str, path: &PathBuf| properties.append(key, &current.join(path).to_string_lossy());
    for path in &options.sarif {
        append(SARIF_PROPERTY, path);
    }
    for path in &options.issues {
        append(GENERIC_ISSUES_PROPERTY, path);
    }
    for path in &options.coverage {
        append(sniff_coverage(path)?, path);
    }
    Ok(())
}

/// Shows progress on a terminal; in a pipe only the lines.
struct Shown {
    bar: Option<ProgressBar>,
    phase: Mutex<Option<Phase>>,
}

impl Shown {
    fn new(terminal: bool) -> Self {
        let bar = terminal.then(|| {
            let bar = ProgressBar::new_spinner();
            bar.enable_steady_tick(Duration::from_millis(120));
            bar
        });
        Self {
            bar,
            phase: Mutex::new(None),
        }
    }
}

impl Progress for Shown {
    fn start(&self, phase: Phase, total: Option<u64>) {
        *self.phase.lock().unwrap_or_else(PoisonError::into_inner) = Some(phase);
        let Some(bar) = &self.bar else { return };
        let template = match (phase, total) {
            (Phase::Upload, Some(_)) => "{spinner} {msg} {wide_bar} {bytes}/{total_bytes}",
            (_, Some(_)) => "{spinner} {msg} {wide_bar} {pos}/{len}",
            (Phase::Upload, None) => "{spinner} {msg} {bytes}",
            (_, None) => "{spinner} {msg} {pos}",
        };
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar.set_length(total.unwrap_or(0));
        bar.set_position(0);
        bar.set_message(match phase {
            Phase::Files => "looking for files",
            Phase::Imports => "reading reports",
            Phase::Report => "building the report",
            Phase::Upload => "sending the report",
            Phase::Gate => "waiting for the gate",
        });
    }

    fn advance(&self, phase: Phase, done: u64) {
        if let Some(bar) = &self.bar
            && *self.phase.lock().unwrap_or_else(PoisonError::into_inner) == Some(phase)
        {
            bar.set_position(done);
        }
    }

    fn finish(&self, phase: Phase) {
        if let Some(bar) = &self.bar
            && phase == Phase::Gate
        {
            bar.finish_and_clear();
        }
    }

    fn line(&self, level: Level, text: &str) {
        let style = match level {
            Level::Info => anstyle::Style::new(),
            Level::Warning => anstyle::AnsiColor::Yellow.on_default(),
            Level::Error => anstyle::AnsiColor::Red.on_default(),
        };
        let word = match level {
            Level::Info => "INFO ",
            Level::Warning => "WARN ",
            Level::Error => "ERROR",
        };
        let print = || anstream::eprintln!("{style}{word}{style:#} {text}");
        match &self.bar {
            Some(bar) => bar.suspend(print),
            None => print(),
        }
    }
}

impl Drop for Shown {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
