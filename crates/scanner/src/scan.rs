//! A whole scan, from properties to the exit code.

use std::collections::HashSet;
use std::io::BufWriter;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use gatehook_domain::Ambient;
use tokio_util::sync::CancellationToken;

use crate::build::{self, BuildError, Totals};
use crate::ci;
use crate::client::Client;
use crate::config::{Config, ConfigError, Target};
use crate::files::{FileSet, FilesError};
use crate::import::{ImportFailure, ReportCount, Reports};
use crate::paths::Resolver;
use crate::progress::{Level, Phase, Progress};
use crate::properties::{Environment, Properties};
use crate::scm::Scm;
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

/// A report that is ready to be sent.
#[derive(Clone, Debug)]
pub struct Prepared {
    /// The checked properties.
    pub config: Config,
    /// The report.
    pub report: PathBuf,
    /// What went into it.
    pub totals: Totals,
    /// Issues by report of another tool.
    pub reports: Vec<ReportCount>,
    /// What was left out or looks wrong.
    pub warnings: Vec<String>,
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

/// Builds the report and stops there; no server is asked. Blocks, and works with several threads.
pub fn prepare(options: &ScanOptions) -> Result<Prepared, ScanError> {
    let config = Config::new(&options.base_dir, &options.properties, false)?;
    prepare_with(options, config)
}

fn prepare_with(options: &ScanOptions, config: Config) -> Result<Prepared, ScanError> {
    let progress = options.progress.as_ref();
    let properties = &options.properties;
    let check = || {
        if options.cancel.is_cancelled() {
            Err(ScanError::Cancelled)
        } else {
            Ok(())
        }
    };
    let mut warnings = properties.warnings().to_vec();

    if properties.get("sonar.modules").is_some() {
        warnings.push(
            "sonar.modules is not supported: the project is scanned as one, from its own sonar.sources and sonar.tests"
                .to_owned(),
        );
    }

    let reports = Reports::find(&config.base_dir, properties)?;
    let mut left_out: HashSet<PathBuf> = reports
        .paths()
        .filter_map(|path| std::fs::canonicalize(path).ok())
        .collect();
    left_out.insert(config.working_dir.clone());

    progress.start(Phase::Files, None);
    let mut files = FileSet::collect(&config.base_dir, left_out, properties, config.encoding, |count| {
        progress.advance(Phase::Files, count);
    })?;
    warnings.append(&mut files.warnings);
    progress.finish(Phase::Files);
    check()?;

    progress.start(Phase::Imports, Some(reports.count()));
    let given_base =
        std::path::absolute(properties.base_dir(&options.base_dir)).unwrap_or_else(|_| config.base_dir.clone());
    let resolver = Resolver::new(&config.base_dir, &given_base, &files);
    let mut imports = reports.read(&resolver, &files, config.encoding, |done| {
        progress.advance(Phase::Imports, done)
    })?;
    warnings.append(&mut imports.warnings);
    progress.finish(Phase::Imports);
    check()?;
    if imports.named.is_empty() && files.all().iter().all(|file| file.language.is_none()) {
        return Err(ScanError::NoFiles(config.base_dir));
    }

    let ci = ci::detect(&options.environment);
    let scm = open_scm(&config, properties, &mut warnings);
    let head = scm.as_ref().map(Scm::revision);
    let revision = properties
        .get("sonar.scm.revision")
        .map(str::to_owned)
        .or(head)
        .or(ci.revision);

    let report = config.working_dir.join("scanner-report.zip");
    let failed = |source| ScanError::Write {
        path: report.clone(),
        source,
    };
    std::fs::create_dir_all(&config.working_dir).map_err(failed)?;
    // Written beside and moved at the end, so that half a report is never found under the name.
    let mut half = tempfile::NamedTempFile::new_in(&config.working_dir).map_err(failed)?;
    progress.start(Phase::Report, None);
    let input = build::Input {
        config: &config,
        properties,
        files: &files,
        resolver: &resolver,
        imports: &imports,
        scm: scm.as_ref(),
        revision: revision.as_deref(),
        detected_ci: ci.name,
        now: options.ambient.now(),
        cancel: &options.cancel,
    };
    let mut announced = false;
    let (out, totals) = build::write(
        &input,
        BufWriter::new(half.as_file_mut()),
        &mut warnings,
        |done, total| {
            if !std::mem::replace(&mut announced, true) {
                progress.start(Phase::Report, Some(total));
            }
            progress.advance(Phase::Report, done);
        },
    )
    .map_err(|error| {
        if matches!(error, BuildError::Cancelled) {
            ScanError::Cancelled
        } else {
            error.into()
        }
    })?;
    out.into_inner().map_err(|error| failed(error.into_error()))?;
    half.persist(&report).map_err(|error| failed(error.error))?;
    progress.finish(Phase::Report);
    for warning in &warnings {
        progress.line(Level::Warning, warning);
    }
    Ok(Prepared {
        config,
        report,
        totals,
        reports: imports.counts,
        warnings,
    })
}

fn open_scm(config: &Config, properties: &Properties, warnings: &mut Vec<String>) -> Option<Scm> {
    if properties.is_true("sonar.scm.disabled") {
        return None;
    }
    let mut scm = match Scm::open(&config.base_dir) {
        Ok(scm) => scm?,
        Err(error) => {
            warnings.push(format!(
                "The git repository cannot be used, so who changed what and when is not known: {error}"
            ));
            return None;
        }
    };
    if !scm.has_history {
        warnings.push(
            "The git repository is a shallow clone, so who changed which line is not known; fetch the whole history (fetch-depth: 0, git fetch --unshallow)"
                .to_owned(),
        );
    }
    let base = match &config.target {
        Target::PullRequest { base, .. } => base.as_deref(),
        _ => properties.get("sonar.newCode.referenceBranch"),
    };
    if let Some(base) = base
        && let Err(error) = scm.compare_with(base)
    {
        warnings.push(format!("Which lines changed is not known: {error}"));
    }
    Some(scm)
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
