//! `api/components/search`: the projects a caller may see.

use gatehook_domain::project::Project;
use gatehook_store::Tx;
use gatehook_store::permission::Viewer;
use gatehook_store::project::{self, ProjectSearch};
use serde::Serialize;

use crate::action::{Action, Answer, Call, Run};
use crate::caller::Reach;
use crate::error::ApiError;
use crate::params::Param;
use crate::shapes::Paging;

pub(crate) const ACTION: Action = Action::get(
    "api/components/search",
    "6.3",
    "The projects that the caller may see.",
    Run::Read(run),
)
.permission("Browse on the projects")
.params(&[
    Param::page(),
    Param::page_size("100", 500),
    Param::text("q", "Part of a name or of a key, in any case"),
    Param::list("qualifiers", "Kinds of components")
        .required()
        .possible(&["TRK"]),
]);

#[derive(Serialize)]
struct Found {
    paging: Paging,
    components: Vec<Row>,
}

#[derive(Serialize)]
struct Row {
    key: String,
    name: String,
    qualifier: &'static str,
    project: String,
}

fn run(tx: &mut Tx<'_>, call: &Call) -> Result<Answer, ApiError> {
    let params = &call.params;
    // Tokens for analyses carry no right to see projects.
    call.caller.require(call.caller.reach == Reach::Whole)?;
    let (page, size) = params.paging()?;
    let (found, total) = project::search(
        tx,
        &ProjectSearch {
            query: params.text("q").map(str::to_owned),
            visible_to: Some(Viewer(call.caller.user.as_ref().map(|user| user.id.clone()))),
            page,
            size,
            ..ProjectSearch::default()
        },
    )?;
    let row = |project: Project| Row {
        key: project.key.as_str().to_owned(),
        name: project.name,
        qualifier: "TRK",
        project: project.key.into(),
    };
    Answer::json(&Found {
        paging: Paging {
            page_index: page,
            page_size: size,
            total,
        },
        components: found.into_iter().map(|(project, _, _)| row(project)).collect(),
    })
}
