//! Talking to the server: one address, one token, bounded answers, errors a person can act on.

use std::fmt;
use std::time::Duration;

use reqwest::{Method, RequestBuilder, Response, StatusCode};
use secrecy::{ExposeSecret, SecretString};
use serde::de::DeserializeOwned;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// For answers that need no work.
pub(crate) const ANSWER_TIMEOUT: Duration = Duration::from_mins(1);
/// Answers are short; a longer one comes from something else.
const MAX_ANSWER_BYTES: usize = 4 * 1024 * 1024;
/// How often a server that does not take the connection is called.
const CONNECT_ATTEMPTS: u32 = 3;
const FIRST_PAUSE: Duration = Duration::from_millis(200);

/// The server did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// No connection.
    #[error("the server {host} cannot be reached: {reason}; is it running, and is sonar.host.url right?")]
    Unreachable {
        /// The server.
        host: String,
        /// Why not.
        reason: String,
    },
    /// The connection broke or took too long.
    #[error("the server {host} did not answer {path}: {reason}")]
    Broken {
        /// The server.
        host: String,
        /// What was asked.
        path: &'static str,
        /// What went wrong.
        reason: String,
    },
    /// 401.
    #[error("the server {host} does not accept the token; make a new one and set it as SONAR_TOKEN")]
    Unauthorized {
        /// The server.
        host: String,
    },
    /// 403.
    #[error("the token is not allowed to do this on {host}: {message}")]
    Forbidden {
        /// The server.
        host: String,
        /// What the server said.
        message: String,
    },
    /// 413.
    #[error("the report is {} MiB large, which is more than the server {host} accepts; \
             leave out what need not be analysed (sonar.exclusions) or raise the server's limit", bytes.div_ceil(1024 * 1024))]
    TooLarge {
        /// The server.
        host: String,
        /// Size of the report.
        bytes: u64,
    },
    /// Another redirect.
    #[error("the server sends this on to {to}; set sonar.host.url to the address it really has")]
    Redirect {
        /// Where to.
        to: String,
    },
    /// Any other refusal.
    #[error("the server {host} refused {path} ({status}): {message}")]
    Refused {
        /// The server.
        host: String,
        /// What was asked.
        path: &'static str,
        /// The status.
        status: StatusCode,
        /// What the server said.
        message: String,
    },
    /// The answer makes no sense.
    #[error("the answer of {host} to {path} is not what it should be: {reason}; is sonar.host.url right?")]
    Answer {
        /// The server.
        host: String,
        /// What was asked.
        path: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// The client itself could not be set up.
    #[error("the network cannot be used: {0}")]
    SetUp(String),
}

/// A client of one server.
pub(crate) struct Client {
    http: reqwest::Client,
    host: String,
    token: SecretString,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("host", &self.host)
            .finish_non_exhaustive()
    }
}

