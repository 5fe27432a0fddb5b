//! Sending the report, leaving word of it for other tools, and waiting for the gate.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::{FutureExt as _, StreamExt as _};
use gatehook_domain::key::form_encoded;
use reqwest::multipart::{Form, Part};
use reqwest::{Body, Method};
use serde::Deserialize;
use tokio::time::Instant;
use tokio_util::io::ReaderStream;

use crate::client::{ANSWER_TIMEOUT, Client, ClientError};
use crate::config::{Config, Target};
use crate::progress::{Phase, Progress};
use crate::properties::Properties;

/// The slowest upload that is waited for.
const MIN_BYTES_PER_SECOND: u64 = 32 * 1024;
const FIRST_POLL: Duration = Duration::from_millis(200);
const LAST_POLL: Duration = Duration::from_secs(5);
const SUBMIT: &str = "api/ce/submit";

/// The report could not be sent, or its analysis did not end well.
#[derive(Debug, thiserror::Error)]
pub enum SubmitError {
    /// The server did not do what was asked.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// A file of the scan cannot be read or written.
    #[error("cannot {action} {path}: {source}")]
    File {
        /// What was tried.
        action: &'static str,
        /// The file.
        path: String,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// The server could not analyse the report.
    #[error("the analysis failed on the server: {message}\n  More about it at {url}")]
    TaskFailed {
        /// What the server said.
        message: String,
        /// The task.
        url: String,
    },
    /// Somebody cancelled the task.
    #[error("the analysis was cancelled on the server; more about it at {url}")]
    TaskCancelled {
        /// The task.
        url: String,
    },
    /// The server was too slow.
    #[error("the analysis was not finished after {} seconds (sonar.qualitygate.timeout); more about it at {url}", timeout.as_secs())]
    Timeout {
        /// How long was waited.
        timeout: Duration,
        /// The task.
        url: String,
    },
}

/// A report that was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Submitted {
    /// The background task.
    pub task_id: String,
    /// Where the result is shown.
    pub dashboard_url: String,
    /// Where the task is told about.
    pub ce_task_url: String,
    /// Version the server says it has.
    pub server_version: String,
}

/// What the gate says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GateResult {
    /// `OK`, `WARN`, `ERROR` or `NONE`.
    pub status: String,
    /// Conditions that failed.
    pub failed: Vec<FailedCondition>,
}

impl GateResult {
    /// Whether the code may pass. As for the official scanners, only `OK` may.
    pub fn passed(&self) -> bool {
        self.status == "OK"
    }
}

/// A condition that failed.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FailedCondition {
    /// `ERROR` or `WARN`.
    status: String,
    /// The metric.
    #[serde(rename = "metricKey")]
    pub metric: String,
    /// `GT` or `LT`.
    #[serde(default)]
    pub comparator: String,
    /// What was asked for.
    #[serde(default, rename = "errorThreshold")]
    pub threshold: String,
    /// What was measured.
    #[serde(default, rename = "actualValue")]
    pub actual: String,
}

impl std::fmt::Display for FailedCondition {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let relation = match self.comparator.as_str() {
            "GT" => "greater than",
            "LT" => "less than",
            other => other,
        };
        write!(f, "{} is {}, {relation} {}", self.metric, self.actual, self.threshold)
    }
}

