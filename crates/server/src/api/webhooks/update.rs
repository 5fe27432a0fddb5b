//! `api/webhooks/update`.

use std::sync::Arc;
use std::time::Duration;

use gatehook_domain::Timestamp;
use gatehook_domain::webhook::{PreviousSecret, Webhook, WebhookUrl, parse_pause};
use gatehook_store::{Tx, webhook};
use secrecy::{ExposeSecret, SecretString};

use crate::action::{Action, Answer, Call, Run};
use crate::api::webhooks::{changeable, check_callable, options, read_url};
use crate::error::ApiError;
use crate::params::{Param, Params};

/// How long a secret is, in characters.
const SECRET_LENGTH: std::ops::RangeInclusive<usize> = 16..=200;

pub(crate) const ACTION: Action = Action::post(
    "api/webhooks/update",
    "7.1",
    "Changes a webhook. What is not given stays, what is blank is taken back; name and URL are always given. What is still \
     owed goes to the new URL. Credentials that come back masked, as other actions show them, stay what they are.",
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
    options::PROJECTS,
    Param::flag(
        "retries",
        "Whether failed calls are tried again; a blank one: as gatehook.webhooks.retries says; without it, nothing changes",
    ),
    Param::text("secret", "What calls are signed with").max_length(200),
    Param::text(
        "secretGracePeriod",
        "With a new secret: how long the old one stays valid beside it, such as 15m, 12h or 7d, the most",
    ),
    options::SKIP_TLS_VERIFICATION,
    options::STANDARD_WEBHOOKS,
    options::TASK_STATUSES,
    Param::text("url", "Where to call; may hold a user and a password")
        .required()
        .max_length(512),
    Param::text("webhook", "The webhook's key").required().max_length(40),
]);

async fn run(call: Arc<Call>) -> Result<Answer, ApiError> {
    if let Some(secret) = call.params.text("secret")
        && !SECRET_LENGTH.contains(&secret.chars().count())
    {
        return Err(ApiError::bad("Secret length must between 16 and 200 characters"));
    }
    let grace = grace(&call.params)?;
    let url = read_url(call.params.required("url")?)?;
    let store = call.state.store.clone();
    let asking = Arc::clone(&call);
    let kept = store
        .read(move |tx| changeable(tx, &asking.caller, asking.params.required("webhook")?))
        .await?;
    check_callable(&call.state, &meant(&url, &kept)?).await?;
    if options::is_format_given(&call.params) {
        let changed = options::changed(
            &call.params,
            &kept.options,
            kept.project.is_none(),
            &meant(&url, &kept)?,
        )?;
        options::check_template(changed.format).await?;
    }
    let changed = store.write(move |tx| change(tx, &call, &url, grace)).await?;
    options::warn_of_skipped_tls(&changed);
    Ok(Answer::nothing())
}

/// How long the old secret stays valid.
fn grace(params: &Params) -> Result<Option<Duration>, ApiError> {
    let Some(text) = params.text("secretGracePeriod") else {
        return Ok(None);
    };
    if params.text("secret").is_none() {
        return Err(ApiError::bad("'secretGracePeriod' goes with a new 'secret'"));
    }
    parse_pause(text)
        .map(Some)
        .ok_or_else(|| ApiError::bad("'secretGracePeriod' is a time such as 15m, 12h or 7d, and 7d is the longest"))
}

/// The URL with the credentials that a form could not know.
fn meant(url: &WebhookUrl, kept: &Webhook) -> Result<WebhookUrl, ApiError> {
    url.unmasked(&kept.url)
        .map_err(|error| ApiError::bad(error.to_string()))
}

fn change(tx: &mut Tx<'_>, call: &Call, url: &WebhookUrl, grace: Option<Duration>) -> Result<Webhook, ApiError> {
    let mut kept = changeable(tx, &call.caller, call.params.required("webhook")?)?;
    let url = meant(url, &kept)?;
    call.params.required("name")?.clone_into(&mut kept.name);
    if kept.url.expose() != url.expose() {
        webhook::forget_failures(tx, &kept.id)?;
    }
    options::keep_from_others(&call.params, &kept, &url)?;
    kept.options = options::changed(&call.params, &kept.options, kept.project.is_none(), &url)?;
    kept.url = url;
    if call.params.given("secret") {
        let secret = call.params.text("secret").map(SecretString::from);
        replace_secret(&mut kept, secret, grace.map(|grace| tx.now().plus(grace)));
    }
    if call.params.given("retries") {
        kept.retries = call.params.flag("retries");
    }
    kept.updated_at = tx.ambient().now();
    webhook::update(tx, &kept)?;
    Ok(kept)
}

/// Replaces the secret; the old one stays valid until a moment, if one is given. The same secret once more is no other one:
/// a form that is sent twice must not end the time of the old one.
fn replace_secret(webhook: &mut Webhook, secret: Option<SecretString>, valid_until: Option<Timestamp>) {
    let text = |secret: &Option<SecretString>| secret.as_ref().map(|secret| secret.expose_secret().to_owned());
    if text(&secret).is_some() && text(&secret) == text(&webhook.secret) {
        return;
    }
    let old = std::mem::replace(&mut webhook.secret, secret);
    webhook.options.previous_secret = old
        .zip(valid_until)
        .map(|(secret, valid_until)| PreviousSecret { secret, valid_until });
}