impl Client {
    pub(crate) fn new(host: &str, token: SecretString) -> Result<Self, ClientError> {
        let http = reqwest::Client::builder()
            .user_agent(concat!("gatehook-scan/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT_TIMEOUT)
            // A redirect would repeat the upload without its body; and the token goes to the server that was named, no other.
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|error| ClientError::SetUp(chain(&error)))?;
        Ok(Self {
            http,
            host: host.to_owned(),
            token,
        })
    }

    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    /// Asks for JSON.
    pub(crate) async fn get<T: DeserializeOwned>(
        &self,
        path: &'static str,
        query: &[(&str, &str)],
    ) -> Result<T, ClientError> {
        let body = self.get_text(path, query).await?;
        serde_json::from_str(&body).map_err(|error| self.bad_answer(path, &error.to_string()))
    }

    /// Asks for a text.
    pub(crate) async fn get_text(&self, path: &'static str, query: &[(&str, &str)]) -> Result<String, ClientError> {
        let response = self
            .send(path, || {
                Ok(self.request(Method::GET, path).query(query).timeout(ANSWER_TIMEOUT))
            })
            .await?;
        self.text_of(path, response, 0).await
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http
            .request(method, format!("{}/{path}", self.host))
            .bearer_auth(self.token.expose_secret())
    }

    /// Sends a request; one that reached nobody is made and sent again, a few times.
    pub(crate) async fn send(
        &self,
        path: &'static str,
        make: impl Fn() -> Result<RequestBuilder, ClientError>,
    ) -> Result<Response, ClientError> {
        let mut attempt = 1;
        loop {
            match make()?.send().await {
                Ok(response) => return Ok(response),
                Err(error) if error.is_connect() && attempt < CONNECT_ATTEMPTS => {
                    tokio::time::sleep(FIRST_PAUSE * 2_u32.pow(attempt - 1)).await;
                    attempt += 1;
                }
                Err(error) => return Err(self.broken(path, &error)),
            }
        }
    }

    /// The body of a good answer; a bad one becomes an error. `sent` is the size of what was sent.
    pub(crate) async fn text_of(
        &self,
        path: &'static str,
        mut response: Response,
        sent: u64,
    ) -> Result<String, ClientError> {
        let status = response.status();
        let host = self.host.clone();
        if status.is_redirection() {
            let to = response
                .headers()
                .get("location")
                .and_then(|value| value.to_str().ok())
                .unwrap_or("another address");
            return Err(ClientError::Redirect {
                to: to.chars().take(200).collect(),
            });
        }
        let mut body = Vec::new();
        loop {
            match response.chunk().await {
                Ok(Some(chunk)) if body.len() + chunk.len() <= MAX_ANSWER_BYTES => body.extend_from_slice(&chunk),
                Ok(Some(_)) => return Err(self.bad_answer(path, "it is too long")),
                Ok(None) => break,
                Err(_) if !status.is_success() => break,
                Err(error) => return Err(self.broken(path, &error)),
            }
        }
        let body = String::from_utf8_lossy(&body).into_owned();
        if status.is_success() {
            return Ok(body);
        }
        let message = message_of(&body);
        Err(match status {
            StatusCode::UNAUTHORIZED => ClientError::Unauthorized { host },
            StatusCode::FORBIDDEN => ClientError::Forbidden { host, message },
            StatusCode::PAYLOAD_TOO_LARGE => ClientError::TooLarge { host, bytes: sent },
            _ => ClientError::Refused {
                host,
                path,
                status,
                message,
            },
        })
    }

    pub(crate) fn bad_answer(&self, path: &'static str, reason: &str) -> ClientError {
        ClientError::Answer {
            host: self.host.clone(),
            path,
            reason: reason.to_owned(),
        }
    }

    fn broken(&self, path: &'static str, error: &reqwest::Error) -> ClientError {
        let host = self.host.clone();
        let reason = if error.is_timeout() {
            "it took too long".to_owned()
        } else {
            chain(error)
        };
        if error.is_connect() {
            ClientError::Unreachable { host, reason }
        } else {
            ClientError::Broken { host, path, reason }
        }
    }
}

/// The texts of `{"errors":[{"msg":…}]}`, or the start of a body that is no page.
fn message_of(body: &str) -> String {
    #[derive(serde::Deserialize)]
    struct Envelope {
        errors: Vec<Message>,
    }
    #[derive(serde::Deserialize)]
    struct Message {
        msg: String,
    }
    if let Ok(envelope) = serde_json::from_str::<Envelope>(body) {
        return envelope
            .errors
            .into_iter()
            .map(|error| error.msg)
            .collect::<Vec<_>>()
            .join("; ");
    }
    let body = body.trim();
    if body.is_empty() || body.starts_with('<') {
        return "it gave no reason".to_owned();
    }
    body.chars().take(128).collect()
}

/// The last cause says what happened; the ones above say only that something did. Addresses with queries are left out.
fn chain(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_server_says_is_passed_on_and_pages_are_not() {
        assert_eq!(message_of(r#"{"errors":[{"msg":"a"},{"msg":"b"}]}"#), "a; b");
        assert_eq!(message_of("<html>proxy</html>"), "it gave no reason");
        assert_eq!(message_of(&"x".repeat(500)).len(), 128);
    }

    #[test]
    fn the_token_is_not_in_the_debug_text() {
        let client = Client::new("http://localhost", SecretString::from("hidden")).unwrap();
        assert!(!format!("{client:?}").contains("hidden"));
    }
}
