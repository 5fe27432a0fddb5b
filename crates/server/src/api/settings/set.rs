//! `api/settings/set`.

use gatehook_domain::setting::{RATING_GRID, SERVER_BASE_URL};
use gatehook_store::{Tx, setting};

use crate::action::{Action, Answer, Call, Run};
use crate::api::settings::{MAX_KEY_LENGTH, changeable};
use crate::error::ApiError;
use crate::params::Param;
use crate::settings;

/// The longest value, in characters; several values together count as one.
const MAX_VALUE_LENGTH: usize = 4000;

pub(crate) const ACTION: Action = Action::post(
    "api/settings/set",
    "6.1",
    "Sets a setting of the system or of a project. Keys that are not known here are kept as texts.",
    Run::Write(run),
)
.permission("Administer System, or Administer on the project")
.logged_in()
.params(&[
    Param::text("component", "The key of a project; none for the whole system"),
    Param::repeated("fieldValues", "Not taken: no setting has fields"),
    Param::text("key", "The setting's key").required(),
    Param::text("value", "Its value").max_length(MAX_VALUE_LENGTH),
    Param::repeated("values", "Its values; kept separated by commas"),
]);

/// Settings of the system that would mean nothing, or something else, on a project.
const OF_THE_SYSTEM: &[&str] = &[
    SERVER_BASE_URL,
    RATING_GRID,
    gatehook_domain::setting::FORCE_AUTHENTICATION,
    gatehook_domain::setting::VALIDATE_WEBHOOKS,
    gatehook_domain::setting::MAIN_BRANCH_NAME,
    gatehook_domain::setting::DEFAULT_VISIBILITY,
    gatehook_domain::setting::MULTI_QUALITY_MODE,
    gatehook_domain::setting::WEBHOOK_ALLOWED_TARGETS,
    gatehook_domain::setting::WEBHOOKS_PER_PROJECT,
    gatehook_domain::setting::WEBHOOKS_GLOBAL,
    gatehook_domain::setting::WEBHOOK_PURGE_DAYS,
    gatehook_domain::setting::WEBHOOK_RETRIES,
    gatehook_domain::setting::WEBHOOK_RETRY_SCHEDULE,
];

fn run(tx: &mut Tx<'_>, call: &Call) -> Result<Answer, ApiError> {
    let params = &call.params;
    let key = params.required("key")?;
    let length = key.chars().count();
    if length > MAX_KEY_LENGTH {
        return Err(ApiError::bad(format!(
            "'key' length ({length}) is longer than the maximum authorized ({MAX_KEY_LENGTH})"
        )));
    }
    if params.repeated("fieldValues").iter().any(|value| !value.is_empty()) {
        return Err(ApiError::bad(format!(
            "Parameter 'fieldValues' cannot be used for setting '{key}'"
        )));
    }
    let project = changeable(tx, call)?;
    // The server's id is kept among the settings, and is none that people may change.
    if crate::bootstrap::is_own(key) {
        return Err(ApiError::bad(format!("Setting '{key}' cannot be set")));
    }
    let several: Vec<&str> = params
        .repeated("values")
        .iter()
        .map(String::as_str)
        .filter(|value| !value.is_empty())
        .collect();
    let value = match (params.text("value"), several.is_empty()) {
        (Some(value), true) => value.to_owned(),
        (None, false) => several.join(","),
        (Some(_), false) => {
            return Err(ApiError::bad(
                "Either 'value', 'values' or 'fieldValues' must be provided",
            ));
        }
        (None, true) => return Err(ApiError::bad(format!("A non empty value must be provided for '{key}'"))),
    };
    let length = value.chars().count();
    if length > MAX_VALUE_LENGTH {
        return Err(ApiError::bad(format!(
            "'values' length ({length}) is longer than the maximum authorized ({MAX_VALUE_LENGTH})"
        )));
    }
    if project.is_some() && OF_THE_SYSTEM.contains(&key) {
        return Err(ApiError::bad(format!("Setting '{key}' cannot be set on a Project")));
    }
    if let Some(text) = settings::misfit(key, &value) {
        return Err(ApiError::bad(text));
    }
    setting::set(tx, key, project.as_ref().map(|project| &project.id), &value)?;
    Ok(Answer::nothing())
}
