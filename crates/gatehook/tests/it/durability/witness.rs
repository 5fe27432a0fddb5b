//! The receiver of all webhooks: it keeps what it was told, and fails some of the first attempts.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use gatehook_webhooks::signature::{SIGNATURE_HEADER, verify};
use secrecy::SecretString;
use tokio::sync::watch;

use crate::durability::books::Kept;
use crate::durability::dice::Dice;
use crate::harness::PATIENCE;

/// One in so many first attempts is answered with 503.
const FAILING: u64 = 8;

/// What was heard of one delivery.
#[derive(Debug)]
struct Heard {
    path: String,
    body: Bytes,
    attempts: Vec<i64>,
    accepted: bool,
}

struct Shared {
    secret: SecretString,
    heard: Mutex<HashMap<String, Heard>>,
    dice: Mutex<Dice>,
    happened: watch::Sender<u64>,
}

/// The receiver.
pub(super) struct Witness {
    url: String,
    shared: Arc<Shared>,
    server: tokio::task::JoinHandle<()>,
}

impl Witness {
    pub(super) async fn start(secret: &str, seed: u64) -> Self {
        let shared = Arc::new(Shared {
            secret: SecretString::from(secret),
            heard: Mutex::default(),
            dice: Mutex::new(Dice::new(seed)),
            happened: watch::Sender::new(0),
        });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let app = axum::Router::new().fallback(receive).with_state(shared.clone());
        let server = tokio::spawn(async move {
            let _ = axum::serve(listener, app).await;
        });
        Self { url, shared, server }
    }

    /// The URL of a webhook.
    pub(super) fn url(&self, hook: &str) -> String {
        format!("{}/{hook}", self.url)
    }

    /// Something happened that a kill can fall beside.
    pub(super) fn happens(&self) {
        self.shared.happened.send_modify(|count| *count += 1);
    }

    /// Waits until so many more things have happened.
    pub(super) async fn things_happen(&self, more: u64) {
        let mut happened = self.shared.happened.subscribe();
        let target = *happened.borrow() + more;
        let waited = tokio::time::timeout(PATIENCE, happened.wait_for(|count| *count >= target)).await;
        assert!(waited.is_ok(), "the load came to a standstill");
    }

    /// How many calls came.
    pub(super) fn count(&self) -> usize {
        let heard = self.shared.heard.lock().unwrap();
        heard.values().map(|heard| heard.attempts.len()).sum()
    }

    /// Nothing was told that is not kept, and what is kept as delivered was told: the same bytes each time, under one id
    /// for each event and webhook, and no more often than crashes and failures explain.
    ///
    /// What is kept is read before and after what was heard is looked at, since calls may go on.
    pub(super) fn check(&self, read: impl Fn() -> BTreeMap<String, Kept>, faults: u64) {
        let before = read();
        let heard = self.shared.heard.lock().unwrap();
        let kept = read();
        for (id, heard) in &*heard {
            let kept = kept
                .get(id)
                .unwrap_or_else(|| panic!("a call was made that nothing is kept of: {id} {heard:?}"));
            assert_eq!(heard.path, format!("/{}", kept.name), "{id} went to another webhook");
            assert_eq!(heard.body, kept.payload, "{id} said something else than what is kept");
            let mut attempts = heard.attempts.clone();
            attempts.dedup();
            assert!(
                attempts.is_sorted() && attempts.len() as u64 <= 2 + faults,
                "{id} was called too often or out of turn: {:?}",
                heard.attempts
            );
        }
        for (id, kept) in before.iter().filter(|(_, kept)| kept.status == "DELIVERED") {
            let accepted = heard.get(id).is_some_and(|heard| heard.accepted);
            assert!(accepted, "{id} is kept as delivered, and was not: {kept:?}");
        }
    }
}

impl Drop for Witness {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn receive(State(shared): State<Arc<Shared>>, uri: Uri, headers: HeaderMap, body: Bytes) -> StatusCode {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or("");
    let (id, attempt) = (header("x-gatehook-delivery"), header("x-gatehook-attempt"));
    let signed = verify(&shared.secret, &body, header(SIGNATURE_HEADER));
    let (Ok(attempt), true) = (attempt.parse::<i64>(), signed && !id.is_empty()) else {
        return StatusCode::UNAUTHORIZED;
    };
    let fails = attempt == 1 && shared.dice.lock().unwrap().below(FAILING) == 0;
    {
        let mut all = shared.heard.lock().unwrap();
        let heard = all.entry(id.to_owned()).or_insert_with(|| Heard {
            path: uri.path().to_owned(),
            body: body.clone(),
            attempts: Vec::new(),
            accepted: false,
        });
        heard.attempts.push(attempt);
        heard.accepted |= !fails;
        // What differs from the first time is kept as what it is: wrong.
        if heard.body != body || heard.path != uri.path() {
            (heard.body, heard.path) = (body, uri.path().to_owned());
        }
    }
    shared.happened.send_modify(|count| *count += 1);
    if fails {
        StatusCode::SERVICE_UNAVAILABLE
    } else {
        StatusCode::OK
    }
}
