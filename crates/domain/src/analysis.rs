//! Analyses: what was found out about a branch at one moment.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::id::{AnalysisId, BranchId, ProjectId, TaskId};
use crate::time::Timestamp;
use crate::words::words;

/// One analysis of a branch that succeeded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Analysis {
    /// Its id.
    pub id: AnalysisId,
    /// The project.
    pub project: ProjectId,
    /// The branch.
    pub branch: BranchId,
    /// The task that made it.
    pub task: TaskId,
    /// The date of the analysis, as the report says it.
    pub date: Timestamp,
    /// The version of the code base (`sonar.projectVersion`).
    pub version: Option<String>,
    /// The build (`sonar.buildString`).
    pub build: Option<String>,
    /// The revision of the version control.
    pub revision: Option<String>,
    /// Since when code counts as new; absent on a first analysis.
    pub period: Option<Period>,
    /// The `sonar.analysis.*` properties of the scanner, which payloads repeat.
    pub properties: BTreeMap<String, String>,
}

/// What code counts as new.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Period {
    /// How it was found.
    pub mode: NewCodeMode,
    /// The moment after which code is new; absent for a reference branch.
    pub date: Option<Timestamp>,
    /// The version, the number of days, the branch or the analysis, as the mode wants.
    pub parameter: Option<String>,
}

words! {
    /// How new code is told from old code.
    NewCodeMode {
        /// What changed since the version before.
        PreviousVersion = "PREVIOUS_VERSION",
        /// What changed in so many days.
        NumberOfDays = "NUMBER_OF_DAYS",
        /// What differs from another branch.
        ReferenceBranch = "REFERENCE_BRANCH",
        /// What changed since one analysis.
        SpecificAnalysis = "SPECIFIC_ANALYSIS",
    }
}

/// How a project or branch says what new code is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewCodeDefinition {
    /// The mode.
    pub mode: NewCodeMode,
    /// Its value: days, a branch's name, an analysis; nothing for the previous version.
    pub value: Option<String>,
}

impl NewCodeDefinition {
    /// What holds when nothing was said: the previous version.
    pub const DEFAULT: Self = Self {
        mode: NewCodeMode::PreviousVersion,
        value: None,
    };
}
