//! What seldom changes is looked up once, and as it is now: whoever writes sees what somebody without a memory sees.

use std::sync::{Arc, Mutex};

use gatehook_domain::component::Component;
use gatehook_domain::gate::{Condition, Gate, Operator};
use gatehook_domain::id::ComponentId;
use gatehook_domain::metric::Metric;
use gatehook_domain::project::{Project, Visibility};
use gatehook_store::{Engine, StoreError, Tx, component, gate, permission, project, setting, user, webhook};
use rstest::rstest;

use crate::bench::{Bench, Done, id, keep_file, keep_project, keep_user, keep_webhook, new_file};

const KEYS: [&str; 3] = ["sonar.one", "sonar.two", "sonar.three"];

/// All that may be remembered, and how many statements it took.
fn seen(tx: &mut Tx<'_>) -> Result<(Vec<String>, usize), StoreError> {
    let before = tx.statements();
    let shop = id("project-shop");
    let (ann, file): (_, ComponentId) = (id("user-ann"), id("project-shop-main-a-py"));
    let mut seen = vec![
        format!("{:?}", gate::of_project(tx, &shop)?),
        format!("{:?}", setting::get(tx, KEYS[0], None)?),
        format!("{:?}", setting::get(tx, KEYS[0], Some(&shop))?),
        format!("{:?}", setting::effective(tx, KEYS[1], Some(&shop))?),
        format!("{:?}", setting::effective_three(tx, KEYS, &shop)?),
        format!("{:?}", setting::of_system(tx, &KEYS)?),
        format!("{:?}", permission::project_of(tx, Some(&ann), &shop)?),
        format!("{:?}", permission::project_of(tx, None, &shop)?),
    ];
    let told = webhook::for_event(tx, &shop)?;
    seen.extend(told.iter().map(|webhook| format!("{webhook:?}")));
    seen.push(format!("{:?}", component::by_ids(tx, &[file])?));
    Ok((seen, tx.statements() - before))
}

fn prepare(tx: &mut Tx<'_>) -> Done {
    let built_in = gate::sync_built_in(tx)?;
    gate::set_default(tx, &built_in)?;
    let own = Gate {
        id: id("own"),
        name: "own".to_owned(),
        built_in: false,
        conditions: Vec::new(),
    };
    gate::insert(tx, &own)?;
    let (shop, branch) = keep_project(tx, "shop")?;
    keep_file(tx, &branch.id, "a.py")?;
    keep_user(tx, "ann")?;
    let team = user::group_ensure(tx, "team")?;
    permission::grant_group(tx, &team, "admin", Some(&shop.id))?;
    keep_webhook(tx, "ci", Some(&shop.id))?;
    setting::set(tx, KEYS[1], None, "system")
}

