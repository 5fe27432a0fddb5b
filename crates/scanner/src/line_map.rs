//! Which line of one text is which line of an older one.

use imara_diff::{Algorithm, Diff, InternedInput};

/// For every line of a text, as scanners count them, the line of an older text it stems from (both from 0); none for a line that is
/// new. Line ends do not matter. `old` has lines as git counts them, separated by line feeds only.
pub(crate) fn map_lines(old: &str, new: &str) -> Vec<Option<u32>> {
    let old_lines: Vec<&str> = git_lines(old).collect();
    let new_lines: Vec<&str> = git_lines(new).collect();
    let by_git_line = map_git_lines(&old_lines, &new_lines);
    let mut mapped = Vec::with_capacity(new_lines.len() + 1);
    let count = new.split('\n').count();
    for (index, text) in new.split('\n').enumerate() {
        // After the last line feed stands one more line that git does not know; it belongs to the line before.
        let line = index.min(by_git_line.len().saturating_sub(1));
        let from = by_git_line.get(line).copied().flatten();
        // Scanners also end a line at a carriage return alone; one before a line feed is part of that line's end.
        let text = if index + 1 < count {
            text.strip_suffix('\r').unwrap_or(text)
        } else {
            text
        };
        mapped.extend(std::iter::repeat_n(
            from,
            1 + text.bytes().filter(|&byte| byte == b'\r').count(),
        ));
    }
    mapped
}

/// The lines git sees, without their ends.
fn git_lines(text: &str) -> impl Iterator<Item = &str> {
    let text = text
        .strip_suffix('\n')
        .map_or_else(|| (!text.is_empty()).then_some(text), Some);
    text.into_iter()
        .flat_map(|text| text.split('\n'))
        .map(|line| line.strip_suffix('\r').unwrap_or(line))
}

fn map_git_lines(old: &[&str], new: &[&str]) -> Vec<Option<u32>> {
    if old == new {
        return (0..new.len() as u32).map(Some).collect();
    }
    let mut input = InternedInput::default();
    input.update_before(old.iter().copied());
    input.update_after(new.iter().copied());
    let diff = Diff::compute(Algorithm::Histogram, &input);
    let mut mapped = Vec::with_capacity(new.len());
    let mut old_line = 0;
    for hunk in diff.hunks() {
        while (mapped.len() as u32) < hunk.after.start {
            mapped.push(Some(old_line));
            old_line += 1;
        }
        mapped.extend(hunk.after.clone().map(|_| None));
        old_line = hunk.before.end;
    }
    while mapped.len() < new.len() {
        mapped.push(Some(old_line));
        old_line += 1;
    }
    mapped
}

#[cfg(test)]
mod tests {
    use gatehook_report::zip_reader::split_lines;

    use super::*;

    #[test]
    fn lines_are_followed_over_changes_and_line_ends() {
        assert_eq!(
            map_lines("a\nb\nc\n", "a\r\nb\r\nc\r\n"),
            [Some(0), Some(1), Some(2), Some(2)]
        );
        assert_eq!(map_lines("a\nb\nc\n", "a\nx\ny\nc"), [Some(0), None, None, Some(2)]);
        assert_eq!(map_lines("a\nb\n", "new\na\nb\n"), [None, Some(0), Some(1), Some(1)]);
        assert_eq!(map_lines("", "a"), [None]);
        assert_eq!(map_lines("a", ""), [None]);
        assert_eq!(map_lines("a\rb\nc", "a\rb\nc"), [Some(0), Some(0), Some(1)]);
    }

    proptest::proptest! {
        #[test]
        fn there_is_one_answer_per_line_and_it_is_the_same_line(old in "[ab\n\r]{0,40}", new in "[ab\n\r]{0,40}") {
            let mapped = map_lines(&old, &new);
            proptest::prop_assert_eq!(mapped.len(), split_lines(&new).count());
            let count = git_lines(&old).count();
            proptest::prop_assert!(mapped.iter().flatten().all(|&line| (line as usize) < count));
        }
    }
}
