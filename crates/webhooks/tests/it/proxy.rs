//! Calls through a proxy: which way they go, what the proxy sees, and what the guard lets it see.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use gatehook_testkit::authority::Authority;
use gatehook_webhooks::guard::Guard;
use gatehook_webhooks::sender::proxy::Proxies;
use gatehook_webhooks::sender::tls::TlsOptions;
use gatehook_webhooks::{Sender, SenderConfig};
use rstest::rstest;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};

use crate::logs;
use crate::receiver::{Answer, Receiver};
use crate::sender::{BODY, LOOPBACK, OneAddress, call, clocked, outcome};
use crate::tls::TlsReceiver;

/// A proxy that leads every `CONNECT` and every request to one place, and remembers the heads.
struct Proxy {
    address: SocketAddr,
    heads: Arc<Mutex<Vec<String>>>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
        logs::check();
    }
}

impl Proxy {
    /// `answer` is what the proxy says to all who ask; none leads them to `target`.
    async fn start(target: SocketAddr, answer: Option<&'static str>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let heads = Arc::new(Mutex::new(Vec::new()));
        let log = heads.clone();
        let task = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                tokio::spawn(Self::lead(stream, target, answer, log.clone()));
            }
        });
        Self { address, heads, task }
    }

    async fn lead(
        mut stream: TcpStream,
        target: SocketAddr,
        answer: Option<&'static str>,
        log: Arc<Mutex<Vec<String>>>,
    ) {
        let mut read = Vec::new();
        while !read.windows(4).any(|window| window == b"\r\n\r\n") {
            if stream.read_buf(&mut read).await.unwrap_or(0) == 0 {
                return;
            }
        }
        let text = String::from_utf8_lossy(&read).to_ascii_lowercase();
        let opens = text.starts_with("connect ");
        log.lock().unwrap().push(text);
        if let Some(answer) = answer {
            let _ = stream.write_all(answer.as_bytes()).await;
            return;
        }
        let mut onward = TcpStream::connect(target).await.unwrap();
        if opens {
            stream.write_all(b"HTTP/1.1 200 open\r\n\r\n").await.unwrap();
        } else {
            onward.write_all(&read).await.unwrap();
        }
        let _ = copy_bidirectional(&mut stream, &mut onward).await;
    }

    fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap().clone()
    }

    /// A sender that calls everything through this proxy but `no`, with credentials for it.
    fn sender(&self, guard: Guard, no: &'static str, tls: TlsOptions) -> Sender {
        let url = format!("http://me:hunter2@{}", self.address);
        let proxies = Proxies::of_variables(|name| match name {
            "ALL_PROXY" => Some(url.clone()),
            "NO_PROXY" => Some(no.to_owned()),
            _ => None,
        });
        let config = SenderConfig {
            proxies: proxies.unwrap(),
            tls: Arc::new(tls),
            time_limit: Duration::from_secs(10),
            ..SenderConfig::new("1.2.3", guard)
        };
        Sender::new(config, clocked().1).unwrap()
    }
}

/// `me:hunter2` for Basic authentication.
const CREDENTIALS: &str = "proxy-authorization: basic bwu6ahvudgvymg==";

fn nobody() -> Guard {
    Guard::over(Arc::new(OneAddress(None)), &clocked().1)
}

#[tokio::test]
async fn a_call_over_http_is_given_to_the_proxy_with_its_whole_target() {
    let receiver = Receiver::start(vec![Answer::Status(200)]).await;
    let proxy = Proxy::start(receiver.address, None).await;
    let sender = proxy.sender(nobody(), "", TlsOptions::default());
    let url = "http://hooks.example/a?b=c";
    // Nobody here knows the name, and the guard is on: the proxy knows it.
    assert_eq!(outcome(&sender.send(&call(url), true).await), "200");
    let head = &proxy.heads()[0];
    assert!(
        head.starts_with("post http://hooks.example/a?b=c http/1.1\r\n"),
        "{head}"
    );
    assert!(head.contains("\r\nhost: hooks.example\r\n"), "{head}");
    assert!(head.contains(CREDENTIALS), "{head}");
    assert_eq!(receiver.received()[0].body, BODY);
}

