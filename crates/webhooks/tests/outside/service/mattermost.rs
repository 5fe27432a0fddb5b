//! Mattermost's incoming webhooks, by its documentation ("Incoming webhooks", "Message attachments").

use super::discord::shown;
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
            // The letter that takes the meaning from an `@` is not seen.
            seen.push(shown(text)?.replace("@\u{200b}", "@"));
        }
        seen.push(fallback.replace("@\u{200b}", "@"));
    }
    if length > MAX_POST {
        return Err(format!("{length} characters in all"));
    }
    Ok(Taken { status: 200, seen })
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
