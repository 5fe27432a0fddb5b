//! People who change issues and scanners that submit reports, all at once, and what was answered to them.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use gatehook_testkit::report::{FileBuilder, ReportBuilder};
use reqwest::Method;
use serde_json::Value;

use crate::durability::PROJECTS;
use crate::durability::books::Books;
use crate::durability::witness::Witness;
use crate::harness::{SECRET, Server, TOKEN, now};

/// The pause between two looks whether a report has been analysed.
const POLL: Duration = Duration::from_millis(10);

/// What was asked of the server, and answered.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    /// For each project, the changes of its issue that were answered, and those that were asked for.
    changes: BTreeMap<&'static str, (u64, u64)>,
    /// The tasks whose reports were taken.
    tasks: Vec<String>,
}

impl Ledger {
    pub(super) fn add(&mut self, other: Self) {
        for (project, (answered, asked)) in other.changes {
            let all = self.changes.entry(project).or_default();
            *all = (all.0 + answered, all.1 + asked);
        }
        self.tasks.extend(other.tasks);
    }

    /// Whether anything was answered at all.
    pub(super) fn is_blank(&self) -> bool {
        self.changes.values().all(|(answered, _)| *answered == 0)
    }

    /// What was answered is kept; what was not answered may be.
    pub(super) fn check(&self, books: &Books) {
        for (project, (answered, asked)) in &self.changes {
            let kept = books.changes(project);
            assert!(
                (*answered..=*asked).contains(&kept),
                "{project}: {asked} changes were asked for, {answered} were answered, and {kept} are kept"
            );
        }
        for task in &self.tasks {
            assert_eq!(books.calls_about(task), 2, "the task {task}, whose report was taken");
        }
    }
}

fn report(project: &str) -> ReportBuilder {
    ReportBuilder::new(project, now()).file(FileBuilder::numbered("a.rs", 30).issue("A", 1, "x"))
}

/// Projects with a webhook each and one for all, judged by a gate that one open issue turns red.
pub(super) async fn prepare(server: &Server, witness: &Witness) {
    let pauses = ["1s"; 30].join(",");
    server
        .post(
            "settings/set",
            &[("key", "gatehook.webhooks.retrySchedule"), ("value", &pauses)],
        )
        .await;
    server.post("qualitygates/create", &[("name", "None")]).await;
    let condition = [
        ("gateName", "None"),
        ("metric", "violations"),
        ("op", "GT"),
        ("error", "0"),
    ];
    server.post("qualitygates/create_condition", &condition).await;
    server.post("qualitygates/set_as_default", &[("name", "None")]).await;
    let url = witness.url("all");
    server
        .post("webhooks/create", &[("name", "all"), ("url", &url), ("secret", SECRET)])
        .await;
    for project in PROJECTS {
        server
            .post("projects/create", &[("project", project), ("name", project)])
            .await;
        let url = witness.url(project);
        let hook = [
            ("project", project),
            ("name", project),
            ("url", &url),
            ("secret", SECRET),
        ];
        server.post("webhooks/create", &hook).await;
        analyse(server, project).await;
    }
}

/// Analyses a project.
pub(super) async fn analyse(server: &Server, project: &str) {
    assert_eq!(server.analyse(project, &report(project)).await["status"], "SUCCESS");
}

/// A server that is worked on.
#[derive(Clone, Copy)]
pub(super) struct Load<'a> {
    server: &'a Server,
    witness: &'a Witness,
    projects: &'a [&'static str],
    /// Whether the server may say that it cannot do something now.
    in_trouble: bool,
    /// Says that the work is to end; without it, it ends when the server does not answer.
    stop: Option<&'a AtomicBool>,
}

impl<'a> Load<'a> {
    /// Any answer but a good one is a fault: a crash must not leave behind what a later request stumbles over.
    pub(super) const fn on(server: &'a Server, witness: &'a Witness) -> Self {
        Self {
            server,
            witness,
            projects: &PROJECTS,
            in_trouble: false,
            stop: None,
        }
    }

    /// On a server whose storage is in trouble: what it refuses with a 5xx is not done.
    pub(super) const fn in_trouble(self, in_trouble: bool) -> Self {
        Self { in_trouble, ..self }
    }

