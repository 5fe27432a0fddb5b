//! The server's configuration: one table of options, each from a flag, a `GATEHOOK_…` variable, `gatehook.toml` or its
//! default, in that order; and where each value came from.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::{Arg, ArgMatches, Args, Command, FromArgMatches};
use gatehook_domain::webhook::AllowedTargets;
use secrecy::{ExposeSecret, SecretString};

/// The file that is read when it lies in the current folder and no other was named.
const DEFAULT_FILE: &str = "gatehook.toml";
/// The largest configuration file that is read.
const MAX_FILE: u64 = 1024 * 1024;

/// One option of the server.
pub(crate) struct Opt {
    /// Its name: `--name`, `GATEHOOK_NAME`, and `name = …` in the file.
    pub(crate) name: &'static str,
    /// What its value looks like.
    pub(crate) value: &'static str,
    /// What holds when nothing is said; none when it follows from others.
    pub(crate) default: Option<&'static str>,
    /// True for values that are never shown and that have no flag, because everybody on the machine can read flags.
    pub(crate) secret: bool,
    /// What it is for.
    pub(crate) help: &'static str,
}

/// All options of the server.
pub(crate) const OPTIONS: &[Opt] = &[
    Opt {
        name: "listen",
        value: "ADDRESS:PORT",
        default: Some("127.0.0.1:9000"),
        secret: false,
        help: "Where the server listens; port 0 takes any free one",
    },
    Opt {
        name: "data-dir",
        value: "FOLDER",
        default: Some("./gatehook-data"),
        secret: false,
        help: "Where the database, the key file and temporary files are kept; made when it does not exist",
    },
    Opt {
        name: "database",
        value: "PATH|URL",
        default: None,
        secret: false,
        help: "The database: a path for SQLite (gatehook.db in the data folder unless said), or a postgres:// URL",
    },
    Opt {
        name: "public-url",
        value: "URL",
        default: None,
        secret: false,
        help: "The address people and payloads know the server by, unless the setting sonar.core.serverBaseURL says another; \
               http://localhost and the port unless said",
    },
    Opt {
        name: "workers",
        value: "COUNT",
        default: Some("2"),
        secret: false,
        help: "How many reports are analysed side by side, 1 to 64",
    },
    Opt {
        name: "max-report-mib",
        value: "MIB",
        default: Some("512"),
        secret: false,
        help: "The largest report that is accepted, in MiB, 1 to 4096",
    },
    Opt {
        name: "postgres-connections",
        value: "COUNT",
        default: Some("8"),
        secret: false,
        help: "How many connections to PostgreSQL are used, 1 to 256",
    },
    Opt {
        name: "webhook-allowed-targets",
        value: "LIST",
        default: None,
        secret: false,
        help: "Private and local addresses, networks and hosts that webhooks may call, besides those of the setting \
               gatehook.webhooks.allowedTargets: 10.1.2.3,10.1.0.0/16,ci.corp.example,*.corp.example",
    },
    Opt {
        name: "webhook-ca-file",
        value: "FILE",
        default: None,
        secret: false,
        help: "Certificates in PEM of authorities that webhooks trust besides those that the operating system trusts",
    },
    Opt {
        name: "webhook-client-cert",
        value: "FILE",
        default: None,
        secret: false,
        help: "The certificate in PEM, with those that lead to its authority, for receivers of webhooks that ask for one",
    },
    Opt {
        name: "webhook-client-key",
        value: "FILE",
        default: None,
        secret: false,
        help: "The private key in PEM, without a passphrase, of --webhook-client-cert",
    },
    Opt {
        name: "log-format",
        value: "text|json",
        default: Some("text"),
        secret: false,
        help: "How log lines are written to standard error",
    },
    Opt {
        name: "log",
        value: "FILTER",
        default: Some("info"),
        secret: false,
        help: "What is logged: error, warn, info, debug, trace, or a list like info,gatehook_webhooks=debug",
    },
    Opt {
        name: "admin-password",
        value: "PASSWORD",
        default: None,
        secret: true,
        help: "The password of the user admin, set at the first start; made and printed once unless said",
    },
    Opt {
        name: "admin-token",
        value: "TOKEN",
        default: None,
        secret: true,
        help: "A value that is accepted as a token of the user admin, for provisioning and tests; at least 16 characters",
    },
    Opt {
        name: "secret-key",
        value: "BASE64",
        default: None,
        secret: true,
        help: "32 bytes in base64 that secrets are sealed with; a file secret.key in the data folder unless said",
    },
];

