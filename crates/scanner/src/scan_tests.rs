//! Whole scans up to the report: of repositories made with git, and of the examples.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};

use gatehook_domain::ambient::{ManualClock, SeededEntropy};
use gatehook_domain::{Ambient, Timestamp};
use gatehook_report::proto::{Changesets, Component, MeasureValue};
use gatehook_report::{Limits, ReportReader};

use crate::{Environment, Level, Prepared, Progress, Properties, ScanError, ScanOptions, prepare};

pub(crate) const NOW: i64 = 1_790_000_000_000;

/// Keeps the lines that were shown.
#[derive(Default)]
pub(crate) struct Lines(pub(crate) Mutex<Vec<String>>);

impl Progress for Lines {
    fn line(&self, _: Level, text: &str) {
        self.0.lock().unwrap().push(text.to_owned());
    }
}

pub(crate) fn options(base: &Path, values: &[(&str, &str)], env: &[(&str, &str)]) -> ScanOptions {
    let environment: Environment = env.iter().copied().collect();
    let mut properties = Properties::load(base, &[] as &[&str], &environment).unwrap();
    for (key, value) in values {
        properties.set(key, value);
    }
    let ambient = Ambient::new(
        Arc::new(ManualClock::new(Timestamp::from_millis(NOW))),
        Arc::new(SeededEntropy::new(1)),
    );
    ScanOptions::new(base, properties, environment, ambient, Arc::new(Lines::default()))
}

/// A folder with a repository whose commits can be repeated.
struct Repository {
    dir: tempfile::TempDir,
    commits: u32,
}

impl Repository {
    fn new() -> Self {
        let repository = Self {
            dir: tempfile::tempdir().unwrap(),
            commits: 0,
        };
        repository.git(&["init", "-q", "-b", "main"]);
        repository
    }

    fn base(&self) -> PathBuf {
        self.dir.path().canonicalize().unwrap()
    }

    fn git(&self, arguments: &[&str]) -> String {
        let date = format!("2026-01-0{}T12:00:00Z", self.commits + 1);
        let output = Command::new("git")
            .current_dir(self.dir.path())
            .args(arguments)
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .envs([
                ("GIT_AUTHOR_NAME", "Ada"),
                ("GIT_AUTHOR_EMAIL", "ada@example.org"),
                ("GIT_AUTHOR_DATE", &date),
            ])
            .envs([
                ("GIT_COMMITTER_NAME", "Bo"),
                ("GIT_COMMITTER_EMAIL", "bo@example.org"),
                ("GIT_COMMITTER_DATE", &date),
            ])
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "git {arguments:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.dir.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    /// Commits all there is and gives the revision.
    fn commit(&mut self) -> String {
        self.git(&["add", "-A"]);
        self.git(&["commit", "-q", "-m", "work"]);
        self.commits += 1;
        self.git(&["rev-parse", "HEAD"])
    }
}

/// A report that was read back.
struct Report(ReportReader<File>);

impl Report {
    fn open(prepared: &Prepared) -> Self {
        Self(ReportReader::open(File::open(&prepared.report).unwrap(), &Limits::default()).unwrap())
    }

    fn files(&mut self) -> Vec<Component> {
        let refs = self.0.file_refs(1).unwrap();
        refs.into_iter()
            .map(|component_ref| self.0.component(component_ref).unwrap().unwrap())
            .collect()
    }

    fn file(&mut self, path: &str) -> Component {
        self.files()
            .into_iter()
            .find(|file| file.project_relative_path == path)
            .unwrap()
    }

    fn changesets(&mut self, path: &str) -> Option<Changesets> {
        let component_ref = self.file(path).r#ref;
        self.0.changesets(component_ref).unwrap()
    }

    /// The revision of each line, shortened to its place in `revisions`; `-` for none.
    fn blame(&mut self, path: &str, revisions: &[&str]) -> String {
        let changesets = self.changesets(path).unwrap();
        let sign = |index: &i32| {
            let revision = changesets.changeset[*index as usize].revision.as_str();
            revisions
                .iter()
                .position(|known| *known == revision)
                .map_or("-".to_owned(), |at| at.to_string())
        };
        changesets.changeset_index_by_line.iter().map(sign).collect()
    }

