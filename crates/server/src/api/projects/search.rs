//! `api/projects/search`: all projects, for administrators.

use gatehook_domain::key::ProjectKey;
use gatehook_domain::project::Visibility;
use gatehook_domain::user::GlobalPermission;
use gatehook_store::Tx;
use gatehook_store::project::{self, ProjectSearch};
use serde::Serialize;

use crate::action::{Action, Answer, Call, Run};
use crate::error::ApiError;
use crate::params::Param;
use crate::shapes::{Date, Paging};

pub(crate) const ACTION: Action = Action::get("api/projects/search", "6.3", "Searches projects.", Run::Read(run))
    .permission("Administer System")
    .logged_in()
    .params(&[
        Param::text("analyzedBefore", "Only those last analysed before this date"),
        Param::flag("onProvisionedOnly", "Only those never analysed").default("false"),
        Param::page(),
        Param::list("projectKeys", "Only these keys")
            .alias("projects")
            .max_values(1000),
        Param::page_size("100", 500),
        Param::text("q", "Part of a name or of a key, in any case"),
        Param::list("qualifiers", "Kinds of projects")
            .possible(&["TRK", "VW", "APP"])
            .default("TRK"),
        Param::text("visibility", "Only those of this visibility").possible(&["private", "public"]),
    ]);

#[derive(Serialize)]
struct Found {
    paging: Paging,
    components: Vec<Row>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    key: String,
    name: String,
    qualifier: &'static str,
    visibility: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_analysis_date: Option<Date>,
    #[serde(skip_serializing_if = "Option::is_none")]
    revision: Option<String>,
    project_uuid: String,
    managed: bool,
}

fn run(tx: &mut Tx<'_>, call: &Call) -> Result<Answer, ApiError> {
    let params = &call.params;
    call.caller.require_global(tx, GlobalPermission::Admin)?;
    let (page, size) = params.paging()?;
    let keys: Option<Vec<ProjectKey>> = params
        .text("projectKeys")
        .map(|_| params.words("projectKeys", ProjectKey::parse));
    // Keys of which none can exist find nothing rather than everything.
    let wants_projects = params
        .list("qualifiers")
        .is_none_or(|kinds| kinds.iter().any(|kind| kind == "TRK"))
        && keys.as_ref().is_none_or(|keys| !keys.is_empty());
    let (rows, total) = if wants_projects {
        project::search(
            tx,
            &ProjectSearch {
                query: params.text("q").map(str::to_owned),
                keys: keys.unwrap_or_default(),
                visibility: params.text("visibility").and_then(|word| Visibility::parse(word).ok()),
                analyzed_before: params.date("analyzedBefore")?,
                provisioned_only: params.flag("onProvisionedOnly").unwrap_or(false),
                visible_to: None,
                page,
                size,
            },
        )?
    } else {
        (Vec::new(), 0)
    };
    let components = rows
        .into_iter()
        .map(|(project, date, revision)| Row {
            key: project.key.into(),
            name: project.name,
            qualifier: "TRK",
            visibility: project.visibility.as_str(),
            last_analysis_date: date.map(Date),
            revision,
            project_uuid: project.id.into(),
            managed: false,
        })
        .collect();
    Answer::json(&Found {
        paging: Paging {
            page_index: page,
            page_size: size,
            total,
        },
        components,
    })
}
