//! A server on a port of its own with a store in a folder of its own, and callers by role.

use std::io;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Once};

use gatehook_server::{AppState, ServerConfig, Wakers, first_start, serve};
use gatehook_store::testing::{TestStore, open_sqlite};
use gatehook_testkit::secrets::{self, Watch};
use gatehook_webhooks::counters::Counters;
use gatehook_webhooks::guard::Guard;
use gatehook_webhooks::names::{Answer as Told, Lookup, Network};
use gatehook_webhooks::server_url::ServerUrl;
use gatehook_webhooks::{Sender, SenderConfig};
use secrecy::SecretString;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

pub(crate) const ADMIN_TOKEN: &str = "provisioning-token-hunter2";
pub(crate) const PASSWORD: &str = "hunter2 correct horse";

/// Who calls.
#[derive(Debug, Clone)]
pub(crate) enum As {
    Anonymous,
    /// The user `admin`, with the password.
    Admin,
    Basic(String, String),
    Bearer(String),
}

pub(crate) struct TestServer {
    pub(crate) base: String,
    pub(crate) test: TestStore,
    pub(crate) tasks_woken: Arc<AtomicUsize>,
    pub(crate) deliveries_woken: Arc<AtomicUsize>,
    pub(crate) counters: Counters,
    pub(crate) network: Arc<FakeNetwork>,
    client: reqwest::Client,
    stop: Option<oneshot::Sender<()>>,
    folder: tempfile::TempDir,
}

#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) text: String,
}

impl Reply {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    /// The texts of the error envelope, joined.
    pub(crate) fn errors(&self) -> String {
        let body = self.json();
        let errors = body["errors"].as_array().unwrap();
        errors
            .iter()
            .map(|error| error["msg"].as_str().unwrap())
            .collect::<Vec<_>>()
            .join("; ")
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

/// Names that tests use: one outside, one inside of the house.
#[derive(Default)]
pub(crate) struct FakeNetwork {
    /// Whether the server's own addresses cannot be listed.
    pub(crate) is_blind: AtomicBool,
}

impl Network for FakeNetwork {
    fn lookup(&self, host: &str) -> Lookup {
        let found = match host {
            "hooks.example" => Ok(vec![IpAddr::from([93, 184, 216, 34])]),
            "inside.example" => Ok(vec![IpAddr::from([10, 0, 0, 1])]),
            _ => Err(io::ErrorKind::NotFound.into()),
        };
        let told = found.map(|addresses| Told {
            addresses,
            lifetime: std::time::Duration::from_secs(30),
        });
        Box::pin(async move { told })
    }

    fn own_addresses(&self) -> io::Result<Vec<IpAddr>> {
        if self.is_blind.load(Ordering::SeqCst) {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        Ok(Vec::new())
    }
}

impl TestServer {
    pub(crate) async fn start() -> Self {
        // All that the servers of this process log, at every level, is searched for secrets.
        static WATCHED: Once = Once::new();
        WATCHED.call_once(|| {
            tracing_subscriber::fmt()
                .with_max_level(tracing::Level::TRACE)
                .with_ansi(false)
                .with_writer(|| Watch)
                .init();
        });
        let folder = tempfile::tempdir().unwrap();
        let test = open_sqlite(folder.path()).await;
        let generated = first_start(&test.store, Some(SecretString::from(PASSWORD)))
            .await
            .unwrap();
        assert!(generated.is_none(), "a given password is not generated");
        let tasks_woken = Arc::new(AtomicUsize::new(0));
        let counting = Arc::clone(&tasks_woken);
        let deliveries_woken = Arc::new(AtomicUsize::new(0));
        let counting_deliveries = Arc::clone(&deliveries_woken);
        let wakers = Wakers {
            tasks: Arc::new(move || {
                counting.fetch_add(1, Ordering::SeqCst);
            }),
            deliveries: Arc::new(move || {
                counting_deliveries.fetch_add(1, Ordering::SeqCst);
            }),
        };
        let counters = Counters::default();
        let config = ServerConfig {
            server_url: ServerUrl::new("http://gatehook.example"),
            temp_dir: folder.path().to_owned(),
            admin_token: Some(SecretString::from(ADMIN_TOKEN)),
            max_report_bytes: 1000,
            counters: counters.clone(),
        };
        let network = Arc::new(FakeNetwork::default());
        let guard = Guard::over(Arc::clone(&network) as Arc<dyn Network>, test.store.ambient());
        let sender_config = SenderConfig::new("0", guard.clone());
        let sender = Sender::new(sender_config, test.store.ambient().clone()).unwrap();
        let state = AppState::new(test.store.clone(), config, wakers, guard, sender);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let (stop, stopped) = oneshot::channel::<()>();
        tokio::spawn(serve(listener, state, async move {
            let _ = stopped.await;
        }));
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        Self {
            base,
            test,
            tasks_woken,
            deliveries_woken,
            counters,
            network,
            client,
            stop: Some(stop),
            folder,
        }
    }

    pub(crate) fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    pub(crate) fn request(&self, method: &str, path: &str, who: &As) -> reqwest::RequestBuilder {
        let method = method.parse().unwrap();
        let request = self.client.request(method, format!("{}/{path}", self.base));
        match who {
            As::Anonymous => request,
            As::Admin => request.basic_auth("admin", Some(PASSWORD)),
            As::Basic(login, password) => request.basic_auth(login, Some(password)),
            As::Bearer(token) => request.bearer_auth(token),
        }
    }

    /// Sends a request; no answer may hold a secret.
    pub(crate) async fn send(&self, request: reqwest::RequestBuilder) -> Reply {
        let (client, request) = request.build_split();
        let request = request.unwrap();
        secrets::asked(&request);
        let path = request.url().path().to_owned();
        let response = client.execute(request).await.unwrap();
        let reply = Reply {
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            text: response.text().await.unwrap(),
        };
        secrets::answered(&path, &reply.headers, &reply.text);
        reply
    }

    pub(crate) async fn get(&self, path: &str, who: &As) -> Reply {
        self.send(self.request("GET", path, who)).await
    }

    /// A POST with a form, as most clients send it.
    pub(crate) async fn post(&self, path: &str, form: &[(&str, &str)], who: &As) -> Reply {
        let body = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(form)
            .finish();
        let request = self
            .request("POST", path, who)
            .header("Content-Type", "application/x-www-form-urlencoded")
            .body(body);
        self.send(request).await
    }

    /// A POST of the administrator that must succeed.
    pub(crate) async fn did(&self, path: &str, form: &[(&str, &str)]) -> Reply {
        let reply = self.post(path, form, &As::Admin).await;
        assert!(
            (200..300).contains(&reply.status),
            "{path}: {} {}",
            reply.status,
            reply.text
        );
        reply
    }

    /// A new token of the administrator.
    pub(crate) async fn token(&self, name: &str, kind: &str, project: &str) -> As {
        let reply = self
            .did(
                "api/user_tokens/generate",
                &[("name", name), ("type", kind), ("projectKey", project)],
            )
            .await;
        As::Bearer(reply.json()["token"].as_str().unwrap().to_owned())
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        if !std::thread::panicking() {
            Watch::check();
        }
    }
}