    /// Only on these projects, until it is told to stop: whoever is not answered begins anew.
    pub(super) const fn until(self, stop: &'a AtomicBool, projects: &'a [&'static str]) -> Self {
        Self {
            projects,
            stop: Some(stop),
            ..self
        }
    }

    fn is_stopped(self) -> bool {
        self.stop.is_some_and(|stop| stop.load(Ordering::Relaxed))
    }

    /// Whether who was not answered begins anew.
    fn goes_on(self) -> bool {
        self.stop.is_some() && !self.is_stopped()
    }

    /// People and scanners at work on all projects.
    pub(super) async fn work(self) -> Ledger {
        let scanners = join_all(self.projects.iter().map(|project| self.scanner(project)));
        let (mut ledger, scanners) = tokio::join!(self.changes(), scanners);
        ledger.tasks = scanners.into_iter().flatten().collect();
        ledger
    }

    /// People at work on all projects.
    pub(super) async fn changes(self) -> Ledger {
        let people = join_all(self.projects.iter().map(|project| self.person(project))).await;
        Ledger {
            changes: self.projects.iter().copied().zip(people).collect(),
            tasks: Vec::new(),
        }
    }

    async fn person(self, project: &'static str) -> (u64, u64) {
        let (mut answered, mut asked) = self.change(project).await;
        while self.goes_on() {
            let more = self.change(project).await;
            (answered, asked) = (answered + more.0, asked + more.1);
        }
        (answered, asked)
    }

    async fn scanner(self, project: &'static str) -> Vec<String> {
        let mut tasks = self.scan(project).await;
        while self.goes_on() {
            tasks.extend(self.scan(project).await);
        }
        tasks
    }

    /// Asks for something beside which a kill can fall.
    async fn ask(self, request: reqwest::RequestBuilder) -> Option<Value> {
        self.witness.happens();
        let answer = self.answer(request).await;
        self.witness.happens();
        answer
    }

    /// What the server answers; nothing when it is dead, or in trouble.
    async fn answer(self, request: reqwest::RequestBuilder) -> Option<Value> {
        let (status, body) = self.server.try_send(request.bearer_auth(TOKEN)).await.ok()?;
        if self.in_trouble && status >= 500 {
            return None;
        }
        assert_eq!(status, 200, "{body}\n{}", self.server.troubles());
        Some(serde_json::from_str(&body).unwrap())
    }

    /// A person who marks an issue as a false positive, and thinks better of it, again and again: each turns the gate.
    /// Gives how many changes were answered, and how many were asked for.
    async fn change(self, project: &'static str) -> (u64, u64) {
        let search = self
            .server
            .anonymous(Method::GET, "api/issues/search")
            .query(&[("componentKeys", project)]);
        let Some(found) = self.ask(search).await else {
            return (0, 0);
        };
        let issue = found["issues"][0].clone();
        let key = issue["key"].as_str().unwrap();
        let mut is_open = issue["issueStatus"] != "FALSE_POSITIVE";
        let mut answered = 0;
        while !self.is_stopped() {
            let transition = if is_open { "falsepositive" } else { "reopen" };
            let request = self
                .server
                .anonymous(Method::POST, "api/issues/do_transition")
                .query(&[("issue", key), ("transition", transition)]);
            if self.ask(request).await.is_none() {
                return (answered, answered + 1);
            }
            answered += 1;
            is_open = !is_open;
        }
        (answered, answered)
    }

    /// A pipeline that submits a report when the one before has been analysed. Gives the tasks whose reports were taken.
    async fn scan(self, project: &'static str) -> Vec<String> {
        let mut tasks = Vec::new();
        while !self.is_stopped() {
            let part = reqwest::multipart::Part::bytes(report(project).zip()).file_name("report.zip");
            let request = self
                .server
                .anonymous(Method::POST, "api/ce/submit")
                .query(&[("projectKey", project)])
                .multipart(reqwest::multipart::Form::new().part("report", part));
            let Some(submitted) = self.ask(request).await else {
                return tasks;
            };
            let task = submitted["taskId"].as_str().unwrap().to_owned();
            tasks.push(task.clone());
            if !self.analysed(&task).await {
                return tasks;
            }
        }
        tasks
    }

    /// Waits until a report has been analysed. False when the server does not answer any more, or the work is to end.
    async fn analysed(self, task: &str) -> bool {
        while !self.is_stopped() {
            let request = self.server.anonymous(Method::GET, "api/ce/task").query(&[("id", task)]);
            let Some(found) = self.answer(request).await else {
                return false;
            };
            match found["task"]["status"].as_str() {
                Some("PENDING" | "IN_PROGRESS") => tokio::time::sleep(POLL).await,
                status => {
                    assert_eq!(status, Some("SUCCESS"), "{found}");
                    return true;
                }
            }
        }
        false
    }
}
