//! Finds out who calls: HTTP Basic with a password or a token, or a Bearer token.

mod remembered;

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use argon2::Argon2;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use axum::http::{HeaderMap, header};
use base64::Engine;
use gatehook_domain::user::{User, UserToken, token_hash};
use gatehook_domain::{Ambient, Timestamp, setting};
use gatehook_store::user as users;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use tokio::sync::Semaphore;

use crate::caller::Caller;
use crate::error::ApiError;
use crate::settings;
use crate::state::AppState;
use remembered::Remembered;

/// The login of the administrator that the first start makes.
pub(crate) const ADMIN: &str = "admin";
/// How many passwords are verified at once; each takes some 20 MiB of memory and a core for a while.
const VERIFICATIONS_AT_ONCE: usize = 2;
/// How long a password that was right need not be hashed again.
const REMEMBERED_FOR: Duration = Duration::from_mins(1);
/// How many right passwords, how many logins with wrong ones, how many tokens and how many users are remembered.
const REMEMBERED: usize = 1000;
/// After so many wrong passwords in a row a login is refused for a while.
const ATTEMPTS: u32 = 10;
/// How long wrong passwords are held against a login.
const HELD_FOR: Duration = Duration::from_mins(1);
/// The longest login that users can have, in characters. Longer ones are not even remembered as wrong, so that what is
/// remembered is bounded in bytes too.
const MAX_LOGIN_LENGTH: usize = 255;
/// How stale a token's date of last use may get; keeps reading calls from becoming writes.
const LAST_USE_GRAIN: Duration = Duration::from_hours(1);

/// What a request shows of its caller.
pub(crate) enum Shown {
    /// Nothing.
    Nothing,
    /// A token.
    Token(SecretString),
    /// A login and a password.
    Password(String, SecretString),
    /// Something that cannot be read.
    Unreadable,
}

impl Shown {
    /// Reads the `Authorization` header. Schemes that are not known here count as nothing.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let Some(value) = headers.get(header::AUTHORIZATION) else {
            return Self::Nothing;
        };
        let Ok(text) = value.to_str() else {
            return Self::Unreadable;
        };
        let (scheme, rest) = text.trim().split_once(' ').unwrap_or((text.trim(), ""));
        let rest = rest.trim();
        if scheme.eq_ignore_ascii_case("bearer") {
            return if rest.is_empty() {
                Self::Unreadable
            } else {
                Self::Token(rest.into())
            };
        }
        if !scheme.eq_ignore_ascii_case("basic") {
            return Self::Nothing;
        }
        let decoded = base64::engine::general_purpose::STANDARD
            .decode(rest)
            .ok()
            .and_then(|bytes| String::from_utf8(bytes).ok());
        match decoded.as_deref().and_then(|pair| pair.split_once(':')) {
            Some(("", _)) | None => Self::Unreadable,
            Some((token, "")) => Self::Token(token.into()),
            Some((login, password)) => Self::Password(login.to_owned(), password.into()),
        }
    }
}

/// Who calls, and what follows from it for the whole request.
pub(crate) struct Known {
    pub(crate) caller: Caller,
    /// When the shown token stops working.
    pub(crate) expires: Option<Timestamp>,
    /// Whether credentials were shown that are not valid.
    pub(crate) refused: bool,
}

impl Known {
    const fn of(caller: Caller, expires: Option<Timestamp>) -> Self {
        Self {
            caller,
            expires,
            refused: false,
        }
    }

    /// Somebody whose credentials are not valid, where that does not matter.
    pub(crate) const fn refused() -> Self {
        Self {
            caller: Caller::anonymous(),
            expires: None,
            refused: true,
        }
    }
}

/// Finds out who calls. `BadCredentials` when what is shown is not valid.
pub(crate) async fn known(state: &AppState, shown: Shown) -> Result<Known, ApiError> {
    match shown {
        Shown::Nothing => Ok(Known::of(Caller::anonymous(), None)),
        Shown::Unreadable => Err(ApiError::BadCredentials),
        Shown::Token(text) => by_token(state, &text).await,
        Shown::Password(login, password) => by_password(state, login, password).await,
    }
}

/// Whether nobody may look without logging in.
pub(crate) async fn is_forced(state: &AppState) -> Result<bool, ApiError> {
    state
        .store
        .read(|tx| settings::flag(tx, setting::FORCE_AUTHENTICATION, None).map_err(ApiError::from))
        .await
}