    fn measure(&mut self, path: &str, metric: &str) -> Option<MeasureValue> {
        let component_ref = self.file(path).r#ref;
        let measures: Vec<_> = self.0.measures(component_ref).unwrap().map(Result::unwrap).collect();
        measures
            .into_iter()
            .find(|measure| measure.metric_key == metric)
            .and_then(|measure| measure.value)
    }
}

#[test]
fn lines_are_blamed_on_their_commits_and_changed_ones_on_nobody() {
    let mut repository = Repository::new();
    repository.write("src/app.py", "a = 1\nb = 2\nc = 3\n");
    let first = repository.commit();
    repository.write("src/app.py", "a = 1\nb = 20\nc = 3\n");
    repository.git(&["mv", "src/app.py", "src/main.py"]);
    let second = repository.commit();
    repository.write("src/main.py", "new = 0\r\na = 1\r\nb = 20\r\nc = 3\r\n");
    repository.write("src/fresh.py", "x = 1\n");

    let prepared = prepare(&options(&repository.base(), &[("sonar.projectKey", "k")], &[])).unwrap();
    let mut report = Report::open(&prepared);
    assert_eq!(report.blame("src/main.py", &[&first, &second]), "-0100");
    let changesets = report.changesets("src/main.py").unwrap();
    let of_first = changesets
        .changeset
        .iter()
        .find(|change| change.revision == first)
        .unwrap();
    assert_eq!(
        (of_first.author.as_str(), of_first.date),
        ("ada@example.org", 1_767_268_800_000)
    );
    assert!(
        changesets
            .changeset
            .iter()
            .any(|change| change.revision.is_empty() && change.date == NOW)
    );
    assert_eq!(report.changesets("src/fresh.py"), None);
    let metadata = report.0.metadata().unwrap();
    assert_eq!((metadata.scm_revision_id, metadata.analysis_date), (second, NOW));
    let mut properties = report.0.context_properties().unwrap().map(Result::unwrap);
    assert!(properties.any(|property| (&*property.key, &*property.value) == ("sonar.analysis.detectedscm", "git")));
    assert_eq!(
        prepared.warnings,
        ["1 files are not committed, so it is not known who changed them when: src/fresh.py"]
    );
}

#[test]
fn a_pull_request_tells_its_changed_lines() {
    let mut repository = Repository::new();
    repository.write("sub/a.py", "a = 1\nb = 2\n");
    repository.write(
        "sub/old.py",
        &(0..30)
            .map(|line| format!("x{line} = {line}"))
            .collect::<Vec<_>>()
            .join("\n"),
    );
    repository.commit();
    repository.git(&["checkout", "-q", "-b", "feature"]);
    repository.write("sub/a.py", "a = 1\nb = 3\nc = 4\n");
    repository.write("sub/n.py", "n = 1\n");
    repository.git(&["mv", "sub/old.py", "sub/new.py"]);
    repository.commit();
    repository.git(&["checkout", "-q", "main"]);
    repository.write("sub/a.py", "later = 1\na = 1\nb = 2\n");
    repository.commit();
    repository.git(&["checkout", "-q", "feature"]);

    let base = repository.base().join("sub");
    let values = [
        ("sonar.projectKey", "k"),
        ("sonar.pullrequest.key", "7"),
        ("sonar.pullrequest.branch", "feature"),
    ];
    let prepared = prepare(&options(
        &base,
        &[&values[..], &[("sonar.pullrequest.base", "main")]].concat(),
        &[],
    ))
    .unwrap();
    let mut report = Report::open(&prepared);
    let mut changed = |path: &str| {
        let file = report.file(path);
        (
            report.0.changed_lines(file.r#ref).unwrap().unwrap().line,
            file.old_relative_file_path,
        )
    };
    assert_eq!(changed("a.py"), (vec![2, 3, 4], String::new()));
    assert_eq!(changed("n.py"), (vec![1, 2], String::new()));
    assert_eq!(changed("new.py"), (vec![], "old.py".to_owned()));
    let metadata = report.0.metadata().unwrap();
    assert_eq!(
        (metadata.pull_request_key.as_str(), metadata.target_branch_name.as_str()),
        ("7", "main")
    );
    assert_eq!(metadata.relative_path_from_scm_root, "sub");

    let prepared = prepare(&options(
        &base,
        &[&values[..], &[("sonar.pullrequest.base", "gone")]].concat(),
        &[],
    ))
    .unwrap();
    assert!(
        prepared.warnings[0].contains("there is no branch 'gone'"),
        "{:?}",
        prepared.warnings
    );
}

#[test]
fn a_shallow_clone_is_scanned_without_blame() {
    let mut repository = Repository::new();
    repository.write("a.py", "a = 1\n");
    repository.commit();
    repository.write("a.py", "a = 2\n");
    let head = repository.commit();
    let clone = tempfile::tempdir().unwrap();
    let url = format!("file://{}", repository.base().display());
    let target = clone.path().join("c");
    repository.git(&["clone", "-q", "--depth", "1", &url, target.to_str().unwrap()]);
    let prepared = prepare(&options(&target, &[("sonar.projectKey", "k")], &[])).unwrap();
    let mut report = Report::open(&prepared);
    assert_eq!(report.changesets("a.py"), None);
    assert_eq!(report.0.metadata().unwrap().scm_revision_id, head);
    assert!(
        prepared.warnings[0].contains("shallow clone"),
        "{:?}",
        prepared.warnings
    );
}

#[test]
fn without_git_the_revision_comes_from_the_ci_and_properties_reach_the_webhook() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("a.js"), "f(); // x\n").unwrap();
    let values = [
        ("sonar.projectKey", "k"),
        ("sonar.analysis.build", "42"),
        ("sonar.branch.name", "b"),
    ];
    let prepared = prepare(&options(
        dir.path(),
        &values,
        &[("GITLAB_CI", "true"), ("CI_COMMIT_SHA", "abc")],
    ))
    .unwrap();
    let mut report = Report::open(&prepared);
    let metadata = report.0.metadata().unwrap();
    assert_eq!(
        (metadata.scm_revision_id.as_str(), metadata.branch_name.as_str()),
        ("abc", "b")
    );
    let properties: Vec<_> = report
        .0
        .context_properties()
        .unwrap()
        .map(Result::unwrap)
        .map(|p| format!("{}={}", p.key, p.value))
        .collect();
    assert_eq!(
        properties,
        [
            "sonar.analysis.build=42",
            "sonar.analysis.detectedci=Gitlab CI",
            "sonar.analysis.detectedscm=undetected",
        ]
    );
}

