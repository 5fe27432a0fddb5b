//! Connections that do not come about, made by what Linux does when a listener's queue is full.

use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use gatehook_domain::webhook::Attempt;
use gatehook_webhooks::Guard;
use gatehook_webhooks::names::{Answer as Told, Lookup, Network};
use gatehook_webhooks::sender::TIME_LIMIT;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use crate::limits::seconds_pass;
use crate::receiver::{Answer, Receiver};
use crate::sender::{call, clocked, outcome, sender_with};

/// A listener that takes no more connections: the system drops what asks for one. What fills its queue is kept with it.
async fn full(address: SocketAddr) -> (TcpListener, Vec<JoinHandle<io::Result<TcpStream>>>) {
    let socket = if address.is_ipv4() {
        TcpSocket::new_v4().unwrap()
    } else {
        TcpSocket::new_v6().unwrap()
    };
    socket.bind(address).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    let waiting = (0..8).map(|_| tokio::spawn(TcpStream::connect(address))).collect();
    // Each of them asks when it is polled first.
    tokio::task::yield_now().await;
    (listener, waiting)
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_does_not_come_about_ends_before_the_limit_of_the_call() {
    let (listener, _waiting) = full("127.0.0.1:0".parse().unwrap()).await;
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let guard = Guard::system(&clocked().1);
    let attempt = sender_with(guard, TIME_LIMIT).send(&call(&url), false).await;
    assert_eq!(outcome(&attempt), "the connection timed out");
    assert!((8_000..10_000).contains(&attempt.duration_ms), "{attempt:?}");
}

/// A network in which every name has these addresses, and which says when it is asked.
struct Addresses(Vec<IpAddr>, Arc<Notify>);

impl Network for Addresses {
    fn lookup(&self, _: &str) -> Lookup {
        self.1.notify_one();
        let found = Told {
            addresses: self.0.clone(),
            lifetime: Duration::from_mins(1),
        };
        Box::pin(async move { Ok(found) })
    }

    fn own_addresses(&self) -> io::Result<Vec<IpAddr>> {
        Ok(vec![])
    }
}

/// A call to a name with two addresses, of which the first takes no connections and the second is the receiver's. Given when
/// the first has been tried; what comes last keeps it as it is.
async fn behind(silent: IpAddr) -> (Receiver, JoinHandle<Attempt>, impl Sized) {
    let receiver = Receiver::start(vec![Answer::Status(200)]).await;
    let port = receiver.address.port();
    let full = full(SocketAddr::new(silent, port)).await;
    let asked = Arc::new(Notify::new());
    let network = Addresses(vec![silent, receiver.address.ip()], Arc::clone(&asked));
    let guard = Guard::over(Arc::new(network), &clocked().1);
    let calling = tokio::spawn(async move {
        let call = call(&format!("http://two.example:{port}/"));
        sender_with(guard, TIME_LIMIT).send(&call, false).await
    });
    asked.notified().await;
    // From the name to the first connection nothing waits for anything outside of this thread.
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    (receiver, calling, full)
}

#[tokio::test]
async fn an_address_that_never_answers_leaves_time_for_the_next_one() {
    let (receiver, calling, _full) = behind([127, 0, 0, 2].into()).await;
    assert!(receiver.received().is_empty());
    seconds_pass(5).await;
    assert_eq!(outcome(&calling.await.unwrap()), "200");
}

#[tokio::test]
async fn a_receiver_that_cannot_be_reached_over_ipv6_is_called_over_ipv4_a_moment_later() {
    if std::net::TcpListener::bind("[::1]:0").is_err() {
        // This machine has no IPv6.
        return;
    }
    let (_receiver, calling, _full) = behind(Ipv6Addr::LOCALHOST.into()).await;
    seconds_pass(1).await;
    assert_eq!(outcome(&calling.await.unwrap()), "200");
}
