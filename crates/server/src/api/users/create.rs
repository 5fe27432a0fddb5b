//! `api/users/create`.

use std::sync::Arc;

use gatehook_domain::user::{GlobalPermission, User};
use gatehook_store::permission::USERS;
use gatehook_store::{Tx, user};
use secrecy::SecretString;
use serde::Serialize;

use crate::action::{Action, Answer, Call, Run};
use crate::auth::hashed;
use crate::error::ApiError;
use crate::params::Param;

pub(crate) const ACTION: Action = Action::post(
    "api/users/create",
    "3.7",
    "Creates a user with a password.",
    Run::Steps(|call| Box::pin(run(call))),
)
.permission("Administer System")
.logged_in()
.params(&[
    Param::text("email", "Not kept").max_length(100),
    Param::flag("local", "Whether the user has a password here; false is not supported").default("true"),
    Param::text("login", "What the user logs in as")
        .required()
        .max_length(255)
        .min_length(2),
    Param::text("name", "What the user is called")
        .required()
        .max_length(200),
    Param::text("password", "The password"),
    Param::repeated("scmAccount", "Not kept"),
]);

#[derive(Serialize)]
struct Created {
    user: Shape,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Shape {
    login: String,
    name: String,
    scm_accounts: [&'static str; 0],
    active: bool,
    local: bool,
}

async fn run(call: Arc<Call>) -> Result<Answer, ApiError> {
    let store = call.state.store.clone();
    let asking = Arc::clone(&call);
    store
        .read(move |tx| asking.caller.require_global(tx, GlobalPermission::Admin))
        .await?;
    let login = call.params.required("login")?;
    let allowed = |letter: char| letter.is_alphanumeric() || "._-+@".contains(letter);
    if !login.chars().all(allowed) || !login.starts_with(|letter: char| letter.is_alphanumeric() || letter == '_') {
        return Err(ApiError::bad(
            "Login should contain only letters, numbers, and .-_@ and begin with one of the first two",
        ));
    }
    if call.params.flag("local") == Some(false) {
        return Err(ApiError::bad("Only local users can be created"));
    }
    let password = call.params.text("password").map(SecretString::from);
    let Some(password) = password else {
        return Err(ApiError::bad("Password is mandatory and must not be empty"));
    };
    let ambient = call.state.ambient().clone();
    let hash = tokio::task::spawn_blocking(move || hashed(&ambient, &password))
        .await
        .map_err(ApiError::unknown)??;
    store.write(move |tx| insert(tx, &call, &hash)).await
}

fn insert(tx: &mut Tx<'_>, call: &Call, hash: &str) -> Result<Answer, ApiError> {
    call.caller.require_global(tx, GlobalPermission::Admin)?;
    let login = call.params.required("login")?;
    if user::by_login(tx, login)?.is_some() {
        return Err(ApiError::bad(format!("User '{login}' already exists")));
    }
    let made = User {
        id: tx.ambient().new_id(),
        login: login.to_owned(),
        name: call.params.required("name")?.to_owned(),
        password_hash: Some(hash.to_owned()),
        active: true,
        created_at: tx.ambient().now(),
    };
    user::insert(tx, &made)?;
    let everybody = user::group_ensure(tx, USERS)?;
    user::group_add(tx, &everybody, &made.id)?;
    Answer::json(&Created {
        user: Shape {
            login: made.login,
            name: made.name,
            scm_accounts: [],
            active: true,
            local: true,
        },
    })
}
