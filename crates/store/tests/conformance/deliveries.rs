use gatehook_domain::id::{DeliveryId, NodeId, WebhookId};
use gatehook_domain::webhook::{Attempt, Delivery, DeliveryStatus, Event, Rendered, Webhook, WebhookUrl};
use gatehook_store::delivery::{Backlog, Claim, Completion, DeliveryFilter, Held, Holder, Outcome};
use gatehook_store::{StoreError, Tx, delivery, webhook};

use crate::bench::{
    Done, at, end, id, keep_deliveries, keep_project, keep_webhook, new_delivery, new_event, take, take_as,
};

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
    every_webhook_gets_its_share_and_one_without_room_is_left_out
    first_attempts_go_before_others_which_get_their_places_only
    what_is_owed_to_a_paused_webhook_waits
    what_was_given_back_was_not_attempted
    ends_are_written_together_and_tell_the_webhooks_health
    what_failed_is_sent_again_since_a_moment
    what_ended_in_a_window_is_counted_and_sent_again
    the_backlog_is_what_is_owed_and_not_paused
    what_a_process_remembers_to_have_is_not_given_out_again
    what_is_held_in_memory_does_not_stand_before_other_webhooks
    many_that_are_held_are_passed_over_and_what_comes_back_goes_first
    an_attempt_held_in_memory_counts_when_it_ends_and_only_once
    a_claim_takes_no_more_bytes_than_it_may
    what_was_rendered_is_kept_and_an_empty_text_is_never_sent_again
    what_is_about_the_system_has_no_project
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

fn claimed(tx: &mut Tx<'_>, node: &NodeId, now: i64, limit: usize) -> Result<Vec<String>, StoreError> {
    let found = take(tx, node, now, now + 100, limit)?;
    Ok(found.into_iter().map(|claimed| claimed.id.to_string()).collect())
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
        ..hook.clone()
    };
    webhook::update(tx, &moved)?;
    let own = Rendered {
        body: b"gate red".to_vec(),
        path: Some("/statuses/1".to_owned()),
    };
    delivery::set_rendered(tx, &id("delivery-0"), &own)?;
    let held = take_as(tx, Holder::Memory { held: &Held::new() }, 1, 10)?.remove(0);
    assert_eq!(held.rendered.as_ref(), Some(&own));
    let taken = take(tx, &one, 1, 100, 10)?.remove(0);
    assert_eq!(taken.rendered, Some(own));
    assert_eq!((taken.number, taken.number_of_round, taken.first), (1, 1, true));
    assert_eq!(taken.shown_url, hook.url.masked());
    assert_eq!(taken.webhook.url.expose(), "https://u:p@moved.example/");
    let event = Event::clone(&taken.event);
    assert_eq!(event, new_event("event", &project, at(0)));
    assert_eq!(delivery::event(tx, &event.id)?, Some(event));
    assert_eq!(delivery::event(tx, &id("gone"))?, None);
    let sent = Completion {
        delivery: taken.id.clone(),
        webhook: hook.id,
        url: Some(moved.url.masked()),
        attempt: attempt(1, Some(200)),
        outcome: Outcome::Delivered,
    };
    assert_eq!(delivery::complete_many(tx, Some(&one), &[sent])?, 1);
    let shown = delivery::by_id(tx, &taken.id)?.unwrap();
    assert_eq!(
        (shown.url.as_str(), shown.name.as_str()),
        ("https://*:*@moved.example/", "ci")
    );
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
    assert!(!end(tx, &delivery, &two, &attempt(1, Some(200)), Outcome::Delivered)?);
    claimed(tx, &two, 100, 10)?;
    assert!(!end(tx, &delivery, &one, &attempt(1, Some(200)), Outcome::Delivered)?);
    assert!(!end(tx, &delivery, &two, &attempt(1, Some(200)), Outcome::Delivered)?);
    assert!(delivery::attempts(tx, &delivery)?.is_empty());
    assert!(end(tx, &delivery, &two, &attempt(2, Some(204)), Outcome::Delivered)?);
    let done = delivery::by_id(tx, &delivery)?.unwrap();
    assert_eq!(
        (done.status, done.due_at, done.last),
        (DeliveryStatus::Delivered, None, Some(attempt(2, Some(204))))
    );
    assert!(!end(tx, &delivery, &two, &attempt(2, Some(204)), Outcome::Failed)?);
    assert_eq!(claimed(tx, &one, 1000, 10)?.len(), 0);
    Ok(())
}

