//! A message for a Slack incoming webhook, in Block Kit.
//!
//! Names are `plain_text`: nothing in it is read as a mention, a link or formatting but `&`, `<` and `>`, which are
//! written as entities. Only what is ours is `mrkdwn`, with `verbatim`, so that nothing is linked by itself.

use serde_json::{Value, json};

use super::fit;
use super::message::Message;

/// Slack's reference of blocks (docs.slack.dev, "Header block"): a header has at most 150 characters.
const MAX_HEADER: usize = 150;
/// Slack's reference of blocks ("Section block"): a field of a section has at most 2000 characters. Nobody reads that much
/// of a name.
const MAX_FIELD: usize = 400;
/// Slack's reference of blocks ("Section block"): the text of a section has at most 3000 characters.
const MAX_SECTION: usize = 2900;
/// The longest link, in characters: it stands in a text of at most 3000 ("Text object").
const MAX_LINK: usize = 2000;

pub(super) fn body(message: &Message) -> Vec<u8> {
    let title = message.title(MAX_HEADER, fit::slack);
    let mut blocks = vec![json!({"type": "header", "text": plain(&title)})];
    let fields: Vec<Value> = facts(message)
        .map(|(what, text)| {
            let start = format!("{what}\n");
            let text = fit::fit(&text, MAX_FIELD - fit::units(&start), fit::slack);
            plain(&format!("{start}{text}"))
        })
        .collect();
    blocks.push(json!({"type": "section", "fields": fields}));
    let failing = message.failing_lines(MAX_SECTION, "• ", fit::slack);
    if !failing.is_empty() {
        blocks.push(json!({"type": "section", "text": plain(&failing.join("\n"))}));
    }
    let mut context: Vec<Value> = message.note().map(plain).into_iter().collect();
    if let Some(link) = message.link(MAX_LINK) {
        let link: String = link.replace('&', "&amp;");
        context.push(json!({"type": "mrkdwn", "text": format!("<{link}|Open in Gatehook>"), "verbatim": true}));
    }
    if !context.is_empty() {
        blocks.push(json!({"type": "context", "elements": context}));
    }
    // The text is for notifications, where blocks are not shown.
    json!({"text": title, "blocks": blocks}).to_string().into_bytes()
}

/// What the message is about, by name.
fn facts(message: &Message) -> impl Iterator<Item = (&'static str, String)> {
    [
        Some(("Project", message.project())),
        message.reference(),
        message.gate().map(|gate| ("Quality gate", gate)),
        message.revision().map(|revision| ("Revision", revision)),
    ]
    .into_iter()
    .flatten()
}

fn plain(text: &str) -> Value {
    // Without emoji, `:skull:` in a name stays what it is.
    json!({"type": "plain_text", "text": text, "emoji": false})
}
