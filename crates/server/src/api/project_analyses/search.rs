//! `api/project_analyses/search`: the analyses of a branch, newest first.

use gatehook_domain::user::ProjectPermission;
use gatehook_store::Tx;
use gatehook_store::analysis::{self, AnalysisSearch};
use serde::Serialize;

use crate::action::{Action, Answer, Call, Run};
use crate::error::ApiError;
use crate::lookup;
use crate::params::Param;
use crate::shapes::{Date, Paging};

pub(crate) const ACTION: Action = Action::get(
    "api/project_analyses/search",
    "6.3",
    "The analyses of a branch, newest first.",
    Run::Read(run),
)
.permission("Browse on the project")
.params(&[
    Param::text("branch", "The name of a branch"),
    Param::text("from", "Only those of this date or later"),
    Param::page(),
    Param::text("project", "The project's key").required(),
    Param::page_size("100", 500),
    Param::text("pullRequest", "The key of a pull request"),
    Param::text("to", "Only those of this date or before"),
]);

#[derive(Serialize)]
struct Found {
    paging: Paging,
    analyses: Vec<Row>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    key: String,
    date: Date,
    #[serde(skip_serializing_if = "Option::is_none")]
    project_version: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    build_string: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    revision: Option<String>,
    manual_new_code_period_baseline: bool,
    /// Events are not kept.
    events: [&'static str; 0],
}

fn run(tx: &mut Tx<'_>, call: &Call) -> Result<Answer, ApiError> {
    let params = &call.params;
    let project = lookup::existing_component(tx, params.required("project")?)?;
    call.caller.require_project(tx, &project, ProjectPermission::Browse)?;
    let branch = lookup::existing_branch(tx, &project, &lookup::branch_name(params)?)?;
    let (page, size) = params.paging()?;
    let (found, total) = analysis::page(
        tx,
        &AnalysisSearch {
            from: params.date("from")?,
            to: params.date_through("to")?,
            page,
            size,
            ..AnalysisSearch::of(branch.id)
        },
    )?;
    Answer::json(&Found {
        paging: Paging {
            page_index: page,
            page_size: size,
            total,
        },
        analyses: found
            .into_iter()
            .map(|analysis| Row {
                key: analysis.id.into(),
                date: Date(analysis.date),
                project_version: analysis.version,
                build_string: analysis.build,
                revision: analysis.revision,
                manual_new_code_period_baseline: false,
                events: [],
            })
            .collect(),
    })
}
