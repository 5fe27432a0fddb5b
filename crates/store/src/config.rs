//! Where the database is and how it is used.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use secrecy::{ExposeSecret as _, SecretString};
use url::Url;

use crate::secret::SecretKey;

/// Everything that is needed to open the store.
#[derive(Clone, Debug)]
pub struct StoreConfig {
    /// The database.
    pub url: DatabaseUrl,
    /// The key that seals stored secrets.
    pub secret_key: SecretKey,
    /// How many reads run at a time on SQLite; at least 1.
    pub sqlite_readers: usize,
    /// How many connections to PostgreSQL are kept, and so how many transactions run at a time; at least 1.
    pub postgres_connections: usize,
}

impl StoreConfig {
    /// The usual numbers of threads: 4 readers on SQLite, 8 connections on PostgreSQL.
    pub fn new(url: DatabaseUrl, secret_key: SecretKey) -> Self {
        Self {
            url,
            secret_key,
            sqlite_readers: 4,
            postgres_connections: 8,
        }
    }
}

/// A database: the path of a SQLite file, or a PostgreSQL URL.
///
/// TLS is used for PostgreSQL when the URL says `sslmode=require`, `verify-ca` or `verify-full`; all three verify the
/// server's certificate and name against the platform's certificates.
#[derive(Clone)]
pub struct DatabaseUrl(Place);

#[derive(Clone)]
pub(crate) enum Place {
    Sqlite(PathBuf),
    Postgres {
        url: SecretString,
        shown: String,
        tls: bool,
    },
}

/// A text that names no database.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseUrlError {
    /// There is nothing.
    #[error("the database is empty; give the path of a SQLite file or a postgres:// URL")]
    Empty,
    /// It is a URL, but not of a database we know.
    #[error("'{scheme}' databases are not supported; give the path of a SQLite file or a postgres:// URL")]
    Scheme {
        /// The URL's scheme.
        scheme: String,
    },
    /// It is a PostgreSQL URL that cannot be read. The URL is not repeated, it may hold a password.
    #[error("the postgres:// URL of the database cannot be read: {reason}")]
    Unreadable {
        /// What is wrong.
        reason: String,
    },
}

impl DatabaseUrl {
    /// A SQLite file.
    pub fn sqlite(path: impl Into<PathBuf>) -> Self {
        Self(Place::Sqlite(path.into()))
    }

    /// The path, when this is a SQLite file.
    pub fn sqlite_path(&self) -> Option<&Path> {
        match &self.0 {
            Place::Sqlite(path) => Some(path),
            Place::Postgres { .. } => None,
        }
    }

    pub(crate) fn place(&self) -> &Place {
        &self.0
    }

    fn postgres(text: &str) -> Result<Self, DatabaseUrlError> {
        let mut url = Url::parse(text).map_err(|error| DatabaseUrlError::Unreadable {
            reason: error.to_string(),
        })?;
        let mode = url
            .query_pairs()
            .filter(|(key, _)| key == "sslmode")
            .last()
            .map(|(_, mode)| mode.into_owned());
        let tls = match mode.as_deref() {
            None | Some("disable" | "allow" | "prefer") => false,
            Some("require" | "verify-ca" | "verify-full") => true,
            Some(_) => {
                return Err(DatabaseUrlError::Unreadable {
                    reason: "sslmode must be disable, allow, prefer, require, verify-ca or verify-full".to_owned(),
                });
            }
        };
        // The driver knows fewer modes than libpq, and ours is decided already.
        let others: Vec<(String, String)> = url
            .query_pairs()
            .into_owned()
            .filter(|(key, _)| key != "sslmode")
            .collect();
        url.query_pairs_mut()
            .clear()
            .extend_pairs(others)
            .append_pair("sslmode", if tls { "require" } else { "disable" });
        let whole = url.to_string();
        whole
            .parse::<postgres::Config>()
            .map_err(|error| DatabaseUrlError::Unreadable {
                reason: error_chain(&error),
            })?;
        Ok(Self(Place::Postgres {
            shown: redacted(&url),
            url: whole.into(),
            tls,
        }))
    }
}

