//! Rules, also those that external tools bring with their findings.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::issue::{Impacts, IssueType, Severity};
use crate::words::words;

/// A rule's key, written `repository:rule`; rules of external tools are in the repository `external_<engine>`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RuleKey {
    text: Box<str>,
    colon: usize,
}

/// A text that is no rule key.
#[derive(Debug, thiserror::Error)]
#[error("'{0}' is not a rule key; it is written repository:rule, at most {MAX_RULE_KEY_LENGTH} characters")]
pub struct BadRuleKey(String);

/// The longest rule key, both parts and the colon, in bytes.
pub const MAX_RULE_KEY_LENGTH: usize = 512;
/// What the repository of an external tool's rules begins with.
const EXTERNAL: &str = "external_";

impl RuleKey {
    /// Takes a key as it is written.
    pub fn parse(text: &str) -> Result<Self, BadRuleKey> {
        match text.find(':') {
            Some(colon) if colon > 0 && colon + 1 < text.len() && text.len() <= MAX_RULE_KEY_LENGTH => Ok(Self {
                text: text.into(),
                colon,
            }),
            _ => Err(BadRuleKey(text.chars().take(MAX_RULE_KEY_LENGTH).collect())),
        }
    }

    /// The key of an external tool's rule.
    pub fn external(engine: &str, rule: &str) -> Result<Self, BadRuleKey> {
        Self::parse(&format!("{EXTERNAL}{engine}:{rule}"))
    }

    /// The part before the first colon.
    pub fn repository(&self) -> &str {
        &self.text[..self.colon]
    }

    /// The part after the first colon.
    pub fn rule(&self) -> &str {
        &self.text[self.colon + 1..]
    }

    /// The external tool's name, if the rule is one of an external tool.
    pub fn engine(&self) -> Option<&str> {
        self.repository().strip_prefix(EXTERNAL)
    }

    /// The key as it is written.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for RuleKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for RuleKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RuleKey({})", self.text)
    }
}

impl TryFrom<String> for RuleKey {
    type Error = BadRuleKey;
    fn try_from(text: String) -> Result<Self, BadRuleKey> {
        Self::parse(&text)
    }
}

impl From<RuleKey> for String {
    fn from(key: RuleKey) -> String {
        key.text.into()
    }
}

/// A rule as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    /// Its key.
    pub key: RuleKey,
    /// Its name.
    pub name: String,
    /// What it is about, plain text or HTML as the tool gave it; empty when the tool gave nothing.
    pub description: String,
    /// The type of its issues.
    pub kind: IssueType,
    /// The severity of its issues.
    pub severity: Severity,
    /// The attribute of clean code it watches over.
    pub attribute: CleanCodeAttribute,
    /// What its issues do to the qualities of software.
    pub impacts: Impacts,
}

words! {
    /// An attribute of clean code.
    CleanCodeAttribute {
        /// Consistent: follows the conventions.
        Conventional = "CONVENTIONAL",
        /// Consistent: looks alike.
        Formatted = "FORMATTED",
        /// Consistent: well named.
        Identifiable = "IDENTIFIABLE",
        /// Intentional: easy to understand.
        Clear = "CLEAR",
        /// Intentional: nothing missing.
        Complete = "COMPLETE",
        /// Intentional: wastes nothing.
        Efficient = "EFFICIENT",
        /// Intentional: makes sense.
        Logical = "LOGICAL",
        /// Adaptable: said once.
        Distinct = "DISTINCT",
        /// Adaptable: does one thing.
        Focused = "FOCUSED",
        /// Adaptable: made of parts.
        Modular = "MODULAR",
        /// Adaptable: has tests.
        Tested = "TESTED",
        /// Responsible: keeps the law.
        Lawful = "LAWFUL",
        /// Responsible: hurts nobody.
        Respectful = "RESPECTFUL",
        /// Responsible: can be trusted.
        Trustworthy = "TRUSTWORTHY",
    }
}

impl CleanCodeAttribute {
    /// The category the attribute belongs to, as the Web API names it.
    pub const fn category(self) -> &'static str {
        match self {
            Self::Conventional | Self::Formatted | Self::Identifiable => "CONSISTENT",
            Self::Clear | Self::Complete | Self::Efficient | Self::Logical => "INTENTIONAL",
            Self::Distinct | Self::Focused | Self::Modular | Self::Tested => "ADAPTABLE",
            Self::Lawful | Self::Respectful | Self::Trustworthy => "RESPONSIBLE",
        }
    }
}
