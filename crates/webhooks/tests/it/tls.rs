//! Certificates: who is trusted, what is said about who is not, and the webhooks that do not care.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use gatehook_testkit::authority::{Authority, Identity};
use gatehook_webhooks::guard::Guard;
use gatehook_webhooks::sender::Call;
use gatehook_webhooks::sender::tls::{BadTlsOptions, TlsOptions};
use gatehook_webhooks::{Sender, SenderConfig};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response, Version};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rcgen::ExtendedKeyUsagePurpose;
use rstest::rstest;
use rustls::version::{TLS12, TLS13};
use rustls::{ALL_VERSIONS, ServerConfig, SupportedProtocolVersion};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::logs;
use crate::receiver::{Answer, Receiver};
use crate::sender::{BODY, OneAddress, call, clocked, outcome};

/// What a connection that speaks TLS begins with.
const TLS_BEGINS: [u8; 1] = [0x16];

/// A call as it arrived.
#[derive(Debug, Clone)]
pub(crate) struct Arrived {
    /// Whether over TLS: `https`, else `http`.
    pub(crate) scheme: &'static str,
    pub(crate) path: String,
    pub(crate) headers: HashMap<String, String>,
    pub(crate) body: Bytes,
    version: Version,
}

/// What a receiver answers to a call of a path.
pub(crate) type Answering = Arc<dyn Fn(&str) -> Response<Full<Bytes>> + Send + Sync>;

/// A receiver that speaks TLS to who speaks it, and answers without it to others.
pub(crate) struct TlsReceiver {
    pub(crate) address: SocketAddr,
    received: Arc<Mutex<Vec<Arrived>>>,
    connections: Arc<Mutex<usize>>,
    serving: Arc<Mutex<Vec<tokio::task::JoinHandle<()>>>>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for TlsReceiver {
    fn drop(&mut self) {
        self.task.abort();
        logs::check();
    }
}

impl TlsReceiver {
    /// One that answers 200.
    pub(crate) async fn start(config: ServerConfig) -> Self {
        Self::answering(config, Arc::new(|_| Response::default())).await
    }

    /// One that sends calls of `/` elsewhere.
    async fn redirecting(config: ServerConfig, location: String) -> Self {
        Self::answering(config, redirecting(location)).await
    }

    pub(crate) async fn answering(config: ServerConfig, answering: Answering) -> Self {
        Self::on(TcpListener::bind("127.0.0.1:0").await.unwrap(), config, answering)
    }

    pub(crate) fn on(listener: TcpListener, config: ServerConfig, answering: Answering) -> Self {
        let address = listener.local_addr().unwrap();
        let received = Arc::new(Mutex::new(Vec::new()));
        let connections = Arc::new(Mutex::new(0));
        let serving = Arc::new(Mutex::new(Vec::new()));
        let (log, count, served) = (received.clone(), connections.clone(), serving.clone());
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let task = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (acceptor, log, count, answering) =
                    (acceptor.clone(), log.clone(), count.clone(), answering.clone());
                let connection = tokio::spawn(async move {
                    let mut first = [0];
                    let _ = stream.peek(&mut first).await;
                    let scheme = if first == TLS_BEGINS { "https" } else { "http" };
                    let service = service_fn(move |request| answer(request, scheme, log.clone(), answering.clone()));
                    if scheme == "http" {
                        let http1 = hyper::server::conn::http1::Builder::new();
                        let _ = http1.serve_connection(TokioIo::new(stream), service).await;
                        return;
                    }
                    let stream = match acceptor.accept(stream).into_fallible().await {
                        Ok(stream) => stream,
                        Err((_, mut refused)) => {
                            // What the caller has sent meanwhile is read, or closing would reset the connection and the
                            // alert with it.
                            let _ = refused.shutdown().await;
                            let _ = tokio::io::copy(&mut refused, &mut tokio::io::sink()).await;
                            return;
                        }
                    };
                    *count.lock().unwrap() += 1;
                    let is_h2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
                    let io = TokioIo::new(stream);
                    if is_h2 {
                        let http2 = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
                        let _ = http2.serve_connection(io, service).await;
                    } else {
                        let _ = hyper::server::conn::http1::Builder::new()
                            .serve_connection(io, service)
                            .await;
                    }
                });
                served.lock().unwrap().push(connection);
            }
        });
        Self {
            address,
            received,
            connections,
            serving,
            task,
        }
    }

    /// Drops every connection there is.
    async fn hangs_up(&self) {
        let serving = std::mem::take(&mut *self.serving.lock().unwrap());
        for connection in serving {
            connection.abort();
            let _ = connection.await;
        }
    }

    pub(crate) fn received(&self) -> Vec<Arrived> {
        self.received.lock().unwrap().clone()
    }

    fn connections(&self) -> usize {
        *self.connections.lock().unwrap()
    }

    pub(crate) fn url(&self, host: &str) -> String {
        format!("https://{host}:{}/", self.address.port())
    }
}

