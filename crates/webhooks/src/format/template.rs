//! A body, and a path, made by a template of one's own.
//!
//! A template is a program of somebody who may administer one project, run by the server of everybody. It reads nothing but
//! the event, calls nothing but filters, and has fuel for so much work and memory; other templates cannot be loaded.

use std::io;

use gatehook_domain::webhook::format::Template;
use minijinja::value::{Serde, Value, ValueKind};
use minijinja::{AutoEscape, Environment, ErrorKind, Output, State, UndefinedBehavior, escape_formatter};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, json};

use super::message::{Condition, Message, Outcome};
use super::{FormatError, MAX_RENDERED, Rendered, fit};

/// What a template may do: a unit pays for an instruction, or for 64 bytes that are written, kept or looked through. A
/// message of a thousand conditions takes about a tenth of it; all of it is some tens of milliseconds and at most 32 MB.
const FUEL: u64 = 500_000;
/// The stack of the thread that renders. The engine walks some expressions and values by recursion without a limit (a chain
/// of thousands of `~` fits into a source), and a stack that overflows ends the whole server. Only what is used of it takes memory.
const STACK: usize = 256 * 1024 * 1024;
/// How deep macros may call each other and expressions may nest.
const MAX_DEPTH: usize = 64;
/// The longest path that a template makes, in bytes. Most servers refuse a request line of more than 8 KiB; the longest key
/// and name of a branch there are fit in, percent-encoded in any script.
const MAX_PATH: usize = 8000;
/// The longest title that a template is given.
const MAX_TITLE: usize = 500;
/// The longest reason that an error gives.
const MAX_REASON: usize = 200;

/// Everything but the letters, digits and marks that RFC 3986 leaves alone.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Renders body and path, on a thread of its own with a stack that is deep enough for everything that can be written.
/// `occasion` is told in errors.
pub(super) fn render(
    template: &Template,
    message: &Message,
    payload: &[u8],
    occasion: &'static str,
) -> Result<Rendered, FormatError> {
    std::thread::scope(|scope| {
        let work = || rendered(template, message, payload, occasion);
        let thread = std::thread::Builder::new()
            .name("template".to_owned())
            .stack_size(STACK)
            .spawn_scoped(scope, work);
        let ended = thread.map(std::thread::ScopedJoinHandle::join);
        ended
            .ok()
            .and_then(Result::ok)
            .unwrap_or(Err(FormatError::TooMuchWork(occasion)))
    })
}

fn rendered(
    template: &Template,
    message: &Message,
    payload: &[u8],
    occasion: &'static str,
) -> Result<Rendered, FormatError> {
    let variables = variables(message, payload)?;
    let body = run(&environment(), "body", template.body(), &variables, occasion)?;
    if is_json(template.content_type()) {
        serde_json::from_slice::<serde::de::IgnoredAny>(&body).map_err(|error| FormatError::NotJson {
            line: error.line(),
            column: error.column(),
            occasion,
        })?;
    }
    let path = match template.path() {
        None => None,
        Some(source) => {
            let mut paths = environment();
            paths.set_formatter(percent_encoded);
            let path = run(&paths, "path", source, &variables, occasion)?;
            Some(checked_path(path).map_err(|reason| FormatError::Path(reason, occasion))?)
        }
    };
    Ok(Rendered {
        body,
        content_type: template.content_type().to_owned(),
        path,
    })
}

fn environment() -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_fuel(Some(FUEL));
    environment.set_recursion_limit(MAX_DEPTH);
    // With it a loop could nest a list as deep as there is fuel.
    environment.remove_global("namespace");
    // A name that does not exist is a mistake to be told, not an empty text to be sent.
    environment.set_undefined_behavior(UndefinedBehavior::SemiStrict);
    // So that errors name what is undefined. Of the error nothing but kind, line and detail is used.
    environment.set_debug(true);
    environment.set_auto_escape_callback(|_| AutoEscape::None);
    // What an event does not have is nothing, and not the word "none"; yes and no are written as JSON does.
    environment.set_formatter(|out, state, value| {
        let written = match bool::try_from(value.clone()) {
            _ if value.is_none() => return Ok(()),
            Ok(true) if value.kind() == ValueKind::Bool => out.write_str("true"),
            Ok(false) if value.kind() == ValueKind::Bool => out.write_str("false"),
            _ => return escape_formatter(out, state, value),
        };
        written.map_err(minijinja::Error::from)
    });
    environment.add_filter("urlencode", |text: &str| {
        Value::from_safe_string(utf8_percent_encode(text, UNRESERVED).to_string())
    });
    environment.add_filter("markdown", |text: &str| escaped(text, fit::markdown));
    environment.add_filter("slack", |text: &str| escaped(text, fit::slack));
    environment
}

fn escaped(text: &str, write: fn(char, &mut String)) -> String {
    let mut out = String::with_capacity(text.len() * 2);
    text.chars().for_each(|letter| write(letter, &mut out));
    out
}

/// What is printed into a path is one segment of it, whatever it holds.
fn percent_encoded(out: &mut Output<'_>, _: &mut State<'_, '_>, value: &Value) -> Result<(), minijinja::Error> {
    let written = match value.as_str() {
        _ if value.is_none() => return Ok(()),
        Some(text) if value.is_safe() => out.write_str(text),
        Some(text) => out.write_str(&utf8_percent_encode(text, UNRESERVED).to_string()),
        None => out.write_str(&utf8_percent_encode(&value.to_string(), UNRESERVED).to_string()),
    };
    written.map_err(minijinja::Error::from)
}

