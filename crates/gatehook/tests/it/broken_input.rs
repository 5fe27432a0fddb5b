//! Reports that are broken or meant to do harm: each a clear error, and the server goes on.

use std::io::{Cursor, Write as _};

use gatehook_testkit::report::{FileBuilder, ReportBuilder};
use zip::write::SimpleFileOptions;

use crate::harness::{Server, TOKEN, now};

fn archive(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in entries {
        writer.start_file(*name, SimpleFileOptions::default()).unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

/// A report whose source expands to 512 MiB.
fn bomb() -> Vec<u8> {
    let good = ReportBuilder::new("shop", now())
        .file(FileBuilder::numbered("a.rs", 2))
        .zip();
    let mut source = zip::ZipArchive::new(Cursor::new(good)).unwrap();
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for index in 0..source.len() {
        let entry = source.by_index_raw(index).unwrap();
        if entry.name().is_ok_and(|name| name != "source-2.txt") {
            writer.raw_copy_file(entry).unwrap();
        }
    }
    writer.start_file("source-2.txt", SimpleFileOptions::default()).unwrap();
    let zeros = vec![b'a'; 1024 * 1024];
    for _ in 0..512 {
        writer.write_all(&zeros).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

#[tokio::test]
async fn every_kind_of_broken_report_gets_its_own_reason_and_the_server_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(&folder.path().join("data")).await;
    let good = ReportBuilder::new("shop", now())
        .file(FileBuilder::numbered("a.rs", 20))
        .zip();
    let cases: Vec<(&str, Vec<u8>, &str)> = vec![
        ("cut off", good[..good.len() / 2].to_vec(), "not a zip archive"),
        ("no zip", b"%PDF-1.7 something else".to_vec(), "not a zip archive"),
        (
            "no metadata",
            archive(&[("readme.txt", b"hello")]),
            "metadata.pb is missing",
        ),
        (
            "wrong protobuf",
            archive(&[("metadata.pb", b"\xff\xff\xff\xff")]),
            "metadata.pb is not a valid Metadata message",
        ),
        (
            "another project",
            ReportBuilder::new("other", now()).zip(),
            "about the project 'other'",
        ),
        ("bomb", bomb(), "source-2.txt expands to more than"),
    ];
    for (name, report, reason) in cases {
        let task = server.analyse_bytes("shop", report).await;
        assert_eq!(task["status"], "FAILED", "{name}");
        let message = task["errorMessage"].as_str().unwrap_or_default();
        assert!(message.contains(reason), "{name}: {message}");
    }
    assert_eq!(
        server.analyse_bytes("shop", good).await["status"],
        "SUCCESS",
        "the server is as good as before"
    );
    let peak = server.peak_mib();
    assert!(peak < 200, "the server had {peak} MiB");
}

#[tokio::test]
async fn a_report_without_bytes_or_without_a_part_is_refused_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(&folder.path().join("data")).await;
    let (status, body) = server.try_submit("shop", Vec::new()).await;
    assert_eq!(status, 400, "{body}");
    assert!(body.contains("report"), "{body}");
    let (status, body) = server.try_post("ce/submit", &[("projectKey", "shop")]).await;
    assert_eq!(status, 400, "{body}");
    assert!(body.contains("'report' parameter is missing"), "{body}");
    let (status, body) = server.try_submit("not a key", b"x".to_vec()).await;
    assert_eq!(status, 400, "{body}");
    assert!(body.contains("Malformed key"), "{body}");
}

#[tokio::test]
async fn a_report_over_the_limit_is_refused_and_nothing_of_it_stays() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let server = Server::start_with(&data, |command| {
        command
            .args(["--max-report-mib", "1"])
            .env("GATEHOOK_ADMIN_TOKEN", TOKEN);
    });
    let (status, body) = server.try_submit("shop", vec![7; 1024 * 1024 + 1]).await;
    assert_eq!(status, 413, "{body}");
    assert!(body.contains("1 MiB"), "{body}");
    for folder in std::fs::read_dir(data.join("tmp"))
        .unwrap()
        .flatten()
        .filter(|entry| entry.path().is_dir())
    {
        assert_eq!(
            std::fs::read_dir(folder.path()).unwrap().count(),
            0,
            "files were left behind"
        );
    }
    let tasks = server
        .get("ce/activity", &[("status", "PENDING,IN_PROGRESS,SUCCESS,FAILED")])
        .await;
    assert_eq!(tasks["tasks"].as_array().map(Vec::len), Some(0));
}
