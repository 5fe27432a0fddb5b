//! The receiver for developers: what it tells of a call, and how it misbehaves.

use gatehook_webhooks::signature::{SIGNATURE_HEADER, sign};
use secrecy::SecretString;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::harness::SECRET;
use crate::listener::Listener;

const BODY: &str = r#"{"status":"SUCCESS"}"#;

fn post(url: &str) -> reqwest::RequestBuilder {
    let client = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .build();
    client.unwrap().post(url).body(BODY)
}

#[tokio::test]
async fn it_answers_with_the_codes_in_turn_tells_what_signatures_are_worth_and_ends() {
    let listener = Listener::start(&["--status", "503,204", "--count", "3"]);
    let good = sign(&SecretString::from(SECRET), BODY.as_bytes());
    let mut answers = Vec::new();
    let mut told = Vec::new();
    for signature in [Some(good.as_str()), Some("00"), None] {
        let mut request = post(&format!("{}ci", listener.url));
        if let Some(signature) = signature {
            request = request.header(SIGNATURE_HEADER, signature);
        }
        answers.push(request.send().await.unwrap().status().as_u16());
        told.push(listener.next().await.unwrap());
    }
    assert_eq!(answers, [503, 204, 503]);
    let signatures: Vec<_> = told.iter().map(|call| call["signature"].as_str().unwrap()).collect();
    assert_eq!(signatures, ["valid", "WRONG", "absent"]);
    assert_eq!(
        (&told[0]["path"], &told[0]["body"], &told[0]["status"]),
        (&"/ci".into(), &BODY.into(), &503.into())
    );
    assert_eq!(listener.ended().await, Some(0));
}

#[tokio::test]
async fn it_breaks_connections_off_when_it_is_told_to() {
    for (when, path) in [("accept", None), ("call", Some("/")), ("answer", Some("/"))] {
        let listener = Listener::start(&["--reset", when]);
        let failed = post(&listener.url).send().await;
        assert!(failed.is_err(), "{when}: {failed:?}");
        let told = listener.next().await.unwrap();
        assert_eq!(told["behaviour"], "reset", "{when}");
        assert_eq!(told["path"].as_str(), path, "{when}");
    }
}

#[tokio::test]
async fn it_waits_before_it_answers_when_it_is_told_to() {
    let listener = Listener::start(&["--delay", "300", "--status", "202"]);
    let begun = std::time::Instant::now();
    assert_eq!(post(&listener.url).send().await.unwrap().status(), 202);
    assert!(begun.elapsed() >= std::time::Duration::from_millis(300));
    assert_eq!(listener.next().await.unwrap()["status"], 202);
}

#[tokio::test]
async fn it_sends_callers_elsewhere() {
    let listener = Listener::start(&["--redirect", "http://127.0.0.1:1/x"]);
    let answer = post(&listener.url).send().await.unwrap();
    assert_eq!(answer.status(), 307);
    assert_eq!(answer.headers()["location"], "http://127.0.0.1:1/x");
}

#[tokio::test]
async fn it_sends_a_body_that_does_not_end() {
    let listener = Listener::start(&["--endless"]);
    let mut answer = post(&listener.url).send().await.unwrap();
    let mut read = 0;
    while read < 8 * 1024 * 1024 {
        read += answer.chunk().await.unwrap().expect("there is always more").len();
    }
}

#[tokio::test]
async fn it_answers_byte_by_byte_or_not_at_all() {
    let request = format!(
        "POST / HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n{BODY}",
        BODY.len()
    );
    let slow = Listener::start(&["--slow"]);
    let hanging = Listener::start(&["--hang"]);
    let connect = async |listener: &Listener| {
        let address = listener.url.trim_start_matches("http://").trim_end_matches('/');
        let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        stream
    };
    let mut silent = connect(&hanging).await;
    let mut stream = connect(&slow).await;
    let mut buffer = [0; 64];
    let first = stream.read(&mut buffer).await.unwrap();
    let second = stream.read(&mut buffer[first..]).await.unwrap();
    let head = &buffer[..first + second];
    assert!(
        head.len() < 40 && b"HTTP/1.1 200 OK".starts_with(&head[..head.len().min(15)]),
        "{head:?}"
    );
    // In the time of two slow bytes, the other has taken its call and said nothing.
    assert_eq!(hanging.next().await.unwrap()["behaviour"], "hang");
    let answered = tokio::time::timeout(std::time::Duration::ZERO, silent.read(&mut buffer)).await;
    assert!(answered.is_err(), "{answered:?}");
}
