//! A message for a Mattermost incoming webhook: one attachment.
//!
//! Names are escaped for Mattermost's Markdown, which knows fewer escapes than others. What it has no escape for gets an
//! invisible letter behind it: mentions work in attachments, too, and with that `@channel` names nobody, `:skull:` is no
//! picture and a URL no link.

use serde_json::{Value, json};

use super::fit;
use super::message::Message;

/// Mattermost's documentation gives attachments no limits of their own; a post has at most 16383 characters in all, and
/// everything together stays below that.
const MAX_TITLE: usize = 300;
/// See [`MAX_TITLE`].
const MAX_FIELD: usize = 500;
/// See [`MAX_TITLE`].
const MAX_TEXT: usize = 4000;
/// See [`MAX_TITLE`].
const MAX_LINK: usize = 2000;
/// Zero-width, and between words.
const NOTHING: char = '\u{200b}';

pub(super) fn body(message: &Message) -> Vec<u8> {
    let mut lines: Vec<String> = message.note().map(|note| format!("*{note}*")).into_iter().collect();
    lines.extend(message.failing_lines(MAX_TEXT, "- ", escaped));
    let fields: Vec<Value> = [
        Some(("Project", message.project())),
        message.reference(),
        message.gate().map(|gate| ("Quality gate", gate)),
        message.revision().map(|revision| ("Revision", revision)),
    ]
    .into_iter()
    .flatten()
    .map(|(what, name)| json!({"title": what, "value": fit::fit(&name, MAX_FIELD, escaped), "short": true}))
    .collect();
    let mut attachment = json!({
        // A notification shows it as it is, without Markdown.
        "fallback": message.title(MAX_TITLE, unmentioned),
        "color": format!("#{:06x}", message.colour()),
        "title": message.title(MAX_TITLE, escaped),
        "fields": fields,
    });
    if !lines.is_empty() {
        attachment["text"] = json!(lines.join("\n"));
    }
    if let Some(link) = message.link(MAX_LINK) {
        attachment["title_link"] = json!(link);
    }
    json!({"attachments": [attachment]}).to_string().into_bytes()
}

fn escaped(letter: char, out: &mut String) {
    if "\\`*{}[]()#+-.!_>~|".contains(letter) {
        out.push('\\');
    }
    out.push(letter);
    if "@:<&".contains(letter) {
        out.push(NOTHING);
    }
}

fn unmentioned(letter: char, out: &mut String) {
    out.push(letter);
    if letter == '@' {
        out.push(NOTHING);
    }
}
