//! Texts from outside, made to fit.

/// What stands for a name of which nothing can be shown.
const NAMELESS: &str = "(no name)";

/// A text as one line that says the same to everybody: line breaks and other control characters are spaces, and the marks
/// that turn the direction of what follows are left out, so that no name rearranges the message round it. Letters of
/// scripts that run from right to left stay as they are.
pub(super) fn line(text: &str) -> String {
    let line: String = text
        .chars()
        .filter(|letter| {
            !matches!(letter,
                '\u{200e}' | '\u{200f}' | '\u{061c}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
        })
        .map(|letter| {
            if letter.is_control() || matches!(letter, '\u{2028}' | '\u{2029}') {
                ' '
            } else {
                letter
            }
        })
        .collect();
    let line = line.trim();
    if line.is_empty() {
        return NAMELESS.to_owned();
    }
    line.to_owned()
}

/// As much of a text as fits into `limit` once each letter is written as `write` writes it; a text that was cut ends
/// with `…`. Lengths are in UTF-16 units: services count those or fewer, because they count characters.
pub(super) fn fit(text: &str, limit: usize, write: impl Fn(char, &mut String)) -> String {
    let mut fitted = String::new();
    let mut length = 0;
    // Where the text would be cut if the rest did not fit.
    let mut cut = 0;
    for letter in text.chars() {
        let before = fitted.len();
        write(letter, &mut fitted);
        length += units(&fitted[before..]);
        if length > limit {
            fitted.truncate(cut);
            if limit > 0 {
                fitted.push('…');
            }
            return fitted;
        }
        if length < limit {
            cut = fitted.len();
        }
    }
    fitted
}

/// The length of a text in UTF-16 units.
pub(super) fn units(text: &str) -> usize {
    text.encode_utf16().count()
}

/// Writes a letter as it is.
pub(super) fn plainly(letter: char, out: &mut String) {
    out.push(letter);
}

/// Writes a letter so that Markdown takes it for itself: every ASCII punctuation mark can stand behind a backslash.
pub(super) fn markdown(letter: char, out: &mut String) {
    if letter.is_ascii_punctuation() {
        out.push('\\');
    }
    out.push(letter);
}

/// Writes a letter for Slack, which knows three letters of its own everywhere (docs.slack.dev, "Formatting message
/// text").
pub(super) fn slack(letter: char, out: &mut String) {
    match letter {
        '&' => out.push_str("&amp;"),
        '<' => out.push_str("&lt;"),
        '>' => out.push_str("&gt;"),
        _ => out.push(letter),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_line_keeps_its_letters_and_loses_what_would_rearrange_others() {
        assert_eq!(line(" a\r\nb\tc\u{2028}d "), "a  b c d");
        assert_eq!(line("fix/\u{202e}gnp.exe"), "fix/gnp.exe");
        assert_eq!(line("ענף ראשי"), "ענף ראשי");
        assert_eq!(line("\u{202e}\n\u{feff}"), "(no name)");
    }

    #[test]
    fn what_is_cut_ends_with_an_ellipsis_and_never_in_an_escape() {
        assert_eq!(fit("abc", 3, plainly), "abc");
        assert_eq!(fit("abcd", 3, plainly), "ab…");
        assert_eq!(fit("a&b", 5, slack), "a…");
        assert_eq!(fit("a&b", 7, slack), "a&amp;b");
        assert_eq!(fit("**", 3, markdown), "\\*…");
        assert_eq!(fit("🦀🦀", 3, plainly), "🦀…");
        assert_eq!(fit("x", 0, plainly), "");
    }

    proptest! {
        #[test]
        fn whatever_is_fitted_fits(text in any::<String>(), limit in 0_usize..40) {
            for write in [plainly, markdown, slack] {
                let fitted = fit(&text, limit, write);
                prop_assert!(units(&fitted) <= limit);
                let mut whole = String::new();
                text.chars().for_each(|letter| write(letter, &mut whole));
                prop_assert_eq!(fitted == whole, units(&whole) <= limit);
            }
        }
    }
}
