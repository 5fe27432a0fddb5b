//! `gatehook serve`: puts the rooms of the house together and runs them until it is told to stop.

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use base64::Engine as _;
use gatehook_analysis::worker::{OnEvent, WorkerConfig, Workers};
use gatehook_domain::Ambient;
use gatehook_domain::id::NodeId;
use gatehook_server::{AppState, ServerConfig, Wakers};
use gatehook_store::{DatabaseUrl, Engine, SecretKey, Store, StoreConfig, StoreError, delivery, task};
use gatehook_webhooks::sender::proxy::Proxies;
use gatehook_webhooks::sender::tls::TlsOptions;
use gatehook_webhooks::{EngineConfig, EngineHandle, Guard, Sender, SenderConfig, ServerUrl};
use secrecy::{ExposeSecret, SecretString};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::config::Settings;
use crate::temp_folder::TempFolder;

/// The file in the data folder that holds the key which secrets are sealed with.
pub(crate) const KEY_FILE: &str = "secret.key";
/// The largest file of certificates or keys that is read, in bytes; all authorities of a system are a quarter of that.
const MAX_PEM: u64 = 1024 * 1024;
/// The SQLite database in the data folder.
const DATABASE_FILE: &str = "gatehook.db";

/// A server that runs in this process.
pub(crate) struct Running {
    address: SocketAddr,
    generated_password: Option<SecretString>,
    stop: CancellationToken,
    http: tokio::task::JoinHandle<std::io::Result<()>>,
    workers: Workers,
    engine: EngineHandle,
    store: Store,
    temp: TempFolder,
}

/// Runs the server until SIGTERM or SIGINT; a second one ends the process at once.
pub(crate) async fn serve(settings: &Settings) -> Result<()> {
    crate::open_files::allow_many();
    let running = Running::start(settings, crate::ambient::system()).await?;
    let mut out = anstream::stdout();
    if let Some(password) = &running.generated_password {
        writeln!(
            out,
            "First start: the user admin has the password {}",
            password.expose_secret()
        )?;
        writeln!(
            out,
            "It is shown this once; set your own with GATEHOOK_ADMIN_PASSWORD before the first start."
        )?;
    }
    writeln!(
        out,
        "Gatehook {} is ready at {}",
        gatehook_server::VERSION,
        running.url()
    )?;
    out.flush()?;
    stop_signal().await?;
    tracing::info!("told to stop; running requests, analyses and calls are ended first, a second signal ends at once");
    tokio::spawn(async {
        if stop_signal().await.is_ok() {
            std::process::exit(130);
        }
    });
    running.stop().await
}

impl Running {
    /// Starts everything; ready when it returns.
    pub(crate) async fn start(settings: &Settings, ambient: Ambient) -> Result<Self> {
        // First what only reads, so that a mistake in it leaves nothing behind.
        let guard = Guard::system(&ambient).always_allowing(settings.allowed_targets()?);
        let sender_config = SenderConfig {
            proxies: Proxies::of_variables(|name| std::env::var(name).ok())?,
            tls: Arc::new(tls_options(settings)?),
            ..SenderConfig::new(gatehook_server::VERSION, guard.clone())
        };
        let sender = Sender::new(sender_config, ambient.clone())?;
        let data_dir = settings.data_dir();
        make_private_folder(&data_dir)?;
        let node: NodeId = ambient.new_id();
        let secret_key = secret_key(settings, &data_dir, &ambient)?;
        let url = database_url(settings, &data_dir)?;
        let mut config = StoreConfig::new(url, secret_key);
        config.postgres_connections = settings.number("postgres-connections", 1, 256)? as usize;
        let store = Store::open(config, ambient.clone())
            .await
            .context("cannot open the database")?;
        let generated_password = gatehook_server::first_start(&store, settings.secret("admin-password"))
            .await
            .context("cannot prepare the first start")?;
        gatehook_server::warn_of_unverified(&store)
            .await
            .context("cannot read the webhooks")?;
        let mut temp = TempFolder::create(&data_dir.join("tmp"), &node)?;
        take_back(&store, temp.left_by()).await;
        temp.removes_left();

        let listen = settings.text("listen").unwrap_or_default();
        let listener = TcpListener::bind(listen).await.with_context(|| {
            format!("cannot listen on '{listen}'; is another server there? (--listen ADDRESS:PORT takes another place)")
        })?;
        let address = listener.local_addr()?;
        let urls = match settings.text("public-url") {
            Some(url) => ServerUrl::new(url),
            None => ServerUrl::new(&default_url(address)),
        };
        let engine = gatehook_webhooks::Engine::start(
            store.clone(),
            sender.clone(),
            EngineConfig {
                node: node.clone(),
                urls: urls.clone(),
            },
        );
        let wake_engine = engine.waker();
        let on_event: OnEvent = {
            let wake = wake_engine.clone();
            Arc::new(move || wake.wake())
        };
        let worker_config = WorkerConfig {
            node,
            workers: settings.number("workers", 1, 64)? as usize,
            temp_dir: temp.path.clone(),
            limits: gatehook_analysis::worker::Limits::default(),
            urls: urls.clone(),
        };
        let workers = Workers::start(&store, &worker_config, &on_event)
            .await
            .context("cannot start the workers")?;
        let wake_workers = workers.waker();
        let wakers = Wakers {
            deliveries: Arc::new(move || wake_engine.wake()),
            tasks: Arc::new(move || wake_workers.wake()),
        };
        let state = AppState::new(
            store.clone(),
            ServerConfig {
                server_url: urls,
                temp_dir: temp.path.clone(),
                admin_token: settings.secret("admin-token"),
                max_report_bytes: u64::from(settings.number("max-report-mib", 1, 4096)?) * 1024 * 1024,
                counters: engine.counters(),
            },
            wakers,
            guard,
            sender,
        );
        let stop = CancellationToken::new();
        let http = tokio::spawn(gatehook_server::serve(listener, state, stop.clone().cancelled_owned()));
        tracing::info!(%address, version = gatehook_server::VERSION, "serving");
        Ok(Self {
            address,
            generated_password,
            stop,
            http,
            workers,
            engine,
            store,
            temp,
        })
    }