fn run(
    environment: &Environment<'_>,
    part: &'static str,
    source: &str,
    variables: &Value,
    occasion: &'static str,
) -> Result<Vec<u8>, FormatError> {
    let part = if part == "body" {
        "The template"
    } else {
        "The template of the path"
    };
    let told = |error: &minijinja::Error, occasion: &'static str| match error.kind() {
        ErrorKind::OutOfFuel => FormatError::TooMuchWork(occasion),
        ErrorKind::WriteFailure => FormatError::TooLong(occasion),
        kind => FormatError::Template {
            part,
            line: error.line().unwrap_or(1),
            reason: reason(kind, error.detail()),
            occasion,
        },
    };
    // A template that cannot be read is wrong for every event.
    let template = environment
        .template_from_str(source)
        .map_err(|error| told(&error, ""))?;
    let mut output = Limited(Vec::new());
    match template.render_captured_to(variables.clone(), &mut output) {
        Ok(_) => Ok(output.0),
        Err(error) => Err(told(&error, occasion)),
    }
}

/// What is wrong, in the engine's words for the kind and for what it met.
fn reason(kind: ErrorKind, detail: Option<&str>) -> String {
    let text = match detail {
        Some(detail) => format!("{kind}: {detail}"),
        None => kind.to_string(),
    };
    fit::fit(&fit::line(&text), MAX_REASON, fit::plainly)
}

/// Takes [`MAX_RENDERED`] bytes and no more.
struct Limited(Vec<u8>);

impl io::Write for Limited {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len() + bytes.len() > MAX_RENDERED {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn is_json(content_type: &str) -> bool {
    let media = content_type.split(';').next().unwrap_or_default().trim();
    media.eq_ignore_ascii_case("application/json") || media.to_ascii_lowercase().ends_with("+json")
}

/// A path that stays below the one of the webhook's URL, or what is wrong with it.
fn checked_path(path: Vec<u8>) -> Result<String, &'static str> {
    let path = String::from_utf8(path).map_err(|_| "it is not UTF-8")?;
    let path = path.trim();
    if path.len() > MAX_PATH {
        return Err("it is longer than 8000 bytes");
    }
    if !path.starts_with('/') || path.starts_with("//") {
        return Err("it does not begin with exactly one '/'");
    }
    let mut rest = path;
    while let Some((_, behind)) = rest.split_once('%') {
        if !behind.bytes().take(2).all(|byte| byte.is_ascii_hexdigit()) || behind.len() < 2 {
            return Err("it has a '%' without two hexadecimal digits behind it");
        }
        rest = behind;
    }
    if !path
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || b"/-._~!$&'()*+,;=:@%".contains(&byte))
    {
        return Err("it has a character that paths do not have, such as a space, '?', '#' or '\\'");
    }
    if path.split('/').any(is_dots) {
        return Err("it has a '.' or '..' between two '/'");
    }
    Ok(path.to_owned())
}

/// Whether a segment leads nowhere or upwards, in each of its spellings.
fn is_dots(segment: &str) -> bool {
    let plain = segment.to_ascii_lowercase().replace("%2e", ".");
    matches!(plain.as_str(), "." | "..")
}

/// What a template is given: every member of the payload, those that are absent as nothing; and what the messages of the
/// other formats are made of.
fn variables(message: &Message, payload: &[u8]) -> Result<Value, FormatError> {
    let mut variables: Map<String, serde_json::Value> =
        serde_json::from_slice(payload).map_err(|_| FormatError::Payload)?;
    for absent in ["taskId", "analysedAt", "revision", "qualityGate"] {
        variables.entry(absent).or_insert(serde_json::Value::Null);
    }
    // There is always a branch to ask for its name, though perhaps none that is known.
    let branch = variables.entry("branch").or_insert_with(|| json!({}));
    if let Some(branch) = branch.as_object_mut() {
        for absent in ["name", "type", "isMain", "url"] {
            branch.entry(absent).or_insert(serde_json::Value::Null);
        }
    }
    let conditions = variables
        .get_mut("qualityGate")
        .and_then(|gate| gate.get_mut("conditions"))
        .and_then(serde_json::Value::as_array_mut);
    let mut failing = Vec::new();
    if let (Some(conditions), Some(gate)) = (conditions, &message.payload.quality_gate) {
        for (condition, read) in conditions.iter_mut().zip(&gate.conditions) {
            complete(condition, read);
            if read.status == "ERROR" {
                failing.push(condition.clone());
            }
        }
    }
    let outcome = match message.outcome {
        Outcome::Passed => "passed",
        Outcome::Failed => "failed",
        Outcome::TaskFailed => "task failed",
        Outcome::NoGate => "no gate",
        Outcome::Failing => "failing",
        Outcome::Recovered => "recovered",
    };
    let ours = [
        ("event", json!(message.event.as_str())),
        ("test", json!(message.is_test())),
        ("outcome", json!(outcome)),
        ("title", json!(message.title(MAX_TITLE, fit::plainly))),
        ("failing", json!(failing)),
        ("link", json!(message.link(MAX_PATH))),
        ("payload", json!(String::from_utf8_lossy(payload))),
    ];
    for (name, value) in ours {
        variables.insert(name.to_owned(), value);
    }
    Ok(Value::from(Serde(&variables)))
}

/// Adds to a condition what people call its metric, and the sentence about it.
fn complete(condition: &mut serde_json::Value, read: &Condition) {
    if let Some(members) = condition.as_object_mut() {
        members.entry("value").or_insert(serde_json::Value::Null);
        members.insert("name".to_owned(), json!(read.name()));
        members.insert("text".to_owned(), json!(read.text()));
    }
}

#[cfg(test)]
mod tests;
