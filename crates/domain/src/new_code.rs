//! What code is new.

use std::collections::BTreeSet;

use crate::analysis::{NewCodeDefinition, Period};
use crate::branch::BranchKind;
use crate::id::AnalysisId;
use crate::issue::Issue;
use crate::time::Timestamp;

/// An analysis of the branch before the current one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PastAnalysis {
    /// Its id.
    pub id: AnalysisId,
    /// Its date.
    pub date: Timestamp,
    /// The version of the code base it saw.
    pub version: Option<String>,
}

/// The period an analysis gets. `past` are the branch's analyses before it, oldest first.
pub fn period(
    def: &NewCodeDefinition,
    past: &[PastAnalysis],
    version: Option<&str>,
    date: Timestamp,
) -> Option<Period> {
    todo!("{def:?} {past:?} {version:?} {date:?}")
}

/// Why a text is no definition of new code.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadDefinition {
    /// None of the four modes.
    #[error("Invalid type: {0}")]
    UnknownMode(String),
    /// The mode takes no value.
    #[error("Unexpected value for type '{0}'")]
    UnexpectedValue(crate::analysis::NewCodeMode),
    /// The mode wants a value.
    #[error("New code definition type '{0}' requires a value")]
    MissingValue(crate::analysis::NewCodeMode),
    /// Not a number of days from 1 to 90.
    #[error("Invalid value '{0}': the number of days must be a whole number from 1 to 90")]
    Days(String),
    /// Not an analysis.
    #[error("Analysis '{0}' is not found")]
    Analysis(String),
}

/// Checks a definition as it is written; the mode in any case.
pub fn check_definition(mode: &str, value: Option<&str>) -> Result<NewCodeDefinition, BadDefinition> {
    todo!("{mode} {value:?}")
}

/// What counts as new on a branch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NewCode {
    /// Nothing: it is not known since when code is new.
    Nothing,
    /// Every issue: a pull request, which keeps only the issues on its changed lines.
    Everything,
    /// What came after this moment.
    Since(Timestamp),
    /// What lies on lines that differ from a reference branch.
    ChangedLines,
}

impl NewCode {
    /// What counts as new on a branch whose last analysis had this period.
    pub fn of(kind: BranchKind, period: Option<&Period>) -> Self {
        todo!("{kind} {period:?}")
    }

    /// True when the issue is new.
    pub fn contains(&self, issue: &Issue) -> bool {
        todo!("{issue:?}")
    }

    /// True when there are measures on new code.
    pub const fn has_measures(&self) -> bool {
        !matches!(self, Self::Nothing)
    }

    /// The new lines of a file, from 1; none when it is not known which are. `line_dates` are the dates at which each
    /// line changed last, `changed` the lines the scanner found changed.
    pub fn new_lines(
        &self,
        line_dates: &[Option<Timestamp>],
        changed: Option<&[u32]>,
        analysis_date: Timestamp,
    ) -> Option<BTreeSet<u32>> {
        todo!("{line_dates:?} {changed:?} {analysis_date:?}")
    }
}
