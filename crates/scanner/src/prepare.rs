//! The part of a scan that needs no server: from properties to the report.

use std::collections::HashSet;
use std::io::BufWriter;
use std::path::PathBuf;

use crate::build::{self, BuildError, Totals};
use crate::ci::{self, Ci};
use crate::config::{Config, Target};
use crate::files::FileSet;
use crate::import::{ReportCount, Reports};
use crate::paths::Resolver;
use crate::progress::{Level, Phase};
use crate::properties::Properties;
use crate::scan::{ScanError, ScanOptions};
use crate::scm::{self, Scm};

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

/// Builds the report and stops there; no server is asked. Blocks, and works with several threads.
pub fn prepare(options: &ScanOptions) -> Result<Prepared, ScanError> {
    let config = Config::new(&options.base_dir, &options.properties, false)?;
    prepare_with(options, config)
}

pub(crate) fn prepare_with(options: &ScanOptions, config: Config) -> Result<Prepared, ScanError> {
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

    let ci = if properties.is_true("sonar.ci.autoconfig.disabled") {
        Ci::default()
    } else {
        ci::detect(&options.environment, |reference| {
            scm::commit_of(&config.base_dir, reference)
        })?
    };

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
        progress.advance(Phase::Imports, done);
    })?;
    warnings.append(&mut imports.warnings);
    progress.finish(Phase::Imports);
    check()?;
    if imports.named.is_empty() && files.all().iter().all(|file| file.language.is_none()) {
        return Err(ScanError::NoFiles(config.base_dir));
    }

    let scm = open_scm(&config, properties, &mut warnings);
    // The CI is asked before Git, as SonarQube's scanner does: of a pull request it knows the commit that people know, while
    // what is checked out may be a merge that the CI has made.
    let revision = properties
        .get("sonar.scm.revision")
        .map(str::to_owned)
        .or(ci.revision)
        .or_else(|| scm.as_ref().map(Scm::revision));

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
