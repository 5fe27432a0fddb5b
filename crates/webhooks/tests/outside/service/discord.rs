//! Discord's webhooks, by its documentation ("Execute Webhook", "Embed Object", "Embed Limits", "Allowed Mentions Object").

use serde_json::{Value, json as value};

use super::{Taken, posted};
use crate::schema::{Refused, array, flag, json, link, object, text, unformatted, word};
use crate::stand_in::Called;

pub(crate) fn discord(call: &Called) -> Result<Taken, Refused> {
    posted(call, "/api/webhooks/1/token")?;
    let message = json(&call.body)?;
    object(
        &message,
        &["embeds"],
        &["content", "username", "avatar_url", "tts", "allowed_mentions", "flags"],
    )?;
    if message.get("allowed_mentions") != Some(&value!({"parse": []})) {
        return Err("somebody could be pinged".to_owned());
    }
    let mut seen = Vec::new();
    let mut length = 0;
    for embed in array(&message["embeds"], 1..=10)? {
        let (texts, units) = self::embed(embed)?;
        seen.extend(texts);
        length += units;
    }
    if length > 6000 {
        return Err(format!("{length} characters in all embeds"));
    }
    Ok(Taken { status: 204, seen })
}

/// The texts as people see them, and how long they are as they are written.
fn embed(embed: &Value) -> Result<(Vec<String>, usize), Refused> {
    object(
        embed,
        &[],
        &[
            "title",
            "type",
            "description",
            "url",
            "timestamp",
            "color",
            "footer",
            "author",
            "fields",
        ],
    )?;
    let mut written = Vec::new();
    if let Some(title) = embed.get("title") {
        written.push(text(title, 256)?);
    }
    if let Some(description) = embed.get("description") {
        written.push(text(description, 4096)?);
    }
    if let Some(colour) = embed.get("color") {
        let colour = colour.as_u64().ok_or("a colour that is no number")?;
        if colour > 0xff_ff_ff {
            return Err(format!("colour {colour}"));
        }
    }
    if let Some(url) = embed.get("url") {
        link(url, 2048)?;
    }
    if let Some(fields) = embed.get("fields") {
        for field in array(fields, 0..=25)? {
            object(field, &["name", "value"], &["inline"])?;
            field.get("inline").map(flag).transpose()?;
            word(
                &field["name"],
                &["Project", "Branch", "Pull request", "Quality gate", "Revision"],
            )?;
            written.push(text(&field["name"], 256)?);
            written.push(text(&field["value"], 1024)?);
        }
    }
    let length = written.iter().map(|text| text.encode_utf16().count()).sum();
    let seen = written.into_iter().map(shown).collect::<Result<Vec<_>, _>>()?;
    Ok((seen, length))
}

/// The lines as people see them; of formatting only a note of ours may be in italics.
fn shown(text: &str) -> Result<String, Refused> {
    let lines = text.lines().map(
        |line| match line.strip_prefix('*').and_then(|line| line.strip_suffix('*')) {
            Some(note) if line.starts_with("*This is a test") || line.starts_with("*Somebody changed") => {
                Ok(note.to_owned())
            }
            _ => unformatted(line),
        },
    );
    Ok(lines.collect::<Result<Vec<_>, _>>()?.join("\n"))
}
