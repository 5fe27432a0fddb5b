//! Whom a server trusts: the authorities of its machine, and those it is told of.

use std::sync::Arc;

use gatehook_testkit::authority::Authority;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::harness::{PASSWORD, Server, TOKEN};
use crate::receivers;

/// A receiver on this machine that an authority vouches for; it answers 204. Gives its URL.
async fn receiver(authority: &Authority) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://localhost:{}/", listener.local_addr().unwrap().port());
    let mut config = authority.server("localhost");
    config.alpn_protocols.clear();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(mut stream) = acceptor.accept(stream).await else {
                continue;
            };
            let mut bytes = Vec::new();
            while receivers::parse(&bytes).is_none() {
                if stream.read_buf(&mut bytes).await.is_ok_and(|read| read == 0) {
                    break;
                }
            }
            let answer = b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n";
            stream.write_all(answer).await.unwrap();
            let _ = stream.shutdown().await;
        }
    });
    url
}

#[tokio::test]
async fn receivers_that_the_machine_trusts_are_called_also_beside_those_of_a_file() {
    let [of_machine, of_file, unknown] = [Authority::new(), Authority::new(), Authority::new()];
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str, authority: &Authority| {
        let path = folder.path().join(name);
        std::fs::write(&path, authority.pem()).unwrap();
        path
    };
    let (machine, file) = (path("machine.pem", &of_machine), path("file.pem", &of_file));
    let urls = [
        receiver(&of_machine).await,
        receiver(&of_file).await,
        receiver(&unknown).await,
    ];
    let accepted = json!({"success": true, "httpStatus": 204});
    let refused = json!({"success": false, "reason": "the TLS certificate was not accepted: unknown issuer"});
    for (name, with_file, expected) in [
        ("without", false, [&accepted, &refused, &refused]),
        ("with", true, [&accepted, &accepted, &refused]),
    ] {
        let server = Server::start_with(&folder.path().join(name), |command| {
            command
                .env("GATEHOOK_ADMIN_TOKEN", TOKEN)
                .env("GATEHOOK_ADMIN_PASSWORD", PASSWORD)
                // Where the machine's own authorities are, as OpenSSL and what follows it read it.
                .env("SSL_CERT_FILE", &machine)
                .env_remove("SSL_CERT_DIR");
            if with_file {
                command.arg("--webhook-ca-file").arg(&file);
            }
        });
        server
            .post("settings/set", &[("key", "sonar.validateWebhooks"), ("value", "false")])
            .await;
        for (url, expected) in urls.iter().zip(expected) {
            let made = server.post("webhooks/create", &[("name", "n"), ("url", url)]).await;
            let key = made["webhook"]["key"].as_str().unwrap().to_owned();
            let tested = server.post("webhooks/test", &[("webhook", &key)]).await;
            for (name, value) in expected.as_object().unwrap() {
                assert_eq!(&tested[name], value, "{tested}");
            }
        }
    }
}
