//! What a webhook asks for beyond SonarQube's: the parameters that say so, and how it is shown.

use gatehook_domain::Timestamp;
use gatehook_domain::webhook::filter::{MAX_PATTERN_LENGTH, MAX_PATTERNS};
use gatehook_domain::webhook::format::MAX_TEMPLATE_LENGTH;
use gatehook_domain::webhook::header::check_headers;
use gatehook_domain::webhook::{
    CustomHeader, EventKind, Filter, Format, FormatKind, FormatParts, GateSays, HookOptions, Pattern, TaskEnd, Webhook,
    WebhookUrl,
};
use gatehook_webhooks::format;
use secrecy::SecretString;
use serde::Serialize;

use crate::error::ApiError;
use crate::params::{Param, Params};
use crate::shapes::Date;

pub(super) const BRANCHES: Param = Param::list(
    "branches",
    "Patterns for the names of branches (keys of pull requests) it is told about: * is any text, ? any character; none: all",
)
.max_values(MAX_PATTERNS)
.max_length(MAX_PATTERNS * (MAX_PATTERN_LENGTH + 1));
pub(super) const EVENTS: Param =
    Param::list("events", "The kinds of event it is told; none: the first two").possible(&[
        "analysis.completed",
        "gate.changed",
        "webhook.failing",
        "webhook.recovered",
    ]);
pub(super) const FORMAT: Param = Param::text("format", "What the body of its calls looks like; none: SonarQube's")
    .possible(&[
        "sonarqube",
        "slack",
        "teams",
        "discord",
        "mattermost",
        "github-status",
        "gitlab-status",
        "template",
    ]);
pub(super) const FORMAT_CONTENT_TYPE: Param = Param::text(
    "formatContentType",
    "The content type of what a template makes; none: JSON",
)
.max_length(200);
pub(super) const FORMAT_NAME: Param = Param::text(
    "formatName",
    "The context of a GitHub status, the name of a GitLab status",
)
.max_length(200);
pub(super) const FORMAT_PATH: Param = Param::text(
    "formatPath",
    "A template for what is added to the path of the URL; begins with '/'",
)
.max_length(MAX_TEMPLATE_LENGTH);
pub(super) const FORMAT_PROJECT: Param =
    Param::text("formatProject", "The id or the full path of a GitLab project").max_length(255);
pub(super) const FORMAT_TEMPLATE: Param =
    Param::text("formatTemplate", "The template of the body").max_length(MAX_TEMPLATE_LENGTH);
pub(super) const FORMAT_TOKEN: Param =
    Param::text("formatToken", "The token of GitHub or GitLab; never given out").max_length(1024);
pub(super) const GATE_STATUSES: Param = Param::list(
    "gateStatuses",
    "The statuses of the gate it is told about; NONE is: no gate was judged; none: all",
)
.possible(&["OK", "ERROR", "NONE"]);
pub(super) const HEADERS: Param = Param::repeated(
    "headers",
    "Headers that are added to its calls: 'Name: value', one in a line, or the parameter repeated; a name alone keeps the \
     value it has. Values are never given out",
)
.max_length(30_000);
pub(super) const ONLY_GATE_CHANGES: Param = Param::flag(
    "onlyGateChanges",
    "Whether it is told only when the gate's status is another one than before",
);
pub(super) const PROJECTS: Param = Param::list(
    "projects",
    "Patterns for the keys of projects a global webhook is told about; none: all",
)
.max_values(MAX_PATTERNS)
.max_length(MAX_PATTERNS * (MAX_PATTERN_LENGTH + 1));
pub(super) const SKIP_TLS_VERIFICATION: Param = Param::flag(
    "skipTlsVerification",
    "Whether the receiver's certificate is taken as it is. Calls can then be read and changed on the way",
);
pub(super) const STANDARD_WEBHOOKS: Param = Param::flag(
    "standardWebhooks",
    "Whether calls carry the headers of Standard Webhooks as well",
);
pub(super) const TASK_STATUSES: Param =
    Param::list("taskStatuses", "How the task ended it is told about; none: either way")
        .possible(&["SUCCESS", "FAILED"]);

