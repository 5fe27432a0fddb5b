//! The web services as documentation: written from the table of actions, so that it cannot be wrong.

use std::fmt::Write as _;

use serde_json::{Map, Value, json};

use crate::action::{Access, Action, Method};
use crate::api::ACTIONS;
use crate::params::{Kind, Param};

/// All actions with their parameters, as Markdown.
pub fn markdown() -> String {
    let mut text = String::from(
        "# Web API\n\nParameters are taken from the query and from forms alike; unknown ones are ignored, and an empty one counts as \
         not given. Answers are JSON; an error is `{\"errors\":[{\"msg\":\"…\"}]}`. Credentials are HTTP Basic (`user:password`, or a \
         token as the user with an empty password) or `Authorization: Bearer <token>`. The same as a machine-readable document: \
         [openapi.json](openapi.json), and, from a running server, `api/webservices/list`.\n",
    );
    for action in ACTIONS {
        // Writing to a text cannot fail.
        let _ = write!(
            text,
            "\n## {} {}\n\n{} Callers: {}.\n",
            action.method.as_str(),
            action.path,
            action.description,
            callers(action)
        );
        if action.params.is_empty() {
            continue;
        }
        text.push_str("\n| parameter | | values | what for |\n|---|---|---|---|\n");
        for param in action.params {
            let required = if param.required { "required" } else { "" };
            let alias = param
                .alias
                .map(|alias| format!(" (also `{alias}`)"))
                .unwrap_or_default();
            let _ = writeln!(
                text,
                "| `{}`{alias} | {required} | {} | {} |",
                param.key,
                values(param),
                param.description.replace('|', "\\|")
            );
        }
    }
    text
}

fn callers(action: &Action) -> String {
    let who = match action.access {
        Access::Open => "everybody, also where authentication is forced",
        Access::Anyone => "everybody, unless authentication is forced",
        Access::LoggedIn => "who is authenticated",
    };
    if action.permission.is_empty() {
        who.to_owned()
    } else {
        format!("{who}, with {}", action.permission)
    }
}

fn values(param: &Param) -> String {
    let mut said = vec![
        match param.kind {
            Kind::Text => "text",
            Kind::Bool => "true, false, yes or no",
            Kind::Int => "number",
            Kind::List => "list, separated by commas",
            Kind::Repeated => "text, may be repeated",
            Kind::File => "file",
        }
        .to_owned(),
    ];
    if !param.possible.is_empty() {
        said = vec![
            param
                .possible
                .iter()
                .map(|value| format!("`{value}`"))
                .collect::<Vec<_>>()
                .join(", "),
        ];
    }
    if let Some(least) = param.min_length {
        said.push(format!("at least {least} characters"));
    }
    if let Some(most) = param.max_length {
        said.push(format!("at most {most} characters"));
    }
    if let Some(most) = param.max_int {
        said.push(format!("at most {most}"));
    }
    if let Some(most) = param.max_values {
        said.push(format!("at most {most} values"));
    }
    if let Some(default) = param.default {
        said.push(format!("default `{default}`"));
    }
    said.join("; ")
}

/// All actions as an OpenAPI 3.1 document.
pub fn openapi() -> String {
    let mut paths = Map::new();
    for action in ACTIONS {
        let operation = operation(action);
        let method = action.method.as_str().to_lowercase();
        paths.insert(format!("/{}", action.path), json!({ method: operation }));
    }
    let document = json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Gatehook Web API",
            "version": crate::VERSION,
            "description": "Compatible with the Web API of SonarQube as far as listed here.",
            "license": { "name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0" },
        },
        "paths": paths,
        "components": {
            "securitySchemes": {
                "basic": { "type": "http", "scheme": "basic" },
                "bearer": { "type": "http", "scheme": "bearer" },
            },
            "schemas": {
                "Errors": {
                    "type": "object",
                    "required": ["errors"],
                    "properties": {
                        "errors": {
                            "type": "array",
                            "items": {
                                "type": "object",
                                "required": ["msg"],
                                "properties": { "msg": { "type": "string" } },
                            },
                        },
                    },
                },
            },
        },
    });
    // A document of maps and texts always has a form.
    let mut text = serde_json::to_string_pretty(&document).unwrap_or_default();
    text.push('\n');
    text
}

