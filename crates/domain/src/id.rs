//! Ids of the things that are kept. Each kind has a type of its own, so that one cannot be taken for another.
//!
//! They are short and there are many of them, so each is kept where it stands and none has memory of its own.

use std::borrow::Borrow;
use std::fmt;

use arrayvec::ArrayString;
use serde::{Deserialize, Serialize};

/// The longest id that is accepted from outside, in bytes.
pub const MAX_ID_LENGTH: usize = 40;

/// A text that is no id.
#[derive(Debug, thiserror::Error)]
#[error("'{0}' is not an id")]
pub struct NotAnId(String);

/// An id that can be made from a UUID.
pub trait Id: Sized {
    /// The id that is written as this UUID.
    fn from_uuid(uuid: uuid::Uuid) -> Self;
}

/// Checks the form every id has: 1 to 40 letters, digits, `-` or `_`.
fn checked(text: &str) -> Result<ArrayString<MAX_ID_LENGTH>, NotAnId> {
    let is_known = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    match ArrayString::from(text) {
        Ok(kept) if !text.is_empty() && text.bytes().all(is_known) => Ok(kept),
        _ => Err(NotAnId(text.chars().take(MAX_ID_LENGTH + 1).collect())),
    }
}

/// The text of a UUID, which is shorter than the longest id.
fn hyphenated(uuid: uuid::Uuid) -> ArrayString<MAX_ID_LENGTH> {
    let mut buffer = uuid::Uuid::encode_buffer();
    let mut kept = ArrayString::new();
    kept.push_str(uuid.hyphenated().encode_lower(&mut buffer));
    kept
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident)+) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(ArrayString<MAX_ID_LENGTH>);

        impl $name {
            /// Takes an id as it is written: 1 to 40 letters, digits, `-` or `_`.
            pub fn parse(text: &str) -> Result<Self, NotAnId> {
                checked(text).map(Self)
            }

            /// The id as it is written.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        /// So that an id is found in a collection by its text.
        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl Id for $name {
            fn from_uuid(uuid: uuid::Uuid) -> Self {
                Self(hyphenated(uuid))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", stringify!($name), self.0)
            }
        }

        impl TryFrom<String> for $name {
            type Error = NotAnId;
            fn try_from(text: String) -> Result<Self, NotAnId> {
                Self::parse(&text)
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.0.as_str().to_owned()
            }
        }
    )+};
}

ids! {
    /// A project.
    ProjectId
    /// A branch or pull request of a project.
    BranchId
    /// A file of a branch, or the root of the branch itself.
    ComponentId
    /// One analysis of a branch.
    AnalysisId
    /// A background task.
    TaskId
    /// An issue; what the Web API calls its key.
    IssueId
    /// A quality gate.
    GateId
    /// A condition of a quality gate.
    ConditionId
    /// A webhook; what the Web API calls its key.
    WebhookId
    /// Something that happened and that receivers are told.
    EventId
    /// One event on its way to one webhook.
    DeliveryId
    /// A person or a robot with a login.
    UserId
    /// A user's token (not its text).
    TokenId
    /// A group of users.
    GroupId
    /// A running process that works on tasks and deliveries.
    NodeId
}

impl ComponentId {
    /// The component that stands for the whole branch; measures and counters of the branch hang on it.
    pub fn root_of(branch: &BranchId) -> Self {
        Self(branch.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_from_outside_is_checked() {
        assert!(TaskId::parse("0190f1e2-aaaa-7bbb-8ccc-0123456789ab").is_ok());
        for bad in ["", "a b", "a/../b", &"x".repeat(41)] {
            assert!(TaskId::parse(bad).is_err(), "{bad}");
        }
    }
}
