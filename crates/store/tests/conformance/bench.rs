//! A store to try things on, and things to put into it.

use std::sync::Arc;

use gatehook_domain::Timestamp;
use gatehook_domain::analysis::Analysis;
use gatehook_domain::branch::{Branch, BranchKind, BranchName};
use gatehook_domain::component::{Component, Qualifier};
use gatehook_domain::id::{BranchId, ComponentId, DeliveryId, Id, NodeId, ProjectId, TaskId};
use gatehook_domain::issue::{ImpactSeverity, Impacts, Issue, IssueType, Severity, SoftwareQuality, Status, TextRange};
use gatehook_domain::key::ProjectKey;
use gatehook_domain::project::{Project, Visibility};
use gatehook_domain::rule::{CleanCodeAttribute, RuleKey};
use gatehook_domain::task::{Task, TaskStatus};
use gatehook_domain::user::User;
use gatehook_domain::webhook::{Attempt, Delivery, DeliveryStatus, Event, EventKind, HookOptions, Webhook, WebhookUrl};
use gatehook_store::delivery::{Claim, Claimed, Completion, Holder, Outcome};
use gatehook_store::testing::{self, TestStore};
use gatehook_store::{Engine, Store, StoreError, Tx, branch, component, delivery, project, user, webhook};

pub(crate) type Done = Result<(), StoreError>;

/// An open store on one engine.
pub(crate) struct Bench {
    test: TestStore,
    _runtime: tokio::runtime::Runtime,
    dir: tempfile::TempDir,
}

impl Bench {
    pub(crate) fn open(engine: Engine) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .build()
            .unwrap();
        let dir = tempfile::tempdir().unwrap();
        let test = runtime.block_on(testing::open(engine, dir.path()));
        Self {
            test,
            _runtime: runtime,
            dir,
        }
    }

    /// Another connection to the database, which must be on SQLite.
    pub(crate) fn sqlite(&self) -> rusqlite::Connection {
        rusqlite::Connection::open(self.dir.path().join("gatehook.db")).unwrap()
    }

    pub(crate) fn store(&self) -> &Store {
        &self.test.store
    }

    pub(crate) fn write<T: Send + 'static>(
        &self,
        work: impl Fn(&mut Tx<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> T {
        self.store()
            .write_blocking(work)
            .unwrap_or_else(|error| panic!("{}", chain(&error)))
    }

    pub(crate) fn read<T: Send + 'static>(
        &self,
        work: impl Fn(&mut Tx<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> T {
        self.store()
            .read_blocking(work)
            .unwrap_or_else(|error| panic!("{}", chain(&error)))
    }
}

fn chain(error: &dyn std::error::Error) -> String {
    error
        .source()
        .map_or_else(|| error.to_string(), |source| format!("{error}: {}", chain(source)))
}

/// A moment so many milliseconds after the start of the tests' time.
pub(crate) fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(testing::START.as_millis() + millis)
}

/// An id that says what it is.
pub(crate) fn id<T: Id + TryFrom<String, Error: std::fmt::Debug>>(text: &str) -> T {
    T::try_from(text.to_owned()).unwrap()
}

pub(crate) fn new_project(key: &str) -> Project {
    Project {
        id: id(&format!("project-{}", key.replace([':', '.'], "-"))),
        key: ProjectKey::parse(key).unwrap(),
        name: format!("The {key}"),
        visibility: Visibility::Private,
        created_at: at(0),
    }
}

pub(crate) fn new_branch(project: &ProjectId, name: &str, is_main: bool) -> Branch {
    Branch {
        id: id(&format!("{project}-{name}")),
        project: project.clone(),
        kind: BranchKind::Branch,
        name: name.to_owned(),
        is_main,
        source: None,
        target: None,
        title: None,
        created_at: at(0),
        last_analysis: None,
        revision: 0,
    }
}