/// The revision of a scan in an environment, and the CI it names.
fn revision_and_ci(base: &Path, values: &[(&str, &str)], env: &[(&str, &str)]) -> (String, String) {
    let prepared = prepare(&options(base, values, env)).unwrap();
    let mut report = Report::open(&prepared);
    let revision = report.0.metadata().unwrap().scm_revision_id;
    let mut properties = report.0.context_properties().unwrap().map(Result::unwrap);
    let ci = properties
        .find(|property| property.key == "sonar.analysis.detectedci")
        .unwrap();
    (revision, ci.value)
}

#[test]
fn the_revision_is_the_one_that_was_said_else_the_ci_s_else_git_s() {
    let mut repository = Repository::new();
    repository.write("a.rs", "fn a() {}\n");
    let head = repository.commit();
    let base = repository.base();
    let project = ("sonar.projectKey", "k");
    let said = ("sonar.scm.revision", "said");
    let disabled = ("sonar.ci.autoconfig.disabled", "true");
    let gitlab = [("GITLAB_CI", "true"), ("CI_COMMIT_SHA", "abc")];
    let without_revision = [("GITLAB_CI", "true")];
    let several = [gitlab[0], gitlab[1], ("CIRRUS_CI", "true")];
    let cases: [(&[_], &[_], &str, &str); 6] = [
        (&[project], &[], &head, "undetected"),
        (&[project], &gitlab, "abc", "Gitlab CI"),
        (&[project], &without_revision, &head, "Gitlab CI"),
        (&[project, said], &gitlab, "said", "Gitlab CI"),
        (&[project, disabled], &gitlab, &head, "undetected"),
        (&[project, disabled], &several, &head, "undetected"),
    ];
    for (values, env, revision, ci) in cases {
        let expected = (revision.to_owned(), ci.to_owned());
        assert_eq!(revision_and_ci(&base, values, env), expected, "{values:?} {env:?}");
    }
    let refused = prepare(&options(&base, &[project], &several)).unwrap_err();
    assert!(matches!(refused, ScanError::Ci(_)), "{refused}");
}