/// Sends the report and writes `report-task.txt`.
pub(crate) async fn submit(
    client: &Client,
    config: &Config,
    properties: &Properties,
    report: &Path,
    progress: &Arc<dyn Progress>,
) -> Result<Submitted, SubmitError> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Answer {
        task_id: String,
    }
    // Asked first: a wrong address or token is found before megabytes are sent.
    let server_version = client.get_text("api/server/version", &[]).await?.trim().to_owned();
    if server_version.is_empty() || server_version.len() > 100 || server_version.contains(['\n', '<']) {
        return Err(client.bad_answer("api/server/version", "it is no version").into());
    }

    let failed = |source| SubmitError::File {
        action: "read",
        path: report.display().to_string(),
        source,
    };
    let file = std::fs::File::open(report).map_err(failed)?;
    let size = file.metadata().map_err(failed)?.len();
    progress.start(Phase::Upload, Some(size));
    let query = query_of(config, properties);
    let timeout = ANSWER_TIMEOUT + Duration::from_secs(size / MIN_BYTES_PER_SECOND);
    let make = || {
        // Opened for each attempt, so that one that failed half-way leaves nothing to the next.
        let file = std::fs::File::open(report)
            .map_err(|error| ClientError::SetUp(format!("{}: {error}", report.display())))?;
        let sent = AtomicU64::new(0);
        let progress = Arc::clone(progress);
        let stream = ReaderStream::with_capacity(tokio::fs::File::from_std(file), 64 * 1024).inspect(move |chunk| {
            if let Ok(chunk) = chunk {
                let before = sent.fetch_add(chunk.len() as u64, Ordering::Relaxed);
                progress.advance(Phase::Upload, before + chunk.len() as u64);
            }
        });
        let part = Part::stream_with_length(Body::wrap_stream(stream), size)
            .file_name("scanner-report.zip")
            .mime_str("application/zip")
            .map_err(|error| ClientError::SetUp(error.to_string()))?;
        let request = client
            .request(Method::POST, SUBMIT)
            .query(&query)
            .header("accept", "application/json");
        Ok(request.timeout(timeout).multipart(Form::new().part("report", part)))
    };
    let response = client.send(SUBMIT, make).await?;
    let body = client.text_of(SUBMIT, response, size).await?;
    let answer: Answer = serde_json::from_str(&body).map_err(|error| client.bad_answer(SUBMIT, &error.to_string()))?;
    progress.finish(Phase::Upload);

    let server_url = server_url(client).await;
    let submitted = Submitted {
        dashboard_url: dashboard_url(&server_url, config),
        ce_task_url: format!("{server_url}/api/ce/task?id={}", form_encoded(&answer.task_id)),
        task_id: answer.task_id,
        server_version,
    };
    write_task_file(config, &server_url, &submitted)?;
    Ok(submitted)
}

fn query_of(config: &Config, properties: &Properties) -> Vec<(&'static str, String)> {
    let mut query = vec![("projectKey", config.project_key.as_str().to_owned())];
    if let Some(name) = properties.get("sonar.projectName") {
        query.push(("projectName", name.to_owned()));
    }
    match &config.target {
        Target::Main => {}
        Target::Branch(name) => {
            query.push(("characteristic", format!("branch={name}")));
            query.push(("characteristic", "branchType=BRANCH".to_owned()));
        }
        Target::PullRequest { key, .. } => query.push(("characteristic", format!("pullRequest={key}"))),
    }
    query
}

/// The address the server has for people. Not every token may ask for it; then it is the one the scan uses.
async fn server_url(client: &Client) -> String {
    #[derive(Deserialize)]
    struct Settings {
        settings: Vec<Setting>,
    }
    #[derive(Deserialize)]
    struct Setting {
        key: String,
        value: Option<String>,
    }
    const KEY: &str = "sonar.core.serverBaseURL";
    let settings = client.get::<Settings>("api/settings/values", &[("keys", KEY)]).await;
    let value = settings
        .ok()
        .and_then(|answer| answer.settings.into_iter().find(|setting| setting.key == KEY)?.value);
    match value.as_deref().map(|url| url.trim().trim_end_matches('/')) {
        Some(url) if url.starts_with("http") && !url.contains(['\n', '\r']) => url.to_owned(),
        _ => client.host().to_owned(),
    }
}

fn dashboard_url(server_url: &str, config: &Config) -> String {
    let target = match &config.target {
        Target::Main => String::new(),
        Target::Branch(name) => format!("&branch={}", form_encoded(name)),
        Target::PullRequest { key, .. } => format!("&pullRequest={}", form_encoded(key)),
    };
    format!(
        "{server_url}/dashboard?id={}{target}",
        form_encoded(config.project_key.as_str())
    )
}

