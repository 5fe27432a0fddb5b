use gatehook_domain::id::{GroupId, ProjectId};
use gatehook_domain::user::{GlobalPermission, ProjectPermission, TokenKind, UserToken};
use gatehook_store::permission::Viewer;
use gatehook_store::project::ProjectSearch;
use gatehook_store::{Tx, permission, project, setting, user};

use crate::bench::{Done, at, id, keep_project, keep_user, new_project};

crate::on_both! {
    users_are_kept_and_found
    a_token_is_found_by_its_hash_with_its_owner
    the_group_anyone_is_there_and_has_no_members
    rights_are_the_union_of_users_groups_and_anyone
    a_public_project_may_be_seen_by_everybody
    a_new_project_begins_with_the_template
    the_holders_of_a_right_are_active_users
    settings_of_a_project_go_before_those_of_the_system
}

fn users_are_kept_and_found(tx: &mut Tx<'_>) -> Done {
    let ann = keep_user(tx, "ann")?;
    let bob = keep_user(tx, "bob")?;
    assert_eq!(user::by_login(tx, "ann")?.as_ref(), Some(&ann));
    assert_eq!(user::by_id(tx, &bob.id)?.as_ref(), Some(&bob));
    assert_eq!(user::by_login(tx, "Ann")?, None);
    assert_eq!(
        user::by_logins(tx, &["bob".to_owned(), "nobody".to_owned()])?,
        [bob.clone()]
    );
    assert_eq!(user::count(tx)?, 2);
    assert!(user::set_password(tx, &ann.id, "$argon2id$x")?);
    assert_eq!(
        user::by_id(tx, &ann.id)?.unwrap().password_hash.as_deref(),
        Some("$argon2id$x")
    );
    assert!(user::set_active(tx, &ann.id, false)?);
    assert!(!user::by_id(tx, &ann.id)?.unwrap().active);
    assert!(!user::set_password(tx, &id("nobody"), "x")?);
    assert_eq!(user::search(tx, Some("NAME OF B"), 1, 10)?, (vec![bob], 1));
    assert_eq!(user::search(tx, None, 2, 1)?.0[0].login, "bob");
    Ok(())
}

fn a_token_is_found_by_its_hash_with_its_owner(tx: &mut Tx<'_>) -> Done {
    let ann = keep_user(tx, "ann")?;
    let (project, _) = keep_project(tx, "shop")?;
    let token = UserToken {
        id: id("token"),
        user: ann.id.clone(),
        name: "ci".to_owned(),
        kind: TokenKind::ProjectAnalysis,
        project: Some(project.id),
        hash: "cafe".to_owned(),
        created_at: at(0),
        expires_at: Some(at(1000)),
        last_used_at: None,
    };
    user::token_insert(tx, &token)?;
    assert_eq!(user::token_by_hash(tx, "cafe")?, Some((token.clone(), ann.clone())));
    assert_eq!(user::token_by_hash(tx, "CAFE")?, None);
    assert!(user::token_exists(tx, &ann.id, "ci")?);
    user::token_touch(tx, &token.id, at(7))?;
    assert_eq!(
        user::tokens_of(tx, &ann.id)?,
        [UserToken {
            last_used_at: Some(at(7)),
            ..token
        }]
    );
    assert!(user::token_delete(tx, &ann.id, "ci")?);
    assert!(!user::token_delete(tx, &ann.id, "ci")?);
    assert_eq!(user::token_by_hash(tx, "cafe")?, None);
    Ok(())
}

fn the_group_anyone_is_there_and_has_no_members(tx: &mut Tx<'_>) -> Done {
    let anyone = user::group_ensure(tx, "anyone")?;
    assert_eq!(user::group_by_name(tx, "Anyone")?, Some(anyone));
    let team = user::group_ensure(tx, "team")?;
    assert_eq!(user::group_ensure(tx, "team")?, team);
    let ann = keep_user(tx, "ann")?;
    user::group_add(tx, &team, &ann.id)?;
    user::group_add(tx, &team, &ann.id)?;
    assert_eq!(user::groups_of(tx, &ann.id)?, ["team"]);
    assert!(user::group_remove(tx, &team, &ann.id)?);
    assert_eq!(user::groups_of(tx, &ann.id)?, Vec::<String>::new());
    assert_eq!(user::group_by_name(tx, "others")?, None::<GroupId>);
    Ok(())
}

