//! A service on a socket: it looks at each call as strictly as its documentation allows, and answers as the service does.

use std::collections::HashMap;
use std::net::SocketAddr;

use secrecy::ExposeSecret;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

use gatehook_domain::webhook::{EventKind, Format};
use gatehook_webhooks::format;

use crate::schema::Refused;
use crate::service::{Service, Taken};

/// A call as it arrived.
#[derive(Debug, Clone)]
pub(crate) struct Called {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) headers: HashMap<String, String>,
    pub(crate) body: Vec<u8>,
}

impl Called {
    /// A header by its lower-case name.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    /// The call that a webhook of this format and URL makes about an event.
    pub(crate) fn made(format: &Format, url: &str, event: EventKind, payload: &[u8]) -> Result<Self, Refused> {
        let rendered = format::render(format, event, payload).map_err(|error| error.to_string())?;
        let url = format::target(&url::Url::parse(url).unwrap(), rendered.path.as_deref());
        let mut headers: HashMap<String, String> = format::headers(format)
            .into_iter()
            .map(|(name, value)| (name.as_str().to_owned(), value.expose_secret().to_owned()))
            .collect();
        headers.insert("content-type".to_owned(), rendered.content_type);
        Ok(Self {
            method: "POST".to_owned(),
            path: url.path().to_owned(),
            headers,
            body: rendered.body,
        })
    }
}

/// A service that is listening.
pub(crate) struct StandIn {
    pub(crate) address: SocketAddr,
    verdicts: mpsc::Receiver<(Called, Result<Taken, Refused>)>,
}

impl StandIn {
    pub(crate) async fn start(service: Service) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, verdicts) = mpsc::channel(1);
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let called = read(&mut stream).await;
                let verdict = service(&called);
                let status = verdict.as_ref().map_or(400, |taken| taken.status);
                let answer = format!("HTTP/1.1 {status} X\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
                stream.write_all(answer.as_bytes()).await.unwrap();
                if sender.send((called, verdict)).await.is_err() {
                    return;
                }
            }
        });
        Self { address, verdicts }
    }

    /// Makes a call and gives the status of the answer and what the service made of it.
    pub(crate) async fn call(&mut self, call: &Called) -> (u16, Result<Taken, Refused>) {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let mut head = format!("{} {} HTTP/1.1\r\nhost: {}\r\n", call.method, call.path, self.address);
        for (name, value) in &call.headers {
            head.extend([name.as_str(), ": ", value.as_str(), "\r\n"]);
        }
        head.extend(["content-length: ", &call.body.len().to_string(), "\r\n\r\n"]);
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.write_all(&call.body).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
        (status, self.took().await.1)
    }

    /// The next call, and what the service made of it.
    pub(crate) async fn took(&mut self) -> (Called, Result<Taken, Refused>) {
        self.verdicts.recv().await.unwrap()
    }
}

async fn read(stream: &mut TcpStream) -> Called {
    let mut bytes = Vec::new();
    let head_end = loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break end;
        }
        assert_ne!(stream.read_buf(&mut bytes).await.unwrap(), 0, "the call broke off");
    };
    let head = String::from_utf8(bytes[..head_end].to_vec()).unwrap();
    let mut lines = head.lines();
    let mut request = lines.next().unwrap().split(' ').map(str::to_owned);
    let headers: HashMap<String, String> = lines
        .map(|line| line.split_once(": ").unwrap())
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    let length: usize = headers["content-length"].parse().unwrap();
    while bytes.len() < head_end + 4 + length {
        assert_ne!(stream.read_buf(&mut bytes).await.unwrap(), 0, "the call broke off");
    }
    Called {
        method: request.next().unwrap(),
        path: request.next().unwrap(),
        headers,
        body: bytes[head_end + 4..].to_vec(),
    }
}
