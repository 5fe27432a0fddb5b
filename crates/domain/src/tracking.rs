//! Recognising issues of the analysis before.

use crate::rule::RuleKey;
use crate::time::Timestamp;

/// The hash of a line that issues keep: lower-case hexadecimal MD5 without tabs and blanks; empty for an empty line.
pub fn line_hash(line: &str) -> String {
    todo!("{line}")
}

/// The hash of a line that files keep: the first 8 bytes of the MD5 without tabs and blanks; zeros for an empty line.
pub fn short_hash(line: &str) -> [u8; 8] {
    todo!("{line}")
}

/// The hashes of the lines of a file, 8 bytes each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LineHashes<'a>(&'a [[u8; 8]]);

impl<'a> LineHashes<'a> {
    /// Takes the hashes as they are kept; bytes over at the end are dropped.
    pub fn from_bytes(bytes: &'a [u8]) -> Self {
        Self(bytes.as_chunks().0)
    }

    /// How many lines there are.
    pub const fn len(&self) -> usize {
        self.0.len()
    }

    /// True when there are no lines.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The hash of a line, counted from 1.
    pub fn get(&self, line: u32) -> Option<[u8; 8]> {
        self.0.get((line as usize).checked_sub(1)?).copied()
    }
}

/// What issues are recognised by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trackable<'a> {
    /// The rule.
    pub rule: &'a RuleKey,
    /// The first line.
    pub line: Option<u32>,
    /// The hash of that line.
    pub line_hash: &'a str,
    /// The message.
    pub message: &'a str,
    /// When it was changed last; among equals the latest is taken.
    pub updated_at: Timestamp,
}

/// For each issue found now (`raw`) the index of the issue of the analysis before (`base`) that it is; each base issue
/// is taken once.
pub fn track(
    raw: &[Trackable<'_>],
    base: &[Trackable<'_>],
    raw_lines: LineHashes<'_>,
    base_lines: LineHashes<'_>,
) -> Vec<Option<usize>> {
    todo!("{raw:?} {base:?} {raw_lines:?} {base_lines:?}")
}

/// The same for closed issues, which come back only when rule, line, line hash and message are the same.
pub fn track_closed(raw: &[Trackable<'_>], closed: &[Trackable<'_>]) -> Vec<Option<usize>> {
    todo!("{raw:?} {closed:?}")
}
