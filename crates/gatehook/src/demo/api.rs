//! The demo's client of the Web API, as any other program would use it.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

/// A client with a token.
pub(super) struct Api {
    client: reqwest::Client,
    base: String,
    token: SecretString,
}

impl Api {
    /// A client of the server at `base`.
    pub(super) fn new(base: &str, token: SecretString) -> Self {
        Self {
            client: reqwest::Client::new(),
            base: base.to_owned(),
            token,
        }
    }

    /// Asks for something.
    pub(super) async fn get(&self, action: &str, parameters: &[(&str, &str)]) -> Result<Value> {
        let request = self.client.get(format!("{}/api/{action}", self.base)).query(parameters);
        self.send(action, request).await
    }

    /// Changes something.
    pub(super) async fn post(&self, action: &str, parameters: &[(&str, &str)]) -> Result<Value> {
        let body = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(parameters)
            .finish();
        let request = self
            .client
            .post(format!("{}/api/{action}", self.base))
            .header("Content-Type", "application/x-www-form-urlencoded")
            .body(body);
        self.send(action, request).await
    }

    async fn send(&self, action: &str, request: reqwest::RequestBuilder) -> Result<Value> {
        let answer = request.bearer_auth(self.token.expose_secret()).send().await?;
        let status = answer.status();
        let text = answer.text().await?;
        if !status.is_success() {
            bail!("api/{action} answered {status}: {text}");
        }
        if text.is_empty() {
            Ok(Value::Null)
        } else {
            serde_json::from_str(&text).context("the answer is no JSON")
        }
    }

    /// Waits until a task has ended.
    pub(super) async fn wait_for_task(&self, id: &str, patience: Duration) -> Result<Value> {
        let deadline = tokio::time::Instant::now() + patience;
        loop {
            let task = self.get("ce/task", &[("id", id)]).await?["task"].clone();
            if !matches!(task["status"].as_str(), Some("PENDING" | "IN_PROGRESS")) {
                return Ok(task);
            }
            if tokio::time::Instant::now() > deadline {
                bail!("the task {id} did not end within {} s", patience.as_secs());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}
