//! Signatures, checked by programs that share no code with us: those that are shown in the documentation.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, SystemTime};

use gatehook_webhooks::signature::{Signed, headers, sign};
use rstest::rstest;
use secrecy::{ExposeSecret, SecretString};

use crate::events::{events, hostile};

/// The example in Rust is compiled with the tests.
#[path = "../../../../examples/receivers/verify.rs"]
#[expect(dead_code, reason = "its `main` is for those who run it")]
mod rust;

const SECRET: &str = "my_secret";
const BODY: &[u8] = br#"{"payload": {}}"#;
const SIGNATURE: &str = "ef35d3420a3df3d05f8f7eb3b53384abc41395f164245d6c7e78a70e61703dde";

fn examples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/receivers")
}

/// The Python that has the reference library of Standard Webhooks.
fn python() -> PathBuf {
    std::env::var_os("GATEHOOK_TEST_PYTHON")
        .map(PathBuf::from)
        .expect("GATEHOOK_TEST_PYTHON names a Python that has `standardwebhooks`; `cargo xtask test` sets it up")
}

/// Runs a program with a secret, arguments and a body on its standard input, and tells whether it ended well; none when
/// there is no such program on this machine.
pub(crate) fn runs(command: &mut Command, secret: &str, body: &[u8]) -> Option<bool> {
    let child = command
        .env("WEBHOOK_SECRET", secret)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn();
    let mut child = match child {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return None,
        started => started.unwrap(),
    };
    child.stdin.take().unwrap().write_all(body).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(said.starts_with("valid") || said.starts_with("WRONG"), "{said}");
    Some(output.status.success() && said.starts_with("valid"))
}

/// An example as it is run.
pub(crate) fn example(file: &str) -> Command {
    let with = |program: &str, arguments: &[&str]| {
        let mut command = Command::new(program);
        command.args(arguments).arg(examples().join(file));
        command
    };
    match file.rsplit_once('.').unwrap().1 {
        "py" => with("python3", &[]),
        "js" => with("node", &[]),
        "go" => with("go", &["run"]),
        "java" => with("java", &[]),
        "sh" => with("sh", &[]),
        other => panic!("nobody runs .{other}"),
    }
}

#[rstest]
#[case::python("verify.py", true)]
#[case::node("verify.js", false)]
#[case::go("verify.go", false)]
#[case::java("Verify.java", false)]
#[case::rust("verify.rs", true)]
#[case::shell("verify.sh", true)]
fn the_examples_take_our_signatures_and_no_others(#[case] file: &str, #[case] must_run: bool) {
    let (_, payload) = events(&hostile()[5], 3).remove(0);
    let body = payload.to_string();
    let secret = SecretString::from("Geheimnis mit Ümläuten & \"Zeichen\"");
    let ours = sign(&secret, body.as_bytes());
    let cases: [(&str, &[u8], &str, bool); 4] = [
        (SECRET, BODY, SIGNATURE, true),
        (SECRET, br#"{"payload":{}}"#, SIGNATURE, false),
        (SECRET, BODY, "", false),
        (secret.expose_secret(), body.as_bytes(), &ours, true),
    ];
    for (secret, body, signature, valid) in cases {
        let taken = if file == "verify.rs" {
            Some(rust::is_valid(secret.as_bytes(), body, signature))
        } else {
            runs(example(file).arg(signature), secret, body)
        };
        if taken.is_none() {
            assert!(!must_run, "{file} cannot be run");
            println!("{file} was NOT run: what it needs is not on this machine");
            return;
        }
        assert_eq!(taken, Some(valid), "{file}: {signature:?}");
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the reference library looks at the clock of the machine"
)]
pub(crate) fn now() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    i64::try_from(since.as_secs()).unwrap()
}

/// Whether the reference library takes a call by these headers.
pub(crate) fn is_standard(secret: &str, headers: &[(String, String)], body: &[u8]) -> bool {
    let header = |name: &str| &headers.iter().find(|(found, _)| found == name).unwrap().1;
    let mut command = Command::new(python());
    command
        .arg(examples().join("standard.py"))
        .args(["webhook-id", "webhook-timestamp", "webhook-signature"].map(header));
    runs(&mut command, secret, body).expect("GATEHOOK_TEST_PYTHON names a program")
}

