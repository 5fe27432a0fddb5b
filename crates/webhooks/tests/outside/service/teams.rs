//! A Microsoft Teams workflow, by learn.microsoft.com ("Create Incoming Webhooks", "Post a message using incoming webhook")
//! and the schema of adaptive cards 1.4 (adaptivecards.io).

use serde_json::Value;

use super::{Taken, posted};
use crate::schema::{Refused, array, flag, json, link, object, text, word};
use crate::stand_in::Called;

/// 28 KB. Teams counts what it stores, in which a letter beyond ASCII may take six bytes.
const MAX_MESSAGE: usize = 28 * 1024;

pub(crate) fn teams(call: &Called) -> Result<Taken, Refused> {
    posted(call, "/workflows/hook")?;
    let message = json(&call.body)?;
    let size: usize = message
        .to_string()
        .encode_utf16()
        .map(|unit| if unit < 128 { 1 } else { 6 })
        .sum();
    if size > MAX_MESSAGE {
        return Err(format!("413 Request Entity Too Large: {size} bytes"));
    }
    object(&message, &["type", "attachments"], &[])?;
    word(&message["type"], &["message"])?;
    let [attachment] = array(&message["attachments"], 1..=1)?.as_slice() else {
        return Err("not one attachment".to_owned());
    };
    object(attachment, &["contentType", "content"], &["contentUrl"])?;
    word(&attachment["contentType"], &["application/vnd.microsoft.card.adaptive"])?;
    if attachment.get("contentUrl").is_some_and(|url| !url.is_null()) {
        return Err("content and its URL".to_owned());
    }
    Ok(Taken {
        status: 202,
        seen: card(&attachment["content"])?,
    })
}

fn card(card: &Value) -> Result<Vec<String>, Refused> {
    // Without the member `msteams` there are no mentions.
    object(
        card,
        &["type", "version", "body"],
        &["$schema", "actions", "fallbackText", "lang", "speak"],
    )?;
    word(&card["type"], &["AdaptiveCard"])?;
    word(&card["version"], &["1.2", "1.3", "1.4"])?;
    if let Some(schema) = card.get("$schema") {
        word(schema, &["http://adaptivecards.io/schemas/adaptive-card.json"])?;
    }
    let mut seen = vec![text(&card["fallbackText"], MAX_MESSAGE)?.to_owned()];
    for element in array(&card["body"], 1..=200)? {
        object(
            element,
            &["type", "inlines"],
            &["horizontalAlignment", "spacing", "separator"],
        )?;
        word(&element["type"], &["RichTextBlock"])?;
        let mut line = String::new();
        for run in array(&element["inlines"], 1..=50)? {
            line.push_str(&text_run(run)?);
        }
        seen.push(line);
    }
    if let Some(actions) = card.get("actions") {
        // Teams shows at most six.
        for action in array(actions, 1..=6)? {
            object(action, &["type", "url"], &["title", "iconUrl"])?;
            word(&action["type"], &["Action.OpenUrl"])?;
            link(&action["url"], MAX_MESSAGE)?;
            seen.push(text(&action["title"], 100)?.to_owned());
        }
    }
    Ok(seen)
}

/// A run of text is shown as it is: Markdown is for `TextBlock`.
fn text_run(run: &Value) -> Result<String, Refused> {
    let optional = [
        "color",
        "fontType",
        "highlight",
        "isSubtle",
        "italic",
        "size",
        "strikethrough",
        "underline",
        "weight",
    ];
    object(run, &["type", "text"], &optional)?;
    word(&run["type"], &["TextRun"])?;
    let colours = ["Default", "Dark", "Light", "Accent", "Good", "Warning", "Attention"];
    let words: [(&str, &[&str]); 3] = [
        ("color", &colours),
        ("size", &["Default", "Small", "Medium", "Large", "ExtraLarge"]),
        ("weight", &["Default", "Lighter", "Bolder"]),
    ];
    for (name, words) in words {
        run.get(name).map(|value| word(value, words)).transpose()?;
    }
    for name in ["isSubtle", "italic", "highlight", "strikethrough", "underline"] {
        run.get(name).map(flag).transpose()?;
    }
    Ok(text(&run["text"], MAX_MESSAGE)?.to_owned())
}
