//! Branches and pull requests.

use serde::{Deserialize, Serialize};

use crate::id::{AnalysisId, BranchId, ProjectId};
use crate::time::Timestamp;
use crate::words::words;

/// The name of a new project's main branch when nothing else was said.
pub const DEFAULT_MAIN_BRANCH: &str = "main";

/// A line of work of a project that is analysed and judged on its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Branch {
    /// Its id; also the id of its root component.
    pub id: BranchId,
    /// The project it belongs to.
    pub project: ProjectId,
    /// A branch or a pull request.
    pub kind: BranchKind,
    /// The branch's name, or the pull request's key.
    pub name: String,
    /// True for the one main branch of a project.
    pub is_main: bool,
    /// The branch a pull request comes from.
    pub source: Option<String>,
    /// The branch a pull request goes to.
    pub target: Option<String>,
    /// A pull request's title.
    pub title: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// Its last analysis that succeeded.
    pub last_analysis: Option<AnalysisId>,
    /// Grows with every change of its issues, so that work that was prepared on older issues is noticed.
    pub revision: i64,
}

words! {
    /// A branch or a pull request.
    BranchKind {
        /// A branch.
        Branch = "BRANCH",
        /// A pull request.
        PullRequest = "PULL_REQUEST",
    }
}

/// Which branch of a project an analysis or a question is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum BranchName {
    /// The main branch, whatever it is called.
    Main,
    /// The branch of this name.
    Branch(String),
    /// The pull request of this key.
    PullRequest(String),
}
