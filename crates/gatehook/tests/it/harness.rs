//! A server as a process of its own, and a client of its Web API.

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use gatehook_testkit::report::ReportBuilder;
use gatehook_testkit::secrets;
use serde_json::Value;

/// The administrator's token of all test servers.
pub(crate) const TOKEN: &str = "squ_hunter2bcdef0123456789abcdef0123456789ab";
/// The administrator's password of all test servers.
pub(crate) const PASSWORD: &str = "hunter2 battery staple";
/// What webhooks sign with.
pub(crate) const SECRET: &str = "hunter2-012345678";
/// How long a test waits for what must happen; far above what any machine needs.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// Variables that tell a scan which CI runs it, beside those that begin as [`FOREIGN`] says.
const OF_CI: [&str; 9] = [
    "APPVEYOR",
    "CI",
    "CIRRUS_CI",
    "EXECUTOR_NUMBER",
    "GITLAB_CI",
    "SEMAPHORE",
    "TEAMCITY_VERSION",
    "TF_BUILD",
    "bamboo_buildNumber",
];
/// How variables begin that would make it another run.
const FOREIGN: [&str; 6] = ["GATEHOOK_", "SONAR_", "GITHUB_", "CODEBUILD_", "CM_", "FCI_"];

/// The program under test.
pub(crate) fn gatehook() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gatehook"));
    // The tests must not depend on how this person has set things up.
    for (name, _) in std::env::vars() {
        if FOREIGN.iter().any(|start| name.starts_with(start)) || OF_CI.contains(&name.as_str()) {
            command.env_remove(name);
        }
    }
    command
}

/// A running server.
pub(crate) struct Server {
    child: Child,
    pub(crate) url: String,
    /// What it printed before it was ready.
    pub(crate) greeting: String,
    log: PathBuf,
    client: reqwest::Client,
}

impl Server {
    /// Starts a server on a data folder, with the administrator's token, calling local receivers.
    pub(crate) async fn start(data_dir: &Path) -> Self {
        let server = Self::start_with(data_dir, |command| {
            command
                .env("GATEHOOK_ADMIN_TOKEN", TOKEN)
                .env("GATEHOOK_ADMIN_PASSWORD", PASSWORD);
        });
        server
            .post("settings/set", &[("key", "sonar.validateWebhooks"), ("value", "false")])
            .await;
        server
    }