fn rights_are_the_union_of_users_groups_and_anyone(tx: &mut Tx<'_>) -> Done {
    let ann = keep_user(tx, "ann")?;
    let team = user::group_ensure(tx, "team")?;
    let anyone = user::group_ensure(tx, "Anyone")?;
    user::group_add(tx, &team, &ann.id)?;
    let (shop, _) = keep_project(tx, "shop")?;
    let (other, _) = keep_project(tx, "other")?;

    permission::grant_user(tx, &ann.id, "gateadmin", None)?;
    permission::grant_group(tx, &team, "admin", None)?;
    permission::grant_group(tx, &team, "admin", None)?;
    permission::grant_group(tx, &anyone, "provisioning", None)?;
    permission::grant_user(tx, &ann.id, "scan", Some(&shop.id))?;
    permission::grant_group(tx, &team, "issueadmin", Some(&shop.id))?;
    permission::grant_group(tx, &anyone, "user", Some(&shop.id))?;

    let global: Vec<_> = permission::global_of(tx, Some(&ann.id))?.into_iter().collect();
    assert_eq!(
        global,
        [
            GlobalPermission::Admin,
            GlobalPermission::GateAdmin,
            GlobalPermission::Provisioning
        ]
    );
    let anonymous: Vec<_> = permission::global_of(tx, None)?.into_iter().collect();
    assert_eq!(anonymous, [GlobalPermission::Provisioning]);
    let own: Vec<_> = permission::project_of(tx, Some(&ann.id), &shop.id)?
        .into_iter()
        .collect();
    assert_eq!(
        own,
        [
            ProjectPermission::IssueAdmin,
            ProjectPermission::Scan,
            ProjectPermission::Browse
        ]
    );
    let anonymous: Vec<_> = permission::project_of(tx, None, &shop.id)?.into_iter().collect();
    assert_eq!(anonymous, [ProjectPermission::Browse]);
    assert!(permission::project_of(tx, Some(&ann.id), &other.id)?.is_empty());

    assert!(permission::revoke_user(tx, &ann.id, "gateadmin", None)?);
    assert!(permission::revoke_group(tx, &team, "admin", None)?);
    assert!(permission::revoke_group(tx, &team, "issueadmin", Some(&shop.id))?);
    assert!(permission::revoke_user(tx, &ann.id, "scan", Some(&shop.id))?);
    assert!(!permission::revoke_user(tx, &ann.id, "scan", Some(&shop.id))?);
    assert_eq!(permission::global_of(tx, Some(&ann.id))?.len(), 1);
    assert_eq!(permission::project_of(tx, Some(&ann.id), &shop.id)?.len(), 1);
    Ok(())
}

fn a_public_project_may_be_seen_by_everybody(tx: &mut Tx<'_>) -> Done {
    let mut open = new_project("open");
    open.visibility = gatehook_domain::project::Visibility::Public;
    project::insert(tx, &open)?;
    let (closed, _) = keep_project(tx, "closed")?;
    let ann = keep_user(tx, "ann")?;
    permission::grant_user(tx, &ann.id, "user", Some(&closed.id))?;

    let seen: Vec<_> = permission::project_of(tx, None, &open.id)?.into_iter().collect();
    assert_eq!(seen, [ProjectPermission::CodeViewer, ProjectPermission::Browse]);
    let mut visible_to = |viewer| -> Result<Vec<ProjectId>, gatehook_store::StoreError> {
        let search = ProjectSearch {
            visible_to: Some(Viewer(viewer)),
            ..ProjectSearch::default()
        };
        Ok(project::search(tx, &search)?
            .0
            .into_iter()
            .map(|(project, ..)| project.id)
            .collect())
    };
    assert_eq!(visible_to(None)?, [open.id.clone()]);
    assert_eq!(visible_to(Some(ann.id.clone()))?, [closed.id, open.id]);
    Ok(())
}

