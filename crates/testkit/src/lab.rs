//! A project in a store of its own, with the workers running: reports go in, issues, verdicts and events come out.

use std::sync::Arc;
use std::time::Duration;

use gatehook_analysis::live::{self, ChangedIssue, LiveError};
use gatehook_analysis::submit::{Submission, submit};
use gatehook_analysis::worker::{Limits, WorkerConfig, Workers};
use gatehook_domain::ambient::ManualClock;
use gatehook_domain::branch::{Branch, BranchKind, BranchName};
use gatehook_domain::gate::Gate;
use gatehook_domain::id::{ComponentId, IssueId, TaskId};
use gatehook_domain::issue::Issue;
use gatehook_domain::key::ProjectKey;
use gatehook_domain::measure::Measures;
use gatehook_domain::project::{Project, Visibility};
use gatehook_domain::task::Task;
use gatehook_domain::workflow::Change;
use gatehook_domain::{Ambient, Timestamp};
use gatehook_store::testing::{self, TestStore};
use gatehook_store::{
    Engine, Store, StoreError, branch, component, delivery, gate, issue, measure, project, task, webhook,
};
use gatehook_webhooks::ServerUrl;
use serde_json::Value;
use tokio::sync::Notify;

use crate::hook;
use crate::report::ReportBuilder;

/// The key of the lab's project.
pub const PROJECT: &str = "lab";
/// How long a test waits for a task before it fails; it never decides a test that would pass.
const PATIENCE: Duration = Duration::from_mins(1);

/// A project under test.
pub struct Lab {
    /// The store and its clock.
    pub kept: TestStore,
    /// The project.
    pub project: Project,
    urls: ServerUrl,
    ended: Arc<Notify>,
    workers: Option<Workers>,
    folder: tempfile::TempDir,
}

#[expect(
    clippy::missing_panics_doc,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a harness of tests: what does not work fails the test"
)]
impl Lab {
    /// A project without analyses, with one webhook, on SQLite.
    pub async fn new() -> Self {
        Self::on(Engine::Sqlite).await
    }

