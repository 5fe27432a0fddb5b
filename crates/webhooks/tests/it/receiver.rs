//! A receiver that answers as it is told and remembers what it was sent.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::logs;

/// How a receiver answers.
#[derive(Debug, Clone)]
pub(crate) enum Answer {
    /// With this status and no body.
    Status(u16),
    /// With this status and these further lines of the head.
    Head(u16, String),
    /// Never.
    Hang,
    /// With 200 and a body that does not end.
    Endless,
    /// By closing the connection.
    Close,
    /// By breaking the connection off.
    Reset,
    /// With exactly this, and the connection stays open.
    Go(Vec<u8>),
    /// With exactly this, and the connection is closed.
    Raw(Vec<u8>),
    /// With exactly this, and then by breaking the connection off.
    Break(Vec<u8>),
    /// With one byte every tenth of a second.
    Drip,
}

/// One call as it arrived.
#[derive(Debug, Clone)]
pub(crate) struct Received {
    /// Method and path.
    pub(crate) request: String,
    /// Headers by lower-case name.
    pub(crate) headers: HashMap<String, String>,
    /// The body.
    pub(crate) body: Vec<u8>,
}

/// How many connections there were.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Connections {
    pub(crate) opened: usize,
    pub(crate) closed: usize,
}

pub(crate) struct Receiver {
    pub(crate) address: SocketAddr,
    answers: Arc<Mutex<Vec<Answer>>>,
    received: Arc<Mutex<Vec<Received>>>,
    count: watch::Receiver<usize>,
    connections: watch::Receiver<Connections>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.task.abort();
        logs::check();
    }
}

impl Receiver {
    /// Starts one that gives these answers in turn, the last one for ever.
    pub(crate) async fn start(answers: Vec<Answer>) -> Self {
        Self::start_on(TcpListener::bind("127.0.0.1:0").await.unwrap(), answers)
    }

    /// Starts one on a socket.
    pub(crate) fn start_on(listener: TcpListener, answers: Vec<Answer>) -> Self {
        let address = listener.local_addr().unwrap();
        let received = Arc::new(Mutex::new(Vec::new()));
        let answers = Arc::new(Mutex::new(answers));
        let given = answers.clone();
        let (counted, count) = watch::channel(0);
        let (connected, connections) = watch::channel(Connections::default());
        let log = received.clone();
        let task = tokio::spawn(async move {
            let counted = Arc::new(counted);
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                connected.send_modify(|connections| connections.opened += 1);
                let serving = serve(stream, given.clone(), log.clone(), counted.clone());
                let connected = connected.clone();
                tokio::spawn(async move {
                    serving.await;
                    connected.send_modify(|connections| connections.closed += 1);
                });
            }
        });
        Self {
            address,
            answers,
            received,
            count,
            connections,
            task,
        }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Answers only like this from now on.
    pub(crate) fn answers_from_now_on(&self, answer: Answer) {
        *self.answers.lock().unwrap() = vec![answer];
    }

    pub(crate) fn received(&self) -> Vec<Received> {
        self.received.lock().unwrap().clone()
    }

    /// How many connections there were until now.
    pub(crate) fn connections(&self) -> Connections {
        *self.connections.borrow()
    }

    /// Waits until so many connections are closed.
    pub(crate) async fn wait_for_closed(&self, closed: usize) {
        let mut connections = self.connections.clone();
        connections.wait_for(|now| now.closed >= closed).await.unwrap();
    }

    /// Waits until so many calls have arrived.
    pub(crate) async fn wait_for(&self, calls: usize) -> Vec<Received> {
        let mut count = self.count.clone();
        let arrived = count.wait_for(|count| *count >= calls);
        tokio::time::timeout(std::time::Duration::from_secs(20), arrived)
            .await
            .expect("calls arrive")
            .unwrap();
        self.received()
    }
}

async fn serve(
    mut stream: TcpStream,
    answers: Arc<Mutex<Vec<Answer>>>,
    log: Arc<Mutex<Vec<Received>>>,
    counted: Arc<watch::Sender<usize>>,
) {
    let mut buffer = Vec::new();
    while let Some(call) = read_call(&mut stream, &mut buffer).await {
        let number = {
            let mut log = log.lock().unwrap();
            log.push(call);
            log.len()
        };
        counted.send_replace(number);
        let answer = {
            let answers = answers.lock().unwrap();
            answers.get(number - 1).or(answers.last()).unwrap().clone()
        };
        if !give(&mut stream, &answer).await {
            return;
        }
    }
}

async fn read_call(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Option<Received> {
    let head_end = loop {
        if let Some(end) = buffer.windows(4).position(|window| window == b"\r\n\r\n") {
            break end;
        }
        if stream.read_buf(buffer).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8(buffer[..head_end].to_vec()).unwrap();
    let mut lines = head.lines();
    let request = lines.next().unwrap().trim_end_matches(" HTTP/1.1").to_owned();
    let headers: HashMap<String, String> = lines
        .map(|line| line.split_once(": ").unwrap())
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    let length: usize = headers["content-length"].parse().unwrap();
    let end = head_end + 4 + length;
    while buffer.len() < end {
        if stream.read_buf(buffer).await.ok()? == 0 {
            return None;
        }
    }
    let body = buffer[head_end + 4..end].to_vec();
    buffer.drain(..end);
    Some(Received { request, headers, body })
}

/// Answers; true when the connection can go on.
async fn give(stream: &mut TcpStream, answer: &Answer) -> bool {
    match answer {
        Answer::Status(status) => stream
            .write_all(format!("HTTP/1.1 {status} X\r\ncontent-length: 0\r\n\r\n").as_bytes())
            .await
            .is_ok(),
        Answer::Head(status, lines) => {
            let head = format!("HTTP/1.1 {status} X\r\n{lines}\r\ncontent-length: 0\r\n\r\n");
            stream.write_all(head.as_bytes()).await.is_ok()
        }
        Answer::Hang => {
            std::future::pending::<()>().await;
            false
        }
        Answer::Endless => {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await;
            while stream.write_all(&[b'x'; 8192]).await.is_ok() {}
            false
        }
        Answer::Close => false,
        Answer::Reset => {
            stream.set_zero_linger().unwrap();
            false
        }
        Answer::Go(bytes) => stream.write_all(bytes).await.is_ok(),
        Answer::Raw(bytes) => {
            let _ = stream.write_all(bytes).await;
            false
        }
        Answer::Break(bytes) => {
            let _ = stream.write_all(bytes).await;
            stream.set_zero_linger().unwrap();
            false
        }
        Answer::Drip => {
            for byte in b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n" {
                if stream.write_all(&[*byte]).await.is_err() {
                    return false;
                }
                tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            }
            true
        }
    }
}

/// A receiver behind TLS whose certificate nobody trusts; serves one handshake and ends.
pub(crate) fn untrusted_tls() -> SocketAddr {
    use rustls::pki_types::pem::PemObject;
    use rustls::pki_types::{CertificateDer, PrivateKeyDer};
    let certificate = CertificateDer::from_pem_slice(include_bytes!("fixtures/localhost.cert.pem")).unwrap();
    let key = PrivateKeyDer::from_pem_slice(include_bytes!("fixtures/localhost.key.pem")).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        let connection = rustls::ServerConnection::new(Arc::new(config)).unwrap();
        let mut tls = rustls::StreamOwned::new(connection, stream);
        let _ = tls.read(&mut [0; 64]);
        let _ = tls.flush();
    });
    address
}
