//! `api/user_tokens/generate`: the only answer that ever shows a token.

use gatehook_domain::user::{GlobalPermission, TokenKind, UserToken, token_hash};
use gatehook_domain::{Timestamp, project::Project};
use gatehook_store::{Tx, user};
use secrecy::SecretString;
use serde::Serialize;

use crate::action::{Action, Answer, Call, Run};
use crate::api::user_tokens::owner;
use crate::error::ApiError;
use crate::lookup;
use crate::params::Param;
use crate::shapes::Date;

/// How many random bytes a token has.
const TOKEN_BYTES: usize = 20;

pub(crate) const ACTION: Action = Action::post(
    "api/user_tokens/generate",
    "5.3",
    "Makes a token. It is shown in this answer and never again.",
    Run::Write(run),
)
.permission("Administer System for another user's token")
.logged_in()
.params(&[
    Param::text("expirationDate", "The day it stops working, yyyy-MM-dd"),
    Param::text("login", "Whose token; the caller's when not given"),
    Param::text("name", "What its owner calls it")
        .required()
        .max_length(100),
    Param::text("projectKey", "The project of a project analysis token"),
    Param::text("type", "What it can do")
        .possible(&["USER_TOKEN", "GLOBAL_ANALYSIS_TOKEN", "PROJECT_ANALYSIS_TOKEN"])
        .default("USER_TOKEN"),
]);

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Generated {
    login: String,
    name: String,
    created_at: Date,
    token: String,
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    project_key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expiration_date: Option<Date>,
}

fn run(tx: &mut Tx<'_>, call: &Call) -> Result<Answer, ApiError> {
    let params = &call.params;
    let name = params.required("name")?;
    let owner = owner(tx, call)?;
    let kind = params
        .text("type")
        .and_then(|word| TokenKind::parse(word).ok())
        .unwrap_or(TokenKind::User);
    let project = project(tx, call, kind)?;
    let now = tx.ambient().now();
    let expires_at = params.text("expirationDate").map(|text| end(text, now)).transpose()?;
    if user::token_exists(tx, &owner.id, name)? {
        return Err(ApiError::bad(format!(
            "A user token for login '{}' and name '{name}' already exists",
            owner.login
        )));
    }
    let text = format!("{}{}", kind.prefix(), tx.ambient().random_hex(TOKEN_BYTES));
    let made = UserToken {
        id: tx.ambient().new_id(),
        user: owner.id,
        name: name.to_owned(),
        kind,
        project: project.as_ref().map(|project| project.id.clone()),
        hash: token_hash(&SecretString::from(text.as_str())),
        created_at: now,
        expires_at,
        last_used_at: None,
    };
    user::token_insert(tx, &made)?;
    Answer::json(&Generated {
        login: owner.login,
        name: made.name,
        created_at: Date(now),
        token: text,
        kind: kind.as_str(),
        project_key: project.map(|project| project.key.into()),
        expiration_date: expires_at.map(Date),
    })
}

/// The project of a project analysis token; also whether the caller may hand out such rights at all.
fn project(tx: &mut Tx<'_>, call: &Call, kind: TokenKind) -> Result<Option<Project>, ApiError> {
    match kind {
        TokenKind::User => Ok(None),
        TokenKind::GlobalAnalysis => {
            call.caller.require_global(tx, GlobalPermission::Scan)?;
            Ok(None)
        }
        TokenKind::ProjectAnalysis => {
            let key = call
                .params
                .text("projectKey")
                .ok_or_else(|| ApiError::bad("A projectKey is needed when creating Project Analysis Token"))?;
            let project = lookup::existing(tx, key)?;
            let may = call.caller.may_scan(tx, &project)?;
            call.caller.require(may)?;
            Ok(Some(project))
        }
    }
}

/// The midnight a token stops working at.
fn end(text: &str, now: Timestamp) -> Result<Timestamp, ApiError> {
    let end = Timestamp::parse(text)
        .ok()
        .filter(|_| text.len() == 10)
        .ok_or_else(|| {
            ApiError::bad(format!(
                "Supplied date format for parameter expirationDate is wrong: {text}"
            ))
        })?;
    if end <= now {
        return Err(ApiError::bad(
            "The date of parameter expirationDate must be in the future",
        ));
    }
    Ok(end)
}
