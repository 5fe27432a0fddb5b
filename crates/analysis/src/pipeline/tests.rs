//! What happens between the plan of an analysis and its last transaction.

use std::time::Duration;

use gatehook_domain::branch::BranchName;
use gatehook_domain::issue::{Resolution, Status};
use gatehook_domain::workflow::{Change, Transition};
use gatehook_store::{Engine, branch, delivery, project, task, webhook};
use gatehook_testkit::hook;
use gatehook_testkit::lab::{Lab, PROJECT};
use gatehook_testkit::report::{FileBuilder, ReportBuilder};
use rstest::rstest;

use super::*;

/// A worker that can be stopped between its plan and its last transaction.
struct Bystander {
    store: Store,
    task: Task,
    folder: tempfile::TempDir,
}

impl Bystander {
    /// Submits a report to a lab whose workers do not run, and takes its task.
    async fn of(lab: &Lab, name: BranchName, report: &ReportBuilder) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("report.zip"), report.zip()).unwrap();
        lab.submit_only(name, &report.zip()).await;
        let (now, until) = (lab.now(), lab.now().plus(Duration::from_mins(1)));
        let task = lab.write(move |tx| task::claim(tx, &node(), now, until)).await.unwrap();
        Self {
            store: lab.store().clone(),
            task,
            folder,
        }
    }

    /// Does something with the bench of this worker, on a thread that may wait.
    async fn work<T: Send + 'static>(
        self: &std::sync::Arc<Self>,
        work: impl FnOnce(&Bench<'_>, &Task, &Path) -> T + Send + 'static,
    ) -> T {
        let me = std::sync::Arc::clone(self);
        let work = move || {
            let (urls, node, limits) = (ServerUrl::new("http://gates.example"), node(), Limits::default());
            let bench = Bench {
                store: &me.store,
                urls: &urls,
                node: &node,
                limits: &limits,
                folder: me.folder.path(),
            };
            work(&bench, &me.task, &me.folder.path().join("report.zip"))
        };
        tokio::task::spawn_blocking(work).await.unwrap()
    }

    async fn plan(self: &std::sync::Arc<Self>) -> (Heading, Plan) {
        self.work(|bench, task, path| {
            let mut report = open(bench, path);
            let heading = plan::heading(&mut report, PROJECT, bench.store.ambient().now()).unwrap();
            let plan = plan::plan(bench.store, task, &heading).unwrap();
            (heading, plan)
        })
        .await
    }

    async fn carry_out(
        self: &std::sync::Arc<Self>,
        (heading, plan): (Heading, Plan),
    ) -> Result<Finished, AnalysisError> {
        self.work(move |bench, task, path| super::carry_out(bench, task, &mut open(bench, path), heading, &plan))
            .await
    }

    async fn analyse(self: &std::sync::Arc<Self>) -> Result<Finished, AnalysisError> {
        self.work(|bench, task, path| super::analyse(bench, task, path, &mut None))
            .await
    }
}

fn node() -> NodeId {
    NodeId::parse("bystander").unwrap()
}

fn open(bench: &Bench<'_>, path: &Path) -> Report {
    ReportReader::open(BufReader::new(File::open(path).unwrap()), bench.limits).unwrap()
}

fn report(lab: &Lab) -> ReportBuilder {
    let file = FileBuilder::numbered("src/a.rs", 30).issue("A", 3, "trouble");
    lab.report().file(file.issue("B", 4, "more"))
}

