//! Whether a gate keeps new code clean.

use super::Condition;
use crate::words::words;

words! {
    /// Whether a gate keeps new code clean.
    CaycStatus {
        /// It demands just that.
        Compliant = "compliant",
        /// It demands that, and more.
        OverCompliant = "over-compliant",
        /// It does not.
        NonCompliant = "non-compliant",
    }
}

/// Whether the gate with these conditions keeps new code clean; never part of a verdict.
pub fn cayc_status(conditions: &[Condition]) -> CaycStatus {
    todo!("{conditions:?}")
}

/// True when the condition is on a metric that keeping new code clean is about.
pub fn is_cayc_condition(condition: &Condition) -> bool {
    todo!("{condition:?}")
}

/// True when a condition is on a metric of types and severities that has its like among the software qualities.
pub fn has_standard_conditions(conditions: &[Condition]) -> bool {
    todo!("{conditions:?}")
}

/// True when a condition is on a metric of the software qualities.
pub fn has_mqr_conditions(conditions: &[Condition]) -> bool {
    todo!("{conditions:?}")
}
