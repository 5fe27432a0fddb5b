use gatehook_domain::analysis::NewCodeDefinition;
use gatehook_domain::id::ComponentId;
use gatehook_domain::issue::{FieldDiff, IssueChange};
use gatehook_domain::key::ProjectKey;
use gatehook_domain::measure::Measures;
use gatehook_domain::project::{Project, Visibility};
use gatehook_domain::tally::Tally;
use gatehook_domain::user::{TokenKind, UserToken};
use gatehook_domain::webhook::Attempt;
use gatehook_store::delivery::Outcome;
use gatehook_store::project::ProjectSearch;
use gatehook_store::{
    StoreError, Tx, analysis, branch, delivery, gate, issue, issue_count, measure, new_code, node, permission, project,
    rule, setting, task, user,
};

use crate::bench::{
    Done, at, end, id, keep_file, keep_project, keep_user, keep_webhook, new_analysis, new_delivery, new_event,
    new_issue, new_project, new_task, take,
};

crate::on_both! {
    projects_are_kept_found_and_changed
    projects_are_searched
    deleting_a_project_leaves_no_row_of_it_in_any_table
}

fn projects_are_kept_found_and_changed(tx: &mut Tx<'_>) -> Done {
    let (shop, _) = keep_project(tx, "org:shop")?;
    assert_eq!(project::by_key(tx, &shop.key)?.as_ref(), Some(&shop));
    assert_eq!(project::by_id(tx, &shop.id)?.as_ref(), Some(&shop));
    assert_eq!(project::by_ids(tx, &[shop.id.clone(), id("gone")])?, [shop.clone()]);
    let changed = Project {
        key: ProjectKey::parse("org:store").unwrap(),
        name: "Store".to_owned(),
        visibility: Visibility::Public,
        ..shop.clone()
    };
    assert!(project::update(tx, &changed)?);
    assert_eq!(project::by_key(tx, &shop.key)?, None);
    assert_eq!(project::by_id(tx, &shop.id)?, Some(changed.clone()));
    assert!(project::delete(tx, &shop.id)?);
    assert!(!project::delete(tx, &shop.id)?);
    assert!(!project::update(tx, &changed)?);
    Ok(())
}

fn projects_are_searched(tx: &mut Tx<'_>) -> Done {
    let mut kept = Vec::new();
    for key in ["a_b", "axb", "zoo"] {
        kept.push(keep_project(tx, key)?);
    }
    let (main, of_main) = (kept[0].1.clone(), new_analysis("old", &kept[0].1, at(10)));
    analysis::insert(
        tx,
        &gatehook_domain::analysis::Analysis {
            revision: Some("cafe".to_owned()),
            ..of_main
        },
        &Measures::new(),
    )?;
    branch::set_last_analysis(tx, &main.id, &id("old"))?;
    analysis::insert(tx, &new_analysis("new", &kept[1].1, at(20)), &Measures::new())?;
    branch::set_last_analysis(tx, &kept[1].1.id, &id("new"))?;

    let all = ProjectSearch::default();
    let mut keys = |search: &ProjectSearch| -> Result<Vec<String>, StoreError> {
        Ok(project::search(tx, search)?
            .0
            .into_iter()
            .map(|(project, ..)| project.key.to_string())
            .collect())
    };
    assert_eq!(keys(&all)?, ["a_b", "axb", "zoo"]);
    assert_eq!(
        keys(&ProjectSearch {
            query: Some("A_B".to_owned()),
            ..all.clone()
        })?,
        ["a_b"]
    );
    assert_eq!(
        keys(&ProjectSearch {
            query: Some("the Z".to_owned()),
            ..all.clone()
        })?,
        ["zoo"]
    );
    let by_key = ["zoo", "axb", "gone"]
        .map(|key| ProjectKey::parse(key).unwrap())
        .to_vec();
    assert_eq!(
        keys(&ProjectSearch {
            keys: by_key,
            ..all.clone()
        })?,
        ["axb", "zoo"]
    );
    assert_eq!(
        keys(&ProjectSearch {
            provisioned_only: true,
            ..all.clone()
        })?,
        ["zoo"]
    );
    assert_eq!(
        keys(&ProjectSearch {
            analyzed_before: Some(at(20)),
            ..all.clone()
        })?,
        ["a_b"]
    );
    assert_eq!(
        keys(&ProjectSearch {
            visibility: Some(Visibility::Public),
            ..all.clone()
        })?,
        Vec::<String>::new()
    );
    assert_eq!(
        keys(&ProjectSearch {
            page: 2,
            size: 2,
            ..all.clone()
        })?,
        ["zoo"]
    );
    let (found, total) = project::search(tx, &ProjectSearch { size: 1, ..all })?;
    assert_eq!(
        (&found[0].1, &found[0].2, total),
        (&Some(at(10)), &Some("cafe".to_owned()), 3)
    );
    Ok(())
}

