//! Counters of issues, kept by differences: changing one issue costs the same however many there are.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::issue::Issue;
use crate::measure::Measures;

/// Counters of issues; only those that are not zero.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Tally(BTreeMap<String, i64>);

/// A text that holds no counters.
#[derive(Debug, thiserror::Error)]
#[error("the counters cannot be read")]
pub struct BadTally(#[from] serde_json::Error);

impl Tally {
    /// What one issue counts for.
    pub fn of(issue: &Issue, is_new: bool) -> Self {
        todo!("{issue:?} {is_new}")
    }

    /// Adds the counters of `other`.
    pub fn add(&mut self, other: &Self) {
        todo!("{other:?}")
    }

    /// Takes the counters of `other` away.
    pub fn subtract(&mut self, other: &Self) {
        todo!("{other:?}")
    }

    /// True when every counter is zero.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Writes it as a JSON object.
    pub fn to_json(&self) -> String {
        todo!()
    }

    /// Reads what [`to_json`](Self::to_json) wrote.
    pub fn from_json(text: &str) -> Result<Self, BadTally> {
        todo!("{text}")
    }
}

/// The upper bounds of the ratings A to D, as parts of the cost of developing the code.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RatingGrid([f64; 4]);

/// A text that is no rating grid.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is not a rating grid; write four ascending numbers, for example 0.05,0.1,0.2,0.5")]
pub struct BadRatingGrid(String);

impl RatingGrid {
    /// Takes a grid as it is written: four ascending numbers with commas between.
    pub fn parse(text: &str) -> Result<Self, BadRatingGrid> {
        todo!("{text}")
    }

    /// The rating of a density of debt, 1 to 5; bounds belong to the better rating.
    pub fn rating(&self, density: f64) -> i64 {
        todo!("{density}")
    }
}

impl Default for RatingGrid {
    fn default() -> Self {
        Self([0.05, 0.1, 0.2, 0.5])
    }
}

/// What debt is measured against.
#[derive(Debug, Clone, PartialEq)]
pub struct DebtContext {
    /// Minutes that the code costs.
    pub development_cost: f64,
    /// Minutes that the new code costs, as far as it is known what is new.
    pub new_development_cost: Option<f64>,
    /// True when new code is told from old code at all.
    pub has_new_code: bool,
    /// The grid of ratings.
    pub grid: RatingGrid,
}

/// All measures that follow from the counters of a branch or file.
pub fn issue_measures(tally: &Tally, ctx: &DebtContext) -> Measures {
    todo!("{tally:?} {ctx:?}")
}