#[rstest]
#[case(Engine::Sqlite)]
#[case(Engine::Postgres)]
#[tokio::test]
async fn a_decision_made_while_a_report_is_analysed_survives_and_counts(#[case] engine: Engine) {
    let mut lab = Lab::on(engine).await;
    lab.analyse(&report(&lab)).await;
    lab.stop_workers().await;
    lab.days_pass(1);
    let worker = Bystander::of(&lab, BranchName::Main, &report(&lab)).await.into();
    let plan = Bystander::plan(&worker).await;

    let issue = lab.issues("src/a.rs").await.remove(0);
    lab.change(&issue.id, Change::Transition(Transition::FalsePositive))
        .await
        .unwrap();
    let outcome = Bystander::carry_out(&worker, plan).await;
    assert!(matches!(outcome, Err(AnalysisError::Conflict)), "{outcome:?}");
    assert_eq!(lab.payloads().await.len(), 1, "work that is not kept tells nobody");

    Bystander::analyse(&worker).await.unwrap();
    let decided = lab.issues("src/a.rs").await.remove(0);
    assert_eq!(
        (decided.id, decided.status, decided.resolution),
        (issue.id, Status::Resolved, Some(Resolution::FalsePositive))
    );
    let measures = lab.measures().await;
    assert_eq!(
        (measures.int("violations"), measures.int("false_positive_issues")),
        (Some(1), Some(1))
    );
    assert_eq!(lab.payloads().await.len(), 2);
}

#[rstest]
#[case(Engine::Sqlite)]
#[case(Engine::Postgres)]
#[tokio::test]
async fn an_analysis_of_a_branch_that_is_deleted_meanwhile_leaves_nothing(#[case] engine: Engine) {
    let mut lab = Lab::on(engine).await;
    lab.stop_workers().await;
    let name = BranchName::Branch("feature".to_owned());
    let worker = Bystander::of(&lab, name.clone(), &report(&lab)).await.into();
    let plan = Bystander::plan(&worker).await;
    let gone = plan.1.branch.id.clone();
    lab.write(move |tx| branch::delete(tx, &gone)).await;

    let outcome = Bystander::carry_out(&worker, plan).await;
    assert!(matches!(outcome, Err(AnalysisError::Gone)), "{outcome:?}");
    let project = lab.project.id.clone();
    assert_eq!(lab.read(move |tx| branch::by_name(tx, &project, &name)).await, None);
}

#[rstest]
#[case(Engine::Sqlite)]
#[case(Engine::Postgres)]
#[tokio::test]
async fn nobody_hears_of_a_project_that_is_deleted_while_its_report_is_analysed(#[case] engine: Engine) {
    let mut lab = Lab::on(engine).await;
    lab.stop_workers().await;
    let everything = hook::webhook(lab.store().ambient(), None, "all", "http://all.example/");
    lab.write(move |tx| webhook::insert(tx, &everything)).await;
    let worker = Bystander::of(&lab, BranchName::Main, &report(&lab)).await.into();
    let plan = Bystander::plan(&worker).await;
    let gone = lab.project.id.clone();
    lab.write(move |tx| project::delete(tx, &gone)).await;

    Bystander::carry_out(&worker, plan).await.unwrap_err();
    let failed = Bystander::work(&worker, |bench, task, _| {
        let reason = commit::Reason {
            kind: "PROJECT_GONE",
            text: "gone",
        };
        commit::fail(bench.store, bench.urls, bench.node, task, &reason, None)
    });
    assert!(!matches!(failed.await, Ok(Some(_))));
    assert_eq!(lab.read(delivery::count_pending).await, 0);
}

#[rstest]
#[case(Engine::Sqlite)]
#[case(Engine::Postgres)]
#[tokio::test]
async fn an_analysis_is_not_kept_twice_when_two_workers_had_its_task(#[case] engine: Engine) {
    let mut lab = Lab::on(engine).await;
    lab.stop_workers().await;
    let worker = Bystander::of(&lab, BranchName::Main, &report(&lab)).await.into();
    let plan = Bystander::plan(&worker).await;
    // The lease ran out, and another worker of the same node was faster.
    Bystander::analyse(&worker).await.unwrap();
    Bystander::carry_out(&worker, plan).await.unwrap_err();
    let again = Bystander::analyse(&worker).await;
    assert!(matches!(again, Err(AnalysisError::LeaseLost)), "{again:?}");
    assert_eq!(lab.payloads().await.len(), 1);
}
