//! A whole scan, from properties to the exit code.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use gatehook_domain::Ambient;
use tokio_util::sync::CancellationToken;

use crate::build::{BuildError, Totals};
use crate::ci::SeveralCis;
use crate::client::Client;
use crate::config::{Config, ConfigError};
use crate::files::FilesError;
use crate::import::{ImportFailure, ReportCount};
use crate::prepare::{Prepared, prepare_with};
use crate::progress::{Level, Phase, Progress};
use crate::properties::{Environment, Properties};
use crate::submit::{self, GateResult, SubmitError};

/// All went well.
pub const EXIT_OK: u8 = 0;
/// The scan failed.
pub const EXIT_FAILED: u8 = 1;
/// The scan went well and the gate says no; only under `sonar.qualitygate.wait=true`.
pub const EXIT_GATE_FAILED: u8 = 2;

/// What a scan works with.
#[derive(Clone)]
pub struct ScanOptions {
    /// The folder the scan was started in; the project's folder unless `sonar.projectBaseDir` says another.
    pub base_dir: PathBuf,
    /// The merged properties.
    pub properties: Properties,
    /// Variables that tell about the build.
    pub environment: Environment,
    /// The time.
    pub ambient: Ambient,
    /// Who is told.
    pub progress: Arc<dyn Progress>,
    /// Stops the scan.
    pub cancel: CancellationToken,
}

impl ScanOptions {
    /// Options that nobody cancels.
    pub fn new(
        base_dir: impl Into<PathBuf>,
        properties: Properties,
        environment: Environment,
        ambient: Ambient,
        progress: Arc<dyn Progress>,
    ) -> Self {
        Self {
            base_dir: base_dir.into(),
            properties,
            environment,
            ambient,
            progress,
            cancel: CancellationToken::new(),
        }
    }
}

/// A scan failed. Every text says what is wrong and where.
#[derive(Debug, thiserror::Error)]
pub enum ScanError {
    /// Properties are missing or wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Which CI runs the scan cannot be told.
    #[error(transparent)]
    Ci(#[from] SeveralCis),
    /// The files cannot be found.
    #[error(transparent)]
    Files(#[from] FilesError),
    /// A report of another tool cannot be taken.
    #[error(transparent)]
    Import(#[from] ImportFailure),
    /// The report cannot be built.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// The report cannot be sent, or its analysis failed.
    #[error(transparent)]
    Submit(#[from] SubmitError),
    /// A file of the scan itself cannot be written.
    #[error("cannot write {}: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// There is nothing to analyse.
    #[error("there is no file to analyse in {}; look at sonar.sources, sonar.inclusions and sonar.exclusions", .0.display())]
    NoFiles(PathBuf),
    /// The scan was told to stop.
    #[error("the scan was stopped")]
    Cancelled,
}

impl ScanError {
    /// The exit code of a process that ends with this error.
    pub const fn exit_code(&self) -> u8 {
        EXIT_FAILED
    }
}

/// A scan that went well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScanOutcome {
    /// The background task on the server.
    pub task_id: String,
    /// Where the result is shown.
    pub dashboard_url: String,
    /// Where the task is told about.
    pub ce_task_url: String,
    /// What the gate says, if it was waited for.
    pub gate: Option<GateResult>,
    /// What was left out or looks wrong.
    pub warnings: Vec<String>,
    /// What went into the report.
    pub totals: Totals,
    /// Issues by report of another tool.
    pub reports: Vec<ReportCount>,
}

impl ScanOutcome {
    /// The exit code of a process that ends with this outcome.
    pub fn exit_code(&self) -> u8 {
        if self.gate.as_ref().is_none_or(GateResult::passed) {
            EXIT_OK
        } else {
            EXIT_GATE_FAILED
        }
    }
}

/// Scans a project: builds the report, sends it, writes `report-task.txt` and waits for the gate if asked to.
pub async fn scan(options: ScanOptions) -> Result<ScanOutcome, ScanError> {
    let config = Config::new(&options.base_dir, &options.properties, true)?;
    // An old file would tell the next step of a pipeline about an older analysis, should this scan fail.
    remove(&config.task_file)?;
    let token = options.properties.token().cloned().unwrap_or_default();
    let progress = Arc::clone(&options.progress);
    let cancel = options.cancel.clone();
    let client = Client::new(&config.host, token).map_err(SubmitError::from)?;

    let (options, prepared) = {
        let task = tokio::task::spawn_blocking(move || {
            let prepared = prepare_with(&options, config);
            (options, prepared)
        });
        task.await.map_err(|_| BuildError::Thread)?
    };
    let mut prepared = prepared?;
    let sending = send(&client, &options, &mut prepared);
    let (submitted, gate) = tokio::select! {
        () = cancel.cancelled() => return Err(ScanError::Cancelled),
        sent = sending => sent?,
    };

    if let Some(gate) = &gate {
        let url = &submitted.dashboard_url;
        if gate.passed() {
            progress.line(
                Level::Info,
                &format!("QUALITY GATE STATUS: PASSED - View details on {url}"),
            );
        } else {
            for condition in &gate.failed {
                progress.line(Level::Error, &condition.to_string());
            }
            progress.line(
                Level::Error,
                &format!("QUALITY GATE STATUS: FAILED - View details on {url}"),
            );
        }
    } else {
        progress.line(
            Level::Info,
            &format!(
                "ANALYSIS SUCCESSFUL, you can find the results at: {}",
                submitted.dashboard_url
            ),
        );
        let later = "Note that you will be able to access the updated dashboard once the server has processed the submitted analysis report";
        progress.line(Level::Info, later);
        progress.line(
            Level::Info,
            &format!("More about the report processing at {}", submitted.ce_task_url),
        );
    }
    Ok(ScanOutcome {
        task_id: submitted.task_id,
        dashboard_url: submitted.dashboard_url,
        ce_task_url: submitted.ce_task_url,
        gate,
        warnings: prepared.warnings,
        totals: prepared.totals,
        reports: prepared.reports,
    })
}

async fn send(
    client: &Client,
    options: &ScanOptions,
    prepared: &mut Prepared,
) -> Result<(submit::Submitted, Option<GateResult>), ScanError> {
    let config = &prepared.config;
    let submitted = submit::submit(client, config, &options.properties, &prepared.report, &options.progress).await?;
    if !config.wait {
        return Ok((submitted, None));
    }
    options.progress.start(Phase::Gate, None);
    let known = prepared.warnings.len();
    let gate = submit::wait_for_gate(client, &submitted, config.gate_timeout, &mut prepared.warnings).await?;
    options.progress.finish(Phase::Gate);
    // The server repeats the warnings of the report; what it adds is new.
    let added = prepared.warnings.split_off(known);
    for warning in added {
        if !prepared.warnings.contains(&warning) {
            options.progress.line(Level::Warning, &warning);
            prepared.warnings.push(warning);
        }
    }
    Ok((submitted, Some(gate)))
}

fn remove(path: &Path) -> Result<(), ScanError> {
    match std::fs::remove_file(path) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(source) => Err(ScanError::Write {
            path: path.to_owned(),
            source,
        }),
    }
}
