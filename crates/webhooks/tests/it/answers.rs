//! Answers: how much of them is taken, and what is kept of them.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use gatehook_domain::setting::WEBHOOK_RETRIES;
use gatehook_testkit::authority::Authority;
use http_body_util::Full;
use hyper::Response;
use hyper::body::Bytes;
use rstest::rstest;

use crate::engine::House;
use crate::receiver::{Answer, Receiver};
use crate::sender::{call, outcome, sender};
use crate::tls::{self, TlsReceiver};

/// Whether any file in a folder has a text in it.
fn is_kept(folder: &Path, text: &str) -> bool {
    std::fs::read_dir(folder).unwrap().any(|file| {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        bytes.windows(text.len()).any(|window| window == text.as_bytes())
    })
}

#[tokio::test]
async fn nothing_of_an_answer_but_its_status_is_kept_or_logged() {
    let house = House::new().await;
    // All that is logged in any test is searched for it.
    let mark = "hunter2-of-an-answer";
    let body = format!(r#"{{"error":"{mark}"}}"#);
    let answer = format!(
        "HTTP/1.1 500 {mark}\r\nx-trace: {mark}\r\nset-cookie: {mark}\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let receiver = Receiver::start(vec![Answer::Raw(answer.into_bytes())]).await;
    house
        .add_webhook("a webhook to look for", receiver.url("/"), false)
        .await;
    house.set(WEBHOOK_RETRIES, "false").await;
    let engine = house.engine();
    house.happen("one").await;
    engine.wake();
    let last = house.settled().await.remove(0).last.unwrap();
    engine.stop().await;
    assert_eq!((last.http_status, last.error), (Some(500), None));
    assert!(is_kept(house.folder.path(), "a webhook to look for"));
    assert!(!is_kept(house.folder.path(), mark));
}

/// So many headers of the same length.
fn headers(count: usize, length: usize) -> String {
    let mut lines = String::new();
    for number in 0..count {
        let _ = write!(lines, "x-{number:03}: {}\r\n", "x".repeat(length - "x-000: \r\n".len()));
    }
    lines
}

const TOO_LARGE: &str = "the head of the answer was too large";

#[rstest]
#[case::large(headers(60, 1024), "200")]
#[case::too_large(headers(90, 1500), TOO_LARGE)]
#[case::one_line(headers(1, 129 * 1024), TOO_LARGE)]
#[case::endless("x: ".to_owned() + &"x".repeat(4 * 1024 * 1024), TOO_LARGE)]
#[case::many(headers(99, 16), "200")]
#[case::too_many(headers(100, 16), TOO_LARGE)]
#[tokio::test]
async fn of_the_head_of_an_answer_some_64_kib_and_100_headers_are_read(
    #[case] headers: String,
    #[case] expected: &str,
) {
    // With the length of the body there is one header more.
    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n{headers}\r\n");
    let receiver = Receiver::start(vec![Answer::Raw(head.into_bytes())]).await;
    assert_eq!(
        outcome(&sender().send(&call(&receiver.url("/")), false).await),
        expected
    );
}

#[rstest]
#[case::large(60, 1000, "200")]
#[case::larger(66, 1000, "the answer was not HTTP/2, or its head was too large")]
#[case::many(200, 10, "200")]
#[tokio::test]
async fn over_http2_a_head_of_over_64_kib_is_no_success_either(
    #[case] count: usize,
    #[case] length: usize,
    #[case] expected: &str,
) {
    let authority = Authority::new();
    let answering = move |_: &str| {
        let mut response = Response::<Full<Bytes>>::default();
        for number in 0..count {
            let name: hyper::header::HeaderName = format!("x-{number:03}").parse().unwrap();
            response.headers_mut().insert(name, "x".repeat(length).parse().unwrap());
        }
        response
    };
    let receiver = TlsReceiver::answering(authority.server("hooks.example"), Arc::new(answering)).await;
    let sender = tls::sender(tls::trusting(&authority));
    let attempt = sender.send(&call(&receiver.url("hooks.example")), false).await;
    assert_eq!(outcome(&attempt), expected);
    assert_eq!(receiver.received().len(), 1);
}
