//! `api/webhooks/list`.

use gatehook_domain::webhook::{Delivery, DeliveryStatus};
use gatehook_store::{Tx, delivery, webhook};
use serde::Serialize;

use crate::action::{Action, Answer, Call, Run};
use crate::api::webhooks::options::Shown;
use crate::api::webhooks::require_scope;
use crate::error::ApiError;
use crate::lookup;
use crate::params::Param;
use crate::shapes::Date;

pub(crate) const ACTION: Action = Action::get(
    "api/webhooks/list",
    "7.1",
    "The webhooks of a project, or the global ones, by name; credentials in URLs are masked, and no secret is given out.",
    Run::Read(run),
)
.permission("Administer on the project, or Administer System for the global ones")
.logged_in()
.params(&[Param::text(
    "project",
    "The project's key; none for the global webhooks",
)]);

#[derive(Serialize)]
struct List {
    webhooks: Vec<Row>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    key: String,
    name: String,
    url: String,
    has_secret: bool,
    // What follows, but for the latest delivery, is beyond SonarQube's answer.
    paused: bool,
    /// Absent: as the setting says.
    #[serde(skip_serializing_if = "Option::is_none")]
    retries: Option<bool>,
    /// Attempts in a row that were no success, and when the first of them began.
    failures: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    failing_since: Option<Date>,
    /// The receiver answered 410 since it last took a call.
    gone: bool,
    #[serde(flatten)]
    options: Shown,
    #[serde(skip_serializing_if = "Option::is_none")]
    latest_delivery: Option<Latest>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Latest {
    id: String,
    at: Date,
    success: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    http_status: Option<u16>,
    duration_ms: i64,
    /// Beyond SonarQube's answer: tells a call that is still owed from one that failed.
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_attempt_at: Option<Date>,
}

impl From<Delivery> for Latest {
    fn from(delivery: Delivery) -> Self {
        let last = delivery.last.as_ref();
        Self {
            at: Date(last.map_or(delivery.created_at, |attempt| attempt.at)),
            success: delivery.status == DeliveryStatus::Delivered,
            http_status: last.and_then(|attempt| attempt.http_status),
            duration_ms: last.map_or(0, |attempt| attempt.duration_ms),
            status: delivery.status.as_str(),
            next_attempt_at: delivery.due_at.map(Date),
            id: delivery.id.into(),
        }
    }
}

fn run(tx: &mut Tx<'_>, call: &Call) -> Result<Answer, ApiError> {
    let project = call
        .params
        .text("project")
        .map(|key| lookup::existing(tx, key))
        .transpose()?;
    require_scope(tx, &call.caller, project.as_ref())?;
    let found = match &project {
        Some(project) => webhook::of_project(tx, &project.id)?,
        None => webhook::global(tx)?,
    };
    let now = tx.now();
    let mut webhooks = Vec::with_capacity(found.len());
    for webhook in found {
        webhooks.push(Row {
            url: webhook.url.masked(),
            has_secret: webhook.secret.is_some(),
            paused: webhook.paused,
            retries: webhook.retries,
            failures: webhook.failures,
            failing_since: webhook.failing_since.map(Date),
            gone: webhook.gone,
            latest_delivery: delivery::latest_of(tx, &webhook.id)?.map(Latest::from),
            options: Shown::of(webhook.options, now),
            name: webhook.name,
            key: webhook.id.into(),
        });
    }
    Answer::json(&List { webhooks })
}