fn operation(action: &Action) -> Value {
    let failed = json!({
        "description": "What is wrong",
        "content": { "application/json": { "schema": { "$ref": "#/components/schemas/Errors" } } },
    });
    let mut operation = json!({
        "operationId": action.path.trim_start_matches("api/").replace('/', "_"),
        "summary": action.description,
        "responses": { "2XX": { "description": "Done" }, "4XX": failed, "5XX": failed },
    });
    let security = match action.access {
        Access::Open => json!([{}]),
        Access::Anyone => json!([{}, { "basic": [] }, { "bearer": [] }]),
        Access::LoggedIn => json!([{ "basic": [] }, { "bearer": [] }]),
    };
    operation["security"] = security;
    if !action.permission.is_empty() {
        operation["description"] = format!("Needs: {}.", action.permission).into();
    }
    if action.method == Method::Get {
        let parameters: Vec<Value> = action
            .params
            .iter()
            .map(|param| {
                json!({
                    "name": param.key,
                    "in": "query",
                    "required": param.required,
                    "description": param.description,
                    "schema": schema(param),
                    "explode": matches!(param.kind, Kind::Repeated),
                })
            })
            .collect();
        operation["parameters"] = parameters.into();
    } else if !action.params.is_empty() {
        let properties: Map<String, Value> = action
            .params
            .iter()
            .map(|param| {
                let mut schema = schema(param);
                schema["description"] = param.description.into();
                (param.key.to_owned(), schema)
            })
            .collect();
        let required: Vec<&str> = action
            .params
            .iter()
            .filter(|param| param.required)
            .map(|param| param.key)
            .collect();
        let mut form = json!({ "type": "object", "properties": properties });
        if !required.is_empty() {
            form["required"] = required.into();
        }
        let has_file = action.params.iter().any(|param| matches!(param.kind, Kind::File));
        let kind = if has_file {
            "multipart/form-data"
        } else {
            "application/x-www-form-urlencoded"
        };
        operation["requestBody"] = json!({ "content": { kind: { "schema": form } } });
    }
    operation
}

fn schema(param: &Param) -> Value {
    let mut schema = match param.kind {
        Kind::Text | Kind::List => json!({ "type": "string" }),
        Kind::Bool => json!({ "type": "string", "enum": ["true", "false", "yes", "no"] }),
        Kind::Int => json!({ "type": "integer" }),
        Kind::Repeated => json!({ "type": "array", "items": { "type": "string" } }),
        Kind::File => json!({ "type": "string", "format": "binary" }),
    };
    // The values of a list stand in one text, so they cannot be told as its values.
    if !param.possible.is_empty() && matches!(param.kind, Kind::Text) {
        schema["enum"] = param.possible.into();
    }
    for (name, bound) in [("minLength", param.min_length), ("maxLength", param.max_length)] {
        if let Some(bound) = bound {
            schema[name] = bound.into();
        }
    }
    if let Some(most) = param.max_int {
        schema["maximum"] = most.into();
    }
    if let Some(default) = param.default {
        schema["default"] = default.into();
    }
    schema
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_action_is_documented_in_both_forms() {
        let (markdown, openapi) = (markdown(), openapi());
        let document: Value = serde_json::from_str(&openapi).unwrap();
        for action in ACTIONS {
            assert!(markdown.contains(action.path), "{}", action.path);
            assert!(
                document["paths"].get(format!("/{}", action.path)).is_some(),
                "{}",
                action.path
            );
        }
    }
}
