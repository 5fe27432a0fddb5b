//! What a branch is made of.

use serde::{Deserialize, Serialize};

use crate::id::{BranchId, ComponentId};
use crate::words::words;

/// A file of a branch, or the root of the branch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Component {
    /// Its id.
    pub id: ComponentId,
    /// The branch it belongs to.
    pub branch: BranchId,
    /// What it is.
    pub qualifier: Qualifier,
    /// Its path from the project's root with `/`, empty for the root.
    pub path: String,
    /// The language of a file, for example `py`.
    pub language: Option<String>,
    /// False when the last analysis no longer had it.
    pub enabled: bool,
    /// The hashes of its lines (see `tracking::short_hash`), for tracking moved issues; 8 bytes a line.
    pub line_hashes: Vec<u8>,
}

words! {
    /// What a component is.
    Qualifier {
        /// The whole project or branch.
        Project = "TRK",
        /// A file of the product.
        File = "FIL",
        /// A file of its tests.
        TestFile = "UTS",
    }
}

impl Component {
    /// The last part of the path.
    pub fn file_name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or(&self.path)
    }
}
