use gatehook_domain::id::NodeId;
use gatehook_domain::webhook::{Attempt, DeliveryStatus, Webhook, WebhookUrl};
use gatehook_store::delivery::{DeliveryFilter, Outcome};
use gatehook_store::{StoreError, Tx, delivery, webhook};

use crate::bench::{Done, at, id, keep_deliveries, keep_project, keep_webhook, new_delivery, new_event};

crate::on_both! {
    what_is_due_is_claimed_once_the_longest_due_first
    a_claim_brings_the_event_and_the_webhook_as_it_is_now
    a_lease_that_ran_out_lets_another_take_the_delivery
    only_the_holder_completes_an_attempt
    a_retry_is_due_when_it_was_said
    the_next_due_time_is_that_of_the_next_claim
    a_delivery_that_ended_can_be_tried_again
    deliveries_are_listed_newest_first
    a_purge_keeps_what_is_owed
    leases_of_the_dead_are_given_up
}

fn nodes() -> (NodeId, NodeId) {
    (id("node-1"), id("node-2"))
}

fn attempt(number: i64, http_status: Option<u16>) -> Attempt {
    let error = if http_status.is_some() {
        None
    } else {
        Some("connection refused".to_owned())
    };
    Attempt {
        number,
        at: at(10 * number),
        duration_ms: 7,
        http_status,
        error,
    }
}

fn claimed(tx: &mut Tx<'_>, node: &NodeId, now: i64, limit: i64) -> Result<Vec<String>, StoreError> {
    let found = delivery::claim(tx, node, at(now), at(now + 100), limit)?;
    Ok(found
        .into_iter()
        .map(|(delivery, ..)| delivery.id.to_string())
        .collect())
}

fn what_is_due_is_claimed_once_the_longest_due_first(tx: &mut Tx<'_>) -> Done {
    let (one, two) = nodes();
    keep_deliveries(tx, &[at(5), at(3), at(4), at(50)])?;
    assert_eq!(claimed(tx, &one, 2, 10)?, Vec::<String>::new());
    assert_eq!(claimed(tx, &one, 10, 2)?, ["delivery-1", "delivery-2"]);
    assert_eq!(claimed(tx, &two, 10, 2)?, ["delivery-0"]);
    assert_eq!(claimed(tx, &one, 10, 2)?, Vec::<String>::new());
    assert_eq!(delivery::count_pending(tx)?, 4);
    Ok(())
}

fn a_claim_brings_the_event_and_the_webhook_as_it_is_now(tx: &mut Tx<'_>) -> Done {
    let (one, _) = nodes();
    let (project, hook) = keep_deliveries(tx, &[at(0)])?;
    let moved = Webhook {
        url: WebhookUrl::parse("https://u:p@moved.example/").unwrap(),
        ..hook
    };
    webhook::update(tx, &moved)?;
    let mut found = delivery::claim(tx, &one, at(1), at(100), 10)?;
    let (delivery, event, webhook) = found.remove(0);
    assert_eq!(
        (delivery.attempts, delivery.status, delivery.due_at),
        (1, DeliveryStatus::Pending, Some(at(0)))
    );
    assert_eq!(
        (delivery.url.as_str(), delivery.name.as_str()),
        ("https://*:*@moved.example/", "ci")
    );
    assert_eq!(webhook.url.expose(), "https://u:p@moved.example/");
    assert_eq!(event, new_event("event", &project, at(0)));
    assert_eq!(delivery::event(tx, &event.id)?, Some(event));
    assert_eq!(delivery::by_id(tx, &delivery.id)?, Some(delivery));
    assert_eq!(delivery::event(tx, &id("gone"))?, None);
    Ok(())
}

fn a_lease_that_ran_out_lets_another_take_the_delivery(tx: &mut Tx<'_>) -> Done {
    let (one, two) = nodes();
    keep_deliveries(tx, &[at(0)])?;
    assert_eq!(claimed(tx, &one, 0, 10)?.len(), 1);
    assert_eq!(claimed(tx, &two, 99, 10)?.len(), 0);
    assert_eq!(claimed(tx, &two, 100, 10)?.len(), 1);
    assert_eq!(delivery::by_id(tx, &id("delivery-0"))?.unwrap().attempts, 2);
    Ok(())
}