/// A kept project with its main branch, `main`.
pub(crate) fn keep_project(tx: &mut Tx<'_>, key: &str) -> Result<(Project, Branch), StoreError> {
    let project = new_project(key);
    project::insert(tx, &project)?;
    let branch = new_branch(&project.id, "main", true);
    branch::insert(tx, &branch)?;
    Ok((project, branch))
}

pub(crate) fn new_file(branch: &BranchId, path: &str) -> Component {
    Component {
        id: id(&format!("{branch}-{}", path.replace(['/', '.', '%'], "-"))),
        branch: branch.clone(),
        qualifier: Qualifier::File,
        path: path.to_owned(),
        language: Some("py".to_owned()),
        enabled: true,
        line_hashes: vec![1, 2, 3, 4, 5, 6, 7, 8],
    }
}

/// A kept file.
pub(crate) fn keep_file(tx: &mut Tx<'_>, branch: &BranchId, path: &str) -> Result<Component, StoreError> {
    let file = new_file(branch, path);
    component::upsert_many(tx, std::slice::from_ref(&file))?;
    Ok(file)
}

pub(crate) fn new_issue(name: &str, branch: &BranchId, component: &ComponentId) -> Issue {
    Issue {
        id: id(name),
        branch: branch.clone(),
        component: component.clone(),
        rule: RuleKey::parse("external_ruff:F401").unwrap(),
        kind: IssueType::CodeSmell,
        severity: Severity::Major,
        manual_severity: false,
        status: Status::Open,
        resolution: None,
        impacts: Impacts::from([(SoftwareQuality::Maintainability, ImpactSeverity::Medium)]),
        attribute: CleanCodeAttribute::Conventional,
        message: "unused".to_owned(),
        range: Some(TextRange {
            start_line: 3,
            end_line: 3,
            start_offset: 0,
            end_offset: 9,
        }),
        line_hash: "d41d8cd98f00b204e9800998ecf8427e".to_owned(),
        effort: 5,
        flows: Vec::new(),
        assignee: None,
        author: None,
        tags: Vec::new(),
        created_at: at(0),
        updated_at: at(0),
        closed_at: None,
        on_changed_lines: false,
        before_close: None,
    }
}

pub(crate) fn new_task(name: &str, project: &ProjectId, submitted_at: Timestamp) -> Task {
    Task {
        id: id(name),
        project: project.clone(),
        branch: BranchName::Main,
        status: TaskStatus::Pending,
        submitted_at,
        submitter: Some("admin".to_owned()),
        started_at: None,
        executed_at: None,
        attempts: 0,
        error: None,
        error_type: None,
        warnings: Vec::new(),
        analysis: None,
    }
}

pub(crate) fn new_analysis(name: &str, branch: &Branch, date: Timestamp) -> Analysis {
    Analysis {
        id: id(name),
        project: branch.project.clone(),
        branch: branch.id.clone(),
        task: id("task"),
        date,
        version: None,
        build: None,
        revision: None,
        period: None,
        properties: std::collections::BTreeMap::new(),
    }
}

pub(crate) fn keep_user(tx: &mut Tx<'_>, login: &str) -> Result<User, StoreError> {
    let user = User {
        id: id(&format!("user-{login}")),
        login: login.to_owned(),
        name: format!("Name of {login}"),
        password_hash: None,
        active: true,
        created_at: at(0),
    };
    user::insert(tx, &user)?;
    Ok(user)
}

pub(crate) fn new_webhook(name: &str, project: Option<&ProjectId>) -> Webhook {
    Webhook {
        id: id(&format!("webhook-{name}")),
        project: project.cloned(),
        name: name.to_owned(),
        url: WebhookUrl::parse("https://user:hunter2@receiver.example/hook").unwrap(),
        secret: None,
        created_at: at(0),
        updated_at: at(0),
        paused: false,
        retries: None,
        failing_since: None,
        failures: 0,
        gone: false,
        options: HookOptions::default(),
    }
}

