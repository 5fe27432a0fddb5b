//! The one redirect that is followed, and what it takes along.

use std::sync::Arc;

use gatehook_domain::Timestamp;
use gatehook_domain::webhook::{CustomHeader, Format, FormatKind, FormatParts, HookOptions, PreviousSecret};
use gatehook_testkit::authority::Authority;
use gatehook_webhooks::sender::Call;
use gatehook_webhooks::signature::sign;
use rstest::rstest;
use secrecy::SecretString;
use tokio::net::TcpListener;

use crate::engine::House;
use crate::receiver::{Answer, Receiver};
use crate::sender::{BODY, call, call_with, outcome, sender};
use crate::tls::{self, TlsReceiver};

/// What another origin is not to have.
const OWN: [&str; 2] = ["authorization", "x-sonar-webhook-hmac-sha256"];
/// What tells the call, and is no secret.
const PUBLIC: [&str; 6] = [
    "content-type",
    "user-agent",
    "x-sonarqube-project",
    "x-gatehook-delivery",
    "x-gatehook-event",
    "x-gatehook-attempt",
];

/// A call with everything that only its receiver is to have.
fn confidential(url: &str) -> Call {
    let secret = SecretString::from("hunter2-01234567");
    let mut call = call_with(url, Some(&secret));
    let options = &mut Arc::make_mut(&mut call.webhook).options;
    options.headers = vec![CustomHeader::parse("X-Api-Key", "hunter22").unwrap()];
    options.standard_webhooks = true;
    options.previous_secret = Some(PreviousSecret {
        secret: "76543210-hunter2".into(),
        valid_until: Timestamp::from_millis(i64::MAX),
    });
    call
}

#[rstest]
#[tokio::test]
async fn a_redirect_within_the_receiver_is_followed_once_with_the_same_post(#[values(301, 302, 307, 308)] status: u16) {
    let answers = vec![
        Answer::Head(status, "location: ../b?c=d#e".into()),
        Answer::Head(302, "location: /again".into()),
    ];
    let receiver = Receiver::start(answers).await;
    let url = format!("http://u:hunter2@{}/a/x/", receiver.address);
    let answer = outcome(&sender().send(&confidential(&url), false).await);
    assert_eq!(answer, "302", "the second redirect is an answer");
    let received = receiver.received();
    assert_eq!(received.len(), 2);
    let (first, second) = (&received[0], &received[1]);
    assert_eq!(second.request, "POST /a/b?c=d");
    assert_eq!(second.body, BODY);
    for name in PUBLIC.iter().chain(&OWN) {
        assert_eq!(first.headers[*name], second.headers[*name], "{name}");
    }
}

#[rstest]
#[tokio::test]
async fn another_origin_gets_the_call_without_credentials_and_signatures(#[values(301, 302, 307, 308)] status: u16) {
    let target = Receiver::start(vec![Answer::Status(200)]).await;
    // The same host with another port is another origin; and a receiver does not choose the credentials of a call.
    let location = format!("location: http://evil:hunter2@{}/moved", target.address);
    let receiver = Receiver::start(vec![Answer::Head(status, location)]).await;
    let url = format!("http://u:hunter2@{}/", receiver.address);
    let answer = outcome(&sender().send(&confidential(&url), false).await);
    assert_eq!(answer, "200");
    let (first, second) = (&receiver.received()[0], &target.received()[0]);
    assert_eq!((second.request.as_str(), second.body.as_slice()), ("POST /moved", BODY));
    for name in PUBLIC {
        assert_eq!(first.headers[name], second.headers[name], "{name}");
    }
    let allowed =
        |name: &&String| !PUBLIC.contains(&name.as_str()) && !["host", "content-length"].contains(&name.as_str());
    assert_eq!(second.headers.keys().filter(allowed).count(), 0, "{:?}", second.headers);
    assert_eq!(second.headers["host"], target.address.to_string());
}

#[rstest]
#[case::upwards("http", "https")]
#[case::downwards("https", "http")]
#[case::neither("https", "https")]
#[tokio::test]
async fn the_other_scheme_is_another_origin_also_on_the_same_host_and_port(#[case] from: &str, #[case] to: &str) {
    let authority = Authority::new();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let location = format!("{to}://hooks.example:{port}/moved");
    let receiver = TlsReceiver::on(listener, authority.server("hooks.example"), tls::redirecting(location));
    let url = format!("{from}://u:hunter2@hooks.example:{port}/");
    let sender = tls::sender(tls::trusting(&authority));
    assert_eq!(outcome(&sender.send(&confidential(&url), false).await), "200");
    let [first, second] = receiver.received().try_into().unwrap();
    assert_eq!((first.scheme, first.path.as_str()), (from, "/"));
    assert_eq!((second.scheme, second.path.as_str()), (to, "/moved"));
    assert_eq!(second.body, BODY);
    for name in PUBLIC {
        assert_eq!(first.headers[name], second.headers[name], "{name}");
    }
    for name in OWN
        .iter()
        .chain(&["x-api-key", "x-gatehook-signature-previous", "webhook-signature"])
    {
        let expected = (from == to).then(|| &first.headers[*name]);
        assert_eq!(second.headers.get(*name), expected, "{name}");
    }
}

