//! What one call sends, and what comes of it.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use gatehook_domain::ambient::{ManualClock, SeededEntropy};
use gatehook_domain::id::DeliveryId;
use gatehook_domain::key::ProjectKey;
use gatehook_domain::webhook::{Attempt, EventKind, Webhook};
use gatehook_domain::{Ambient, Timestamp};
use gatehook_testkit::hook;
use gatehook_webhooks::guard::Guard;
use gatehook_webhooks::names::{Answer as Told, Lookup, Network};
use gatehook_webhooks::sender::{Call, Sender, SenderConfig};
use gatehook_webhooks::signature::verify;
use rstest::rstest;
use secrecy::SecretString;

use crate::logs;
use crate::receiver::{Answer, Receiver, untrusted_tls};

pub(crate) const BODY: &[u8] = "{\"name\":\"Gr\u{fc}n\"}".as_bytes();

pub(crate) const LOOPBACK: &str =
    "blocked by the address guard: the host is a loopback address, and not in gatehook.webhooks.allowedTargets";

/// A network in which every name has one address.
pub(crate) struct OneAddress(pub(crate) Option<IpAddr>);

impl Network for OneAddress {
    fn lookup(&self, _: &str) -> Lookup {
        let found = self.0.map(|found| Told {
            addresses: vec![found],
            lifetime: Duration::from_secs(30),
        });
        Box::pin(async move { found.ok_or(io::ErrorKind::NotFound.into()) })
    }

    fn own_addresses(&self) -> io::Result<Vec<IpAddr>> {
        Ok(vec![])
    }
}

pub(crate) fn clocked() -> (Arc<ManualClock>, Ambient) {
    logs::watch();
    let clock = Arc::new(ManualClock::new(Timestamp::from_millis(1_700_000_000_000)));
    (clock.clone(), Ambient::new(clock, Arc::new(SeededEntropy::new(1))))
}

fn system() -> Guard {
    Guard::system(&clocked().1)
}

fn over(network: OneAddress) -> Guard {
    Guard::over(Arc::new(network), &clocked().1)
}

pub(crate) fn sender_with(guard: Guard, time_limit: Duration) -> Sender {
    let ambient = clocked().1;
    Sender::new(
        SenderConfig {
            version: "1.2.3".into(),
            time_limit,
            ..SenderConfig::new("", guard)
        },
        ambient,
    )
    .unwrap()
}

pub(crate) fn sender() -> Sender {
    sender_with(system(), Duration::from_secs(10))
}

pub(crate) fn call(url: &str) -> Call {
    call_with(url, None)
}

pub(crate) fn call_with(url: &str, secret: Option<&SecretString>) -> Call {
    Call {
        webhook: Arc::new(Webhook {
            secret: secret.cloned(),
            ..hook::webhook(&clocked().1, None, "hook", url)
        }),
        project_key: ProjectKey::parse("org:shop").ok(),
        kind: EventKind::AnalysisCompleted,
        delivery: DeliveryId::parse("delivery-1").unwrap(),
        number: 1,
        body: Bytes::from_static(BODY),
        path: None,
    }
}

/// What came of the attempt: the status, else the cause.
pub(crate) fn outcome(attempt: &Attempt) -> String {
    match (attempt.http_status, &attempt.error) {
        (Some(status), None) => status.to_string(),
        (None, Some(cause)) => cause.clone(),
        both => panic!("an attempt has a status or a cause: {both:?}"),
    }
}

