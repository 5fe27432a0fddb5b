use gatehook_domain::id::WebhookId;
use gatehook_domain::webhook::{
    CustomHeader, EventKind, Filter, Format, FormatKind, FormatParts, HookOptions, Pattern, PreviousSecret, Webhook,
    WebhookUrl,
};
use gatehook_store::{SecretKey, StoreError, Tx, delivery, rekey, webhook};
use secrecy::{ExposeSecret, SecretString};

use crate::bench::{Done, at, id, keep_deliveries, keep_project, keep_webhook, new_webhook};

crate::on_both! {
    a_webhook_is_kept_with_its_url_and_secret
    neither_url_nor_secret_stands_in_the_database
    what_a_webhook_asks_for_is_kept_and_can_be_taken_back
    an_event_is_told_to_the_projects_webhooks_then_to_the_global_ones
    deleting_a_webhook_says_how_many_deliveries_were_owed
    webhooks_that_have_failed_for_long_are_found
    others_are_told_about_a_webhook_once_until_it_is_well_again
    everything_can_be_sealed_with_another_key
}

fn a_webhook_is_kept_with_its_url_and_secret(tx: &mut Tx<'_>) -> Done {
    let (project, _) = keep_project(tx, "shop")?;
    let kept = Webhook {
        secret: Some(SecretString::from("s3cr3t")),
        ..new_webhook("ci", Some(&project.id))
    };
    webhook::insert(tx, &kept)?;
    let found = webhook::by_id(tx, &kept.id)?.unwrap();
    assert_eq!(
        (found.project, found.name, found.created_at),
        (Some(project.id.clone()), "ci".to_owned(), at(0))
    );
    assert_eq!(found.url.expose(), "https://user:hunter2@receiver.example/hook");
    assert_eq!(found.secret.unwrap().expose_secret(), "s3cr3t");

    let changed = Webhook {
        name: "next".to_owned(),
        url: WebhookUrl::parse("http://other.example/").unwrap(),
        secret: None,
        updated_at: at(9),
        ..kept
    };
    assert!(webhook::update(tx, &changed)?);
    let found = webhook::by_id(tx, &changed.id)?.unwrap();
    assert_eq!(
        (found.name.as_str(), found.url.expose(), found.updated_at),
        ("next", "http://other.example/", at(9))
    );
    assert!(found.secret.is_none());
    assert!(!webhook::update(tx, &new_webhook("gone", None))?);
    assert!(webhook::by_id(tx, &id("gone"))?.is_none());
    Ok(())
}

fn asking() -> HookOptions {
    HookOptions {
        filter: Filter {
            events: [EventKind::GateChanged].into(),
            only_gate_changes: true,
            branches: vec![Pattern::parse("release/*").unwrap()],
            ..Filter::default()
        },
        headers: vec![
            CustomHeader::parse("X-Key", "hunter2").unwrap(),
            CustomHeader::parse("Authorization", "Bearer \"t0ken\"").unwrap(),
        ],
        previous_secret: Some(PreviousSecret {
            secret: SecretString::from("s3cr3t of old"),
            valid_until: at(99),
        }),
        standard_webhooks: true,
        skip_tls_verification: true,
        format: Format::new(
            FormatKind::GitHubStatus,
            FormatParts {
                token: Some("hunter2".into()),
                ..FormatParts::default()
            },
        )
        .unwrap(),
    }
}