fn a_retry_is_due_when_it_was_said(tx: &mut Tx<'_>) -> Done {
    let (one, _) = nodes();
    let delivery = id("delivery-0");
    keep_deliveries(tx, &[at(0)])?;
    claimed(tx, &one, 0, 10)?;
    assert!(end(tx, &delivery, &one, &attempt(1, None), Outcome::RetryAt(at(60)))?);
    let waiting = delivery::by_id(tx, &delivery)?.unwrap();
    assert_eq!(
        (waiting.status, waiting.due_at),
        (DeliveryStatus::Pending, Some(at(60)))
    );
    assert_eq!(claimed(tx, &one, 59, 10)?.len(), 0);
    let found = take(tx, &one, 60, 100, 10)?;
    assert_eq!((found[0].number, found[0].first), (2, false));
    assert_eq!(
        delivery::by_id(tx, &delivery)?.unwrap().last,
        Some(attempt(1, None)),
        "what came of the attempt before is known meanwhile"
    );
    assert!(end(tx, &delivery, &one, &attempt(2, Some(500)), Outcome::Failed)?);
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
    keep_deliveries(tx, &[at(10), at(15)])?;
    assert_eq!(delivery::next_due(tx, at(0))?, None, "first attempts are due at once");
    claimed(tx, &one, 20, 10)?;
    assert_eq!(delivery::next_due(tx, at(20))?, Some(at(120)), "the end of the lease");
    let retry = |moment| Outcome::RetryAt(at(moment));
    end(tx, &id("delivery-0"), &one, &attempt(1, Some(503)), retry(300))?;
    end(tx, &id("delivery-1"), &one, &attempt(1, Some(503)), retry(500))?;
    assert_eq!(delivery::next_due(tx, at(20))?, Some(at(300)));
    assert_eq!(
        delivery::next_due(tx, at(300))?,
        Some(at(500)),
        "what is due is no longer next"
    );
    Ok(())
}

