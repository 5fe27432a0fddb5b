//! Who was given which right, over the whole system or over one project.

use std::collections::BTreeSet;

use gatehook_domain::id::{GroupId, ProjectId, UserId};
use gatehook_domain::user::{GlobalPermission, ProjectPermission};

use crate::error::StoreError;
use crate::params;
use crate::sql::{Sql, number};
use crate::tx::Tx;
use crate::user;

/// The group of those who administer the system.
pub const ADMINISTRATORS: &str = "sonar-administrators";
/// The group every user is put into.
pub const USERS: &str = "sonar-users";

/// Who looks: a user, or somebody who did not log in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Viewer(pub Option<UserId>);

/// Gives a group a right, over a project or (without one) over the whole system.
pub fn grant_group(
    tx: &mut Tx<'_>,
    group: &GroupId,
    permission: &str,
    project: Option<&ProjectId>,
) -> Result<(), StoreError> {
    tx.execute(
        "INSERT INTO group_permission (group_id, project_id, permission) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
        &params![group, project, permission],
    )?;
    Ok(())
}

/// Gives a user a right, over a project or (without one) over the whole system.
pub fn grant_user(
    tx: &mut Tx<'_>,
    user: &UserId,
    permission: &str,
    project: Option<&ProjectId>,
) -> Result<(), StoreError> {
    tx.execute(
        "INSERT INTO user_permission (user_id, project_id, permission) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
        &params![user, project, permission],
    )?;
    Ok(())
}

/// Takes a right back from a group; false when it did not have it.
pub fn revoke_group(
    tx: &mut Tx<'_>,
    group: &GroupId,
    permission: &str,
    project: Option<&ProjectId>,
) -> Result<bool, StoreError> {
    let changed = match project {
        Some(project) => tx.execute(
            "DELETE FROM group_permission WHERE project_id = $1 AND group_id = $2 AND permission = $3",
            &params![project, group, permission],
        )?,
        None => tx.execute(
            "DELETE FROM group_permission WHERE project_id IS NULL AND group_id = $1 AND permission = $2",
            &params![group, permission],
        )?,
    };
    Ok(changed > 0)
}

/// Takes a right back from a user; false when it did not have it itself.
pub fn revoke_user(
    tx: &mut Tx<'_>,
    user: &UserId,
    permission: &str,
    project: Option<&ProjectId>,
) -> Result<bool, StoreError> {
    let changed = match project {
        Some(project) => tx.execute(
            "DELETE FROM user_permission WHERE project_id = $1 AND user_id = $2 AND permission = $3",
            &params![project, user, permission],
        )?,
        None => tx.execute(
            "DELETE FROM user_permission WHERE project_id IS NULL AND user_id = $1 AND permission = $2",
            &params![user, permission],
        )?,
    };
    Ok(changed > 0)
}

/// The rights over the whole system that a user (none: somebody who did not log in) has itself or through a group.
pub fn global_of(tx: &mut Tx<'_>, user: Option<&UserId>) -> Result<BTreeSet<GlobalPermission>, StoreError> {
    let rows = tx.query(
        "SELECT permission FROM user_permission WHERE project_id IS NULL AND user_id = $1
          UNION
         SELECT permission FROM group_permission
          WHERE project_id IS NULL
            AND (group_id = 'anyone' OR group_id IN (SELECT group_id FROM group_member WHERE user_id = $1))",
        &params![user],
    )?;
    rows.iter().map(|row| row.parse(0, GlobalPermission::parse)).collect()
}

/// The rights over a project that a user (none: somebody who did not log in) has itself, through a group, or because
/// the project is public.
pub fn project_of(
    tx: &mut Tx<'_>,
    user: Option<&UserId>,
    project: &ProjectId,
) -> Result<BTreeSet<ProjectPermission>, StoreError> {
    tx.remembering(
        |remembered| &mut remembered.rights,
        &(user.cloned(), project.clone()),
        |tx| look_up(tx, user, project),
    )
}

fn look_up(
    tx: &mut Tx<'_>,
    user: Option<&UserId>,
    project: &ProjectId,
) -> Result<BTreeSet<ProjectPermission>, StoreError> {
    let rows = tx.query(
        "SELECT permission FROM user_permission WHERE project_id = $1 AND user_id = $2
          UNION
         SELECT permission FROM group_permission
          WHERE project_id = $1
            AND (group_id = 'anyone' OR group_id IN (SELECT group_id FROM group_member WHERE user_id = $2))
          UNION
         SELECT 'user' FROM project WHERE id = $1 AND visibility = 'public'
          UNION
         SELECT 'codeviewer' FROM project WHERE id = $1 AND visibility = 'public'",
        &params![project, user],
    )?;
    rows.iter().map(|row| row.parse(0, ProjectPermission::parse)).collect()
}

/// How many active users have a right over the whole system, themselves or through a group other than the one
/// everybody is in.
pub fn holders_of_global(tx: &mut Tx<'_>, permission: GlobalPermission) -> Result<i64, StoreError> {
    number(tx.query_opt(
        "SELECT COUNT(*) FROM user_account u
          WHERE u.active
            AND (EXISTS (SELECT 1 FROM user_permission p
                          WHERE p.user_id = u.id AND p.permission = $1 AND p.project_id IS NULL)
              OR EXISTS (SELECT 1 FROM group_member m JOIN group_permission p ON p.group_id = m.group_id
                          WHERE m.user_id = u.id AND p.permission = $1 AND p.project_id IS NULL))",
        &params![permission.as_str()],
    )?)
}

/// Gives the rights that every new project begins with.
pub fn apply_template(tx: &mut Tx<'_>, project: &ProjectId) -> Result<(), StoreError> {
    let administrators = user::group_ensure(tx, ADMINISTRATORS)?;
    grant_group(tx, &administrators, ProjectPermission::Admin.as_str(), Some(project))?;
    let users = user::group_ensure(tx, USERS)?;
    for permission in [
        ProjectPermission::Browse,
        ProjectPermission::CodeViewer,
        ProjectPermission::IssueAdmin,
        ProjectPermission::HotspotAdmin,
        ProjectPermission::Scan,
    ] {
        grant_group(tx, &users, permission.as_str(), Some(project))?;
    }
    Ok(())
}

/// Narrows a statement to the projects (`p`) that somebody may see.
pub(crate) fn and_visible(sql: &mut Sql, viewer: &Viewer) {
    sql.and("(p.visibility = 'public' OR EXISTS (SELECT 1 FROM group_permission gp WHERE gp.project_id = p.id")
        .push(" AND gp.permission = 'user' AND (gp.group_id = 'anyone'");
    match &viewer.0 {
        None => sql.push(")))"),
        Some(user) => sql
            .push(" OR gp.group_id IN (SELECT group_id FROM group_member WHERE user_id = ")
            .bind(user)
            .push("))) OR EXISTS (SELECT 1 FROM user_permission up WHERE up.project_id = p.id")
            .push(" AND up.permission = 'user' AND up.user_id = ")
            .bind(user)
            .push("))"),
    };
}
