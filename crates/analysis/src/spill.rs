//! What an analysis found out, on its way from the work to the transaction that keeps it.
//!
//! The work is done outside any transaction, and memory must not grow with the report. So each component's outcome is
//! written to a temporary file as soon as it is known, and read back, one by one, inside the final transaction.

use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::Path;

use gatehook_domain::component::Component;
use gatehook_domain::issue::{Issue, IssueChange};
use serde::{Deserialize, Serialize};

use crate::error::AnalysisError;

/// What is to be kept about one component.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Outcome {
    /// The component as it is now.
    pub(crate) component: Component,
    /// Its measures, as JSON.
    pub(crate) measures: String,
    /// Its counters, as JSON.
    pub(crate) tally: String,
    /// Issues that are new.
    pub(crate) inserted: Vec<Issue>,
    /// Issues that changed.
    pub(crate) updated: Vec<Issue>,
    /// The history of the changes.
    pub(crate) changes: Vec<IssueChange>,
}

/// Writes outcomes to a temporary file.
pub(crate) struct SpillWriter(BufWriter<File>);

impl SpillWriter {
    /// Begins an empty file.
    pub(crate) fn create(path: &Path) -> Result<Self, AnalysisError> {
        Ok(Self(BufWriter::with_capacity(1 << 16, File::create(path)?)))
    }

    /// Adds an outcome.
    pub(crate) fn push(&mut self, outcome: &Outcome) -> Result<(), AnalysisError> {
        serde_json::to_writer(&mut self.0, outcome)?;
        self.0.write_all(b"\n")?;
        Ok(())
    }

    /// Hands everything to the file.
    pub(crate) fn finish(mut self) -> Result<(), AnalysisError> {
        self.0.flush()?;
        Ok(())
    }
}

/// Reads the outcomes back, in order, one at a time.
pub(crate) fn read(
    path: &Path,
    mut each: impl FnMut(Outcome) -> Result<(), AnalysisError>,
) -> Result<(), AnalysisError> {
    let mut lines = BufReader::with_capacity(1 << 16, File::open(path)?);
    let mut line = Vec::new();
    // A line is as long as the outcome of one component, which the limits of the report bound.
    while lines.read_until(b'\n', &mut line)? > 0 {
        each(serde_json::from_slice(&line)?)?;
        line.clear();
    }
    Ok(())
}
