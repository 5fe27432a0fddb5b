//! `api/ce/submit`: a scanner hands in its report.

use std::collections::BTreeMap;
use std::sync::Arc;

use gatehook_analysis::submit::{Submission, SubmitError, check_branch, submit};
use gatehook_domain::branch::BranchName;
use gatehook_domain::project::Project;
use gatehook_domain::user::GlobalPermission;
use gatehook_report::proto::ce::SubmitResponse;
use gatehook_store::Tx;
use prost::Message;
use serde::Serialize;

use crate::action::{Action, Answer, Call, Run};
use crate::api::projects::{Wanted, make};
use crate::caller::Caller;
use crate::error::ApiError;
use crate::lookup;
use crate::params::{Param, Raw};

pub(crate) const ACTION: Action = Action::post(
    "api/ce/submit",
    "5.2",
    "Takes a scanner's report; a task analyses it afterwards. Creates the project when there is none of the key.",
    Run::Steps(|call| Box::pin(run(call))),
)
.permission("Execute Analysis; Create Projects as well for a new project")
.logged_in()
.internal()
.admitting(admit)
.params(&[
    Param::repeated(
        "characteristic",
        "branch=…, branchType=… or pullRequest=…; can be repeated",
    ),
    Param::text("projectKey", "The project's key")
        .required()
        .max_length(400),
    Param::text("projectName", "The name of a new project"),
    Param::file("report", "The report, a zip file").required(),
]);

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Taken {
    task_id: String,
    project_id: String,
}

/// Refuses who may not submit before the report is received, so that it takes no room. Scanners name the project in the
/// query; who does not is admitted with the right over all projects, and is asked again once the form has been read.
fn admit(tx: &mut Tx<'_>, caller: &Caller, query: &Raw) -> Result<(), ApiError> {
    let named = query
        .iter()
        .find(|(name, value)| name == "projectKey" && !value.trim().is_empty());
    let Some((_, key)) = named else {
        if caller.has_global(tx, GlobalPermission::Scan)? {
            return Ok(());
        }
        return Err(ApiError::bad("The 'projectKey' parameter must be in the query"));
    };
    match lookup::by_key(tx, key.trim())? {
        Some(found) => {
            let may = caller.may_scan(tx, &found)?;
            caller.require(may)
        }
        None => caller.require_global(tx, GlobalPermission::Provisioning),
    }
}

async fn run(call: Arc<Call>) -> Result<Answer, ApiError> {
    let branch = branch_name(call.params.repeated("characteristic"))?;
    let report = call
        .file
        .as_ref()
        .map(|path| path.to_path_buf())
        .ok_or_else(|| crate::params::missing("report"))?;
    // Looked at before a project is made for it.
    if tokio::fs::metadata(&report).await.map_err(ApiError::unknown)?.len() == 0 {
        return Err(ApiError::bad(SubmitError::Empty.to_string()));
    }
    check_branch(&branch).map_err(|error| ApiError::bad(error.to_string()))?;
    let store = call.state.store.clone();
    let asking = Arc::clone(&call);
    let project = store.write(move |tx| project(tx, &asking)).await?;
    let project_id = String::from(project.id.clone());
    let submission = Submission {
        project: project.id,
        branch,
        submitter: call.caller.login().map(str::to_owned),
        report,
    };
    let taken = submit(&call.state.store, submission)
        .await
        .map_err(|error| match error {
            SubmitError::BranchName | SubmitError::Empty => ApiError::bad(error.to_string()),
            SubmitError::ProjectGone => ApiError::not_found(error.to_string()),
            SubmitError::Io(_) | SubmitError::Store(_) => ApiError::unknown(error),
        })?;
    let task_id = String::from(taken.task);
    let answer = if call.wants_protobuf {
        Answer::protobuf(SubmitResponse { task_id, project_id }.encode_to_vec())
    } else {
        Answer::json(&Taken { task_id, project_id })?
    };
    Ok(answer.waking_tasks())
}

/// The project that the report is for, if the caller may analyse it; a new one if the caller may make it.
fn project(tx: &mut Tx<'_>, call: &Call) -> Result<Project, ApiError> {
    let key = call.params.required("projectKey")?;
    if let Some(found) = lookup::by_key(tx, key)? {
        let may = call.caller.may_scan(tx, &found)?;
        call.caller.require(may)?;
        return Ok(found);
    }
    call.caller.require_global(tx, GlobalPermission::Provisioning)?;
    let name = call.params.text("projectName").unwrap_or(key);
    let made = make(
        tx,
        &Wanted {
            key,
            name,
            visibility: None,
            main_branch: None,
        },
    )?;
    // Who creates a project by analysing it must be one who may analyse it; otherwise nothing of it stays. An
    // analysis token carries no right over single projects, so what its owner has over all of them counts.
    let may = call.caller.may_scan(tx, &made)?;
    call.caller.require(may)?;
    Ok(made)
}

/// The branch that the characteristics name. Those that are not known are dropped.
fn branch_name(characteristics: &[String]) -> Result<BranchName, ApiError> {
    let mut known = BTreeMap::new();
    for text in characteristics.iter().filter(|text| !text.is_empty()) {
        let Some((key, value)) = text
            .split_once('=')
            .filter(|(key, value)| !key.is_empty() && !value.is_empty())
        else {
            return Err(ApiError::bad(
                "Parameter 'characteristic' must be a key-value pair with the format 'key=value'.",
            ));
        };
        if known.insert(key.trim(), value.trim()).is_some() {
            return Err(ApiError::bad(format!(
                "Key '{}' was provided twice with parameters 'characteristic'",
                key.trim()
            )));
        }
    }
    match (known.get("branch"), known.get("pullRequest")) {
        (Some(_), Some(_)) => Err(ApiError::bad("Either branch or pull request can be provided, not both")),
        (Some(name), None) => Ok(BranchName::Branch((*name).to_owned())),
        (None, Some(key)) => Ok(BranchName::PullRequest((*key).to_owned())),
        (None, None) => Ok(BranchName::Main),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(texts: &[&str]) -> Result<BranchName, String> {
        let texts: Vec<String> = texts.iter().map(|text| (*text).to_owned()).collect();
        branch_name(&texts).map_err(|error| error.to_string())
    }

    #[test]
    fn characteristics_name_the_branch() {
        assert_eq!(named(&[]), Ok(BranchName::Main));
        assert_eq!(
            named(&["branch=a=b", "branchType=BRANCH"]),
            Ok(BranchName::Branch("a=b".to_owned()))
        );
        assert_eq!(
            named(&["pullRequest=7", "other=x"]),
            Ok(BranchName::PullRequest("7".to_owned()))
        );
        assert!(named(&["branch"]).unwrap_err().contains("key=value"));
        assert!(named(&["branch=a", "branch=b"]).unwrap_err().contains("twice"));
        assert!(named(&["branch=a", "pullRequest=b"]).is_err());
    }
}
