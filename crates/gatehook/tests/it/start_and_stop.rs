//! The first start, the next ones, and the end.

use gatehook_testkit::secrets;

use crate::harness::{SECRET, Server, gatehook, run};

#[tokio::test]
async fn an_empty_folder_becomes_a_server_whose_password_is_shown_once() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let server = Server::start_with(&data, |_| ());
    let password = server
        .greeting
        .lines()
        .find_map(|line| line.rsplit_once("password ").map(|(_, word)| word.to_owned()));
    let password = password.unwrap_or_else(|| panic!("no password in {}", server.greeting));
    let (status, body) = server
        .send(server.anonymous(reqwest::Method::GET, "api/system/status"))
        .await;
    assert_eq!(status, 200);
    assert!(body.contains("\"status\":\"UP\""), "{body}");
    let search = || server.anonymous(reqwest::Method::GET, "api/projects/search");
    assert_eq!(server.send(search()).await.0, 401);
    assert_eq!(
        server.send(search().basic_auth("admin", Some("hunter2 wrong"))).await.0,
        401
    );
    assert_eq!(server.send(search().basic_auth("admin", Some(&password))).await.0, 200);
    assert_eq!(server.stop().await.code(), Some(0));

    let again = Server::start_with(&data, |_| ());
    assert!(!again.greeting.contains("password"), "{}", again.greeting);
    let search = again
        .anonymous(reqwest::Method::GET, "api/projects/search")
        .basic_auth("admin", Some(&password));
    assert_eq!(again.send(search).await.0, 200);
}

#[cfg(unix)]
#[tokio::test]
async fn keys_and_database_are_for_their_owner_only() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let _server = Server::start(&data).await;
    for file in ["secret.key", "gatehook.db"] {
        let mode = std::fs::metadata(data.join(file)).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{file} has mode {mode:o}");
    }
}

#[tokio::test]
async fn a_second_server_on_the_same_folder_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let _server = Server::start(&data).await;
    let (code, _, errors) = run(gatehook()
        .args(["serve", "--listen", "127.0.0.1:0", "--data-dir"])
        .arg(&data));
    assert_eq!(code, 1);
    assert!(errors.contains("in use by another gatehook"), "{errors}");
}

#[tokio::test]
async fn a_port_that_is_taken_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let (code, _, errors) = run(gatehook()
        .args(["serve", "--listen", &address, "--data-dir"])
        .arg(folder.path().join("data")));
    assert_eq!(code, 1);
    assert!(errors.contains(&format!("cannot listen on '{address}'")), "{errors}");
}

#[tokio::test]
async fn another_key_is_refused_before_anything_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let server = Server::start(&data).await;
    let hook = [("name", "n"), ("url", "http://127.0.0.1:1/"), ("secret", SECRET)];
    server.post("webhooks/create", &hook).await;
    server.stop().await;
    let mut other = gatehook();
    other
        .args(["serve", "--listen", "127.0.0.1:0", "--data-dir"])
        .arg(&data);
    let (code, _, errors) = run(other.env("GATEHOOK_SECRET_KEY", secrets::sealing_key()));
    assert_eq!(code, 1);
    assert!(errors.contains("sealed with another key"), "{errors}");
    let back = Server::start(&data).await;
    assert_eq!(back.get("webhooks/list", &[]).await["webhooks"][0]["hasSecret"], true);
}

#[tokio::test]
async fn the_key_can_be_changed_and_an_interrupted_change_be_ended() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let (file, coming) = (data.join("secret.key"), data.join("secret.key.new"));
    let server = Server::start(&data).await;
    let hook = [
        ("name", "n"),
        ("url", "http://u:hunter2@127.0.0.1:1/"),
        ("secret", SECRET),
        ("headers", "X-Key: hunter2"),
    ];
    server.post("webhooks/create", &hook).await;
    let rotate = || run(gatehook().args(["rotate-key", "--data-dir"]).arg(&data));
    let (code, _, errors) = rotate();
    assert_eq!(code, 1);
    assert!(errors.contains("in use by another gatehook"), "{errors}");
    server.stop().await;

    let old = std::fs::read_to_string(&file).unwrap();
    let (code, said, errors) = rotate();
    assert_eq!((code, errors.as_str()), (0, ""));
    assert!(
        said.contains("The secrets of 1 webhooks are sealed with the new key"),
        "{said}"
    );
    let new = std::fs::read_to_string(&file).unwrap();
    assert_ne!(old, new);
    assert!(!coming.exists());
    let server = Server::start(&data).await;
    let listed = server.get("webhooks/list", &[]).await["webhooks"][0].clone();
    assert_eq!(
        (&listed["hasSecret"], &listed["headers"][0]),
        (&true.into(), &"X-Key".into())
    );
    server.stop().await;

    // As when the machine stopped between the commit and the new file's taking its place.
    std::fs::rename(&file, &coming).unwrap();
    std::fs::write(&file, &old).unwrap();
    let mut serve = gatehook();
    let (code, _, errors) = run(serve
        .args(["serve", "--listen", "127.0.0.1:0", "--data-dir"])
        .arg(&data));
    assert_eq!(code, 1);
    assert!(errors.contains("`gatehook rotate-key` ends it"), "{errors}");
    let (code, said, _) = rotate();
    assert_eq!(code, 0);
    assert!(said.contains("is complete"), "{said}");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), new);
    Server::start(&data).await.stop().await;
}

#[tokio::test]
async fn what_a_killed_server_left_in_its_temporary_folder_is_removed() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let folders = || {
        let entries = std::fs::read_dir(data.join("tmp")).unwrap().flatten();
        entries
            .map(|entry| entry.path())
            .filter(|path| path.is_dir())
            .collect::<Vec<_>>()
    };
    let server = Server::start(&data).await;
    let left = folders();
    std::fs::write(left[0].join("report-half"), "of a report").unwrap();
    server.kill();
    let server = Server::start(&data).await;
    let now = folders();
    assert_eq!(now.len(), 1, "{now:?}");
    assert_ne!(now, left);
    assert_eq!(server.stop().await.code(), Some(0));
    assert!(folders().is_empty(), "a server that stops leaves nothing");
}
