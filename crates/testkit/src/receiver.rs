//! A receiver of webhooks on a real socket, which misbehaves on order.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use tokio::sync::Mutex;
use tokio::sync::watch;

/// How long a test waits for a call before it fails. Far above what any machine needs, so that it never decides a test that
/// would pass.
const PATIENCE: Duration = Duration::from_secs(30);

/// A call that arrived.
#[derive(Debug, Clone)]
pub struct Received {
    /// Headers, names in lower case.
    pub headers: HashMap<String, String>,
    /// The body's exact bytes.
    pub body: Vec<u8>,
}

impl Received {
    /// The body as JSON.
    ///
    /// # Panics
    ///
    /// When it is none.
    #[expect(clippy::expect_used, reason = "a test whose call has no JSON is to fail at once")]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).expect("the body is JSON")
    }

    /// A header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }
}

/// A running receiver.
pub struct Receiver {
    address: SocketAddr,
    state: Arc<Shared>,
    seen: watch::Receiver<usize>,
    server: tokio::task::JoinHandle<()>,
}

struct Shared {
    calls: Mutex<Vec<Received>>,
    answer: Mutex<StatusCode>,
    count: watch::Sender<usize>,
}

impl Receiver {
    /// Starts a receiver that answers 200.
    ///
    /// # Panics
    ///
    /// When no port is free.
    #[expect(clippy::expect_used, reason = "a test without its receiver is to fail at once")]
    pub async fn start() -> Self {
        let (count, seen) = watch::channel(0);
        let state = Arc::new(Shared {
            calls: Mutex::default(),
            answer: Mutex::new(StatusCode::OK),
            count,
        });
        let app = Router::new().fallback(receive).with_state(Arc::clone(&state));
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0))
            .await
            .expect("a free port");
        let address = listener.local_addr().expect("a bound listener has an address");
        let server = tokio::spawn(async move {
            let _ = axum::serve(listener, app).await;
        });
        Self {
            address,
            state,
            seen,
            server,
        }
    }

    /// The URL to call.
    pub fn url(&self) -> String {
        format!("http://{}/hook", self.address)
    }

    /// Answers with another status from now on.
    pub async fn answer(&self, status: u16) {
        *self.state.answer.lock().await = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    }

    /// All calls so far.
    pub async fn calls(&self) -> Vec<Received> {
        self.state.calls.lock().await.clone()
    }

    /// Waits until at least so many calls arrived, and gives all that did.
    ///
    /// # Panics
    ///
    /// When they do not come.
    pub async fn wait_for(&self, count: usize) -> Vec<Received> {
        let mut seen = self.seen.clone();
        let waited = tokio::time::timeout(PATIENCE, seen.wait_for(|calls| *calls >= count)).await;
        let calls = self.calls().await;
        assert!(waited.is_ok(), "waited for {count} calls, {} came", calls.len());
        calls
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn receive(State(state): State<Arc<Shared>>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let headers = headers
        .iter()
        .map(|(name, value)| {
            (
                name.as_str().to_owned(),
                String::from_utf8_lossy(value.as_bytes()).into_owned(),
            )
        })
        .collect();
    let mut calls = state.calls.lock().await;
    calls.push(Received {
        headers,
        body: body.to_vec(),
    });
    state.count.send_replace(calls.len());
    *state.answer.lock().await
}
