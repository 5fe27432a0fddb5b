//! What an analysis is about, read from the report's metadata and from the store before the work begins.

use std::collections::{BTreeMap, HashMap};
use std::io::{Read, Seek};

use gatehook_domain::Timestamp;
use gatehook_domain::analysis::{NewCodeDefinition, NewCodeMode, Period};
use gatehook_domain::branch::{Branch, BranchKind, BranchName};
use gatehook_domain::component::{Component, Qualifier};
use gatehook_domain::new_code::{self, NewCode, PastAnalysis};
use gatehook_domain::project::Project;
use gatehook_domain::task::Task;
use gatehook_report::{ReportReader, proto};
use gatehook_store::{Store, Tx, analysis, branch, component, new_code as definitions, project};

use crate::error::AnalysisError;
use crate::incoming::cut;
use crate::judge::Rulings;

/// The longest version or build that is kept, in characters, as SonarQube cuts them.
const MAX_VERSION: usize = 100;
/// The longest key of an analysis property that is kept, in characters; SonarQube's database has room for as many. A cut key
/// would be another one, so a longer one is left out.
const MAX_PROPERTY_KEY: usize = 512;
/// The longest value of an analysis property that is kept, in characters; SonarQube tests with up to 5,000.
const MAX_PROPERTY: usize = 8_000;
/// The most analysis properties that are kept.
const MAX_PROPERTIES: usize = 1_000;
/// The most warnings of a scanner that are kept.
const MAX_WARNINGS: usize = 100;
/// How far in the future an analysis may be dated: clocks differ, but not by a day.
const MAX_AHEAD: std::time::Duration = std::time::Duration::from_hours(24);

/// What the report says about itself.
pub(crate) struct Heading {
    pub(crate) root_ref: i32,
    pub(crate) date: Timestamp,
    pub(crate) version: Option<String>,
    pub(crate) build: Option<String>,
    pub(crate) revision: Option<String>,
    /// The branch a pull request comes from.
    pub(crate) source: Option<String>,
    /// The branch a pull request goes to.
    pub(crate) target: Option<String>,
    pub(crate) reference_branch: Option<String>,
    /// All properties of the scanner; those that are kept and sent begin with `sonar.analysis.`.
    pub(crate) properties: BTreeMap<String, String>,
    pub(crate) warnings: Vec<String>,
}

/// What the store knows about the branch, at one moment.
pub(crate) struct Plan {
    pub(crate) project: Project,
    pub(crate) branch: Branch,
    pub(crate) period: Option<Period>,
    pub(crate) new_code: NewCode,
    pub(crate) rulings: Rulings,
    /// The files the branch had, by path.
    pub(crate) known: HashMap<String, Component>,
    /// The branch whose issues are borrowed: the main branch for the first analysis of another one.
    pub(crate) borrowed: Option<Branch>,
    /// The branch a pull request goes to.
    pub(crate) target: Option<Branch>,
    pub(crate) warnings: Vec<String>,
}

impl Plan {
    /// True when the branch was never analysed before.
    pub(crate) const fn is_first(&self) -> bool {
        self.branch.last_analysis.is_none()
    }

    /// True when an issue's place among changed lines matters.
    pub(crate) const fn asks_for_changed_lines(&self) -> bool {
        matches!(self.new_code, NewCode::Everything | NewCode::ChangedLines)
    }

    /// What people are told when a report lacks the changed lines that are asked for: its verdict means little then.
    pub(crate) fn without_changed_lines(&self) -> String {
        let property = match self.branch.kind {
            BranchKind::PullRequest => "sonar.pullrequest.base",
            BranchKind::Branch => "sonar.newCode.referenceBranch",
        };
        format!(
            "The report does not say which lines changed, so that new code cannot be told from old code. Give {property} to the \
             scanner, and let it see the history of that branch."
        )
    }
}

/// Reads and checks what the report says about itself.
pub(crate) fn heading<R: Read + Seek>(
    report: &mut ReportReader<R>,
    project_key: &str,
    now: Timestamp,
) -> Result<Heading, AnalysisError> {
    let metadata = report.metadata()?;
    if metadata.project_key != project_key {
        return Err(AnalysisError::WrongProject {
            expected: project_key.to_owned(),
            found: cut(&metadata.project_key, gatehook_domain::key::MAX_PROJECT_KEY_LENGTH),
        });
    }
    let date = Timestamp::from_millis(metadata.analysis_date);
    if metadata.analysis_date <= 0 {
        return Err(AnalysisError::Invalid("it has no analysis date".to_owned()));
    }
    if date > now.plus(MAX_AHEAD) {
        return Err(AnalysisError::Invalid(format!(
            "its date, {date}, is more than a day in the future; check the clock of the machine that made it"
        )));
    }
    let mut properties = BTreeMap::new();
    for property in report.context_properties()? {
        let proto::ContextProperty { key, value } = property?;
        let wanted = (key.starts_with("sonar.analysis.") || key.starts_with("sonar.pullrequest."))
            && key.chars().nth(MAX_PROPERTY_KEY).is_none();
        if wanted && properties.len() < MAX_PROPERTIES {
            properties.insert(key, cut(&value, MAX_PROPERTY));
        }
    }
    let mut warnings = Vec::new();
    for warning in report.warnings()? {
        let warning = warning?;
        if warnings.len() < MAX_WARNINGS {
            warnings.push(cut(&warning.text, 1_000));
        }
    }
    Ok(Heading {
        root_ref: metadata.root_component_ref,
        date,
        version: said_within(&metadata.project_version, MAX_VERSION),
        build: said_within(&metadata.build_string, MAX_VERSION),
        revision: said_within(&metadata.scm_revision_id, MAX_VERSION),
        source: said(&metadata.branch_name),
        target: said(&metadata.target_branch_name).or_else(|| said(&metadata.reference_branch_name)),
        reference_branch: said(&metadata.new_code_reference_branch),
        properties,
        warnings,
    })
}