fn a_delivery_that_ended_can_be_tried_again(tx: &mut Tx<'_>) -> Done {
    let (one, _) = nodes();
    let delivery = id("delivery-0");
    keep_deliveries(tx, &[at(0)])?;
    claimed(tx, &one, 0, 1)?;
    assert!(!delivery::redeliver(tx, &delivery)?, "it is being sent");
    end(tx, &delivery, &one, &attempt(1, Some(500)), Outcome::Failed)?;
    assert!(delivery::redeliver(tx, &delivery)?);
    let now = tx.now().as_millis();
    let again = take(tx, &one, now, now + 100, 1)?.remove(0);
    assert_eq!((again.number, again.number_of_round), (2, 1), "its retries begin anew");
    assert!(end(tx, &delivery, &one, &attempt(2, Some(200)), Outcome::Delivered)?);
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
        let (found, total) = delivery::search(tx, &filter, None, page, size)?;
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
    for (status, total) in [(DeliveryStatus::Pending, 2), (DeliveryStatus::Failed, 0)] {
        let filter = DeliveryFilter::Webhook(global.id.clone());
        let (found, count) = delivery::search(tx, &filter, Some(status), 1, 10)?;
        assert_eq!((found.len() as i64, count), (total, total), "{status}");
    }
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
        assert!(end(tx, &id(name), &one, &attempt(1, Some(200)), Outcome::Delivered)?);
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

/// Takes with the given places, and tells ids and whether something was left.
fn fairly(
    tx: &mut Tx<'_>,
    (limit, again): (usize, usize),
    room: &dyn Fn(&WebhookId, i64) -> usize,
    after: Option<&WebhookId>,
) -> Result<(Vec<String>, bool, Option<WebhookId>), StoreError> {
    let claim = Claim {
        holder: Holder::Lease {
            node: &id("node-1"),
            until: at(2000),
        },
        now: at(1000),
        limit,
        again,
        bytes: 1 << 20,
        room,
        after,
    };
    let taken = delivery::claim(tx, &claim)?;
    let mut ids: Vec<String> = taken.claimed.iter().map(|claimed| claimed.id.to_string()).collect();
    ids.sort();
    Ok((ids, taken.left, taken.last))
}

/// Three webhooks `a`, `b`, `c` that are owed `many` deliveries each: `a0`, `a1`, …
fn keep_three(tx: &mut Tx<'_>, many: i64) -> Result<Vec<Webhook>, StoreError> {
    let (project, _) = keep_project(tx, "shop")?;
    let event = new_event("event", &project, at(0));
    delivery::insert_event(tx, &event)?;
    let mut hooks = Vec::new();
    for name in ["a", "b", "c"] {
        let hook = keep_webhook(tx, name, None)?;
        let deliveries: Vec<_> = (0..many)
            .map(|number| new_delivery(&format!("{name}{number}"), &event, &hook, at(number)))
            .collect();
        delivery::insert_many(tx, &deliveries)?;
        hooks.push(hook);
    }
    Ok(hooks)
}

fn every_webhook_gets_its_share_and_one_without_room_is_left_out(tx: &mut Tx<'_>) -> Done {
    let hooks = keep_three(tx, 200)?;
    let busy = hooks[0].id.clone();
    let room = move |id: &WebhookId, failures: i64| if *id == busy { 0 } else { 3 + failures as usize };
    let (taken, left, last) = fairly(tx, (4, 4), &room, None)?;
    assert_eq!(
        (taken, left),
        (vec!["b0".into(), "b1".into(), "c0".into(), "c1".into()], true)
    );
    let (taken, ..) = fairly(tx, (1, 1), &room, Some(&hooks[1].id))?;
    assert_eq!(
        (taken, last.clone()),
        (vec!["c2".to_owned()], Some(hooks[2].id.clone())),
        "the next one's turn"
    );
    let (taken, ..) = fairly(
        tx,
        (10, 10),
        &|id, _| if *id == hooks[0].id { 5 } else { 1 },
        last.as_ref(),
    )?;
    assert_eq!(
        taken,
        ["a0", "a1", "a2", "a3", "a4", "b2", "c3"],
        "what others leave is given out too"
    );
    let (taken, left, last) = fairly(tx, (10, 10), &|_, _| 0, None)?;
    assert_eq!((taken.len(), left, last), (0, true, None));
    let (taken, left, _) = fairly(tx, (1000, 0), &|_, _| 1000, None)?;
    assert_eq!((taken.len(), left), (600 - 4 - 1 - 7, false), "nothing is left behind");
    Ok(())
}

fn first_attempts_go_before_others_which_get_their_places_only(tx: &mut Tx<'_>) -> Done {
    keep_three(tx, 2)?;
    let (taken, ..) = fairly(tx, (6, 6), &|_, _| 9, None)?;
    assert_eq!(taken.len(), 6);
    for name in ["a0", "b0", "c0", "c1"] {
        assert!(end(
            tx,
            &id(name),
            &id("node-1"),
            &attempt(1, Some(500)),
            Outcome::RetryAt(at(5))
        )?);
    }
    assert_eq!(delivery::release_of(tx, &id("node-1"))?, 2);
    let (taken, left, _) = fairly(tx, (9, 1), &|_, _| 9, None)?;
    assert_eq!((taken, left), (vec!["a0".into(), "a1".into(), "b1".into()], true));
    let (taken, left, _) = fairly(tx, (9, 0), &|_, _| 9, None)?;
    assert_eq!((taken.len(), left), (0, true));
    let (taken, left, _) = fairly(tx, (9, 9), &|_, _| 1, None)?;
    assert_eq!((taken, left), (vec!["b0".into(), "c0".into()], true), "one place each");
    Ok(())
}

fn what_is_owed_to_a_paused_webhook_waits(tx: &mut Tx<'_>) -> Done {
    let hooks = keep_three(tx, 1)?;
    assert!(webhook::pause(tx, &hooks[1].id)?);
    assert!(!webhook::pause(tx, &hooks[1].id)?);
    assert!(webhook::by_id(tx, &hooks[1].id)?.unwrap().paused);
    let (taken, left, _) = fairly(tx, (9, 9), &|_, _| 9, None)?;
    assert_eq!((taken, left), (vec!["a0".into(), "c0".into()], false));
    assert!(webhook::resume(tx, &hooks[1].id)?);
    assert!(!webhook::resume(tx, &hooks[1].id)?);
    assert_eq!(fairly(tx, (9, 9), &|_, _| 9, None)?.0, ["b0"]);
    Ok(())
}

fn what_was_given_back_was_not_attempted(tx: &mut Tx<'_>) -> Done {
    let (one, two) = nodes();
    keep_deliveries(tx, &[at(0), at(1)])?;
    claimed(tx, &one, 5, 10)?;
    let ids = [id("delivery-0"), id("delivery-1")];
    assert_eq!(delivery::give_back(tx, &two, &ids)?, 0, "they are not its own");
    assert_eq!(delivery::give_back(tx, &one, &ids[1..])?, 1);
    assert_eq!(delivery::by_id(tx, &ids[1])?.unwrap().attempts, 0);
    assert_eq!(claimed(tx, &two, 5, 10)?, ["delivery-1"]);
    Ok(())
}

fn ends_are_written_together_and_tell_the_webhooks_health(tx: &mut Tx<'_>) -> Done {
    let (one, two) = nodes();
    let (_, hook) = keep_deliveries(tx, &[at(0); 5])?;
    claimed(tx, &one, 5, 4)?;
    claimed(tx, &two, 5, 1)?;
    let completion = |number: usize, attempt: Attempt, outcome| Completion {
        delivery: id(&format!("delivery-{number}")),
        webhook: hook.id.clone(),
        url: None,
        attempt,
        outcome,
    };
    let begun = |moment, status| Attempt {
        at: at(moment),
        ..attempt(1, status)
    };
    let health = |tx: &mut Tx<'_>| {
        let hook = webhook::by_id(tx, &hook.id)?.unwrap();
        Ok::<_, StoreError>((hook.failures, hook.failing_since, hook.gone))
    };
    let ends = [
        completion(0, begun(6, Some(200)), Outcome::Delivered),
        completion(1, begun(7, Some(410)), Outcome::Failed),
        completion(2, begun(8, None), Outcome::RetryAt(at(90))),
        completion(4, begun(9, Some(200)), Outcome::Delivered),
    ];
    assert_eq!(
        delivery::complete_many(tx, Some(&one), &ends)?,
        3,
        "the last one is another node's"
    );
    assert_eq!(health(tx)?, (2, Some(at(7)), true));
    for (number, status, due, attempts) in [
        (0, DeliveryStatus::Delivered, None, 1),
        (1, DeliveryStatus::Failed, None, 1),
        (2, DeliveryStatus::Pending, Some(at(90)), 1),
        (3, DeliveryStatus::Pending, Some(at(0)), 0),
        (4, DeliveryStatus::Pending, Some(at(0)), 0),
    ] {
        let id = id(&format!("delivery-{number}"));
        let found = delivery::by_id(tx, &id)?.unwrap();
        assert_eq!((found.status, found.due_at), (status, due), "{id}");
        assert_eq!(delivery::attempts(tx, &id)?.len(), attempts, "{id}");
    }
    let more = [completion(3, begun(20, Some(503)), Outcome::RetryAt(at(50)))];
    assert_eq!(delivery::complete_many(tx, Some(&one), &more)?, 1);
    assert_eq!(health(tx)?, (3, Some(at(7)), true));
    assert_eq!(webhook::count_failing_since(tx, at(6))?, 0);
    assert_eq!(webhook::count_failing_since(tx, at(7))?, 1);
    assert_eq!(webhook::failing_since(tx, at(7), 10)?[0].id, hook.id);
    webhook::pause(tx, &hook.id)?;
    assert_eq!(webhook::count_failing_since(tx, at(7))?, 0);
    assert!(webhook::failing_since(tx, at(7), 10)?.is_empty());
    webhook::resume(tx, &hook.id)?;
    assert_eq!(delivery::complete_many(tx, Some(&two), &ends[3..])?, 1);
    assert_eq!(health(tx)?, (0, None, false), "a success ends it");
    Ok(())
}

