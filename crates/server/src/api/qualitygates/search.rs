//! `api/qualitygates/search`: which projects a quality gate was chosen for.

use gatehook_store::Tx;
use gatehook_store::gate::{self, GateProjects};
use gatehook_store::permission::Viewer;
use serde::Serialize;

use crate::action::{Action, Answer, Call, Run};
use crate::api::qualitygates::existing;
use crate::caller::Reach;
use crate::error::ApiError;
use crate::params::Param;
use crate::shapes::Paging;

pub(crate) const ACTION: Action = Action::get(
    "api/qualitygates/search",
    "4.3",
    "The projects that a quality gate was chosen for, or was not; of those that the caller may see.",
    Run::Read(run),
)
.permission("Browse on the projects")
.params(&[
    Param::text("gateName", "The gate's name").required().max_length(100),
    Param::page().alias("page"),
    Param::page_size("100", 500).alias("pageSize"),
    Param::text("query", "Part of a name or of a key, in any case"),
    Param::text(
        "selected",
        "Which projects; those that did not choose it follow the default gate or another",
    )
    .possible(&["all", "deselected", "selected"])
    .default("selected"),
]);

#[derive(Serialize)]
struct Found {
    paging: Paging,
    results: Vec<Row>,
}

#[derive(Serialize)]
struct Row {
    key: String,
    name: String,
    selected: bool,
}

fn run(tx: &mut Tx<'_>, call: &Call) -> Result<Answer, ApiError> {
    let params = &call.params;
    // Tokens for analyses carry no right to see projects.
    call.caller.require(call.caller.reach == Reach::Whole)?;
    let (page, size) = params.paging()?;
    let gate = existing(tx, params.required("gateName")?)?;
    // A text that is looked for is looked for in all projects.
    let selected = match params.text("selected") {
        _ if params.text("query").is_some() => None,
        Some("all") => None,
        Some("deselected") => Some(false),
        _ => Some(true),
    };
    let (found, total) = gate::projects(
        tx,
        &GateProjects {
            gate: gate.id,
            selected,
            query: params.text("query").map(str::to_owned),
            visible_to: Some(Viewer(call.caller.user.as_ref().map(|user| user.id.clone()))),
            page,
            size,
        },
    )?;
    Answer::json(&Found {
        paging: Paging {
            page_index: page,
            page_size: size,
            total,
        },
        results: found
            .into_iter()
            .map(|(project, selected)| Row {
                key: project.key.into(),
                name: project.name,
                selected,
            })
            .collect(),
    })
}
