//! From what happened to what arrived: the outbox and the engine over a store and real sockets.

use std::collections::BTreeMap;
use std::time::Duration;

use gatehook_domain::branch::{Branch, BranchKind};
use gatehook_domain::id::{BranchId, DeliveryId, EventId, NodeId, ProjectId, WebhookId};
use gatehook_domain::key::ProjectKey;
use gatehook_domain::project::{Project, Visibility};
use gatehook_domain::setting::{
    VALIDATE_WEBHOOKS, WEBHOOK_PURGE_DAYS, WEBHOOK_RATE, WEBHOOK_RETRIES, WEBHOOK_RETRY_SCHEDULE,
};
use gatehook_domain::webhook::{Delivery, DeliveryStatus, EventKind, Webhook};
use gatehook_store::delivery::{Claim, DeliveryFilter, Holder};
use gatehook_store::testing::{TestStore, open_sqlite};
use gatehook_store::{Store, StoreError, Tx, branch, delivery, project, setting, webhook};
use gatehook_testkit::{hook, secrets};
use gatehook_webhooks::purge::purge;
use gatehook_webhooks::signature::verify;
use gatehook_webhooks::{
    Engine, EngineConfig, EngineHandle, Guard, Happened, Sender, SenderConfig, ServerUrl, TaskResult, record,
};
use secrecy::SecretString;
use tempfile::TempDir;

use crate::limits::seconds_pass;
use crate::logs;
use crate::receiver::{Answer, Received, Receiver};

const SECRET: &str = "hunter2-01234567";

pub(crate) struct House {
    pub(crate) opened: TestStore,
    pub(crate) folder: TempDir,
}

impl Drop for House {
    fn drop(&mut self) {
        logs::check();
    }
}

impl House {
    /// A project with its main branch, and the guard off, because every receiver here is on this machine.
    pub(crate) async fn new() -> Self {
        logs::watch();
        let folder = TempDir::new().unwrap();
        let opened = open_sqlite(folder.path()).await;
        opened
            .store
            .write(|tx| {
                project::insert(tx, &shop(tx))?;
                branch::insert(tx, &main_branch(tx))?;
                setting::set(tx, VALIDATE_WEBHOOKS, None, "false")
            })
            .await
            .unwrap();
        Self { opened, folder }
    }

    pub(crate) fn store(&self) -> &Store {
        &self.opened.store
    }

    pub(crate) async fn add_webhook(&self, name: &'static str, url: String, global: bool) -> WebhookId {
        let added = self.store().write(move |tx| {
            let project = shop(tx).id;
            let new = hook::webhook(tx.ambient(), (!global).then_some(&project), name, &url);
            let id = new.id.clone();
            let secret = Some(SECRET.into());
            webhook::insert(tx, &Webhook { secret, ..new })?;
            Ok::<_, StoreError>(id)
        });
        added.await.unwrap()
    }

    pub(crate) async fn set(&self, name: &'static str, value: &'static str) {
        let set = self.store().write(move |tx| setting::set(tx, name, None, value));
        set.await.unwrap();
    }

    pub(crate) async fn webhook(&self, id: &WebhookId) -> Webhook {
        let id = id.clone();
        let found = self.store().read(move |tx| webhook::by_id(tx, &id)).await;
        found.unwrap().unwrap()
    }

    /// Waits until so many attempts of the only delivery have ended, and gives it.
    async fn attempted(&self, attempts: i64) -> Delivery {
        let attempted = async {
            loop {
                let delivery = self.deliveries().await.remove(0);
                if delivery.last.as_ref().is_some_and(|last| last.number >= attempts) {
                    return delivery;
                }
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), attempted)
            .await
            .expect("attempts end")
    }

    /// Something happens, told apart by a property.
    pub(crate) async fn happen(&self, mark: &'static str) -> Option<EventId> {
        self.store().write(move |tx| happen(tx, mark)).await.unwrap()
    }

    pub(crate) fn engine(&self) -> EngineHandle {
        let node = self.store().ambient().new_id();
        let ambient = self.store().ambient().clone();
        let config = SenderConfig::new("0", Guard::system(&ambient));
        let sender = Sender::new(config, ambient).unwrap();
        Engine::start(
            self.store().clone(),
            sender,
            EngineConfig {
                node,
                urls: ServerUrl::new("http://localhost:9000"),
            },
        )
    }