fn fail(tx: &mut Tx<'_>, names: &[&str]) -> Done {
    for name in names {
        assert!(end(tx, &id(name), &nodes().0, &attempt(1, Some(500)), Outcome::Failed)?);
    }
    Ok(())
}

/// `old`, `new` and `late` have failed, `done` was delivered, `owed` is being sent; made at 0, 10, 20, 10 and 10.
fn keep_ended(tx: &mut Tx<'_>) -> Result<Webhook, StoreError> {
    let (project, hook) = keep_deliveries(tx, &[])?;
    for (name, moment) in [("old", 0), ("new", 10), ("late", 20), ("done", 10), ("owed", 10)] {
        let event = new_event(&format!("event-{name}"), &project, at(moment));
        delivery::insert_event(tx, &event)?;
        delivery::insert_many(tx, &[new_delivery(name, &event, &hook, at(moment))])?;
    }
    claimed(tx, &nodes().0, 50, 10)?;
    fail(tx, &["old", "new", "late"])?;
    assert!(end(
        tx,
        &id("done"),
        &nodes().0,
        &attempt(1, Some(200)),
        Outcome::Delivered
    )?);
    Ok(hook)
}

fn due(tx: &mut Tx<'_>) -> Result<Vec<String>, StoreError> {
    let now = tx.now().as_millis();
    let found = take(tx, &nodes().1, now, now + 100, 10)?;
    let again = found.into_iter().filter(|claimed| claimed.id != id("owed"));
    Ok(again
        .map(|claimed| {
            assert_eq!(claimed.number_of_round, 1);
            claimed.id.to_string()
        })
        .collect())
}