/// What a webhook asks for after a call: what is not given stays, what is blank is taken back.
pub(super) fn changed(
    params: &Params,
    kept: &HookOptions,
    is_global: bool,
    url: &WebhookUrl,
) -> Result<HookOptions, ApiError> {
    let mut options = kept.clone();
    change_filter(params, &mut options.filter, is_global)?;
    if params.given(HEADERS.key) {
        options.headers = headers(params, &kept.headers)?;
    }
    for (key, flag) in [
        (STANDARD_WEBHOOKS.key, &mut options.standard_webhooks),
        (SKIP_TLS_VERIFICATION.key, &mut options.skip_tls_verification),
    ] {
        if params.given(key) {
            *flag = params.flag(key).unwrap_or(false);
        }
    }
    options.format = changed_format(params, &kept.format)?;
    // The URL may have been given a user since the headers were.
    check_headers(&options.headers, url).map_err(|error| ApiError::bad(error.to_string()))?;
    check_format_headers(&options, url)?;
    Ok(options)
}

/// Refuses to send what is kept secret to another server than the one it was given for: whoever may change a webhook need not
/// know its headers' values and its token, and must not get at them by having it call a server of their own.
pub(super) fn keep_from_others(params: &Params, kept: &Webhook, url: &WebhookUrl) -> Result<(), ApiError> {
    if kept.url.target().origin() == url.target().origin() {
        return Ok(());
    }
    let lines = params.repeated(HEADERS.key).iter().flat_map(|text| text.lines());
    let by_name = lines.map(str::trim).any(|line| !line.is_empty() && !line.contains(':'));
    let keeps_headers = !kept.options.headers.is_empty() && (by_name || !params.given(HEADERS.key));
    let keeps_token = kept.options.format.parts().token.is_some()
        && !params.given(FORMAT_TOKEN.key)
        && changed_format(params, &kept.options.format).is_ok_and(|format| format.parts().token.is_some());
    if keeps_headers || keeps_token {
        let what = if keeps_headers { HEADERS.key } else { FORMAT_TOKEN.key };
        return Err(ApiError::bad(format!(
            "The URL leads to another server now: give '{what}' anew, or blank, so that what is kept does not \
             go there unasked"
        )));
    }
    Ok(())
}

fn change_filter(params: &Params, filter: &mut Filter, is_global: bool) -> Result<(), ApiError> {
    if params.given(EVENTS.key) {
        filter.events = params.words(EVENTS.key, EventKind::parse).into_iter().collect();
    }
    if params.given(TASK_STATUSES.key) {
        filter.task_statuses = params.words(TASK_STATUSES.key, TaskEnd::parse).into_iter().collect();
    }
    if params.given(GATE_STATUSES.key) {
        filter.gate_statuses = params.words(GATE_STATUSES.key, GateSays::parse).into_iter().collect();
    }
    if params.given(ONLY_GATE_CHANGES.key) {
        filter.only_gate_changes = params.flag(ONLY_GATE_CHANGES.key).unwrap_or(false);
    }
    if params.given(BRANCHES.key) {
        filter.branches = patterns(params, BRANCHES.key)?;
    }
    if params.given(PROJECTS.key) {
        filter.projects = patterns(params, PROJECTS.key)?;
    }
    if !is_global && !filter.projects.is_empty() {
        return Err(ApiError::bad(
            "'projects' is for global webhooks: this one is told about its own project only",
        ));
    }
    Ok(())
}

fn patterns(params: &Params, key: &str) -> Result<Vec<Pattern>, ApiError> {
    let texts = params.list(key).unwrap_or_default();
    let parsed = texts.iter().map(|text| Pattern::parse(text));
    parsed
        .collect::<Result<_, _>>()
        .map_err(|error| ApiError::bad(format!("'{key}': {error}")))
}

fn headers(params: &Params, kept: &[CustomHeader]) -> Result<Vec<CustomHeader>, ApiError> {
    let lines = params.repeated(HEADERS.key).iter().flat_map(|text| text.lines());
    lines
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .map(|line| match line.split_once(':') {
            Some((name, value)) => {
                CustomHeader::parse(name.trim(), value.trim()).map_err(|error| ApiError::bad(error.to_string()))
            }
            // The line is not told: perhaps it is a value.
            None => kept.iter().find(|header| header.is_named(line)).cloned().ok_or_else(|| {
                ApiError::bad("A header is written as 'Name: value'; a name alone keeps the value that it has, and it has none")
            }),
        })
        .collect()
}