/// Sends calls of `/` elsewhere.
pub(crate) fn redirecting(location: String) -> Answering {
    Arc::new(move |path| {
        let mut response = Response::default();
        if path == "/" {
            *response.status_mut() = hyper::StatusCode::TEMPORARY_REDIRECT;
            response.headers_mut().insert("location", location.parse().unwrap());
        }
        response
    })
}

async fn answer(
    request: Request<Incoming>,
    scheme: &'static str,
    log: Arc<Mutex<Vec<Arrived>>>,
    answering: Answering,
) -> Result<Response<Full<Bytes>>, hyper::Error> {
    let (head, body) = request.into_parts();
    let headers = head.headers.iter();
    let arrived = Arrived {
        scheme,
        path: head.uri.path().to_owned(),
        headers: headers
            .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
            .collect(),
        version: head.version,
        body: body.collect().await?.to_bytes(),
    };
    log.lock().unwrap().push(arrived);
    Ok(answering(head.uri.path()))
}

/// A sender for whom every name is this machine.
pub(crate) fn sender(tls: TlsOptions) -> Sender {
    let guard = Guard::over(Arc::new(OneAddress(Some([127, 0, 0, 1].into()))), &clocked().1);
    let config = SenderConfig {
        tls: Arc::new(tls),
        time_limit: Duration::from_secs(10),
        ..SenderConfig::new("1.2.3", guard)
    };
    Sender::new(config, clocked().1).unwrap()
}

pub(crate) fn trusting(authority: &Authority) -> TlsOptions {
    TlsOptions::default()
        .with_authorities(authority.pem().as_bytes())
        .unwrap()
}

fn careless(url: &str) -> Call {
    let mut call = call(url);
    Arc::make_mut(&mut call.webhook).options.skip_tls_verification = true;
    call
}

#[tokio::test]
async fn an_authority_of_the_file_is_trusted_and_others_are_not() {
    let (known, unknown) = (Authority::new(), Authority::new());
    let receiver = TlsReceiver::start(known.server("hooks.example")).await;
    let other = TlsReceiver::start(unknown.server("hooks.example")).await;
    let sender = sender(trusting(&known));
    assert_eq!(
        outcome(&sender.send(&call(&receiver.url("hooks.example")), false).await),
        "200"
    );
    assert_eq!(
        outcome(&sender.send(&call(&other.url("hooks.example")), false).await),
        "the TLS certificate was not accepted: unknown issuer"
    );
    assert_eq!(receiver.received()[0].body, BODY);
    assert!(other.received().is_empty());
}

#[rstest]
#[case::older(&TLS12)]
#[case::newer(&TLS13)]
#[tokio::test]
async fn a_receiver_that_speaks_one_version_of_tls_only_is_called(#[case] version: &'static SupportedProtocolVersion) {
    let authority = Authority::new();
    let config = authority.issue_server("hooks.example").server(None, &[version]);
    let receiver = TlsReceiver::start(config).await;
    let url = receiver.url("hooks.example");
    assert_eq!(
        outcome(&sender(trusting(&authority)).send(&call(&url), false).await),
        "200"
    );
    assert_eq!(
        outcome(&sender(TlsOptions::default()).send(&careless(&url), false).await),
        "200"
    );
    assert_eq!(receiver.received()[1].body, BODY);
}

#[tokio::test]
async fn a_call_goes_over_http2_where_the_receiver_offers_it() {
    let authority = Authority::new();
    let mut one = authority.server("hooks.example");
    one.alpn_protocols = vec![b"http/1.1".to_vec()];
    let (both, one) = (
        TlsReceiver::start(authority.server("hooks.example")).await,
        TlsReceiver::start(one).await,
    );
    let sender = sender(trusting(&authority));
    for (receiver, version) in [(&both, Version::HTTP_2), (&one, Version::HTTP_11)] {
        for _ in 0..2 {
            assert_eq!(
                outcome(&sender.send(&call(&receiver.url("hooks.example")), false).await),
                "200"
            );
        }
        let received = receiver.received();
        assert_eq!(
            received.iter().map(|call| call.version).collect::<Vec<_>>(),
            [version; 2]
        );
        assert_eq!(received[0].body, BODY);
        assert_eq!(received[0].headers["x-gatehook-delivery"], "delivery-1");
        assert_eq!(receiver.connections(), 1, "the connection is used again");
    }
}

#[tokio::test]
async fn a_call_arrives_once_though_the_receiver_dropped_its_http2_connection_meanwhile() {
    let authority = Authority::new();
    let receiver = TlsReceiver::start(authority.server("hooks.example")).await;
    let sender = sender(trusting(&authority));
    for calls in 1..=3 {
        let call = call(&receiver.url("hooks.example"));
        assert_eq!(outcome(&sender.send(&call, false).await), "200");
        let received = receiver.received();
        assert!(received.iter().all(|call| call.version == Version::HTTP_2));
        assert_eq!((received.len(), receiver.connections()), (calls, calls));
        receiver.hangs_up().await;
    }
}

