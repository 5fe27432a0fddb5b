//! The other commands.

use crate::harness::{TOKEN, gatehook, run};

#[test]
fn the_demo_ends_well_and_tells_the_whole_story() {
    let (code, output, errors) = run(gatehook().arg("demo"));
    assert_eq!(code, 0, "{output}\n{errors}");
    for line in [
        "Quality gate 'Sonar way': ERROR",
        "x-sonarqube-project: python-shop",
        "transition=falsepositive",
        "x-gatehook-event: gate.changed",
        "gatehook.webhooks.allowedTargets lets webhooks call 127.0.0.1",
        "the value of the header: valid",
        "All of it was seen",
    ] {
        assert!(output.contains(line), "'{line}' is missing in\n{output}");
    }
    assert!(!output.contains('\u{1b}'), "no colours in a pipe");
}

#[test]
fn the_configuration_is_shown_with_its_sources_and_without_secrets() {
    // Whatever a command prints is searched for secrets.
    let (code, output, _) = run(gatehook()
        .args(["config", "--listen", "127.0.0.1:1234"])
        .env("GATEHOOK_DATABASE", "postgres://gatehook:hunter2@db/gatehook")
        .env("GATEHOOK_ADMIN_TOKEN", TOKEN));
    assert_eq!(code, 0);
    assert!(
        output
            .lines()
            .any(|line| line.starts_with("listen") && line.ends_with("# flag")),
        "{output}"
    );
    assert!(
        output.contains("# GATEHOOK_DATABASE") && output.contains("# default"),
        "{output}"
    );
}

#[test]
fn a_mistake_in_the_configuration_is_said_before_anything_starts() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("gatehook.toml");
    std::fs::write(&file, "listn = '127.0.0.1:1'\n").unwrap();
    let (code, _, errors) = run(gatehook()
        .args(["serve", "--config"])
        .arg(&file)
        .current_dir(folder.path()));
    assert_eq!(code, 1);
    assert!(errors.contains("unknown option 'listn'"), "{errors}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing was made");
}

#[test]
fn what_calls_need_is_checked_before_anything_starts_and_without_telling_secrets() {
    let folder = tempfile::tempdir().unwrap();
    let not_pem = folder.path().join("not.pem");
    std::fs::write(&not_pem, "hunter2").unwrap();
    let refused = |set_up: &dyn Fn(&mut std::process::Command)| {
        let mut command = gatehook();
        command
            .args(["serve", "--listen", "127.0.0.1:0"])
            .current_dir(folder.path());
        set_up(&mut command);
        let (code, _, errors) = run(&mut command);
        assert_eq!(code, 1, "{errors}");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing was made");
        errors
    };
    let proxy = refused(&|command| {
        command.env("HTTPS_PROXY", "socks5://me:hunter2@proxy.example:1080");
    });
    assert!(
        proxy.contains("HTTPS_PROXY is not the http:// or https:// URL of a proxy"),
        "{proxy}"
    );
    let missing = refused(&|command| {
        command.args(["--webhook-ca-file", "missing.pem"]);
    });
    assert!(
        missing.contains("cannot read webhook-ca-file 'missing.pem'"),
        "{missing}"
    );
    let unreadable = refused(&|command| {
        command.args(["--webhook-client-cert", "not.pem", "--webhook-client-key", "not.pem"]);
    });
    assert!(
        unreadable.contains("there is no certificate in PEM form"),
        "{unreadable}"
    );
    let target = refused(&|command| {
        command.env("GATEHOOK_WEBHOOK_ALLOWED_TARGETS", "10.0.0.1/8");
    });
    assert!(target.contains("write 10.0.0.0/8 for the network"), "{target}");
}

#[test]
fn the_version_is_the_products_own() {
    let (code, output, _) = run(gatehook().arg("--version"));
    assert_eq!(
        (code, output.trim()),
        (0, concat!("gatehook ", env!("CARGO_PKG_VERSION")))
    );
}

#[test]
fn a_wrong_command_line_is_not_taken_for_a_failed_gate() {
    let (code, _, errors) = run(gatehook().args(["scan", "--no-such-flag"]));
    assert_eq!(code, 1, "2 says that the gate failed");
    assert!(errors.contains("--no-such-flag"), "{errors}");
    assert_eq!(run(gatehook().arg("--help")).0, 0);
}