async fn by_token(state: &AppState, text: &SecretString) -> Result<Known, ApiError> {
    let hash = token_hash(text);
    if state.gatekeeper.is_admin_token(&hash) {
        let admin = user_of(state, ADMIN).await?.filter(|user| user.active);
        return admin
            .map(|user| Known::of(Caller::user(user, None), None))
            .ok_or(ApiError::BadCredentials);
    }
    let Some((token, user)) = state
        .gatekeeper
        .tokens
        .or_read(&state.store, hash, users::token_by_hash)
        .await?
    else {
        return Err(ApiError::BadCredentials);
    };
    let now = state.ambient().now();
    if !user.active || token.expires_at.is_some_and(|end| end <= now) {
        return Err(ApiError::BadCredentials);
    }
    if token.last_used_at.is_none_or(|last| now.since(last) >= LAST_USE_GRAIN) {
        let id = token.id.clone();
        let touched = state.store.write(move |tx| users::token_touch(tx, &id, now)).await;
        if let Err(error) = touched {
            tracing::warn!(error = %crate::error::chain(&error), "a token's last use was not written down");
        }
    }
    Ok(Known::of(
        Caller::user(user, Some((token.kind, token.project))),
        token.expires_at,
    ))
}

async fn by_password(state: &AppState, login: String, password: SecretString) -> Result<Known, ApiError> {
    if login.chars().count() > MAX_LOGIN_LENGTH {
        return Err(ApiError::BadCredentials);
    }
    let user = user_of(state, &login).await?.filter(|user| user.active);
    let keeper = &state.gatekeeper;
    let now = state.ambient().now();
    let kept = user.as_ref().and_then(|user| user.password_hash.clone());
    let mark = keeper.mark(&login, &password, kept.as_deref().unwrap_or(""));
    if let Some(user) = &user
        && keeper.remembers(&mark, now)
    {
        return Ok(Known::of(Caller::user(user.clone(), None), None));
    }
    if keeper.is_held(&login, now) {
        return Err(ApiError::TooManyAttempts);
    }
    // A login that nobody has costs as much time as one with a wrong password, so that nobody can tell them apart.
    let hash = kept.clone().unwrap_or_else(|| keeper.nobodys_hash.clone());
    let _slot = keeper.slots.acquire().await.map_err(ApiError::unknown)?;
    // Asked again, because many guesses at once pass the first question before the first of them turns out wrong.
    if keeper.is_held(&login, now) {
        return Err(ApiError::TooManyAttempts);
    }
    let right = verify(password, hash).await?;
    match user {
        Some(user) if right && kept.is_some() => {
            keeper.remember(mark, &login, now);
            Ok(Known::of(Caller::user(user, None), None))
        }
        _ => {
            keeper.hold(login, now);
            Err(ApiError::BadCredentials)
        }
    }
}

async fn user_of(state: &AppState, login: &str) -> Result<Option<User>, ApiError> {
    let users = &state.gatekeeper.users;
    users.or_read(&state.store, login.to_owned(), users::by_login).await
}

/// Hashes a password for the store: Argon2id with a fresh salt, as a PHC string. Takes long; not for async code.
pub(crate) fn hashed(ambient: &Ambient, password: &SecretString) -> Result<String, ApiError> {
    let mut salt = [0_u8; 16];
    ambient.fill(&mut salt);
    Argon2::default()
        .hash_password_with_salt(password.expose_secret().as_bytes(), &salt)
        .map(|hash| hash.to_string())
        .map_err(|error| ApiError::unknown(format!("a password cannot be hashed: {error}")))
}

/// A hash like those of [`hashed`] that no password has: what would come out of the hashing is made up, so that a start does
/// not have to hash anything. Checking a password against it takes as long as against any other.
fn nobodys_hash(ambient: &Ambient) -> String {
    let (mut salt, mut output) = ([0_u8; 16], [0_u8; argon2::Params::DEFAULT_OUTPUT_LEN]);
    ambient.fill(&mut salt);
    ambient.fill(&mut output);
    let params = argon2::Params::default();
    let text = base64::engine::general_purpose::STANDARD_NO_PAD;
    format!(
        "$argon2id$v=19$m={},t={},p={}${}${}",
        params.m_cost(),
        params.t_cost(),
        params.p_cost(),
        text.encode(salt),
        text.encode(output)
    )
}

/// Whether a password is the one of a hash. Takes long and much memory; the caller holds a slot.
async fn verify(password: SecretString, hash: String) -> Result<bool, ApiError> {
    tokio::task::spawn_blocking(move || {
        Argon2::default()
            .verify_password(password.expose_secret().as_bytes(), hash.as_str())
            .is_ok()
    })
    .await
    .map_err(ApiError::unknown)
}

/// What the server remembers about credentials, all of it bounded and in memory only.
pub(crate) struct Gatekeeper {
    admin_token_hash: Option<String>,
    nobodys_hash: String,
    key: [u8; 32],
    slots: Semaphore,
    right: Mutex<BTreeMap<[u8; 32], Timestamp>>,
    wrong: Mutex<BTreeMap<String, (u32, Timestamp)>>,
    /// Tokens with their owners, by the hashes of the tokens.
    tokens: Remembered<(UserToken, User)>,
    /// Users by their logins.
    users: Remembered<User>,
}

