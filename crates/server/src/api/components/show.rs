//! `api/components/show`: a project or a file.

use gatehook_domain::user::ProjectPermission;
use gatehook_store::{Tx, analysis};
use serde::Serialize;

use crate::action::{Action, Answer, Call, Run};
use crate::error::ApiError;
use crate::lookup::{self, branch_words};
use crate::params::Param;
use crate::shapes::Date;

pub(crate) const ACTION: Action = Action::get(
    "api/components/show",
    "5.4",
    "A project or a file, and the project it is in.",
    Run::Read(run),
)
.permission("Browse on the project")
.params(&[
    Param::text("branch", "The name of a branch"),
    Param::text("component", "The key of a project or a file").required(),
    Param::text("pullRequest", "The key of a pull request"),
]);

#[derive(Serialize)]
struct Found {
    component: Shape,
    ancestors: Vec<Shape>,
}

#[derive(Serialize, Clone)]
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
    tags: Option<[&'static str; 0]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    visibility: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    branch: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pull_request: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    analysis_date: Option<Date>,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    leak_period_date: Option<Date>,
    need_issue_sync: bool,
}

fn run(tx: &mut Tx<'_>, call: &Call) -> Result<Answer, ApiError> {
    let place = lookup::place(tx, call.params.required("component")?, &call.params, |tx, project| {
        call.caller.require_project(tx, project, ProjectPermission::Browse)
    })?;
    let last = analysis::last_of(tx, &place.branch.id)?;
    let (branch, pull_request) = branch_words(&place.branch);
    let project = Shape {
        key: place.project.key.as_str().to_owned(),
        name: place.project.name.clone(),
        qualifier: "TRK",
        path: None,
        language: None,
        tags: Some([]),
        visibility: Some(place.project.visibility.as_str()),
        branch,
        pull_request,
        analysis_date: last.as_ref().map(|last| Date(last.date)),
        version: last.as_ref().and_then(|last| last.version.clone()),
        leak_period_date: last
            .and_then(|last| last.period)
            .and_then(|period| period.date)
            .map(Date),
        need_issue_sync: false,
    };
    let found = match &place.file {
        None => Found {
            component: project,
            ancestors: Vec::new(),
        },
        Some(file) => Found {
            component: Shape {
                key: place.key(),
                name: file.file_name().to_owned(),
                qualifier: file.qualifier.as_str(),
                path: Some(file.path.clone()),
                language: file.language.clone(),
                tags: None,
                visibility: None,
                ..project.clone()
            },
            ancestors: vec![project],
        },
    };
    Answer::json(&found)
}
