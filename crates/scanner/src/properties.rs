//! Analysis properties: where they come from and which source counts.
//!
//! Command line before environment before `sonar-project.properties` before defaults. The token never enters the map: it is kept
//! apart as a secret, so that nothing that prints or sends properties can show it.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use secrecy::SecretString;

use crate::java_properties::{self, PropertiesSyntaxError};

/// The file that holds a project's properties.
pub const PROJECT_FILE: &str = "sonar-project.properties";
/// More than this is no file of properties; reading has an end.
const MAX_FILE_BYTES: u64 = 4 * 1024 * 1024;
const TOKEN: &str = "sonar.token";
const LOGIN: &str = "sonar.login";

/// Variables of the environment, as far as they are given to the scan.
///
/// Values may be secrets, so `Debug` shows names only.
#[derive(Clone, Default)]
pub struct Environment(BTreeMap<String, String>);

impl Environment {
    /// The variables of this process; those that are not UTF-8 are left out.
    pub fn of_process() -> Self {
        Self(
            std::env::vars_os()
                .filter_map(|(key, value)| Some((key.into_string().ok()?, value.into_string().ok()?)))
                .collect(),
        )
    }

    /// The value of a variable; an empty one counts as not set.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0
            .get(name)
            .map(|value| value.trim())
            .filter(|value| !value.is_empty())
    }

    fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .map(|(key, value)| (key.as_str(), value.trim()))
            .filter(|(_, value)| !value.is_empty())
    }
}

impl<K: Into<String>, V: Into<String>> FromIterator<(K, V)> for Environment {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(variables: I) -> Self {
        Self(
            variables
                .into_iter()
                .map(|(key, value)| (key.into(), value.into()))
                .collect(),
        )
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// Where a property comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// `-Dkey=value` or a flag.
    CommandLine,
    /// The named variable.
    Environment(String),
    /// The file and the line in it.
    File(PathBuf, usize),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CommandLine => f.write_str("the command line"),
            Self::Environment(name) => write!(f, "the environment variable {name}"),
            Self::File(path, line) => write!(f, "{}, line {line}", path.display()),
        }
    }
}

/// Properties could not be read.
#[derive(Debug, thiserror::Error)]
pub enum PropertiesError {
    /// The file cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// The file is not one of properties.
    #[error("{} is larger than 4 MiB; that is no file of properties", .0.display())]
    TooLarge(PathBuf),
    /// The file is not UTF-8.
    #[error("{}, line {line}: the text is not UTF-8; write other characters as \\uXXXX", path.display())]
    NotUtf8 {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
    },
    /// A line of the file is wrong.
    #[error("{}, {source}", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// Where and why.
        #[source]
        source: PropertiesSyntaxError,
    },
    /// An argument is not `key=value`.
    #[error("'-D{0}' is not -Dkey=value")]
    Define(String),
    /// A variable with JSON does not hold an object of properties. The value is not shown, it may hold a token.
    #[error(
        "the environment variable {0} must hold a JSON object of properties, for example {{\"sonar.projectKey\":\"shop\"}}"
    )]
    Json(&'static str),
}

/// The merged properties of one scan.
#[derive(Clone, Default)]
pub struct Properties {
    values: BTreeMap<String, (String, Origin)>,
    token: Option<(SecretString, Origin)>,
    warnings: Vec<String>,
}

impl fmt::Debug for Properties {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self
            .values
            .iter()
            .map(|(key, (value, _))| (key, if is_secret(key) { "<secret>" } else { value }));
        f.debug_map().entries(shown).finish()
    }
}

impl Properties {
    /// Nothing set.
    pub fn new() -> Self {
        Self::default()
    }

