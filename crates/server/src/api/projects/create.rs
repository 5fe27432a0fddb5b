//! `api/projects/create`: a project without an analysis yet.

use gatehook_domain::new_code::check_definition;
use gatehook_domain::project::Visibility;
use gatehook_domain::user::GlobalPermission;
use gatehook_store::{Tx, new_code};
use serde::Serialize;

use crate::action::{Action, Answer, Call, Run};
use crate::api::projects::{Wanted, make};
use crate::error::ApiError;
use crate::params::Param;

pub(crate) const ACTION: Action = Action::post("api/projects/create", "4.0", "Creates a project.", Run::Write(run))
    .permission("Create Projects")
    .logged_in()
    .params(&[
        Param::text(
            "mainBranch",
            "The name of the main branch; the setting's when not given",
        ),
        Param::text("name", "The project's name; cut at 500 characters").required(),
        Param::text(
            "newCodeDefinitionType",
            "PREVIOUS_VERSION, NUMBER_OF_DAYS or REFERENCE_BRANCH",
        ),
        Param::text("newCodeDefinitionValue", "The number of days, for NUMBER_OF_DAYS"),
        Param::text("project", "The project's key").required().max_length(400),
        Param::text("visibility", "Who may see it; the setting's when not given").possible(&["private", "public"]),
    ]);

#[derive(Serialize)]
struct Created<'a> {
    project: ProjectShape<'a>,
}

#[derive(Serialize)]
struct ProjectShape<'a> {
    key: &'a str,
    name: &'a str,
    qualifier: &'static str,
    visibility: &'static str,
}

fn run(tx: &mut Tx<'_>, call: &Call) -> Result<Answer, ApiError> {
    let params = &call.params;
    call.caller.require_global(tx, GlobalPermission::Provisioning)?;
    let definition = match (
        params.text("newCodeDefinitionType"),
        params.text("newCodeDefinitionValue"),
    ) {
        (Some(mode), value) => Some(check_definition(mode, value).map_err(|error| ApiError::bad(error.to_string()))?),
        (None, None) => None,
        (None, Some(_)) => {
            return Err(ApiError::bad(
                "New code definition type is required when new code definition value is provided",
            ));
        }
    };
    let project = make(
        tx,
        &Wanted {
            key: params.required("project")?,
            name: params.required("name")?,
            visibility: params.text("visibility").and_then(|word| Visibility::parse(word).ok()),
            main_branch: params.text("mainBranch"),
        },
    )?;
    if let Some(definition) = definition {
        new_code::set(tx, Some(&project.id), None, &definition)?;
    }
    Answer::json(&Created {
        project: ProjectShape {
            key: project.key.as_str(),
            name: &project.name,
            qualifier: "TRK",
            visibility: project.visibility.as_str(),
        },
    })
}
