//! Where the PostgreSQL server is and how it is connected to.

use std::sync::Arc;
use std::time::Duration;

use postgres::{Client, Config, NoTls};
use rustls::ClientConfig;
use rustls_platform_verifier::BuilderVerifierExt as _;
use secrecy::SecretString;
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::config::{connection_config, error_chain};
use crate::error::OpenError;

/// How long connecting may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a server may leave what we sent unconfirmed before the connection counts as broken.
const TCP_TIMEOUT: Duration = Duration::from_secs(30);

/// Deleting a large project is the longest statement there is; a lock held for ten seconds means that something is
/// wrong; a transaction that is idle for minutes belongs to a node that is gone.
const SESSION_SETTINGS: &str = "SET statement_timeout = '120s'; SET lock_timeout = '10s'; \
     SET idle_in_transaction_session_timeout = '300s'; SET client_min_messages = warning";

/// A server and how to connect to it.
#[derive(Clone)]
pub(crate) struct Server {
    config: Config,
    shown: String,
    tls: Option<MakeRustlsConnect>,
}

impl Server {
    pub(crate) fn new(url: &SecretString, shown: &str, tls: bool) -> Result<Self, OpenError> {
        let mut config = connection_config(url).map_err(|error| OpenError::Connect {
            database: shown.to_owned(),
            source: crate::migrate::postgres_error(&error),
        })?;
        if config.get_application_name().is_none() {
            config.application_name("gatehook");
        }
        config.connect_timeout(CONNECT_TIMEOUT).tcp_user_timeout(TCP_TIMEOUT);
        let tls = if tls {
            Some(verified_tls().map_err(|reason| OpenError::Tls { reason })?)
        } else {
            None
        };
        Ok(Self {
            config,
            shown: shown.to_owned(),
            tls,
        })
    }

    /// The server's URL without its password.
    pub(crate) fn shown(&self) -> &str {
        &self.shown
    }

    pub(crate) fn connect(&self) -> Result<Client, postgres::Error> {
        let mut client = match &self.tls {
            Some(tls) => self.config.connect(tls.clone())?,
            None => self.config.connect(NoTls)?,
        };
        client.batch_execute(SESSION_SETTINGS)?;
        Ok(client)
    }
}

fn verified_tls() -> Result<MakeRustlsConnect, String> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .and_then(rustls::ConfigBuilder::with_platform_verifier)
        .map_err(|error| error_chain(&error))?
        .with_no_client_auth();
    Ok(MakeRustlsConnect::new(config))
}
