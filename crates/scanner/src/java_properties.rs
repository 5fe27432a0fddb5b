//! The text format of `sonar-project.properties`: Java's, read as UTF-8.

/// A line that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {reason}")]
pub struct PropertiesSyntaxError {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub reason: String,
}

/// One property with the line it starts on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The key.
    pub key: String,
    /// The value, escapes resolved, blanks at the end kept.
    pub value: String,
    /// The line, from 1.
    pub line: usize,
}

/// Reads a whole file. A key that stands twice keeps both entries; the last one counts.
pub fn parse(text: &str) -> Result<Vec<Entry>, PropertiesSyntaxError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut entries = Vec::new();
    let mut lines = text
        .split('\n')
        .map(|line| line.strip_suffix('\r').unwrap_or(line))
        .enumerate();
    while let Some((index, line)) = lines.next() {
        let start = line.trim_start_matches(is_blank);
        if start.is_empty() || start.starts_with(['#', '!']) {
            continue;
        }
        let mut logical = start.to_owned();
        while continues(&logical) {
            logical.pop();
            let Some((_, next)) = lines.next() else { break };
            logical.push_str(next.trim_start_matches(is_blank));
        }
        entries.push(entry(&logical, index + 1)?);
    }
    Ok(entries)
}

fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\u{c}')
}

/// A line goes on in the next one when it ends with an odd number of backslashes.
fn continues(line: &str) -> bool {
    line.bytes().rev().take_while(|&byte| byte == b'\\').count() % 2 == 1
}

fn entry(logical: &str, line: usize) -> Result<Entry, PropertiesSyntaxError> {
    let mut escaped = false;
    let end = logical
        .char_indices()
        .find(|&(_, c)| {
            let ends = !escaped && (is_blank(c) || c == '=' || c == ':');
            escaped = !escaped && c == '\\';
            ends
        })
        .map_or(logical.len(), |(at, _)| at);
    let (key, rest) = logical.split_at(end);
    let rest = rest.trim_start_matches(is_blank);
    let value = rest
        .strip_prefix(['=', ':'])
        .unwrap_or(rest)
        .trim_start_matches(is_blank);
    Ok(Entry {
        key: unescape(key, line)?,
        value: unescape(value, line)?,
        line,
    })
}

fn unescape(text: &str, line: usize) -> Result<String, PropertiesSyntaxError> {
    let mut out = String::with_capacity(text.len());
    let mut high: Option<u16> = None;
    let refuse = |reason: String| PropertiesSyntaxError { line, reason };
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        let unit = if c == '\\' {
            match rest.next() {
                None => continue,
                Some('n') => Plain('\n'),
                Some('t') => Plain('\t'),
                Some('r') => Plain('\r'),
                Some('f') => Plain('\u{c}'),
                Some('u') => {
                    let digits: String = rest.by_ref().take(4).collect();
                    let unit = (digits.len() == 4)
                        .then(|| u16::from_str_radix(&digits, 16).ok())
                        .flatten();
                    Unit(unit.ok_or_else(|| {
                        refuse(format!(
                            "\\u must be followed by four hexadecimal digits, not '{digits}'"
                        ))
                    })?)
                }
                Some(other) => Plain(other),
            }
        } else {
            Plain(c)
        };
        match (high.take(), unit) {
            (None, Plain(c)) => out.push(c),
            (None, Unit(unit @ 0xD800..=0xDBFF)) => high = Some(unit),
            (None, Unit(unit)) => out.push(char::from_u32(u32::from(unit)).ok_or_else(|| refuse(lone(unit)))?),
            (Some(first), Unit(second)) => match char::decode_utf16([first, second]).next() {
                Some(Ok(c)) => out.push(c),
                _ => return Err(refuse(lone(first))),
            },
            (Some(first), Plain(_)) => return Err(refuse(lone(first))),
        }
    }
    match high {
        Some(unit) => Err(refuse(lone(unit))),
        None => Ok(out),
    }
}

enum Character {
    Plain(char),
    Unit(u16),
}
use Character::{Plain, Unit};

fn lone(unit: u16) -> String {
    format!("\\u{unit:04x} is half of a character; the other half is missing")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(text: &str) -> Vec<(String, String)> {
        parse(text)
            .unwrap()
            .into_iter()
            .map(|entry| (entry.key, entry.value))
            .collect()
    }

    fn pair(key: &str, value: &str) -> (String, String) {
        (key.to_owned(), value.to_owned())
    }

    #[test]
    fn keys_end_at_equals_colon_or_blank() {
        assert_eq!(
            pairs("a=1\n b : 2\r\nc 3\nd\ne\\=x = y=z\n# note\n! note\n\n"),
            [
                pair("a", "1"),
                pair("b", "2"),
                pair("c", "3"),
                pair("d", ""),
                pair("e=x", "y=z")
            ]
        );
    }

    #[test]
    fn a_backslash_at_the_end_joins_the_next_line() {
        assert_eq!(
            pairs("paths=a,\\\n   b,\\\n\tc\nnext=1\\\\\nlast=2"),
            [pair("paths", "a,b,c"), pair("next", "1\\"), pair("last", "2")]
        );
    }

    #[test]
    fn text_is_utf_8_and_escapes_give_any_character() {
        assert_eq!(
            pairs("\u{feff}name=Grün \\u00e4 \\ud83d\\ude00 \\t|"),
            [pair("name", "Grün ä 😀 \t|")]
        );
    }

    #[test]
    fn a_broken_escape_names_its_line() {
        let error = parse("a=1\nb=x\\\ny\nc=\\u12g4").unwrap_err();
        assert_eq!(
            error.to_string(),
            "line 4: \\u must be followed by four hexadecimal digits, not '12g4'"
        );
        assert!(parse("a=\\ud83d").is_err());
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "\\PC*") {
            let _ = parse(&text);
        }
    }
}