/// Tables that hold nothing of a project, or also other things.
const NOT_OF_PROJECTS: &[&str] = &[
    "user_account",
    "user_group",
    "group_member",
    "rule",
    "gate",
    "gate_condition",
    "node",
    "key_probe",
];

fn deleting_a_project_leaves_no_row_of_it_in_any_table(tx: &mut Tx<'_>) -> Done {
    let everywhere = fill(tx)?;
    for (table, rows) in count_rows(tx)? {
        assert!(rows > 0, "{table} has no rows, so this test shows nothing about it");
    }
    project::delete(tx, &everywhere.id)?;
    for (table, rows) in count_rows(tx)? {
        let left = match table {
            // The global webhook stays; what it was owed about the project does not.
            "webhook" => 1,
            table if NOT_OF_PROJECTS.contains(&table) => continue,
            _ => 0,
        };
        assert_eq!(rows, left, "{table}");
    }
    Ok(())
}

fn count_rows(tx: &mut Tx<'_>) -> Result<Vec<(&'static str, i64)>, StoreError> {
    let schema = include_str!("../../src/schema/0001_init.sql");
    let mut counts = Vec::new();
    for line in schema.lines().filter_map(|line| line.strip_prefix("CREATE TABLE ")) {
        let table = line.trim_end_matches(" (");
        let sql: &'static str = Box::leak(format!("SELECT COUNT(*) FROM {table}").into_boxed_str());
        counts.push((table, tx.query_opt(sql, &[])?.unwrap().get(0)?));
    }
    assert!(counts.len() > 20);
    Ok(counts)
}

/// Puts rows of one project into every table.
fn fill(tx: &mut Tx<'_>) -> Result<Project, StoreError> {
    let (project, main) = keep_project(tx, "shop")?;
    let own = Some(&project.id);
    let ann = keep_user(tx, "ann")?;
    let users = user::group_ensure(tx, permission::USERS)?;
    user::group_add(tx, &users, &ann.id)?;
    user::token_insert(
        tx,
        &UserToken {
            id: id("token"),
            user: ann.id.clone(),
            name: "ci".to_owned(),
            kind: TokenKind::ProjectAnalysis,
            project: own.cloned(),
            hash: "cafe".to_owned(),
            created_at: at(0),
            expires_at: None,
            last_used_at: None,
        },
    )?;
    permission::apply_template(tx, &project.id)?;
    permission::grant_user(tx, &ann.id, "scan", own)?;
    setting::set(tx, "k", own, "v")?;
    new_code::set(tx, own, None, &NewCodeDefinition::DEFAULT)?;
    new_code::set(tx, own, Some(&main.id), &NewCodeDefinition::DEFAULT)?;
    let gate = gate::sync_built_in(tx)?;
    gate::select(tx, &project.id, &gate)?;
    rule::upsert_many(tx, &[crate::analyses::new_rule("external_ruff:F401")])?;
    let file = keep_file(tx, &main.id, "a.py")?;
    let found = new_issue("issue", &main.id, &file.id);
    issue::insert_many(tx, std::slice::from_ref(&found))?;
    let diffs = vec![FieldDiff {
        field: "status".to_owned(),
        old: None,
        new: Some("OPEN".to_owned()),
    }];
    issue::add_change(
        tx,
        &IssueChange {
            issue: found.id.clone(),
            user: None,
            at: at(0),
            diffs,
        },
    )?;
    measure::put_many(tx, &[(main.id.clone(), file.id.clone(), Measures::new())])?;
    issue_count::put(tx, &main.id, &ComponentId::root_of(&main.id), &Tally::of(&found, true))?;
    analysis::insert(tx, &new_analysis("analysis", &main, at(0)), &Measures::new())?;
    task::insert(tx, &new_task("task", &project.id, at(0)))?;
    task::report_append(tx, &id("task"), 0, b"PK")?;
    let node = id("node");
    node::register(tx, &node, at(0))?;
    let (hook, global) = (keep_webhook(tx, "own", own)?, keep_webhook(tx, "global", None)?);
    let event = new_event("event", &project, at(0));
    delivery::insert_event(tx, &event)?;
    delivery::insert_many(
        tx,
        &[
            new_delivery("delivery", &event, &hook, at(0)),
            new_delivery("delivery-2", &event, &global, at(0)),
        ],
    )?;
    take(tx, &node, 0, 10, 2)?;
    let attempt = Attempt {
        number: 1,
        at: at(0),
        duration_ms: 1,
        http_status: Some(200),
        error: None,
    };
    end(tx, &id("delivery"), &node, &attempt, Outcome::Delivered)?;
    assert_eq!(new_project("shop"), project);
    Ok(project)
}
