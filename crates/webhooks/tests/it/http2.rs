//! Receivers that speak HTTP/2 and give calls or connections up.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use gatehook_testkit::authority::Authority;
use h2::Reason;
use hyper::Response;
use rstest::rstest;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use crate::sender::{call, outcome};
use crate::tls::{sender, trusting};

/// What becomes of a call.
#[derive(Debug, Clone, Copy)]
enum Fate {
    Answered,
    Reset(Reason),
    /// The receiver goes away, and closes the connection.
    GoneAway,
    /// It closes the connection without a word.
    Closed,
}

#[derive(Default)]
struct Seen {
    connections: AtomicUsize,
    calls: AtomicUsize,
    fates: Mutex<VecDeque<Fate>>,
}

async fn receiver(authority: &Authority, fates: &[Fate]) -> (String, Arc<Seen>) {
    let acceptor = TlsAcceptor::from(Arc::new(authority.server("hooks.example")));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://hooks.example:{}/", listener.local_addr().unwrap().port());
    let seen = Arc::new(Seen {
        fates: Mutex::new(fates.iter().copied().collect()),
        ..Seen::default()
    });
    let all = Arc::clone(&seen);
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            tokio::spawn(serve(acceptor.clone(), stream, Arc::clone(&all)));
        }
    });
    (url, seen)
}

async fn serve(acceptor: TlsAcceptor, stream: TcpStream, seen: Arc<Seen>) {
    let stream = acceptor.accept(stream).await.unwrap();
    seen.connections.fetch_add(1, Ordering::SeqCst);
    let mut connection = h2::server::handshake(stream).await.unwrap();
    while let Some(Ok((_, mut answer))) = connection.accept().await {
        seen.calls.fetch_add(1, Ordering::SeqCst);
        let fate = seen.fates.lock().unwrap().pop_front();
        match fate.unwrap_or(Fate::Answered) {
            Fate::Answered => {
                answer.send_response(Response::new(()), true).unwrap();
            }
            Fate::Reset(reason) => answer.send_reset(reason),
            Fate::GoneAway => connection.abrupt_shutdown(Reason::NO_ERROR),
            Fate::Closed => return,
        }
    }
}

#[rstest]
#[case::refuses_the_call(Fate::Reset(Reason::REFUSED_STREAM))]
#[case::goes_away(Fate::GoneAway)]
#[case::closes(Fate::Closed)]
#[tokio::test]
async fn a_call_that_a_receiver_did_not_look_at_is_made_once_more_on_a_new_connection(#[case] fate: Fate) {
    let authority = Authority::new();
    let (url, seen) = receiver(&authority, &[Fate::Answered, fate]).await;
    let sender = sender(trusting(&authority));
    for _ in 0..2 {
        assert_eq!(outcome(&sender.send(&call(&url), false).await), "200");
    }
    assert_eq!(seen.calls.load(Ordering::SeqCst), 3);
    assert_eq!(seen.connections.load(Ordering::SeqCst), 2);

    seen.fates.lock().unwrap().extend([fate, fate]);
    assert!(sender.send(&call(&url), false).await.error.is_some());
    assert_eq!(seen.calls.load(Ordering::SeqCst), 5, "once");
}

#[tokio::test]
async fn a_call_that_a_receiver_broke_off_is_not_made_twice_at_once() {
    let authority = Authority::new();
    let (url, seen) = receiver(&authority, &[Fate::Answered, Fate::Reset(Reason::INTERNAL_ERROR)]).await;
    let sender = sender(trusting(&authority));
    sender.send(&call(&url), false).await;
    let broken = sender.send(&call(&url), false).await;
    assert_eq!(outcome(&broken), "connection reset before an answer");
    assert_eq!(seen.calls.load(Ordering::SeqCst), 2);
    // The connection is as good as before.
    assert_eq!(outcome(&sender.send(&call(&url), false).await), "200");
    assert_eq!(seen.connections.load(Ordering::SeqCst), 1);
}