fn said(text: &str) -> Option<String> {
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

/// What is said in a text, cut to so many characters. One of blanks and control characters only says nothing.
fn said_within(text: &str, most: usize) -> Option<String> {
    said(&cut(text.trim(), most))
}

/// Reads what the store knows about the branch the task is about.
pub(crate) fn plan(store: &Store, task: &Task, heading: &Heading) -> Result<Plan, AnalysisError> {
    let (task, reference) = (task.clone(), heading.reference_branch.clone());
    let (version, date, target) = (heading.version.clone(), heading.date, heading.target.clone());
    store.read_blocking(move |tx| {
        read_plan(
            tx,
            &task,
            reference.as_deref(),
            version.as_deref(),
            date,
            target.as_deref(),
        )
    })
}

fn read_plan(
    tx: &mut Tx<'_>,
    task: &Task,
    reference: Option<&str>,
    version: Option<&str>,
    date: Timestamp,
    target: Option<&str>,
) -> Result<Plan, AnalysisError> {
    let project = project::by_id(tx, &task.project)?.ok_or(AnalysisError::Gone)?;
    let branch = branch::by_name(tx, &project.id, &task.branch)?.ok_or(AnalysisError::Gone)?;
    let past = analysis::history(tx, &branch.id)?;
    if let Some(last) = past.last()
        && date < last.date
    {
        return Err(AnalysisError::Invalid(format!(
            "its date, {date}, is before the date of the last analysis of the branch, {}",
            last.date
        )));
    }
    let mut warnings = Vec::new();
    let period = period(tx, &project, &branch, &past, reference, version, date, &mut warnings)?;
    let main = branch::main(tx, &project.id)?.ok_or(AnalysisError::Gone)?;
    let target = match (branch.kind, target) {
        (BranchKind::PullRequest, Some(name)) => {
            branch::by_name(tx, &project.id, &BranchName::Branch(name.to_owned()))?
        }
        _ => None,
    };
    let target = target.or_else(|| (branch.kind == BranchKind::PullRequest).then(|| main.clone()));
    let first = branch.last_analysis.is_none();
    let borrowed = (first && !branch.is_main && branch.kind == BranchKind::Branch).then_some(main);
    let known = component::of_branch(tx, &branch.id)?
        .into_iter()
        .filter(|component| component.qualifier != Qualifier::Project)
        .map(|component| (component.path.clone(), component))
        .collect();
    Ok(Plan {
        rulings: Rulings::of(tx, &project.id)?,
        new_code: NewCode::of(branch.kind, period.as_ref()),
        project,
        branch,
        period,
        known,
        borrowed,
        target,
        warnings,
    })
}

#[expect(
    clippy::too_many_arguments,
    reason = "each is one fact of the rule, and nobody else needs them together"
)]
fn period(
    tx: &mut Tx<'_>,
    project: &Project,
    branch: &Branch,
    past: &[PastAnalysis],
    reference: Option<&str>,
    version: Option<&str>,
    date: Timestamp,
    warnings: &mut Vec<String>,
) -> Result<Option<Period>, AnalysisError> {
    if branch.kind == BranchKind::PullRequest {
        return Ok(None);
    }
    let definition = match reference {
        Some(name) => {
            if definitions::get(tx, Some(&project.id), Some(&branch.id))?.is_some() {
                warnings.push(
                    "The scanner property sonar.newCode.referenceBranch took precedence over the new code definition of the \
                     branch."
                        .to_owned(),
                );
            }
            NewCodeDefinition {
                mode: NewCodeMode::ReferenceBranch,
                value: Some(name.to_owned()),
            }
        }
        None => definitions::effective(tx, &project.id, &branch.id)?,
    };
    let period = new_code::period(&definition, past, version, date);
    if period.is_none() && !past.is_empty() {
        warnings.push(
            "The analysis that new code is defined to begin with is not one of this branch, so that nothing counts as new code."
                .to_owned(),
        );
    }
    Ok(period)
}
