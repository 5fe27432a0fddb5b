//! Old records are forgotten by the engine itself, whatever project they are about.

use std::time::Duration;

use gatehook_domain::branch::Branch;
use gatehook_domain::id::{BranchId, ProjectId, WebhookId};
use gatehook_domain::key::ProjectKey;
use gatehook_domain::project::Project;
use gatehook_store::delivery::DeliveryFilter;
use gatehook_store::{Tx, branch, delivery, project};
use gatehook_webhooks::EngineHandle;

use crate::engine::{House, happen_in, main_branch, shop};
use crate::limits::seconds_pass;
use crate::receiver::{Answer, Receiver};

/// Another project than the shop.
fn other(tx: &Tx<'_>) -> (Project, Branch) {
    let project = Project {
        id: ProjectId::parse("other").unwrap(),
        key: ProjectKey::parse("org:other").unwrap(),
        ..shop(tx)
    };
    let branch = Branch {
        id: BranchId::parse("other-branch").unwrap(),
        project: project.id.clone(),
        ..main_branch(tx)
    };
    (project, branch)
}

/// How many records there are of a webhook's calls, about whatever project.
async fn records(house: &House, hook: &WebhookId) -> i64 {
    let filter = DeliveryFilter::Webhook(hook.clone());
    let found = house.store().read(move |tx| delivery::search(tx, &filter, None, 1, 1));
    found.await.unwrap().1
}

async fn forgotten(house: &House, hook: &WebhookId) {
    let forgotten = async {
        while records(house, hook).await > 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), forgotten)
        .await
        .expect("the records are forgotten");
}

/// Something happens in both projects, and is told.
async fn told(house: &House, hook: &WebhookId, engine: &EngineHandle) {
    house.happen("here").await;
    let there = house.store().write(|tx| {
        let (project, branch) = other(tx);
        happen_in(tx, &project, &branch, "there")
    });
    assert!(there.await.unwrap().is_some());
    engine.wake();
    house.settled().await;
    assert_eq!(records(house, hook).await, 2);
}

#[tokio::test]
async fn the_engine_forgets_old_records_of_every_project_when_it_starts_and_every_hour() {
    let house = House::new().await;
    let added = house.store().write(|tx| {
        let (project, branch) = other(tx);
        project::insert(tx, &project)?;
        branch::insert(tx, &branch)
    });
    added.await.unwrap();
    let receiver = Receiver::start(vec![Answer::Status(200)]).await;
    let hook = house.add_webhook("all", receiver.url("/"), true).await;
    let month = Duration::from_hours(30 * 24) + Duration::from_millis(1);

    let engine = house.engine();
    told(&house, &hook, &engine).await;
    engine.stop().await;
    house.opened.clock.advance(month);
    let engine = house.engine();
    forgotten(&house, &hook).await;

    told(&house, &hook, &engine).await;
    house.opened.clock.advance(month);
    // Nothing is sent in this hour.
    seconds_pass(60 * 60).await;
    forgotten(&house, &hook).await;
    engine.stop().await;
}
