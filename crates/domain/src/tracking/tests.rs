//! What is recognised, and what is not.

use proptest::prelude::*;
use rstest::rstest;

use super::*;

/// An issue of a test: rule, line, message, moment of the last change.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Found {
    rule: RuleKey,
    line: Option<u32>,
    hash: String,
    message: String,
    updated_at: i64,
}

impl Found {
    fn new(rule: &str, line: Option<u32>, text: &str, message: &str) -> Self {
        let rule = RuleKey::parse(rule).unwrap();
        Self {
            rule,
            line,
            hash: line_hash(text),
            message: message.to_owned(),
            updated_at: 0,
        }
    }

    fn seen(&self) -> Trackable<'_> {
        Trackable {
            rule: &self.rule,
            line: self.line,
            line_hash: &self.hash,
            message: &self.message,
            updated_at: Timestamp::from_millis(self.updated_at),
        }
    }
}

fn hashes(text: &[&str]) -> Vec<u8> {
    text.iter().flat_map(|line| short_hash(line)).collect()
}

fn tracked(raw: &[Found], base: &[Found], raw_text: &[&str], base_text: &[&str]) -> Vec<Option<usize>> {
    let raw: Vec<_> = raw.iter().map(Found::seen).collect();
    let base: Vec<_> = base.iter().map(Found::seen).collect();
    let (raw_lines, base_lines) = (hashes(raw_text), hashes(base_text));
    track(
        &raw,
        &base,
        LineHashes::from_bytes(&raw_lines),
        LineHashes::from_bytes(&base_lines),
    )
}

#[test]
fn the_hash_of_a_line_knows_no_tabs_and_blanks() {
    assert_eq!(line_hash("  let x\t= 1;"), line_hash("letx=1;"));
    assert_eq!(line_hash("abc"), "900150983cd24fb0d6963f7d28e17f72");
    assert_eq!(line_hash(" \t "), "");
    assert_eq!(hex::encode(short_hash("a b c")), "900150983cd24fb0");
    assert_eq!(short_hash(""), [0; 8]);
}

#[test]
fn line_hashes_are_groups_of_eight_bytes_counted_from_one() {
    let bytes = hashes(&["a", "b"]);
    let lines = LineHashes::from_bytes(&bytes);
    assert_eq!((lines.len(), lines.is_empty()), (2, false));
    assert_eq!(
        (lines.get(0), lines.get(1), lines.get(3)),
        (None, Some(short_hash("a")), None)
    );
}

#[rstest]
#[case::everything_equal(Found::new("r:1", Some(3), "x", "m"), true)]
#[case::another_message_on_the_same_line(Found::new("r:1", Some(3), "x", "other"), true)]
#[case::moved_with_its_line(Found::new("r:1", Some(9), "x", "m"), true)]
#[case::the_line_was_edited(Found::new("r:1", Some(3), "y", "m"), true)]
#[case::moved_and_reworded(Found::new("r:1", Some(9), "x", "other"), true)]
#[case::edited_and_reworded(Found::new("r:1", Some(3), "y", "other"), false)]
#[case::edited_and_moved(Found::new("r:1", Some(9), "y", "m"), false)]
#[case::another_rule(Found::new("r:2", Some(3), "x", "m"), false)]
fn an_issue_is_recognised_by_its_rule_and_two_of_line_text_and_message_or_by_its_text(
    #[case] raw: Found,
    #[case] recognised: bool,
) {
    let base = Found::new("r:1", Some(3), "x", "m");
    assert_eq!(tracked(&[raw], &[base], &[], &[]), [recognised.then_some(0)]);
}

#[test]
fn the_better_match_is_taken_first_and_each_issue_once() {
    let base = [
        Found::new("r:1", Some(1), "x", "a"),
        Found::new("r:1", Some(2), "x", "b"),
    ];
    let raw = [
        Found::new("r:1", Some(5), "x", "b"),
        Found::new("r:1", Some(1), "x", "a"),
        Found::new("r:1", Some(7), "x", "c"),
    ];
    assert_eq!(tracked(&raw, &base, &[], &[]), [Some(1), Some(0), None]);
}

