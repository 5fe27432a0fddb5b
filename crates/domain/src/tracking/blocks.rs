//! Recognising issues whose lines moved together with the lines around them.

use std::collections::{BTreeMap, HashMap};

use super::{LineHashes, Matching, Trackable};

/// How many lines on each side of a line belong to its block.
const REACH: usize = 5;
/// From so many pairs of lines on, only blocks that stand once on both sides are looked at.
const MAX_PAIRS: usize = 250_000;
/// How far a run of equal lines is followed on each side; longer ones count as equally long, so that files of equal
/// lines cannot take long.
const MAX_RUN: usize = 100;

/// How many issues the pairs of lines may hold together: where many lines are equal and hold many issues each, the best
/// pairs have been looked at by then, and the rest would take minutes.
const MAX_LOOKED_AT: usize = 2_000_000;

/// A line and the lines around it; nothing beyond the ends of the file.
type Block = [Option<[u8; 8]>; 2 * REACH + 1];
/// Issues by the line they begin on.
type ByLine = BTreeMap<u32, Vec<usize>>;

/// Matches issues of the same rule on lines that moved.
pub(super) fn pass(matching: &mut Matching<'_>, raw_lines: LineHashes<'_>, base_lines: LineHashes<'_>) {
    let mut raws = by_line(matching.raw, matching.open_raws(), raw_lines);
    let mut bases = by_line(matching.base, matching.open_bases(), base_lines);
    if raws.is_empty() || bases.is_empty() {
        return;
    }
    for (raw, base) in certain_moves(&raws, &bases, raw_lines, base_lines) {
        if let (Some(raws), Some(bases)) = (raws.remove(&raw), bases.remove(&base)) {
            match_lines(matching, &raws, &bases);
        }
    }
    if raws.len().saturating_mul(bases.len()) >= MAX_PAIRS {
        return;
    }
    let mut looked_at = 0_usize;
    for (raw, base) in likely_moves(&raws, &bases, raw_lines, base_lines) {
        let (Some(raws), Some(bases)) = (raws.get_mut(&raw), bases.get_mut(&base)) else {
            continue;
        };
        raws.retain(|at| matching.base_of[*at].is_none());
        bases.retain(|at| !matching.base_taken[*at]);
        if raws.is_empty() || bases.is_empty() {
            continue;
        }
        looked_at += raws.len() + bases.len();
        if looked_at > MAX_LOOKED_AT {
            return;
        }
        match_lines(matching, raws, bases);
    }
}

fn by_line(issues: &[Trackable<'_>], open: Vec<usize>, lines: LineHashes<'_>) -> ByLine {
    let mut by_line = ByLine::new();
    for at in open {
        if let Some(line) = issues[at].line.filter(|line| lines.get(*line).is_some()) {
            by_line.entry(line).or_default().push(at);
        }
    }
    by_line
}

/// Everything on the one line is everything on the other; an equal message goes before an equal rule.
fn match_lines(matching: &mut Matching<'_>, raws: &[usize], bases: &[usize]) {
    matching.pass_among(raws, bases.to_vec(), |one| (one.rule, one.message));
    matching.pass_among(raws, bases.to_vec(), |one| one.rule);
}

/// Pairs of lines whose blocks are equal, and stand on no other line with open issues on either side.
fn certain_moves(
    raws: &ByLine,
    bases: &ByLine,
    raw_lines: LineHashes<'_>,
    base_lines: LineHashes<'_>,
) -> Vec<(u32, u32)> {
    let mut found: HashMap<Block, Occurrence> = HashMap::new();
    for line in raws.keys() {
        let place = found.entry(block_of(*line, raw_lines)).or_default();
        (place.raw, place.raw_count) = (*line, place.raw_count + 1);
    }
    for line in bases.keys() {
        let place = found.entry(block_of(*line, base_lines)).or_default();
        (place.base, place.base_count) = (*line, place.base_count + 1);
    }
    let once = found
        .into_values()
        .filter(|place| place.raw_count == 1 && place.base_count == 1);
    once.map(|place| (place.raw, place.base)).collect()
}

/// Where a block was seen last, and how often.
#[derive(Default)]
struct Occurrence {
    raw: u32,
    raw_count: usize,
    base: u32,
    base_count: usize,
}

fn block_of(line: u32, lines: LineHashes<'_>) -> Block {
    let middle = line as usize - 1;
    std::array::from_fn(|at| {
        (middle + at)
            .checked_sub(REACH)
            .and_then(|index| lines.0.get(index).copied())
    })
}

/// Pairs of equal lines: those in the longest run of equal lines first, then those that moved least.
fn likely_moves(
    raws: &ByLine,
    bases: &ByLine,
    raw_lines: LineHashes<'_>,
    base_lines: LineHashes<'_>,
) -> Vec<(u32, u32)> {
    let mut pairs = Vec::new();
    for base in bases.keys() {
        for raw in raws.keys() {
            let length = run_length(*raw, *base, raw_lines, base_lines);
            if length > 0 {
                pairs.push((std::cmp::Reverse(length), raw.abs_diff(*base), *base, *raw));
            }
        }
    }
    pairs.sort_unstable();
    pairs.into_iter().map(|(_, _, base, raw)| (raw, base)).collect()
}

/// How many lines are equal in one run through the two lines.
fn run_length(raw: u32, base: u32, raw_lines: LineHashes<'_>, base_lines: LineHashes<'_>) -> usize {
    let (raw, base) = (raw as usize, base as usize);
    let equal = |(one, other): &(&[u8; 8], &[u8; 8])| one == other;
    let after = raw_lines.0[raw - 1..]
        .iter()
        .zip(&base_lines.0[base - 1..])
        .take(MAX_RUN)
        .take_while(equal)
        .count();
    if after == 0 {
        return 0;
    }
    let before = raw_lines.0[..raw - 1]
        .iter()
        .rev()
        .zip(base_lines.0[..base - 1].iter().rev());
    after + before.take(MAX_RUN).take_while(equal).count()
}
