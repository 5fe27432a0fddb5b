//! Reading JSON as strictly as a schema that allows nothing it does not name.

use serde_json::{Map, Value};

/// Why a service refuses a call.
pub(crate) type Refused = String;

/// Reads a body.
pub(crate) fn json(body: &[u8]) -> Result<Value, Refused> {
    serde_json::from_slice(body).map_err(|error| format!("no JSON: {error}"))
}

/// An object with all of these members, perhaps some of those, and no others.
pub(crate) fn object<'a>(
    value: &'a Value,
    required: &[&str],
    optional: &[&str],
) -> Result<&'a Map<String, Value>, Refused> {
    let members = value.as_object().ok_or(format!("no object: {value}"))?;
    if let Some(missing) = required.iter().find(|name| !members.contains_key(**name)) {
        return Err(format!("no member {missing}: {value}"));
    }
    let known = |name: &String| required.contains(&name.as_str()) || optional.contains(&name.as_str());
    match members.keys().find(|name| !known(name)) {
        Some(unknown) => Err(format!("unknown member {unknown}: {value}")),
        None => Ok(members),
    }
}

/// An array of so many values.
pub(crate) fn array(value: &Value, count: std::ops::RangeInclusive<usize>) -> Result<&Vec<Value>, Refused> {
    let values = value.as_array().ok_or(format!("no array: {value}"))?;
    if !count.contains(&values.len()) {
        return Err(format!("{} values instead of {count:?}", values.len()));
    }
    Ok(values)
}

/// A text of 1 to `limit` characters that is not only white space; the characters are counted as the strictest service
/// counts them, in UTF-16.
pub(crate) fn text(value: &Value, limit: usize) -> Result<&str, Refused> {
    let text = value.as_str().ok_or(format!("no text: {value}"))?;
    let length = text.encode_utf16().count();
    if text.trim().is_empty() || length > limit {
        return Err(format!("{length} characters instead of 1 to {limit}: {text:?}"));
    }
    Ok(text)
}

/// One of these words.
pub(crate) fn word<'a>(value: &'a Value, words: &[&str]) -> Result<&'a str, Refused> {
    value
        .as_str()
        .filter(|word| words.contains(word))
        .ok_or(format!("{value} is none of {words:?}"))
}

/// A boolean.
pub(crate) fn flag(value: &Value) -> Result<bool, Refused> {
    value.as_bool().ok_or(format!("no boolean: {value}"))
}

/// An absolute URL that a browser opens, of at most `limit` characters.
pub(crate) fn link(value: &Value, limit: usize) -> Result<&str, Refused> {
    let text = text(value, limit)?;
    let parsed = url::Url::parse(text).map_err(|_| format!("no URL: {text}"))?;
    if !matches!(parsed.scheme(), "http" | "https") || text.contains(char::is_whitespace) {
        return Err(format!("not a URL that is opened: {text}"));
    }
    Ok(text)
}

/// What a reader of Markdown sees of a text in which nothing is meant to be formatted; an error when something would be.
pub(crate) fn unformatted(text: &str) -> Result<String, Refused> {
    let mut seen = String::new();
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => match letters.next() {
                Some(next) if next.is_ascii_punctuation() => seen.push(next),
                other => return Err(format!("a backslash before {other:?}: {text:?}")),
            },
            '*' | '_' | '~' | '`' | '|' | '<' | '>' | '[' | ']' | '#' | '@' => {
                return Err(format!("{letter} is formatting: {text:?}"));
            }
            _ => seen.push(letter),
        }
    }
    Ok(seen)
}