#[test]
fn a_change_request_in_jenkins_is_scanned_as_its_own_commit() {
    let mut repository = Repository::new();
    repository.write("a.rs", "fn a() {}\n");
    let change = repository.commit();
    repository.git(&["update-ref", "refs/remotes/origin/PR-7", &change]);
    repository.write("b.rs", "fn b() {}\n");
    let merge = repository.commit();
    let env = [
        ("JENKINS_URL", "http://jenkins.example.org"),
        ("EXECUTOR_NUMBER", "0"),
        ("CHANGE_ID", "7"),
        ("GIT_BRANCH", "PR-7"),
        ("GIT_COMMIT", &merge),
    ];
    let project = [("sonar.projectKey", "k")];
    let found = revision_and_ci(&repository.base(), &project, &env);
    assert_eq!(found, (change, "Jenkins".to_owned()));
}

#[test]
fn issues_and_coverage_find_their_files_and_what_does_not_fit_is_said() {
    let dir = tempfile::tempdir().unwrap();
    let write = |path: &str, text: &str| std::fs::write(dir.path().join(path), text).unwrap();
    write("a.py", "one = 1\ntwo = 2\n");
    write("notes.txt", "text\n");
    write("skipped.py", "x = 1\n");
    let issue = |file: &str, line: u32| {
        format!(
            r#"{{"engineId":"e","ruleId":"r","severity":"MAJOR","type":"BUG","primaryLocation":{{"message":"m","filePath":"{file}","textRange":{{"startLine":{line}}}}}}}"#
        )
    };
    let issues = [
        issue("a.py", 1),
        issue("./a.py", 99),
        issue("notes.txt", 1),
        issue("gone.py", 1),
        issue("skipped.py", 1),
    ];
    write("issues.json", &format!("{{\"issues\":[{}]}}", issues.join(",")));
    write(
        "lcov.info",
        "SF:a.py\nDA:1,1\nDA:50,0\nend_of_record\nSF:/elsewhere/b.py\nDA:1,1\nend_of_record\n",
    );
    let values = [
        ("sonar.projectKey", "k"),
        ("sonar.exclusions", "skipped.py"),
        ("sonar.externalIssuesReportPaths", "issues.json"),
        ("sonar.lcov.reportPaths", "lcov.info"),
    ];
    // The reports lie among the sources and are none.
    let prepared = prepare(&options(dir.path(), &values, &[])).unwrap();
    let mut report = Report::open(&prepared);
    let paths: Vec<_> = report
        .files()
        .into_iter()
        .map(|file| file.project_relative_path)
        .collect();
    assert_eq!(paths, ["a.py", "notes.txt"]);
    let component_ref = report.file("a.py").r#ref;
    let ranges: Vec<_> = report
        .0
        .external_issues(component_ref)
        .unwrap()
        .map(|issue| issue.unwrap().text_range.unwrap())
        .collect();
    assert_eq!(
        (ranges[0].start_line, ranges[0].end_offset, ranges[1].start_line),
        (1, 7, 3)
    );
    assert_eq!(report.0.coverages(component_ref).unwrap().count(), 1);
    assert_eq!(
        (
            prepared.totals.issues,
            prepared.totals.covered_files,
            prepared.reports[0].issues
        ),
        (3, 1, 3)
    );
    let warnings = prepared.warnings.join("\n");
    for part in [
        "issues.json: 1 issues were skipped, because the scan leaves their files out",
        "issues.json: 1 issues were skipped, because their files are not in the project: gone.py",
        "lcov.info: coverage of 1 files was skipped, because they are not in the project: /elsewhere/b.py",
        "1 files are shorter than a coverage report says",
        "1 places of issues do not fit the text",
    ] {
        assert!(warnings.contains(part), "{part} is missing in\n{warnings}");
    }
    assert_eq!(report.0.warnings().unwrap().count(), prepared.warnings.len());
}

#[test]
fn broken_reports_name_the_property_the_file_and_the_place() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("a.py"), "x\n").unwrap();
    for (name, text, part) in [
        ("broken.sarif", "{\"runs\": [\n}", "line 2"),
        ("empty.sarif", "", "empty.sarif"),
    ] {
        std::fs::write(dir.path().join(name), text).unwrap();
        let values = [("sonar.projectKey", "k"), ("sonar.sarifReportPaths", name)];
        let error = prepare(&options(dir.path(), &values, &[])).unwrap_err().to_string();
        assert!(
            error.starts_with("sonar.sarifReportPaths: the report '") && error.contains(name) && error.contains(part),
            "{error}"
        );
    }
}