    /// The address as a URL.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Ends everything in order: no more requests, then no more analyses, then no more calls, then the store.
    pub(crate) async fn stop(self) -> Result<()> {
        self.stop.cancel();
        let served = self.http.await.context("the HTTP server ended badly")?;
        self.workers.stop().await;
        self.engine.stop().await;
        self.store.close().await;
        drop(self.temp);
        tracing::info!("stopped");
        served.context("the HTTP server failed")
    }
}

/// Has the leases of processes that were killed end at once, so that what they worked on need not wait for them to run
/// out. A SQLite file has no other process, so there this is done of itself.
async fn take_back(store: &Store, dead: Vec<NodeId>) {
    if dead.is_empty() || store.engine() == Engine::Sqlite {
        return;
    }
    let taking = store.write(move |tx| {
        let (mut tasks, mut deliveries) = (0, 0);
        for node in &dead {
            tasks += task::release_of(tx, node)?;
            deliveries += delivery::release_of(tx, node)?;
        }
        Ok::<_, StoreError>((tasks, deliveries))
    });
    match taking.await {
        Ok((0, 0)) => {}
        Ok((tasks, deliveries)) => {
            tracing::info!(
                tasks,
                deliveries,
                "what a killed process was working on is taken up again"
            );
        }
        Err(error) => tracing::warn!(
            error = &error as &dyn std::error::Error,
            "what a killed process was working on waits until its leases run out"
        ),
    }
}

/// Whom webhooks trust, and how they prove who calls.
fn tls_options(settings: &Settings) -> Result<TlsOptions> {
    let read = |name: &str| {
        let Some(path) = settings.text(name) else {
            return Ok(None);
        };
        let size = std::fs::metadata(path)
            .with_context(|| format!("cannot read {name} '{path}'"))?
            .len();
        if size > MAX_PEM {
            bail!("{name} '{path}' is larger than {MAX_PEM} bytes");
        }
        let pem = std::fs::read(path).with_context(|| format!("cannot read {name} '{path}'"))?;
        Ok(Some((pem, path)))
    };
    let mut options = TlsOptions::default();
    if let Some((pem, path)) = read("webhook-ca-file")? {
        options = options
            .with_authorities(&pem)
            .with_context(|| format!("webhook-ca-file '{path}' cannot be used"))?;
    }
    if let (Some((certificate, path)), Some((key, key_path))) =
        (read("webhook-client-cert")?, read("webhook-client-key")?)
    {
        options = options.with_client(&certificate, &key).with_context(|| {
            format!("webhook-client-cert '{path}' with webhook-client-key '{key_path}' cannot be used")
        })?;
    }
    Ok(options)
}

