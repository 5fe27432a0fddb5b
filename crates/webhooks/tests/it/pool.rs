//! Connections that are kept open between calls.

use gatehook_webhooks::sender::Call;
use rstest::rstest;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::limits::seconds_pass;
use crate::receiver::{Answer, Connections, Receiver};
use crate::sender::{call, outcome, sender};

fn with_body() -> Answer {
    Answer::Go(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nyes\r\n0\r\n\r\n".to_vec())
}

#[rstest]
#[case::without_a_body(Answer::Status(200))]
#[case::with_a_body(with_body())]
#[case::with_an_error(Answer::Go(b"HTTP/1.1 500 No\r\ncontent-length: 3\r\n\r\nsad".to_vec()))]
#[tokio::test]
async fn calls_one_after_the_other_share_a_connection(#[case] answer: Answer) {
    let receiver = Receiver::start(vec![answer]).await;
    let sender = sender();
    for _ in 0..5 {
        sender.send(&call(&receiver.url("/")), false).await;
    }
    assert_eq!(receiver.received().len(), 5);
    assert_eq!(receiver.connections(), Connections { opened: 1, closed: 0 });
}

#[tokio::test]
async fn a_connection_carries_one_call_at_a_time() {
    let receiver = Receiver::start(vec![Answer::Hang, Answer::Status(200)]).await;
    let sender = sender();
    let url = receiver.url("/");
    let hanging = {
        let (sender, call) = (sender.clone(), call(&url));
        tokio::spawn(async move { sender.send(&call, false).await })
    };
    receiver.wait_for(1).await;
    assert_eq!(outcome(&sender.send(&call(&url), false).await), "200");
    assert_eq!(receiver.connections().opened, 2);
    // Whoever gives a call up closes its connection: an answer that comes late must not be taken for that of the next.
    hanging.abort();
    let _ = hanging.await;
    assert_eq!(outcome(&sender.send(&call(&url), false).await), "200");
    assert_eq!(receiver.connections().opened, 2);
}

#[tokio::test]
async fn a_receiver_that_wants_no_more_calls_on_a_connection_gets_none() {
    let closing = b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
    let receiver = Receiver::start(vec![Answer::Go(closing.to_vec())]).await;
    let sender = sender();
    for _ in 0..3 {
        assert_eq!(outcome(&sender.send(&call(&receiver.url("/")), false).await), "200");
    }
    receiver.wait_for_closed(3).await;
    assert_eq!(receiver.connections(), Connections { opened: 3, closed: 3 });
}

#[tokio::test]
async fn what_comes_without_having_been_asked_for_is_no_answer_to_the_next_call() {
    let twice = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\nHTTP/1.1 404 No\r\ncontent-length: 0\r\n\r\n";
    let receiver = Receiver::start(vec![Answer::Go(twice.to_vec()), Answer::Status(204)]).await;
    let sender = sender();
    assert_eq!(outcome(&sender.send(&call(&receiver.url("/")), false).await), "200");
    assert_eq!(outcome(&sender.send(&call(&receiver.url("/")), false).await), "204");
}

#[tokio::test]
async fn a_connection_that_nobody_uses_is_closed_after_a_while() {
    let receiver = Receiver::start(vec![Answer::Status(200)]).await;
    let sender = sender();
    let url = receiver.url("/");
    sender.send(&call(&url), false).await;
    seconds_pass(20).await;
    sender.send(&call(&url), false).await;
    seconds_pass(20).await;
    assert_eq!(receiver.connections(), Connections { opened: 1, closed: 0 });
    seconds_pass(30).await;
    receiver.wait_for_closed(1).await;
    assert_eq!(outcome(&sender.send(&call(&url), false).await), "200");
    assert_eq!(receiver.connections(), Connections { opened: 2, closed: 1 });
}

#[rstest]
#[case::closes(Answer::Close)]
#[case::resets(Answer::Reset)]
#[tokio::test]
async fn a_call_over_an_open_connection_that_breaks_is_made_once_more_at_once(#[case] broken: Answer) {
    let well = Answer::Status(200);
    let receiver = Receiver::start(vec![well.clone(), broken.clone(), well.clone()]).await;
    let sender = sender();
    let url = receiver.url("/");
    for calls in [1, 3] {
        assert_eq!(outcome(&sender.send(&call(&url), false).await), "200");
        assert_eq!(receiver.received().len(), calls);
    }

    receiver.answers_from_now_on(broken.clone());
    assert!(sender.send(&call(&url), false).await.error.is_some());
    assert_eq!(receiver.received().len(), 5, "once");

    assert!(sender.send(&call(&url), false).await.error.is_some());
    assert_eq!(receiver.received().len(), 6, "a new connection is not suspected");
}

#[tokio::test]
async fn an_answer_that_comes_early_does_not_cut_the_payload_off() {
    const SIZE: usize = 16 << 20;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let receiving = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let (mut sizes, mut read) = (Vec::new(), Vec::new());
        for _ in 0..2 {
            let head = loop {
                if let Some(end) = read.windows(4).position(|window| window == b"\r\n\r\n") {
                    break end + 4;
                }
                stream.read_buf(&mut read).await.unwrap();
            };
            stream
                .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
                .await
                .unwrap();
            while read.len() < head + SIZE && stream.read_buf(&mut read).await.unwrap() > 0 {
                tokio::task::yield_now().await;
            }
            let end = read.len().min(head + SIZE);
            sizes.push(end - head);
            read.drain(..end);
        }
        sizes
    });
    let sender = sender();
    let large = Call {
        body: vec![b'x'; SIZE].into(),
        ..call(&url)
    };
    for _ in 0..2 {
        assert_eq!(outcome(&sender.send(&large, false).await), "200");
    }
    assert_eq!(receiving.await.unwrap(), [SIZE; 2], "on one connection");
}

#[tokio::test]
async fn a_redirect_costs_no_connection() {
    let moved = b"HTTP/1.1 308 X\r\nlocation: /next\r\ncontent-length: 5\r\n\r\nmoved";
    let receiver = Receiver::start(vec![Answer::Go(moved.to_vec()), Answer::Status(200)]).await;
    let attempt = sender().send(&call(&receiver.url("/")), false).await;
    assert_eq!(outcome(&attempt), "200");
    assert_eq!(receiver.received().len(), 2);
    assert_eq!(receiver.connections().opened, 1);
}