#[test]
fn nothing_to_analyse_is_an_error_and_a_stopped_scan_stops() {
    let dir = tempfile::tempdir().unwrap();
    let values = [("sonar.projectKey", "k")];
    assert!(matches!(
        prepare(&options(dir.path(), &values, &[])),
        Err(ScanError::NoFiles(_))
    ));
    std::fs::write(dir.path().join("a.py"), "x\n").unwrap();
    let stopped = options(dir.path(), &values, &[]);
    stopped.cancel.cancel();
    assert!(matches!(prepare(&stopped), Err(ScanError::Cancelled)));
    assert!(!dir.path().join(".scannerwork/scanner-report.zip").exists());
}

#[test]
fn equal_scans_give_equal_reports() {
    let dir = tempfile::tempdir().unwrap();
    for index in 0..40 {
        std::fs::write(dir.path().join(format!("f{index}.py")), format!("x = {index}\n")).unwrap();
    }
    let scan = || {
        std::fs::read(
            prepare(&options(dir.path(), &[("sonar.projectKey", "k")], &[]))
                .unwrap()
                .report,
        )
        .unwrap()
    };
    assert_eq!(scan(), scan());
}

#[test]
fn the_python_example_is_read_whole() {
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/python-shop/v1");
    let work = tempfile::tempdir().unwrap();
    let work = work.path().to_str().unwrap();
    let prepared = prepare(&options(
        &example,
        &[("sonar.working.directory", work), ("sonar.scm.disabled", "true")],
        &[],
    ))
    .unwrap();
    assert_eq!(prepared.warnings, [] as [&str; 0]);
    let mut report = Report::open(&prepared);
    let files = report.files();
    assert!(
        files
            .iter()
            .any(|file| file.project_relative_path == "shop/cart.py" && !file.is_test && file.language == "py")
    );
    assert!(
        files
            .iter()
            .any(|file| file.project_relative_path == "tests/test_cart.py" && file.is_test)
    );
    assert!(matches!(report.measure("shop/cart.py", "ncloc"), Some(MeasureValue::Int(count)) if count.value > 10));
    assert_eq!(report.measure("tests/test_cart.py", "ncloc"), None);
    let cart = report.file("shop/cart.py").r#ref;
    assert!(report.0.coverages(cart).unwrap().count() > 10);
    assert!(report.0.adhoc_rules().unwrap().count() > 0);
    assert!(
        prepared.totals.issues > 0
            && prepared.totals.issues == prepared.reports.iter().map(|report| report.issues as u64).sum::<u64>()
    );
    assert_eq!(
        report.0.external_issues(1).unwrap().count(),
        0,
        "every issue has its file"
    );
}

#[test]
fn a_submodule_that_a_pull_request_leaves_alone_has_no_changed_lines() {
    let mut repository = Repository::new();
    repository.write("a.py", "a = 1\n");
    repository.write("module/b.py", "b = 1\n");
    repository.git(&["-C", "module", "init", "-q", "-b", "main"]);
    let inner = |repository: &Repository| {
        let me = ["-c", "user.name=x", "-c", "user.email=x@example.org"];
        repository.git(&["-C", "module", "add", "-A"]);
        repository.git(&[&["-C", "module"], &me[..], &["commit", "-q", "-m", "inner"]].concat());
    };
    inner(&repository);
    repository.commit();
    repository.git(&["checkout", "-q", "-b", "feature"]);
    repository.write("a.py", "a = 2\n");
    repository.commit();
    let changed = |repository: &Repository, path: &str| {
        let values = [
            ("sonar.projectKey", "k"),
            ("sonar.pullrequest.key", "7"),
            ("sonar.pullrequest.base", "main"),
        ];
        let prepared = prepare(&options(&repository.base(), &values, &[])).unwrap();
        let mut report = Report::open(&prepared);
        let file = report.file(path).r#ref;
        report.0.changed_lines(file).unwrap().unwrap().line
    };
    assert_eq!(changed(&repository, "a.py"), [1, 2]);
    assert_eq!(changed(&repository, "module/b.py"), [0_i32; 0]);

    repository.write("module/b.py", "b = 2\n");
    inner(&repository);
    repository.commit();
    assert_eq!(changed(&repository, "module/b.py"), [1, 2]);
}
