//! The status of a commit on GitHub and GitLab. The revision of the analysis is the commit.

use gatehook_domain::webhook::format::{GitHubStatus, GitLabStatus};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::json;

use super::message::{Condition, Message, Outcome};
use super::{FormatError, JSON, Rendered, fit};

/// GitHub refuses a longer description with "description is too long (maximum is 140 characters)".
const MAX_GITHUB_DESCRIPTION: usize = 140;
/// The longest link that GitHub is given.
const MAX_GITHUB_LINK: usize = 2000;
/// GitLab's documentation ("Set commit pipeline status"): description, name, ref and URL have at most 255 characters.
const MAX_GITLAB_TEXT: usize = 255;
/// What is added to the name of a status that means nothing, so that nothing waits for it or is let through by it.
const TEST: &str = " (test)";
/// Everything but the letters, digits and marks that RFC 3986 leaves alone.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// `POST /repos/{owner}/{repo}/statuses/{sha}`; the webhook's URL is the repository's in the API,
/// `https://api.github.com/repos/{owner}/{repo}`.
pub(super) fn github(status: &GitHubStatus, message: &Message) -> Result<Rendered, FormatError> {
    let commit = commit(message)?;
    let state = match message.outcome {
        Outcome::Passed | Outcome::NoGate | Outcome::Recovered => "success",
        Outcome::Failed => "failure",
        Outcome::TaskFailed | Outcome::Failing => "error",
    };
    // GitHub has refused letters beyond U+FFFF in these members.
    let plane = |letter: char, out: &mut String| out.push(if letter > '\u{ffff}' { '\u{fffd}' } else { letter });
    let mut body = json!({
        "state": state,
        "description": fit::fit(&description(message), MAX_GITHUB_DESCRIPTION, plane),
        "context": fit::fit(&name(status.context(), message), MAX_GITLAB_TEXT, plane),
    });
    if let Some(link) = message.link(MAX_GITHUB_LINK) {
        body["target_url"] = json!(link);
    }
    Ok(Rendered {
        body: body.to_string().into_bytes(),
        content_type: JSON.to_owned(),
        path: Some(format!("/statuses/{commit}")),
    })
}

/// `POST /projects/{id}/statuses/{sha}`; the webhook's URL is the API's, `https://gitlab.example.org/api/v4`.
pub(super) fn gitlab(status: &GitLabStatus, message: &Message) -> Result<Rendered, FormatError> {
    let commit = commit(message)?;
    let state = match message.outcome {
        Outcome::Passed | Outcome::NoGate | Outcome::Recovered => "success",
        Outcome::Failed | Outcome::TaskFailed | Outcome::Failing => "failed",
    };
    let mut body = json!({
        "state": state,
        "name": name(status.name(), message),
        "description": fit::fit(&description(message), MAX_GITLAB_TEXT, fit::plainly),
    });
    if let Some(link) = message.link(MAX_GITLAB_TEXT) {
        body["target_url"] = json!(link);
    }
    // The key of a merge request is no branch. A ref that is cut would be another one.
    let branch = message
        .payload
        .branch
        .as_ref()
        .filter(|branch| branch.kind != "PULL_REQUEST");
    if let Some(name) = branch.and_then(|branch| branch.name.as_deref())
        && !name.trim().is_empty()
        && fit::units(name) <= MAX_GITLAB_TEXT
    {
        body["ref"] = json!(name);
    }
    let project = utf8_percent_encode(status.project(), SEGMENT);
    Ok(Rendered {
        body: body.to_string().into_bytes(),
        content_type: JSON.to_owned(),
        path: Some(format!("/projects/{project}/statuses/{commit}")),
    })
}

/// The hash of the commit: 7 to 64 hexadecimal digits.
fn commit(message: &Message) -> Result<&str, FormatError> {
    let revision = message.payload.revision.as_deref().ok_or(FormatError::NoRevision)?;
    let is_hash = (7..=64).contains(&revision.len()) && revision.bytes().all(|byte| byte.is_ascii_hexdigit());
    if !is_hash {
        return Err(FormatError::NotACommit(fit::fit(
            &fit::line(revision),
            80,
            fit::plainly,
        )));
    }
    Ok(revision)
}

fn name(name: &str, message: &Message) -> String {
    let end = if message.is_test() { TEST } else { "" };
    format!("{name}{end}")
}

/// What went wrong first: the rest is behind the link.
fn description(message: &Message) -> String {
    let headline = message.headline();
    let mut text = if message.is_test() {
        format!("Test: {headline}")
    } else {
        let mut letters = headline.chars();
        let first = letters.next().map(|letter| letter.to_ascii_uppercase());
        first.into_iter().chain(letters).collect()
    };
    let conditions: Vec<String> = message.failing().take(2).map(Condition::text).collect();
    if !conditions.is_empty() {
        text = format!("{text}: {}", conditions.join(", "));
        let more = message.failing().count() - conditions.len();
        if more > 0 {
            text = format!("{text}, {more} more");
        }
    }
    text
}