fn only_the_holder_completes_an_attempt(tx: &mut Tx<'_>) -> Done {
    let (one, two) = nodes();
    let delivery = id("delivery-0");
    keep_deliveries(tx, &[at(0)])?;
    claimed(tx, &one, 0, 10)?;
    assert!(!delivery::complete(
        tx,
        &delivery,
        &two,
        &attempt(1, Some(200)),
        Outcome::Delivered
    )?);
    claimed(tx, &two, 100, 10)?;
    assert!(!delivery::complete(
        tx,
        &delivery,
        &one,
        &attempt(1, Some(200)),
        Outcome::Delivered
    )?);
    assert!(!delivery::complete(
        tx,
        &delivery,
        &two,
        &attempt(1, Some(200)),
        Outcome::Delivered
    )?);
    assert!(delivery::attempts(tx, &delivery)?.is_empty());
    assert!(delivery::complete(
        tx,
        &delivery,
        &two,
        &attempt(2, Some(204)),
        Outcome::Delivered
    )?);
    let done = delivery::by_id(tx, &delivery)?.unwrap();
    assert_eq!(
        (done.status, done.due_at, done.last),
        (DeliveryStatus::Delivered, None, Some(attempt(2, Some(204))))
    );
    assert!(!delivery::complete(
        tx,
        &delivery,
        &two,
        &attempt(2, Some(204)),
        Outcome::Failed
    )?);
    assert_eq!(claimed(tx, &one, 1000, 10)?.len(), 0);
    Ok(())
}

fn a_retry_is_due_when_it_was_said(tx: &mut Tx<'_>) -> Done {
    let (one, _) = nodes();
    let delivery = id("delivery-0");
    keep_deliveries(tx, &[at(0)])?;
    claimed(tx, &one, 0, 10)?;
    assert!(delivery::complete(
        tx,
        &delivery,
        &one,
        &attempt(1, None),
        Outcome::RetryAt(at(60))
    )?);
    let waiting = delivery::by_id(tx, &delivery)?.unwrap();
    assert_eq!(
        (waiting.status, waiting.due_at),
        (DeliveryStatus::Pending, Some(at(60)))
    );
    assert_eq!(claimed(tx, &one, 59, 10)?.len(), 0);
    let found = delivery::claim(tx, &one, at(60), at(100), 10)?;
    assert_eq!(
        found[0].0.last,
        Some(attempt(1, None)),
        "what came of the attempt before is known meanwhile"
    );
    assert!(delivery::complete(
        tx,
        &delivery,
        &one,
        &attempt(2, Some(500)),
        Outcome::Failed
    )?);
    assert_eq!(
        delivery::attempts(tx, &delivery)?,
        [attempt(1, None), attempt(2, Some(500))]
    );
    assert_eq!(delivery::by_id(tx, &delivery)?.unwrap().status, DeliveryStatus::Failed);
    Ok(())
}

fn the_next_due_time_is_that_of_the_next_claim(tx: &mut Tx<'_>) -> Done {
    let (one, _) = nodes();
    assert_eq!(delivery::next_due(tx, at(0))?, None);
    keep_deliveries(tx, &[at(10), at(500)])?;
    assert_eq!(delivery::next_due(tx, at(0))?, Some(at(10)));
    assert_eq!(delivery::next_due(tx, at(20))?, Some(at(20)));
    claimed(tx, &one, 20, 10)?;
    assert_eq!(delivery::next_due(tx, at(20))?, Some(at(120)), "the end of the lease");
    delivery::complete(tx, &id("delivery-0"), &one, &attempt(1, Some(200)), Outcome::Delivered)?;
    assert_eq!(delivery::next_due(tx, at(20))?, Some(at(500)));
    Ok(())
}

fn a_delivery_that_ended_can_be_tried_again(tx: &mut Tx<'_>) -> Done {
    let (one, _) = nodes();
    let delivery = id("delivery-0");
    keep_deliveries(tx, &[at(0)])?;
    assert!(!delivery::reopen(tx, &delivery, at(5))?, "it is owed already");
    claimed(tx, &one, 0, 1)?;
    delivery::complete(tx, &delivery, &one, &attempt(1, Some(500)), Outcome::Failed)?;
    assert!(delivery::reopen(tx, &delivery, at(5))?);
    assert_eq!(claimed(tx, &one, 5, 1)?, ["delivery-0"]);
    assert!(delivery::complete(
        tx,
        &delivery,
        &one,
        &attempt(2, Some(200)),
        Outcome::Delivered
    )?);
    Ok(())
}