#[test]
fn among_equals_the_issue_changed_last_is_taken() {
    let mut base = vec![Found::new("r:1", Some(1), "x", "a"); 3];
    base[1].updated_at = 9;
    let raw = vec![Found::new("r:1", Some(1), "x", "a"); 2];
    assert_eq!(tracked(&raw, &base, &[], &[]), [Some(1), Some(0)]);
}

#[test]
fn an_issue_of_a_file_without_a_line_is_recognised() {
    let base = [Found::new("r:1", None, "", "m")];
    assert_eq!(
        tracked(&[Found::new("r:1", None, "", "reworded")], &base, &[], &[]),
        [Some(0)]
    );
}

#[test]
fn issues_follow_their_blocks_although_their_lines_look_alike() {
    let base_text = ["fn a() {", "x();", "}", "fn b() {", "x();", "}"];
    let raw_text = ["fn b() {", "x();", "}", "", "fn a() {", "x();", "}"];
    let base = [
        Found::new("r:1", Some(2), "x();", "in a"),
        Found::new("r:1", Some(5), "x();", "in b"),
    ];
    let raw = [
        Found::new("r:1", Some(2), "x();", "one"),
        Found::new("r:1", Some(6), "x();", "other"),
    ];
    // The first is on the same line with the same text, which goes before blocks.
    assert_eq!(tracked(&raw, &base, &raw_text, &base_text), [Some(0), Some(1)]);

    let raw_text = ["", "fn b() {", "x();", "}", "", "", "fn a() {", "x();", "}"];
    let raw = [
        Found::new("r:1", Some(3), "x();", "one"),
        Found::new("r:1", Some(8), "x();", "other"),
    ];
    assert_eq!(tracked(&raw, &base, &raw_text, &base_text), [Some(1), Some(0)]);
}

#[test]
fn a_block_that_stands_once_moves_for_certain() {
    let around = |middle: &'static str, top: &'static str| {
        let mut block = vec![top; 1];
        block.extend(["1", "2", "3", "4", "5", middle, "7", "8", "9", "10", "11"]);
        block
    };
    let base_text = around("x", "head");
    let mut raw_text = vec!["new"; 30];
    raw_text.extend(around("x", "head"));
    let base = [
        Found::new("r:1", Some(7), "x", "m"),
        Found::new("r:2", Some(7), "x", "n"),
    ];
    let raw = [
        Found::new("r:2", Some(37), "x", "n2"),
        Found::new("r:1", Some(37), "x", "m2"),
    ];
    assert_eq!(tracked(&raw, &base, &raw_text, &base_text), [Some(1), Some(0)]);
}

/// Each of many equal lines holds many issues, and all moved: every line could be every other.
#[test]
fn a_file_of_equal_lines_is_tracked_without_looking_at_all_pairs_of_issues() {
    let found = |from: u32| -> Vec<Found> {
        let lines = from..from + 150;
        lines
            .flat_map(|line| (0..100).map(move |_| Found::new("r:1", Some(line), "x", "m")))
            .collect()
    };
    let text = ["x"; 1_000];
    let matched = tracked(&found(500), &found(1), &text, &text);
    assert!(matched.iter().all(Option::is_some));
}

#[test]
fn a_closed_issue_comes_back_only_when_all_is_equal() {
    let closed = Found::new("r:1", Some(3), "x", "m");
    for (raw, expected) in [(closed.clone(), Some(0)), (Found::new("r:1", Some(4), "x", "m"), None)] {
        assert_eq!(track_closed(&[raw.seen()], &[closed.seen()]), [expected]);
    }
}

