//! GitHub's REST API, by docs.github.com ("Create a commit status"), and by what its validation is known to answer.

use super::{Taken, is_json};
use crate::schema::{Refused, json, link, object, text, word};
use crate::stand_in::Called;

/// The token that may write statuses.
pub(crate) const TOKEN: &str = "github_pat_0123456789";

pub(crate) fn github(call: &Called) -> Result<Taken, Refused> {
    if call.header("authorization") != Some(&format!("Bearer {TOKEN}")) {
        return Err("401 Bad credentials".to_owned());
    }
    if call.header("accept") != Some("application/vnd.github+json")
        || call.header("x-github-api-version") != Some("2022-11-28")
    {
        return Err("not the documented headers".to_owned());
    }
    is_json(call)?;
    let commit = call
        .path
        .strip_prefix("/repos/acme/shop/statuses/")
        .ok_or(format!("404 Not Found: {}", call.path))?;
    if call.method != "POST" || commit.len() != 40 || !commit.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(format!("422 No commit found for SHA: {commit}"));
    }
    let status = json(&call.body)?;
    object(&status, &["state"], &["target_url", "description", "context"])?;
    word(&status["state"], &["error", "failure", "pending", "success"])?;
    if let Some(url) = status.get("target_url") {
        link(url, 65_535)?;
    }
    let mut seen = vec![status["state"].as_str().unwrap_or_default().to_owned()];
    for (name, limit) in [("context", 255), ("description", 140)] {
        if let Some(value) = status.get(name) {
            let text = text(value, limit)?;
            if text.chars().any(|letter| letter > '\u{ffff}') {
                return Err(format!("422 {name} contains unicode characters above 0xffff"));
            }
            seen.push(text.to_owned());
        }
    }
    Ok(Taken { status: 201, seen })
}
