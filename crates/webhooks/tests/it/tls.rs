//! Certificates: who is trusted, what is said about who is not, and the webhooks that do not care.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use gatehook_webhooks::guard::Guard;
use gatehook_webhooks::sender::Call;
use gatehook_webhooks::sender::tls::{BadTlsOptions, TlsOptions};
use gatehook_webhooks::{Sender, SenderConfig};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response, Version};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rcgen::{
    BasicConstraints, Certificate, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};
use rstest::rstest;
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::logs;
use crate::receiver::{Answer, Receiver};
use crate::sender::{BODY, OneAddress, call, clocked, outcome};

/// An authority that nobody trusts but who is told to.
pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate of an authority, and its key.
struct Identity(Certificate, KeyPair);

impl Authority {
    pub(crate) fn new() -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let number = COUNT.fetch_add(1, Ordering::SeqCst);
        let mut params = CertificateParams::new([]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        params
            .distinguished_name
            .push(DnType::CommonName, format!("Authority {number} of the tests"));
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    pub(crate) fn pem(&self) -> String {
        self.0.pem()
    }

    fn issue(&self, host: &str, purpose: ExtendedKeyUsagePurpose, years: [i32; 2]) -> Identity {
        let mut params = CertificateParams::new([host.to_owned()]).unwrap();
        params.extended_key_usages = vec![purpose];
        params.not_before = date_time_ymd(years[0], 1, 1);
        params.not_after = date_time_ymd(years[1], 1, 1);
        let key = KeyPair::generate().unwrap();
        Identity(params.signed_by(&key, &self.0).unwrap(), key)
    }

    /// How a server with this name speaks TLS, with HTTP/2 and HTTP/1.1.
    pub(crate) fn server(&self, host: &str) -> ServerConfig {
        server(
            &self.issue(host, ExtendedKeyUsagePurpose::ServerAuth, [2020, 4000]),
            None,
        )
    }
}

fn server(identity: &Identity, clients: Option<&Authority>) -> ServerConfig {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ServerConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .unwrap();
    let builder = match clients {
        None => builder.with_no_client_auth(),
        Some(authority) => {
            let mut roots = rustls::RootCertStore::empty();
            roots.add(authority.0.der().clone()).unwrap();
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            builder.with_client_cert_verifier(verifier.build().unwrap())
        }
    };
    let chain: Vec<CertificateDer<'static>> = vec![identity.0.der().clone()];
    let key = PrivateKeyDer::try_from(identity.1.serialize_der()).unwrap();
    let mut config = builder.with_single_cert(chain, key).unwrap();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    config
}

/// A call as it arrived over TLS.
#[derive(Debug, Clone)]
pub(crate) struct Arrived {
    pub(crate) path: String,
    pub(crate) headers: HashMap<String, String>,
    version: Version,
    body: Bytes,
}

/// A receiver behind TLS that answers 200, or with a redirect.
pub(crate) struct TlsReceiver {
    pub(crate) address: SocketAddr,
    received: Arc<Mutex<Vec<Arrived>>>,
    connections: Arc<Mutex<usize>>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for TlsReceiver {
    fn drop(&mut self) {
        self.task.abort();
        logs::check();
    }
}

impl TlsReceiver {
    pub(crate) async fn start(config: ServerConfig) -> Self {
        Self::redirecting(config, None).await
    }

    async fn redirecting(config: ServerConfig, location: Option<String>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let received = Arc::new(Mutex::new(Vec::new()));
        let connections = Arc::new(Mutex::new(0));
        let (log, count) = (received.clone(), connections.clone());
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let task = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (acceptor, log, count, location) = (acceptor.clone(), log.clone(), count.clone(), location.clone());
                tokio::spawn(async move {
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
                    let service = service_fn(move |request| answer(request, log.clone(), location.clone()));
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
            }
        });
        Self {
            address,
            received,
            connections,
            task,
        }
    }

    pub(crate) fn received(&self) -> Vec<Arrived> {
        self.received.lock().unwrap().clone()
    }

    fn connections(&self) -> usize {
        *self.connections.lock().unwrap()
    }

    fn url(&self, host: &str) -> String {
        format!("https://{host}:{}/", self.address.port())
    }
}

async fn answer(
    request: Request<Incoming>,
    log: Arc<Mutex<Vec<Arrived>>>,
    location: Option<String>,
) -> Result<Response<Full<Bytes>>, hyper::Error> {
    let (head, body) = request.into_parts();
    let headers = head.headers.iter();
    let arrived = Arrived {
        path: head.uri.path().to_owned(),
        headers: headers
            .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
            .collect(),
        version: head.version,
        body: body.collect().await?.to_bytes(),
    };
    log.lock().unwrap().push(arrived);
    let mut response = Response::new(Full::default());
    if let Some(location) = location {
        *response.status_mut() = hyper::StatusCode::TEMPORARY_REDIRECT;
        response.headers_mut().insert("location", location.parse().unwrap());
    }
    Ok(response)
}

/// A sender for whom every name is this machine.
fn sender(tls: TlsOptions) -> Sender {
    let guard = Guard::over(Arc::new(OneAddress(Some([127, 0, 0, 1].into()))), &clocked().1);
    let config = SenderConfig {
        tls: Arc::new(tls),
        time_limit: Duration::from_secs(10),
        ..SenderConfig::new("1.2.3", guard)
    };
    Sender::new(config, clocked().1).unwrap()
}

fn trusting(authority: &Authority) -> TlsOptions {
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
    let receiver = TlsReceiver::start(server(&authority.issue(host, purpose, years), None)).await;
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
    let receiver = TlsReceiver::redirecting(known.server("hooks.example"), Some(target.url("other.example"))).await;
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
    let identity = authority.issue("hooks.example", ExtendedKeyUsagePurpose::ServerAuth, [2020, 4000]);
    let receiver = TlsReceiver::start(server(&identity, Some(&authority))).await;
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
