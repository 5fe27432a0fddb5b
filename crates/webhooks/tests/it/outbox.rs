//! Who is told of what: filters and formats, over a store.

use gatehook_domain::gate::{GateStatus, Verdict};
use gatehook_domain::setting::SERVER_BASE_URL;
use gatehook_domain::webhook::{
    Delivery, DeliveryStatus, EventKind, Filter, Format, FormatKind, FormatParts, GateSays, HookOptions, Pattern,
    Webhook,
};
use gatehook_store::delivery::DeliveryFilter;
use gatehook_store::{StoreError, Tx, delivery, setting, webhook};
use gatehook_webhooks::{Happened, ServerUrl, TaskResult, record};

use crate::engine::{House, main_branch, shop};

/// The gate of the main branch says this, and said that before.
fn judged(tx: &mut Tx<'_>, now: GateStatus, before: Option<GateStatus>) -> Result<bool, StoreError> {
    let (project, branch) = (shop(tx), main_branch(tx));
    let verdict = Verdict {
        status: now,
        conditions: Vec::new(),
        ignored_conditions: false,
    };
    let happened = Happened {
        project: &project,
        branch: Some(&branch),
        named: None,
        kind: EventKind::AnalysisCompleted,
        task: None,
        result: TaskResult::Succeeded,
        analysis: None,
        analysed_at: None,
        revision: None,
        changed_at: tx.now(),
        gate: Some(("Sonar way", &verdict)),
        gate_before: before,
        properties: &std::collections::BTreeMap::new(),
    };
    Ok(record(tx, &ServerUrl::new("http://gates.example/"), &happened)?.is_some())
}

async fn ask(house: &House, name: &'static str, options: HookOptions) {
    let id = house.add_webhook(name, "http://127.0.0.1:9/".to_owned(), true).await;
    let asked = house.store().write(move |tx| {
        let kept = webhook::by_id(tx, &id)?.unwrap();
        let options = options.clone();
        webhook::update(tx, &Webhook { options, ..kept })
    });
    assert!(asked.await.unwrap());
}

async fn told(house: &House, now: GateStatus, before: Option<GateStatus>) -> Vec<String> {
    let earlier = house.deliveries().await.len();
    let recorded = house.store().write(move |tx| judged(tx, now, before)).await.unwrap();
    let found = house.deliveries().await.split_off(earlier);
    assert_eq!(recorded, !found.is_empty(), "an event that nobody is told is not kept");
    found.into_iter().map(|delivery| delivery.name).collect()
}

#[tokio::test]
async fn a_webhook_is_told_what_its_filter_lets_through() {
    let house = House::new().await;
    let with = |filter| HookOptions {
        filter,
        ..HookOptions::default()
    };
    let errors = Filter {
        gate_statuses: [GateSays::Error].into(),
        ..Filter::default()
    };
    let changes = Filter {
        only_gate_changes: true,
        ..Filter::default()
    };
    let elsewhere = Filter {
        branches: vec![Pattern::parse("release/*").unwrap()],
        ..Filter::default()
    };
    let others = Filter {
        projects: vec![Pattern::parse("com.*").unwrap()],
        ..Filter::default()
    };
    ask(&house, "changes", with(changes)).await;
    ask(&house, "elsewhere", with(elsewhere)).await;
    ask(&house, "errors", with(errors)).await;
    ask(&house, "others", with(others)).await;
    let (ok, error) = (GateStatus::Ok, GateStatus::Error);
    assert_eq!(told(&house, error, None).await, ["changes", "errors"]);
    assert_eq!(told(&house, error, Some(error)).await, ["errors"]);
    assert_eq!(told(&house, ok, Some(error)).await, ["changes"]);
    assert_eq!(told(&house, ok, Some(ok)).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_format_gives_a_body_of_its_own_or_a_call_that_failed_with_the_reason() {
    let house = House::new().await;
    let with = |kind, token: Option<&str>| HookOptions {
        format: Format::new(
            kind,
            FormatParts {
                token: token.map(Into::into),
                ..FormatParts::default()
            },
        )
        .unwrap(),
        ..HookOptions::default()
    };
    ask(&house, "commit", with(FormatKind::GitHubStatus, Some("ghp_hunter2"))).await;
    ask(&house, "plain", HookOptions::default()).await;
    ask(&house, "slack", with(FormatKind::Slack, None)).await;
    assert_eq!(told(&house, GateStatus::Ok, None).await.len(), 3);
    let mut found = house.deliveries().await;
    found.sort_by(|one, other| one.name.cmp(&other.name));
    let [commit, plain, slack] = found.try_into().unwrap();
    let body = async |of: &Delivery| {
        let id = of.id.clone();
        house.store().read(move |tx| delivery::rendered(tx, &id)).await.unwrap()
    };
    assert_eq!((plain.status, body(&plain).await), (DeliveryStatus::Pending, None));
    let text = String::from_utf8(body(&slack).await.unwrap().body).unwrap();
    assert_eq!(slack.status, DeliveryStatus::Pending);
    assert!(text.contains("blocks") && text.contains("Shop"), "{text}");
    // The analysis names no revision, so there is no commit to give a status to.
    assert_eq!((commit.status, commit.due_at), (DeliveryStatus::Failed, None));
    let last = commit.last.clone().unwrap();
    assert!(last.error.unwrap().contains("no revision"));
    assert!(body(&commit).await.unwrap().body.is_empty());
}

#[tokio::test]
async fn links_begin_with_the_setting_and_else_with_what_the_server_was_started_with() {
    let house = House::new().await;
    house.add_webhook("a", "http://127.0.0.1:9/".to_owned(), false).await;
    for (set, base) in [
        (None, "http://gates.example"),
        (
            Some("https://sonar.acme.example/base/"),
            "https://sonar.acme.example/base",
        ),
        (Some(" "), "http://gates.example"),
    ] {
        let event = house.store().write(move |tx| {
            if let Some(set) = set {
                setting::set(tx, SERVER_BASE_URL, None, set)?;
            }
            judged(tx, GateStatus::Ok, None)?;
            let (found, _) = delivery::search(tx, &DeliveryFilter::Project(shop(tx).id), None, 1, 1)?;
            delivery::event(tx, &found[0].event)
        });
        let payload = event.await.unwrap().unwrap().payload;
        let told: serde_json::Value = serde_json::from_slice(&payload).unwrap();
        let dashboard = format!("{base}/dashboard?id=org%3Ashop");
        assert_eq!(
            (&told["serverUrl"], &told["project"]["url"], &told["branch"]["url"]),
            (&base.into(), &dashboard.as_str().into(), &dashboard.as_str().into())
        );
        house.opened.clock.advance(std::time::Duration::from_secs(1));
    }
}