impl Opt {
    /// The environment variable of the option.
    pub(crate) fn variable(&self) -> String {
        format!("GATEHOOK_{}", self.name.replace('-', "_").to_uppercase())
    }
}

/// The flags of the server's options, as they were given.
#[derive(Debug, Clone, Default)]
pub(crate) struct Flags {
    file: Option<PathBuf>,
    values: BTreeMap<&'static str, String>,
}

impl Flags {
    /// The options of the demo's server: any free port, a folder of its own, and nothing from the surroundings that would
    /// make it another server.
    pub(crate) fn of_demo(data_dir: &Path, token: &str) -> Self {
        let said = [
            ("listen", "127.0.0.1:0".to_owned()),
            ("data-dir", data_dir.display().to_string()),
            ("database", data_dir.join("gatehook.db").display().to_string()),
            ("admin-token", token.to_owned()),
            ("admin-password", token.to_owned()),
        ];
        Self {
            file: None,
            values: BTreeMap::from(said),
        }
    }
}

impl Args for Flags {
    fn augment_args(command: Command) -> Command {
        let file = Arg::new("config")
            .long("config")
            .value_name("FILE")
            .value_parser(clap::value_parser!(PathBuf))
            .help("The configuration file; gatehook.toml in the current folder, if there is one, unless said");
        OPTIONS
            .iter()
            .filter(|option| !option.secret)
            .fold(command.arg(file), |command, option| {
                let default = option
                    .default
                    .map(|default| format!(" [default: {default}]"))
                    .unwrap_or_default();
                command.arg(
                    Arg::new(option.name)
                        .long(option.name)
                        .value_name(option.value)
                        .help(format!("{}{default} [env: {}]", option.help, option.variable())),
                )
            })
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for Flags {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut flags = Self::default();
        flags.update_from_arg_matches(matches)?;
        Ok(flags)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        if let Some(file) = matches.get_one::<PathBuf>("config") {
            self.file = Some(file.clone());
        }
        for option in OPTIONS.iter().filter(|option| !option.secret) {
            if let Some(value) = matches.get_one::<String>(option.name) {
                self.values.insert(option.name, value.clone());
            }
        }
        Ok(())
    }
}

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Source {
    /// A flag.
    Flag,
    /// An environment variable.
    Variable(String),
    /// The configuration file.
    File(PathBuf),
    /// Nothing was said.
    Default,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag => f.write_str("flag"),
            Self::Variable(name) => write!(f, "{name}"),
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Default => f.write_str("default"),
        }
    }
}

/// The effective options.
pub(crate) struct Settings {
    values: BTreeMap<&'static str, (SecretString, Source)>,
}

impl Settings {
    /// Puts the options together from flags, environment, file and defaults.
    pub(crate) fn resolve(flags: &Flags) -> Result<Self> {
        Self::resolve_with(flags, |name| std::env::var(name).ok())
    }

    fn resolve_with(flags: &Flags, variable: impl Fn(&str) -> Option<String>) -> Result<Self> {
        let file = match &flags.file {
            Some(path) => Some(path.clone()),
            None => variable("GATEHOOK_CONFIG")
                .map(PathBuf::from)
                .or_else(|| Some(PathBuf::from(DEFAULT_FILE)).filter(|path| path.exists())),
        };
        let in_file = file.as_deref().map(read_file).transpose()?.unwrap_or_default();
        let mut values = BTreeMap::new();
        for option in OPTIONS {
            let said = variable(&option.variable()).filter(|value| !value.is_empty());
            let (value, source) = if let Some(value) = flags.values.get(option.name) {
                (value.clone(), Source::Flag)
            } else if let Some(value) = said {
                (value, Source::Variable(option.variable()))
            } else if let (Some(value), Some(path)) = (in_file.get(option.name), &file) {
                (value.clone(), Source::File(path.clone()))
            } else if let Some(default) = option.default {
                (default.to_owned(), Source::Default)
            } else {
                continue;
            };
            values.insert(option.name, (SecretString::from(value), source));
        }
        let settings = Self { values };
        settings.check()?;
        Ok(settings)
    }

    /// A value and where it came from, as it may be shown.
    pub(crate) fn shown(&self, option: &Opt) -> (String, String) {
        match self.values.get(option.name) {
            None => ("(not set)".to_owned(), Source::Default.to_string()),
            Some((_, source)) if option.secret => ("(secret)".to_owned(), source.to_string()),
            Some((value, source)) => (shown_url(value.expose_secret()), source.to_string()),
        }
    }

