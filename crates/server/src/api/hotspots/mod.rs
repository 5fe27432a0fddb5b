//! Security hotspots: places that a person must look at before they count as safe.

pub(crate) mod change_status;
pub(crate) mod search;
