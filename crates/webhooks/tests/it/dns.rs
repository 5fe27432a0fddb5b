//! Names over a real DNS server: how long they are known, and a server that turns a name to this machine.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use gatehook_domain::webhook::WebhookUrl;
use gatehook_webhooks::guard::Guard;
use gatehook_webhooks::guard::ranges::Kind;
use gatehook_webhooks::names::{Network, SystemNetwork};
use gatehook_webhooks::{GuardError, Sender};
use tokio::net::{TcpListener, UdpSocket};

use crate::receiver::{Answer, Receiver};
use crate::sender::{LOOPBACK, call, clocked, outcome, sender_with};

const PUBLIC: Ipv4Addr = Ipv4Addr::new(93, 184, 216, 34);
const THIS_MACHINE: Ipv4Addr = Ipv4Addr::LOCALHOST;

/// A DNS server: for each question for IPv4 addresses after the other an answer, the last one for ever. An answer is an
/// address and its time to live in seconds, or none, which is a failure of the server.
struct DnsServer {
    address: SocketAddr,
    asked: Arc<AtomicUsize>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for DnsServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl DnsServer {
    async fn start(answers: Vec<Option<(Ipv4Addr, u32)>>) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        let asked = Arc::new(AtomicUsize::new(0));
        let counter = asked.clone();
        let task = tokio::spawn(async move {
            let mut buffer = [0; 512];
            loop {
                let (length, from) = socket.recv_from(&mut buffer).await.unwrap();
                let count = counter.load(Ordering::SeqCst);
                let (reply, counts) = reply(&buffer[..length], *answers.get(count).or(answers.last()).unwrap());
                if counts {
                    counter.fetch_add(1, Ordering::SeqCst);
                }
                socket.send_to(&reply, from).await.unwrap();
            }
        });
        Self { address, asked, task }
    }

