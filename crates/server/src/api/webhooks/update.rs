//! `api/webhooks/update`.

use std::sync::Arc;

use gatehook_domain::webhook::WebhookUrl;
use gatehook_store::{Tx, webhook};
use secrecy::SecretString;

use crate::action::{Action, Answer, Call, Run};
use crate::api::webhooks::{changeable, check_callable, read_url};
use crate::error::ApiError;
use crate::params::Param;

/// How long a secret is, in characters.
const SECRET_LENGTH: std::ops::RangeInclusive<usize> = 16..=200;

pub(crate) const ACTION: Action = Action::post(
    "api/webhooks/update",
    "7.1",
    "Changes a webhook. Without a secret the old one stays; with a blank one there is none any more. What is still owed \
     goes to the new URL.",
    Run::Steps(|call| Box::pin(run(call))),
)
.permission("Administer on the project, or Administer System for a global one")
.logged_in()
.params(&[
    Param::text("name", "The webhook's name").required().max_length(100),
    Param::flag(
        "retries",
        "Whether failed calls are tried again; a blank one: as gatehook.webhooks.retries says; without it, nothing changes",
    ),
    Param::text("secret", "What calls are signed with").max_length(200),
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
    let url = read_url(call.params.required("url")?)?;
    let store = call.state.store.clone();
    let asking = Arc::clone(&call);
    store
        .read(move |tx| changeable(tx, &asking.caller, asking.params.required("webhook")?).map(drop))
        .await?;
    check_callable(&call.state, &url).await?;
    store.write(move |tx| change(tx, &call, &url)).await
}

fn change(tx: &mut Tx<'_>, call: &Call, url: &WebhookUrl) -> Result<Answer, ApiError> {
    let mut kept = changeable(tx, &call.caller, call.params.required("webhook")?)?;
    call.params.required("name")?.clone_into(&mut kept.name);
    if kept.url.expose() != url.expose() {
        webhook::forget_failures(tx, &kept.id)?;
    }
    kept.url = url.clone();
    if call.params.given("secret") {
        kept.secret = call.params.text("secret").map(SecretString::from);
    }
    if call.params.given("retries") {
        kept.retries = call.params.flag("retries");
    }
    kept.updated_at = tx.ambient().now();
    webhook::update(tx, &kept)?;
    Ok(Answer::nothing())
}
