//! How a verdict is kept: the value of the metric `quality_gate_details`.

use super::Verdict;

/// A text that holds no verdict.
#[derive(Debug, thiserror::Error)]
#[error("the details of the quality gate cannot be read")]
pub struct BadDetails(#[from] serde_json::Error);

impl Verdict {
    /// Writes it as `quality_gate_details`; conditions without a value that were not judged are left out.
    pub fn to_details_json(&self) -> String {
        todo!()
    }

    /// Reads what [`to_details_json`](Self::to_details_json) wrote.
    pub fn from_details_json(text: &str) -> Result<Self, BadDetails> {
        todo!("{text}")
    }
}
