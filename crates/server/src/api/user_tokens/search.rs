//! `api/user_tokens/search`: which tokens a user has; never their texts.

use std::collections::BTreeMap;

use gatehook_domain::id::ProjectId;
use gatehook_store::{Tx, project, user};
use serde::Serialize;

use crate::action::{Action, Answer, Call, Run};
use crate::api::user_tokens::owner;
use crate::error::ApiError;
use crate::params::Param;
use crate::shapes::Date;

pub(crate) const ACTION: Action = Action::get(
    "api/user_tokens/search",
    "5.3",
    "The tokens of a user, by name.",
    Run::Read(run),
)
.permission("Administer System for another user's tokens")
.logged_in()
.params(&[Param::text("login", "Whose tokens; the caller's when not given")]);

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Found {
    login: String,
    user_tokens: Vec<Row>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    name: String,
    created_at: Date,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_connection_date: Option<Date>,
    #[serde(rename = "type")]
    kind: &'static str,
    is_expired: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    expiration_date: Option<Date>,
    #[serde(skip_serializing_if = "Option::is_none")]
    project: Option<ProjectShape>,
}

#[derive(Serialize, Clone)]
struct ProjectShape {
    key: String,
    name: String,
}

fn run(tx: &mut Tx<'_>, call: &Call) -> Result<Answer, ApiError> {
    let owner = owner(tx, call)?;
    let now = tx.ambient().now();
    let tokens = user::tokens_of(tx, &owner.id)?;
    let ids: Vec<ProjectId> = tokens.iter().filter_map(|token| token.project.clone()).collect();
    let projects: BTreeMap<ProjectId, ProjectShape> = project::by_ids(tx, &ids)?
        .into_iter()
        .map(|project| {
            (
                project.id,
                ProjectShape {
                    key: project.key.into(),
                    name: project.name,
                },
            )
        })
        .collect();
    let user_tokens = tokens
        .into_iter()
        .map(|token| Row {
            name: token.name,
            created_at: Date(token.created_at),
            last_connection_date: token.last_used_at.map(Date),
            kind: token.kind.as_str(),
            is_expired: token.expires_at.is_some_and(|end| end <= now),
            expiration_date: token.expires_at.map(Date),
            project: token.project.and_then(|id| projects.get(&id).cloned()),
        })
        .collect();
    Answer::json(&Found {
        login: owner.login,
        user_tokens,
    })
}
