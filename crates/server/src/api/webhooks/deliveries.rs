//! `api/webhooks/deliveries`.

use std::collections::BTreeMap;

use gatehook_domain::id::{ProjectId, TaskId, WebhookId};
use gatehook_domain::key::ProjectKey;
use gatehook_domain::user::{GlobalPermission, ProjectPermission};
use gatehook_domain::webhook::DeliveryStatus;
use gatehook_store::delivery::{self, DeliveryFilter};
use gatehook_store::{Tx, task, webhook};
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
    "The recent calls of a webhook, about a project, or caused by a task; newest first, all or those of one status.",
    Run::Read(run),
)
.permission("Administer on every project the calls on the page are about; Administer System when there are none")
.logged_in()
.params(&[
    Param::text("ceTaskId", "The task that caused the calls"),
    Param::text("componentKey", "The key of the project they are about"),
    Param::page(),
    Param::page_size("10", 500),
    Param::text(
        "status",
        "Only calls that arrived, that have failed for good, or that are still owed",
    )
    .possible(&["success", "failed", "pending"]),
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
    let Scope { filter, may_see } = match (
        params.text("webhook"),
        params.text("componentKey"),
        params.text("ceTaskId"),
    ) {
        (Some(webhook), None, None) | (Some(webhook), Some(_), Some(_)) => of_webhook(tx, call, webhook)?,
        (None, Some(key), None) => {
            let project = lookup::existing_component(tx, key)?;
            call.caller.require_project(tx, &project, ProjectPermission::Admin)?;
            Scope::may_see(DeliveryFilter::Project(project.id))
        }
        (None, None, Some(task)) => of_task(tx, call, task)?,
        _ => {
            return Err(ApiError::bad(
                "Either 'ceTaskId' or 'componentKey' or 'webhook' must be provided",
            ));
        }
    };
    let (page, size) = params.paging()?;
    let (found, total) = match &filter {
        Some(filter) => delivery::search(tx, filter, status(params.text("status")), page, size)?,
        None => (Vec::new(), 0),
    };
    if found.is_empty() && !may_see {
        call.caller.require_global(tx, GlobalPermission::Admin)?;
    }
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

/// What is looked for, and whether the caller is known to be allowed to see it; if not, the projects of what is found
/// decide, and without any the system.
struct Scope {
    /// None: there is nothing of this name.
    filter: Option<DeliveryFilter>,
    may_see: bool,
}

impl Scope {
    const fn may_see(filter: DeliveryFilter) -> Self {
        Self {
            filter: Some(filter),
            may_see: true,
        }
    }

    const fn undecided(filter: Option<DeliveryFilter>) -> Self {
        Self { filter, may_see: false }
    }
}

fn of_webhook(tx: &mut Tx<'_>, call: &Call, key: &str) -> Result<Scope, ApiError> {
    let Ok(id) = WebhookId::parse(key) else {
        return Ok(Scope::undecided(None));
    };
    let found = webhook::by_id(tx, &id)?;
    let filter = DeliveryFilter::Webhook(id);
    match found.and_then(|webhook| webhook.project) {
        Some(project) => {
            require_told(tx, &call.caller, Some(&project))?;
            Ok(Scope::may_see(filter))
        }
        None => Ok(Scope::undecided(Some(filter))),
    }
}

fn of_task(tx: &mut Tx<'_>, call: &Call, id: &str) -> Result<Scope, ApiError> {
    let Ok(id) = TaskId::parse(id) else {
        return Ok(Scope::undecided(None));
    };
    let found = task::by_id(tx, &id)?;
    let filter = DeliveryFilter::Task(id);
    match found {
        Some(task) => {
            require_told(tx, &call.caller, Some(&task.project))?;
            Ok(Scope::may_see(filter))
        }
        None => Ok(Scope::undecided(Some(filter))),
    }
}

fn status(word: Option<&str>) -> Option<DeliveryStatus> {
    match word? {
        "success" => Some(DeliveryStatus::Delivered),
        "failed" => Some(DeliveryStatus::Failed),
        _ => Some(DeliveryStatus::Pending),
    }
}
