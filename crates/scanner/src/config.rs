//! The properties of a scan as values: read once, checked once, told about in one go when something is missing.

use std::path::{Path, PathBuf};
use std::time::Duration;

use encoding_rs::Encoding;
use gatehook_domain::key::{BadProjectKey, ProjectKey};
use gatehook_domain::time::Timestamp;
use url::Url;

use crate::properties::Properties;
use crate::text::{self, UnknownEncoding};

/// Where the server is when nobody says; the same as for the official scanners.
pub const DEFAULT_HOST: &str = "http://localhost:9000";
/// How long the gate is waited for by default.
const GATE_TIMEOUT: Duration = Duration::from_mins(5);

/// What is analysed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// The main branch.
    Main,
    /// A branch, by name.
    Branch(String),
    /// A pull request.
    PullRequest {
        /// Its key.
        key: String,
        /// The branch it comes from.
        branch: Option<String>,
        /// The branch it goes to.
        base: Option<String>,
    },
}

/// What a scan needs to know, whether or not a server is asked.
#[derive(Clone, Debug)]
pub struct Config {
    /// The project's folder, canonical.
    pub base_dir: PathBuf,
    /// Where the report is written.
    pub working_dir: PathBuf,
    /// Where `report-task.txt` is written.
    pub task_file: PathBuf,
    /// The project.
    pub project_key: ProjectKey,
    /// What is analysed.
    pub target: Target,
    /// How the sources are encoded.
    pub encoding: &'static Encoding,
    /// The server, without a slash at the end.
    pub host: String,
    /// Whether the gate is waited for.
    pub wait: bool,
    /// How long.
    pub gate_timeout: Duration,
    /// When the analysis is said to have been made, instead of now.
    pub date: Option<Timestamp>,
}

