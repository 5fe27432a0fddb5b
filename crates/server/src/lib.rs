//! The server's door: web services under `/api` (a module per controller, a file per action), pages,
//! authentication and errors.
//!
//! An action declares its path, parameters and permission in a table (module `api`); the table feeds routing, the checks
//! of parameters and the self-description. What an action does is a plain function inside one transaction wherever
//! that is enough.

mod action;
mod api;
mod auth;
mod bootstrap;
mod caller;
mod error;
mod health;
mod http;
mod input;
mod lookup;
mod pages;
mod params;
pub mod reference;
mod serve;
mod settings;
mod shapes;
mod state;

pub use bootstrap::{FirstStartError, first_start};
pub use health::warn_of_unverified;
pub use http::router;
pub use serve::serve;
pub use state::{AppState, DEFAULT_MAX_REPORT_BYTES, Inner, ServerConfig, Wakers};

/// The level of the Web API this server speaks, in the form of SonarQube's versions; scanners compare it.
pub const API_LEVEL: &str = "2026.1.0.100000";

/// The version of Gatehook itself.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
