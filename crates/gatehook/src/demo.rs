//! `gatehook demo`: the whole story in one command, on recorded output of real tools. It ends well only when everything it
//! tells was seen.

mod api;
mod code;

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use gatehook_domain::{Ambient, Timestamp};
use gatehook_scanner::{Environment, Properties, Quiet, ScanOptions};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use self::api::Api;
use crate::config::{Flags, Settings};
use crate::listen::{Behaviour, Call, Receiver, Signature, indented};
use crate::serve::Running;

/// How long a step may take before the demo gives up. The whole of it takes some seconds.
const PATIENCE: Duration = Duration::from_mins(1);
/// How long the first analyses lie back. What comes after them is new code.
const LAST_WEEK: Duration = Duration::from_hours(7 * 24);

/// How the demo runs.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Options {
    /// Keep the server running afterwards, to look round; Ctrl-C ends it.
    #[arg(long)]
    stay: bool,
    /// Show the log of the server.
    #[arg(long)]
    verbose: bool,
}

impl Options {
    /// What is logged.
    pub(crate) const fn log_filter(&self) -> &'static str {
        if self.verbose { "info" } else { "error" }
    }
}

/// The stage: a server, a receiver, and what they need to know of each other.
struct Stage {
    server: Running,
    api: Api,
    token: SecretString,
    receiver: Receiver,
    secret: SecretString,
    ambient: Ambient,
    folder: tempfile::TempDir,
    heading: u32,
}

/// Tells the story.
pub(crate) async fn demo(options: &Options) -> Result<ExitCode> {
    let mut stage = Stage::build().await?;
    stage
        .python_shop()
        .await
        .context("the story of python-shop did not go as it should")?;
    stage
        .ts_ledger()
        .await
        .context("the story of ts-ledger did not go as it should")?;
    say(&format!(
        "\nAll of it was seen: five calls, every signature valid, every verdict as it should be. Your own: `gatehook serve`, then\n\
         `gatehook scan --server URL --token T --project KEY --sarif a.sarif --coverage lcov.info` in your code base.{}",
        if options.stay {
            format!("\n\nThe server stays at {} until Ctrl-C.", stage.server.url())
        } else {
            String::new()
        }
    ))?;
    if options.stay {
        say(&format!(
            "Log in as admin with the password {}",
            stage.token.expose_secret()
        ))?;
        tokio::signal::ctrl_c().await?;
    }
    stage.server.stop().await?;
    Ok(ExitCode::SUCCESS)
}

fn say(text: &str) -> Result<()> {
    let mut out = anstream::stdout();
    writeln!(out, "{text}")?;
    out.flush()?;
    Ok(())
}

impl Stage {
    async fn build() -> Result<Self> {
        let ambient = crate::ambient::system();
        let folder = tempfile::Builder::new()
            .prefix("gatehook-demo-")
            .tempdir()
            .context("no temporary folder")?;
        let token = SecretString::from(format!("squ_{}", ambient.random_hex(20)));
        let secret = SecretString::from(ambient.random_hex(16));
        let data_dir = folder.path().join("data");
        let settings = Settings::resolve(&Flags::of_demo(&data_dir, token.expose_secret()))?;
        let server = Running::start(&settings, ambient.clone()).await?;
        let anywhere = SocketAddr::from(([127, 0, 0, 1], 0));
        let receiver = Receiver::start(anywhere, Behaviour::default()).await?;
        let api = Api::new(&server.url(), token.clone());
        let mut stage = Self {
            server,
            api,
            token,
            receiver,
            secret,
            ambient,
            folder,
            heading: 0,
        };
        stage.title("A server and a receiver of webhooks, both on this machine")?;
        say(&format!(
            "   server    {} (its data in a temporary folder, gone afterwards)",
            stage.server.url()
        ))?;
        say(&format!("   receiver  {}", stage.hook_url()))?;
        stage
            .api
            .post(
                "settings/set",
                &[("key", "gatehook.webhooks.allowedTargets"), ("value", "127.0.0.1")],
            )
            .await?;
        say(
            "   The setting gatehook.webhooks.allowedTargets lets webhooks call 127.0.0.1 here. Without it they must not call local\n   \
             addresses: no webhook can be used to reach what only the server can reach.",
        )?;
        Ok(stage)
    }