/// Properties are missing or wrong.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// Something that every scan needs is not set.
    #[error("the scan needs more to start:\n  - {}", .0.join("\n  - "))]
    Missing(Vec<&'static str>),
    /// The project's folder is not there.
    #[error("the project's folder {} cannot be opened: {source}", path.display())]
    BaseDir {
        /// The folder.
        path: PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// The project's key is none.
    #[error("sonar.projectKey: {0}")]
    ProjectKey(#[from] BadProjectKey),
    /// The encoding is none.
    #[error(transparent)]
    Encoding(#[from] UnknownEncoding),
    /// A value is wrong.
    #[error("{property}: {reason}")]
    Invalid {
        /// The property.
        property: &'static str,
        /// What is wrong.
        reason: String,
    },
}

const NEEDS_KEY: &str =
    "a project: set sonar.projectKey in sonar-project.properties, or give --project KEY (or -Dsonar.projectKey=KEY)";
const NEEDS_TOKEN: &str = "a token: set the environment variable SONAR_TOKEN, or give --token TOKEN (or -Dsonar.token=TOKEN); \
                           make one in the server under your account, or with api/user_tokens/generate";

impl Config {
    /// Reads the properties of a scan that was started in `started_in`. A token is only asked for when the server is.
    pub fn new(started_in: &Path, properties: &Properties, needs_server: bool) -> Result<Self, ConfigError> {
        let mut missing = Vec::new();
        let project_key = properties.get("sonar.projectKey");
        if project_key.is_none() {
            missing.push(NEEDS_KEY);
        }
        if needs_server && properties.token().is_none() {
            missing.push(NEEDS_TOKEN);
        }
        let (Some(project_key), true) = (project_key, missing.is_empty()) else {
            return Err(ConfigError::Missing(missing));
        };

        let base_dir = properties.base_dir(started_in);
        let base_dir =
            std::fs::canonicalize(&base_dir).map_err(|source| ConfigError::BaseDir { path: base_dir, source })?;
        let working_dir = base_dir.join(properties.get("sonar.working.directory").unwrap_or(".scannerwork"));
        let task_file = match properties.get("sonar.scanner.metadataFilePath") {
            None => working_dir.join("report-task.txt"),
            Some(path) if Path::new(path).is_absolute() => PathBuf::from(path),
            Some(path) => {
                return Err(invalid(
                    "sonar.scanner.metadataFilePath",
                    format!("'{path}' is relative; write an absolute path"),
                ));
            }
        };
        let gate_timeout = match properties.get("sonar.qualitygate.timeout") {
            None => GATE_TIMEOUT,
            Some(text) => Duration::from_secs(text.parse().map_err(|_| {
                invalid(
                    "sonar.qualitygate.timeout",
                    format!("'{text}' is not a whole number of seconds"),
                )
            })?),
        };
        let date = match properties.get("sonar.projectDate") {
            None => None,
            Some(text) => {
                Some(Timestamp::parse(text).map_err(|error| invalid("sonar.projectDate", error.to_string()))?)
            }
        };
        Ok(Self {
            base_dir,
            working_dir,
            task_file,
            project_key: ProjectKey::parse(project_key)?,
            target: target(properties)?,
            encoding: properties
                .get("sonar.sourceEncoding")
                .map_or(Ok(encoding_rs::UTF_8), text::encoding)?,
            host: host(properties.get("sonar.host.url").unwrap_or(DEFAULT_HOST))?,
            wait: properties.is_true("sonar.qualitygate.wait"),
            gate_timeout,
            date,
        })
    }
}

fn target(properties: &Properties) -> Result<Target, ConfigError> {
    let branch = properties.get("sonar.branch.name").map(str::to_owned);
    let Some(key) = properties.get("sonar.pullrequest.key") else {
        if let Some(property) = ["sonar.pullrequest.branch", "sonar.pullrequest.base"]
            .into_iter()
            .find(|property| properties.get(property).is_some())
        {
            return Err(invalid(
                property,
                "sonar.pullrequest.key is missing beside it".to_owned(),
            ));
        }
        return Ok(branch.map_or(Target::Main, Target::Branch));
    };
    if branch.is_some() {
        let reason = "a scan is of a branch or of a pull request, so sonar.branch.name and sonar.pullrequest.key exclude each other";
        return Err(invalid("sonar.branch.name", reason.to_owned()));
    }
    let get = |property: &str| properties.get(property).map(str::to_owned);
    Ok(Target::PullRequest {
        key: key.to_owned(),
        branch: get("sonar.pullrequest.branch"),
        base: get("sonar.pullrequest.base"),
    })
}

fn host(text: &str) -> Result<String, ConfigError> {
    let refuse = |reason: &str| invalid("sonar.host.url", reason.to_owned());
    let url = Url::parse(text).map_err(|error| {
        refuse(&format!(
            "'{text}' is not an address ({error}); write for example http://localhost:9000"
        ))
    })?;
    // The address itself is not repeated here, because it holds a password.
    if !url.username().is_empty() || url.password().is_some() {
        return Err(refuse(
            "the address must not hold a user or a password; give the token as SONAR_TOKEN",
        ));
    }
    if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
        return Err(refuse(&format!(
            "'{text}' does not start with http:// or https:// and a name"
        )));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(refuse(&format!(
            "'{text}' has a part after ? or #; give the address of the server only"
        )));
    }
    Ok(text.trim_end_matches('/').to_owned())
}

fn invalid(property: &'static str, reason: String) -> ConfigError {
    ConfigError::Invalid { property, reason }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(values: &[(&str, &str)]) -> Result<Config, ConfigError> {
        let mut properties = Properties::new();
        for (key, value) in values {
            properties.set(key, value);
        }
        Config::new(Path::new("."), &properties, true)
    }

    #[test]
    fn all_that_is_missing_is_listed_at_once_with_what_to_do() {
        let text = config(&[]).unwrap_err().to_string();
        assert!(text.contains("--project KEY") && text.contains("SONAR_TOKEN"), "{text}");
    }

    #[test]
    fn a_scan_is_of_a_branch_or_a_pull_request() {
        let base = [("sonar.projectKey", "k"), ("sonar.token", "t")];
        let with = |more: &[(&'static str, &'static str)]| config(&[&base, more].concat());
        assert_eq!(with(&[]).unwrap().target, Target::Main);
        assert_eq!(
            with(&[("sonar.branch.name", "b")]).unwrap().target,
            Target::Branch("b".to_owned())
        );
        assert!(with(&[("sonar.branch.name", "b"), ("sonar.pullrequest.key", "1")]).is_err());
        assert!(
            with(&[("sonar.pullrequest.base", "main")])
                .unwrap_err()
                .to_string()
                .contains("sonar.pullrequest.key")
        );
    }

    #[test]
    fn the_server_is_an_address_without_a_password() {
        assert_eq!(host("https://x.org/gate/").unwrap(), "https://x.org/gate");
        for bad in ["x.org", "ftp://x.org", "https://x.org/?a=b"] {
            assert!(host(bad).unwrap_err().to_string().contains("sonar.host.url"), "{bad}");
        }
        let error = host("https://me:hidden@x.org").unwrap_err().to_string();
        assert!(!error.contains("hidden"), "{error}");
    }

    #[test]
    fn the_path_of_the_task_file_must_be_absolute() {
        let values = [
            ("sonar.projectKey", "k"),
            ("sonar.token", "t"),
            ("sonar.scanner.metadataFilePath", "a/b.txt"),
        ];
        assert!(config(&values).unwrap_err().to_string().contains("absolute"));
    }
}
