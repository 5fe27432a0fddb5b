//! Slack's incoming webhooks, by docs.slack.dev ("Sending messages using incoming webhooks", "Blocks", "Text object",
//! "Formatting message text").

use serde_json::Value;

use super::{Taken, posted};
use crate::schema::{Refused, array, flag, json, link, object, text, word};
use crate::stand_in::Called;

pub(crate) fn slack(call: &Called) -> Result<Taken, Refused> {
    posted(call, "/services/T000/B000/XXX")?;
    let message = json(&call.body)?;
    object(
        &message,
        &["text"],
        &["blocks", "thread_ts", "unfurl_links", "unfurl_media"],
    )?;
    let mut seen = vec![literal(text(&message["text"], 40_000)?)?];
    if let Some(blocks) = message.get("blocks") {
        for block in array(blocks, 0..=50)? {
            seen.extend(self::block(block)?);
        }
    }
    Ok(Taken { status: 200, seen })
}

fn block(block: &Value) -> Result<Vec<String>, Refused> {
    match word(&block["type"], &["header", "section", "context", "divider"])? {
        "header" => {
            object(block, &["type", "text"], &["block_id"])?;
            Ok(vec![text_object(&block["text"], 150, &["plain_text"])?])
        }
        "section" => {
            object(block, &["type"], &["block_id", "text", "fields", "expand"])?;
            if block.get("text").is_none() && block.get("fields").is_none() {
                return Err("a section without text and fields".to_owned());
            }
            let mut seen = Vec::new();
            if let Some(text) = block.get("text") {
                seen.push(text_object(text, 3000, &["plain_text", "mrkdwn"])?);
            }
            if let Some(fields) = block.get("fields") {
                for field in array(fields, 1..=10)? {
                    seen.push(text_object(field, 2000, &["plain_text", "mrkdwn"])?);
                }
            }
            Ok(seen)
        }
        "context" => {
            object(block, &["type", "elements"], &["block_id"])?;
            let elements = array(&block["elements"], 1..=10)?;
            elements
                .iter()
                .map(|element| text_object(element, 3000, &["plain_text", "mrkdwn"]))
                .collect()
        }
        _ => object(block, &["type"], &["block_id"]).map(|_| Vec::new()),
    }
}

fn text_object(value: &Value, limit: usize, kinds: &[&str]) -> Result<String, Refused> {
    if word(&value["type"], kinds)? == "mrkdwn" {
        object(value, &["type", "text"], &["verbatim"])?;
        return formatted(text(&value["text"], limit)?);
    }
    object(value, &["type", "text"], &["emoji"])?;
    // With emoji, `:name:` becomes a picture.
    if value.get("emoji").map(flag).transpose()?.unwrap_or(true) {
        return Err("names could become pictures".to_owned());
    }
    literal(text(&value["text"], limit)?)
}

/// A text in which every `&`, `<` and `>` is an entity, as people see it.
fn literal(text: &str) -> Result<String, Refused> {
    let mut seen = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(['&', '<', '>']) {
        seen.push_str(&rest[..at]);
        let behind = &rest[at..];
        let (entity, letter) = [("&amp;", '&'), ("&lt;", '<'), ("&gt;", '>')]
            .into_iter()
            .find(|(entity, _)| behind.starts_with(entity))
            .ok_or(format!("a control character: {text:?}"))?;
        seen.push(letter);
        rest = &behind[entity.len()..];
    }
    seen.push_str(rest);
    Ok(seen)
}

/// The formatted text: one link and nothing else. Whatever stands between angle brackets otherwise is a mention or worse.
fn formatted(text: &str) -> Result<String, Refused> {
    let inside = text
        .strip_prefix('<')
        .and_then(|text| text.strip_suffix('>'))
        .ok_or(format!("formatted text that is no link: {text:?}"))?;
    let (url, label) = inside
        .split_once('|')
        .ok_or(format!("a link without a label: {text:?}"))?;
    link(&Value::from(literal(url)?), 3000)?;
    literal(label)
}