/// The format after a call. Within a kind parts are changed one by one; another kind begins anew.
pub(super) fn changed_format(params: &Params, kept: &Format) -> Result<Format, ApiError> {
    if !is_format_given(params) {
        return Ok(kept.clone());
    }
    let kind = match params.text(FORMAT.key) {
        Some(word) => FormatKind::parse(word).map_err(|error| ApiError::bad(error.to_string()))?,
        None if params.given(FORMAT.key) => FormatKind::SonarQube,
        None => kept.kind(),
    };
    let mut parts = if kind == kept.kind() {
        kept.parts()
    } else {
        FormatParts::default()
    };
    if params.given(FORMAT_TOKEN.key) {
        parts.token = params.text(FORMAT_TOKEN.key).map(SecretString::from);
    }
    for (key, part) in [
        (FORMAT_NAME.key, &mut parts.name),
        (FORMAT_PROJECT.key, &mut parts.project),
        (FORMAT_TEMPLATE.key, &mut parts.body),
        (FORMAT_CONTENT_TYPE.key, &mut parts.content_type),
        (FORMAT_PATH.key, &mut parts.path),
    ] {
        if params.given(key) {
            *part = params.text(key).map(str::to_owned);
        }
    }
    Format::new(kind, parts).map_err(|error| ApiError::bad(error.to_string()))
}

/// Whether a call says anything about the format.
pub(super) fn is_format_given(params: &Params) -> bool {
    const KEYS: [Param; 7] = [
        FORMAT,
        FORMAT_TOKEN,
        FORMAT_NAME,
        FORMAT_PROJECT,
        FORMAT_TEMPLATE,
        FORMAT_CONTENT_TYPE,
        FORMAT_PATH,
    ];
    KEYS.iter().any(|param| params.given(param.key))
}

/// Refuses headers, and a user in the URL, that would become a header which the format sets.
fn check_format_headers(options: &HookOptions, url: &WebhookUrl) -> Result<(), ApiError> {
    let kind = options.format.kind();
    for (name, _) in format::headers(&options.format) {
        if options.headers.iter().any(|header| header.is_named(name.as_str())) {
            return Err(ApiError::bad(format!(
                "The header '{name}' is set by the format '{kind}'"
            )));
        }
        if name == "authorization" && url.credentials().is_some() {
            return Err(ApiError::bad(format!(
                "The URL cannot have a user: the format '{kind}' shows its token in the header that this becomes"
            )));
        }
    }
    Ok(())
}

/// Has a template tried on every kind of event; away from the threads that answer requests, because it may take some time.
pub(super) async fn check_template(format: Format) -> Result<(), ApiError> {
    let checked = tokio::task::spawn_blocking(move || format::check(&format)).await;
    checked
        .map_err(ApiError::unknown)?
        .map_err(|error| ApiError::bad(error.to_string()))
}

/// What a webhook asks for, as it is shown: no secret, no token, no header's value.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Shown {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    events: Vec<EventKind>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    task_statuses: Vec<TaskEnd>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    gate_statuses: Vec<GateSays>,
    only_gate_changes: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    branches: Vec<Pattern>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    projects: Vec<Pattern>,
    /// Their names.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    headers: Vec<String>,
    standard_webhooks: bool,
    skip_tls_verification: bool,
    /// Until when the secret before the present one is valid too.
    #[serde(skip_serializing_if = "Option::is_none")]
    previous_secret_until: Option<Date>,
    format: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    format_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    format_project: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    format_template: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    format_content_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    format_path: Option<String>,
    has_format_token: bool,
}

impl Shown {
    pub(super) fn of(options: HookOptions, now: Timestamp) -> Self {
        let is_valid = options.previous_secret_at(now).is_some();
        let HookOptions {
            filter,
            headers,
            previous_secret,
            standard_webhooks,
            skip_tls_verification,
            format,
        } = options;
        let parts = format.parts();
        Self {
            events: filter.events.into_iter().collect(),
            task_statuses: filter.task_statuses.into_iter().collect(),
            gate_statuses: filter.gate_statuses.into_iter().collect(),
            only_gate_changes: filter.only_gate_changes,
            branches: filter.branches,
            projects: filter.projects,
            headers: headers.iter().map(|header| header.name().to_owned()).collect(),
            standard_webhooks,
            skip_tls_verification,
            previous_secret_until: previous_secret
                .filter(|_| is_valid)
                .map(|previous| Date(previous.valid_until)),
            format: format.word(),
            format_name: parts.name,
            format_project: parts.project,
            format_template: parts.body,
            format_content_type: parts.content_type,
            format_path: parts.path,
            has_format_token: parts.token.is_some(),
        }
    }
}

/// Says in the log that a webhook does not check its receiver's certificate.
pub(super) fn warn_of_skipped_tls(webhook: &Webhook) {
    if webhook.options.skip_tls_verification {
        tracing::warn!(
            webhook = %webhook.id,
            url = %webhook.url.masked(),
            "a webhook was saved that does not check its receiver's certificate: its calls can be read and changed on the way"
        );
    }
}
