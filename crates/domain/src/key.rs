//! Keys and names that people choose.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The longest project key, in characters.
pub const MAX_PROJECT_KEY_LENGTH: usize = 400;

/// A project's key: 1 to 400 ASCII letters, digits, `-`, `_`, `.` or `:`, at least one of them not a digit.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ProjectKey(Box<str>);

/// Why a text is no project key. The words are those that clients of the Web API look for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadProjectKey {
    /// A character that keys do not have, or digits only, or nothing at all.
    #[error(
        "Malformed key for '{0}'. Allowed characters are alphanumeric, '-', '_', '.' and ':', with at least one non-digit."
    )]
    Malformed(String),
    /// More than 400 characters.
    #[error("Component key length ({0}) is longer than the maximum authorized ({MAX_PROJECT_KEY_LENGTH})")]
    TooLong(usize),
}

impl ProjectKey {
    /// Takes a key as it is written.
    pub fn parse(text: &str) -> Result<Self, BadProjectKey> {
        let length = text.chars().count();
        if length > MAX_PROJECT_KEY_LENGTH {
            return Err(BadProjectKey::TooLong(length));
        }
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b':');
        if text.bytes().all(allowed) && text.bytes().any(|byte| !byte.is_ascii_digit()) {
            Ok(Self(text.into()))
        } else {
            Err(BadProjectKey::Malformed(text.to_owned()))
        }
    }

    /// The key as it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ProjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for ProjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ProjectKey({})", self.0)
    }
}

impl TryFrom<String> for ProjectKey {
    type Error = BadProjectKey;
    fn try_from(text: String) -> Result<Self, BadProjectKey> {
        Self::parse(&text)
    }
}

impl From<ProjectKey> for String {
    fn from(key: ProjectKey) -> String {
        key.0.into()
    }
}

/// Java's form encoding in UTF-8, as the links in payloads use it: a blank becomes `+`; letters, digits and `-_.*`
/// stay; every other byte becomes `%XX`.
pub fn form_encoded(text: &str) -> String {
    const KEPT: &percent_encoding::AsciiSet = &percent_encoding::NON_ALPHANUMERIC
        .remove(b'-')
        .remove(b'_')
        .remove(b'.')
        .remove(b'*')
        .remove(b' ');
    percent_encoding::utf8_percent_encode(text, KEPT)
        .to_string()
        .replace(' ', "+")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_project_key_has_letters_digits_and_four_signs() {
        assert!(ProjectKey::parse("org.acme:shop-2_x").is_ok());
        for bad in ["", "123", "a b", "a/b", "ä"] {
            assert!(
                matches!(ProjectKey::parse(bad), Err(BadProjectKey::Malformed(_))),
                "{bad}"
            );
        }
        assert_eq!(ProjectKey::parse(&"k".repeat(401)), Err(BadProjectKey::TooLong(401)));
    }

    #[test]
    fn links_are_encoded_as_java_encodes_forms() {
        assert_eq!(form_encoded("a b/c:d~e*f-._ü"), "a+b%2Fc%3Ad%7Ee*f-._%C3%BC");
    }
}
