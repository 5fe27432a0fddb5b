//! GitLab's REST API, by docs.gitlab.com ("Commits API", "Set commit pipeline status").

use super::{Taken, is_json};
use crate::schema::{Refused, json, link, object, text, word};
use crate::stand_in::Called;

/// The token that may write statuses.
pub(crate) const TOKEN: &str = "glpat-0123456789";

pub(crate) fn gitlab(call: &Called) -> Result<Taken, Refused> {
    if call.header("private-token") != Some(TOKEN) {
        return Err("401 Unauthorized".to_owned());
    }
    is_json(call)?;
    // The path of a project is one segment, its slashes encoded.
    let commit = call
        .path
        .strip_prefix("/api/v4/projects/acme%2Fback%2Fshop/statuses/")
        .ok_or(format!("404 Project Not Found: {}", call.path))?;
    if call.method != "POST" || commit.len() != 40 || !commit.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(format!("404 Commit Not Found: {commit}"));
    }
    let status = json(&call.body)?;
    object(
        &status,
        &["state"],
        &[
            "name",
            "context",
            "target_url",
            "description",
            "ref",
            "coverage",
            "pipeline_id",
        ],
    )?;
    word(
        &status["state"],
        &["pending", "running", "success", "failed", "canceled", "skipped"],
    )?;
    if let Some(url) = status.get("target_url") {
        link(url, 255)?;
    }
    let mut seen = vec![status["state"].as_str().unwrap_or_default().to_owned()];
    for name in ["name", "description", "ref"] {
        if let Some(value) = status.get(name) {
            seen.push(text(value, 255)?.to_owned());
        }
    }
    Ok(Taken { status: 201, seen })
}