/// Where the database is. A relative path of SQLite is relative to the current folder, as it was written.
pub(crate) fn database_url(settings: &Settings, data_dir: &Path) -> Result<DatabaseUrl> {
    match settings.text("database") {
        Some(text) => text.parse().context("database is neither a path nor a postgres:// URL"),
        None => Ok(DatabaseUrl::sqlite(data_dir.join(DATABASE_FILE))),
    }
}

/// What `localhost` and the port make, as SonarQube does it: the name, not the address that is listened on.
fn default_url(address: SocketAddr) -> String {
    let local = address.ip().is_loopback() || address.ip().is_unspecified();
    let host = if local {
        "localhost".to_owned()
    } else if address.is_ipv6() {
        format!("[{}]", address.ip())
    } else {
        address.ip().to_string()
    };
    match address.port() {
        80 => format!("http://{host}"),
        port => format!("http://{host}:{port}"),
    }
}

/// The key secrets are sealed with: the one that was given, else the one in the data folder, made on the first start.
pub(crate) fn secret_key(settings: &Settings, data_dir: &Path, ambient: &Ambient) -> Result<SecretKey> {
    if let Some(key) = settings.secret("secret-key") {
        return SecretKey::from_base64(key.expose_secret()).context("secret-key");
    }
    let path = data_dir.join(KEY_FILE);
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let mut bytes = [0_u8; 32];
            ambient.fill(&mut bytes);
            let text = base64::engine::general_purpose::STANDARD.encode(bytes);
            write_private(&path, &text)?;
            text
        }
        Err(error) => return Err(error).with_context(|| format!("cannot read the key file {}", path.display())),
    };
    SecretKey::from_base64(text.trim()).with_context(|| format!("the key file {} is damaged", path.display()))
}

/// Writes a file that only its owner can read, whole or not at all, and makes sure that it survives a power cut.
pub(crate) fn write_private(path: &Path, text: &str) -> Result<()> {
    let write = || -> std::io::Result<()> {
        let folder = path.parent().unwrap_or_else(|| Path::new("."));
        // Temporary files are made with mode 0600.
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        file.write_all(text.as_bytes())?;
        file.as_file().sync_all()?;
        file.persist(path)?;
        std::fs::File::open(folder)?.sync_all()
    };
    write().with_context(|| format!("cannot write {}", path.display()))
}

pub(crate) fn make_private_folder(path: &Path) -> Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder
        .create(path)
        .with_context(|| format!("cannot make the folder {}", path.display()))
}

async fn stop_signal() -> Result<()> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let mut terminate = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
        tokio::select! {
            _ = terminate.recv() => Ok(()),
            interrupted = tokio::signal::ctrl_c() => interrupted.context("cannot listen for SIGINT"),
        }
    }
    #[cfg(not(unix))]
    {
        tokio::signal::ctrl_c().await.context("cannot listen for Ctrl-C")
    }
}

/// Opens the database once, which brings its schema up to date, and closes it.
pub(crate) async fn migrate(settings: &Settings) -> Result<()> {
    let ambient = crate::ambient::system();
    let data_dir = settings.data_dir();
    make_private_folder(&data_dir)?;
    let key = secret_key(settings, &data_dir, &ambient)?;
    let url = database_url(settings, &data_dir)?;
    let store = Store::open(StoreConfig::new(url, key), ambient).await;
    match store {
        Ok(store) => store.close().await,
        Err(error) => bail!("the schema is not up to date: {:#}", anyhow::Error::from(error)),
    }
    writeln!(anstream::stdout(), "The database's schema is up to date.")?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("127.0.0.1:9000", "http://localhost:9000")]
    #[case("127.8.8.8:9000", "http://localhost:9000")]
    #[case("0.0.0.0:8080", "http://localhost:8080")]
    #[case("0.0.0.0:80", "http://localhost")]
    #[case("[::]:80", "http://localhost")]
    #[case("[::1]:9000", "http://localhost:9000")]
    #[case("10.1.2.3:443", "http://10.1.2.3:443")]
    #[case("10.1.2.3:80", "http://10.1.2.3")]
    #[case("[2001:db8::7]:9000", "http://[2001:db8::7]:9000")]
    #[case("[2001:db8::7]:80", "http://[2001:db8::7]")]
    fn without_a_setting_links_lead_to_the_address_that_is_listened_on(#[case] address: &str, #[case] url: &str) {
        assert_eq!(default_url(address.parse().unwrap()), url);
    }
}
