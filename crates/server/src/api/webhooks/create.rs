//! `api/webhooks/create`.

use std::sync::Arc;

use gatehook_domain::project::Project;
use gatehook_domain::webhook::{HookOptions, MAX_WEBHOOKS, Webhook, WebhookUrl};
use gatehook_store::{Tx, webhook};
use secrecy::SecretString;
use serde::Serialize;

use crate::action::{Action, Answer, Call, Run};
use crate::api::webhooks::{check_callable, read_url, require_scope};
use crate::error::ApiError;
use crate::lookup;
use crate::params::Param;

pub(crate) const ACTION: Action = Action::post(
    "api/webhooks/create",
    "7.1",
    "Creates a webhook of a project, or a global one. At most ten each.",
    Run::Steps(|call| Box::pin(run(call))),
)
.permission("Administer on the project, or Administer System for a global one")
.logged_in()
.params(&[
    Param::text("name", "The webhook's name").required().max_length(100),
    Param::text("project", "The project's key; none for a global webhook").max_length(400),
    Param::flag(
        "retries",
        "Whether failed calls are tried again; without it, as gatehook.webhooks.retries says",
    ),
    Param::text("secret", "What calls are signed with")
        .min_length(16)
        .max_length(200),
    Param::text("url", "Where to call; may hold a user and a password")
        .required()
        .max_length(512),
]);

#[derive(Serialize)]
struct Created<'a> {
    webhook: Shape<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Shape<'a> {
    key: &'a str,
    name: &'a str,
    url: &'a str,
    has_secret: bool,
}

async fn run(call: Arc<Call>) -> Result<Answer, ApiError> {
    let store = call.state.store.clone();
    let asking = Arc::clone(&call);
    store.read(move |tx| scope(tx, &asking).map(drop)).await?;
    let url = read_url(call.params.required("url")?)?;
    check_callable(&call.state, &url).await?;
    store.write(move |tx| insert(tx, &call, &url)).await
}

fn scope(tx: &mut Tx<'_>, call: &Call) -> Result<Option<Project>, ApiError> {
    let project = call
        .params
        .text("project")
        .map(|key| lookup::existing(tx, key))
        .transpose()?;
    require_scope(tx, &call.caller, project.as_ref())?;
    Ok(project)
}

fn insert(tx: &mut Tx<'_>, call: &Call, url: &WebhookUrl) -> Result<Answer, ApiError> {
    let project = scope(tx, call)?;
    if webhook::count(tx, project.as_ref().map(|project| &project.id))? >= MAX_WEBHOOKS as i64 {
        return Err(ApiError::bad(match project {
            Some(project) => format!("Maximum number of webhook reached for project '{}'", project.key),
            None => "Maximum number of global webhooks reached".to_owned(),
        }));
    }
    let now = tx.ambient().now();
    let made = Webhook {
        id: tx.ambient().new_id(),
        project: project.map(|project| project.id),
        name: call.params.required("name")?.to_owned(),
        url: url.clone(),
        secret: call.params.text("secret").map(SecretString::from),
        created_at: now,
        updated_at: now,
        paused: false,
        retries: call.params.flag("retries"),
        failing_since: None,
        failures: 0,
        gone: false,
        options: HookOptions::default(),
    };
    webhook::insert(tx, &made)?;
    Answer::json(&Created {
        webhook: Shape {
            key: made.id.as_str(),
            name: &made.name,
            // Given back as it came, as SonarQube does: whoever wrote it knows it. Everything else masks it.
            url: made.url.expose(),
            has_secret: made.secret.is_some(),
        },
    })
}
