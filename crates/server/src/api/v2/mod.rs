//! The few calls of the second Web API that clients make.

pub(crate) mod analysis_version;
pub(crate) mod system_health;
