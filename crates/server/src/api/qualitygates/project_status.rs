//! `api/qualitygates/project_status`: whether a project, a branch or one analysis may pass.

use gatehook_domain::branch::BranchName;
use gatehook_domain::gate::{Verdict, cayc_status};
use gatehook_domain::id::{AnalysisId, ComponentId, ProjectId};
use gatehook_domain::measure::{MeasureValue, Measures};
use gatehook_domain::project::Project;
use gatehook_domain::user::ProjectPermission;
use gatehook_store::{StoreError, Tx, analysis, gate, measure, project};
use serde::Serialize;

use crate::action::{Action, Answer, Call, Run};
use crate::error::ApiError;
use crate::lookup;
use crate::params::Param;
use crate::shapes::PeriodShape;

pub(crate) const ACTION: Action = Action::get(
    "api/qualitygates/project_status",
    "5.3",
    "The verdict on a project, on one of its branches or pull requests, or of one analysis. NONE before the first \
     analysis.",
    Run::Read(run),
)
.permission("Administer, Browse or Execute Analysis on the project")
.params(&[
    Param::text("analysisId", "An analysis"),
    Param::text("branch", "The name of a branch"),
    Param::text("projectId", "The id of a project"),
    Param::text("projectKey", "The key of a project"),
    Param::text("pullRequest", "The key of a pull request"),
]);

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Found {
    project_status: Shape,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Shape {
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    ignored_conditions: Option<bool>,
    cayc_status: &'static str,
    conditions: Vec<ConditionShape>,
    #[serde(skip_serializing_if = "Option::is_none")]
    period: Option<PeriodShape>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ConditionShape {
    status: &'static str,
    metric_key: &'static str,
    comparator: &'static str,
    error_threshold: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    actual_value: Option<String>,
}

fn run(tx: &mut Tx<'_>, call: &Call) -> Result<Answer, ApiError> {
    let params = &call.params;
    let (project, found) = match (
        params.text("analysisId"),
        params.text("projectId"),
        params.text("projectKey"),
    ) {
        (Some(id), None, None) => {
            if params.text("branch").is_some() || params.text("pullRequest").is_some() {
                return Err(ApiError::bad(
                    "'branch' and 'pullRequest' cannot be used with 'analysisId'",
                ));
            }
            let missing = || ApiError::not_found(format!("Analysis with id '{id}' is not found"));
            let id = AnalysisId::parse(id).map_err(|_| missing())?;
            let found = analysis::by_id(tx, &id)?.ok_or_else(missing)?;
            let project = project::by_id(tx, &found.project)?.ok_or_else(missing)?;
            require_view(tx, call, &project)?;
            (project, Some((analysis::measures(tx, &id)?, found.period)))
        }
        (None, Some(id), None) => {
            let missing = || ApiError::no_project(id);
            let id = ProjectId::parse(id).map_err(|_| missing())?;
            let project = project::by_id(tx, &id)?.ok_or_else(missing)?;
            let name = lookup::branch_name(params)?;
            branch_state(tx, call, project, &name)?
        }
        (None, None, Some(key)) => {
            let project = lookup::existing(tx, key)?;
            let name = lookup::branch_name(params)?;
            branch_state(tx, call, project, &name)?
        }
        _ => {
            return Err(ApiError::bad(
                "Either 'analysisId', 'projectId' or 'projectKey' must be provided",
            ));
        }
    };
    let (gate, _) = gate::of_project(tx, &project.id)?;
    let cayc = cayc_status(&gate.conditions).as_str();
    let verdict = found
        .as_ref()
        .and_then(|(measures, _)| verdict_of(measures).transpose())
        .transpose()?;
    let shape = match verdict {
        None => Shape {
            status: "NONE",
            ignored_conditions: None,
            cayc_status: cayc,
            conditions: Vec::new(),
            period: None,
        },
        Some(verdict) => Shape {
            status: verdict.status.as_str(),
            ignored_conditions: Some(verdict.ignored_conditions),
            cayc_status: cayc,
            conditions: verdict
                .conditions
                .into_iter()
                .map(|condition| ConditionShape {
                    status: condition.status.as_str(),
                    metric_key: condition.metric.key,
                    comparator: condition.operator.as_str(),
                    error_threshold: condition.threshold,
                    actual_value: condition.value,
                })
                .collect(),
            period: found.and_then(|(_, period)| period).as_ref().map(PeriodShape::from),
        },
    };
    Answer::json(&Found { project_status: shape })
}

/// Measures, and since when code is new.
type State = (Project, Option<(Measures, Option<gatehook_domain::analysis::Period>)>);

fn branch_state(tx: &mut Tx<'_>, call: &Call, project: Project, name: &BranchName) -> Result<State, ApiError> {
    require_view(tx, call, &project)?;
    let branch = lookup::existing_branch(tx, &project, name)?;
    let Some(last) = analysis::last_of(tx, &branch.id)? else {
        return Ok((project, None));
    };
    let measures = measure::get(tx, &ComponentId::root_of(&branch.id))?;
    Ok((project, Some((measures, last.period))))
}

fn require_view(tx: &mut Tx<'_>, call: &Call, project: &Project) -> Result<(), ApiError> {
    let caller = &call.caller;
    let may = caller.may_scan(tx, project)?
        || caller.has_project(tx, project, ProjectPermission::Browse)?
        || caller.has_project(tx, project, ProjectPermission::Admin)?;
    caller.require(may)
}

/// The verdict that is kept with the measures; none when the gate was never asked.
pub(crate) fn verdict_of(measures: &Measures) -> Result<Option<Verdict>, ApiError> {
    match measures.get("quality_gate_details") {
        Some(MeasureValue::Text(details)) => Verdict::from_details_json(details).map(Some).map_err(|_| {
            ApiError::from(StoreError::Corrupt {
                what: "the details of a gate's verdict".to_owned(),
            })
        }),
        _ => Ok(None),
    }
}
