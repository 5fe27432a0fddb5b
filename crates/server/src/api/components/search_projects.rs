//! `api/components/search_projects`: the projects a caller may see, as portals list them.

use gatehook_store::Tx;
use gatehook_store::permission::Viewer;
use gatehook_store::project::{self, ProjectSearch};
use serde::Serialize;

use crate::action::{Action, Answer, Call, Run};
use crate::caller::Reach;
use crate::error::ApiError;
use crate::params::Param;
use crate::shapes::{Date, Paging};

pub(crate) const ACTION: Action = Action::get(
    "api/components/search_projects",
    "6.2",
    "The projects that the caller may see. Of filters only query = \"text\" and qualifier = TRK are known.",
    Run::Read(run),
)
.permission("Browse on the projects")
.internal()
.params(&[
    Param::list("f", "More in the answer").possible(&["_all", "analysisDate", "leakPeriodDate"]),
    Param::text("filter", "Conditions, joined by and"),
    Param::page(),
    Param::page_size("100", 500),
]);

#[derive(Serialize)]
struct Found {
    paging: Paging,
    components: Vec<Row>,
    facets: [&'static str; 0],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    key: String,
    name: String,
    qualifier: &'static str,
    visibility: &'static str,
    tags: [&'static str; 0],
    #[serde(skip_serializing_if = "Option::is_none")]
    analysis_date: Option<Date>,
}

fn run(tx: &mut Tx<'_>, call: &Call) -> Result<Answer, ApiError> {
    let params = &call.params;
    // Tokens for analyses carry no right to see projects.
    call.caller.require(call.caller.reach == Reach::Whole)?;
    let (page, size) = params.paging()?;
    let fields = params.list("f").unwrap_or_default();
    let wants_date = fields.iter().any(|field| field == "_all" || field == "analysisDate");
    let (found, total) = project::search(
        tx,
        &ProjectSearch {
            query: params.text("filter").map(query_of).transpose()?.flatten(),
            visible_to: Some(Viewer(call.caller.user.as_ref().map(|user| user.id.clone()))),
            page,
            size,
            ..ProjectSearch::default()
        },
    )?;
    Answer::json(&Found {
        paging: Paging {
            page_index: page,
            page_size: size,
            total,
        },
        components: found
            .into_iter()
            .map(|(project, date, _)| Row {
                key: project.key.into(),
                name: project.name,
                qualifier: "TRK",
                visibility: project.visibility.as_str(),
                tags: [],
                analysis_date: date.filter(|_| wants_date).map(Date),
            })
            .collect(),
        facets: [],
    })
}

/// The text that a filter asks for. A condition that is not known is refused, because leaving it out would find what
/// was not asked for.
fn query_of(filter: &str) -> Result<Option<String>, ApiError> {
    let mut query = None;
    for condition in filter.split(" and ") {
        let (field, value) = condition.split_once('=').unwrap_or((condition, ""));
        let value = value.trim().trim_matches('"').trim();
        match (field.trim(), value) {
            ("query", text) if !text.is_empty() => query = Some(text.to_owned()),
            ("qualifier" | "qualifiers", "TRK") => {}
            _ => {
                let shown: String = condition.trim().chars().take(200).collect();
                return Err(ApiError::bad(format!("The filter '{shown}' is not supported")));
            }
        }
    }
    Ok(query)
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_filter_that_is_not_known_is_not_left_out() {
        let query = |filter: &str| super::query_of(filter).map_err(|error| error.to_string());
        assert_eq!(query("qualifier=TRK"), Ok(None));
        assert_eq!(
            query("query = \"my shop\" and qualifier = TRK"),
            Ok(Some("my shop".to_owned()))
        );
        assert_eq!(
            query("coverage < 80").unwrap_err(),
            "The filter 'coverage < 80' is not supported"
        );
    }
}
