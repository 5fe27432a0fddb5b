//! `api/measures/component`: the measures of a project or a file.

use gatehook_domain::id::ComponentId;
use gatehook_domain::measure::{MeasureValue, Measures, api_text};
use gatehook_domain::metric::Metric;
use gatehook_domain::user::ProjectPermission;
use gatehook_store::{Tx, analysis, measure};
use serde::Serialize;

use crate::action::{Action, Answer, Call, Run};
use crate::api::metrics::MetricShape;
use crate::error::ApiError;
use crate::lookup::{self, Place};
use crate::params::{Param, missing};
use crate::shapes::PeriodShape;

pub(crate) const ACTION: Action = Action::get(
    "api/measures/component",
    "5.4",
    "The measures of a project or a file.",
    Run::Read(run),
)
.permission("Browse or Execute Analysis on the project")
.params(&[
    Param::list("additionalFields", "More in the answer").possible(&["metrics", "period"]),
    Param::text("branch", "The name of a branch"),
    Param::text("component", "The key of a project or a file").required(),
    Param::list("metricKeys", "The metrics' keys").required(),
    Param::text("pullRequest", "The key of a pull request"),
]);

#[derive(Serialize)]
struct Found {
    component: Shape,
    #[serde(skip_serializing_if = "Option::is_none")]
    metrics: Option<Vec<MetricShape>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    period: Option<PeriodShape>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Shape {
    key: String,
    name: String,
    qualifier: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    language: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    branch: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pull_request: Option<String>,
    measures: Vec<MeasureShape>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct MeasureShape {
    metric: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    best_value: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    period: Option<OnNewCode>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct OnNewCode {
    value: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    best_value: Option<bool>,
}

fn run(tx: &mut Tx<'_>, call: &Call) -> Result<Answer, ApiError> {
    let params = &call.params;
    let place = lookup::place(tx, params.required("component")?, params, |tx, project| {
        let may =
            call.caller.has_project(tx, project, ProjectPermission::Browse)? || call.caller.may_scan(tx, project)?;
        call.caller.require(may)
    })?;
    let metrics = wanted(&params.list("metricKeys").unwrap_or_default())?;
    let root = ComponentId::root_of(&place.branch.id);
    let measures = measure::get(tx, place.file.as_ref().map_or(&root, |file| &file.id))?;
    let additional = params.list("additionalFields").unwrap_or_default();
    let wants = |field: &str| additional.iter().any(|named| named == field);
    let period = if wants("period") {
        analysis::last_of(tx, &place.branch.id)?.and_then(|last| last.period)
    } else {
        None
    };
    Answer::json(&Found {
        component: shape(&place, &metrics, &measures),
        metrics: wants("metrics").then(|| metrics.iter().map(|metric| MetricShape::of(metric)).collect()),
        period: period.as_ref().map(PeriodShape::from),
    })
}

/// The metrics of these keys; 404 that names all that are not known.
pub(super) fn wanted(keys: &[String]) -> Result<Vec<&'static Metric>, ApiError> {
    if keys.is_empty() {
        return Err(missing("metricKeys"));
    }
    let unknown: Vec<&str> = keys
        .iter()
        .map(String::as_str)
        .filter(|key| Metric::find(key).is_none())
        .collect();
    if !unknown.is_empty() {
        return Err(ApiError::not_found(format!(
            "The following metric keys are not found: {}",
            unknown.join(", ")
        )));
    }
    let mut metrics: Vec<&'static Metric> = Vec::with_capacity(keys.len());
    for metric in keys.iter().filter_map(|key| Metric::find(key)) {
        if !metrics.iter().any(|known| known.key == metric.key) {
            metrics.push(metric);
        }
    }
    Ok(metrics)
}

fn shape(place: &Place, metrics: &[&'static Metric], measures: &Measures) -> Shape {
    let (branch, pull_request) = lookup::branch_words(&place.branch);
    let file = place.file.as_ref();
    Shape {
        key: place.key(),
        name: file.map_or_else(|| place.project.name.clone(), |file| file.file_name().to_owned()),
        qualifier: file.map_or("TRK", |file| file.qualifier.as_str()),
        path: file.map(|file| file.path.clone()),
        language: file.and_then(|file| file.language.clone()),
        branch,
        pull_request,
        measures: metrics
            .iter()
            .filter_map(|metric| measures.get(metric.key).map(|value| measure_shape(metric, value)))
            .collect(),
    }
}

fn measure_shape(metric: &'static Metric, value: &MeasureValue) -> MeasureShape {
    let text = api_text(metric, value);
    let number = match value {
        MeasureValue::Int(number) => Some(*number as f64),
        MeasureValue::Number(number) => Some(*number),
        MeasureValue::Text(_) => None,
    };
    let best_value = metric
        .best
        .zip(number)
        .map(|(best, number)| (best - number).abs() < f64::EPSILON);
    if metric.is_on_new_code() {
        let period = Some(OnNewCode {
            value: text,
            best_value,
        });
        MeasureShape {
            metric: metric.key,
            value: None,
            best_value: None,
            period,
        }
    } else {
        MeasureShape {
            metric: metric.key,
            value: Some(text),
            best_value,
            period: None,
        }
    }
}
