//! The body of a call in the format that its webhook asks for. Pure: from SonarQube's JSON of an event to bytes.
//!
//! Names of projects, branches and gates come from outside. Each format writes them so that they are only ever read as
//! text: they ping nobody, link nowhere and format nothing. Each message stays within the limits of its service whatever
//! the names are.

mod discord;
mod fit;
mod mattermost;
mod message;
mod sample;
mod slack;
mod status;
mod teams;
mod template;

use gatehook_domain::webhook::{EventKind, Format};
use http::header::{ACCEPT, AUTHORIZATION, HeaderName};
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use message::Message;

/// The longest body that a template makes, in bytes.
pub const MAX_RENDERED: usize = 1024 * 1024;

/// The content type of every format but templates, which have their own.
const JSON: &str = "application/json; charset=utf-8";

/// A body, and what goes with it. It holds nothing secret, so it can be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendered {
    /// The body, exactly as it is signed and sent.
    pub body: Vec<u8>,
    /// The value of `Content-Type`.
    pub content_type: String,
    /// What is added to the path of the webhook's URL, see [`target`]; percent-encoded, and beginning with `/`.
    pub path: Option<String>,
}

/// Why an event has no body in a format, in words for the administrator of the webhook.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FormatError {
    /// The event's own JSON cannot be read.
    #[error("The payload of the event cannot be read")]
    Payload,
    /// A status belongs to a commit, and the event names none.
    #[error(
        "The event has no revision, so there is no commit that could get a status; the analysis was made outside of version \
         control, or failed before its revision was known"
    )]
    NoRevision,
    /// A status belongs to a commit, and the revision is none of Git's.
    #[error("The revision '{0}' is not the hash of a Git commit, so there is no commit that could get a status")]
    NotACommit(String),
    /// The template is wrong, or asks for what this event does not have.
    #[error("{part}, line {line}: {reason}{occasion}")]
    Template {
        /// The body or the path.
        part: &'static str,
        /// Counted from 1.
        line: usize,
        /// What is wrong.
        reason: String,
        /// For which kind of event, when it is not wrong for all of them.
        occasion: &'static str,
    },
    /// The template makes more than [`MAX_RENDERED`] bytes.
    #[error("The template makes more than 1 MiB{0}")]
    TooLong(&'static str),
    /// The template takes more work than a body is worth.
    #[error("The template takes too much time or memory{0}")]
    TooMuchWork(&'static str),
    /// The template says that it makes JSON, and does not.
    #[error(
        "The template does not make JSON (line {line}, column {column} of what it makes{occasion}); write values as \
         {{{{ value | tojson }}}}, without quotes around them"
    )]
    NotJson {
        /// Line of the output, from 1.
        line: usize,
        /// Column of the output, from 1.
        column: usize,
        /// For which kind of event.
        occasion: &'static str,
    },
    /// The path that the template makes leads elsewhere.
    #[error("The path that the template makes is not one: {0}{1}")]
    Path(&'static str, &'static str),
}

/// The body that an event has in a format. `payload` is SonarQube's JSON of the event, as [`crate::payload`] makes it.
///
/// [`Format::SonarQube`] is that payload, byte for byte.
pub fn render(format: &Format, event: EventKind, payload: &[u8]) -> Result<Rendered, FormatError> {
    if let Format::SonarQube = format {
        return Ok(Rendered {
            body: payload.to_vec(),
            content_type: JSON.to_owned(),
            path: None,
        });
    }
    let message = Message::read(event, payload)?;
    let plain = |body| Rendered {
        body,
        content_type: JSON.to_owned(),
        path: None,
    };
    match format {
        Format::SonarQube => Ok(plain(payload.to_vec())),
        Format::Slack => Ok(plain(slack::body(&message))),
        Format::MicrosoftTeams => Ok(plain(teams::body(&message))),
        Format::Discord => Ok(plain(discord::body(&message))),
        Format::Mattermost => Ok(plain(mattermost::body(&message))),
        Format::GitHubStatus(github) => status::github(github, &message),
        Format::GitLabStatus(gitlab) => status::gitlab(gitlab, &message),
        Format::Template(own) => template::render(own, &message, payload, ""),
    }
}

/// Whether a format can be kept: a template must make a body, and a path, of every kind of event. The names in the
/// events that it is tried on are hostile, so that a template which does not escape them is found now and not by the first
/// branch with a quotation mark in it.
pub fn check(format: &Format) -> Result<(), FormatError> {
    let Format::Template(own) = format else {
        return Ok(());
    };
    for sample in sample::ALL {
        let message = Message::read(sample.event, sample.payload.as_bytes())?;
        template::render(own, &message, sample.payload.as_bytes(), sample.occasion)?;
    }
    Ok(())
}

