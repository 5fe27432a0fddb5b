//! `api/settings/values`.

use std::collections::BTreeMap;

use gatehook_domain::id::ProjectId;
use gatehook_domain::user::ProjectPermission;
use gatehook_store::{StoreError, Tx, setting};
use serde::Serialize;

use crate::action::{Action, Answer, Call, Run};
use crate::error::ApiError;
use crate::lookup;
use crate::params::Param;
use crate::settings::{DEFINITIONS, is_secret};

pub(crate) const ACTION: Action = Action::get(
    "api/settings/values",
    "6.3",
    "The values that hold, of the system or of a project. Of secret settings only the keys of those that are set.",
    Run::Read(run),
)
.permission("Browse or Execute Analysis on the project")
.params(&[
    Param::text("component", "The key of a project; none for the whole system"),
    Param::list("keys", "Only these settings"),
]);

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Found {
    settings: Vec<Row>,
    set_secured_settings: Vec<String>,
}

#[derive(Serialize)]
struct Row {
    key: String,
    value: String,
    inherited: bool,
}

fn run(tx: &mut Tx<'_>, call: &Call) -> Result<Answer, ApiError> {
    let params = &call.params;
    let project = params
        .text("component")
        .map(|key| lookup::existing_component(tx, key))
        .transpose()?;
    if let Some(project) = &project {
        let may = call.caller.has_project(tx, project, ProjectPermission::Browse)?
            || call.caller.may_scan(tx, project)?
            || call.caller.has_project(tx, project, ProjectPermission::Admin)?;
        call.caller.require(may)?;
    }
    let holding = holding(tx, project.as_ref().map(|project| &project.id))?;
    let wanted = params.list("keys");
    let mut settings = Vec::new();
    let mut set_secured_settings = Vec::new();
    for (key, (value, inherited)) in holding {
        if wanted.as_ref().is_some_and(|wanted| !wanted.contains(&key)) || crate::bootstrap::is_own(&key) {
            continue;
        }
        if is_secret(&key) {
            set_secured_settings.push(key);
        } else {
            settings.push(Row { key, value, inherited });
        }
    }
    Answer::json(&Found {
        settings,
        set_secured_settings,
    })
}

/// All values that hold, by key, and whether each comes from above.
fn holding(tx: &mut Tx<'_>, project: Option<&ProjectId>) -> Result<BTreeMap<String, (String, bool)>, StoreError> {
    let mut values: BTreeMap<String, (String, bool)> = DEFINITIONS
        .iter()
        .filter_map(|known| Some((known.key.to_owned(), (known.default?.to_owned(), true))))
        .collect();
    for (key, value) in setting::all(tx, None)? {
        values.insert(key, (value, project.is_some()));
    }
    if project.is_some() {
        for (key, value) in setting::all(tx, project)? {
            values.insert(key, (value, false));
        }
    }
    Ok(values)
}
