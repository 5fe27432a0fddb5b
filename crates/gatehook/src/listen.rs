//! `gatehook listen`: a receiver for developers. It prints each call, checks its signature, and can answer slowly or badly.

use std::io::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::Response;
use gatehook_webhooks::signature;
use secrecy::SecretString;
use tokio::net::TcpListener;
use tokio::sync::mpsc;

/// The largest call that is taken, in bytes. Payloads have some kilobytes.
const MAX_BODY: usize = 8 * 1024 * 1024;
/// How many calls wait to be printed before receivers are made to wait.
const WAITING: usize = 64;

/// How the receiver behaves.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Options {
    /// Where to listen; port 0 takes any free one.
    #[arg(long, default_value = "127.0.0.1:9100", value_name = "ADDRESS:PORT")]
    listen: SocketAddr,
    /// The secret of the webhook, to check signatures with; better given as GATEHOOK_LISTEN_SECRET, which others on the
    /// machine cannot read.
    #[arg(long, env = "GATEHOOK_LISTEN_SECRET", hide_env_values = true, value_name = "SECRET")]
    secret: Option<String>,
    /// The status to answer with.
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u16).range(200..=599))]
    status: u16,
    /// Wait so many milliseconds before answering.
    #[arg(long, default_value_t = 0, value_name = "MILLISECONDS")]
    delay: u64,
    /// Print one JSON object a call instead of text.
    #[arg(long)]
    json: bool,
    /// End after so many calls.
    #[arg(long, value_name = "COUNT")]
    count: Option<u64>,
}

/// A call that arrived.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) path: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Call {
    /// A header's value.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(found, _)| found.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// Whether the call is signed with the secret.
    pub(crate) fn signature(&self, secret: Option<&SecretString>) -> Signature {
        match (secret, self.header("X-Sonar-Webhook-HMAC-SHA256")) {
            (_, None) => Signature::Absent,
            (None, Some(_)) => Signature::NotChecked,
            (Some(secret), Some(found)) if signature::verify(secret, &self.body, found) => Signature::Valid,
            (Some(_), Some(_)) => Signature::Wrong,
        }
    }
}

/// What became of checking a signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Signature {
    /// The call has none.
    Absent,
    /// It has one, and no secret is known to check it with.
    NotChecked,
    /// It was made with the secret over exactly these bytes.
    Valid,
    /// It was not.
    Wrong,
}

impl Signature {
    /// One word for it.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Absent => "absent",
            Self::NotChecked => "not checked",
            Self::Valid => "valid",
            Self::Wrong => "WRONG",
        }
    }
}

/// A receiver that hands its calls on.
pub(crate) struct Receiver {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    /// The calls, in the order they arrived.
    pub(crate) calls: mpsc::Receiver<Call>,
}

struct Shared {
    sender: mpsc::Sender<Call>,
    status: StatusCode,
    delay: Duration,
}

impl Receiver {
    /// Starts a receiver.
    pub(crate) async fn start(listen: SocketAddr, status: StatusCode, delay: Duration) -> Result<Self> {
        let listener = TcpListener::bind(listen)
            .await
            .with_context(|| format!("cannot listen on {listen}"))?;
        let address = listener.local_addr()?;
        let (sender, calls) = mpsc::channel(WAITING);
        let app = Router::new()
            .fallback(receive)
            .layer(DefaultBodyLimit::max(MAX_BODY))
            .with_state(Arc::new(Shared { sender, status, delay }));
        tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, app).await {
                tracing::error!(%error, "the receiver failed");
            }
        });
        Ok(Self { address, calls })
    }
}

async fn receive(State(shared): State<Arc<Shared>>, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let headers = headers
        .iter()
        .map(|(name, value)| {
            (
                name.as_str().to_owned(),
                String::from_utf8_lossy(value.as_bytes()).into_owned(),
            )
        })
        .collect();
    let call = Call {
        path: uri.path().to_owned(),
        headers,
        body: body.to_vec(),
    };
    // Nobody takes calls any more only when the program ends.
    let _ = shared.sender.send(call).await;
    tokio::time::sleep(shared.delay).await;
    let mut answer = Response::new(Body::empty());
    *answer.status_mut() = shared.status;
    answer
}