#[tokio::test]
async fn a_call_is_signed_over_the_bytes_that_arrive_and_says_what_it_is() {
    let receiver = Receiver::start(vec![Answer::Status(200)]).await;
    let secret = SecretString::from("hunter2-01234567");
    let call = call_with(&receiver.url("/hook?x=1#part"), Some(&secret));
    let attempt = sender().send(&call, false).await;
    assert_eq!((attempt.number, outcome(&attempt).as_str()), (1, "200"));
    assert_eq!(attempt.at, Timestamp::from_millis(1_700_000_000_000));

    let got = &receiver.received()[0];
    assert_eq!(got.request, "POST /hook?x=1");
    assert_eq!(got.body, BODY);
    assert!(verify(&secret, &got.body, &got.headers["x-sonar-webhook-hmac-sha256"]));
    let header = |name: &str| got.headers[name].clone();
    assert_eq!(header("content-type"), "application/json; charset=utf-8");
    assert_eq!(header("user-agent"), "Gatehook/1.2.3");
    assert_eq!(header("x-sonarqube-project"), "org:shop");
    assert_eq!(header("x-gatehook-delivery"), "delivery-1");
    assert_eq!(header("x-gatehook-event"), "analysis.completed");
    assert_eq!(header("x-gatehook-attempt"), "1");
    let mut names: Vec<_> = got.headers.keys().map(String::as_str).collect();
    names.sort_unstable();
    assert_eq!(
        names,
        [
            "content-length",
            "content-type",
            "host",
            "user-agent",
            "x-gatehook-attempt",
            "x-gatehook-delivery",
            "x-gatehook-event",
            "x-sonar-webhook-hmac-sha256",
            "x-sonarqube-project",
        ],
        "neither credentials nor an offer to take compressed answers"
    );
}

#[tokio::test]
async fn credentials_of_the_url_become_basic_authentication_and_no_secret_means_no_signature() {
    let receiver = Receiver::start(vec![Answer::Status(204)]).await;
    let url = format!("http://the%40Login:thePassword@{}/", receiver.address);
    assert_eq!(outcome(&sender().send(&call(&url), false).await), "204");
    let got = &receiver.received()[0];
    assert_eq!(got.request, "POST /", "no credentials in the request line");
    assert_eq!(got.headers["authorization"], "Basic dGhlQExvZ2luOnRoZVBhc3N3b3Jk");
    assert_eq!(got.headers["host"], receiver.address.to_string());
    assert!(!got.headers.contains_key("x-sonar-webhook-hmac-sha256"));
}

#[rstest]
#[case::documented("theLogin:thePassword", Some("theLogin:thePassword"))]
#[case::without_a_password("theLogin", Some("theLogin:"))]
#[case::with_an_empty_password("theLogin:", Some("theLogin:"))]
#[case::without_a_user(":hunter2", None)]
#[case::with_nothing("", None)]
#[case::in_any_script("jürgen:größe-hunter2", Some("jürgen:größe-hunter2"))]
#[case::encoded("j%C3%BCrgen:hunter2%3Ab%2Fc%40d%25", Some("jürgen:hunter2:b/c@d%"))]
#[case::with_a_line_break("a%0d%0aX-Evil: hunter2:b", Some("a\r\nX-Evil: hunter2:b"))]
#[tokio::test]
async fn the_user_of_a_url_is_sent_at_once_in_utf_8(#[case] written: &str, #[case] sent: Option<&str>) {
    use base64::Engine as _;
    let receiver = Receiver::start(vec![Answer::Status(200)]).await;
    let url = format!("http://{written}@{}/", receiver.address);
    assert_eq!(outcome(&sender().send(&call(&url), false).await), "200");
    let received = receiver.received();
    assert_eq!(received.len(), 1, "nobody is asked for a challenge first");
    let expected = sent.map(|pair| {
        let encoded = base64::engine::general_purpose::STANDARD.encode(pair);
        format!("Basic {encoded}")
    });
    assert_eq!(received[0].headers.get("authorization"), expected.as_ref());
}

#[rstest]
#[case::error(Answer::Status(500), "500")]
#[case::see_other_is_an_answer(Answer::Head(303, "location: /other".into()), "303")]
#[case::endless(Answer::Endless, "200")]
#[case::closed(Answer::Close, "connection closed before an answer")]
#[case::reset(Answer::Reset, "connection reset before an answer")]
#[case::hangs(Answer::Hang, "no answer within 500 ms")]
#[case::not_http(Answer::Raw(b"SSH-2.0-secret_banner\r\n\r\n".to_vec()), "the answer was not HTTP")]
#[case::no_location(
    Answer::Status(302),
    "Missing HTTP header 'Location' in redirect of http://*:********@{}/x"
)]
#[case::elsewhere(Answer::Head(307, "location: file:///etc/passwd".into()), "Unsupported protocol in redirect of http://*:********@{}/x")]
#[tokio::test]
async fn what_a_receiver_does_is_told_in_our_words_only(#[case] answer: Answer, #[case] expected: &str) {
    let receiver = Receiver::start(vec![answer]).await;
    let sender = sender_with(system(), Duration::from_millis(500));
    let attempt = sender
        .send(&call(&format!("http://u:hunter22@{}/x", receiver.address)), false)
        .await;
    assert_eq!(outcome(&attempt), expected.replace("{}", &receiver.address.to_string()));
    assert_eq!(receiver.received().len(), 1);
}

