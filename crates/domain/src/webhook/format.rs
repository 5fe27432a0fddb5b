//! What the body of a call looks like: SonarQube's, the message of a chat service, the status of a commit, or what a
//! template makes of it.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::words::words;

/// The longest token of GitHub or GitLab, in characters. Those of today have 20 to 300.
pub const MAX_TOKEN_LENGTH: usize = 1024;
/// The longest context of a GitHub status and name of a GitLab status, in characters. GitLab takes 255; what we add for
/// a test fits in as well.
pub const MAX_STATUS_NAME_LENGTH: usize = 200;
/// The longest id or path of a GitLab project, in characters.
pub const MAX_GITLAB_PROJECT_LENGTH: usize = 255;
/// The longest source of a template, in bytes; of the body, and separately of the path. The time to read one grows faster
/// than its length when it is written to take long.
pub const MAX_TEMPLATE_LENGTH: usize = 16 * 1024;
/// The longest content type of a template, in characters.
pub const MAX_CONTENT_TYPE_LENGTH: usize = 200;
/// The context of a GitHub status and the name of a GitLab status unless somebody chose another one.
pub const DEFAULT_STATUS_NAME: &str = "gatehook/quality-gate";
/// The content type of a template's body unless somebody chose another one.
pub const DEFAULT_CONTENT_TYPE: &str = "application/json; charset=utf-8";

words! {
    /// The formats by name, as they are written in requests and answers.
    FormatKind {
        /// The JSON that SonarQube sends.
        SonarQube = "sonarqube",
        /// A message for a Slack incoming webhook.
        Slack = "slack",
        /// An adaptive card for a Microsoft Teams workflow.
        MicrosoftTeams = "teams",
        /// A message for a Discord webhook.
        Discord = "discord",
        /// A message for a Mattermost incoming webhook.
        Mattermost = "mattermost",
        /// The status of a commit on GitHub.
        GitHubStatus = "github-status",
        /// The status of a commit on GitLab.
        GitLabStatus = "gitlab-status",
        /// What a template of one's own makes of it.
        Template = "template",
    }
}

/// What the body of a call looks like.
///
/// Its serde form holds the tokens in the clear: it is for the sealed column of the store, and for nothing that is
/// shown. `Debug` shows no token.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(tag = "format", rename_all = "kebab-case")]
pub enum Format {
    /// The JSON that SonarQube sends.
    #[default]
    #[serde(rename = "sonarqube")]
    SonarQube,
    /// A message for a Slack incoming webhook.
    Slack,
    /// An adaptive card for a Microsoft Teams workflow.
    #[serde(rename = "teams")]
    MicrosoftTeams,
    /// A message for a Discord webhook.
    Discord,
    /// A message for a Mattermost incoming webhook.
    Mattermost,
    /// The status of a commit on GitHub.
    #[serde(rename = "github-status")]
    GitHubStatus(GitHubStatus),
    /// The status of a commit on GitLab.
    #[serde(rename = "gitlab-status")]
    GitLabStatus(GitLabStatus),
    /// What a template of one's own makes of it.
    Template(Template),
}

/// How statuses are written to commits on GitHub.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(try_from = "FormatParts", into = "FormatParts")]
pub struct GitHubStatus {
    token: SecretString,
    context: String,
}

/// How statuses are written to commits on GitLab.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(try_from = "FormatParts", into = "FormatParts")]
pub struct GitLabStatus {
    token: SecretString,
    project: String,
    name: String,
}

/// A template of one's own. That it renders is not known here: see `gatehook_webhooks::format::check`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(try_from = "FormatParts", into = "FormatParts")]
pub struct Template {
    body: String,
    content_type: String,
    path: Option<String>,
}

/// Everything that some format needs to be told, as a request brings it.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FormatParts {
    /// The token of GitHub or GitLab.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        serialize_with = "exposed",
        deserialize_with = "hidden"
    )]
    pub token: Option<SecretString>,
    /// The context of a GitHub status, or the name of a GitLab status; [`DEFAULT_STATUS_NAME`] without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The id or the full path (`group/project`) of a GitLab project.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project: Option<String>,
    /// The source of a template's body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// The content type of a template's body; [`DEFAULT_CONTENT_TYPE`] without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
    /// The source of what a template adds to the path of the URL; nothing without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
}

