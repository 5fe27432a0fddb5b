//! `api/webhooks/deliveries`.

use std::collections::BTreeMap;

use gatehook_domain::id::{ProjectId, TaskId, WebhookId};
use gatehook_domain::key::ProjectKey;
use gatehook_domain::user::ProjectPermission;
use gatehook_store::Tx;
use gatehook_store::delivery::{self, DeliveryFilter};
use serde::Serialize;

use crate::action::{Action, Answer, Call, Run};
use crate::api::webhooks::{DeliveryRow, require_told};
use crate::error::ApiError;
use crate::lookup;
use crate::params::Param;
use crate::shapes::Paging;

pub(crate) const ACTION: Action = Action::get(
    "api/webhooks/deliveries",
    "6.2",
    "The recent calls of a webhook, about a project, or caused by a task; newest first.",
    Run::Read(run),
)
.permission("Administer on every project the calls on the page are about")
.logged_in()
.params(&[
    Param::text("ceTaskId", "The task that caused the calls"),
    Param::text("componentKey", "The key of the project they are about"),
    Param::page(),
    Param::page_size("10", 500),
    Param::text("webhook", "The webhook's key"),
]);

#[derive(Serialize)]
struct Found {
    paging: Paging,
    deliveries: Vec<DeliveryRow>,
}

fn run(tx: &mut Tx<'_>, call: &Call) -> Result<Answer, ApiError> {
    let params = &call.params;
    // Exactly one is expected; all three are taken too, as SonarQube takes them, and the webhook counts.
    let filter = match (
        params.text("webhook"),
        params.text("componentKey"),
        params.text("ceTaskId"),
    ) {
        (Some(webhook), None, None) | (Some(webhook), Some(_), Some(_)) => {
            WebhookId::parse(webhook).ok().map(DeliveryFilter::Webhook)
        }
        (None, Some(key), None) => {
            let project = lookup::existing_component(tx, key)?;
            call.caller.require_project(tx, &project, ProjectPermission::Admin)?;
            Some(DeliveryFilter::Project(project.id))
        }
        (None, None, Some(task)) => TaskId::parse(task).ok().map(DeliveryFilter::Task),
        _ => {
            return Err(ApiError::bad(
                "Either 'ceTaskId' or 'componentKey' or 'webhook' must be provided",
            ));
        }
    };
    let (page, size) = params.paging()?;
    let (found, total) = match &filter {
        Some(filter) => delivery::search(tx, filter, page, size)?,
        None => (Vec::new(), 0),
    };
    let mut keys: BTreeMap<Option<ProjectId>, Option<ProjectKey>> = BTreeMap::new();
    let mut deliveries = Vec::with_capacity(found.len());
    for delivery in found {
        let key = if let Some(key) = keys.get(&delivery.project) {
            key.clone()
        } else {
            let key = require_told(tx, &call.caller, delivery.project.as_ref())?;
            keys.insert(delivery.project.clone(), key.clone());
            key
        };
        deliveries.push(DeliveryRow::of(delivery, key));
    }
    Answer::json(&Found {
        paging: Paging {
            page_index: page,
            page_size: size,
            total,
        },
        deliveries,
    })
}
