//! What a server has from its first start on: groups with their rights, an administrator, the gate, an id.

use std::sync::Arc;

use gatehook_domain::user::{GlobalPermission, User};
use gatehook_store::permission::{self, ADMINISTRATORS, USERS};
use gatehook_store::{Store, StoreError, Tx, gate, setting, user};
use secrecy::{ExposeSecret, SecretString};

use crate::auth::{ADMIN, hashed};

/// The setting under which the server's id is kept; it is none that people can see or change.
pub(crate) const SERVER_ID: &str = "sonar.core.id";

/// True for what the server itself keeps among the settings, which people neither see nor change.
pub(crate) fn is_own(key: &str) -> bool {
    key == SERVER_ID || key == crate::health::PROBE
}

/// How many random bytes a generated password has.
const PASSWORD_BYTES: usize = 12;

/// Why a first start did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum FirstStartError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The administrator's password could not be hashed.
    #[error("the administrator's password cannot be used: {0}")]
    Password(String),
}

/// Makes what is missing: the groups and their rights, the user `admin`, the gate that comes with the system, the
/// server's id. Safe to call at every start, and by several nodes at once.
///
/// The administrator gets `password`, or a generated one, which is answered so that it can be shown once. A password
/// that is kept already is never changed.
pub async fn first_start(
    store: &Store,
    password: Option<SecretString>,
) -> Result<Option<SecretString>, FirstStartError> {
    let is_first = store.read(|tx| user::by_login(tx, ADMIN)).await?.is_none();
    if !is_first {
        store.write(ensure_rest).await?;
        return Ok(None);
    }
    let given = password.filter(|text| !text.expose_secret().is_empty());
    let was_given = given.is_some();
    let chosen = given.unwrap_or_else(|| SecretString::from(store.ambient().random_hex(PASSWORD_BYTES)));
    let ambient = store.ambient().clone();
    let hashing = chosen.clone();
    let hash = tokio::task::spawn_blocking(move || hashed(&ambient, &hashing))
        .await
        .map_err(|error| FirstStartError::Password(error.to_string()))?
        .map_err(|error| FirstStartError::Password(error.to_string()))?;
    let hash = Arc::new(hash);
    let made = store.write(move |tx| ensure_all(tx, &hash)).await?;
    Ok((made && !was_given).then_some(chosen))
}

/// True when the administrator was made just now; another node may have been faster.
fn ensure_all(tx: &mut Tx<'_>, hash: &str) -> Result<bool, StoreError> {
    ensure_rest(tx)?;
    if user::by_login(tx, ADMIN)?.is_some() {
        return Ok(false);
    }
    let administrators = user::group_ensure(tx, ADMINISTRATORS)?;
    for right in [
        GlobalPermission::Admin,
        GlobalPermission::ProfileAdmin,
        GlobalPermission::GateAdmin,
        GlobalPermission::Provisioning,
    ] {
        permission::grant_group(tx, &administrators, right.as_str(), None)?;
    }
    let users = user::group_ensure(tx, USERS)?;
    for right in [GlobalPermission::Scan, GlobalPermission::Provisioning] {
        permission::grant_group(tx, &users, right.as_str(), None)?;
    }
    let admin = User {
        id: tx.ambient().new_id(),
        login: ADMIN.to_owned(),
        name: "Administrator".to_owned(),
        password_hash: Some(hash.to_owned()),
        active: true,
        created_at: tx.ambient().now(),
    };
    user::insert(tx, &admin)?;
    user::group_add(tx, &administrators, &admin.id)?;
    user::group_add(tx, &users, &admin.id)?;
    Ok(true)
}

fn ensure_rest(tx: &mut Tx<'_>) -> Result<(), StoreError> {
    gate::sync_built_in(tx)?;
    if setting::get(tx, SERVER_ID, None)?.is_none() {
        let id = tx.ambient().random_hex(10).to_uppercase();
        setting::set(tx, SERVER_ID, None, &id)?;
    }
    Ok(())
}