    /// Merges everything a scan of `base_dir` may read. `defines` are the arguments `key=value` in their order, the last one of a key
    /// counts. `sonar.projectBaseDir` and `project.settings` choose the folder and the file; call [`Properties::base_dir`] for the folder.
    pub fn load<S: AsRef<str>>(base_dir: &Path, defines: &[S], env: &Environment) -> Result<Self, PropertiesError> {
        let mut merged = Self::new();
        for define in defines {
            let define = define.as_ref();
            let (key, value) = define.split_once('=').unwrap_or((define, "true"));
            if key.trim().is_empty() {
                return Err(PropertiesError::Define(define.to_owned()));
            }
            merged.replace(key.trim(), value.trim(), Origin::CommandLine);
        }
        merged.add_environment(env)?;
        let base_dir = merged.base_dir(base_dir);
        let file = merged.get("project.settings").map(|path| base_dir.join(path));
        let explicit = file.is_some();
        let file = file.unwrap_or_else(|| base_dir.join(PROJECT_FILE));
        if explicit || file.exists() {
            merged.add_file(&file)?;
        }
        Ok(merged)
    }

    /// The folder of the project: `sonar.projectBaseDir`, relative to where the scan was started, or that folder itself.
    pub fn base_dir(&self, started_in: &Path) -> PathBuf {
        self.get("sonar.projectBaseDir")
            .map_or_else(|| started_in.to_owned(), |path| started_in.join(path))
    }

    /// Sets a property as a flag on the command line does: it counts before every other source.
    pub fn set(&mut self, key: &str, value: &str) {
        self.replace(key, value.trim(), Origin::CommandLine);
    }

    /// Adds a path to a property that holds a list, as a flag that may be given several times does.
    pub fn append(&mut self, key: &str, value: &str) {
        match self.values.get_mut(key) {
            Some((list, Origin::CommandLine)) => {
                list.push(',');
                list.push_str(&quoted(value));
            }
            _ => self.replace(key, &quoted(value), Origin::CommandLine),
        }
    }