#[tokio::test]
async fn nobody_listening_and_nobody_found_are_told_apart() {
    let closed = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap();
    let attempt = sender().send(&call(&format!("http://{closed}/")), false).await;
    assert_eq!(outcome(&attempt), "connection refused");
    let nowhere = sender_with(over(OneAddress(None)), Duration::from_secs(10));
    for guarded in [true, false] {
        let attempt = nowhere.send(&call("http://u:hunter22@hooks.example/"), guarded).await;
        assert_eq!(outcome(&attempt), "the host name could not be resolved");
    }
}

#[tokio::test]
async fn a_certificate_that_nobody_vouches_for_is_refused() {
    let address = untrusted_tls();
    let attempt = sender().send(&call(&format!("https://{address}/")), false).await;
    assert_eq!(
        outcome(&attempt),
        "the TLS certificate was not accepted: unknown issuer"
    );
}

#[tokio::test]
async fn a_receiver_without_tls_is_told_from_one_with_a_bad_certificate() {
    let receiver = Receiver::start(vec![Answer::Close]).await;
    let plain = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = plain.local_addr().unwrap();
    let answering = tokio::spawn(async move {
        let (mut stream, _) = plain.accept().await.unwrap();
        tokio::io::AsyncWriteExt::write_all(&mut stream, b"HTTP/1.1 400 Bad Request\r\n\r\n")
            .await
            .unwrap();
        stream
    });
    let attempt = sender().send(&call(&format!("https://{address}/")), false).await;
    assert_eq!(outcome(&attempt), "the TLS handshake failed");
    drop((answering, receiver));
}

#[tokio::test]
async fn inner_addresses_are_not_called_while_the_guard_is_on() {
    let receiver = Receiver::start(vec![Answer::Status(200)]).await;
    let port = receiver.address.port();
    for host in ["127.0.0.1", "2130706433", "0x7f.1", "[::ffff:127.0.0.1]", "localhost"] {
        let attempt = sender().send(&call(&format!("http://{host}:{port}/")), true).await;
        assert_eq!(outcome(&attempt), LOOPBACK, "{host}");
    }
    assert!(receiver.received().is_empty());
}

#[tokio::test]
async fn a_url_that_no_request_can_carry_fails_in_our_words() {
    let attempt = sender().send(&call("http://me:hunter22@a{b}.example/"), false).await;
    assert_eq!(outcome(&attempt), "the URL cannot be called");
}

#[tokio::test]
async fn a_name_that_turns_to_an_inner_address_is_not_called() {
    let receiver = Receiver::start(vec![Answer::Status(200)]).await;
    let url = format!("http://hooks.example:{}/", receiver.address.port());
    let rebound = over(OneAddress(Some(receiver.address.ip())));
    let sender = sender_with(rebound, Duration::from_secs(10));
    // Without the guard it is called, and its connection stays open; the guard must not take that one over.
    assert_eq!(outcome(&sender.send(&call(&url), false).await), "200");
    assert_eq!(outcome(&sender.send(&call(&url), true).await), LOOPBACK);
    assert_eq!(receiver.received().len(), 1);
}

#[rstest]
#[case::by_address("127.0.0.2")]
#[case::by_name("inner.example")]
#[tokio::test]
async fn a_redirect_to_an_inner_address_is_not_followed_while_the_guard_is_on(#[case] inner: &str) {
    // Receivers of tests have inner addresses themselves, so one of them is allowed.
    let guard = over(OneAddress(Some([127, 0, 0, 2].into())));
    guard.allow(Some("127.0.0.1"));
    let receiver = Receiver::start(vec![Answer::Head(307, format!("location: http://{inner}:1/"))]).await;
    let sender = sender_with(guard, Duration::from_secs(10));
    let attempt = sender.send(&call(&receiver.url("/")), true).await;
    assert_eq!(outcome(&attempt), LOOPBACK);
    assert_eq!(
        outcome(&sender.send(&call(&receiver.url("/")), false).await),
        "connection refused"
    );
}
