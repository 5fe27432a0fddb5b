//! A message for a Discord webhook: one embed.
//!
//! Names are escaped for Discord's Markdown, so that nothing in them formats, links or becomes an emoji; and mentions are
//! switched off for the whole message, so that a branch named `@everyone` pings nobody.

use serde_json::{Value, json};

use super::fit;
use super::message::Message;

/// Discord's documentation ("Embed limits"): title 256, description 4096, name of a field 256, value of a field 1024
/// characters, 25 fields, and 6000 characters in all.
const MAX_TITLE: usize = 256;
/// See [`MAX_TITLE`]; with four fields and the title it stays below 6000.
const MAX_DESCRIPTION: usize = 3000;
/// See [`MAX_TITLE`].
const MAX_FIELD: usize = 500;
/// The longest URL of an embed.
const MAX_LINK: usize = 2000;

pub(super) fn body(message: &Message) -> Vec<u8> {
    let mut lines: Vec<String> = message.note().map(|note| format!("*{note}*")).into_iter().collect();
    lines.extend(message.failing_lines(MAX_DESCRIPTION - 100, "- ", fit::markdown));
    let fields: Vec<Value> = [
        Some(("Project", message.project())),
        message.reference(),
        message.gate().map(|gate| ("Quality gate", gate)),
        message.revision().map(|revision| ("Revision", revision)),
    ]
    .into_iter()
    .flatten()
    .map(|(what, name)| json!({"name": what, "value": fit::fit(&name, MAX_FIELD, fit::markdown), "inline": true}))
    .collect();
    let mut embed = json!({
        "title": message.title(MAX_TITLE, fit::markdown),
        "color": message.colour(),
        "fields": fields,
    });
    if !lines.is_empty() {
        embed["description"] = json!(lines.join("\n"));
    }
    if let Some(link) = message.link(MAX_LINK) {
        embed["url"] = json!(link);
    }
    json!({"embeds": [embed], "allowed_mentions": {"parse": []}})
        .to_string()
        .into_bytes()
}
