//! Reads what a request brings: the query, a form, a JSON object, or a form with a file in it.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::extract::multipart::{Field, MultipartError};
use axum::extract::{FromRequest, Multipart, Request};
use axum::http::{HeaderMap, header};
use futures_util::StreamExt;
use tokio::io::AsyncWriteExt;

use crate::action::{Action, Method};
use crate::error::ApiError;
use crate::params::{Kind, Raw};
use crate::state::AppState;

/// The largest body without a file, in bytes.
pub(crate) const MAX_FORM_BYTES: usize = 4 * 1024 * 1024;
/// The largest body of JSON, in bytes. Parsed, it takes up to some thirty times as much memory.
const MAX_JSON_BYTES: usize = 256 * 1024;
/// The most parameters of one request.
const MAX_PARAMETERS: usize = 10_000;
/// The most bytes of a multipart body that are taken in for one step in it: to the next part, or the next piece of a part.
/// The parser keeps what it takes in until it finds the end of a part's headers, which need not come.
const MAX_STEP_BYTES: usize = 1024 * 1024;
/// How much of a body that is not wanted is read all the same, in bytes, and for how long.
const MAX_DISCARDED_BYTES: usize = 32 * 1024 * 1024;
const DISCARDING: Duration = Duration::from_secs(10);
/// How long a client may be silent in the middle of a body, and how long a whole body without a file may take.
const PATIENCE: Duration = Duration::from_mins(1);

/// What a request brings.
#[derive(Debug, Default)]
pub(crate) struct Given {
    pub(crate) raw: Raw,
    pub(crate) file: Option<tempfile::TempPath>,
}

/// Reads a request for an action. A file is streamed to the folder for temporary files, never held in memory.
pub(crate) async fn read(state: &AppState, action: &Action, request: Request) -> Result<Given, ApiError> {
    let mut given = Given {
        raw: query(&request)?,
        file: None,
    };
    if action.method == Method::Get {
        return Ok(given);
    }
    match media_type(request.headers()).as_str() {
        "multipart/form-data" => read_multipart(state, action, request, &mut given).await?,
        "application/json" => {
            let bytes = whole(request.into_body(), MAX_JSON_BYTES).await?;
            add_json(&mut given.raw, &bytes)?;
        }
        "" | "application/x-www-form-urlencoded" => {
            let bytes = whole(request.into_body(), MAX_FORM_BYTES).await?;
            add_form(&mut given.raw, &bytes)?;
        }
        // Some clients name a type and send nothing; what cannot be understood is read to its end and dropped.
        _ => drop(whole(request.into_body(), MAX_FORM_BYTES).await?),
    }
    Ok(given)
}

/// Reads a body that is not wanted to its end, unless that is far or long. A client that is still sending when the
/// connection is closed sees the connection break, not the answer.
pub(crate) async fn discard(request: Request) {
    let mut pieces = request.into_body().into_data_stream();
    let read = async {
        let mut room = MAX_DISCARDED_BYTES;
        while let Some(Ok(piece)) = pieces.next().await {
            match room.checked_sub(piece.len()) {
                Some(left) => room = left,
                None => return,
            }
        }
    };
    // Whether the end was reached makes no difference to the answer.
    let _ = tokio::time::timeout(DISCARDING, read).await;
}

/// The parameters in the query.
pub(crate) fn query(request: &Request) -> Result<Raw, ApiError> {
    let mut raw = Raw::new();
    if let Some(query) = request.uri().query() {
        add_form(&mut raw, query.as_bytes())?;
    }
    Ok(raw)
}

fn media_type(headers: &HeaderMap) -> String {
    let value = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or("");
    value.split(';').next().unwrap_or("").trim().to_ascii_lowercase()
}

async fn whole(body: Body, most: usize) -> Result<axum::body::Bytes, ApiError> {
    match tokio::time::timeout(PATIENCE, to_bytes(body, most)).await {
        Err(_) => Err(ApiError::Timeout),
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(_)) => Err(ApiError::TooLarge(format!(
            "The request cannot be read, or is larger than {most} bytes"
        ))),
    }
}

fn add(raw: &mut Raw, key: String, value: String) -> Result<(), ApiError> {
    if raw.len() >= MAX_PARAMETERS {
        return Err(ApiError::bad(format!(
            "A request can have at most {MAX_PARAMETERS} parameters"
        )));
    }
    raw.push((key, value));
    Ok(())
}

fn add_form(raw: &mut Raw, bytes: &[u8]) -> Result<(), ApiError> {
    url::form_urlencoded::parse(bytes).try_for_each(|(key, value)| add(raw, key.into_owned(), value.into_owned()))
}

