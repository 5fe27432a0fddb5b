//! People, robots, their tokens and groups.

use gatehook_domain::Timestamp;
use gatehook_domain::id::{GroupId, TokenId, UserId};
use gatehook_domain::user::{TokenKind, User, UserToken};

use crate::error::StoreError;
use crate::params;
use crate::sql::{LIST, Sql, containing, number};
use crate::tx::Tx;
use crate::value::Row;

/// The name of the group everybody is in, also those who did not log in.
pub const ANYONE: &str = "Anyone";

/// The user of this login.
pub fn by_login(tx: &mut Tx<'_>, login: &str) -> Result<Option<User>, StoreError> {
    let row = tx.query_opt(
        "SELECT id, login, name, password_hash, active, created_at FROM user_account WHERE login = $1",
        &params![login],
    )?;
    row.map(|row| read(&row, 0)).transpose()
}

/// The user of this id.
pub fn by_id(tx: &mut Tx<'_>, id: &UserId) -> Result<Option<User>, StoreError> {
    let row = tx.query_opt(
        "SELECT id, login, name, password_hash, active, created_at FROM user_account WHERE id = $1",
        &params![id],
    )?;
    row.map(|row| read(&row, 0)).transpose()
}

/// The users of these logins, those that there are.
pub fn by_logins(tx: &mut Tx<'_>, logins: &[String]) -> Result<Vec<User>, StoreError> {
    let mut found = Vec::new();
    for chunk in logins.chunks(LIST) {
        let rows =
            Sql::new("SELECT id, login, name, password_hash, active, created_at FROM user_account WHERE login IN ")
                .list(chunk)
                .query(tx)?;
        for row in rows {
            found.push(read(&row, 0)?);
        }
    }
    Ok(found)
}

/// Users whose login or name holds `query`, ordered by login, and how many there are.
pub fn search(tx: &mut Tx<'_>, query: Option<&str>, page: u32, size: u32) -> Result<(Vec<User>, i64), StoreError> {
    let narrowed = |mut sql: Sql| {
        if let Some(text) = query {
            let pattern = containing(text);
            sql.and("(lower(login) LIKE lower(")
                .bind(&pattern)
                .push(") ESCAPE '\\' OR lower(name) LIKE lower(");
            sql.bind(&pattern).push(") ESCAPE '\\')");
        }
        sql
    };
    let total = narrowed(Sql::new("SELECT COUNT(*) FROM user_account")).count(tx)?;
    let rows = narrowed(Sql::new(
        "SELECT id, login, name, password_hash, active, created_at FROM user_account",
    ))
    .push(" ORDER BY login")
    .page(page, size)
    .query(tx)?;
    Ok((rows.iter().map(|row| read(row, 0)).collect::<Result<_, _>>()?, total))
}

/// Keeps a new user. The login must not be taken.
pub fn insert(tx: &mut Tx<'_>, user: &User) -> Result<(), StoreError> {
    tx.execute(
        "INSERT INTO user_account (id, login, name, password_hash, active, created_at) VALUES ($1, $2, $3, $4, $5, $6)",
        &params![
            user.id,
            user.login,
            user.name,
            user.password_hash,
            user.active,
            user.created_at
        ],
    )?;
    Ok(())
}

/// Replaces the hash of a user's password; false when there is no such user.
pub fn set_password(tx: &mut Tx<'_>, user: &UserId, hash: &str) -> Result<bool, StoreError> {
    Ok(tx.execute(
        "UPDATE user_account SET password_hash = $2 WHERE id = $1",
        &params![user, hash],
    )? > 0)
}

/// Lets a user log in, or no longer; false when there is no such user.
pub fn set_active(tx: &mut Tx<'_>, user: &UserId, active: bool) -> Result<bool, StoreError> {
    Ok(tx.execute(
        "UPDATE user_account SET active = $2 WHERE id = $1",
        &params![user, active],
    )? > 0)
}

/// How many users there are.
pub fn count(tx: &mut Tx<'_>) -> Result<i64, StoreError> {
    number(tx.query_opt("SELECT COUNT(*) FROM user_account", &[])?)
}

/// The token of this hash and its owner. Expiry and the owner's activity are the caller's to judge.
pub fn token_by_hash(tx: &mut Tx<'_>, hash: &str) -> Result<Option<(UserToken, User)>, StoreError> {
    let row = tx.query_opt(
        "SELECT t.id, t.user_id, t.name, t.kind, t.project_id, t.hash, t.created_at, t.expires_at, t.last_used_at,
                u.id, u.login, u.name, u.password_hash, u.active, u.created_at
           FROM user_token t JOIN user_account u ON u.id = t.user_id
          WHERE t.hash = $1",
        &params![hash],
    )?;
    row.map(|row| Ok((read_token(&row)?, read(&row, 9)?))).transpose()
}