    fn title(&mut self, text: &str) -> Result<()> {
        self.heading += 1;
        let bold = anstyle::Style::new().bold();
        say(&format!("\n{bold}{}. {text}{bold:#}", self.heading))
    }

    fn hook_url(&self) -> String {
        format!("http://{}/ci", self.receiver.address)
    }

    /// A false positive: the gate fails because of one finding, a person marks it, the gate passes.
    async fn python_shop(&mut self) -> Result<()> {
        let code = code::unpack("python-shop", self.folder.path())?;
        self.title("The project python-shop gets a webhook with a secret")?;
        self.api
            .post(
                "projects/create",
                &[("project", "python-shop"), ("name", "Python Shop")],
            )
            .await?;
        let hook = [
            ("project", "python-shop"),
            ("name", "ci"),
            ("url", &self.hook_url()),
            ("secret", self.secret.expose_secret()),
        ];
        self.api.post("webhooks/create", &hook).await?;

        self.title("First analysis, version 1.0: what is there is there; nothing is new code yet")?;
        let last_week = self.ambient.now().minus(LAST_WEEK);
        code.commit("v1", last_week.minus(Duration::from_hours(1)))?;
        self.scan(
            code.path(),
            "reports/ruff.sarif and bandit.sarif, coverage.xml",
            Some(last_week),
        )
        .await?;
        let call = self.call().await?;
        self.expect(&call, "SUCCESS", Some("OK"))?;
        Self::show_gate(&call)?;

        self.title("Second analysis, version 1.1: one new finding, and the gate fails")?;
        code.commit("v2", self.ambient.now())?;
        self.scan(code.path(), "reports/ruff.sarif and bandit.sarif, coverage.xml", None)
            .await?;
        let call = self.call().await?;
        self.expect(&call, "SUCCESS", Some("ERROR"))?;
        Self::show_gate(&call)?;
        self.show_call(&call)?;

        self.title("A person looks at the new finding, and it is none")?;
        let found = self
            .api
            .get(
                "issues/search",
                &[
                    ("componentKeys", "python-shop"),
                    ("inNewCodePeriod", "true"),
                    ("resolved", "false"),
                ],
            )
            .await?;
        let issues = found["issues"].as_array().context("issues/search has no issues")?;
        ensure!(!issues.is_empty(), "there is no new finding");
        for issue in issues {
            let text = |name: &str| issue[name].as_str().unwrap_or_default().to_owned();
            say(&format!(
                "   {} {}:{}  {}",
                text("rule"),
                text("component"),
                issue["line"],
                text("message")
            ))?;
            say(
                "   It is an MD5 of a receipt's text as the key of a cache in memory: nothing that an attacker could use.",
            )?;
            say(&format!(
                "   POST /api/issues/do_transition  issue={}  transition=falsepositive",
                text("key")
            ))?;
            let key = text("key");
            self.api
                .post(
                    "issues/do_transition",
                    &[("issue", &key), ("transition", "falsepositive")],
                )
                .await?;
        }
        let call = self.call().await?;
        self.expect(&call, "SUCCESS", Some("OK"))?;
        say("\n   The gate passes, and the receiver knows at once:")?;
        Self::show_gate(&call)?;
        self.show_call(&call)
    }

    /// A gate that fails for more than one reason, and a global webhook.
    async fn ts_ledger(&mut self) -> Result<()> {
        let code = code::unpack("ts-ledger", self.folder.path())?;
        self.title("The project ts-ledger, and a global webhook that hears of every project")?;
        let hook = [
            ("name", "everything"),
            ("url", &self.hook_url()),
            ("secret", self.secret.expose_secret()),
        ];
        self.api.post("webhooks/create", &hook).await?;
        let last_week = self.ambient.now().minus(LAST_WEEK);
        code.commit("v1", last_week.minus(Duration::from_hours(1)))?;
        self.scan(code.path(), "reports/eslint.sarif, lcov.info", Some(last_week))
            .await?;
        let call = self.call().await?;
        self.expect(&call, "SUCCESS", Some("OK"))?;
        code.commit("v2", self.ambient.now())?;
        self.scan(code.path(), "reports/eslint.sarif, lcov.info", None).await?;
        let call = self.call().await?;
        self.expect(&call, "SUCCESS", Some("ERROR"))?;
        Self::show_gate(&call)
    }