    /// All deliveries, oldest first.
    pub(crate) async fn deliveries(&self) -> Vec<Delivery> {
        let found = self
            .store()
            .read(|tx| delivery::search(tx, &DeliveryFilter::Project(shop(tx).id), None, 1, 500));
        let (mut found, _) = found.await.unwrap();
        found.sort_by(|one, other| one.id.cmp(&other.id));
        found
    }

    /// Waits until nothing is owed any more.
    pub(crate) async fn settled(&self) -> Vec<Delivery> {
        let settled = async {
            while self.store().read(delivery::count_pending).await.unwrap() > 0 {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), settled)
            .await
            .expect("deliveries end");
        self.deliveries().await
    }
}

pub(crate) fn shop(tx: &Tx<'_>) -> Project {
    Project {
        id: ProjectId::parse("shop").unwrap(),
        key: ProjectKey::parse("org:shop").unwrap(),
        name: "Shop".to_owned(),
        visibility: Visibility::Private,
        created_at: tx.now(),
    }
}

pub(crate) fn main_branch(tx: &Tx<'_>) -> Branch {
    Branch {
        id: BranchId::parse("main-branch").unwrap(),
        project: shop(tx).id,
        kind: BranchKind::Branch,
        name: "main".to_owned(),
        is_main: true,
        source: None,
        target: None,
        title: None,
        created_at: tx.now(),
        last_analysis: None,
        revision: 0,
    }
}

fn happen(tx: &mut Tx<'_>, mark: &str) -> Result<Option<EventId>, StoreError> {
    let (project, branch) = (shop(tx), main_branch(tx));
    happen_in(tx, &project, &branch, mark)
}

/// Something happens in a project.
pub(crate) fn happen_in(
    tx: &mut Tx<'_>,
    project: &Project,
    branch: &Branch,
    mark: &str,
) -> Result<Option<EventId>, StoreError> {
    let happened = Happened {
        project,
        branch: Some(branch),
        named: None,
        kind: EventKind::GateChanged,
        task: None,
        result: TaskResult::Succeeded,
        analysis: None,
        analysed_at: None,
        revision: None,
        changed_at: tx.now(),
        gate: None,
        gate_before: None,
        properties: &BTreeMap::from([("sonar.analysis.mark".to_owned(), mark.to_owned())]),
    };
    record(tx, &ServerUrl::new("http://gates.example/"), &happened)
}

