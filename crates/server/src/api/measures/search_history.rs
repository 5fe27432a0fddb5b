//! `api/measures/search_history`: measures as past analyses found them.

use gatehook_domain::measure::api_text;
use gatehook_domain::user::ProjectPermission;
use gatehook_store::Tx;
use gatehook_store::analysis::{self, AnalysisSearch};
use serde::Serialize;

use crate::action::{Action, Answer, Call, Run};
use crate::api::measures::component::wanted;
use crate::error::ApiError;
use crate::lookup;
use crate::params::{Param, missing};
use crate::shapes::{Date, Paging};

pub(crate) const ACTION: Action = Action::get(
    "api/measures/search_history",
    "6.3",
    "The measures that the analyses of a branch found, oldest first.",
    Run::Read(run),
)
.permission("Browse on the project")
.params(&[
    Param::text("branch", "The name of a branch"),
    Param::text("component", "The key of a project").required(),
    Param::text("from", "Only analyses of this date or later"),
    Param::list("metrics", "The metrics' keys").required(),
    Param::page(),
    Param::page_size("100", 1000),
    Param::text("pullRequest", "The key of a pull request"),
    Param::text("to", "Only analyses of this date or before"),
]);

#[derive(Serialize)]
struct Found {
    paging: Paging,
    measures: Vec<MetricHistory>,
}

#[derive(Serialize)]
struct MetricHistory {
    metric: &'static str,
    history: Vec<Point>,
}

#[derive(Serialize)]
struct Point {
    date: Date,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<String>,
}

fn run(tx: &mut Tx<'_>, call: &Call) -> Result<Answer, ApiError> {
    let params = &call.params;
    let project = lookup::existing_component(tx, params.required("component")?)?;
    call.caller.require_project(tx, &project, ProjectPermission::Browse)?;
    let branch = lookup::existing_branch(tx, &project, &lookup::branch_name(params)?)?;
    let keys = params.list("metrics").filter(|keys| !keys.is_empty());
    let metrics = wanted(&keys.ok_or_else(|| missing("metrics"))?)?;
    let (page, size) = params.paging()?;
    let (found, total) = analysis::page_with_measures(
        tx,
        &AnalysisSearch {
            from: params.date("from")?,
            to: params.date_through("to")?,
            ascending: true,
            page,
            size,
            ..AnalysisSearch::of(branch.id)
        },
    )?;
    let measures = metrics
        .iter()
        .map(|metric| MetricHistory {
            metric: metric.key,
            history: found
                .iter()
                .map(|(analysis, measures)| Point {
                    date: Date(analysis.date),
                    value: measures.get(metric.key).map(|value| api_text(metric, value)),
                })
                .collect(),
        })
        .collect();
    Answer::json(&Found {
        paging: Paging {
            page_index: page,
            page_size: size,
            total,
        },
        measures,
    })
}
