//! A service of somebody's own, called with the template that the documentation shows.

use super::{Taken, is_json};
use crate::schema::{Refused, array, json, object, text, word};
use crate::stand_in::Called;

/// What the documentation says of a template's path: each value is one segment.
pub(crate) const PATH: &str = "/projects/{{ project.key }}/gates/{{ branch.name }}";

pub(crate) fn hub(call: &Called) -> Result<Taken, Refused> {
    is_json(call)?;
    let segments: Vec<&str> = call.path.split('/').collect();
    let ["", "api", "projects", _, "gates", _] = segments.as_slice() else {
        return Err(format!("404 {}", call.path));
    };
    let alert = json(&call.body)?;
    object(&alert, &["summary", "severity", "source", "details"], &[])?;
    word(&alert["severity"], &["critical", "info"])?;
    let mut seen = vec![text(&alert["summary"], 1000)?.to_owned(), alert["source"].to_string()];
    for detail in array(&alert["details"], 0..=1000)? {
        seen.push(text(detail, 1000)?.to_owned());
    }
    Ok(Taken { status: 200, seen })
}

/// The first template of the documentation.
pub(crate) fn template() -> String {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/webhooks.md");
    let page = std::fs::read_to_string(page).unwrap();
    let (_, code) = page.split_once("```jinja\n").unwrap();
    code.split_once("```").unwrap().0.to_owned()
}