/// Why something is no format, in words for the person who wrote it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadFormat {
    /// Something that the format cannot do without.
    #[error("The format '{0}' needs {1}")]
    Missing(FormatKind, &'static str),
    /// Something that the format has no use for.
    #[error("The format '{0}' takes no {1}")]
    Surplus(FormatKind, &'static str),
    /// A token that cannot stand in a header.
    #[error("The token has 1 to 1024 visible ASCII characters and no spaces")]
    Token,
    /// A context or name that the services would refuse.
    #[error("The name of the status has 1 to 200 characters and no line breaks")]
    Name,
    /// No id and no path of a GitLab project.
    #[error("The GitLab project is its number or its full path, such as 'group/project', with at most 255 characters")]
    Project,
    /// A template that is too long.
    #[error("A template has at most 16384 bytes")]
    TooLong,
    /// A template without a letter.
    #[error("The template is empty")]
    Empty,
    /// A text that cannot stand in the header `Content-Type`.
    #[error("'{0}' is not a content type, such as 'application/json' or 'text/plain; charset=utf-8'")]
    ContentType(String),
    /// A path that leads to another host, or nowhere.
    #[error("The path of a template begins with '/'")]
    Path,
}

impl Format {
    /// The format of this kind, made of these parts; every part that the kind has no use for is refused, so that nobody
    /// believes that it holds.
    pub fn new(kind: FormatKind, parts: FormatParts) -> Result<Self, BadFormat> {
        let taken = Taken { kind, parts: &parts };
        match kind {
            FormatKind::SonarQube => taken.nothing(Self::SonarQube),
            FormatKind::Slack => taken.nothing(Self::Slack),
            FormatKind::MicrosoftTeams => taken.nothing(Self::MicrosoftTeams),
            FormatKind::Discord => taken.nothing(Self::Discord),
            FormatKind::Mattermost => taken.nothing(Self::Mattermost),
            FormatKind::GitHubStatus => GitHubStatus::try_from(parts).map(Self::GitHubStatus),
            FormatKind::GitLabStatus => GitLabStatus::try_from(parts).map(Self::GitLabStatus),
            FormatKind::Template => Template::try_from(parts).map(Self::Template),
        }
    }

    /// Which format it is.
    pub fn kind(&self) -> FormatKind {
        match self {
            Self::SonarQube => FormatKind::SonarQube,
            Self::Slack => FormatKind::Slack,
            Self::MicrosoftTeams => FormatKind::MicrosoftTeams,
            Self::Discord => FormatKind::Discord,
            Self::Mattermost => FormatKind::Mattermost,
            Self::GitHubStatus(_) => FormatKind::GitHubStatus,
            Self::GitLabStatus(_) => FormatKind::GitLabStatus,
            Self::Template(_) => FormatKind::Template,
        }
    }

    /// The word that it is called by in requests and answers.
    pub fn word(&self) -> &'static str {
        self.kind().as_str()
    }

    /// What it is made of, the token included: to change a part, and for nothing that is shown.
    pub fn parts(&self) -> FormatParts {
        match self.clone() {
            Self::GitHubStatus(status) => status.into(),
            Self::GitLabStatus(status) => status.into(),
            Self::Template(template) => template.into(),
            _ => FormatParts::default(),
        }
    }

    /// True for SonarQube's own body, which is sent as it was stored.
    pub fn is_default(&self) -> bool {
        matches!(self, Self::SonarQube)
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl GitHubStatus {
    /// What a request to GitHub is authorised with.
    pub fn token(&self) -> &SecretString {
        &self.token
    }

    /// What sets this status apart from others of the same commit.
    pub fn context(&self) -> &str {
        &self.context
    }
}

impl GitLabStatus {
    /// What a request to GitLab is authorised with.
    pub fn token(&self) -> &SecretString {
        &self.token
    }

    /// The id or the full path of the project.
    pub fn project(&self) -> &str {
        &self.project
    }

    /// What sets this status apart from others of the same commit.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl Template {
    /// The source of the body.
    pub fn body(&self) -> &str {
        &self.body
    }

    /// The content type of the body.
    pub fn content_type(&self) -> &str {
        &self.content_type
    }

    /// The source of what is added to the path of the URL.
    pub fn path(&self) -> Option<&str> {
        self.path.as_deref()
    }
}

impl TryFrom<FormatParts> for GitHubStatus {
    type Error = BadFormat;

    fn try_from(parts: FormatParts) -> Result<Self, BadFormat> {
        let taken = Taken {
            kind: FormatKind::GitHubStatus,
            parts: &parts,
        };
        taken.no_project()?;
        taken.no_template()?;
        Ok(Self {
            token: taken.token()?,
            context: taken.name()?,
        })
    }
}

impl TryFrom<FormatParts> for GitLabStatus {
    type Error = BadFormat;

    fn try_from(parts: FormatParts) -> Result<Self, BadFormat> {
        let taken = Taken {
            kind: FormatKind::GitLabStatus,
            parts: &parts,
        };
        taken.no_template()?;
        Ok(Self {
            token: taken.token()?,
            project: taken.project()?,
            name: taken.name()?,
        })
    }
}

impl TryFrom<FormatParts> for Template {
    type Error = BadFormat;

    fn try_from(parts: FormatParts) -> Result<Self, BadFormat> {
        let taken = Taken {
            kind: FormatKind::Template,
            parts: &parts,
        };
        taken.no_project()?;
        taken.no_status()?;
        let body = parts
            .body
            .ok_or(BadFormat::Missing(FormatKind::Template, "a template"))?;
        let path = parts.path.filter(|path| !path.is_empty());
        if body.trim().is_empty() {
            return Err(BadFormat::Empty);
        }
        if body.len() > MAX_TEMPLATE_LENGTH || path.as_ref().is_some_and(|path| path.len() > MAX_TEMPLATE_LENGTH) {
            return Err(BadFormat::TooLong);
        }
        // Whatever the template makes of the rest, what it adds stays on the host of the URL.
        if path
            .as_ref()
            .is_some_and(|path| !path.starts_with('/') || path.starts_with("//"))
        {
            return Err(BadFormat::Path);
        }
        let content_type = match parts.content_type {
            Some(written) if !written.trim().is_empty() => content_type(&written)?,
            _ => DEFAULT_CONTENT_TYPE.to_owned(),
        };
        Ok(Self {
            body,
            content_type,
            path,
        })
    }
}

impl From<GitHubStatus> for FormatParts {
    fn from(status: GitHubStatus) -> Self {
        Self {
            token: Some(status.token),
            name: Some(status.context),
            ..Self::default()
        }
    }
}

impl From<GitLabStatus> for FormatParts {
    fn from(status: GitLabStatus) -> Self {
        Self {
            token: Some(status.token),
            project: Some(status.project),
            name: Some(status.name),
            ..Self::default()
        }
    }
}

impl From<Template> for FormatParts {
    fn from(template: Template) -> Self {
        Self {
            body: Some(template.body),
            content_type: Some(template.content_type),
            path: template.path,
            ..Self::default()
        }
    }
}

/// The parts that a format of this kind takes what it needs from.
struct Taken<'a> {
    kind: FormatKind,
    parts: &'a FormatParts,
}

impl Taken<'_> {
    fn nothing(&self, format: Format) -> Result<Format, BadFormat> {
        self.no_status()?;
        self.no_project()?;
        self.no_template()?;
        Ok(format)
    }

    fn no_status(&self) -> Result<(), BadFormat> {
        self.none(self.parts.token.is_some(), "token")?;
        self.none(self.parts.name.is_some(), "name of a status")
    }

    fn no_project(&self) -> Result<(), BadFormat> {
        self.none(self.parts.project.is_some(), "project")
    }

    fn no_template(&self) -> Result<(), BadFormat> {
        self.none(self.parts.body.is_some(), "template")?;
        self.none(self.parts.content_type.is_some(), "content type")?;
        self.none(self.parts.path.is_some(), "path")
    }

    fn none(&self, given: bool, what: &'static str) -> Result<(), BadFormat> {
        if given {
            return Err(BadFormat::Surplus(self.kind, what));
        }
        Ok(())
    }

    fn token(&self) -> Result<SecretString, BadFormat> {
        let token = self
            .parts
            .token
            .as_ref()
            .ok_or(BadFormat::Missing(self.kind, "a token"))?;
        let text = token.expose_secret();
        if text.is_empty() || text.len() > MAX_TOKEN_LENGTH || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(BadFormat::Token);
        }
        Ok(token.clone())
    }

    fn name(&self) -> Result<String, BadFormat> {
        let name = match self.parts.name.as_deref().map(str::trim) {
            None | Some("") => DEFAULT_STATUS_NAME,
            Some(name) => name,
        };
        if name.chars().count() > MAX_STATUS_NAME_LENGTH || name.chars().any(char::is_control) {
            return Err(BadFormat::Name);
        }
        Ok(name.to_owned())
    }

    fn project(&self) -> Result<String, BadFormat> {
        let project = self.parts.project.as_deref().map(str::trim).unwrap_or_default();
        if project.is_empty() {
            return Err(BadFormat::Missing(self.kind, "the number or the path of a project"));
        }
        let is_id = project.bytes().all(|byte| byte.is_ascii_digit());
        let is_path = project.contains('/') && project.split('/').all(|part| !matches!(part, "" | "." | ".."));
        if project.chars().count() > MAX_GITLAB_PROJECT_LENGTH
            || project
                .chars()
                .any(|letter| letter.is_control() || letter.is_whitespace())
            || !(is_id || is_path)
        {
            return Err(BadFormat::Project);
        }
        Ok(project.to_owned())
    }
}