    /// The text of an option that is not secret.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(|(value, _)| value.expose_secret())
    }

    /// A secret option.
    pub(crate) fn secret(&self, name: &str) -> Option<SecretString> {
        self.values.get(name).map(|(value, _)| value.clone())
    }

    /// A number within bounds.
    pub(crate) fn number(&self, name: &str, least: u32, most: u32) -> Result<u32> {
        let text = self.text(name).unwrap_or_default();
        match text.parse() {
            Ok(number) if (least..=most).contains(&number) => Ok(number),
            _ => bail!("{name} is '{text}', it must be a number from {least} to {most}"),
        }
    }

    /// The data folder.
    pub(crate) fn data_dir(&self) -> PathBuf {
        PathBuf::from(self.text("data-dir").unwrap_or("./gatehook-data"))
    }

    /// What webhooks may call whatever the setting says.
    pub(crate) fn allowed_targets(&self) -> Result<AllowedTargets> {
        let text = self.text("webhook-allowed-targets").unwrap_or_default();
        AllowedTargets::parse(text).with_context(|| format!("webhook-allowed-targets is '{text}'"))
    }

    fn check(&self) -> Result<()> {
        self.allowed_targets()?;
        if self.text("webhook-client-cert").is_some() != self.text("webhook-client-key").is_some() {
            bail!("webhook-client-cert and webhook-client-key belong together: give both or none");
        }
        self.number("workers", 1, 64)?;
        self.number("max-report-mib", 1, 4096)?;
        self.number("postgres-connections", 1, 256)?;
        if let Some(format) = self.text("log-format")
            && !matches!(format, "text" | "json")
        {
            bail!("log-format is '{format}', it must be text or json");
        }
        if let Some(url) = self.text("public-url") {
            let parsed: Option<url::Url> = url.parse().ok();
            // It stands in payloads, which go to every receiver.
            let fits = |url: url::Url| {
                matches!(url.scheme(), "http" | "https")
                    && url.has_host()
                    && url.username().is_empty()
                    && url.password().is_none()
                    && url.query().is_none()
                    && url.fragment().is_none()
            };
            if !parsed.is_some_and(fits) {
                bail!(
                    "public-url is '{}', it must be an http:// or https:// URL without credentials",
                    shown_url(url)
                );
            }
        }
        if let Some((token, source)) = self.values.get("admin-token")
            && token.expose_secret().chars().count() < 16
        {
            bail!("admin-token (from {source}) is shorter than 16 characters; anybody could guess it");
        }
        Ok(())
    }
}

/// Hides the password of a URL, and its query, which may hold one too. A URL that cannot be read is not shown.
fn shown_url(text: &str) -> String {
    match url::Url::parse(text) {
        Ok(mut url) if url.password().is_some() || url.query().is_some() => {
            if url.password().is_some() {
                let _ = url.set_password(Some("***"));
            }
            url.set_query(None);
            url.to_string()
        }
        Err(_) if text.contains("://") => "(not a URL)".to_owned(),
        _ => text.to_owned(),
    }
}