fn what_failed_is_sent_again_since_a_moment(tx: &mut Tx<'_>) -> Done {
    let hook = keep_ended(tx)?;
    assert_eq!(delivery::redeliver_failed(tx, &id("gone"), at(0))?, 0);
    assert_eq!(delivery::count_failed(tx, &hook.id, at(10))?, 2);
    assert_eq!(delivery::redeliver_failed(tx, &hook.id, at(10))?, 2);
    assert_eq!(delivery::count_failed(tx, &hook.id, at(10))?, 0);
    webhook::forget_failures(tx, &hook.id)?;
    let forgotten = webhook::by_id(tx, &hook.id)?.unwrap();
    assert_eq!((forgotten.failures, forgotten.failing_since), (0, None));
    assert_eq!(due(tx)?, ["late", "new"]);
    Ok(())
}

fn what_ended_in_a_window_is_counted_and_sent_again(tx: &mut Tx<'_>) -> Done {
    let hook = keep_ended(tx)?;
    assert_eq!(delivery::redeliver_window(tx, &hook.id, at(0), at(20), true)?, 3);
    assert_eq!(delivery::redeliver_window(tx, &hook.id, at(0), at(20), false)?, 3);
    assert_eq!(due(tx)?, ["done", "new", "old"]);
    assert_eq!(
        delivery::redeliver_window(tx, &hook.id, at(0), at(20), true)?,
        0,
        "they are owed now"
    );
    Ok(())
}

fn what_was_rendered_is_kept_and_an_empty_text_is_never_sent_again(tx: &mut Tx<'_>) -> Done {
    let (project, hook) = keep_deliveries(tx, &[])?;
    let event = new_event("event-2", &project, at(0));
    delivery::insert_event(tx, &event)?;
    let ended = |name| Delivery {
        status: DeliveryStatus::Failed,
        due_at: None,
        attempts: 1,
        last: Some(attempt(1, None)),
        ..new_delivery(name, &event, &hook, at(0))
    };
    let kept = [ended("plain"), ended("told"), ended("empty")];
    delivery::insert_many(tx, &kept)?;
    let told = Rendered {
        body: b"hello\x00\xff".to_vec(),
        path: Some("/a?b=c".to_owned()),
    };
    let empty = Rendered {
        body: Vec::new(),
        path: None,
    };
    delivery::set_rendered(tx, &id("told"), &told)?;
    delivery::set_rendered(tx, &id("empty"), &empty)?;
    for (name, rendered) in [("plain", None), ("told", Some(told)), ("empty", Some(empty))] {
        assert_eq!(delivery::rendered(tx, &id(name))?, rendered, "{name}");
    }
    assert_eq!(delivery::rendered(tx, &id("gone"))?, None);
    assert_eq!(delivery::by_id(tx, &kept[1].id)?, Some(kept[1].clone()));
    assert_eq!(delivery::attempts(tx, &kept[1].id)?, [attempt(1, None)]);
    assert_eq!(delivery::count_failed(tx, &hook.id, at(0))?, 2);
    assert_eq!(delivery::redeliver_window(tx, &hook.id, at(0), at(9), true)?, 2);
    assert!(!delivery::redeliver(tx, &id("empty"))?);
    assert_eq!(delivery::redeliver_failed(tx, &hook.id, at(0))?, 2);
    assert_eq!(due(tx)?, ["plain", "told"]);
    Ok(())
}