/// A media type and parameters in the plain form: `type/subtype; name=value`.
fn content_type(written: &str) -> Result<String, BadFormat> {
    let is_token = |text: &str| {
        !text.is_empty()
            && text
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
    };
    let text = written.trim();
    let mut parts = text.split(';').map(str::trim);
    let media = parts.next().and_then(|media| media.split_once('/'));
    let is_media = media.is_some_and(|(kind, detail)| is_token(kind) && is_token(detail));
    let are_parameters = parts.all(|part| {
        part.split_once('=')
            .is_some_and(|(name, value)| is_token(name) && is_token(value))
    });
    if !is_media || !are_parameters || text.len() > MAX_CONTENT_TYPE_LENGTH {
        return Err(BadFormat::ContentType(written.chars().take(100).collect()));
    }
    Ok(text.to_owned())
}

#[expect(clippy::ref_option, reason = "the form that serde asks for")]
fn exposed<S: Serializer>(token: &Option<SecretString>, serializer: S) -> Result<S::Ok, S::Error> {
    token.as_ref().map(ExposeSecret::expose_secret).serialize(serializer)
}

fn hidden<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<SecretString>, D::Error> {
    Ok(Option::<String>::deserialize(deserializer)?.map(SecretString::from))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(text: &str) -> FormatParts {
        serde_json::from_str(text).unwrap()
    }

    fn refused(kind: FormatKind, text: &str) -> String {
        Format::new(kind, parts(text)).unwrap_err().to_string()
    }

    fn every_format() -> Vec<Format> {
        let of = |kind| match kind {
            FormatKind::GitHubStatus => parts(r#"{"token":"ghp_hunter2","name":"ci/gate"}"#),
            FormatKind::GitLabStatus => parts(r#"{"token":"glpat-hunter2","project":"a/b"}"#),
            FormatKind::Template => parts(r#"{"body":"{{ title }}","path":"/a"}"#),
            _ => FormatParts::default(),
        };
        FormatKind::ALL
            .iter()
            .map(|kind| Format::new(*kind, of(*kind)).unwrap())
            .collect()
    }

    #[test]
    fn every_format_is_kept_with_its_token_and_shown_without() {
        for format in every_format() {
            let kept = serde_json::to_string(&format).unwrap();
            let read: Format = serde_json::from_str(&kept).unwrap();
            assert_eq!(serde_json::to_string(&read).unwrap(), kept);
            assert_eq!(read.word(), format.word());
            assert!(
                !format!("{format:?} {:?}", format.parts()).contains("hunter2"),
                "{format:?}"
            );
            let again = Format::new(format.kind(), format.parts()).unwrap();
            assert_eq!(serde_json::to_string(&again).unwrap(), kept);
        }
        let github = serde_json::to_string(&every_format()[5]).unwrap();
        assert_eq!(
            github,
            r#"{"format":"github-status","token":"ghp_hunter2","name":"ci/gate"}"#
        );
        assert_eq!(
            serde_json::to_string(&Format::default()).unwrap(),
            r#"{"format":"sonarqube"}"#
        );
    }

    #[test]
    fn what_is_not_said_has_a_default() {
        let Format::GitLabStatus(status) = Format::new(
            FormatKind::GitLabStatus,
            parts(r#"{"token":"t","project":"17","name":" "}"#),
        )
        .unwrap() else {
            panic!("another format")
        };
        assert_eq!((status.project(), status.name()), ("17", DEFAULT_STATUS_NAME));
        let Format::Template(template) = Format::new(
            FormatKind::Template,
            parts(r#"{"body":"x","path":"","content_type":""}"#),
        )
        .unwrap() else {
            panic!("another format")
        };
        assert_eq!((template.content_type(), template.path()), (DEFAULT_CONTENT_TYPE, None));
    }

    #[test]
    fn a_part_that_would_not_hold_is_refused() {
        assert_eq!(
            refused(FormatKind::Slack, r#"{"token":"t"}"#),
            "The format 'slack' takes no token"
        );
        assert_eq!(
            refused(FormatKind::Template, r#"{"body":"x","project":"1"}"#),
            "The format 'template' takes no project"
        );
        assert_eq!(
            refused(FormatKind::GitHubStatus, r#"{"token":"t","path":"/x"}"#),
            "The format 'github-status' takes no path"
        );
    }

    #[test]
    fn what_the_services_would_refuse_is_refused_here() {
        let github = |text: &str| refused(FormatKind::GitHubStatus, text);
        assert_eq!(github("{}"), "The format 'github-status' needs a token");
        for token in ["", "a b", "a\\nb", "tökén"] {
            let text = format!(r#"{{"token":"{token}"}}"#);
            assert_eq!(github(&text), BadFormat::Token.to_string(), "{token}");
        }
        assert_eq!(github(r#"{"token":"t","name":"a\nb"}"#), BadFormat::Name.to_string());
        for project in ["shop", "../x", "a//b", "a/b c", "a/.."] {
            let text = format!(r#"{{"token":"t","project":"{project}"}}"#);
            assert_eq!(
                refused(FormatKind::GitLabStatus, &text),
                BadFormat::Project.to_string(),
                "{project}"
            );
        }
        for path in ["x", "//evil.example/", "https://evil.example/"] {
            let text = format!(r#"{{"body":"x","path":"{path}"}}"#);
            assert_eq!(
                refused(FormatKind::Template, &text),
                BadFormat::Path.to_string(),
                "{path}"
            );
        }
        for kind in ["json", "a/b\\r\\nX: y", "a/b; c", "text/plän"] {
            let text = format!(r#"{{"body":"x","content_type":"{kind}"}}"#);
            assert!(
                refused(FormatKind::Template, &text).contains("is not a content type"),
                "{kind}"
            );
        }
        assert_eq!(
            refused(FormatKind::Template, r#"{"body":" "}"#),
            BadFormat::Empty.to_string()
        );
        let long = format!(r#"{{"body":"{}"}}"#, "x".repeat(MAX_TEMPLATE_LENGTH + 1));
        assert_eq!(refused(FormatKind::Template, &long), BadFormat::TooLong.to_string());
    }
}