#[rstest]
#[tokio::test]
async fn other_redirects_are_answers(#[values(300, 303, 304, 305, 306, 399)] status: u16) {
    let receiver = Receiver::start(vec![Answer::Head(status, "location: /b".into())]).await;
    let attempt = sender().send(&call(&receiver.url("/a")), false).await;
    assert_eq!((outcome(&attempt), attempt.succeeded()), (status.to_string(), false));
    assert_eq!(receiver.received().len(), 1);
}

#[rstest]
#[case::other_scheme("ftp://u:hunter22@elsewhere.example/x")]
#[case::no_url("http://[")]
#[case::no_host("http://")]
#[case::no_text("/\u{e9}")]
#[tokio::test]
async fn a_redirect_that_cannot_be_followed_is_told_without_its_target(#[case] location: &str) {
    // Each character is one byte here, which is no UTF-8 beyond ASCII.
    let bytes = format!("HTTP/1.1 307 X\r\nlocation: {location}\r\ncontent-length: 0\r\n\r\n");
    let bytes = bytes.chars().map(|letter| u8::try_from(letter).unwrap()).collect();
    let receiver = Receiver::start(vec![Answer::Raw(bytes)]).await;
    let url = format!("http://me:hunter22@{}/a?b=c", receiver.address);
    let attempt = sender().send(&call(&url), false).await;
    let shown = format!("http://**:********@{}/a?b=c", receiver.address);
    assert_eq!(
        attempt.error.unwrap(),
        format!("Unsupported protocol in redirect of {shown}")
    );
}

#[tokio::test]
async fn a_location_may_have_any_letters() {
    let receiver = Receiver::start(vec![
        Answer::Head(308, "location: grün/b c?d=ä".into()),
        Answer::Status(200),
    ])
    .await;
    let attempt = sender().send(&call(&receiver.url("/a/x")), false).await;
    assert_eq!(outcome(&attempt), "200");
    assert_eq!(receiver.received()[1].request, "POST /a/gr%C3%BCn/b%20c?d=%C3%A4");
}

#[tokio::test]
async fn the_record_of_a_redirected_call_names_the_url_of_the_webhook_and_the_last_answer() {
    let house = House::new().await;
    let target = Receiver::start(vec![Answer::Status(204)]).await;
    let location = format!("location: http://x:hunter2@{}/moved?token=hunter22", target.address);
    let receiver = Receiver::start(vec![Answer::Head(307, location)]).await;
    let url = format!("http://robot:hunter22@{}/hook", receiver.address);
    house.add_webhook("a", url, false).await;
    let engine = house.engine();
    house.happen("one").await;
    engine.wake();
    let kept = house.settled().await.remove(0);
    engine.stop().await;
    assert_eq!(kept.url, format!("http://*****:********@{}/hook", receiver.address));
    let last = kept.last.unwrap();
    assert_eq!((last.http_status, last.error), (Some(204), None));
    assert_eq!(target.received()[0].body, receiver.received()[0].body);
}

#[tokio::test]
async fn what_a_webhook_asks_for_goes_with_its_calls_and_to_no_other_origin() {
    let secret = SecretString::from("hunter2-01234567");
    let target = Receiver::start(vec![Answer::Status(200)]).await;
    let location = format!("location: http://{}/moved", target.address);
    let receiver = Receiver::start(vec![Answer::Head(307, location)]).await;
    let parts = FormatParts {
        token: Some("github-token-hunter2".into()),
        ..FormatParts::default()
    };
    let mut call = call_with(&receiver.url("/repos/o/r?x=1"), Some(&secret));
    call.path = Some("/statuses/c739069".to_owned());
    let webhook = Arc::make_mut(&mut call.webhook);
    webhook.options = HookOptions {
        headers: vec![CustomHeader::parse("X-Route", "inner hunter2").unwrap()],
        previous_secret: Some(PreviousSecret {
            secret: "76543210-hunter2".into(),
            valid_until: Timestamp::from_millis(i64::MAX),
        }),
        standard_webhooks: true,
        format: Format::new(FormatKind::GitHubStatus, parts).unwrap(),
        ..HookOptions::default()
    };
    assert_eq!(outcome(&sender().send(&call, false).await), "200");
    let (first, second) = (&receiver.received()[0], &target.received()[0]);
    assert_eq!(first.request, "POST /repos/o/r/statuses/c739069?x=1");
    let seconds = "1700000000";
    let expected = [
        ("authorization", "Bearer github-token-hunter2".to_owned()),
        ("x-route", "inner hunter2".to_owned()),
        ("x-sonar-webhook-hmac-sha256", sign(&secret, BODY)),
        ("x-gatehook-signature-previous", sign(&"76543210-hunter2".into(), BODY)),
        ("webhook-id", "delivery-1".to_owned()),
        ("webhook-timestamp", seconds.to_owned()),
    ];
    for (name, value) in expected {
        assert_eq!(first.headers[name], value, "{name}");
        assert!(!second.headers.contains_key(name), "{name}");
    }
    assert_eq!(first.headers["webhook-signature"].split(' ').count(), 2);
    assert!(!second.headers.contains_key("webhook-signature"));
    assert_eq!(second.body, BODY);
}