/// What continuous integration plugins look for. The order of the lines is the official one.
fn write_task_file(config: &Config, server_url: &str, submitted: &Submitted) -> Result<(), SubmitError> {
    let branch = match &config.target {
        Target::Branch(name) => format!("branch={name}\n"),
        Target::Main | Target::PullRequest { .. } => String::new(),
    };
    let text = format!(
        "projectKey={}\nserverUrl={server_url}\nserverVersion={}\n{branch}dashboardUrl={}\nceTaskId={}\nceTaskUrl={}\n",
        config.project_key.as_str(),
        submitted.server_version,
        submitted.dashboard_url,
        submitted.task_id,
        submitted.ce_task_url
    );
    let failed = |source| SubmitError::File {
        action: "write",
        path: config.task_file.display().to_string(),
        source,
    };
    if let Some(folder) = config.task_file.parent() {
        std::fs::create_dir_all(folder).map_err(failed)?;
    }
    std::fs::write(&config.task_file, text).map_err(failed)
}

/// Waits until the task is finished and asks for the verdict.
pub(crate) async fn wait_for_gate(
    client: &Client,
    submitted: &Submitted,
    timeout: Duration,
    warnings: &mut Vec<String>,
) -> Result<GateResult, SubmitError> {
    #[derive(Deserialize)]
    struct Answer {
        #[serde(rename = "projectStatus")]
        status: Status,
    }
    #[derive(Deserialize)]
    struct Status {
        status: String,
        #[serde(default)]
        conditions: Vec<FailedCondition>,
    }
    let polled = tokio::time::timeout(timeout, poll(client, submitted, warnings)).map(|result| {
        result.unwrap_or_else(|_| {
            Err(SubmitError::Timeout {
                timeout,
                url: submitted.ce_task_url.clone(),
            })
        })
    });
    let analysis_id = polled.await?;
    let answer: Answer = client
        .get("api/qualitygates/project_status", &[("analysisId", &analysis_id)])
        .await?;
    let failed = answer
        .status
        .conditions
        .into_iter()
        .filter(|condition| condition.status != "OK")
        .collect();
    Ok(GateResult {
        status: answer.status.status,
        failed,
    })
}

async fn poll(client: &Client, submitted: &Submitted, warnings: &mut Vec<String>) -> Result<String, SubmitError> {
    #[derive(Deserialize)]
    struct Answer {
        task: Task,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Task {
        status: String,
        analysis_id: Option<String>,
        error_message: Option<String>,
        #[serde(default)]
        warnings: Vec<String>,
    }
    let mut pause = FIRST_POLL;
    let mut next = Instant::now();
    loop {
        let answer: Answer = client
            .get(
                "api/ce/task",
                &[("id", &submitted.task_id), ("additionalFields", "warnings")],
            )
            .await?;
        let url = || submitted.ce_task_url.clone();
        match (answer.task.status.as_str(), answer.task.analysis_id) {
            ("PENDING" | "IN_PROGRESS", _) => {}
            ("SUCCESS", Some(analysis)) => {
                warnings.extend(answer.task.warnings);
                return Ok(analysis);
            }
            ("CANCELED", _) => return Err(SubmitError::TaskCancelled { url: url() }),
            ("FAILED", _) => {
                let message = answer
                    .task
                    .error_message
                    .unwrap_or_else(|| "it gave no reason".to_owned());
                return Err(SubmitError::TaskFailed { message, url: url() });
            }
            (other, _) => {
                return Err(client
                    .bad_answer("api/ce/task", &format!("the task is '{other}' without an analysis"))
                    .into());
            }
        }
        next += pause;
        tokio::time::sleep_until(next.max(Instant::now())).await;
        pause = (pause * 3 / 2).min(LAST_POLL);
    }
}
