//! `api/users/current`: who calls.

use gatehook_domain::user::GlobalPermission;
use gatehook_store::{Tx, user};
use serde::Serialize;

use crate::action::{Action, Answer, Call, Run};
use crate::error::ApiError;

pub(crate) const ACTION: Action = Action::get(
    "api/users/current",
    "5.2",
    "Who calls, and what they may do.",
    Run::Read(run),
)
.internal();

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Anonymous {
    is_logged_in: bool,
    permissions: Rights,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Current {
    is_logged_in: bool,
    id: String,
    login: String,
    name: String,
    local: bool,
    external_identity: String,
    external_provider: &'static str,
    scm_accounts: [&'static str; 0],
    groups: Vec<String>,
    permissions: Rights,
    using_sonar_lint_connected_mode: bool,
}

#[derive(Serialize)]
struct Rights {
    global: Vec<&'static str>,
}

fn run(tx: &mut Tx<'_>, call: &Call) -> Result<Answer, ApiError> {
    let mut permissions = Rights { global: Vec::new() };
    for right in GlobalPermission::ALL {
        if call.caller.has_global(tx, *right)? {
            permissions.global.push(right.as_str());
        }
    }
    let Some(user) = &call.caller.user else {
        return Answer::json(&Anonymous {
            is_logged_in: false,
            permissions,
        });
    };
    Answer::json(&Current {
        is_logged_in: true,
        id: user.id.clone().into(),
        login: user.login.clone(),
        name: user.name.clone(),
        local: true,
        external_identity: user.login.clone(),
        external_provider: "sonarqube",
        scm_accounts: [],
        groups: user::groups_of(tx, &user.id)?,
        permissions,
        using_sonar_lint_connected_mode: false,
    })
}