/// Members that are texts, numbers, truth values or arrays of them; others are ignored, as unknown parameters are.
fn add_json(raw: &mut Raw, bytes: &[u8]) -> Result<(), ApiError> {
    use serde_json::Value;
    fn word(value: &Value) -> Option<String> {
        match value {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            Value::Bool(flag) => Some(flag.to_string()),
            Value::Null | Value::Array(_) | Value::Object(_) => None,
        }
    }
    let Some(first) = bytes.iter().find(|byte| !byte.is_ascii_whitespace()) else {
        return Ok(());
    };
    // One of the client libraries sends its forms with this type too.
    if (first.is_ascii_alphabetic() || *first == b'_') && bytes.contains(&b'=') {
        return add_form(raw, bytes);
    }
    let Ok(Value::Object(members)) = serde_json::from_slice(bytes) else {
        return Err(ApiError::bad("The body is not a JSON object"));
    };
    for (key, value) in members {
        let text = match &value {
            Value::Array(items) => Some(items.iter().filter_map(word).collect::<Vec<_>>().join(",")),
            other => word(other),
        };
        if let Some(text) = text {
            add(raw, key, text)?;
        }
    }
    Ok(())
}

async fn read_multipart(
    state: &AppState,
    action: &Action,
    request: Request,
    given: &mut Given,
) -> Result<(), ApiError> {
    let file_key = action
        .params
        .iter()
        .find(|param| param.kind == Kind::File)
        .map(|param| param.key);
    let unreadable = |_| ApiError::bad("The multipart body cannot be read");
    let (request, taken) = metered(request);
    let mut form = Multipart::from_request(request, &()).await.map_err(unreadable)?;
    let mut room = MAX_FORM_BYTES;
    while let Some(field) = patiently(form.next_field(), &taken).await? {
        let name = field.name().unwrap_or("").to_owned();
        if file_key == Some(name.as_str()) && given.file.is_none() {
            given.file = Some(save(state, field, &taken).await?);
        } else {
            room = room.checked_sub(name.len()).ok_or_else(texts_too_large)?;
            let text = read_text(field, &mut room, &taken).await?;
            add(&mut given.raw, name, text)?;
        }
    }
    Ok(())
}

/// How many bytes of a body were taken in for the step that is being made.
type Taken = Arc<AtomicUsize>;

/// The request with a body that breaks off where one step takes in too much.
fn metered(request: Request) -> (Request, Taken) {
    let taken = Taken::default();
    let meter = Arc::clone(&taken);
    let request = request.map(|body| {
        Body::from_stream(body.into_data_stream().map(move |piece| {
            let piece = piece.map_err(io::Error::other)?;
            if meter.fetch_add(piece.len(), Ordering::Relaxed) > MAX_STEP_BYTES {
                return Err(io::Error::other("too much between two parts"));
            }
            Ok(piece)
        }))
    });
    (request, taken)
}

async fn patiently<T>(
    step: impl Future<Output = Result<T, MultipartError>>,
    taken: &AtomicUsize,
) -> Result<T, ApiError> {
    match tokio::time::timeout(PATIENCE, step).await {
        Err(_) => Err(ApiError::Timeout),
        Ok(Ok(value)) => {
            taken.store(0, Ordering::Relaxed);
            Ok(value)
        }
        Ok(Err(_)) => Err(ApiError::bad(
            "The multipart body cannot be read; it may have ended too early",
        )),
    }
}

async fn save(state: &AppState, mut field: Field<'_>, taken: &AtomicUsize) -> Result<tempfile::TempPath, ApiError> {
    let folder = state.config.temp_dir.clone();
    let made = tokio::task::spawn_blocking(move || tempfile::Builder::new().prefix("report-").tempfile_in(folder));
    let (file, path) = made
        .await
        .map_err(ApiError::unknown)?
        .map_err(ApiError::unknown)?
        .into_parts();
    let mut file = tokio::fs::File::from_std(file);
    let most = state.config.max_report_bytes;
    let mut size: u64 = 0;
    while let Some(chunk) = patiently(field.chunk(), taken).await? {
        size += chunk.len() as u64;
        if size > most {
            return Err(ApiError::TooLarge(format!(
                "The report is larger than {} MiB, the most that is accepted",
                most / (1024 * 1024)
            )));
        }
        file.write_all(&chunk).await.map_err(ApiError::unknown)?;
    }
    file.flush().await.map_err(ApiError::unknown)?;
    Ok(path)
}

fn texts_too_large() -> ApiError {
    ApiError::TooLarge(format!("The request's texts are larger than {MAX_FORM_BYTES} bytes"))
}

async fn read_text(mut field: Field<'_>, room: &mut usize, taken: &AtomicUsize) -> Result<String, ApiError> {
    let mut bytes = Vec::new();
    while let Some(chunk) = patiently(field.chunk(), taken).await? {
        *room = room.checked_sub(chunk.len()).ok_or_else(texts_too_large)?;
        bytes.extend_from_slice(&chunk);
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
