//! `api/new_code_periods/set`.

use gatehook_domain::analysis::NewCodeMode;
use gatehook_domain::id::AnalysisId;
use gatehook_domain::new_code::check_definition;
use gatehook_store::{Tx, analysis, new_code};

use crate::action::{Action, Answer, Call, Run};
use crate::api::new_code_periods::changeable;
use crate::error::ApiError;
use crate::params::Param;

pub(crate) const ACTION: Action = Action::post(
    "api/new_code_periods/set",
    "8.0",
    "Says what counts as new code for everything, a project or a branch; it counts from the next analysis on.",
    Run::Write(run),
)
.permission("Administer System, or Administer on the project")
.logged_in()
.params(&[
    Param::text("branch", "The name of a branch"),
    Param::text("project", "The key of a project; none for all projects"),
    Param::text(
        "type",
        "PREVIOUS_VERSION, NUMBER_OF_DAYS, REFERENCE_BRANCH or SPECIFIC_ANALYSIS",
    )
    .required(),
    Param::text("value", "The number of days, the branch's name or the analysis"),
]);

fn run(tx: &mut Tx<'_>, call: &Call) -> Result<Answer, ApiError> {
    let (project, branch) = changeable(tx, call)?;
    let mode = call.params.required("type")?;
    let definition =
        check_definition(mode, call.params.text("value")).map_err(|error| ApiError::bad(error.to_string()))?;
    let misplaced = |level: &str, words: &str| {
        ApiError::bad(format!(
            "Invalid type '{}'. {level} can only be set with types: [{words}]",
            definition.mode
        ))
    };
    match (definition.mode, &project, &branch) {
        (NewCodeMode::ReferenceBranch | NewCodeMode::SpecificAnalysis, None, _) => {
            return Err(misplaced("Overall setting", "PREVIOUS_VERSION, NUMBER_OF_DAYS"));
        }
        (NewCodeMode::SpecificAnalysis, Some(_), None) => {
            return Err(misplaced(
                "Projects",
                "PREVIOUS_VERSION, NUMBER_OF_DAYS, REFERENCE_BRANCH",
            ));
        }
        (NewCodeMode::SpecificAnalysis, Some(_), Some(branch)) => {
            let text = definition.value.as_deref().unwrap_or("");
            let found = AnalysisId::parse(text)
                .ok()
                .map(|id| analysis::by_id(tx, &id))
                .transpose()?
                .flatten();
            if found.is_none_or(|found| found.branch != branch.id) {
                return Err(ApiError::not_found(format!("Analysis '{text}' is not found")));
            }
        }
        _ => {}
    }
    new_code::set(
        tx,
        project.as_ref().map(|project| &project.id),
        branch.as_ref().map(|branch| &branch.id),
        &definition,
    )?;
    Ok(Answer::empty())
}
