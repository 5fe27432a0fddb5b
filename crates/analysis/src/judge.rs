//! Judging a branch: which gate holds, what it says, and where the verdict is written.

use gatehook_domain::branch::BranchKind;
use gatehook_domain::gate::{self, Gate, GateStatus, Judging, Verdict};
use gatehook_domain::id::ProjectId;
use gatehook_domain::measure::Measures;
use gatehook_domain::setting;
use gatehook_domain::tally::{DebtContext, RatingGrid};
use gatehook_store::{StoreError, Tx};

/// Minutes that one line of code costs unless the setting says otherwise.
const DEFAULT_DEVELOPMENT_COST: f64 = 30.0;
/// The measure that holds a branch's gate status.
const STATUS: &str = "alert_status";
/// The measure that holds the conditions of a branch's verdict.
const DETAILS: &str = "quality_gate_details";

/// The settings that verdicts and measures depend on.
#[derive(Debug, Clone)]
pub(crate) struct Rulings {
    pub(crate) development_cost: f64,
    pub(crate) grid: RatingGrid,
    pub(crate) ignore_small_changes: bool,
}

impl Rulings {
    /// Reads the settings of a project. A value that cannot be used counts as not set; setting one is refused anyway.
    pub(crate) fn of(tx: &mut Tx<'_>, project: &ProjectId) -> Result<Self, StoreError> {
        let keys = [
            setting::DEVELOPMENT_COST,
            setting::RATING_GRID,
            setting::IGNORE_SMALL_CHANGES,
        ];
        let set = gatehook_store::setting::effective_three(tx, keys, project)?;
        let cost = set
            .get(setting::DEVELOPMENT_COST)
            .and_then(|text| text.trim().parse::<f64>().ok());
        let grid = set
            .get(setting::RATING_GRID)
            .and_then(|text| RatingGrid::parse(text).ok());
        let ignore = set.get(setting::IGNORE_SMALL_CHANGES).map(String::as_str);
        Ok(Self {
            development_cost: cost
                .filter(|cost| cost.is_finite() && *cost > 0.0)
                .unwrap_or(DEFAULT_DEVELOPMENT_COST),
            grid: grid.unwrap_or_default(),
            ignore_small_changes: ignore != Some("false"),
        })
    }

    /// What ratings of a component need to know beside its issues.
    pub(crate) fn debt(&self, measures: &Measures, has_new_code: bool) -> DebtContext {
        DebtContext::of(measures, has_new_code, self.grid)
    }
}

/// What judging a branch came to.
pub(crate) struct Judged {
    pub(crate) gate: Gate,
    pub(crate) verdict: Verdict,
}

/// Judges a branch by the gate that holds for its project and writes the verdict into the measures of the branch.
pub(crate) fn judge(
    tx: &mut Tx<'_>,
    project: &ProjectId,
    kind: BranchKind,
    measures: &mut Measures,
    rulings: &Rulings,
    live: bool,
) -> Result<Judged, StoreError> {
    let (gate, _) = gatehook_store::gate::of_project(tx, project)?;
    let how = Judging {
        pull_request: kind == BranchKind::PullRequest,
        ignore_small_changes: rulings.ignore_small_changes,
        live,
    };
    let verdict = gate::judge(&gate.conditions, measures, &how);
    measures.set_text(STATUS, verdict.status.as_str());
    measures.set_text(DETAILS, verdict.to_details_json());
    Ok(Judged { gate, verdict })
}

/// The gate status in the measures of a branch; a text that is none counts as absent.
pub(crate) fn status_of(measures: &Measures) -> Option<GateStatus> {
    measures.text(STATUS).and_then(|word| GateStatus::parse(word).ok())
}
