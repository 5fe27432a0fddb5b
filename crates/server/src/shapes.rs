//! Shapes that several answers share.

use gatehook_domain::Timestamp;
use gatehook_domain::analysis::Period;
use serde::{Serialize, Serializer};

/// Which part of a list an answer holds.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Paging {
    pub(crate) page_index: u32,
    pub(crate) page_size: u32,
    pub(crate) total: i64,
}

/// A date as the Web API writes it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Date(pub(crate) Timestamp);

impl Serialize for Date {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

/// Since when code is new.
#[derive(Debug, Serialize)]
pub(crate) struct PeriodShape {
    mode: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    date: Option<Date>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parameter: Option<String>,
}

impl From<&Period> for PeriodShape {
    fn from(period: &Period) -> Self {
        Self {
            mode: period.mode.as_str(),
            date: period.date.map(Date),
            parameter: period.parameter.clone(),
        }
    }
}