    /// The command that starts a server on a data folder. Its log goes to a file beside the folder.
    pub(crate) fn command(data_dir: &Path) -> Command {
        let log = std::fs::File::options()
            .create(true)
            .append(true)
            .open(data_dir.with_extension("log"));
        let mut command = gatehook();
        command
            .args(["serve", "--listen", "127.0.0.1:0", "--data-dir"])
            .arg(data_dir)
            // What nobody reads is searched for secrets when the server has ended.
            .env("GATEHOOK_LOG", "trace")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log.unwrap());
        command
    }

    /// Starts a server as the test says.
    pub(crate) fn start_with(data_dir: &Path, set_up: impl FnOnce(&mut Command)) -> Self {
        let mut command = Self::command(data_dir);
        set_up(&mut command);
        Self::run(data_dir, &mut command)
    }

    /// Runs a command that starts a server, and waits until it is ready.
    pub(crate) fn run(data_dir: &Path, command: &mut Command) -> Self {
        let log = data_dir.with_extension("log");
        let mut child = command.spawn().unwrap();
        let mut greeting = String::new();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let url = loop {
            let mut line = String::new();
            if output.read_line(&mut line).unwrap() == 0 {
                let log = std::fs::read_to_string(&log).unwrap_or_default();
                panic!(
                    "the server ended before it was ready: {:?}\n{greeting}\n{log}",
                    child.wait()
                );
            }
            greeting.push_str(&line);
            if let Some(at) = line.find("http://") {
                break line[at..].trim().to_owned();
            }
        };
        if let Some((_, password)) = greeting.lines().find_map(|line| line.rsplit_once("password ")) {
            secrets::remember(password);
        }
        if let Ok(key) = std::fs::read_to_string(data_dir.join("secret.key")) {
            secrets::remember(key.trim());
        }
        Self {
            child,
            url,
            greeting,
            log,
            client: reqwest::Client::new(),
        }
    }

    /// Its log so far.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// What its log says beside requests that went well, and beside what only searches for secrets read.
    pub(crate) fn troubles(&self) -> String {
        self.log()
            .lines()
            .filter(|line| {
                !line.contains(" TRACE ") && !line.contains(" DEBUG ") && !line.contains("answered status=2")
            })
            .collect::<Vec<_>>()
            .join("\n")
    }

    /// The id of its process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Kills it without a warning.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Asks it to stop and waits until it has.
    pub(crate) async fn stop(mut self) -> ExitStatus {
        let ended = Command::new("sh")
            .args(["-c", &format!("kill -TERM {}", self.child.id())])
            .status()
            .unwrap();
        assert!(ended.success());
        // Not on this thread: the receivers of the test answer on it.
        tokio::task::spawn_blocking(move || self.child.wait().unwrap())
            .await
            .unwrap()
    }

    /// The most memory it had so far, in MiB.
    pub(crate) fn peak_mib(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmHWM")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1024
    }

    /// Sends a request and gives status and body.
    pub(crate) async fn send(&self, request: reqwest::RequestBuilder) -> (u16, String) {
        self.try_send(request).await.unwrap()
    }

    /// Sends a request to a server that may be dead. No answer may hold a secret.
    pub(crate) async fn try_send(&self, request: reqwest::RequestBuilder) -> reqwest::Result<(u16, String)> {
        let (client, request) = request.build_split();
        let request = request?;
        secrets::asked(&request);
        let path = request.url().path().to_owned();
        let answer = client.execute(request).await?;
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        let body = answer.text().await?;
        secrets::answered(&path, &headers, &body);
        Ok((status, body))
    }

    /// A request without credentials.
    pub(crate) fn anonymous(&self, method: reqwest::Method, path: &str) -> reqwest::RequestBuilder {
        self.client.request(method, format!("{}/{path}", self.url))
    }

    /// Asks as the administrator; the answer must be good.
    pub(crate) async fn get(&self, action: &str, parameters: &[(&str, &str)]) -> Value {
        let request = self
            .anonymous(reqwest::Method::GET, &format!("api/{action}"))
            .query(parameters);
        let (status, body) = self.send(request.bearer_auth(TOKEN)).await;
        assert!(status < 300, "{action} answered {status}: {body}");
        serde_json::from_str(&body).unwrap_or(Value::Null)
    }

    /// Changes something as the administrator and gives status and body.
    pub(crate) async fn try_post(&self, action: &str, parameters: &[(&str, &str)]) -> (u16, String) {
        let request = self
            .anonymous(reqwest::Method::POST, &format!("api/{action}"))
            .query(parameters);
        self.send(request.bearer_auth(TOKEN)).await
    }

    /// Changes something as the administrator; the answer must be good.
    pub(crate) async fn post(&self, action: &str, parameters: &[(&str, &str)]) -> Value {
        let (status, body) = self.try_post(action, parameters).await;
        assert!(status < 300, "{action} answered {status}: {body}");
        serde_json::from_str(&body).unwrap_or(Value::Null)
    }

    /// Submits bytes as a report; gives status and body.
    pub(crate) async fn try_submit(&self, project: &str, report: Vec<u8>) -> (u16, String) {
        let part = reqwest::multipart::Part::bytes(report).file_name("report.zip");
        let form = reqwest::multipart::Form::new().part("report", part);
        let request = self
            .anonymous(reqwest::Method::POST, "api/ce/submit")
            .query(&[("projectKey", project)]);
        self.send(request.bearer_auth(TOKEN).multipart(form)).await
    }

    /// Submits a report and waits until its task has ended.
    pub(crate) async fn analyse(&self, project: &str, report: &ReportBuilder) -> Value {
        self.analyse_bytes(project, report.zip()).await
    }

    /// Submits bytes as a report and waits until its task has ended.
    pub(crate) async fn analyse_bytes(&self, project: &str, report: Vec<u8>) -> Value {
        let (status, body) = self.try_submit(project, report).await;
        assert_eq!(status, 200, "{body}");
        let submitted: Value = serde_json::from_str(&body).unwrap();
        self.wait_for_task(submitted["taskId"].as_str().unwrap()).await
    }

    /// Waits until a task has ended.
    pub(crate) async fn wait_for_task(&self, id: &str) -> Value {
        self.wait_until(&format!("the task {id} ended"), async || {
            let task = self.get("ce/task", &[("id", id)]).await["task"].clone();
            (!matches!(task["status"].as_str(), Some("PENDING" | "IN_PROGRESS"))).then_some(task)
        })
        .await
    }

    /// Asks again and again until there is an answer.
    pub(crate) async fn wait_until<T>(&self, what: &str, ask: impl AsyncFn() -> Option<T>) -> T {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(answer) = ask().await {
                return answer;
            }
            assert!(
                Instant::now() < deadline,
                "waited in vain until {what}\n{}",
                self.troubles()
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// The deliveries of a project, newest first, once none of them is owed any more.
    pub(crate) async fn deliveries(&self, project: &str) -> Vec<Value> {
        self.get("webhooks/deliveries", &[("componentKey", project), ("ps", "100")])
            .await["deliveries"]
            .as_array()
            .unwrap()
            .clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if !std::thread::panicking() {
            secrets::search("the log", &std::fs::read_to_string(&self.log).unwrap());
        }
    }
}

/// Runs a command of the program to its end. Nothing that it prints may be a secret.
pub(crate) fn run(command: &mut Command) -> (i32, String, String) {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let mut errors = child.stderr.take().unwrap();
    let reader = std::thread::spawn(move || {
        let mut text = String::new();
        errors.read_to_string(&mut text).map(|_| text).unwrap_or_default()
    });
    let mut output = String::new();
    child.stdout.take().unwrap().read_to_string(&mut output).unwrap();
    let status = child.wait().unwrap();
    let errors = reader.join().unwrap();
    secrets::search("the output", &output);
    secrets::search("the error output", &errors);
    (status.code().unwrap_or(-1), output, errors)
}

/// The moment it is, for reports.
#[expect(
    clippy::disallowed_methods,
    reason = "the server under test runs by the real clock, and so must its reports"
)]
pub(crate) fn now() -> gatehook_domain::Timestamp {
    let since = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap();
    gatehook_domain::Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap())
}
