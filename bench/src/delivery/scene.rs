//! A server's data folder with projects and webhooks, and a backlog of deliveries written into it while it is stopped.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use gatehook_domain::branch::Branch;
use gatehook_domain::gate::{ConditionStatus, ConditionVerdict, GateStatus, Operator, Verdict};
use gatehook_domain::key::ProjectKey;
use gatehook_domain::metric::Metric;
use gatehook_domain::project::Project;
use gatehook_domain::webhook::EventKind;
use gatehook_domain::{Ambient, Timestamp};
use gatehook_store::{DatabaseUrl, SecretKey, Store, StoreConfig, StoreError, branch, project};
use gatehook_webhooks::{Happened, ServerUrl, TaskResult, payload, record};

use crate::receiver::{HANGING, Receiver, SECRET};
use crate::server::{Server, TOKEN};

/// The length of every call's body in bytes.
const BODY: usize = 1024;
/// How many events are written in one transaction.
const CHUNK: usize = 500;
/// What the server would say that it is called.
const SERVER_URL: &str = "http://localhost:9000";

/// Which webhooks there are.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Layout {
    /// Projects; their events come in turn.
    pub(crate) projects: usize,
    /// Webhooks that hear of every project.
    pub(crate) global: usize,
    /// Webhooks of each project.
    pub(crate) own: usize,
    /// Whether the first webhook calls the path that hangs when the receiver is told to.
    pub(crate) first_hangs: bool,
}

impl Layout {
    /// How many deliveries one event makes.
    pub(crate) fn per_event(&self) -> usize {
        self.global + self.own
    }

    /// How many different destinations there are.
    pub(crate) fn destinations(&self) -> usize {
        self.global + self.projects * self.own
    }
}

/// A data folder that a server is started on again and again.
pub(crate) struct Scene {
    data_dir: PathBuf,
    layout: Layout,
    projects: Arc<Vec<(Project, Option<Branch>)>>,
}

impl Scene {
    /// Makes the projects and the webhooks through the Web API.
    pub(crate) async fn prepare(data_dir: &Path, layout: Layout, receiver: &Receiver) -> Result<Self> {
        let server = Server::start(data_dir)?;
        let api = Api::new(&server);
        api.receivers_here().await?;
        let mut number = 0;
        for _ in 0..layout.global {
            api.webhook(None, &url(&layout, receiver, number)).await?;
            number += 1;
        }
        for at in 0..layout.projects {
            let key = project_key(at);
            api.post("projects/create", &[("project", &key), ("name", &key)])
                .await?;
            for _ in 0..layout.own {
                api.webhook(Some(&key), &url(&layout, receiver, number)).await?;
                number += 1;
            }
        }
        server.stop()?;
        let store = open(data_dir).await?;
        let projects = store.read(move |tx| found(tx, layout.projects)).await?;
        store.close().await;
        ensure!(projects.len() == layout.projects, "projects are missing");
        Ok(Self {
            data_dir: data_dir.to_owned(),
            layout,
            projects: Arc::new(projects),
        })
    }

    /// Writes events until at least `deliveries` are owed, and gives how many those are.
    pub(crate) async fn owe(&self, deliveries: usize) -> Result<usize> {
        let events = deliveries.div_ceil(self.layout.per_event());
        let store = open(&self.data_dir).await?;
        let urls = ServerUrl::new(SERVER_URL);
        for chunk in (0..events).step_by(CHUNK) {
            let (projects, urls) = (self.projects.clone(), urls.clone());
            let numbers = chunk..events.min(chunk + CHUNK);
            store
                .write(move |tx| {
                    let now = tx.ambient().now();
                    for number in numbers.clone() {
                        let (project, branch) = &projects[number % projects.len()];
                        told(project, branch.as_ref(), now, |happened| record(tx, &urls, happened))?;
                    }
                    Ok::<(), StoreError>(())
                })
                .await?;
        }
        store.close().await;
        Ok(events * self.layout.per_event())
    }

    /// Starts the server on it.
    pub(crate) fn serve(&self) -> Result<Server> {
        Server::start(&self.data_dir)
    }

    /// How many deliveries have not been written down as delivered; the server must be stopped.
    pub(crate) fn left(&self) -> Result<i64> {
        let database = rusqlite::Connection::open(self.data_dir.join("gatehook.db"))?;
        let left = database.query_one("SELECT COUNT(*) FROM delivery WHERE status <> 'DELIVERED'", [], |row| {
            row.get(0)
        })?;
        Ok(left)
    }

    /// Forgets every event and delivery; the server must be stopped.
    pub(crate) fn forget(&self) -> Result<()> {
        let database = rusqlite::Connection::open(self.data_dir.join("gatehook.db"))?;
        database.execute_batch("DELETE FROM delivery_attempt; DELETE FROM delivery; DELETE FROM webhook_event;")?;
        Ok(())
    }

    /// The body that every call has but for names and dates, for the floor.
    pub(crate) fn body(&self) -> Vec<u8> {
        let (project, branch) = &self.projects[0];
        told(project, branch.as_ref(), Timestamp::from_millis(0), |happened| {
            payload::payload(happened, SERVER_URL)
        })
    }
}

