//! `api/webservices/list`: the table of actions, for programs.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::action::{Action, Answer, Call, Method, Run};
use crate::api::ACTIONS;
use crate::error::ApiError;
use crate::params::{Kind, Param};

pub(crate) const ACTION: Action = Action::get(
    "api/webservices/list",
    "4.2",
    "All actions of the Web API with their parameters.",
    Run::Plain(run),
)
.params(&[Param::flag("include_internals", "Also those made for scanners").default("false")]);

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct List {
    web_services: Vec<Controller>,
}

#[derive(Serialize)]
struct Controller {
    path: String,
    description: &'static str,
    actions: Vec<Shape>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Shape {
    key: &'static str,
    description: String,
    since: &'static str,
    internal: bool,
    post: bool,
    has_response_example: bool,
    changelog: [&'static str; 0],
    params: Vec<ParamShape>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ParamShape {
    key: &'static str,
    description: &'static str,
    required: bool,
    internal: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    default_value: Option<&'static str>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    possible_values: &'static [&'static str],
    #[serde(skip_serializing_if = "Option::is_none")]
    deprecated_key: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    maximum_length: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    minimum_length: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    maximum_value: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_values_allowed: Option<usize>,
}

impl ParamShape {
    const fn of(param: &Param) -> Self {
        Self {
            key: param.key,
            description: param.description,
            required: param.required,
            internal: matches!(param.kind, Kind::File),
            default_value: param.default,
            possible_values: param.possible,
            deprecated_key: param.alias,
            maximum_length: param.max_length,
            minimum_length: param.min_length,
            maximum_value: param.max_int,
            max_values_allowed: param.max_values,
        }
    }
}

fn run(call: &Call) -> Result<Answer, ApiError> {
    let internals = call.params.flag("include_internals").unwrap_or(false);
    let mut controllers: BTreeMap<&str, Vec<Shape>> = BTreeMap::new();
    for action in ACTIONS.iter().filter(|action| internals || !action.internal) {
        let Some((controller, key)) = action.path.rsplit_once('/') else {
            continue;
        };
        let description = if action.permission.is_empty() {
            action.description.to_owned()
        } else {
            format!("{} Needs: {}.", action.description, action.permission)
        };
        controllers.entry(controller).or_default().push(Shape {
            key,
            description,
            since: action.since,
            internal: action.internal,
            post: action.method == Method::Post,
            has_response_example: false,
            changelog: [],
            params: action.params.iter().map(ParamShape::of).collect(),
        });
    }
    let web_services = controllers
        .into_iter()
        .map(|(path, actions)| Controller {
            path: path.to_owned(),
            description: about(path),
            actions,
        })
        .collect();
    Answer::json(&List { web_services })
}

/// What a controller is about.
fn about(path: &str) -> &'static str {
    match path {
        "api/authentication" => "Logging in.",
        "api/ce" => "Background tasks.",
        "api/components" => "Projects and files.",
        "api/issues" => "Issues.",
        "api/measures" => "Measures of projects and files.",
        "api/metrics" => "Metrics.",
        "api/navigation" => "What the frame of a user interface needs.",
        "api/new_code_periods" => "What counts as new code.",
        "api/permissions" => "Who may do what.",
        "api/project_analyses" => "The analyses of projects.",
        "api/project_branches" => "Branches of projects.",
        "api/projects" => "Projects.",
        "api/qualitygates" => "Quality gates.",
        "api/rules" => "Rules, which tools bring with their findings.",
        "api/server" => "Versions.",
        "api/settings" => "Settings.",
        "api/system" | "api/v2/system" => "The server itself.",
        "api/user_tokens" => "Tokens of users.",
        "api/users" => "Users.",
        "api/v2/analysis" => "What newer scanners ask.",
        "api/webhooks" => "Webhooks and what came of their calls.",
        "api/webservices" => "What the Web API says of itself.",
        _ => "",
    }
}
