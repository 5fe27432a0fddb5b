//! How long a call may take, and how long it took: the time that timers see is moved, so nobody waits.

use std::sync::Arc;
use std::time::Duration;

use gatehook_domain::ambient::{Clock as _, ManualClock};
use gatehook_domain::webhook::Attempt;
use gatehook_webhooks::Guard;
use gatehook_webhooks::sender::{Sender, SenderConfig};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::{Instant, advance, pause, resume};

use crate::sender::{BODY, call, clocked, outcome};

/// A receiver that answers when the test says so.
struct Waiting {
    listener: TcpListener,
    calling: JoinHandle<Attempt>,
    clock: Arc<ManualClock>,
}

impl Waiting {
    /// A call to it, with the limits of normal operation.
    async fn called() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (clock, ambient) = clocked();
        let sender = Sender::new(SenderConfig::new("0", Guard::system(&ambient)), ambient).unwrap();
        let call = call(&format!("http://{}/", listener.local_addr().unwrap()));
        let calling = tokio::spawn(async move { sender.send(&call, false).await });
        Self {
            listener,
            calling,
            clock,
        }
    }

    /// Takes the next call, whole.
    async fn take(&self) -> TcpStream {
        let (mut stream, _) = self.listener.accept().await.unwrap();
        let mut text = Vec::new();
        while !text.ends_with(BODY) {
            assert_ne!(stream.read_buf(&mut text).await.unwrap(), 0);
        }
        stream
    }
}

/// Moves the time on. It is only held for that: while it is, everything that waits for a socket would run into its limit.
pub(crate) async fn seconds_pass(seconds: u64) {
    pause();
    advance(Duration::from_secs(seconds)).await;
    resume();
}

async fn redirect(mut stream: TcpStream) {
    let answer = b"HTTP/1.1 307 X\r\nlocation: /next\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    stream.write_all(answer).await.unwrap();
}

#[tokio::test]
async fn a_call_has_ten_seconds_and_its_redirect_the_rest_of_them() {
    let receiver = Waiting::called().await;
    let first = receiver.take().await;
    seconds_pass(5).await;
    redirect(first).await;
    let _second = receiver.take().await;
    // Nothing comes any more, so the time goes on to the next limit by itself.
    pause();
    let attempt = receiver.calling.await.unwrap();
    assert_eq!(outcome(&attempt), "no answer within 10 s");
    assert!(
        (10_000..15_000).contains(&attempt.duration_ms),
        "not five seconds and ten more: {attempt:?}"
    );
}

#[tokio::test]
async fn the_time_of_a_call_is_that_of_both_its_parts() {
    let receiver = Waiting::called().await;
    let first = receiver.take().await;
    let begun = receiver.clock.now();
    receiver.clock.advance(Duration::from_secs(2));
    seconds_pass(2).await;
    redirect(first).await;
    let mut second = receiver.take().await;
    seconds_pass(3).await;
    second
        .write_all(b"HTTP/1.1 200 X\r\ncontent-length: 0\r\n\r\n")
        .await
        .unwrap();
    let attempt = receiver.calling.await.unwrap();
    assert_eq!((outcome(&attempt).as_str(), attempt.at), ("200", begun));
    assert!((5_000..10_000).contains(&attempt.duration_ms), "{attempt:?}");
}

#[tokio::test]
async fn an_answer_counts_whose_body_comes_byte_by_byte_and_is_not_awaited_for_long() {
    let receiver = Waiting::called().await;
    let mut stream = receiver.take().await;
    stream
        .write_all(b"HTTP/1.1 200 X\r\ncontent-length: 1000\r\n\r\n")
        .await
        .unwrap();
    let dripping = tokio::spawn(async move {
        while stream.write_all(b"x").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    });
    let begun = Instant::now();
    pause();
    let attempt = receiver.calling.await.unwrap();
    let took = begun.elapsed();
    assert_eq!(outcome(&attempt), "200");
    assert!(took < Duration::from_secs(5), "the whole body takes 100 s: {took:?}");
    dripping.abort();
}

#[tokio::test]
async fn of_a_body_that_does_not_end_little_is_read() {
    let receiver = Waiting::called().await;
    let mut stream = receiver.take().await;
    stream.write_all(b"HTTP/1.1 200 X\r\n\r\n").await.unwrap();
    let mut written = 0;
    while let Ok(count) = stream.write(&[b'x'; 8192]).await {
        written += count;
        // Besides what is read there is what the system holds on both sides.
        assert!(written < 8 << 20, "{written}");
    }
    assert_eq!(outcome(&receiver.calling.await.unwrap()), "200");
}
