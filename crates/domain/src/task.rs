//! Background tasks.

use serde::{Deserialize, Serialize};

use crate::branch::BranchName;
use crate::id::{AnalysisId, ProjectId, TaskId};
use crate::time::Timestamp;
use crate::words::words;

/// A submitted report on its way to becoming an analysis.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Task {
    /// Its id.
    pub id: TaskId,
    /// The project it is about.
    pub project: ProjectId,
    /// The branch it is about, as the submission said.
    pub branch: BranchName,
    /// Where it stands.
    pub status: TaskStatus,
    /// When it was submitted.
    pub submitted_at: Timestamp,
    /// The login of who submitted it.
    pub submitter: Option<String>,
    /// When its last run began.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub executed_at: Option<Timestamp>,
    /// How often it was begun.
    pub attempts: i64,
    /// Why it failed, in words for people.
    pub error: Option<String>,
    /// The kind of failure, a short word for programs.
    pub error_type: Option<String>,
    /// What the submitter should know although it succeeded.
    pub warnings: Vec<String>,
    /// The analysis it made.
    pub analysis: Option<AnalysisId>,
}

words! {
    /// Where a task stands.
    TaskStatus {
        /// Waits for a worker.
        Pending = "PENDING",
        /// A worker has it.
        InProgress = "IN_PROGRESS",
        /// Became an analysis.
        Success = "SUCCESS",
        /// Could not.
        Failed = "FAILED",
        /// Was called off before a worker took it.
        Canceled = "CANCELED",
    }
}

impl TaskStatus {
    /// True when nothing more will happen to the task.
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Success | Self::Failed | Self::Canceled)
    }
}