#[test]
fn the_reference_library_of_standard_webhooks_takes_our_headers() {
    let (_, payload) = events(&hostile()[5], 3).remove(0);
    let body = payload.to_string().into_bytes();
    let [new, old, of_a_library] = [
        "the new secret 16",
        "das alte Geheimnis ü",
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    ];
    let signed = |secret: &str, previous: Option<&str>, at: i64| -> Vec<(String, String)> {
        let previous = previous.map(SecretString::from);
        let all = headers(&Signed {
            secret: Some(&SecretString::from(secret)),
            previous: previous.as_ref(),
            standard: true,
            delivery: "019a3f0e-5f8b-7c1d-9a55-4f1f6f1d2c3b",
            unix_seconds: at,
            body: &body,
        });
        all.into_iter()
            .map(|(name, value)| (name.as_str().to_owned(), value))
            .collect()
    };
    let now = now();
    let one = signed(new, None, now);
    assert!(is_standard(new, &one, &body));
    assert!(!is_standard(old, &one, &body));
    assert!(!is_standard(new, &one, &[&body[..], b" "].concat()));
    assert!(is_standard(of_a_library, &signed(of_a_library, None, now), &body));
    assert!(
        !is_standard(new, &signed(new, None, now - 3600), &body),
        "an old call played again"
    );
    // While two secrets are valid, a receiver with either of them takes the call.
    let both = signed(new, Some(old), now);
    assert!(is_standard(new, &both, &body));
    assert!(is_standard(old, &both, &body));
}

/// Ends the receiver with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn the_receiver_in_python_answers_204_to_us_and_401_to_others() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let _receiver = Running(
        Command::new("python3")
            .arg(examples().join("../receiver.py"))
            .arg(port.to_string())
            .env("WEBHOOK_SECRET", SECRET)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap(),
    );
    let answer = |body: &[u8]| {
        let mut stream = connected(port);
        let head = format!(
            "POST /hook HTTP/1.0\r\nX-Sonar-Webhook-HMAC-SHA256: {SIGNATURE}\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all(&[head.as_bytes(), body].concat()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer.split(' ').nth(1).unwrap().to_owned()
    };
    assert_eq!(answer(BODY), "204");
    assert_eq!(answer(b"{}"), "401");
}

/// A connection to a program that has just been started.
fn connected(port: u16) -> TcpStream {
    let address = ([127, 0, 0, 1], port).into();
    (0..200_u32)
        .find_map(|_| {
            TcpStream::connect_timeout(&address, Duration::from_millis(100))
                .inspect_err(|_| std::thread::park_timeout(Duration::from_millis(50)))
                .ok()
        })
        .expect("the receiver listens")
}

/// What people copy is what was run.
#[test]
fn the_documentation_shows_the_examples_as_they_are() {
    let page = std::fs::read_to_string(examples().join("../../docs/webhooks.md")).unwrap();
    let start = page.find("## The signature").unwrap();
    let section = &page[start..start + page[start..].find("\n## How a call is delivered").unwrap()];
    let files = [
        ("python", "verify.py"),
        ("js", "verify.js"),
        ("go", "verify.go"),
        ("java", "Verify.java"),
        ("rust", "verify.rs"),
        ("sh", "verify.sh"),
    ];
    for (language, file) in files {
        let text = std::fs::read_to_string(examples().join(file)).unwrap();
        let shown = section.split("```").skip(1).step_by(2).find_map(|block| {
            let code = block.strip_prefix(language)?.strip_prefix('\n')?;
            code.contains("alid(").then_some(code)
        });
        // A page shows a method without the margin of its class.
        let without_margin: Vec<&str> = text
            .lines()
            .map(|line| line.strip_prefix("    ").unwrap_or(line))
            .collect();
        let shown = shown.unwrap_or_else(|| panic!("{file} is not shown"));
        assert!(
            text.contains(shown) || without_margin.join("\n").contains(shown.trim_end()),
            "{file} is shown as:\n{shown}"
        );
        assert!(section.contains(&format!("receivers/{file}")), "{file} is not linked");
    }
}
