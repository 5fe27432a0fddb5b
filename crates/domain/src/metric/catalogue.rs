//! The metrics there are.

use super::Metric;

/// Every metric.
pub(super) const ALL: &[Metric] = &[];
