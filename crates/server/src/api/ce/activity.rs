//! `api/ce/activity`: tasks, newest first.

use gatehook_domain::task::TaskStatus;
use gatehook_domain::user::{GlobalPermission, ProjectPermission};
use gatehook_store::Tx;
use gatehook_store::task::{self, TaskSearch};
use serde::Serialize;

use crate::action::{Action, Answer, Call, Run};
use crate::api::ce::{TaskShape, shaped};
use crate::error::ApiError;
use crate::lookup;
use crate::params::Param;
use crate::shapes::Paging;

pub(crate) const ACTION: Action = Action::get("api/ce/activity", "5.2", "Tasks, newest first.", Run::Read(run))
    .permission("Administer System, or Administer on the project")
    .logged_in()
    .params(&[
        Param::text("component", "Only those of this project").alias("componentId"),
        Param::text("maxExecutedAt", "Only those that ended by then"),
        Param::text("minSubmittedAt", "Only those submitted since then"),
        Param::flag("onlyCurrents", "Only the last one of each project").default("false"),
        Param::page(),
        Param::page_size("100", 1000),
        Param::text("q", "Part of the project's name, its key, or the task's id"),
        Param::list("status", "Only those that stand there")
            .possible(&["SUCCESS", "FAILED", "CANCELED", "PENDING", "IN_PROGRESS"])
            .default("SUCCESS,FAILED,CANCELED"),
        Param::text("type", "The kind of task").possible(&["REPORT", "ISSUE_SYNC", "AUDIT_PURGE", "PROJECT_EXPORT"]),
    ]);

#[derive(Serialize)]
struct Found {
    paging: Paging,
    tasks: Vec<TaskShape>,
}

fn run(tx: &mut Tx<'_>, call: &Call) -> Result<Answer, ApiError> {
    let params = &call.params;
    let project = params
        .text("component")
        .map(|key| lookup::existing_component(tx, key))
        .transpose()?;
    if !call.caller.has_global(tx, GlobalPermission::Admin)? {
        match &project {
            Some(project) => call.caller.require_project(tx, project, ProjectPermission::Admin)?,
            None => return Err(ApiError::Forbidden),
        }
    }
    let (page, size) = params.paging()?;
    let (found, total) = if params.text("type").is_none_or(|kind| kind == "REPORT") {
        task::search(
            tx,
            &TaskSearch {
                project: project.map(|project| project.id),
                statuses: params.words("status", TaskStatus::parse),
                min_submitted_at: params.date("minSubmittedAt")?,
                max_executed_at: params.date("maxExecutedAt")?,
                only_currents: params.flag("onlyCurrents").unwrap_or(false),
                query: params.text("q").map(str::to_owned),
                page,
                size,
            },
        )?
    } else {
        (Vec::new(), 0)
    };
    Answer::json(&Found {
        paging: Paging {
            page_index: page,
            page_size: size,
            total,
        },
        tasks: shaped(tx, found)?,
    })
}
