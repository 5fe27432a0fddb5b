//! `/dashboard?id=` and `/project/overview?id=`: whether a project may pass, and why. Payloads link here.

use askama::Template;
use axum::Extension;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use gatehook_domain::branch::BranchName;
use gatehook_domain::gate::{ConditionStatus, GateStatus, Operator};
use gatehook_domain::id::ComponentId;
use gatehook_domain::measure::{MeasureValue, Measures, api_text};
use gatehook_domain::metric::{Metric, ValueType};
use gatehook_domain::project::Project;
use gatehook_domain::user::ProjectPermission;
use gatehook_domain::webhook::LONG_FAILURE;
use gatehook_store::{Tx, analysis, gate, measure, webhook};
use serde::Deserialize;

use crate::api::qualitygates::project_status::verdict_of;
use crate::caller::Caller;
use crate::error::ApiError;
use crate::http::RequestId;
use crate::lookup;
use crate::pages::{html, refused, shown, visitor};
use crate::state::AppState;

/// The measures a project's page shows, in this order.
const SHOWN: &[&str] = &[
    "new_violations",
    "violations",
    "bugs",
    "vulnerabilities",
    "code_smells",
    "security_hotspots",
    "reliability_rating",
    "security_rating",
    "sqale_rating",
    "new_coverage",
    "coverage",
    "new_duplicated_lines_density",
    "duplicated_lines_density",
    "new_lines",
    "ncloc",
];

#[derive(Template)]
#[template(path = "project.html")]
struct ProjectPage {
    name: String,
    key: String,
    branch: String,
    gate: String,
    /// `passed`, `failed` or `none`: also the style's class.
    verdict: &'static str,
    ignored_conditions: bool,
    conditions: Vec<ConditionRow>,
    measures: Vec<MeasureRow>,
    last: Option<Last>,
    /// For those who administer the project: how many of its webhooks have failed for long.
    failing_webhooks: usize,
}

struct ConditionRow {
    metric: &'static str,
    value: String,
    demand: String,
    is_met: bool,
}

struct MeasureRow {
    name: &'static str,
    value: String,
}

struct Last {
    date: String,
    version: Option<String>,
    revision: Option<String>,
    new_since: Option<String>,
}

/// What the address names.
#[derive(Debug, Deserialize)]
pub(crate) struct Asked {
    id: Option<String>,
    branch: Option<String>,
    #[serde(rename = "pullRequest")]
    pull_request: Option<String>,
}

pub(crate) async fn page(
    State(state): State<AppState>,
    Extension(id): Extension<RequestId>,
    headers: HeaderMap,
    asked: Result<Query<Asked>, axum::extract::rejection::QueryRejection>,
) -> Response {
    let answered = async {
        let Query(asked) = asked.map_err(|_| ApiError::bad("The address cannot be read."))?;
        let caller = visitor(&state, &headers).await?.caller;
        state.store.read(move |tx| found(tx, &caller, &asked)).await
    };
    match answered.await {
        Ok(page) => html(StatusCode::OK, &page),
        Err(error) => refused(&error, &id),
    }
}

fn found(tx: &mut Tx<'_>, caller: &Caller, asked: &Asked) -> Result<ProjectPage, ApiError> {
    let key = asked.id.as_deref().unwrap_or("");
    let project = lookup::existing(tx, key)?;
    caller.require_project(tx, &project, ProjectPermission::Browse)?;
    let name = match (&asked.branch, &asked.pull_request) {
        (Some(name), _) => BranchName::Branch(name.clone()),
        (None, Some(key)) => BranchName::PullRequest(key.clone()),
        (None, None) => BranchName::Main,
    };
    let branch = lookup::existing_branch(tx, &project, &name)?;
    let measures = measure::get(tx, &ComponentId::root_of(&branch.id))?;
    let last = analysis::last_of(tx, &branch.id)?;
    let verdict = verdict_of(&measures)?.filter(|_| last.is_some());
    let (gate, _) = gate::of_project(tx, &project.id)?;
    let failing_webhooks = failing_webhooks(tx, caller, &project)?;
    Ok(ProjectPage {
        failing_webhooks,
        name: project.name,
        key: project.key.into(),
        branch: branch.name,
        gate: gate.name,
        verdict: verdict.as_ref().map_or("none", |verdict| match verdict.status {
            GateStatus::Ok => "passed",
            GateStatus::Error => "failed",
        }),
        ignored_conditions: verdict.as_ref().is_some_and(|verdict| verdict.ignored_conditions),
        conditions: verdict
            .map(|verdict| verdict.conditions)
            .unwrap_or_default()
            .into_iter()
            .map(|condition| ConditionRow {
                metric: condition.metric.name,
                value: shown_text(condition.metric, condition.value.as_deref().unwrap_or("—")),
                demand: demand(condition.metric, condition.operator, &condition.threshold),
                is_met: condition.status != ConditionStatus::Error,
            })
            .collect(),
        measures: rows(&measures),
        last: last.map(|last| Last {
            date: shown(last.date),
            version: last.version,
            revision: last.revision.map(|revision| revision.chars().take(12).collect()),
            new_since: last.period.and_then(|period| period.date).map(shown),
        }),
    })
}

fn failing_webhooks(tx: &mut Tx<'_>, caller: &Caller, project: &Project) -> Result<usize, ApiError> {
    if !caller.has_project(tx, project, ProjectPermission::Admin)? {
        return Ok(0);
    }
    let long_ago = tx.now().minus(LONG_FAILURE);
    let failing = webhook::of_project(tx, &project.id)?
        .into_iter()
        .filter(|webhook| webhook.failing_since.is_some_and(|since| since <= long_ago));
    Ok(failing.count())
}

fn rows(measures: &Measures) -> Vec<MeasureRow> {
    SHOWN
        .iter()
        .filter_map(|key| {
            let metric = Metric::find(key)?;
            let value = measures.get(key).map(|value: &MeasureValue| api_text(metric, value))?;
            Some(MeasureRow {
                name: metric.name,
                value: shown_text(metric, &value),
            })
        })
        .collect()
}

fn demand(metric: &Metric, operator: Operator, threshold: &str) -> String {
    let words = match operator {
        Operator::GreaterThan => "at most",
        Operator::LessThan => "at least",
    };
    format!("{words} {}", shown_text(metric, threshold))
}

/// A value as people read it: ratings as letters, hundredths with their sign.
fn shown_text(metric: &Metric, text: &str) -> String {
    let number = text.parse::<f64>().ok();
    match (metric.kind, number) {
        (ValueType::Rating, Some(number)) => ["A", "B", "C", "D", "E"]
            .get((number as usize).saturating_sub(1))
            .map_or(text, |letter| letter)
            .to_owned(),
        (ValueType::Percent, Some(number)) => format!("{number:.1} %"),
        _ => text.to_owned(),
    }
}
