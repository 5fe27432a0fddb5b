//! `api/settings/list_definitions`: the settings there are.

use serde::Serialize;

use crate::action::{Action, Answer, Call, Run};
use crate::error::ApiError;
use crate::settings::{DEFINITIONS, Definition, Form};

pub(crate) const ACTION: Action = Action::get(
    "api/settings/list_definitions",
    "6.3",
    "The settings that this server knows. They are the same for every project.",
    Run::Plain(run),
);

#[derive(Serialize)]
struct Found {
    definitions: Vec<Row>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    key: &'static str,
    name: &'static str,
    description: &'static str,
    #[serde(rename = "type")]
    kind: &'static str,
    category: &'static str,
    sub_category: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    default_value: Option<&'static str>,
    multi_values: bool,
    options: &'static [&'static str],
    fields: [&'static str; 0],
}

impl Row {
    const fn of(definition: &Definition) -> Self {
        let (kind, options): (_, &'static [&'static str]) = match definition.form {
            Form::Bool => ("BOOLEAN", &[]),
            Form::Text | Form::Url | Form::Grid | Form::Schedule | Form::Targets => ("STRING", &[]),
            Form::Number => ("FLOAT", &[]),
            Form::Whole(..) => ("INTEGER", &[]),
            Form::OneOf(words) => ("SINGLE_SELECT_LIST", words),
        };
        Self {
            key: definition.key,
            name: definition.name,
            description: definition.description,
            kind,
            category: definition.category.as_str(),
            sub_category: definition.category.as_str(),
            default_value: definition.default,
            multi_values: false,
            options,
            fields: [],
        }
    }
}

fn run(_call: &Call) -> Result<Answer, ApiError> {
    Answer::json(&Found {
        definitions: DEFINITIONS.iter().map(Row::of).collect(),
    })
}
