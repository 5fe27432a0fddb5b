//! Taking a report in.

use std::fs::File;
use std::io::Read;
use std::path::PathBuf;
use std::sync::Arc;

use gatehook_domain::branch::{Branch, BranchKind, BranchName};
use gatehook_domain::id::{BranchId, ProjectId, TaskId};
use gatehook_domain::task::{Task, TaskStatus};
use gatehook_store::{Store, StoreError, Tx, branch, task};

/// How much of a report one row holds. A row is the most of a report that is in memory at a time.
pub const CHUNK: usize = 1024 * 1024;

/// The longest name of a branch and the longest key of a pull request, in characters.
const MAX_BRANCH_NAME: usize = 255;

/// A report and what it was submitted for. The caller has checked that the submitter may.
#[derive(Debug, Clone)]
pub struct Submission {
    /// The project, which exists.
    pub project: ProjectId,
    /// The branch or pull request; it is made when it does not exist.
    pub branch: BranchName,
    /// The login of who submits.
    pub submitter: Option<String>,
    /// The report, in a file that stays until the call returns.
    pub report: PathBuf,
}

/// A report that was taken in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Submitted {
    /// The task that will analyse it.
    pub task: TaskId,
    /// The branch it is about.
    pub branch: BranchId,
}

/// Why a report was not taken in.
#[derive(Debug, thiserror::Error)]
pub enum SubmitError {
    /// The name of the branch or the key of the pull request cannot be used.
    #[error("The name of a branch and the key of a pull request have 1 to {MAX_BRANCH_NAME} characters")]
    BranchName,
    /// The project was deleted meanwhile.
    #[error("The project was deleted while its report was being received")]
    ProjectGone,
    /// The report has no bytes.
    #[error("The report is empty; send the zip file of the scanner as the part 'report'")]
    Empty,
    /// The report's file cannot be read.
    #[error("the received report cannot be read back: {0}")]
    Io(#[from] std::io::Error),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Refuses a name that no branch and no pull request can have.
pub fn check_branch(name: &BranchName) -> Result<(), SubmitError> {
    let (BranchName::Branch(name) | BranchName::PullRequest(name)) = name else {
        return Ok(());
    };
    let name = name.trim();
    let length = name.chars().count();
    if length == 0 || length > MAX_BRANCH_NAME || name.chars().any(char::is_control) {
        return Err(SubmitError::BranchName);
    }
    Ok(())
}

/// Keeps a report and its task, in one transaction.
pub async fn submit(store: &Store, submission: Submission) -> Result<Submitted, SubmitError> {
    let submission = Arc::new(submission);
    store.write(move |tx| take_in(tx, &submission)).await
}

fn take_in(tx: &mut Tx<'_>, submission: &Submission) -> Result<Submitted, SubmitError> {
    let branch = ensure_branch(tx, &submission.project, &submission.branch)?;
    let submitted = Task {
        id: tx.ambient().new_id(),
        project: submission.project.clone(),
        branch: name_of(&branch),
        status: TaskStatus::Pending,
        submitted_at: tx.ambient().now(),
        submitter: submission.submitter.clone(),
        started_at: None,
        executed_at: None,
        attempts: 0,
        error: None,
        error_type: None,
        warnings: Vec::new(),
        analysis: None,
    };
    task::insert(tx, &submitted)?;
    let mut report = File::open(&submission.report)?;
    let mut chunk = Vec::with_capacity(CHUNK);
    let mut sequence = 0;
    loop {
        chunk.clear();
        (&mut report).take(CHUNK as u64).read_to_end(&mut chunk)?;
        if chunk.is_empty() {
            break;
        }
        task::report_append(tx, &submitted.id, sequence, &chunk)?;
        sequence += 1;
    }
    if sequence == 0 {
        return Err(SubmitError::Empty);
    }
    Ok(Submitted {
        task: submitted.id,
        branch: branch.id,
    })
}

/// The name under which a branch is found again.
fn name_of(branch: &Branch) -> BranchName {
    match branch.kind {
        BranchKind::Branch if branch.is_main => BranchName::Main,
        BranchKind::Branch => BranchName::Branch(branch.name.clone()),
        BranchKind::PullRequest => BranchName::PullRequest(branch.name.clone()),
    }
}

/// The branch of a submission, made when it is new. A branch by the name of the main one is the main one.
fn ensure_branch(tx: &mut Tx<'_>, project: &ProjectId, name: &BranchName) -> Result<Branch, SubmitError> {
    let (kind, name) = match name {
        BranchName::Main => return branch::main(tx, project)?.ok_or(SubmitError::ProjectGone),
        BranchName::Branch(name) => (BranchKind::Branch, name.trim()),
        BranchName::PullRequest(key) => (BranchKind::PullRequest, key.trim()),
    };
    let wanted = match kind {
        BranchKind::Branch => BranchName::Branch(name.to_owned()),
        BranchKind::PullRequest => BranchName::PullRequest(name.to_owned()),
    };
    if let Some(found) = branch::by_name(tx, project, &wanted)? {
        return Ok(found);
    }
    check_branch(&wanted)?;
    let made = Branch {
        id: tx.ambient().new_id(),
        project: project.clone(),
        kind,
        name: name.to_owned(),
        is_main: false,
        source: None,
        target: None,
        title: None,
        created_at: tx.ambient().now(),
        last_analysis: None,
        revision: 0,
    };
    branch::insert(tx, &made)?;
    Ok(made)
}
