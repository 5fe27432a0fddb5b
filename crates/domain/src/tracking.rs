//! Recognising issues of the analysis before.

use std::collections::HashMap;
use std::hash::Hash;

use md5::{Digest, Md5};

use crate::rule::RuleKey;
use crate::time::Timestamp;

mod blocks;
#[cfg(test)]
mod tests;

/// The hash of a line that issues keep: lower-case hexadecimal MD5 without tabs and blanks; empty for an empty line.
pub fn line_hash(line: &str) -> String {
    digest(line).map(hex::encode).unwrap_or_default()
}

/// The hash of a line that files keep: the first 8 bytes of the MD5 without tabs and blanks; zeros for an empty line.
pub fn short_hash(line: &str) -> [u8; 8] {
    digest(line)
        .and_then(|digest| digest.first_chunk().copied())
        .unwrap_or_default()
}

fn digest(line: &str) -> Option<[u8; 16]> {
    let mut hasher = Md5::new();
    let mut is_empty = true;
    for part in line.split([' ', '\t']).filter(|part| !part.is_empty()) {
        hasher.update(part);
        is_empty = false;
    }
    (!is_empty).then(|| hasher.finalize().into())
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
/// is taken once. The rule is always the same; what else is the same is asked less and less of. Takes time in
/// proportion to the issues, not to their product, but for a bounded part of the block moves.
pub fn track(
    raw: &[Trackable<'_>],
    base: &[Trackable<'_>],
    raw_lines: LineHashes<'_>,
    base_lines: LineHashes<'_>,
) -> Vec<Option<usize>> {
    let mut matching = Matching::new(raw, base);
    matching.pass(|one| (one.rule, one.line, one.line_hash, one.message));
    matching.pass(|one| (one.rule, one.line, one.line_hash));
    blocks::pass(&mut matching, raw_lines, base_lines);
    matching.pass(|one| (one.rule, one.line_hash, one.message));
    matching.pass(|one| (one.rule, one.line, one.message));
    matching.pass(|one| (one.rule, one.line_hash));
    matching.base_of
}

/// The same for closed issues, which come back only when rule, line, line hash and message are the same.
pub fn track_closed(raw: &[Trackable<'_>], closed: &[Trackable<'_>]) -> Vec<Option<usize>> {
    let mut matching = Matching::new(raw, closed);
    matching.pass(|one| (one.rule, one.line, one.line_hash, one.message));
    matching.base_of
}

/// Who is whom, as far as it is known.
struct Matching<'a> {
    raw: &'a [Trackable<'a>],
    base: &'a [Trackable<'a>],
    base_of: Vec<Option<usize>>,
    base_taken: Vec<bool>,
}

impl<'a> Matching<'a> {
    fn new(raw: &'a [Trackable<'a>], base: &'a [Trackable<'a>]) -> Self {
        Self {
            raw,
            base,
            base_of: vec![None; raw.len()],
            base_taken: vec![false; base.len()],
        }
    }

    /// The issues found now that are not recognised yet.
    fn open_raws(&self) -> Vec<usize> {
        (0..self.raw.len()).filter(|at| self.base_of[*at].is_none()).collect()
    }

    /// The issues of before that nobody is yet.
    fn open_bases(&self) -> Vec<usize> {
        (0..self.base.len()).filter(|at| !self.base_taken[*at]).collect()
    }

    /// Matches what is the same in `key`.
    fn pass<K: Hash + Eq>(&mut self, key: impl Fn(&Trackable<'a>) -> K) {
        let (raws, bases) = (self.open_raws(), self.open_bases());
        self.pass_among(&raws, bases, key);
    }

    /// The same among some issues only.
    fn pass_among<K: Hash + Eq>(&mut self, raws: &[usize], mut bases: Vec<usize>, key: impl Fn(&Trackable<'a>) -> K) {
        if raws.is_empty() || bases.is_empty() {
            return;
        }
        // Each list is taken from its end: the issue changed last first, the first of those changed together.
        bases.sort_by_key(|at| (self.base[*at].updated_at, std::cmp::Reverse(*at)));
        let mut candidates: HashMap<K, Vec<usize>> = HashMap::with_capacity(bases.len());
        for base in bases.into_iter().filter(|at| !self.base_taken[*at]) {
            candidates.entry(key(&self.base[base])).or_default().push(base);
        }
        for raw in raws.iter().copied() {
            if self.base_of[raw].is_none()
                && let Some(base) = candidates.get_mut(&key(&self.raw[raw])).and_then(Vec::pop)
            {
                self.base_of[raw] = Some(base);
                self.base_taken[base] = true;
            }
        }
    }
}
