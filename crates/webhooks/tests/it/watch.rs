//! Who is told that the calls of a webhook fail, and when.

use gatehook_domain::id::WebhookId;
use gatehook_domain::webhook::{DeliveryStatus, EventKind, Filter, LONG_FAILURE};
use gatehook_store::delivery::{self, DeliveryFilter};
use gatehook_store::webhook;
use gatehook_webhooks::ServerUrl;
use gatehook_webhooks::watch::announce;

use crate::engine::House;
use crate::limits::seconds_pass;
use crate::receiver::{Answer, Receiver};

impl House {
    async fn asks_for(&self, id: &WebhookId, events: &[EventKind]) {
        let mut kept = self.webhook(id).await;
        kept.options.filter = Filter {
            events: events.iter().copied().collect(),
            ..Filter::default()
        };
        self.store().write(move |tx| webhook::update(tx, &kept)).await.unwrap();
    }

    async fn announces(&self) -> u64 {
        let announced = self
            .store()
            .write(|tx| announce(tx, &ServerUrl::new("http://gates.example")));
        announced.await.unwrap()
    }

    /// What was sent, or is to be sent, to a webhook: kinds and payloads, oldest first.
    async fn told(&self, id: &WebhookId) -> Vec<(EventKind, String)> {
        let filter = DeliveryFilter::Webhook(id.clone());
        let told = self.store().read(move |tx| {
            let (mut found, _) = delivery::search(tx, &filter, None, 1, 500)?;
            found.reverse();
            let mut told = Vec::new();
            for one in found {
                let event = delivery::event(tx, &one.event)?.unwrap();
                told.push((event.kind, String::from_utf8(event.payload).unwrap()));
            }
            Ok::<_, gatehook_store::StoreError>(told)
        });
        told.await.unwrap()
    }
}

#[tokio::test]
async fn a_webhook_that_fails_for_long_is_told_once_to_those_who_ask_and_so_is_its_recovery() {
    let house = House::new().await;
    let receiver = Receiver::start(vec![Answer::Status(503), Answer::Status(200)]).await;
    let ci = house.add_webhook("ci", receiver.url("/hook"), false).await;
    let ops = house.add_webhook("ops", receiver.url("/ops"), true).await;
    let news = [EventKind::WebhookFailing, EventKind::WebhookRecovered];
    house.asks_for(&ops, &news).await;
    house.asks_for(&ci, &[EventKind::GateChanged, news[0], news[1]]).await;
    let engine = house.engine();
    house.happen("unheard").await;
    engine.wake();
    while house.webhook(&ci).await.failures == 0 {
        tokio::task::yield_now().await;
    }
    drop(engine);
    assert_eq!(house.announces().await, 0, "one failure is no news");
    house.opened.clock.advance(LONG_FAILURE / 2);
    assert_eq!(house.announces().await, 0);
    house.opened.clock.advance(LONG_FAILURE / 2);
    assert_eq!(house.announces().await, 1);
    assert_eq!(house.announces().await, 0, "it was told already");

    let engine = house.engine();
    house.settled().await;
    engine.stop().await;
    assert!(
        house
            .deliveries()
            .await
            .iter()
            .all(|delivery| delivery.status == DeliveryStatus::Delivered)
    );
    assert_eq!(house.announces().await, 1);
    assert_eq!(house.announces().await, 0);

    let told = house.told(&ops).await;
    let kinds: Vec<EventKind> = told.iter().map(|(kind, _)| *kind).collect();
    assert_eq!(kinds, [EventKind::WebhookFailing, EventKind::WebhookRecovered]);
    insta::assert_snapshot!(
        told[0]
            .1
            .replace(ci.as_str(), "KEY")
            .replace(&receiver.address.to_string(), "HOST")
    );
    assert!(
        house
            .told(&ci)
            .await
            .iter()
            .all(|(kind, _)| *kind == EventKind::GateChanged),
        "nobody is told about themselves"
    );
}

#[tokio::test]
async fn the_engine_itself_tells_that_a_webhook_fails_for_long() {
    let house = House::new().await;
    let (dead, ops) = tokio::join!(
        Receiver::start(vec![Answer::Status(503)]),
        Receiver::start(vec![Answer::Status(200)])
    );
    let ci = house.add_webhook("ci", dead.url("/"), false).await;
    let told = house.add_webhook("ops", ops.url("/"), true).await;
    house.asks_for(&told, &[EventKind::WebhookFailing]).await;
    let engine = house.engine();
    house.happen("unheard").await;
    engine.wake();
    while house.webhook(&ci).await.failures == 0 {
        tokio::task::yield_now().await;
    }
    house.opened.clock.advance(LONG_FAILURE);
    // It looks every minute; the retries that are due meanwhile fail as well.
    for _ in 0..3 {
        seconds_pass(61).await;
        for _ in 0..3 {
            house.deliveries().await;
        }
    }
    let received = ops.wait_for(1).await;
    engine.stop().await;
    assert_eq!(received[0].headers["x-gatehook-event"], "webhook.failing");
    assert_eq!(received.len(), 1, "once");
}
