//! Projects whose gate flips with every change of their one issue, and people who change it.

use std::io::Cursor;
use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use gatehook_report::{ReportWriter, proto};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};

use super::scene::{Api, project_key};
use crate::client::Connection;
use crate::receiver::Receiver;
use crate::server::{Server, TOKEN};

/// How long the analyses may take.
const PATIENCE: Duration = Duration::from_mins(2);
/// How far apart two changes of the same issue are when changes come evenly.
const TURN: Duration = Duration::from_secs(1);

/// A server with such projects, and one global webhook.
pub(crate) struct Flips {
    server: Server,
    people: Vec<Person>,
}

/// Somebody who changes the issue of a project, to and fro, over a connection of their own.
struct Person {
    project: String,
    issue: String,
    connection: Connection,
    headers: HeaderMap,
    /// Whether the issue is a false positive now.
    marked: bool,
}

impl Flips {
    /// Starts a server and has a report with one issue analysed for each project; the gate allows none.
    pub(crate) async fn prepare(data_dir: &Path, projects: usize, receiver: &Receiver) -> Result<Self> {
        let server = Server::start(data_dir)?;
        let api = Api::new(&server);
        api.receivers_here().await?;
        api.post("qualitygates/create", &[("name", "None")]).await?;
        let condition = [
            ("gateName", "None"),
            ("metric", "violations"),
            ("op", "GT"),
            ("error", "0"),
        ];
        api.post("qualitygates/create_condition", &condition).await?;
        api.post("qualitygates/set_as_default", &[("name", "None")]).await?;
        let mut tasks = Vec::new();
        for at in 0..projects {
            tasks.push(api.submit(&project_key(at), report(&project_key(at))?).await?);
        }
        let mut people = Vec::new();
        for (at, task) in tasks.iter().enumerate() {
            let began = Instant::now();
            loop {
                let told = api.get("ce/task", &[("id", task)]).await?;
                let status = told["task"]["status"].as_str().unwrap_or_default();
                if status == "SUCCESS" {
                    break;
                }
                ensure!(
                    matches!(status, "PENDING" | "IN_PROGRESS"),
                    "the task ended badly: {told}"
                );
                ensure!(began.elapsed() < PATIENCE, "the task did not end in time");
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            people.push(Person::new(&api, server.address()?, at).await?);
        }
        // Only now, so that the first calls are those of the first changes.
        let url = format!("http://{}/", receiver.destination(0));
        api.webhook(None, &url).await?;
        Ok(Self { server, people })
    }

    /// The server.
    pub(crate) fn server(&self) -> &Server {
        &self.server
    }

    /// Everybody changes their issue again and again for a while. Gives how many changes there were.
    pub(crate) async fn hurry(&mut self, during: Duration) -> Result<usize> {
        let until = Instant::now() + during;
        let mut at_work = Vec::new();
        for mut person in self.people.drain(..) {
            at_work.push(tokio::spawn(async move {
                let mut changes = 0;
                while Instant::now() < until {
                    person.change().await?;
                    changes += 1;
                }
                Ok::<_, anyhow::Error>((person, changes))
            }));
        }
        let mut changes = 0;
        for worker in at_work {
            let (person, count) = worker.await??;
            self.people.push(person);
            changes += count;
        }
        Ok(changes)
    }

    /// Everybody changes their issue once a second, each at another moment of it, for so many rounds. Gives project and moment of each
    /// change, taken just before the request is sent.
    pub(crate) async fn evenly(&mut self, rounds: u32) -> Result<Vec<(String, Instant)>> {
        let begin = tokio::time::Instant::now() + Duration::from_millis(100);
        let count = self.people.len() as u32;
        let mut at_work = Vec::new();
        for (at, mut person) in (0..).zip(self.people.drain(..)) {
            at_work.push(tokio::spawn(async move {
                let mut changes = Vec::new();
                for round in 0..rounds {
                    tokio::time::sleep_until(begin + TURN * round + TURN * at / count).await;
                    changes.push((person.project.clone(), Instant::now()));
                    person.change().await?;
                }
                Ok::<_, anyhow::Error>((person, changes))
            }));
        }
        let mut changes = Vec::new();
        for worker in at_work {
            let (person, own) = worker.await??;
            self.people.push(person);
            changes.extend(own);
        }
        Ok(changes)
    }
}

impl Person {
    async fn new(api: &Api, address: SocketAddr, at: usize) -> Result<Self> {
        let project = project_key(at);
        let found = api.get("issues/search", &[("componentKeys", &project)]).await?;
        let issue = found["issues"][0]["key"].as_str().context("the issue is missing")?;
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, HeaderValue::from_str(&format!("Bearer {TOKEN}"))?);
        headers.insert(
            CONTENT_TYPE,
            HeaderValue::from_static("application/x-www-form-urlencoded"),
        );
        Ok(Self {
            project,
            issue: issue.to_owned(),
            connection: Connection::open(address).await?,
            headers,
            marked: false,
        })
    }

    async fn change(&mut self) -> Result<()> {
        let transition = if self.marked { "reopen" } else { "falsepositive" };
        let form = format!("issue={}&transition={transition}", self.issue);
        self.connection
            .api("/api/issues/do_transition", &self.headers, form)
            .await?;
        self.marked = !self.marked;
        Ok(())
    }
}

/// A report of one file with one issue.
#[expect(
    clippy::disallowed_methods,
    reason = "a benchmark dates its reports by the real clock"
)]
fn report(project: &str) -> Result<Vec<u8>> {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?;
    let mut file = Cursor::new(Vec::new());
    let mut writer = ReportWriter::new(&mut file);
    writer.metadata(&proto::Metadata {
        analysis_date: now.as_millis() as i64,
        project_key: project.to_owned(),
        root_component_ref: 1,
        ..proto::Metadata::default()
    })?;
    writer.component(&proto::Component {
        r#ref: 1,
        r#type: proto::ComponentType::Project.into(),
        key: project.to_owned(),
        child_ref: vec![2],
        ..proto::Component::default()
    })?;
    writer.component(&proto::Component {
        r#ref: 2,
        r#type: proto::ComponentType::File.into(),
        language: "py".to_owned(),
        lines: 1,
        project_relative_path: "main.py".to_owned(),
        ..proto::Component::default()
    })?;
    writer.source(2, "import os")?;
    let issue = proto::ExternalIssue {
        engine_id: "lint".to_owned(),
        rule_id: "F401".to_owned(),
        msg: "os is imported but not used".to_owned(),
        severity: Some(3),
        r#type: Some(1),
        text_range: Some(proto::TextRange {
            start_line: 1,
            end_line: 1,
            start_offset: 0,
            end_offset: 9,
        }),
        ..proto::ExternalIssue::default()
    };
    writer.external_issues(2, [issue])?;
    writer.finish()?;
    Ok(file.into_inner())
}