type Change = fn(&mut Tx<'_>) -> Done;

/// Ways to change it, one for each table and more.
fn changes() -> Vec<(&'static str, Change)> {
    vec![
        ("a setting of the system", |tx| setting::set(tx, KEYS[0], None, "1")),
        ("a setting of the project", |tx| {
            setting::set(tx, KEYS[0], Some(&id("project-shop")), "2")
        }),
        ("it is set to something else", |tx| {
            setting::set(tx, KEYS[0], Some(&id("project-shop")), "3")
        }),
        ("a setting is reset", |tx| setting::reset(tx, KEYS[1], None).map(drop)),
        ("the project gets a gate", |tx| {
            gate::select(tx, &id("project-shop"), &id("own"))
        }),
        ("the gate gets a condition", |tx| {
            let condition = Condition {
                id: id("condition"),
                metric: Metric::find("violations").unwrap(),
                operator: Operator::GreaterThan,
                threshold: "0".to_owned(),
            };
            gate::add_condition(tx, &id("own"), &condition)
        }),
        ("the condition goes", |tx| {
            gate::delete_condition(tx, &id("condition")).map(drop)
        }),
        ("the gate has another name", |tx| {
            gate::rename(tx, &id("own"), "mine").map(drop)
        }),
        ("the gate goes", |tx| gate::delete(tx, &id("own")).map(drop)),
        ("a right of a user", |tx| {
            permission::grant_user(tx, &id("user-ann"), "issueadmin", Some(&id("project-shop")))
        }),
        ("a right of a group", |tx| {
            let anyone = user::group_ensure(tx, "anyone")?;
            permission::grant_group(tx, &anyone, "scan", Some(&id("project-shop")))
        }),
        ("who is in the group", |tx| {
            let team = user::group_ensure(tx, "team")?;
            user::group_add(tx, &team, &id("user-ann"))
        }),
        ("the right of the user goes", |tx| {
            permission::revoke_user(tx, &id("user-ann"), "issueadmin", Some(&id("project-shop"))).map(drop)
        }),
        ("the project is public", |tx| {
            let shop = project::by_id(tx, &id("project-shop"))?.unwrap();
            let public = Project {
                visibility: Visibility::Public,
                ..shop
            };
            project::update(tx, &public).map(drop)
        }),
        ("a webhook is paused", |tx| {
            webhook::pause(tx, &id("webhook-ci")).map(drop)
        }),
        ("a global webhook", |tx| keep_webhook(tx, "all", None).map(drop)),
        ("a webhook goes", |tx| webhook::delete(tx, &id("webhook-ci")).map(drop)),
        ("a file is in another language", |tx| {
            let file = Component {
                language: Some("js".to_owned()),
                ..new_file(&id("project-shop-main"), "a.py")
            };
            component::upsert_many(tx, &[file])
        }),
        ("a file is gone", |tx| {
            component::disable(tx, &[id("project-shop-main-a-py")]).map(drop)
        }),
    ]
}

#[rstest]
fn whoever_writes_sees_what_is_there_now(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let bench = Bench::open(engine);
    bench.write(prepare);
    let (mut last, _) = bench.write(seen);
    for (what, change) in changes() {
        // In a transaction that fails it is seen, and afterwards it is not.
        let kept = Arc::new(Mutex::new(Vec::new()));
        let told = Arc::clone(&kept);
        let undone: Result<(), StoreError> = bench.store().write_blocking(move |tx| {
            seen(tx)?;
            change(tx)?;
            *told.lock().unwrap() = seen(tx)?.0;
            Err(StoreError::Closed)
        });
        assert!(undone.is_err());
        assert_ne!(*kept.lock().unwrap(), last, "{what}, in the same transaction");
        assert_eq!(bench.write(seen).0, last, "{what}, undone");

        bench.write(change);
        let (now, _) = bench.write(seen);
        assert_ne!(now, last, "{what}");
        assert_eq!(now, bench.read(seen).0, "{what}");
        assert_eq!(now, *kept.lock().unwrap(), "{what}");
        last = now;
    }
}

#[test]
fn on_sqlite_whoever_writes_looks_up_once_what_seldom_changes() {
    let bench = Bench::open(Engine::Sqlite);
    bench.write(prepare);
    let first = bench.write(seen);
    assert!(first.1 > 0);
    assert_eq!(bench.write(seen), (first.0.clone(), 0));
    assert!(bench.read(seen).1 > 0, "who only reads is not told of changes in time");
    // What has nothing to do with it.
    bench.write(|tx| tx.execute("UPDATE branch SET revision = revision + 1", &[]).map(drop));
    assert_eq!(bench.write(seen), (first.0, 0));
}

#[test]
fn what_somebody_changes_by_hand_is_seen() {
    let bench = Bench::open(Engine::Sqlite);
    bench.write(prepare);
    let (before, _) = bench.write(seen);
    let other = bench.sqlite();
    other.execute("UPDATE setting SET value = 'by hand'", []).unwrap();
    let (after, _) = bench.write(seen);
    assert_ne!(after, before);
    assert_eq!(after, bench.read(seen).0);
}
