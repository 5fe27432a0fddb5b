//! An adaptive card for a Microsoft Teams channel, in the envelope that the workflow "When a Teams webhook request is
//! received" and incoming webhooks take.
//!
//! Texts are runs of a `RichTextBlock`, which reads no Markdown. A mention needs an entity beside the text, and there are
//! none.

use serde_json::{Value, json};

use super::fit;
use super::message::{Message, Outcome};

/// Teams refuses messages of more than about 28 KB (learn.microsoft.com, "Create Incoming Webhooks"). It counts them as it
/// stores them, perhaps with six bytes for each letter beyond ASCII, so texts are kept short enough for that.
const MAX_TITLE: usize = 300;
/// See [`MAX_TITLE`].
const MAX_FACT: usize = 250;
/// See [`MAX_TITLE`].
const MAX_FAILING: usize = 1800;
/// See [`MAX_TITLE`].
const MAX_LINK: usize = 2000;

pub(super) fn body(message: &Message) -> Vec<u8> {
    let colour = match message.outcome {
        Outcome::Passed | Outcome::Recovered => "Good",
        Outcome::Failed => "Attention",
        Outcome::TaskFailed | Outcome::Failing => "Warning",
        Outcome::NoGate => "Default",
    };
    let title = message.title(MAX_TITLE, fit::plainly);
    let mut body = vec![text(&json!([
        {"type": "TextRun", "text": title, "weight": "Bolder", "size": "Large", "color": colour},
    ]))];
    let facts = [
        Some(("Project", message.project())),
        message.reference(),
        message.gate().map(|gate| ("Quality gate", gate)),
        message.revision().map(|revision| ("Revision", revision)),
    ];
    for (what, name) in facts.into_iter().flatten() {
        body.push(text(&json!([
            {"type": "TextRun", "text": format!("{what}: "), "weight": "Bolder"},
            {"type": "TextRun", "text": fit::fit(&name, MAX_FACT, fit::plainly)},
        ])));
    }
    for line in message.failing_lines(MAX_FAILING, "• ", fit::plainly) {
        body.push(text(&json!([{"type": "TextRun", "text": line}])));
    }
    if let Some(note) = message.note() {
        body.push(text(
            &json!([{"type": "TextRun", "text": note, "italic": true, "isSubtle": true}]),
        ));
    }
    let mut card = json!({
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        // What is read out and shown where cards are not.
        "fallbackText": title,
        "body": body,
    });
    if let Some(link) = message.link(MAX_LINK) {
        card["actions"] = json!([{"type": "Action.OpenUrl", "title": "Open in Gatehook", "url": link}]);
    }
    let attachment = json!({
        "contentType": "application/vnd.microsoft.card.adaptive",
        // The documentation's own example has the member, as null.
        "contentUrl": null,
        "content": card,
    });
    json!({"type": "message", "attachments": [attachment]})
        .to_string()
        .into_bytes()
}

fn text(inlines: &Value) -> Value {
    json!({"type": "RichTextBlock", "inlines": inlines})
}