fn deliveries_are_listed_newest_first(tx: &mut Tx<'_>) -> Done {
    let (project, hook) = keep_deliveries(tx, &[at(0)])?;
    let (other, _) = keep_project(tx, "other")?;
    let global = keep_webhook(tx, "global", None)?;
    for (name, project, moment) in [("b", &project, 1), ("c", &other, 2)] {
        let mut event = new_event(&format!("event-{name}"), project, at(moment));
        event.task = None;
        delivery::insert_event(tx, &event)?;
        delivery::insert_many(tx, &[new_delivery(name, &event, &global, at(0))])?;
    }
    let mut listed = |filter, page, size| -> Result<(Vec<String>, i64), StoreError> {
        let (found, total) = delivery::search(tx, &filter, page, size)?;
        Ok((
            found.into_iter().map(|delivery| delivery.id.to_string()).collect(),
            total,
        ))
    };
    let of = |names: &[&str], total| (names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>(), total);
    assert_eq!(
        listed(DeliveryFilter::Webhook(global.id.clone()), 1, 10)?,
        of(&["c", "b"], 2)
    );
    assert_eq!(listed(DeliveryFilter::Webhook(global.id.clone()), 2, 1)?, of(&["b"], 2));
    assert_eq!(
        listed(DeliveryFilter::Project(project.id.clone()), 1, 10)?,
        of(&["b", "delivery-0"], 2)
    );
    assert_eq!(listed(DeliveryFilter::Task(id("task")), 1, 10)?, of(&["delivery-0"], 1));
    assert_eq!(listed(DeliveryFilter::Task(id("gone")), 1, 10)?, of(&[], 0));
    assert_eq!(delivery::latest_of(tx, &global.id)?.unwrap().id, id("c"));
    assert_eq!(delivery::latest_of(tx, &hook.id)?.unwrap().id, id("delivery-0"));
    assert_eq!(delivery::latest_of(tx, &id("gone"))?, None);
    Ok(())
}

fn a_purge_keeps_what_is_owed(tx: &mut Tx<'_>) -> Done {
    let (one, _) = nodes();
    let (project, hook) = keep_deliveries(tx, &[at(0), at(1), at(2)])?;
    let lonely = new_event("lonely", &project, at(0));
    delivery::insert_event(tx, &lonely)?;
    let young = new_event("young", &project, at(50));
    delivery::insert_event(tx, &young)?;
    delivery::insert_many(tx, &[new_delivery("young", &young, &hook, at(3))])?;
    claimed(tx, &one, 10, 10)?;
    for name in ["delivery-0", "delivery-1", "young"] {
        assert!(delivery::complete(
            tx,
            &id(name),
            &one,
            &attempt(1, Some(200)),
            Outcome::Delivered
        )?);
    }
    assert_eq!(delivery::purge_before(tx, at(50), 1)?, 1);
    assert_eq!(delivery::purge_before(tx, at(50), 10)?, 1);
    assert_eq!(delivery::purge_before(tx, at(50), 10)?, 0);
    assert!(delivery::by_id(tx, &id("delivery-2"))?.is_some(), "it is still owed");
    assert!(delivery::by_id(tx, &id("young"))?.is_some());
    assert!(
        delivery::event(tx, &id("event"))?.is_some(),
        "one of its deliveries is still owed"
    );
    assert_eq!(delivery::event(tx, &lonely.id)?, None);
    assert!(delivery::attempts(tx, &id("delivery-0"))?.is_empty());
    Ok(())
}

fn leases_of_the_dead_are_given_up(tx: &mut Tx<'_>) -> Done {
    let (one, two) = nodes();
    keep_deliveries(tx, &[at(0), at(1)])?;
    claimed(tx, &one, 5, 1)?;
    claimed(tx, &two, 5, 1)?;
    assert_eq!(delivery::release_of(tx, &one)?, 1);
    assert_eq!(claimed(tx, &one, 5, 10)?, ["delivery-0"]);
    assert_eq!(delivery::release_of_others(tx, &one)?, 1);
    assert_eq!(claimed(tx, &one, 5, 10)?, ["delivery-1"]);
    Ok(())
}