#[test]
fn twenty_thousand_issues_in_a_file_are_tracked_by_sorting_not_by_comparing_all() {
    let text: Vec<String> = (0..20_000).map(|line| format!("line {}", line % 8)).collect();
    let text: Vec<&str> = text.iter().map(String::as_str).collect();
    // The worst case: the same rule everywhere, few different texts, every message new, half of them on one line.
    let found = |shift: u32, name: &str| -> Vec<Found> {
        let line = |at: u32| {
            if at.is_multiple_of(2) {
                1 + shift
            } else {
                1 + (at + shift) % 20_000
            }
        };
        let one = |at: u32| {
            Found::new(
                "r:1",
                Some(line(at)),
                text[line(at) as usize - 1],
                &format!("{name} {at}"),
            )
        };
        (0..20_000).map(one).collect()
    };
    let matched = tracked(&found(8, "raw"), &found(0, "base"), &text, &text);
    assert!(matched.iter().all(Option::is_some));
}

fn any_found() -> impl Strategy<Value = Found> {
    (1..4_u8, proptest::option::of(1..12_u32), 0..4_u8, 0..3_u8, 0..3_i64).prop_map(
        |(rule, line, text, message, updated_at)| {
            let text = if line.is_some() {
                text.to_string()
            } else {
                String::new()
            };
            Found {
                updated_at,
                ..Found::new(&format!("r:{rule}"), line, &text, &message.to_string())
            }
        },
    )
}

fn any_text() -> impl Strategy<Value = Vec<&'static str>> {
    proptest::collection::vec(proptest::sample::select(vec!["a", "b", "c", ""]), 0..14)
}

proptest! {
    #[test]
    fn each_issue_is_taken_once_and_by_its_own_rule(
        raw in proptest::collection::vec(any_found(), 0..25), base in proptest::collection::vec(any_found(), 0..25),
        raw_text in any_text(), base_text in any_text(),
    ) {
        let matched = tracked(&raw, &base, &raw_text, &base_text);
        prop_assert_eq!(matched.len(), raw.len());
        let mut taken = vec![false; base.len()];
        for (found, at) in raw.iter().zip(matched).filter_map(|(found, at)| Some((found, at?))) {
            prop_assert!(!std::mem::replace(&mut taken[at], true));
            prop_assert_eq!(&found.rule, &base[at].rule);
        }
    }

    #[test]
    fn what_did_not_change_is_recognised_as_it_is(
        found in proptest::collection::vec(any_found(), 0..25), text in any_text(),
    ) {
        for (one, at) in found.iter().zip(tracked(&found, &found, &text, &text)) {
            let base = &found[at.unwrap()];
            prop_assert_eq!(
                (&one.rule, one.line, &one.hash, &one.message), (&base.rule, base.line, &base.hash, &base.message)
            );
        }
    }

    #[test]
    fn the_order_of_issues_on_different_lines_does_not_matter(
        lines in proptest::collection::btree_map(1..40_u32, 0..6_u8, 0..20), shift in 0..3_u32,
        order in any::<prop::sample::Index>(),
    ) {
        let found = |line: u32, text: u8| Found::new("r:1", Some(line), &format!("{text}/{line}"), &text.to_string());
        let base: Vec<Found> = lines.iter().map(|(line, text)| found(*line, *text)).collect();
        let raw: Vec<Found> = base.iter().map(|one| Found { line: one.line.map(|line| line + shift), ..one.clone() }).collect();
        let straight = tracked(&raw, &base, &[], &[]);
        if raw.is_empty() { return Ok(()); }
        let by = order.index(raw.len());
        let (mut turned_raw, mut turned_base) = (raw.clone(), base.clone());
        turned_raw.rotate_left(by);
        turned_base.reverse();
        let turned = tracked(&turned_raw, &turned_base, &[], &[]);
        for (one, at) in turned_raw.iter().zip(turned) {
            let before = raw.iter().position(|other| other == one).and_then(|raw| straight[raw]);
            prop_assert_eq!(at.map(|at| &turned_base[at]), before.map(|at| &base[at]));
        }
    }
}