fn found(tx: &mut gatehook_store::Tx<'_>, count: usize) -> Result<Vec<(Project, Option<Branch>)>, StoreError> {
    let mut found = Vec::with_capacity(count);
    for at in 0..count {
        let Ok(key) = ProjectKey::parse(&project_key(at)) else {
            continue;
        };
        if let Some(project) = project::by_key(tx, &key)? {
            let main = branch::main(tx, &project.id)?;
            found.push((project, main));
        }
    }
    Ok(found)
}

pub(crate) fn project_key(at: usize) -> String {
    format!("bench-{at:04}")
}

fn url(layout: &Layout, receiver: &Receiver, number: usize) -> String {
    let path = if layout.first_hangs && number == 0 {
        HANGING
    } else {
        "/"
    };
    format!("http://{}{path}", receiver.destination(number))
}

/// Opens the database of a stopped server.
async fn open(data_dir: &Path) -> Result<Store> {
    let key = std::fs::read_to_string(data_dir.join("secret.key"))?;
    let config = StoreConfig::new(
        DatabaseUrl::sqlite(data_dir.join("gatehook.db")),
        SecretKey::from_base64(key.trim())?,
    );
    let ambient: Ambient = crate::ambient::real();
    Store::open(config, ambient).await.context("cannot open the database")
}

/// Gives an event of a gate with four conditions, whose body has exactly [`BODY`] bytes, to `then`.
fn told<T>(project: &Project, branch: Option<&Branch>, now: Timestamp, then: impl FnOnce(&Happened<'_>) -> T) -> T {
    let metrics = [
        "new_violations",
        "new_coverage",
        "new_duplicated_lines_density",
        "coverage",
    ];
    let conditions = metrics
        .into_iter()
        .filter_map(Metric::find)
        .map(|metric| ConditionVerdict {
            metric,
            operator: Operator::GreaterThan,
            threshold: "80".to_owned(),
            value: Some("12.5".to_owned()),
            status: ConditionStatus::Error,
        });
    let verdict = Verdict {
        status: GateStatus::Error,
        conditions: conditions.collect(),
        ignored_conditions: false,
    };
    let mut properties = BTreeMap::from([("sonar.analysis.note".to_owned(), String::new())]);
    let bare = happened(project, branch, now, &verdict, &properties);
    let missing = BODY.saturating_sub(payload::payload(&bare, SERVER_URL).len());
    properties.insert("sonar.analysis.note".to_owned(), "x".repeat(missing));
    then(&happened(project, branch, now, &verdict, &properties))
}

fn happened<'a>(
    project: &'a Project,
    branch: Option<&'a Branch>,
    now: Timestamp,
    verdict: &'a Verdict,
    properties: &'a BTreeMap<String, String>,
) -> Happened<'a> {
    Happened {
        project,
        branch,
        named: None,
        kind: EventKind::GateChanged,
        task: None,
        result: TaskResult::Succeeded,
        analysis: None,
        analysed_at: None,
        revision: None,
        changed_at: now,
        gate: Some(("Sonar way", verdict)),
        gate_before: None,
        properties,
    }
}

/// The Web API, for what is not measured.
pub(crate) struct Api {
    client: reqwest::Client,
    url: String,
}

impl Api {
    /// That of a running server.
    pub(crate) fn new(server: &Server) -> Self {
        Self {
            client: reqwest::Client::new(),
            url: server.url().to_owned(),
        }
    }

    /// Allows webhooks to call this machine.
    pub(crate) async fn receivers_here(&self) -> Result<()> {
        self.post("settings/set", &[("key", "sonar.validateWebhooks"), ("value", "false")])
            .await
    }

    /// Makes a webhook.
    pub(crate) async fn webhook(&self, project: Option<&str>, url: &str) -> Result<()> {
        let mut parameters = vec![("name", "bench"), ("url", url), ("secret", SECRET)];
        parameters.extend(project.map(|project| ("project", project)));
        self.post("webhooks/create", &parameters).await
    }

    /// Calls an action that changes something.
    pub(crate) async fn post(&self, action: &str, parameters: &[(&str, &str)]) -> Result<()> {
        let request = self.client.post(format!("{}/api/{action}", self.url)).query(parameters);
        let answer = request.bearer_auth(TOKEN).send().await?;
        let status = answer.status();
        ensure!(
            status.is_success(),
            "{action} answered {status}: {}",
            answer.text().await?
        );
        Ok(())
    }

    /// Calls an action that tells something.
    pub(crate) async fn get(&self, action: &str, parameters: &[(&str, &str)]) -> Result<serde_json::Value> {
        let request = self.client.get(format!("{}/api/{action}", self.url)).query(parameters);
        let answer = request.bearer_auth(TOKEN).send().await?;
        let status = answer.status();
        ensure!(status.is_success(), "{action} answered {status}");
        Ok(answer.json().await?)
    }

    /// Submits a report and gives the task's id.
    pub(crate) async fn submit(&self, project: &str, report: Vec<u8>) -> Result<String> {
        let part = reqwest::multipart::Part::bytes(report).file_name("report.zip");
        let request = self
            .client
            .post(format!("{}/api/ce/submit", self.url))
            .query(&[("projectKey", project)])
            .multipart(reqwest::multipart::Form::new().part("report", part));
        let answer: serde_json::Value = request.bearer_auth(TOKEN).send().await?.json().await?;
        let task = answer["taskId"].as_str();
        Ok(task.with_context(|| format!("submit answered {answer}"))?.to_owned())
    }
}