fn what_a_webhook_asks_for_is_kept_and_can_be_taken_back(tx: &mut Tx<'_>) -> Done {
    let kept = Webhook {
        options: asking(),
        ..new_webhook("ci", None)
    };
    webhook::insert(tx, &kept)?;
    let shown = |options: &HookOptions| {
        let headers: Vec<(String, String)> = options
            .headers
            .iter()
            .map(|header| (header.name().to_owned(), header.expose().to_owned()))
            .collect();
        let previous = options.previous_secret.as_ref();
        let previous = previous.map(|previous| (previous.secret.expose_secret().to_owned(), previous.valid_until));
        let flags = (options.standard_webhooks, options.skip_tls_verification);
        let format = serde_json::to_string(&options.format).unwrap();
        (options.filter.clone(), headers, previous, flags, format)
    };
    let found = webhook::by_id(tx, &kept.id)?.unwrap();
    assert_eq!(shown(&found.options), shown(&asking()));
    assert_eq!(webhook::count_unverified(tx)?, 1);
    assert_eq!(webhook::unverified(tx, 10)?[0].id, kept.id);
    assert!(!format!("{found:?}").contains("hunter2") && !format!("{found:?}").contains("s3cr3t"));
    let plain = Webhook {
        options: HookOptions::default(),
        ..kept
    };
    webhook::update(tx, &plain)?;
    let found = webhook::by_id(tx, &plain.id)?.unwrap();
    assert_eq!(shown(&found.options), shown(&HookOptions::default()));
    assert_eq!(
        (webhook::count_unverified(tx)?, webhook::unverified(tx, 10)?.len()),
        (0, 0)
    );
    webhook::update(
        tx,
        &Webhook {
            options: asking(),
            ..found
        },
    )?;
    assert_eq!(shown(&webhook::global(tx)?[0].options), shown(&asking()));
    Ok(())
}

fn neither_url_nor_secret_stands_in_the_database(tx: &mut Tx<'_>) -> Done {
    let kept = Webhook {
        secret: Some(SecretString::from("s3cr3t")),
        options: asking(),
        ..new_webhook("ci", None)
    };
    webhook::insert(tx, &kept)?;
    let row = tx
        .query_opt("SELECT url, secret, headers, previous_secret, format FROM webhook", &[])?
        .unwrap();
    for column in 0..5 {
        let sealed: Vec<u8> = row.get(column)?;
        let text = String::from_utf8_lossy(&sealed);
        assert!(!text.contains("hunter2") && !text.contains("receiver") && !text.contains("s3cr3t"));
    }
    Ok(())
}

fn an_event_is_told_to_the_projects_webhooks_then_to_the_global_ones(tx: &mut Tx<'_>) -> Done {
    let ((shop, _), (other, _)) = (keep_project(tx, "shop")?, keep_project(tx, "other")?);
    for (name, project) in [
        ("b-global", None),
        ("a-global", None),
        ("a-Z", Some(&shop.id)),
        ("y", Some(&shop.id)),
        ("Z", Some(&shop.id)),
        ("x", Some(&other.id)),
    ] {
        keep_webhook(tx, name, project)?;
    }
    let names = |found: Vec<Webhook>| found.into_iter().map(|webhook| webhook.name).collect::<Vec<_>>();
    let told = webhook::for_event(tx, &shop.id)?;
    assert_eq!(
        told.iter().map(|webhook| webhook.name.as_str()).collect::<Vec<_>>(),
        ["Z", "a-Z", "y", "a-global", "b-global"],
        "letter for letter, capitals first"
    );
    assert_eq!(names(webhook::of_project(tx, &other.id)?), ["x"]);
    assert_eq!(names(webhook::global(tx)?), ["a-global", "b-global"]);
    assert_eq!((webhook::count(tx, Some(&shop.id))?, webhook::count(tx, None)?), (3, 2));
    Ok(())
}

fn deleting_a_webhook_says_how_many_deliveries_were_owed(tx: &mut Tx<'_>) -> Result<(), StoreError> {
    let (_, hook) = keep_deliveries(tx, &[at(0), at(1)])?;
    assert_eq!(webhook::delete(tx, &hook.id)?, 2);
    assert_eq!(delivery::by_id(tx, &id("delivery-0"))?, None);
    assert_eq!(delivery::count_pending(tx)?, 0);
    assert_eq!(webhook::delete(tx, &WebhookId::parse("gone").unwrap())?, 0);
    Ok(())
}