/// Receives and prints until Ctrl-C, or until `--count` calls came.
pub(crate) async fn listen(options: Options) -> Result<()> {
    let secret = options.secret.map(SecretString::from);
    let status = StatusCode::from_u16(options.status).context("status")?;
    let mut receiver = Receiver::start(options.listen, status, Duration::from_millis(options.delay)).await?;
    if !options.json {
        writeln!(
            anstream::stdout(),
            "Listening at http://{}/ (Ctrl-C ends)",
            receiver.address
        )?;
    }
    let mut left = options.count;
    while left != Some(0) {
        let call = tokio::select! {
            call = receiver.calls.recv() => call,
            _ = tokio::signal::ctrl_c() => None,
        };
        let Some(call) = call else { break };
        let mut out = anstream::stdout();
        if options.json {
            writeln!(out, "{}", as_json(&call, secret.as_ref()))?;
        } else {
            print_call(&mut out, &call, secret.as_ref())?;
        }
        out.flush()?;
        left = left.map(|left| left - 1);
    }
    Ok(())
}

fn as_json(call: &Call, secret: Option<&SecretString>) -> serde_json::Value {
    let headers: serde_json::Map<String, serde_json::Value> = call
        .headers
        .iter()
        .map(|(name, value)| (name.clone(), value.as_str().into()))
        .collect();
    serde_json::json!({
        "path": call.path,
        "signature": call.signature(secret).as_str(),
        "headers": headers,
        "body": String::from_utf8_lossy(&call.body),
    })
}

/// Prints a call as a person wants to read it: request line, headers, body, and what the signature is worth.
pub(crate) fn print_call(
    out: &mut impl std::io::Write,
    call: &Call,
    secret: Option<&SecretString>,
) -> std::io::Result<()> {
    writeln!(out, "POST {}", call.path)?;
    for (name, value) in &call.headers {
        // Credentials of the webhook's URL arrive here; a terminal is no place for them.
        let shown = if name.eq_ignore_ascii_case("authorization") {
            "(not shown)"
        } else {
            value
        };
        writeln!(out, "{name}: {shown}")?;
    }
    writeln!(out)?;
    match serde_json::from_slice::<serde_json::Value>(&call.body) {
        Ok(_) => writeln!(out, "{}", indented(&String::from_utf8_lossy(&call.body)))?,
        Err(_) => writeln!(out, "({} bytes that are no JSON)", call.body.len())?,
    }
    writeln!(out, "signature: {}\n", call.signature(secret).as_str())
}

/// JSON with line breaks and indents, its members in the order they came. The text must be valid JSON.
pub(crate) fn indented(json: &str) -> String {
    let mut shown = String::with_capacity(json.len() * 2);
    let (mut depth, mut in_text, mut escaped) = (0_usize, false, false);
    let mut letters = json.chars().filter(|letter| !matches!(letter, '\n' | '\r')).peekable();
    while let Some(letter) = letters.next() {
        if in_text {
            shown.push(letter);
            in_text = escaped || letter != '"';
            escaped = !escaped && letter == '\\';
            continue;
        }
        match letter {
            '"' => {
                in_text = true;
                shown.push(letter);
            }
            '{' | '[' => {
                shown.push(letter);
                if let Some(end) = letters.next_if(|next| matches!(next, '}' | ']')) {
                    shown.push(end);
                } else {
                    depth += 1;
                    line_break(&mut shown, depth);
                }
            }
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                line_break(&mut shown, depth);
                shown.push(letter);
            }
            ',' => {
                shown.push(letter);
                line_break(&mut shown, depth);
            }
            ':' => shown.push_str(": "),
            letter if letter.is_whitespace() => {}
            letter => shown.push(letter),
        }
    }
    shown
}

fn line_break(text: &mut String, depth: usize) {
    text.push('\n');
    text.extend(std::iter::repeat_n("  ", depth));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indenting_keeps_the_order_and_the_texts() {
        let json = r#"{"b":"x: {\"y\", [z]}","a":[],"c":[1,{"d":null}]}"#;
        let shown = indented(json);
        assert_eq!(
            shown,
            "{\n  \"b\": \"x: {\\\"y\\\", [z]}\",\n  \"a\": [],\n  \"c\": [\n    1,\n    {\n      \"d\": null\n    }\n  ]\n}"
        );
        let parsed = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
        assert_eq!(parsed(&shown), parsed(json));
    }
}
