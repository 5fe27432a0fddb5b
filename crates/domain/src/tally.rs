//! Counters of issues, kept by differences: changing one issue costs the same however many there are.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::issue::{ImpactSeverity, Issue, IssueType, Resolution, Status};
use crate::measure::Measures;

mod measures;
#[cfg(test)]
mod tests;

pub(crate) use self::measures::{Sides, without_issues};
pub use self::measures::{issue_measures, renew};

/// Counters of issues; only those that are not zero.
///
/// Their names are kept in the store: `v` issues nobody resolved, `v.<severity>`; `t.<type>` and `t.<type>.<severity>`,
/// `e.<type>` minutes of effort; `s.<status>`; `i.<impact severity>` issues with such an impact; `q.<quality>`,
/// `q.<quality>.<impact severity>`, `qe.<quality>` minutes; `accepted`, `accepted.high`, `false_positive`;
/// `h.to_review`, `h.reviewed`. The same on new code begin with `n:`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Tally(BTreeMap<String, i64>);

/// A text that holds no counters.
#[derive(Debug, thiserror::Error)]
#[error("the counters cannot be read")]
pub struct BadTally(#[from] serde_json::Error);

/// What the names of counters on new code begin with.
const ON_NEW_CODE: &str = "n:";

impl Tally {
    /// What one issue counts for.
    pub fn of(issue: &Issue, is_new: bool) -> Self {
        let mut overall = BTreeMap::new();
        count_issue(issue, &mut |name, by| {
            if by != 0 {
                overall.insert(name, by);
            }
        });
        let mut tally = Self(overall);
        if is_new {
            let new: Vec<_> = tally
                .0
                .iter()
                .map(|(name, by)| (format!("{ON_NEW_CODE}{name}"), *by))
                .collect();
            tally.0.extend(new);
        }
        tally
    }

    /// Adds the counters of `other`.
    pub fn add(&mut self, other: &Self) {
        for (name, by) in &other.0 {
            self.change(name, *by);
        }
    }

    /// Takes the counters of `other` away.
    pub fn subtract(&mut self, other: &Self) {
        for (name, by) in &other.0 {
            self.change(name, by.saturating_neg());
        }
    }

    /// True when every counter is zero.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Writes it as a JSON object.
    pub fn to_json(&self) -> String {
        serde_json::to_string(&self.0).unwrap_or_default()
    }

    /// Reads what [`to_json`](Self::to_json) wrote.
    pub fn from_json(text: &str) -> Result<Self, BadTally> {
        let mut counters: BTreeMap<String, i64> = serde_json::from_str(text)?;
        counters.retain(|_, count| *count != 0);
        Ok(Self(counters))
    }

    fn change(&mut self, name: &str, by: i64) {
        match self.0.get_mut(name) {
            Some(count) => {
                *count = count.saturating_add(by);
                if *count == 0 {
                    self.0.remove(name);
                }
            }
            None if by != 0 => drop(self.0.insert(name.to_owned(), by)),
            None => {}
        }
    }

    fn count(&self, counter: &str) -> i64 {
        self.0.get(counter).copied().unwrap_or(0)
    }
}

/// Tells every counter an issue is counted in, and for how much.
fn count_issue(issue: &Issue, count: &mut impl FnMut(String, i64)) {
    if issue.kind == IssueType::SecurityHotspot {
        match issue.status {
            Status::ToReview => count("h.to_review".to_owned(), 1),
            Status::Reviewed => count("h.reviewed".to_owned(), 1),
            _ => {}
        }
        return;
    }
    match issue.resolution {
        None => count_unresolved(issue, count),
        Some(Resolution::FalsePositive) => count("false_positive".to_owned(), 1),
        Some(Resolution::WontFix) => {
            count("accepted".to_owned(), 1);
            if issue.impacts.values().any(|severity| *severity >= ImpactSeverity::High) {
                count("accepted.high".to_owned(), 1);
            }
        }
        Some(_) => {}
    }
}

fn count_unresolved(issue: &Issue, count: &mut impl FnMut(String, i64)) {
    let (kind, severity) = (issue.kind, issue.severity);
    count("v".to_owned(), 1);
    count(format!("v.{severity}"), 1);
    count(format!("s.{}", issue.status), 1);
    count(format!("t.{kind}"), 1);
    count(format!("t.{kind}.{severity}"), 1);
    count(format!("e.{kind}"), issue.effort);
    for (quality, severity) in &issue.impacts {
        count(format!("q.{quality}"), 1);
        count(format!("q.{quality}.{severity}"), 1);
        count(format!("qe.{quality}"), issue.effort);
    }
    for severity in issue.impacts.values().collect::<BTreeSet<_>>() {
        count(format!("i.{severity}"), 1);
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
        let refused = || BadRatingGrid(text.chars().take(100).collect());
        let numbers: Result<Vec<f64>, _> = text.split(',').map(|number| number.trim().parse()).collect();
        let bounds: [f64; 4] = numbers.map_err(|_| refused())?.try_into().map_err(|_| refused())?;
        let ascending = bounds.is_sorted_by(|one, next| one < next);
        let fits = ascending && bounds[0] >= 0.0 && bounds.iter().all(|bound| bound.is_finite());
        if fits { Ok(Self(bounds)) } else { Err(refused()) }
    }

    /// The rating of a density of debt, 1 to 5; bounds belong to the better rating.
    pub fn rating(&self, density: f64) -> i64 {
        1 + self.0.iter().filter(|bound| density > **bound).count() as i64
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

impl DebtContext {
    /// The costs that are among the measures of a branch or file.
    pub fn of(measures: &Measures, has_new_code: bool, grid: RatingGrid) -> Self {
        Self {
            development_cost: measures.number("development_cost").unwrap_or(0.0),
            new_development_cost: measures.number("new_development_cost"),
            has_new_code,
            grid,
        }
    }
}
