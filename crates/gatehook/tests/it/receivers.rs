//! Receivers that misbehave, on bare sockets.

use std::net::SocketAddr;

use tokio::io::AsyncReadExt as _;
use tokio::net::TcpListener;
use tokio::sync::{Mutex, mpsc};

use crate::harness::PATIENCE;

/// A call that was taken and not answered.
pub(crate) struct Taken {
    pub(crate) delivery: String,
    pub(crate) body: Vec<u8>,
}

/// Takes calls and never answers.
pub(crate) struct Silent {
    address: SocketAddr,
    calls: Mutex<mpsc::Receiver<Taken>>,
}

impl Silent {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, calls) = mpsc::channel(16);
        tokio::spawn(async move {
            while let Ok((mut socket, _)) = listener.accept().await {
                let sender = sender.clone();
                tokio::spawn(async move {
                    let mut bytes = Vec::new();
                    let mut buffer = [0_u8; 4096];
                    let taken = loop {
                        match socket.read(&mut buffer).await {
                            Ok(0) | Err(_) => return,
                            Ok(read) => bytes.extend_from_slice(&buffer[..read]),
                        }
                        if let Some(taken) = parse(&bytes) {
                            break taken;
                        }
                    };
                    let _ = sender.send(taken).await;
                    // The connection stays open, without a word, until the other side gives up.
                    while socket.read(&mut buffer).await.is_ok_and(|read| read > 0) {}
                });
            }
        });
        Self {
            address,
            calls: Mutex::new(calls),
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/hook", self.address)
    }

    /// The next call.
    pub(crate) async fn call(&self) -> Taken {
        let mut calls = self.calls.lock().await;
        tokio::time::timeout(PATIENCE, calls.recv())
            .await
            .expect("a call comes")
            .unwrap()
    }
}

/// A call, once all of it is there.
pub(crate) fn parse(bytes: &[u8]) -> Option<Taken> {
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let header = |name: &str| {
        head.lines().find_map(|line| {
            let (found, value) = line.split_once(':')?;
            found.eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
        })
    };
    let length: usize = header("content-length")?.parse().ok()?;
    let body = bytes.get(end..end + length)?.to_vec();
    Some(Taken {
        delivery: header("x-gatehook-delivery")?,
        body,
    })
}