impl Gatekeeper {
    pub(crate) fn new(ambient: &Ambient, admin_token: Option<&SecretString>) -> Self {
        let mut key = [0_u8; 32];
        ambient.fill(&mut key);
        Self {
            admin_token_hash: admin_token
                .filter(|text| !text.expose_secret().is_empty())
                .map(token_hash),
            nobodys_hash: nobodys_hash(ambient),
            key,
            slots: Semaphore::new(VERIFICATIONS_AT_ONCE),
            right: Mutex::default(),
            wrong: Mutex::default(),
            tokens: Remembered::default(),
            users: Remembered::default(),
        }
    }

    fn is_admin_token(&self, hash: &str) -> bool {
        self.admin_token_hash
            .as_ref()
            .is_some_and(|kept| bool::from(kept.as_bytes().ct_eq(hash.as_bytes())))
    }

    /// Stands for a login with a right password. The hash that is kept is part of it, so a changed password ends it.
    fn mark(&self, login: &str, password: &SecretString, kept: &str) -> [u8; 32] {
        let mut digest = Sha256::new().chain_update(self.key);
        for part in [login, password.expose_secret(), kept] {
            digest.update((part.len() as u64).to_le_bytes());
            digest.update(part.as_bytes());
        }
        digest.finalize().into()
    }

    fn remembers(&self, mark: &[u8; 32], now: Timestamp) -> bool {
        let right = self.right.lock().unwrap_or_else(PoisonError::into_inner);
        right.get(mark).is_some_and(|since| now.since(*since) < REMEMBERED_FOR)
    }

    fn remember(&self, mark: [u8; 32], login: &str, now: Timestamp) {
        self.wrong.lock().unwrap_or_else(PoisonError::into_inner).remove(login);
        let mut right = self.right.lock().unwrap_or_else(PoisonError::into_inner);
        if right.len() >= REMEMBERED {
            right.retain(|_, since| now.since(*since) < REMEMBERED_FOR);
        }
        if right.len() < REMEMBERED {
            right.insert(mark, now);
        }
    }

    fn is_held(&self, login: &str, now: Timestamp) -> bool {
        let wrong = self.wrong.lock().unwrap_or_else(PoisonError::into_inner);
        wrong
            .get(login)
            .is_some_and(|(count, last)| *count >= ATTEMPTS && now.since(*last) < HELD_FOR)
    }

    fn hold(&self, login: String, now: Timestamp) {
        let mut wrong = self.wrong.lock().unwrap_or_else(PoisonError::into_inner);
        if wrong.len() >= REMEMBERED {
            wrong.retain(|_, (_, last)| now.since(*last) < HELD_FOR);
        }
        // A flood of made-up logins pushes out the oldest entry, so that memory stays bounded.
        if wrong.len() >= REMEMBERED
            && let Some(oldest) = wrong
                .iter()
                .min_by_key(|(_, (_, last))| *last)
                .map(|(login, _)| login.clone())
        {
            wrong.remove(&oldest);
        }
        let entry = wrong.entry(login).or_insert((0, now));
        if now.since(entry.1) >= HELD_FOR {
            entry.0 = 0;
        }
        entry.0 += 1;
        entry.1 = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(value: &str) -> String {
        let mut headers = HeaderMap::new();
        headers.insert(header::AUTHORIZATION, value.parse().unwrap());
        match Shown::of(&headers) {
            Shown::Nothing => "nothing".to_owned(),
            Shown::Token(token) => format!("token {}", token.expose_secret()),
            Shown::Password(login, password) => format!("{login} with {}", password.expose_secret()),
            Shown::Unreadable => "unreadable".to_owned(),
        }
    }

    #[test]
    fn credentials_are_read_from_each_form_clients_use() {
        assert_eq!(shown("bEARER squ_1"), "token squ_1");
        assert_eq!(shown("Basic c3F1XzE6"), "token squ_1");
        assert_eq!(shown("basic dTpwOnE="), "u with p:q");
        assert_eq!(shown("Basic ???"), "unreadable");
        assert_eq!(shown("Basic dQ=="), "unreadable");
        assert_eq!(shown("Bearer"), "unreadable");
        assert_eq!(shown("Digest x"), "nothing");
    }

    #[test]
    fn checking_nobodys_password_costs_what_checking_anybodys_does() {
        let ambient = Ambient::new(
            std::sync::Arc::new(gatehook_domain::ambient::ManualClock::new(Timestamp::from_millis(0))),
            std::sync::Arc::new(gatehook_domain::ambient::SeededEntropy::new(1)),
        );
        let password = SecretString::from("a password");
        let (real, made_up) = (hashed(&ambient, &password).unwrap(), nobodys_hash(&ambient));
        let how = |hash: &str| hash.split('$').take(4).map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(how(&real), how(&made_up));
        assert_eq!(real.len(), made_up.len());
        let check = |hash: &str| Argon2::default().verify_password(b"a password", hash);
        assert!(check(&real).is_ok());
        // Wrong, not malformed: that would cost nothing.
        assert!(
            matches!(check(&made_up), Err(argon2::password_hash::Error::PasswordInvalid)),
            "{:?}",
            check(&made_up)
        );
    }
}