    /// The same on either engine.
    pub async fn on(engine: Engine) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let kept = testing::open(engine, folder.path()).await;
        let ambient = kept.store.ambient().clone();
        let made = Project {
            id: ambient.new_id(),
            key: ProjectKey::parse(PROJECT).unwrap(),
            name: "The Lab".to_owned(),
            visibility: Visibility::Public,
            created_at: ambient.now(),
        };
        let (inserted, main) = (made.clone(), main_branch(&made, &ambient));
        let hook = hook::webhook(&ambient, Some(&made.id), "ci", "http://ci.example/hook");
        kept.store
            .write(move |tx| {
                gate::sync_built_in(tx)?;
                project::insert(tx, &inserted)?;
                branch::insert(tx, &main)?;
                webhook::insert(tx, &hook)
            })
            .await
            .unwrap();
        let mut lab = Self {
            kept,
            project: made,
            urls: ServerUrl::new("http://gates.example"),
            ended: Arc::new(Notify::new()),
            workers: None,
            folder,
        };
        lab.start_workers().await;
        lab
    }

    /// Starts the workers, if they do not run.
    pub async fn start_workers(&mut self) {
        let config = WorkerConfig {
            node: gatehook_domain::id::NodeId::parse("lab-node").unwrap(),
            workers: 1,
            temp_dir: self.folder.path().to_owned(),
            limits: Limits::default(),
            urls: self.urls.clone(),
        };
        let ended = Arc::clone(&self.ended);
        let on_event: gatehook_analysis::worker::OnEvent = Arc::new(move || ended.notify_one());
        self.workers = Some(Workers::start(&self.kept.store, &config, &on_event).await.unwrap());
    }

    /// Stops the workers, so that submitted reports wait.
    pub async fn stop_workers(&mut self) {
        if let Some(workers) = self.workers.take() {
            workers.stop().await;
        }
    }

    /// The store.
    pub fn store(&self) -> &Store {
        &self.kept.store
    }

    /// The clock.
    pub fn clock(&self) -> &ManualClock {
        &self.kept.clock
    }

    /// Now.
    pub fn now(&self) -> Timestamp {
        self.kept.store.ambient().now()
    }

    /// Moves the clock.
    pub fn days_pass(&self, days: u64) {
        self.kept.clock.advance(Duration::from_secs(days * 24 * 60 * 60));
    }

    /// An empty report about the project, made now.
    pub fn report(&self) -> ReportBuilder {
        ReportBuilder::new(PROJECT, self.now())
    }

    /// Submits bytes as a report and waits until its task has ended.
    pub async fn submit_bytes(&self, branch: BranchName, bytes: &[u8]) -> Task {
        let id = self.submit_only(branch, bytes).await;
        self.wait_for(&id).await
    }

    /// Submits bytes as a report.
    pub async fn submit_only(&self, branch: BranchName, bytes: &[u8]) -> TaskId {
        let file = tempfile::NamedTempFile::new_in(self.folder.path()).unwrap();
        std::fs::write(file.path(), bytes).unwrap();
        let submission = Submission {
            project: self.project.id.clone(),
            branch,
            submitter: Some("ci".to_owned()),
            report: file.path().to_owned(),
        };
        let submitted = submit(self.store(), submission).await.unwrap();
        if let Some(workers) = &self.workers {
            workers.waker().wake();
        }
        submitted.task
    }

    /// Waits until a task has ended.
    pub async fn wait_for(&self, id: &TaskId) -> Task {
        let wait = async {
            loop {
                let wanted = id.clone();
                let task = self.read(move |tx| task::by_id(tx, &wanted)).await.unwrap();
                if task.status.is_final() {
                    return task;
                }
                self.ended.notified().await;
            }
        };
        tokio::time::timeout(PATIENCE, wait)
            .await
            .unwrap_or_else(|_| panic!("the task {id} does not end"))
    }

    /// Submits a report for the main branch; its task must succeed.
    pub async fn analyse(&self, report: &ReportBuilder) -> Task {
        self.analyse_branch(BranchName::Main, report).await
    }

    /// Submits a report for a branch or pull request; its task must succeed.
    pub async fn analyse_branch(&self, branch: BranchName, report: &ReportBuilder) -> Task {
        let task = self.submit_bytes(branch, &report.zip()).await;
        assert_eq!(task.error, None, "the task failed");
        task
    }

    /// Reads from the store.
    pub async fn read<T: Send + 'static>(
        &self,
        read: impl Fn(&mut gatehook_store::Tx<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> T {
        self.store().read(read).await.unwrap()
    }

    /// Writes to the store.
    pub async fn write<T: Send + 'static>(
        &self,
        write: impl Fn(&mut gatehook_store::Tx<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> T {
        self.store().write(write).await.unwrap()
    }

    /// A branch of the project.
    pub async fn branch(&self, name: BranchName) -> Branch {
        let project = self.project.id.clone();
        self.read(move |tx| branch::by_name(tx, &project, &name)).await.unwrap()
    }

    /// The issues of a file of the main branch that are not closed, by line and rule.
    pub async fn issues(&self, path: &str) -> Vec<Issue> {
        self.issues_of(BranchName::Main, path).await
    }

    /// The issues of a file of a branch that are not closed, by line and rule.
    pub async fn issues_of(&self, name: BranchName, path: &str) -> Vec<Issue> {
        let (branch, path) = (self.branch(name).await.id, path.to_owned());
        self.read(move |tx| {
            let Some(component) = component::by_path(tx, &branch, &path)? else {
                return Ok(Vec::new());
            };
            let mut issues = issue::open_of_component(tx, &component.id)?;
            issues.sort_by(|one, other| (one.line(), &one.rule).cmp(&(other.line(), &other.rule)));
            Ok(issues)
        })
        .await
    }

    /// The measures of the main branch.
    pub async fn measures(&self) -> Measures {
        self.measures_of(BranchName::Main).await
    }

    /// The measures of a branch.
    pub async fn measures_of(&self, name: BranchName) -> Measures {
        let root = ComponentId::root_of(&self.branch(name).await.id);
        self.read(move |tx| measure::get(tx, &root)).await
    }

    /// The measures of a file of the main branch.
    pub async fn file_measures(&self, path: &str) -> Measures {
        let (branch, path) = (self.branch(BranchName::Main).await.id, path.to_owned());
        self.read(move |tx| {
            let component = component::by_path(tx, &branch, &path)?;
            component.map_or_else(|| Ok(Measures::default()), |found| measure::get(tx, &found.id))
        })
        .await
    }

    /// The gate status of the main branch.
    pub async fn gate_status(&self) -> Option<String> {
        self.measures().await.text("alert_status").map(str::to_owned)
    }

    /// The payloads of all events so far, in the order they happened.
    pub async fn payloads(&self) -> Vec<Value> {
        let filter = delivery::DeliveryFilter::Project(self.project.id.clone());
        self.read(move |tx| {
            let (mut deliveries, _) = delivery::search(tx, &filter, None, 1, 500)?;
            deliveries.reverse();
            let mut payloads = Vec::new();
            for delivery in deliveries {
                if let Some(event) = delivery::event(tx, &delivery.event)? {
                    payloads.push(serde_json::from_slice(&event.payload).unwrap());
                }
            }
            Ok(payloads)
        })
        .await
    }

    /// A person changes an issue.
    pub async fn change(&self, id: &IssueId, change: Change) -> Result<ChangedIssue, LiveError> {
        let (urls, id) = (self.urls.clone(), id.clone());
        self.store()
            .write(move |tx| live::change_issue(tx, &urls, &id, change, "ada"))
            .await
    }

    /// Has the project judged by a gate with these conditions: metric, `GT` or `LT`, threshold.
    pub async fn judge_by(&self, conditions: &[(&str, &str, &str)]) {
        let ambient = self.store().ambient().clone();
        let mut made = Gate {
            id: ambient.new_id(),
            name: "Own".to_owned(),
            built_in: false,
            conditions: Vec::new(),
        };
        for (metric, operator, threshold) in conditions {
            let (metric, operator, threshold) =
                gatehook_domain::gate::check_condition(metric, Some(operator), threshold, &made.conditions).unwrap();
            made.conditions.push(gatehook_domain::gate::Condition {
                id: ambient.new_id(),
                metric,
                operator,
                threshold,
            });
        }
        let project = self.project.id.clone();
        self.write(move |tx| {
            gate::insert(tx, &made)?;
            gate::select(tx, &project, &made.id)
        })
        .await;
    }
}

fn main_branch(project: &Project, ambient: &Ambient) -> Branch {
    Branch {
        id: ambient.new_id(),
        project: project.id.clone(),
        kind: BranchKind::Branch,
        name: "main".to_owned(),
        is_main: true,
        source: None,
        target: None,
        title: None,
        created_at: ambient.now(),
        last_analysis: None,
        revision: 0,
    }
}