#[tokio::test]
async fn a_call_over_https_goes_through_a_way_of_bytes_and_the_receiver_does_not_see_the_proxys_credentials() {
    let authority = Authority::new();
    let receiver = TlsReceiver::start(authority.server("hooks.example")).await;
    let proxy = Proxy::start(receiver.address, None).await;
    let tls = TlsOptions::default()
        .with_authorities(authority.pem().as_bytes())
        .unwrap();
    let sender = proxy.sender(nobody(), "", tls);
    assert_eq!(
        outcome(&sender.send(&call("https://hooks.example:8443/a"), true).await),
        "200"
    );
    let heads = proxy.heads();
    assert!(
        heads[0].starts_with("connect hooks.example:8443 http/1.1\r\n"),
        "{heads:?}"
    );
    assert!(heads[0].contains(CREDENTIALS), "{heads:?}");
    assert_eq!(heads.len(), 1);
    let received = receiver.received();
    assert_eq!(received[0].path, "/a");
    assert!(!received[0].headers.contains_key("proxy-authorization"));
}

#[tokio::test]
async fn receivers_that_the_environment_excepts_are_called_directly() {
    let receiver = Receiver::start(vec![Answer::Status(200)]).await;
    let proxy = Proxy::start(receiver.address, None).await;
    let guard = Guard::over(Arc::new(OneAddress(Some(receiver.address.ip()))), &clocked().1);
    let sender = proxy.sender(guard, "inner.example", TlsOptions::default());
    let url = format!("http://ci.inner.example:{}/", receiver.address.port());
    assert_eq!(outcome(&sender.send(&call(&url), false).await), "200");
    assert!(proxy.heads().is_empty());
    assert!(!receiver.received()[0].headers.contains_key("proxy-authorization"));
}

#[rstest]
#[case::literal("http://127.0.0.1/")]
#[case::literal_over_tls("https://127.0.0.1/")]
#[case::spelling("http://0x7f.1/")]
#[case::name("http://inner.example/")]
#[case::name_over_tls("https://inner.example/")]
#[tokio::test]
async fn the_proxy_is_not_asked_for_inner_addresses(#[case] url: &str) {
    let receiver = Receiver::start(vec![Answer::Status(200)]).await;
    let proxy = Proxy::start(receiver.address, None).await;
    let guard = Guard::over(Arc::new(OneAddress(Some([127, 0, 0, 1].into()))), &clocked().1);
    let sender = proxy.sender(guard, "", TlsOptions::default());
    assert_eq!(outcome(&sender.send(&call(url), true).await), LOOPBACK);
    assert!(proxy.heads().is_empty());
}

#[rstest]
#[case::refused(
    "https://hooks.example/",
    "HTTP/1.1 403 No\r\n\r\n",
    "the proxy opened no way to the receiver: it answered 403"
)]
#[case::credentials(
    "https://hooks.example/",
    "HTTP/1.1 407 No\r\n\r\n",
    "the proxy wants other credentials than those of the environment"
)]
#[case::credentials_over_http(
    "http://hooks.example/",
    "HTTP/1.1 407 No\r\ncontent-length: 0\r\n\r\n",
    "the proxy wants other credentials than those of the environment"
)]
#[case::closed("https://hooks.example/", "", "the proxy broke off, or its answer was not HTTP")]
#[case::not_http(
    "https://hooks.example/",
    "220 mail.example ESMTP\r\n\r\n",
    "the proxy broke off, or its answer was not HTTP"
)]
#[tokio::test]
async fn what_a_proxy_does_is_told_in_our_words_only(
    #[case] url: &str,
    #[case] answer: &'static str,
    #[case] expected: &str,
) {
    let nowhere = SocketAddr::from(([127, 0, 0, 1], 1));
    let proxy = Proxy::start(nowhere, Some(answer)).await;
    let sender = proxy.sender(nobody(), "", TlsOptions::default());
    assert_eq!(outcome(&sender.send(&call(url), true).await), expected);
}

#[rstest]
#[tokio::test]
async fn a_proxy_that_is_not_there_is_not_gone_round(#[values("http", "https")] scheme: &str) {
    let receiver = Receiver::start(vec![Answer::Status(200)]).await;
    let mut proxy = Proxy::start(receiver.address, None).await;
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    proxy.address = closed;
    let guard = Guard::over(Arc::new(OneAddress(Some(receiver.address.ip()))), &clocked().1);
    let sender = proxy.sender(guard, "", TlsOptions::default());
    let url = format!("{scheme}://hooks.example:{}/", receiver.address.port());
    assert_eq!(
        outcome(&sender.send(&call(&url), false).await),
        "the proxy could not be reached"
    );
    assert!(receiver.received().is_empty());
}