    /// The value of a property; an empty one counts as not set.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.values
            .get(key)
            .map(|(value, _)| value.as_str())
            .filter(|value| !value.is_empty())
    }

    /// Where the value of a property comes from.
    pub fn origin(&self, key: &str) -> Option<&Origin> {
        self.values.get(key).map(|(_, origin)| origin)
    }

    /// The entries of a property that holds a list separated by commas; an entry with a comma stands in double quotes.
    pub fn list(&self, key: &str) -> Vec<String> {
        self.get(key).map(split_list).unwrap_or_default()
    }

    /// Whether a property is `true`.
    pub fn is_true(&self, key: &str) -> bool {
        self.get(key).is_some_and(|value| value.eq_ignore_ascii_case("true"))
    }

    /// The token that proves who scans.
    pub fn token(&self) -> Option<&SecretString> {
        self.token.as_ref().map(|(token, _)| token)
    }

    /// Properties whose key starts with `prefix`, in the order of their keys. Secrets are left out.
    pub fn with_prefix<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.values
            .range(prefix.to_owned()..)
            .take_while(move |(key, _)| key.starts_with(prefix))
            .filter(|(key, _)| !is_secret(key))
            .map(|(key, (value, _))| (key.as_str(), value.as_str()))
    }

    /// What the person who scans should know about their properties.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// Adds a file; what is set already stays.
    pub fn add_file(&mut self, path: &Path) -> Result<(), PropertiesError> {
        let read = |source| PropertiesError::Read {
            path: path.to_owned(),
            source,
        };
        if std::fs::metadata(path).map_err(read)?.len() > MAX_FILE_BYTES {
            return Err(PropertiesError::TooLarge(path.to_owned()));
        }
        let bytes = std::fs::read(path).map_err(read)?;
        let text = str::from_utf8(&bytes).map_err(|error| PropertiesError::NotUtf8 {
            path: path.to_owned(),
            line: bytes[..error.valid_up_to()].split(|&byte| byte == b'\n').count(),
        })?;
        let entries = java_properties::parse(text).map_err(|source| PropertiesError::Syntax {
            path: path.to_owned(),
            source,
        })?;
        // Backwards, because the last entry of a key counts and the first one that is added stays.
        for entry in entries.into_iter().rev() {
            self.add(
                &entry.key,
                entry.value.trim(),
                &Origin::File(path.to_owned(), entry.line),
            );
        }
        Ok(())
    }

    /// Adds what the environment says; what is set already stays.
    pub fn add_environment(&mut self, env: &Environment) -> Result<(), PropertiesError> {
        for (name, value) in env.iter() {
            let key = match name {
                "SONAR_TOKEN" => TOKEN.to_owned(),
                "SONAR_HOST_URL" => "sonar.host.url".to_owned(),
                "SONAR_USER_HOME" => "sonar.userHome".to_owned(),
                "SONAR_PROJECT_KEY" => "sonar.projectKey".to_owned(),
                "SONAR_PROJECT_BASE_DIR" => "sonar.projectBaseDir".to_owned(),
                "SONAR_SCANNER_JSON_PARAMS" | "SONARQUBE_SCANNER_PARAMS" => continue,
                _ => match name.strip_prefix("SONAR_SCANNER_") {
                    Some(rest) if !rest.is_empty() => format!("sonar.scanner.{}", camel_case(rest)),
                    _ => continue,
                },
            };
            self.add(&key, value, &Origin::Environment(name.to_owned()));
        }
        for name in ["SONAR_SCANNER_JSON_PARAMS", "SONARQUBE_SCANNER_PARAMS"] {
            let Some(json) = env.get(name) else { continue };
            let values: BTreeMap<String, serde_json::Value> =
                serde_json::from_str(json).map_err(|_| PropertiesError::Json(name))?;
            for (key, value) in values {
                let value = match value {
                    serde_json::Value::String(text) => text,
                    serde_json::Value::Bool(_) | serde_json::Value::Number(_) => value.to_string(),
                    serde_json::Value::Null => continue,
                    _ => return Err(PropertiesError::Json(name)),
                };
                self.add(&key, value.trim(), &Origin::Environment(name.to_owned()));
            }
        }
        Ok(())
    }

    fn replace(&mut self, key: &str, value: &str, origin: Origin) {
        match key {
            TOKEN => self.token = Some((value.into(), origin)),
            LOGIN => {
                if !matches!(self.token, Some((_, Origin::CommandLine))) {
                    self.token = None;
                    self.add_login(value, &origin);
                }
            }
            _ => {
                self.values.insert(key.to_owned(), (value.to_owned(), origin));
            }
        }
    }

    fn add(&mut self, key: &str, value: &str, origin: &Origin) {
        match key {
            _ if value.is_empty() => {}
            TOKEN => {
                self.token.get_or_insert_with(|| (value.into(), origin.clone()));
            }
            LOGIN => self.add_login(value, origin),
            _ => {
                self.values
                    .entry(key.to_owned())
                    .or_insert_with(|| (value.to_owned(), origin.clone()));
            }
        }
    }

    fn add_login(&mut self, value: &str, origin: &Origin) {
        self.warnings.push(format!(
            "The property 'sonar.login' ({origin}) is deprecated; use 'sonar.token' or SONAR_TOKEN."
        ));
        self.token.get_or_insert_with(|| (value.into(), origin.clone()));
    }
}

fn is_secret(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    key.ends_with(".secured")
        || ["password", "token", "secret", "passphrase"]
            .iter()
            .any(|word| key.contains(word))
}

/// `PROXY_HOST` gives `proxyHost`.
fn camel_case(upper: &str) -> String {
    let mut out = String::with_capacity(upper.len());
    for (index, word) in upper.split('_').filter(|word| !word.is_empty()).enumerate() {
        let lower = word.to_ascii_lowercase();
        let mut letters = lower.chars();
        match letters.next() {
            Some(first) if index > 0 => out.push(first.to_ascii_uppercase()),
            Some(first) => out.push(first),
            None => {}
        }
        out.push_str(letters.as_str());
    }
    out
}

fn quoted(entry: &str) -> String {
    if entry.contains(',') {
        format!("\"{entry}\"")
    } else {
        entry.to_owned()
    }
}