fn what_is_about_the_system_has_no_project(tx: &mut Tx<'_>) -> Done {
    let (project, _) = keep_project(tx, "shop")?;
    let hook = keep_webhook(tx, "global", None)?;
    let event = Event {
        project: None,
        project_key: None,
        ..new_event("event", &project, at(0))
    };
    delivery::insert_event(tx, &event)?;
    let owed = new_delivery("owed", &event, &hook, at(0));
    delivery::insert_many(tx, std::slice::from_ref(&owed))?;
    assert_eq!(delivery::event(tx, &event.id)?, Some(event));
    assert_eq!(delivery::by_id(tx, &owed.id)?, Some(owed));
    Ok(())
}

fn the_backlog_is_what_is_owed_and_not_paused(tx: &mut Tx<'_>) -> Done {
    let nothing = Backlog {
        pending: 0,
        oldest_due: None,
        failing_hooks: 0,
    };
    assert_eq!(delivery::backlog(tx)?, nothing);
    let hook = keep_ended(tx)?;
    let seen = delivery::backlog(tx)?;
    assert_eq!((seen.pending, seen.oldest_due, seen.failing_hooks), (1, None, 0));
    assert_eq!(delivery::release_of(tx, &nodes().0)?, 1);
    assert_eq!(delivery::backlog(tx)?.oldest_due, Some(at(10)));
    claimed(tx, &nodes().0, 50, 10)?;
    assert!(end(
        tx,
        &id("owed"),
        &nodes().0,
        &attempt(2, None),
        Outcome::RetryAt(at(90))
    )?);
    let seen = delivery::backlog(tx)?;
    assert_eq!(
        (seen.pending, seen.oldest_due, seen.failing_hooks),
        (1, Some(at(90)), 1)
    );
    webhook::pause(tx, &hook.id)?;
    assert_eq!(delivery::backlog(tx)?.oldest_due, None);
    Ok(())
}

/// What [`take_as`] finds for a process that has `held`, which has that too afterwards.
fn remembering(tx: &mut Tx<'_>, held: &mut Held, now: i64, limit: usize) -> Result<Vec<String>, StoreError> {
    let found = take_as(tx, Holder::Memory { held }, now, limit)?;
    for claimed in &found {
        held.entry(claimed.webhook.id.clone())
            .or_default()
            .insert(claimed.id.clone());
    }
    Ok(found.into_iter().map(|claimed| claimed.id.to_string()).collect())
}

fn what_a_process_remembers_to_have_is_not_given_out_again(tx: &mut Tx<'_>) -> Done {
    keep_deliveries(tx, &[at(5), at(3), at(4), at(50)])?;
    let mut held = Held::new();
    assert_eq!(remembering(tx, &mut held, 2, 10)?, Vec::<String>::new());
    assert_eq!(remembering(tx, &mut held, 10, 2)?, ["delivery-1", "delivery-2"]);
    assert_eq!(remembering(tx, &mut held, 10, 2)?, ["delivery-0"]);
    assert_eq!(remembering(tx, &mut held, 10, 2)?, Vec::<String>::new());
    assert_eq!(remembering(tx, &mut held, 50, 2)?, ["delivery-3"]);
    held.get_mut(&id::<WebhookId>("webhook-ci"))
        .unwrap()
        .remove(&id::<DeliveryId>("delivery-2"));
    assert_eq!(
        remembering(tx, &mut held, 50, 2)?,
        ["delivery-2"],
        "what was given back is due as before"
    );
    assert_eq!(
        remembering(tx, &mut Held::new(), 50, 9)?.len(),
        4,
        "a process that died leaves nothing behind"
    );
    Ok(())
}