pub(crate) fn mark(received: &Received) -> String {
    let body = String::from_utf8(received.body.clone()).unwrap();
    body.split_once(r#""sonar.analysis.mark":""#)
        .unwrap()
        .1
        .trim_end_matches("\"}}")
        .to_owned()
}

#[tokio::test]
async fn what_happened_is_delivered_once_to_the_projects_webhooks_and_then_to_the_global_ones() {
    let house = House::new().await;
    let receiver = Receiver::start(vec![Answer::Status(200)]).await;
    house.add_webhook("a global", receiver.url("/global"), true).await;
    house.add_webhook("b", receiver.url("/b"), false).await;
    house.add_webhook("a", receiver.url("/a"), false).await;
    let event = house.happen("one").await.unwrap();

    let recorded = house.deliveries().await;
    assert_eq!(
        recorded
            .iter()
            .map(|delivery| delivery.name.as_str())
            .collect::<Vec<_>>(),
        ["a", "b", "a global"]
    );
    assert!(
        recorded
            .iter()
            .all(|delivery| delivery.event == event && delivery.status == DeliveryStatus::Pending)
    );

    let engine = house.engine();
    let settled = house.settled().await;
    engine.stop().await;
    assert!(
        settled
            .iter()
            .all(|delivery| delivery.status == DeliveryStatus::Delivered && delivery.attempts == 1)
    );
    assert_eq!(settled[0].last.as_ref().unwrap().http_status, Some(200));

    let received = receiver.received();
    assert_eq!(received.len(), 3);
    let kept = house
        .store()
        .read(move |tx| delivery::event(tx, &event))
        .await
        .unwrap()
        .unwrap();
    for call in &received {
        assert_eq!(call.body, kept.payload);
        assert!(verify(
            &SecretString::from(SECRET),
            &call.body,
            &call.headers["x-sonar-webhook-hmac-sha256"]
        ));
        assert_eq!(call.headers["x-gatehook-event"], "gate.changed");
    }
    assert!(String::from_utf8_lossy(&kept.payload).starts_with(r#"{"serverUrl":"http://gates.example","status""#));
}

#[tokio::test]
async fn without_a_webhook_nothing_is_recorded() {
    let house = House::new().await;
    assert_eq!(house.happen("unheard").await, None);
    assert!(house.deliveries().await.is_empty());
}

#[tokio::test]
async fn a_transaction_that_is_rolled_back_leaves_nothing_to_deliver() {
    let house = House::new().await;
    house.add_webhook("a", "http://127.0.0.1:9/".to_owned(), false).await;
    let rolled_back = house.store().write(|tx| {
        happen(tx, "undone")?;
        Err::<(), _>(StoreError::Closed)
    });
    assert!(rolled_back.await.is_err());
    assert!(house.deliveries().await.is_empty());
}

#[tokio::test]
async fn events_arrive_at_a_webhook_in_the_order_in_which_they_happened() {
    let house = House::new().await;
    let receiver = Receiver::start(vec![Answer::Status(200)]).await;
    house.add_webhook("a", receiver.url("/"), false).await;
    let marks = ["1", "2", "3", "4", "5", "6", "7", "8"];
    for mark in marks {
        house.opened.clock.advance(Duration::from_millis(1));
        house.happen(mark).await;
    }
    let engine = house.engine();
    let arrived: Vec<_> = receiver.wait_for(marks.len()).await.iter().map(mark).collect();
    assert_eq!(arrived, marks);
    engine.stop().await;
}

#[tokio::test]
async fn a_wake_delivers_what_happened_while_the_engine_slept_and_stopping_waits_for_the_call() {
    let house = House::new().await;
    let receiver = Receiver::start(vec![Answer::Status(200)]).await;
    house.add_webhook("a", receiver.url("/"), false).await;
    let engine = house.engine();
    for (calls, mark) in [(1, "one"), (2, "two")] {
        house.happen(mark).await;
        engine.waker().wake();
        receiver.wait_for(calls).await;
    }
    engine.stop().await;
    let deliveries = house.deliveries().await;
    assert!(
        deliveries
            .iter()
            .all(|delivery| delivery.status == DeliveryStatus::Delivered),
        "{deliveries:?}"
    );
}

#[tokio::test]
async fn a_call_that_a_crash_cut_off_is_made_again_after_the_restart_under_the_same_id() {
    let house = House::new().await;
    let receiver = Receiver::start(vec![Answer::Hang, Answer::Status(200)]).await;
    house.add_webhook("a", receiver.url("/"), false).await;
    house.happen("one").await;
    let engine = house.engine();
    receiver.wait_for(1).await;
    drop(engine);
    assert_eq!(house.deliveries().await[0].status, DeliveryStatus::Pending);

    let engine = house.engine();
    let settled = house.settled().await;
    engine.stop().await;
    assert_eq!(
        (settled.len(), settled[0].status, settled[0].attempts),
        (1, DeliveryStatus::Delivered, 1),
        "an attempt that nothing is known of does not count"
    );
    let received = receiver.received();
    assert_eq!(received.len(), 2);
    assert_eq!(
        received[0].headers["x-gatehook-delivery"],
        received[1].headers["x-gatehook-delivery"]
    );
    assert_eq!(received[1].headers["x-gatehook-attempt"], "1");
}

#[tokio::test]
async fn what_a_dead_node_had_leased_in_a_file_is_delivered_by_the_one_that_opens_it() {
    let house = House::new().await;
    let receiver = Receiver::start(vec![Answer::Status(200)]).await;
    house.add_webhook("a", receiver.url("/"), false).await;
    house.happen("owed").await;
    let claimed = house.store().write(|tx| {
        let dead = NodeId::parse("dead").unwrap();
        let now = tx.now();
        let claim = Claim {
            holder: Holder::Lease {
                node: &dead,
                until: now.plus(Duration::from_hours(1)),
            },
            now,
            limit: 10,
            again: 10,
            bytes: 1 << 20,
            room: &|_, _| 10,
            after: None,
        };
        delivery::claim(tx, &claim)
    });
    assert_eq!(claimed.await.unwrap().claimed.len(), 1);
    let engine = house.engine();
    house.settled().await;
    engine.stop().await;
    assert_eq!(receiver.received().iter().map(mark).collect::<Vec<_>>(), ["owed"]);
}

#[tokio::test]
async fn the_guard_is_on_unless_it_was_switched_off_and_the_setting_holds_at_once() {
    let house = House::new().await;
    let receiver = Receiver::start(vec![Answer::Status(200)]).await;
    house.add_webhook("a", receiver.url("/"), false).await;
    let engine = house.engine();
    house
        .store()
        .write(|tx| setting::reset(tx, VALIDATE_WEBHOOKS, None))
        .await
        .unwrap();
    house.happen("one").await;
    engine.wake();
    let refused = house.settled().await[0].clone();
    assert_eq!(refused.status, DeliveryStatus::Failed);
    assert_eq!(
        refused.last.unwrap().error.unwrap(),
        "blocked by the address guard: the host is a loopback address, and not in gatehook.webhooks.allowedTargets"
    );

    house
        .store()
        .write(|tx| setting::set(tx, VALIDATE_WEBHOOKS, None, "false"))
        .await
        .unwrap();
    house.happen("two").await;
    engine.wake();
    house.settled().await;
    engine.stop().await;
    assert_eq!(receiver.received().iter().map(mark).collect::<Vec<_>>(), ["two"]);
}

#[tokio::test]
async fn a_call_is_logged_and_kept_with_what_came_of_it_and_without_credentials() {
    let house = House::new().await;
    let receiver = Receiver::start(vec![Answer::Status(200), Answer::Status(302), Answer::Status(503)]).await;
    house
        .add_webhook(
            "chat",
            format!("http://robot:hunter22@{}/hook", receiver.address),
            false,
        )
        .await;
    house.set(WEBHOOK_RETRIES, "false").await;
    let careless = house
        .add_webhook("careless", "https://127.0.0.1:1/".to_owned(), false)
        .await;
    house
        .store()
        .write(move |tx| {
            let mut webhook = webhook::by_id(tx, &careless)?.unwrap();
            webhook.options.skip_tls_verification = true;
            webhook::update(tx, &webhook)
        })
        .await
        .unwrap();
    let engine = house.engine();
    for mark in ["sent", "redirected", "refused"] {
        house.happen(mark).await;
        engine.wake();
        house.settled().await;
    }
    engine.stop().await;
    let shown = format!("http://*****:********@{}/hook", receiver.address);
    // The log is searched for secrets in every test.
    let (log, kept) = (logs::kept(), format!("{:?}", house.deliveries().await));
    secrets::search("what is kept", &kept);
    let sent = format!("DEBUG gatehook_webhooks::deliver: Sent webhook 'chat' | url={shown} | time=");
    let time_and_status = log.lines().find_map(|line| line.split_once(&sent)).unwrap().1;
    let (time, rest) = time_and_status.split_once("ms").unwrap();
    assert!(time.parse::<u64>().is_ok(), "{time_and_status}");
    assert_eq!(rest, " | status=200");
    let redirect = format!("Missing HTTP header 'Location' in redirect of {shown}");
    let failed = format!("WARN gatehook_webhooks::deliver: Failed to send webhook 'chat' | url={shown} |");
    assert!(log.contains(&format!("{failed} message={redirect}")), "{log}");
    assert!(
        log.lines()
            .any(|line| line.contains(&failed) && line.contains("| status=503")),
        "{log}"
    );
    assert!(kept.contains(&redirect));
    let loud = "Failed to send webhook 'careless' | url=https://127.0.0.1:1/ | message=connection refused | the certificate \
                is NOT verified";
    assert!(log.contains(loud), "{log}");
}

#[tokio::test]
async fn records_of_ended_deliveries_are_forgotten_after_thirty_days_and_owed_ones_never() {
    let house = House::new().await;
    let receiver = Receiver::start(vec![Answer::Status(200)]).await;
    house.add_webhook("a", receiver.url("/"), false).await;
    house.happen("ended").await;
    let engine = house.engine();
    house.settled().await;
    engine.stop().await;
    house.happen("owed").await;

    let days = |days: u64| Duration::from_hours(days * 24);
    house.opened.clock.advance(days(30));
    assert_eq!(purge(house.store()).await.unwrap(), 0, "not older than 30 days");
    house.set(WEBHOOK_PURGE_DAYS, "31").await;
    house.opened.clock.advance(Duration::from_millis(1));
    assert_eq!(purge(house.store()).await.unwrap(), 0, "the setting says 31 days");
    let unset = |tx: &mut gatehook_store::Tx<'_>| setting::reset(tx, WEBHOOK_PURGE_DAYS, None);
    assert!(house.store().write(unset).await.unwrap());
    assert_eq!(purge(house.store()).await.unwrap(), 1, "30 days without the setting");
    let left: Vec<DeliveryId> = house
        .deliveries()
        .await
        .into_iter()
        .map(|delivery| delivery.id)
        .collect();
    assert_eq!(left.len(), 1);
    assert_eq!(house.deliveries().await[0].status, DeliveryStatus::Pending);
}

#[tokio::test]
async fn a_call_that_failed_is_made_again_when_it_is_due_and_then_counts_as_delivered() {
    let house = House::new().await;
    let busy = Answer::Head(503, "retry-after: 60".to_owned());
    let receiver = Receiver::start(vec![Answer::Status(500), busy, Answer::Status(200)]).await;
    let hook = house.add_webhook("a", receiver.url("/"), false).await;
    house.set(WEBHOOK_RETRY_SCHEDULE, "10s,20s").await;
    let engine = house.engine();
    house.happen("one").await;
    engine.wake();
    let begun = house.store().ambient().now();
    let waiting = house.attempted(1).await;
    let pause = waiting.due_at.unwrap().since(begun);
    assert_eq!(waiting.status, DeliveryStatus::Pending);
    assert!((8..=12).contains(&pause.as_secs()), "{pause:?}");
    assert_eq!(house.webhook(&hook).await.failing_since, Some(begun));

    house.opened.clock.advance(pause);
    engine.wake();
    let waiting = house.attempted(2).await;
    let pause = waiting.due_at.unwrap().since(house.store().ambient().now());
    assert_eq!(pause.as_secs(), 60, "the receiver asked for it");
    assert_eq!(house.webhook(&hook).await.failures, 2);

    house.opened.clock.advance(pause);
    engine.wake();
    let delivered = house.settled().await.remove(0);
    engine.stop().await;
    assert_eq!((delivered.status, delivered.attempts), (DeliveryStatus::Delivered, 3));
    assert_eq!(
        (
            house.webhook(&hook).await.failures,
            house.webhook(&hook).await.failing_since
        ),
        (0, None)
    );
    let received = receiver.received();
    let header = |name| {
        received
            .iter()
            .map(|call| call.headers[name].as_str())
            .collect::<Vec<_>>()
    };
    assert_eq!(header("x-gatehook-attempt"), ["1", "2", "3"]);
    assert_eq!(header("x-gatehook-delivery"), [delivered.id.as_str(); 3]);
}

#[tokio::test]
async fn a_call_is_given_up_after_the_last_pause_of_the_schedule() {
    let house = House::new().await;
    let receiver = Receiver::start(vec![Answer::Close]).await;
    house.add_webhook("a", receiver.url("/"), false).await;
    house.set(WEBHOOK_RETRY_SCHEDULE, "1s,1s").await;
    let engine = house.engine();
    house.happen("one").await;
    for attempts in 1..=2 {
        engine.wake();
        house.attempted(attempts).await;
        house.opened.clock.advance(Duration::from_secs(2));
    }
    engine.wake();
    let failed = house.settled().await.remove(0);
    engine.stop().await;
    assert_eq!((failed.status, failed.attempts), (DeliveryStatus::Failed, 3));
    assert_eq!(
        failed.last.unwrap().error.as_deref(),
        Some("connection closed before an answer")
    );
}

#[tokio::test]
async fn a_webhook_can_have_no_retries_or_have_them_all_the_same() {
    let house = House::new().await;
    let receiver = Receiver::start(vec![Answer::Status(500)]).await;
    let hook = house.add_webhook("a", receiver.url("/"), false).await;
    let engine = house.engine();
    for (setting, own, expected) in [
        ("true", Some(false), DeliveryStatus::Failed),
        ("false", None, DeliveryStatus::Failed),
        ("false", Some(true), DeliveryStatus::Pending),
    ] {
        house.set(WEBHOOK_RETRIES, setting).await;
        let changed = Webhook {
            retries: own,
            ..house.webhook(&hook).await
        };
        let changed = house.store().write(move |tx| webhook::update(tx, &changed)).await;
        assert!(changed.unwrap());
        house.happen("one").await;
        engine.wake();
        let deliveries = async {
            loop {
                let newest = house.deliveries().await.pop().unwrap();
                if newest.last.is_some() {
                    return newest;
                }
                tokio::task::yield_now().await;
            }
        };
        assert_eq!(deliveries.await.status, expected, "{setting} {own:?}");
    }
    engine.stop().await;
}

#[tokio::test]
async fn a_receiver_that_says_it_is_gone_is_flagged_and_the_call_is_final() {
    let house = House::new().await;
    let receiver = Receiver::start(vec![Answer::Status(410), Answer::Status(200)]).await;
    let hook = house.add_webhook("a", receiver.url("/"), false).await;
    let engine = house.engine();
    for (status, gone) in [(DeliveryStatus::Failed, true), (DeliveryStatus::Delivered, false)] {
        house.happen("one").await;
        engine.wake();
        let newest = house.settled().await.pop().unwrap();
        assert_eq!((newest.status, house.webhook(&hook).await.gone), (status, gone));
    }
    engine.stop().await;
}

#[tokio::test]
async fn a_receiver_that_hangs_with_much_owed_holds_nobody_up() {
    let house = House::new().await;
    let (dead, well) = tokio::join!(
        Receiver::start(vec![Answer::Hang]),
        Receiver::start(vec![Answer::Status(200)])
    );
    house.add_webhook("dead", dead.url("/"), false).await;
    for _ in 0..300 {
        house.happen("stuck").await;
    }
    house.add_webhook("well", well.url("/"), false).await;
    let engine = house.engine();
    dead.wait_for(1).await;
    for _ in 0..20 {
        house.happen("one").await;
        engine.wake();
    }
    let received = well.wait_for(20).await;
    assert!(received.iter().all(|call| mark(call) == "one"));
    assert!(dead.received().len() <= 8, "{}", dead.received().len());
}

#[tokio::test]
async fn what_is_owed_to_a_paused_webhook_waits_until_it_is_resumed() {
    let house = House::new().await;
    let receiver = Receiver::start(vec![Answer::Status(200)]).await;
    let paused = house.add_webhook("paused", receiver.url("/paused"), false).await;
    house.add_webhook("other", receiver.url("/other"), false).await;
    let id = paused.clone();
    house.store().write(move |tx| webhook::pause(tx, &id)).await.unwrap();
    let engine = house.engine();
    house.happen("one").await;
    house.happen("two").await;
    engine.wake();
    let requests = |received: Vec<Received>| received.into_iter().map(|call| call.request).collect::<Vec<_>>();
    assert_eq!(requests(receiver.wait_for(2).await), ["POST /other", "POST /other"]);
    house
        .store()
        .write(move |tx| webhook::resume(tx, &paused))
        .await
        .unwrap();
    engine.wake();
    house.settled().await;
    engine.stop().await;
    let received = receiver.received();
    assert_eq!(received[2..].iter().map(mark).collect::<Vec<_>>(), ["one", "two"]);
    assert!(received[2..].iter().all(|call| call.request == "POST /paused"));
}

#[tokio::test]
async fn what_ended_is_sent_again_under_its_id_on_demand() {
    let house = House::new().await;
    let receiver = Receiver::start(vec![Answer::Status(404), Answer::Status(200)]).await;
    let hook = house.add_webhook("a", receiver.url("/"), false).await;
    let engine = house.engine();
    house.happen("one").await;
    engine.wake();
    assert_eq!(house.settled().await[0].status, DeliveryStatus::Failed);
    let since = house.store().ambient().now();
    let again = house
        .store()
        .write(move |tx| delivery::redeliver_failed(tx, &hook, since))
        .await;
    assert_eq!(again.unwrap(), 1);
    engine.wake();
    let delivered = house.settled().await.remove(0);
    engine.stop().await;
    assert_eq!((delivered.status, delivered.attempts), (DeliveryStatus::Delivered, 2));
}

#[tokio::test]
async fn of_a_webhook_with_a_rate_little_is_on_its_way_when_it_is_paused() {
    let house = House::new().await;
    let receiver = Receiver::start(vec![Answer::Status(200)]).await;
    let hook = house.add_webhook("a", receiver.url("/"), false).await;
    let engine = house.engine();
    // It has answered so many quickly that it would be given far more at once.
    for _ in 0..60 {
        house.happen("before").await;
    }
    engine.wake();
    house.settled().await;
    house.set(WEBHOOK_RATE, "1").await;
    for _ in 0..20 {
        house.happen("rated").await;
    }
    engine.wake();
    receiver.wait_for(61).await;
    let id = hook.clone();
    house.store().write(move |tx| webhook::pause(tx, &id)).await.unwrap();
    let before = receiver.received().len();
    engine.wake();
    for _ in 0..20 {
        seconds_pass(1).await;
        for _ in 0..3 {
            house.deliveries().await;
        }
    }
    let after = receiver.received().len();
    assert!((before..=before + 5).contains(&after), "{before} {after}");

    house
        .store()
        .write(move |tx| {
            setting::reset(tx, WEBHOOK_RATE, None)?;
            webhook::resume(tx, &hook)
        })
        .await
        .unwrap();
    engine.wake();
    house.settled().await;
    engine.stop().await;
    assert_eq!(receiver.received().len(), 80, "each once");
}
