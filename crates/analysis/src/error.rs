//! Why an analysis did not come about.

use gatehook_report::ReportError;
use gatehook_store::StoreError;

/// Why a task could not become an analysis.
#[derive(Debug, thiserror::Error)]
pub enum AnalysisError {
    /// The report cannot be read.
    #[error("The report cannot be read: {0}.")]
    Report(#[source] ReportError),
    /// The report is about another project than the one it was submitted for.
    #[error("The report is about the project '{found}', but it was submitted for '{expected}'.")]
    WrongProject {
        /// The key the submission named.
        expected: String,
        /// The key in the report.
        found: String,
    },
    /// The report says something that cannot be.
    #[error("The report is not usable: {0}.")]
    Invalid(String),
    /// The project or branch was deleted meanwhile.
    #[error("The project or branch was deleted while its report was waiting.")]
    Gone,
    /// A person changed issues of the branch while the report was worked on; the work must be done again.
    #[error("issues of the branch were changed meanwhile")]
    Conflict,
    /// Another worker has the task now.
    #[error("the lease of the task was lost")]
    LeaseLost,
    /// The store failed.
    #[error("the store failed")]
    Store(#[from] StoreError),
    /// The temporary folder failed.
    #[error("the temporary folder failed: {0}")]
    Io(#[from] std::io::Error),
    /// What was spilled to the temporary folder does not read back.
    #[error("the spilled work does not read back")]
    Spill(#[from] serde_json::Error),
}

impl AnalysisError {
    /// A short word for programs, when the report is at fault and trying again cannot help.
    pub const fn permanent_type(&self) -> Option<&'static str> {
        match self {
            Self::Report(error) if error.is_permanent() => Some("REPORT_UNREADABLE"),
            Self::WrongProject { .. } => Some("WRONG_PROJECT"),
            Self::Invalid(_) => Some("REPORT_INVALID"),
            Self::Gone => Some("PROJECT_GONE"),
            _ => None,
        }
    }
}

impl From<ReportError> for AnalysisError {
    fn from(error: ReportError) -> Self {
        Self::Report(error)
    }
}