impl FromStr for DatabaseUrl {
    type Err = DatabaseUrlError;

    /// Reads `postgres://…`, `postgresql://…`, `sqlite:path`, `sqlite://path`, or a path.
    fn from_str(text: &str) -> Result<Self, DatabaseUrlError> {
        let text = text.trim();
        match text.split_once(':') {
            _ if text.is_empty() => Err(DatabaseUrlError::Empty),
            Some(("postgres" | "postgresql", _)) => Self::postgres(text),
            Some(("sqlite", path)) => match path.strip_prefix("//").unwrap_or(path) {
                "" => Err(DatabaseUrlError::Empty),
                path => Ok(Self::sqlite(path)),
            },
            Some((scheme, rest)) if rest.starts_with("//") => Err(DatabaseUrlError::Scheme {
                scheme: scheme.to_owned(),
            }),
            _ => Ok(Self::sqlite(text)),
        }
    }
}

/// The database as it may be shown: without its password.
impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Place::Sqlite(path) => write!(f, "{}", path.display()),
            Place::Postgres { shown, .. } => f.write_str(shown),
        }
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DatabaseUrl({self})")
    }
}

/// The URL without its password, wherever it stands, and without its query, which may hold one too.
fn redacted(url: &Url) -> String {
    let mut shown = url.clone();
    if shown.password().is_some() {
        // This fails for URLs that cannot have a password, and this one has one.
        let _ = shown.set_password(Some("***"));
    }
    shown.set_query(None);
    shown.to_string()
}

/// The connection string of a PostgreSQL database.
pub(crate) fn connection_config(url: &SecretString) -> Result<postgres::Config, postgres::Error> {
    url.expose_secret().parse()
}

/// An error and its causes on one line.
pub(crate) fn error_chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let said = error.to_string();
        if !text.contains(&said) {
            text.push_str(": ");
            text.push_str(&said);
        }
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> DatabaseUrl {
        text.parse().unwrap()
    }

    #[test]
    fn a_path_is_a_sqlite_file() {
        for (text, path) in [
            ("data/gatehook.db", "data/gatehook.db"),
            ("sqlite:/var/lib/g.db", "/var/lib/g.db"),
            ("sqlite://g.db", "g.db"),
            ("C:\\data\\g.db", "C:\\data\\g.db"),
        ] {
            assert_eq!(url(text).sqlite_path(), Some(Path::new(path)), "{text}");
        }
    }

    #[test]
    fn another_database_is_refused_by_name() {
        let error = "mysql://u:hunter2@host/db"
            .parse::<DatabaseUrl>()
            .unwrap_err()
            .to_string();
        assert!(error.contains("'mysql' databases are not supported"), "{error}");
        assert!(!error.contains("hunter2"));
    }

    #[test]
    fn a_password_is_never_shown() {
        for text in [
            "postgres://me:hunter2@db:5432/gate",
            "postgresql://me@db/gate?password=hunter2&sslmode=require",
        ] {
            let url = url(text);
            let shown = format!(
                "{url} {url:?} {:?}",
                StoreConfig::new(url.clone(), SecretKey::from_bytes([1; 32]))
            );
            assert!(!shown.contains("hunter2"), "{shown}");
            assert!(shown.contains("db"), "{shown}");
        }
        let error = "postgres://me:hunter2@db/gate?sslmode=maybe"
            .parse::<DatabaseUrl>()
            .unwrap_err();
        assert!(!format!("{error} {error:?}").contains("hunter2"));
    }

    #[test]
    fn tls_is_used_when_the_url_demands_it() {
        for (mode, expected) in [
            ("", false),
            ("?sslmode=prefer", false),
            ("?sslmode=require", true),
            ("?sslmode=verify-full", true),
        ] {
            let url = url(&format!("postgres://me@db/gate{mode}"));
            let Place::Postgres { tls, .. } = url.place() else {
                panic!("{mode}")
            };
            assert_eq!(*tls, expected, "{mode}");
        }
    }
}