    fn network(&self) -> Arc<SystemNetwork> {
        Arc::new(SystemNetwork::with_server(self.address))
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

/// The reply to a question, and whether it was one for IPv4 addresses, which are the ones that count.
fn reply(question: &[u8], answer: Option<(Ipv4Addr, u32)>) -> (Vec<u8>, bool) {
    let name_end = 12 + question[12..].iter().position(|byte| *byte == 0).unwrap() + 1;
    let of_v4 = question[name_end..name_end + 2] == [0, 1];
    let failed = answer.is_none();
    let records = u8::from(of_v4 && !failed);
    // The id; a response with recursion, SERVFAIL or not; one question and perhaps one answer.
    let mut reply = question[..2].to_vec();
    reply.extend([0x81, if failed { 0x82 } else { 0x80 }, 0, 1, 0, records, 0, 0, 0, 0]);
    reply.extend(&question[12..name_end + 4]);
    if let (Some((address, lifetime)), true) = (answer, of_v4) {
        reply.extend([0xc0, 12, 0, 1, 0, 1]);
        reply.extend(lifetime.to_be_bytes());
        reply.extend([0, 4]);
        reply.extend(address.octets());
    }
    (reply, of_v4)
}

#[tokio::test]
async fn a_name_is_known_as_long_as_its_server_says() {
    let server = DnsServer::start(vec![Some((PUBLIC, 77))]).await;
    let answer = server.network().lookup("hooks.example").await.unwrap();
    assert_eq!(answer.addresses, [IpAddr::from(PUBLIC)]);
    assert_eq!(answer.lifetime, Duration::from_secs(77));
}

#[tokio::test]
async fn a_server_is_asked_again_when_the_time_to_live_is_over() {
    let server = DnsServer::start(vec![Some((PUBLIC, 30)), Some((THIS_MACHINE, 30))]).await;
    let (clock, ambient) = clocked();
    let guard = Guard::over(server.network(), &ambient);
    let url = WebhookUrl::parse("http://hooks.example/").unwrap();
    let mut verdicts = Vec::new();
    for wait in [0, 29, 1] {
        clock.advance(Duration::from_secs(wait));
        verdicts.push(guard.check_url_now(&url).await);
    }
    assert_eq!(verdicts, [Ok(()), Ok(()), Err(GuardError::Forbidden(Kind::Loopback))]);
    assert_eq!(server.asked(), 2);
}

#[tokio::test]
async fn a_server_that_fails_and_comes_back_is_believed_again_before_the_first_retry() {
    // The first look-up asks at most four times.
    let server = DnsServer::start(vec![None, None, None, None, Some((THIS_MACHINE, 30))]).await;
    let (clock, ambient) = clocked();
    let receiver = Receiver::start(vec![Answer::Status(200)]).await;
    let guard = Guard::over(server.network(), &ambient);
    guard.allow(Some("hooks.example"));
    let sender = sender_with(guard, Duration::from_secs(10));
    let url = format!("http://hooks.example:{}/", receiver.address.port());
    let mut outcomes = vec![outcome(&sender.send(&call(&url), true).await)];
    while outcomes.last().unwrap() != "200" && outcomes.len() < 6 {
        // The first pause between attempts is at least four seconds.
        clock.advance(Duration::from_secs(4));
        outcomes.push(outcome(&sender.send(&call(&url), true).await));
    }
    assert_eq!(outcomes.first().unwrap(), "the host name could not be resolved");
    assert_eq!(outcomes.last().unwrap(), "200");
}

/// Two receivers on one port: one that may be called, and one on an address that may not.
async fn two_receivers(answers: Vec<Answer>) -> (Receiver, Receiver) {
    loop {
        let allowed = TcpListener::bind("127.0.0.2:0").await.unwrap();
        let port = allowed.local_addr().unwrap().port();
        if let Ok(inner) = TcpListener::bind(("127.0.0.1", port)).await {
            return (
                Receiver::start_on(allowed, answers),
                Receiver::start_on(inner, vec![Answer::Status(200)]),
            );
        }
    }
}

#[tokio::test]
async fn a_name_that_is_turned_to_this_machine_after_it_was_checked_does_not_lead_here() {
    let server = DnsServer::start(vec![Some((PUBLIC, 0)), Some((THIS_MACHINE, 0))]).await;
    let (clock, ambient) = clocked();
    let receiver = Receiver::start(vec![Answer::Status(200)]).await;
    let guard = Guard::over(server.network(), &ambient);
    let url = format!("http://rebound.example:{}/", receiver.address.port());
    let saved = guard.check_url_now(&WebhookUrl::parse(&url).unwrap()).await;
    assert_eq!(saved, Ok(()), "the name is a public one when the webhook is written");
    clock.advance(Duration::from_secs(1));
    let sender: Sender = sender_with(guard, Duration::from_secs(10));
    assert_eq!(outcome(&sender.send(&call(&url), true).await), LOOPBACK);
    assert!(receiver.received().is_empty());
    assert_eq!(server.asked(), 2);
}

#[tokio::test]
async fn a_name_that_is_turned_between_two_calls_leads_nowhere() {
    // Linux has all of 127.0.0.0/8 on its loopback interface, so one such address can stand for the outside.
    let outside = Ipv4Addr::new(127, 0, 0, 2);
    let server = DnsServer::start(vec![Some((outside, 0)), Some((THIS_MACHINE, 0))]).await;
    let (clock, ambient) = clocked();
    // The first answer closes the connection, so that the second call makes a new one.
    let closing = Answer::Raw(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".to_vec());
    let (allowed, inner) = two_receivers(vec![closing]).await;
    let guard = Guard::over(server.network(), &ambient);
    guard.allow(Some("127.0.0.2"));
    let sender = sender_with(guard, Duration::from_secs(10));
    let url = format!("http://rebound.example:{}/", allowed.address.port());
    assert_eq!(outcome(&sender.send(&call(&url), true).await), "200");
    clock.advance(Duration::from_secs(1));
    assert_eq!(outcome(&sender.send(&call(&url), true).await), LOOPBACK);
    assert_eq!((allowed.received().len(), inner.received().len()), (1, 0));
}

#[tokio::test]
async fn an_open_connection_is_not_used_when_its_host_is_allowed_no_more() {
    let receiver = Receiver::start(vec![Answer::Status(200)]).await;
    let server = DnsServer::start(vec![Some((THIS_MACHINE, 300))]).await;
    let guard = Guard::over(server.network(), &clocked().1);
    guard.allow(Some("*.corp.example"));
    let sender = sender_with(guard.clone(), Duration::from_secs(10));
    let url = format!("http://ci.corp.example:{}/", receiver.address.port());
    assert_eq!(outcome(&sender.send(&call(&url), true).await), "200");
    guard.allow(None);
    assert_eq!(outcome(&sender.send(&call(&url), true).await), LOOPBACK);
    assert_eq!(receiver.received().len(), 1);
}
