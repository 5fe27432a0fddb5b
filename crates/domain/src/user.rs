//! Who may do what.

use std::fmt;

use secrecy::SecretString;

use crate::id::{ProjectId, TokenId, UserId};
use crate::time::Timestamp;
use crate::words::words;

/// A person or a robot with a login.
#[derive(Clone, PartialEq, Eq)]
pub struct User {
    /// Its id.
    pub id: UserId,
    /// What it logs in as.
    pub login: String,
    /// What it is called.
    pub name: String,
    /// The hash of its password (a PHC string), absent when it has none.
    pub password_hash: Option<String>,
    /// False when it may no longer log in.
    pub active: bool,
    /// When it was made.
    pub created_at: Timestamp,
}

impl fmt::Debug for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("User")
            .field("id", &self.id)
            .field("login", &self.login)
            .finish_non_exhaustive()
    }
}

/// A user's token. Its text is shown once and never kept; the store has the hash of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserToken {
    /// Its id.
    pub id: TokenId,
    /// Whose it is.
    pub user: UserId,
    /// What its owner calls it.
    pub name: String,
    /// What it can do.
    pub kind: TokenKind,
    /// The one project a project analysis token is for.
    pub project: Option<ProjectId>,
    /// Lower-case hexadecimal SHA-384 of the whole text.
    pub hash: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it stops working.
    pub expires_at: Option<Timestamp>,
    /// When it was used last, to within an hour.
    pub last_used_at: Option<Timestamp>,
}

words! {
    /// What a token can do.
    TokenKind {
        /// Everything its owner can.
        User = "USER_TOKEN",
        /// Submit analyses of every project its owner may analyse.
        GlobalAnalysis = "GLOBAL_ANALYSIS_TOKEN",
        /// Submit analyses of one project.
        ProjectAnalysis = "PROJECT_ANALYSIS_TOKEN",
    }
}

impl TokenKind {
    /// What the text of such a token begins with.
    pub const fn prefix(self) -> &'static str {
        match self {
            Self::User => "squ_",
            Self::GlobalAnalysis => "sqa_",
            Self::ProjectAnalysis => "sqp_",
        }
    }
}

words! {
    /// A right over the whole system.
    GlobalPermission {
        /// Administer the system.
        Admin = "admin",
        /// Administer quality gates.
        GateAdmin = "gateadmin",
        /// Administer quality profiles.
        ProfileAdmin = "profileadmin",
        /// Create projects.
        Provisioning = "provisioning",
        /// Submit analyses of any project.
        Scan = "scan",
    }
}

words! {
    /// A right over one project.
    ProjectPermission {
        /// Administer the project.
        Admin = "admin",
        /// See its source code.
        CodeViewer = "codeviewer",
        /// Decide about its issues.
        IssueAdmin = "issueadmin",
        /// Decide about its security hotspots.
        HotspotAdmin = "securityhotspotadmin",
        /// Submit analyses of it.
        Scan = "scan",
        /// See it.
        Browse = "user",
    }
}

/// The lower-case hexadecimal SHA-384 of a token's whole text: what the store keeps and looks up.
pub fn token_hash(text: &SecretString) -> String {
    use secrecy::ExposeSecret;
    use sha2::Digest;
    hex::encode(sha2::Sha384::digest(text.expose_secret().as_bytes()))
}