fn webhooks_that_have_failed_for_long_are_found(tx: &mut Tx<'_>) -> Done {
    for (name, since) in [("new", Some(9)), ("old", Some(3)), ("older", Some(1)), ("well", None)] {
        let hook = Webhook {
            failures: i64::from(since.is_some()),
            failing_since: since.map(at),
            ..new_webhook(name, None)
        };
        webhook::insert(tx, &hook)?;
    }
    let names = |found: Vec<Webhook>| found.into_iter().map(|webhook| webhook.name).collect::<Vec<_>>();
    assert_eq!(names(webhook::failing_since(tx, at(3), 10)?), ["older", "old"]);
    assert_eq!(names(webhook::failing_since(tx, at(3), 1)?), ["older"]);
    assert_eq!(webhook::count_failing_since(tx, at(3))?, 2);
    webhook::pause(tx, &id("webhook-old"))?;
    assert_eq!(webhook::count_failing_since(tx, at(3))?, 1);
    Ok(())
}

fn others_are_told_about_a_webhook_once_until_it_is_well_again(tx: &mut Tx<'_>) -> Done {
    let names = |found: Vec<Webhook>| found.into_iter().map(|webhook| webhook.name).collect::<Vec<_>>();
    for (name, paused) in [("flaky", false), ("paused", true)] {
        let hook = Webhook {
            failures: 3,
            failing_since: Some(at(5)),
            paused,
            ..new_webhook(name, None)
        };
        webhook::insert(tx, &hook)?;
    }
    let flaky: WebhookId = id("webhook-flaky");
    assert!(
        names(webhook::unannounced(tx, at(4), 9)?).is_empty(),
        "not for long yet"
    );
    assert_eq!(names(webhook::unannounced(tx, at(5), 9)?), ["flaky"]);
    assert!(webhook::set_announced(tx, &flaky, Some(at(6)))?);
    assert!(
        !webhook::set_announced(tx, &flaky, Some(at(7)))?,
        "another node was faster"
    );
    assert!(names(webhook::unannounced(tx, at(9), 9)?).is_empty());
    assert!(names(webhook::recovered(tx, 9)?).is_empty(), "it still fails");
    webhook::forget_failures(tx, &flaky)?;
    assert!(
        names(webhook::recovered(tx, 9)?).is_empty(),
        "nothing is known of a new URL"
    );

    let well = Webhook {
        failures: 0,
        failing_since: None,
        ..new_webhook("well", None)
    };
    webhook::insert(tx, &well)?;
    assert!(webhook::set_announced(tx, &well.id, Some(at(6)))?);
    assert_eq!(names(webhook::recovered(tx, 9)?), ["well"]);
    assert!(webhook::set_announced(tx, &well.id, None)?);
    assert!(!webhook::set_announced(tx, &well.id, None)?);
    assert!(webhook::recovered(tx, 9)?.is_empty());
    keep_deliveries(tx, &[at(0), at(1)])?;
    assert_eq!(delivery::count_owed(tx, &id("webhook-ci"))?, 2);
    assert_eq!(delivery::count_owed(tx, &well.id)?, 0);
    Ok(())
}

fn everything_can_be_sealed_with_another_key(tx: &mut Tx<'_>) -> Done {
    let hook = Webhook {
        secret: Some(SecretString::from("s3cr3t")),
        options: HookOptions {
            headers: vec![CustomHeader::parse("X-Key", "value").unwrap()],
            ..HookOptions::default()
        },
        ..new_webhook("ci", None)
    };
    webhook::insert(tx, &hook)?;
    let new = SecretKey::from_bytes([9; 32]);
    assert_eq!(rekey(tx, &new)?, 1);
    let row = tx
        .query_opt("SELECT url, secret, headers, previous_secret FROM webhook", &[])?
        .unwrap();
    let (url, secret, headers): (Vec<u8>, Vec<u8>, Vec<u8>) = (row.get(0)?, row.get(1)?, row.get(2)?);
    let previous: Option<Vec<u8>> = row.get(3)?;
    let opened = |purpose, sealed: &[u8]| new.open(purpose, sealed).unwrap().expose_secret().to_owned();
    assert_eq!(opened("webhook.url", &url), hook.url.expose());
    assert_eq!(opened("webhook.secret", &secret), "s3cr3t");
    assert!(opened("webhook.headers", &headers).contains("value"));
    assert_eq!(previous, None);
    assert!(
        webhook::by_id(tx, &hook.id).is_err(),
        "the old key opens nothing any more"
    );
    Ok(())
}