/// Splits at commas and line ends outside of double quotes.
fn split_list(text: &str) -> Vec<String> {
    let mut entries = vec![String::new()];
    let mut in_quotes = false;
    for c in text.chars() {
        match c {
            '"' => in_quotes = !in_quotes,
            ',' | '\n' if !in_quotes => entries.push(String::new()),
            _ => entries
                .iter_mut()
                .next_back()
                .into_iter()
                .for_each(|entry| entry.push(c)),
        }
    }
    entries
        .into_iter()
        .map(|entry| entry.trim().to_owned())
        .filter(|entry| !entry.is_empty())
        .collect()
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    fn project(text: &str) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join(PROJECT_FILE), text).unwrap();
        dir
    }

    #[test]
    fn the_command_line_counts_before_the_environment_and_that_before_the_file() {
        let dir = project(
            "sonar.host.url=http://file\nsonar.projectKey=file\nsonar.projectName=file\nsonar.projectName=last\n",
        );
        let env = Environment::from_iter([
            ("SONAR_HOST_URL", "http://env"),
            ("SONARQUBE_SCANNER_PARAMS", r#"{"sonar.projectKey":"env","x.n":3}"#),
        ]);
        let properties = Properties::load(dir.path(), &["sonar.projectKey=line"], &env).unwrap();
        assert_eq!(properties.get("sonar.projectKey"), Some("line"));
        assert_eq!(properties.get("sonar.host.url"), Some("http://env"));
        assert_eq!(properties.get("sonar.projectName"), Some("last"));
        assert_eq!(properties.get("x.n"), Some("3"));
    }

    #[test]
    fn the_token_is_never_shown() {
        let env = Environment::from_iter([("SONAR_TOKEN", "sqp_hidden")]);
        let dir = project("sonar.scanner.proxyPassword=sqp_hidden2\n");
        let properties = Properties::load(dir.path(), &[] as &[&str], &env).unwrap();
        assert_eq!(properties.token().unwrap().expose_secret(), "sqp_hidden");
        assert!(!format!("{properties:?} {env:?}").contains("sqp_hidden"));
        assert_eq!(properties.with_prefix("sonar.").count(), 0);
    }

    #[test]
    fn a_login_is_taken_as_the_token_with_a_warning() {
        let dir = project("sonar.login=old\n");
        let properties = Properties::load(dir.path(), &[] as &[&str], &Environment::default()).unwrap();
        assert_eq!(properties.token().unwrap().expose_secret(), "old");
        assert!(properties.warnings()[0].contains("deprecated"));
        let properties = Properties::load(dir.path(), &["sonar.token=new"], &Environment::default()).unwrap();
        assert_eq!(properties.token().unwrap().expose_secret(), "new");
    }

    #[test]
    fn a_broken_file_is_named_with_the_line() {
        let dir = project("a=1\nb=\\uzzzz\n");
        let error = Properties::load(dir.path(), &[] as &[&str], &Environment::default()).unwrap_err();
        assert!(
            error.to_string().contains("sonar-project.properties, line 2"),
            "{error}"
        );
        let error = Properties::load(
            dir.path(),
            &["project.settings=other.properties"],
            &Environment::default(),
        )
        .unwrap_err();
        assert!(error.to_string().contains("other.properties"), "{error}");
    }

    #[test]
    fn lists_are_split_at_commas_outside_of_quotes() {
        let mut properties = Properties::new();
        properties.set("l", " a.sarif, \"b,c.sarif\",,\n d ");
        assert_eq!(properties.list("l"), ["a.sarif", "b,c.sarif", "d"]);
        properties.append("m", "x,y");
        properties.append("m", "z");
        assert_eq!(properties.list("m"), ["x,y", "z"]);
    }

    #[test]
    fn scanner_variables_become_properties() {
        let env = Environment::from_iter([("SONAR_SCANNER_METADATA_FILE_PATH", "/t/r.txt"), ("SONAR_OTHER", "x")]);
        let mut properties = Properties::new();
        properties.add_environment(&env).unwrap();
        assert_eq!(properties.get("sonar.scanner.metadataFilePath"), Some("/t/r.txt"));
        assert!(matches!(
            Properties::new().add_environment(&Environment::from_iter([("SONAR_SCANNER_JSON_PARAMS", "[token]")])),
            Err(PropertiesError::Json(_))
        ));
    }
}