/// Reads the configuration file: a table of options and values. An option it does not know is an error, so that a typing
/// mistake does not pass for a setting.
fn read_file(path: &Path) -> Result<BTreeMap<String, String>> {
    let shown = path.display();
    let size = std::fs::metadata(path)
        .with_context(|| format!("cannot read the configuration file {shown}"))?
        .len();
    if size > MAX_FILE {
        bail!("the configuration file {shown} is larger than {MAX_FILE} bytes");
    }
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read the configuration file {shown}"))?;
    // The parser's message quotes the line, which may hold a secret; the place is enough to find it.
    let table: toml::Table = text.parse().map_err(|error: toml::de::Error| {
        let line = error
            .span()
            .map_or(0, |span| text[..span.start.min(text.len())].matches('\n').count() + 1);
        anyhow::anyhow!(
            "the configuration file {shown} is not valid TOML at line {line}: {}",
            error.message()
        )
    })?;
    let mut values = BTreeMap::new();
    for (name, value) in table {
        if !OPTIONS.iter().any(|option| option.name == name) {
            let known: Vec<&str> = OPTIONS.iter().map(|option| option.name).collect();
            bail!(
                "the configuration file {shown} has the unknown option '{name}'; known are: {}",
                known.join(", ")
            );
        }
        let value = match value {
            toml::Value::String(text) => text,
            toml::Value::Integer(number) => number.to_string(),
            toml::Value::Boolean(flag) => flag.to_string(),
            _ => bail!("the option '{name}' in {shown} must be a text or a number"),
        };
        values.insert(name, value);
    }
    Ok(values)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolved(flags: &[(&'static str, &str)], variables: &[(&str, &str)], file: &str) -> Result<Settings> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("gatehook.toml");
        std::fs::write(&path, file).unwrap();
        let values = flags.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        Settings::resolve_with(
            &Flags {
                file: Some(path),
                values,
            },
            |name| {
                variables
                    .iter()
                    .find(|(found, _)| *found == name)
                    .map(|(_, value)| (*value).to_owned())
            },
        )
    }

    fn option(name: &str) -> &'static Opt {
        OPTIONS.iter().find(|option| option.name == name).unwrap()
    }

    #[test]
    fn a_flag_wins_over_the_environment_over_the_file_over_the_default() {
        let file = "listen = '0.0.0.0:1'\nworkers = 3\ndata-dir = 'from-file'";
        let settings = resolved(
            &[("listen", "[::1]:3")],
            &[("GATEHOOK_LISTEN", "x:2"), ("GATEHOOK_DATA_DIR", "env")],
            file,
        )
        .unwrap();
        assert_eq!(settings.text("listen"), Some("[::1]:3"));
        assert_eq!(settings.text("data-dir"), Some("env"));
        assert_eq!(settings.shown(option("data-dir")).1, "GATEHOOK_DATA_DIR");
        assert_eq!(settings.number("workers", 1, 64).unwrap(), 3);
        assert_eq!(settings.shown(option("log")), ("info".to_owned(), "default".to_owned()));
    }

    #[test]
    fn secrets_and_passwords_are_not_shown() {
        let variables = [
            ("GATEHOOK_ADMIN_TOKEN", "0123456789abcdef"),
            ("GATEHOOK_DATABASE", "postgres://u:hunter2@db/gatehook"),
        ];
        let settings = resolved(&[], &variables, "").unwrap();
        assert_eq!(settings.shown(option("admin-token")).0, "(secret)");
        let shown = settings.shown(option("database")).0;
        assert!(shown.contains("***") && !shown.contains("hunter2"), "{shown}");
        for url in [
            "postgres://db/gatehook?user=u&password=hunter2",
            "postgres://u:hunter2@[db/gatehook",
        ] {
            let settings = resolved(&[("database", url)], &[], "").unwrap();
            let shown = settings.shown(option("database")).0;
            assert!(!shown.contains("hunter2"), "{shown}");
        }
    }

    #[test]
    fn mistakes_are_said_with_their_place_and_without_secrets() {
        let message = |file: &str| format!("{:#}", resolved(&[], &[], file).err().unwrap());
        assert!(message("lisen = 'x'").contains("unknown option 'lisen'"));
        let broken = message("listen = 'a'\nadmin-token = hunter2 hunter2");
        assert!(broken.contains("line 2") && !broken.contains("hunter2"), "{broken}");
        assert!(message("workers = 0").contains("1 to 64"));
        let public = message("public-url = 'https://me:hunter2@gates.example'");
        assert!(
            public.contains("without credentials") && !public.contains("hunter2"),
            "{public}"
        );
        let short = message("admin-token = 'short'");
        assert!(short.contains("16 characters") && !short.contains("'short'"), "{short}");
    }

    #[test]
    fn what_webhooks_may_call_and_who_they_are_is_checked_at_the_start() {
        let refused = |flags: &[(&'static str, &str)]| format!("{:#}", resolved(flags, &[], "").err().unwrap());
        assert_eq!(
            refused(&[("webhook-allowed-targets", "ci.corp.example:80")]),
            "webhook-allowed-targets is 'ci.corp.example:80': 'ci.corp.example:80' has a port; write the host or the address \
             only, all of its ports are meant"
        );
        for alone in ["webhook-client-cert", "webhook-client-key"] {
            assert_eq!(
                refused(&[(alone, "/etc/gatehook/client.pem")]),
                "webhook-client-cert and webhook-client-key belong together: give both or none"
            );
        }
        let file = "webhook-allowed-targets = \"10.0.0.0/8\"";
        let allowed = resolved(&[], &[], file).unwrap().allowed_targets().unwrap();
        assert!(allowed.contains([10, 1, 2, 3].into()));
    }
}