#[rstest]
#[case::other_name("other.example", ExtendedKeyUsagePurpose::ServerAuth, [2020, 4000], "wrong host")]
#[case::expired("hooks.example", ExtendedKeyUsagePurpose::ServerAuth, [2000, 2001], "expired")]
#[case::early("hooks.example", ExtendedKeyUsagePurpose::ServerAuth, [3000, 4000], "not valid yet")]
#[case::purpose("hooks.example", ExtendedKeyUsagePurpose::ClientAuth, [2020, 4000], "not for servers")]
#[tokio::test]
async fn a_certificate_that_is_not_right_is_refused_with_its_reason_unless_the_webhook_does_not_care(
    #[case] host: &str,
    #[case] purpose: ExtendedKeyUsagePurpose,
    #[case] years: [i32; 2],
    #[case] reason: &str,
) {
    let authority = Authority::new();
    let receiver = TlsReceiver::start(authority.issue(host, purpose, years).server(None, ALL_VERSIONS)).await;
    let sender = sender(trusting(&authority));
    let url = receiver.url("hooks.example");
    let refused = format!("the TLS certificate was not accepted: {reason}");
    assert_eq!(outcome(&sender.send(&call(&url), false).await), refused);
    assert_eq!(outcome(&sender.send(&careless(&url), false).await), "200");
    // The connection of the webhook that does not care stays open, and is not used for one that does.
    assert_eq!(outcome(&sender.send(&call(&url), false).await), refused);
    assert_eq!(outcome(&sender.send(&careless(&url), false).await), "200");
    assert_eq!((receiver.received().len(), receiver.connections()), (2, 1));
}

#[tokio::test]
async fn a_redirect_to_another_origin_is_verified_whatever_the_webhook_says() {
    let (known, unknown) = (Authority::new(), Authority::new());
    let target = TlsReceiver::start(unknown.server("other.example")).await;
    let receiver = TlsReceiver::redirecting(known.server("hooks.example"), target.url("other.example")).await;
    let sender = sender(TlsOptions::default());
    let attempt = sender.send(&careless(&receiver.url("hooks.example")), false).await;
    assert_eq!(
        outcome(&attempt),
        "the TLS certificate was not accepted: unknown issuer"
    );
    assert_eq!((receiver.received().len(), target.received().len()), (1, 0));
}

#[tokio::test]
async fn a_receiver_that_asks_for_a_certificate_gets_the_servers() {
    let authority = Authority::new();
    let identity = authority.issue_server("hooks.example");
    let receiver = TlsReceiver::start(identity.server(Some(&authority), ALL_VERSIONS)).await;
    let url = receiver.url("hooks.example");
    let Identity(certificate, key) = authority.issue("gatehook", ExtendedKeyUsagePurpose::ClientAuth, [2020, 4000]);
    let with = trusting(&authority)
        .with_client(certificate.pem().as_bytes(), key.serialize_pem().as_bytes())
        .unwrap();
    assert!(!format!("{with:?}").contains("PRIVATE"));
    assert_eq!(outcome(&sender(with).send(&call(&url), false).await), "200");
    let without = sender(trusting(&authority)).send(&call(&url), false).await;
    assert_eq!(outcome(&without), "the receiver wants a client certificate");
    let stranger = Authority::new();
    let Identity(certificate, key) = stranger.issue("gatehook", ExtendedKeyUsagePurpose::ClientAuth, [2020, 4000]);
    let wrong = trusting(&authority)
        .with_client(certificate.pem().as_bytes(), key.serialize_pem().as_bytes())
        .unwrap();
    assert_eq!(
        outcome(&sender(wrong).send(&call(&url), false).await),
        "the receiver did not accept the client certificate"
    );
    assert_eq!(receiver.received().len(), 1);
}

#[tokio::test]
async fn certificates_and_keys_that_cannot_be_used_are_refused_before_any_call() {
    let authority = Authority::new();
    let issue = || authority.issue("gatehook", ExtendedKeyUsagePurpose::ClientAuth, [2020, 4000]);
    let (Identity(certificate, key), Identity(_, other)) = (issue(), issue());
    let client =
        |certificate: &str, key: &str| TlsOptions::default().with_client(certificate.as_bytes(), key.as_bytes());
    assert!(client(&certificate.pem(), &key.serialize_pem()).is_ok());
    let refused = |options: Result<TlsOptions, BadTlsOptions>| options.unwrap_err();
    assert!(matches!(
        refused(client(&certificate.pem(), &other.serialize_pem())),
        BadTlsOptions::Key(_)
    ));
    assert!(matches!(
        refused(client(&certificate.pem(), "none")),
        BadTlsOptions::NoKey
    ));
    assert!(matches!(
        refused(client("none", &key.serialize_pem())),
        BadTlsOptions::NoCertificate
    ));
    let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    for (pem, named) in [("", "NoCertificate"), (broken, "Certificate(")] {
        let error = refused(TlsOptions::default().with_authorities(pem.as_bytes()));
        assert!(format!("{error:?}").starts_with(named), "{error:?}");
    }
}

#[tokio::test]
async fn a_webhook_that_does_not_care_is_called_over_http_as_any_other() {
    let receiver = Receiver::start(vec![Answer::Status(200)]).await;
    let attempt = sender(TlsOptions::default())
        .send(&careless(&receiver.url("/")), false)
        .await;
    assert_eq!(outcome(&attempt), "200");
}