pub(crate) fn keep_webhook(tx: &mut Tx<'_>, name: &str, project: Option<&ProjectId>) -> Result<Webhook, StoreError> {
    let webhook = new_webhook(name, project);
    webhook::insert(tx, &webhook)?;
    Ok(webhook)
}

pub(crate) fn new_event(name: &str, project: &Project, created_at: Timestamp) -> Event {
    Event {
        id: id(name),
        project: Some(project.id.clone()),
        project_key: Some(project.key.clone()),
        branch: None,
        kind: EventKind::AnalysisCompleted,
        task: Some(TaskId::parse("task").unwrap()),
        analysis: None,
        payload: b"{\"status\":\"SUCCESS\"}\x00\xff".to_vec(),
        created_at,
    }
}

pub(crate) fn new_delivery(name: &str, event: &Event, webhook: &Webhook, due_at: Timestamp) -> Delivery {
    Delivery {
        id: id(name),
        event: event.id.clone(),
        webhook: webhook.id.clone(),
        project: event.project.clone(),
        task: event.task.clone(),
        name: webhook.name.clone(),
        url: webhook.url.masked(),
        status: DeliveryStatus::Pending,
        due_at: Some(due_at),
        attempts: 0,
        last: None,
        created_at: event.created_at,
    }
}

/// A kept project with a webhook, and one delivery per due time: `delivery-0`, `delivery-1`, …
pub(crate) fn keep_deliveries(tx: &mut Tx<'_>, due: &[Timestamp]) -> Result<(Project, Webhook), StoreError> {
    let (project, _) = keep_project(tx, "shop")?;
    let webhook = keep_webhook(tx, "ci", Some(&project.id))?;
    let event = new_event("event", &project, at(0));
    delivery::insert_event(tx, &event)?;
    let deliveries: Vec<Delivery> = due
        .iter()
        .enumerate()
        .map(|(number, due)| new_delivery(&format!("delivery-{number}"), &event, &webhook, *due))
        .collect();
    delivery::insert_many(tx, &deliveries)?;
    Ok((project, webhook))
}

/// Takes what is due at `now`, at most `limit`, for a lease until `until`.
pub(crate) fn take(
    tx: &mut Tx<'_>,
    node: &NodeId,
    now: i64,
    until: i64,
    limit: usize,
) -> Result<Vec<Claimed>, StoreError> {
    let holder = Holder::Lease { node, until: at(until) };
    take_as(tx, holder, now, limit)
}

/// Takes what is due at `now`, at most `limit`.
pub(crate) fn take_as(tx: &mut Tx<'_>, holder: Holder<'_>, now: i64, limit: usize) -> Result<Vec<Claimed>, StoreError> {
    let claim = Claim {
        holder,
        now: at(now),
        limit,
        again: limit,
        bytes: 1 << 20,
        room: &|_, _| limit,
        after: None,
    };
    Ok(delivery::claim(tx, &claim)?.claimed)
}

/// Ends an attempt of a delivery to the webhook that [`keep_deliveries`] keeps.
pub(crate) fn end(
    tx: &mut Tx<'_>,
    delivery: &DeliveryId,
    node: &NodeId,
    attempt: &Attempt,
    outcome: Outcome,
) -> Result<bool, StoreError> {
    let completion = Completion {
        delivery: delivery.clone(),
        webhook: id("webhook-ci"),
        url: None,
        attempt: attempt.clone(),
        outcome,
    };
    Ok(delivery::complete_many(tx, Some(node), &[completion])? > 0)
}

/// Runs `work` on so many threads at once and gives their answers.
pub(crate) fn at_once<T: Send + 'static>(
    bench: &Bench,
    threads: usize,
    work: impl Fn(&Store, usize) -> T + Send + Sync + 'static,
) -> Vec<T> {
    let work = Arc::new(work);
    let running: Vec<_> = (0..threads)
        .map(|number| {
            let (store, work) = (bench.store().clone(), work.clone());
            std::thread::spawn(move || work(&store, number))
        })
        .collect();
    running.into_iter().map(|thread| thread.join().unwrap()).collect()
}