    /// Scans a code base as `gatehook scan` does, and waits until the server has analysed it.
    async fn scan(&self, base_dir: &Path, reports: &str, date: Option<Timestamp>) -> Result<()> {
        let mut properties = Properties::new();
        properties.add_file(&base_dir.join("sonar-project.properties"))?;
        properties.set("sonar.host.url", &self.server.url());
        properties.set("sonar.token", self.token.expose_secret());
        properties.set("sonar.analysis.buildNumber", &self.heading.to_string());
        if let Some(date) = date {
            properties.set("sonar.projectDate", &date.to_string());
        }
        // The environment of this process must not make it another scan.
        let environment = Environment::from_iter(Vec::<(String, String)>::new());
        let wanted = ScanOptions::new(base_dir, properties, environment, self.ambient.clone(), Arc::new(Quiet));
        let outcome = gatehook_scanner::scan(wanted).await?;
        say(&format!(
            "   gatehook scan: {} files, {} lines of code, {} issues from {reports}",
            outcome.totals.files, outcome.totals.ncloc, outcome.totals.issues
        ))?;
        let task = self.api.wait_for_task(&outcome.task_id, PATIENCE).await?;
        ensure!(
            task["status"] == "SUCCESS",
            "the task ended with {}: {}",
            task["status"],
            task["errorMessage"]
        );
        Ok(())
    }

    /// The next call the receiver gets.
    async fn call(&mut self) -> Result<Call> {
        let waited = tokio::time::timeout(PATIENCE, self.receiver.next_call()).await;
        waited
            .ok()
            .flatten()
            .with_context(|| format!("no call came within {} s", PATIENCE.as_secs()))
    }

    /// Checks a call: signed with the secret, and saying what it should.
    fn expect(&self, call: &Call, status: &str, gate: Option<&str>) -> Result<()> {
        ensure!(
            call.signature(Some(&self.secret)) == Signature::Valid,
            "the signature of the call is not valid"
        );
        let body: Value = serde_json::from_slice(&call.body).context("the call's body is no JSON")?;
        ensure!(
            body["status"] == status,
            "the call says that the task's status is {}, not {status}",
            body["status"]
        );
        let said = body["qualityGate"]["status"].as_str();
        if said != gate {
            bail!(
                "the call says that the gate is {said:?}, not {gate:?}: {}",
                indented(&body.to_string())
            );
        }
        Ok(())
    }

    fn show_gate(call: &Call) -> Result<()> {
        let body: Value = serde_json::from_slice(&call.body)?;
        let gate = &body["qualityGate"];
        let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
        say(&format!(
            "   Quality gate '{}': {}",
            text(&gate["name"]),
            coloured(&text(&gate["status"]))
        ))?;
        for condition in gate["conditions"].as_array().into_iter().flatten() {
            let fails_when = if condition["operator"] == "GREATER_THAN" {
                "above"
            } else {
                "below"
            };
            say(&format!(
                "     {:<32} {:>8}   fails {fails_when} {:<4}  {}",
                text(&condition["metric"]),
                text(&condition["value"]),
                text(&condition["errorThreshold"]),
                coloured(&text(&condition["status"])),
            ))?;
        }
        Ok(())
    }

    /// Shows a call as it came, and what its signature is worth.
    fn show_call(&self, call: &Call) -> Result<()> {
        say(&format!("\n   The call, as it came:\n\n     POST {}", call.path))?;
        for (name, value) in &call.headers {
            say(&format!("     {name}: {value}"))?;
        }
        let body = indented(&String::from_utf8_lossy(&call.body));
        say("")?;
        for line in body.lines() {
            say(&format!("     {line}"))?;
        }
        say(&format!(
            "\n   Signature: HMAC-SHA256 of these {} bytes with the secret is the value of the header: {}",
            call.body.len(),
            call.signature(Some(&self.secret)).as_str()
        ))
    }
}

fn coloured(word: &str) -> String {
    let colour = match word {
        "OK" => anstyle::AnsiColor::Green,
        "ERROR" => anstyle::AnsiColor::Red,
        _ => return word.to_owned(),
    };
    let style = colour.on_default().bold();
    format!("{style}{word}{style:#}")
}
