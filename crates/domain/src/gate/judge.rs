//! Judging measures.

use super::{Condition, Judging, Verdict};
use crate::measure::Measures;

/// Judges measures by the conditions of a gate.
pub fn judge(conditions: &[Condition], measures: &Measures, how: &Judging) -> Verdict {
    todo!("{conditions:?} {measures:?} {how:?}")
}
