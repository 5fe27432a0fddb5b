//! Projects.

use serde::{Deserialize, Serialize};

use crate::id::ProjectId;
use crate::key::ProjectKey;
use crate::time::Timestamp;
use crate::words::words;

/// The longest project name that is kept; longer ones are cut, as SonarQube cuts them.
pub const MAX_PROJECT_NAME_LENGTH: usize = 500;

/// A code base that is analysed and judged as one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Project {
    /// Its id, which never changes.
    pub id: ProjectId,
    /// Its key, which people and scanners know it by.
    pub key: ProjectKey,
    /// Its name.
    pub name: String,
    /// Who may see it without being given the right.
    pub visibility: Visibility,
    /// When it was made.
    pub created_at: Timestamp,
}

words! {
    /// Who may see a project without being given the right.
    Visibility {
        /// Everybody.
        Public = "public",
        /// Those who were given the right.
        Private = "private",
    }
}

/// A name as it is kept: surrounding white space dropped, cut at 500 characters.
pub fn kept_name(name: &str) -> String {
    name.trim().chars().take(MAX_PROJECT_NAME_LENGTH).collect()
}