/// Keeps a new token.
pub fn token_insert(tx: &mut Tx<'_>, token: &UserToken) -> Result<(), StoreError> {
    tx.execute(
        "INSERT INTO user_token (id, user_id, name, kind, project_id, hash, created_at, expires_at, last_used_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        &params![
            token.id,
            token.user,
            token.name,
            token.kind.as_str(),
            token.project,
            token.hash,
            token.created_at,
            token.expires_at,
            token.last_used_at
        ],
    )?;
    Ok(())
}

/// True when the user has a token of this name.
pub fn token_exists(tx: &mut Tx<'_>, user: &UserId, name: &str) -> Result<bool, StoreError> {
    let row = tx.query_opt(
        "SELECT id FROM user_token WHERE user_id = $1 AND name = $2",
        &params![user, name],
    )?;
    Ok(row.is_some())
}

/// A user's tokens, ordered by name.
pub fn tokens_of(tx: &mut Tx<'_>, user: &UserId) -> Result<Vec<UserToken>, StoreError> {
    let rows = tx.query(
        "SELECT id, user_id, name, kind, project_id, hash, created_at, expires_at, last_used_at
           FROM user_token WHERE user_id = $1 ORDER BY name",
        &params![user],
    )?;
    rows.iter().map(read_token).collect()
}

/// Takes a token back; false when there was none of this name.
pub fn token_delete(tx: &mut Tx<'_>, user: &UserId, name: &str) -> Result<bool, StoreError> {
    Ok(tx.execute(
        "DELETE FROM user_token WHERE user_id = $1 AND name = $2",
        &params![user, name],
    )? > 0)
}

/// Remembers that a token was used.
pub fn token_touch(tx: &mut Tx<'_>, token: &TokenId, now: Timestamp) -> Result<(), StoreError> {
    tx.execute(
        "UPDATE user_token SET last_used_at = $2 WHERE id = $1",
        &params![token, now],
    )?;
    Ok(())
}

/// The names of a user's groups, without the one everybody is in.
pub fn groups_of(tx: &mut Tx<'_>, user: &UserId) -> Result<Vec<String>, StoreError> {
    let rows = tx.query(
        "SELECT g.name FROM group_member m JOIN user_group g ON g.id = m.group_id WHERE m.user_id = $1 ORDER BY g.name",
        &params![user],
    )?;
    rows.iter().map(|row| row.get(0)).collect()
}

/// The group of this name; the one everybody is in is found whatever the case of its letters.
pub fn group_by_name(tx: &mut Tx<'_>, name: &str) -> Result<Option<GroupId>, StoreError> {
    let name = if name.eq_ignore_ascii_case(ANYONE) {
        ANYONE
    } else {
        name
    };
    let row = tx.query_opt("SELECT id FROM user_group WHERE name = $1", &params![name])?;
    row.map(|row| row.get(0)).transpose()
}

/// The group of this name, made if there was none.
pub fn group_ensure(tx: &mut Tx<'_>, name: &str) -> Result<GroupId, StoreError> {
    if let Some(id) = group_by_name(tx, name)? {
        return Ok(id);
    }
    let id: GroupId = tx.ambient().new_id();
    tx.execute("INSERT INTO user_group (id, name) VALUES ($1, $2)", &params![id, name])?;
    Ok(id)
}

/// Puts a user into a group; nothing happens when it is in it already.
pub fn group_add(tx: &mut Tx<'_>, group: &GroupId, user: &UserId) -> Result<(), StoreError> {
    tx.execute(
        "INSERT INTO group_member (group_id, user_id) VALUES ($1, $2) ON CONFLICT DO NOTHING",
        &params![group, user],
    )?;
    Ok(())
}

/// Takes a user out of a group; false when it was not in it.
pub fn group_remove(tx: &mut Tx<'_>, group: &GroupId, user: &UserId) -> Result<bool, StoreError> {
    Ok(tx.execute(
        "DELETE FROM group_member WHERE group_id = $1 AND user_id = $2",
        &params![group, user],
    )? > 0)
}

fn read(row: &Row, at: usize) -> Result<User, StoreError> {
    Ok(User {
        id: row.get(at)?,
        login: row.get(at + 1)?,
        name: row.get(at + 2)?,
        password_hash: row.get(at + 3)?,
        active: row.get(at + 4)?,
        created_at: row.get(at + 5)?,
    })
}

fn read_token(row: &Row) -> Result<UserToken, StoreError> {
    Ok(UserToken {
        id: row.get(0)?,
        user: row.get(1)?,
        name: row.get(2)?,
        kind: row.parse(3, TokenKind::parse)?,
        project: row.get(4)?,
        hash: row.get(5)?,
        created_at: row.get(6)?,
        expires_at: row.get(7)?,
        last_used_at: row.get(8)?,
    })
}