/// The headers that a format adds to each call, made when the call is made and never stored: most are secret. They belong
/// to the host of the webhook's URL: like credentials they must not follow a redirect to another origin.
pub fn headers(format: &Format) -> Vec<(HeaderName, SecretString)> {
    match format {
        // The version is asked for by GitHub's documentation of its REST API; without it the oldest one answers.
        Format::GitHubStatus(status) => vec![
            (
                AUTHORIZATION,
                SecretString::from(format!("Bearer {}", status.token().expose_secret())),
            ),
            (ACCEPT, SecretString::from("application/vnd.github+json")),
            (
                HeaderName::from_static("x-github-api-version"),
                SecretString::from("2022-11-28"),
            ),
        ],
        Format::GitLabStatus(status) => vec![(HeaderName::from_static("private-token"), status.token().clone())],
        _ => Vec::new(),
    }
}

/// The `Content-Type` of the bodies of a format.
pub fn content_type(format: &Format) -> &str {
    match format {
        Format::Template(own) => own.content_type(),
        _ => JSON,
    }
}

/// The URL to call: the webhook's, with what the format adds behind its path. Query and host stay.
pub fn target(url: &Url, path: Option<&str>) -> Url {
    let mut target = url.clone();
    if let Some(path) = path {
        let whole = format!("{}{path}", url.path().trim_end_matches('/'));
        target.set_path(&whole);
    }
    target
}

#[cfg(test)]
mod tests {
    use super::*;
    use gatehook_domain::webhook::{FormatKind, FormatParts};
    use rstest::rstest;

    fn format(kind: FormatKind) -> Format {
        let is_status = matches!(kind, FormatKind::GitHubStatus | FormatKind::GitLabStatus);
        let parts = FormatParts {
            token: is_status.then(|| SecretString::from("hunter2")),
            project: (kind == FormatKind::GitLabStatus).then(|| "acme/back/shop".to_owned()),
            ..FormatParts::default()
        };
        Format::new(kind, parts).unwrap()
    }

    #[rstest]
    #[case(FormatKind::Slack)]
    #[case(FormatKind::MicrosoftTeams)]
    #[case(FormatKind::Discord)]
    #[case(FormatKind::Mattermost)]
    #[case(FormatKind::GitHubStatus)]
    #[case(FormatKind::GitLabStatus)]
    fn a_failed_gate_looks_like_this(#[case] kind: FormatKind) {
        let sample = &sample::ALL[0];
        let rendered = render(&format(kind), sample.event, sample.payload.as_bytes()).unwrap();
        let body: serde_json::Value = serde_json::from_slice(&rendered.body).unwrap();
        insta::assert_snapshot!(
            kind.as_str(),
            format!("{}\n{body:#}", rendered.path.as_deref().unwrap_or("(no path)"))
        );
    }

    #[test]
    fn the_token_is_in_the_headers_of_a_call_and_nowhere_else() {
        for (kind, name, value) in [
            (FormatKind::GitHubStatus, "authorization", "Bearer hunter2"),
            (FormatKind::GitLabStatus, "private-token", "hunter2"),
        ] {
            let format = format(kind);
            let headers = headers(&format);
            assert_eq!((headers[0].0.as_str(), headers[0].1.expose_secret()), (name, value));
            let sample = &sample::ALL[0];
            let rendered = render(&format, sample.event, sample.payload.as_bytes()).unwrap();
            assert!(!format!("{rendered:?}{headers:?}{format:?}").contains("hunter2"));
        }
        assert!(headers(&format(FormatKind::Slack)).is_empty());
    }

    #[test]
    fn a_path_stands_behind_the_one_of_the_url() {
        let to = |url: &str, path: Option<&str>| target(&Url::parse(url).unwrap(), path).to_string();
        assert_eq!(to("https://a.example/b?c=d", None), "https://a.example/b?c=d");
        assert_eq!(
            to("https://a.example/b/?c=d", Some("/e%2Ff")),
            "https://a.example/b/e%2Ff?c=d"
        );
        assert_eq!(to("https://a.example", Some("/e")), "https://a.example/e");
    }

    #[test]
    fn a_payload_that_is_none_is_told() {
        let refused = render(&format(FormatKind::Slack), EventKind::GateChanged, b"{}").unwrap_err();
        assert_eq!(refused, FormatError::Payload);
    }
}
