//! Issues in the format of generic_issues.

use std::io::Read;

use crate::import_error::ImportError;
use crate::model::ImportedIssues;

/// Reads a report.
pub fn parse(input: impl Read) -> Result<ImportedIssues, ImportError> {
    let _ = input;
    Err(ImportError::Invalid("not ready".to_owned()))
}
