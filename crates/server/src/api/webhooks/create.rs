//! `api/webhooks/create`.

use std::sync::Arc;

use gatehook_domain::project::Project;
use gatehook_domain::setting;
use gatehook_domain::webhook::{HookOptions, MAX_WEBHOOKS, Webhook, WebhookUrl};
use gatehook_store::{Tx, webhook};
use secrecy::SecretString;
use serde::Serialize;

use crate::action::{Action, Answer, Call, Run};
use crate::api::webhooks::options::{self, Shown};
use crate::api::webhooks::{check_callable, read_url, require_scope};
use crate::error::ApiError;
use crate::lookup;
use crate::params::Param;
use crate::settings;

pub(crate) const ACTION: Action = Action::post(
    "api/webhooks/create",
    "7.1",
    "Creates a webhook of a project, or a global one. At most ten each, unless the settings allow more.",
    Run::Steps(|call| Box::pin(run(call))),
)
.permission("Administer on the project, or Administer System for a global one")
.logged_in()
.params(&[
    options::BRANCHES,
    options::EVENTS,
    options::FORMAT,
    options::FORMAT_CONTENT_TYPE,
    options::FORMAT_NAME,
    options::FORMAT_PATH,
    options::FORMAT_PROJECT,
    options::FORMAT_TEMPLATE,
    options::FORMAT_TOKEN,
    options::GATE_STATUSES,
    options::HEADERS,
    Param::text("name", "The webhook's name").required().max_length(100),
    options::ONLY_GATE_CHANGES,
    Param::text("project", "The project's key; none for a global webhook").max_length(400),
    options::PROJECTS,
    Param::flag(
        "retries",
        "Whether failed calls are tried again; without it, as gatehook.webhooks.retries says",
    ),
    Param::text("secret", "What calls are signed with")
        .min_length(16)
        .max_length(200),
    options::SKIP_TLS_VERIFICATION,
    options::STANDARD_WEBHOOKS,
    options::TASK_STATUSES,
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
    url: String,
    has_secret: bool,
    /// Beyond SonarQube's answer.
    #[serde(flatten)]
    options: Shown,
}

async fn run(call: Arc<Call>) -> Result<Answer, ApiError> {
    let store = call.state.store.clone();
    let asking = Arc::clone(&call);
    let is_global = store
        .read(move |tx| Ok::<_, ApiError>(scope(tx, &asking)?.is_none()))
        .await?;
    let url = read_url(call.params.required("url")?)?;
    check_callable(&call.state, &url).await?;
    let options = options::changed(&call.params, &HookOptions::default(), is_global, &url)?;
    options::check_template(options.format.clone()).await?;
    let made = store.write(move |tx| insert(tx, &call, &url, &options)).await?;
    options::warn_of_skipped_tls(&made);
    Answer::json(&Created {
        webhook: Shape {
            key: made.id.as_str(),
            name: &made.name,
            url: made.url.masked(),
            has_secret: made.secret.is_some(),
            options: Shown::of(made.options, made.created_at),
        },
    })
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

fn insert(tx: &mut Tx<'_>, call: &Call, url: &WebhookUrl, options: &HookOptions) -> Result<Webhook, ApiError> {
    let project = scope(tx, call)?;
    let most = match project {
        Some(_) => setting::WEBHOOKS_PER_PROJECT,
        None => setting::WEBHOOKS_GLOBAL,
    };
    let most = settings::whole(tx, most, MAX_WEBHOOKS as i64)?;
    if webhook::count(tx, project.as_ref().map(|project| &project.id))? >= most {
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
        options: options.clone(),
    };
    webhook::insert(tx, &made)?;
    Ok(made)
}
