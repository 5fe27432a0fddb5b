//! Mattermost's incoming webhooks, by its documentation ("Incoming webhooks", "Message attachments").

use super::{Taken, posted};
use crate::schema::{Refused, array, flag, json, link, object, text};
use crate::stand_in::Called;

/// A post has at most so many characters.
const MAX_POST: usize = 16_383;

pub(crate) fn mattermost(call: &Called) -> Result<Taken, Refused> {
    posted(call, "/hooks/xxx")?;
    let message = json(&call.body)?;
    object(
        &message,
        &["attachments"],
        &["text", "channel", "username", "icon_url", "icon_emoji", "type", "props"],
    )?;
    let mut seen = Vec::new();
    let mut length = 0;
    for attachment in array(&message["attachments"], 1..=1)? {
        object(
            attachment,
            &["fallback"],
            &[
                "color",
                "pretext",
                "text",
                "author_name",
                "title",
                "title_link",
                "fields",
                "footer",
            ],
        )?;
        let mut written = vec![text(&attachment["title"], MAX_POST)?];
        if let Some(lines) = attachment.get("text") {
            written.push(text(lines, MAX_POST)?);
        }
        for field in array(&attachment["fields"], 0..=50)? {
            object(field, &["title", "value"], &["short"])?;
            field.get("short").map(flag).transpose()?;
            written.push(text(&field["title"], MAX_POST)?);
            written.push(text(&field["value"], MAX_POST)?);
        }
        let colour = text(&attachment["color"], 7)?;
        if colour.len() != 7 || !colour.starts_with('#') || u32::from_str_radix(&colour[1..], 16).is_err() {
            return Err(format!("colour {colour}"));
        }
        if let Some(url) = attachment.get("title_link") {
            link(url, MAX_POST)?;
        }
        let fallback = text(&attachment["fallback"], MAX_POST)?;
        for text in written.iter().chain([&fallback]) {
            mentions_nobody(text)?;
            length += text.encode_utf16().count();
        }
        for text in written {
            seen.push(shown(text)?);
        }
        seen.push(fallback.replace("@\u{200b}", "@"));
    }
    if length > MAX_POST {
        return Err(format!("{length} characters in all"));
    }
    Ok(Taken { status: 200, seen })
}

/// What people see: an invisible letter is not seen, the few escapes are undone, and nothing else may have a meaning but a
/// note of ours in italics.
fn shown(text: &str) -> Result<String, Refused> {
    let mut seen = Vec::new();
    for line in text.lines() {
        let is_note = line.starts_with("*This is a test") || line.starts_with("*Somebody changed");
        let line = match line.strip_prefix('*').and_then(|line| line.strip_suffix('*')) {
            Some(note) if is_note => note,
            _ => line.strip_prefix("- ").unwrap_or(line),
        };
        seen.push(unformatted(line)?);
    }
    Ok(seen.join("\n"))
}

fn unformatted(line: &str) -> Result<String, Refused> {
    let refused = |what: char| Err(format!("{what} has a meaning: {line:?}"));
    let mut seen = String::new();
    let mut letters = line.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => match letters.next() {
                Some(next) if "\\`*{}[]()#+-.!_>~|".contains(next) => seen.push(next),
                _ => return Err(format!("a backslash that is seen: {line:?}")),
            },
            '`' | '*' | '[' | ']' | '#' | '_' | '>' | '~' | '|' => return refused(letter),
            // A colon before a space begins neither a picture nor the rest of a URL.
            '@' | '<' | '&' | ':' => {
                seen.push(letter);
                if letters.next_if_eq(&'\u{200b}').is_none() && !(letter == ':' && letters.peek() == Some(&' ')) {
                    return refused(letter);
                }
            }
            _ => seen.push(letter),
        }
    }
    Ok(seen)
}

/// Mentions are looked for in the text as it is written: an `@` with a letter, digit or mark of names behind it.
fn mentions_nobody(text: &str) -> Result<(), Refused> {
    let names = |behind: &str| {
        behind
            .chars()
            .next()
            .is_some_and(|letter| letter.is_alphanumeric() || matches!(letter, '.' | '-' | '_'))
    };
    match text.split('@').skip(1).find(|behind| names(behind)) {
        Some(name) => Err(format!("mentions @{name}")),
        None => Ok(()),
    }
}

#[test]
fn a_mention_is_found() {
    assert!(mentions_nobody("a @channel").is_err());
    assert!(mentions_nobody("a \\@all").is_err());
    assert!(mentions_nobody("a @ b").is_ok());
}