fn many_that_are_held_are_passed_over_and_what_comes_back_goes_first(tx: &mut Tx<'_>) -> Done {
    let due: Vec<_> = (0..40).map(at).collect();
    keep_deliveries(tx, &due)?;
    let names = |numbers: &[usize]| numbers.iter().map(|n| format!("delivery-{n}")).collect::<Vec<_>>();
    let mut held = Held::new();
    for first in [0, 12, 24] {
        let next: Vec<usize> = (first..first + 12).collect();
        assert_eq!(remembering(tx, &mut held, 100, 12)?, names(&next));
    }
    let of_hook = held.get_mut(&id::<WebhookId>("webhook-ci")).unwrap();
    for back in ["delivery-3", "delivery-30"] {
        assert!(of_hook.remove(&id::<DeliveryId>(back)));
    }
    assert_eq!(remembering(tx, &mut held, 100, 4)?, names(&[3, 30, 36, 37]));
    assert_eq!(remembering(tx, &mut held, 100, 9)?, names(&[38, 39]));
    assert_eq!(remembering(tx, &mut held, 100, 9)?, names(&[]));
    Ok(())
}

fn what_is_held_in_memory_does_not_stand_before_other_webhooks(tx: &mut Tx<'_>) -> Done {
    keep_three(tx, 2)?;
    let mut held = Held::new();
    assert_eq!(remembering(tx, &mut held, 100, 4)?, ["a0", "b0", "a1", "b1"]);
    assert_eq!(remembering(tx, &mut held, 100, 1)?, ["c0"], "a and b have nothing left");
    assert_eq!(remembering(tx, &mut held, 100, 1)?, ["c1"]);
    Ok(())
}

fn an_attempt_held_in_memory_counts_when_it_ends_and_only_once(tx: &mut Tx<'_>) -> Done {
    let (_, hook) = keep_deliveries(tx, &[at(0), at(1)])?;
    let delivery = id("delivery-0");
    let found = take_as(tx, Holder::Memory { held: &Held::new() }, 5, 1)?;
    assert_eq!((found[0].number, found[0].number_of_round), (1, 1));
    assert_eq!(delivery::by_id(tx, &delivery)?.unwrap().attempts, 0, "it may never end");
    let completion = |number, outcome| Completion {
        delivery: delivery.clone(),
        webhook: hook.id.clone(),
        url: None,
        attempt: attempt(number, Some(503)),
        outcome,
    };
    let retry = completion(1, Outcome::RetryAt(at(60)));
    assert_eq!(delivery::complete_many(tx, None, std::slice::from_ref(&retry))?, 1);
    assert_eq!(
        delivery::complete_many(tx, None, &[retry])?,
        0,
        "it is written down already"
    );
    let waiting = delivery::by_id(tx, &delivery)?.unwrap();
    assert_eq!(
        (waiting.attempts, waiting.due_at, waiting.last),
        (1, Some(at(60)), Some(attempt(1, Some(503))))
    );
    assert!(
        delivery::redeliver(tx, &delivery)?,
        "nothing says that it is being sent"
    );
    let failed = completion(2, Outcome::Failed);
    assert_eq!(delivery::complete_many(tx, None, std::slice::from_ref(&failed))?, 1);
    assert_eq!(delivery::complete_many(tx, None, &[failed])?, 0);
    assert_eq!(delivery::attempts(tx, &delivery)?.len(), 2);
    webhook::delete(tx, &hook.id)?;
    let gone = completion(3, Outcome::Delivered);
    assert_eq!(delivery::complete_many(tx, None, &[gone])?, 0);
    Ok(())
}

fn a_claim_takes_no_more_bytes_than_it_may(tx: &mut Tx<'_>) -> Done {
    keep_deliveries(tx, &[at(0), at(1), at(2)])?;
    let size = new_event("event", &keep_project(tx, "other")?.0, at(0)).payload.len();
    let node = nodes().0;
    let mut of = |holder: Holder<'_>, bytes| {
        let claim = Claim {
            holder,
            now: at(10),
            limit: 9,
            again: 9,
            bytes,
            room: &|_, _| 9,
            after: None,
        };
        delivery::claim(tx, &claim).map(|taken| (taken.claimed.len(), taken.left))
    };
    let held = Held::new();
    let memory = Holder::Memory { held: &held };
    assert_eq!(of(memory, 0)?, (1, true), "one in any case");
    assert_eq!(of(memory, 2 * size)?, (2, true));
    assert_eq!(of(memory, 3 * size)?, (3, false));
    let lease = Holder::Lease {
        node: &node,
        until: at(99),
    };
    assert_eq!(of(lease, 2 * size)?, (2, true));
    assert_eq!(of(lease, 2 * size)?, (1, false), "what did not fit was given back");
    Ok(())
}