fn a_new_project_begins_with_the_template(tx: &mut Tx<'_>) -> Done {
    let (project, _) = keep_project(tx, "shop")?;
    permission::apply_template(tx, &project.id)?;
    let (admin, ann) = (keep_user(tx, "admin")?, keep_user(tx, "ann")?);
    let administrators = user::group_ensure(tx, permission::ADMINISTRATORS)?;
    let users = user::group_ensure(tx, permission::USERS)?;
    user::group_add(tx, &administrators, &admin.id)?;
    user::group_add(tx, &users, &ann.id)?;
    let of_admin: Vec<_> = permission::project_of(tx, Some(&admin.id), &project.id)?
        .into_iter()
        .collect();
    assert_eq!(of_admin, [ProjectPermission::Admin]);
    let of_ann = permission::project_of(tx, Some(&ann.id), &project.id)?;
    assert_eq!(of_ann.len(), 5);
    assert!(!of_ann.contains(&ProjectPermission::Admin));
    Ok(())
}

fn the_holders_of_a_right_are_active_users(tx: &mut Tx<'_>) -> Done {
    let (ann, bob) = (keep_user(tx, "ann")?, keep_user(tx, "bob")?);
    let team = user::group_ensure(tx, "team")?;
    user::group_add(tx, &team, &bob.id)?;
    permission::grant_user(tx, &ann.id, "admin", None)?;
    permission::grant_user(tx, &bob.id, "admin", None)?;
    permission::grant_group(tx, &team, "admin", None)?;
    assert_eq!(permission::holders_of_global(tx, GlobalPermission::Admin)?, 2);
    user::set_active(tx, &bob.id, false)?;
    assert_eq!(permission::holders_of_global(tx, GlobalPermission::Admin)?, 1);
    Ok(())
}

fn settings_of_a_project_go_before_those_of_the_system(tx: &mut Tx<'_>) -> Done {
    let (project, _) = keep_project(tx, "shop")?;
    let own = Some(&project.id);
    assert_eq!(setting::effective(tx, "k", own)?, None);
    setting::set(tx, "k", None, "system")?;
    assert_eq!(setting::effective(tx, "k", own)?.as_deref(), Some("system"));
    assert_eq!(setting::get(tx, "k", own)?, None);
    setting::set(tx, "k", own, "first")?;
    setting::set(tx, "k", own, "own")?;
    setting::set(tx, "k", None, "system 2")?;
    assert_eq!(setting::effective(tx, "k", own)?.as_deref(), Some("own"));
    setting::set(tx, "other", None, "of all")?;
    setting::set(tx, "not asked for", own, "x")?;
    let many = setting::effective_three(tx, ["k", "other", "unset"], &project.id)?;
    let many: Vec<_> = many.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    assert_eq!(many, [("k", "own"), ("other", "of all")]);
    let many = setting::of_system(tx, &["other", "k", "not asked for", "unset"])?;
    let many: Vec<_> = many.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    assert_eq!(many, [("k", "system 2"), ("other", "of all")]);
    setting::reset(tx, "other", None)?;
    setting::reset(tx, "not asked for", own)?;
    assert_eq!(setting::all(tx, None)?, [("k".to_owned(), "system 2".to_owned())]);
    assert_eq!(setting::all(tx, own)?, [("k".to_owned(), "own".to_owned())]);
    assert!(setting::reset(tx, "k", own)?);
    assert!(!setting::reset(tx, "k", own)?);
    assert_eq!(setting::effective(tx, "k", own)?.as_deref(), Some("system 2"));
    assert!(setting::reset(tx, "k", None)?);
    Ok(())
}
