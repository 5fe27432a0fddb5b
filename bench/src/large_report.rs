//! One large report: how long its analysis takes and how much memory the server has at most.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail};
use gatehook_report::ReportWriter;
use gatehook_report::proto;

use crate::server::{Server, TOKEN};

/// Where the figures are kept.
const RESULTS: &str = "bench/results/large-report.md";
/// How long one analysis may take before the benchmark gives up.
const PATIENCE: Duration = Duration::from_mins(10);

/// How large the report is.
#[derive(clap::Parser)]
pub(crate) struct Options {
    /// Files.
    #[arg(long, default_value_t = 5_000)]
    files: i32,
    /// Issues, spread evenly over the files.
    #[arg(long, default_value_t = 100_000)]
    issues: i32,
    /// Lines of each file.
    #[arg(long, default_value_t = 200)]
    lines: i32,
    /// How often everything is done, each time on an empty data folder.
    #[arg(long, default_value_t = 5)]
    runs: usize,
}

struct Figures {
    submit: f64,
    first: f64,
    second: f64,
    idle_mib: f64,
    peak_mib: f64,
}

/// Runs the benchmark and writes what was measured.
#[expect(clippy::print_stdout, reason = "a program for people at a terminal")]
pub(crate) async fn run(options: &Options) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let mut runs = Vec::new();
    let mut size = 0;
    for run in 0..options.runs {
        let reports = [folder.path().join("first.zip"), folder.path().join("second.zip")];
        write_report(options, &reports[0], 0)?;
        write_report(options, &reports[1], 1)?;
        size = std::fs::metadata(&reports[0])?.len();
        let figures = once(&folder.path().join(format!("data-{run}")), &reports).await?;
        println!(
            "run {}: submit {:.2} s, first analysis {:.2} s, second {:.2} s, peak {:.0} MiB (idle {:.0} MiB)",
            run + 1,
            figures.submit,
            figures.first,
            figures.second,
            figures.peak_mib,
            figures.idle_mib
        );
        runs.push(figures);
    }
    let text = table(options, size, &runs);
    println!("\n{text}");
    std::fs::create_dir_all("bench/results")?;
    std::fs::write(RESULTS, text).with_context(|| format!("cannot write {RESULTS}"))
}

async fn once(data_dir: &Path, reports: &[std::path::PathBuf; 2]) -> Result<Figures> {
    let server = Server::start(data_dir)?;
    let client = reqwest::Client::new();
    let idle_mib = server.peak_mib()?;
    let mut submit = 0.0;
    let mut analyses = [0.0; 2];
    for (index, report) in reports.iter().enumerate() {
        let began = Instant::now();
        let part = reqwest::multipart::Part::bytes(std::fs::read(report)?).file_name("report.zip");
        let form = reqwest::multipart::Form::new().part("report", part);
        let answer = client
            .post(format!(
                "{}/api/ce/submit?projectKey=large&projectName=Large",
                server.url()
            ))
            .bearer_auth(TOKEN)
            .multipart(form)
            .send()
            .await?;
        let status = answer.status();
        let body: serde_json::Value = answer.json().await?;
        let task = body["taskId"]
            .as_str()
            .with_context(|| format!("submit answered {status}: {body}"))?
            .to_owned();
        if index == 0 {
            submit = began.elapsed().as_secs_f64();
        }
        analyses[index] = wait(&client, server.url(), &task).await?;
    }
    Ok(Figures {
        submit,
        first: analyses[0],
        second: analyses[1],
        idle_mib,
        peak_mib: server.peak_mib()?,
    })
}

/// Waits for a task and gives the seconds it took, as the server says.
async fn wait(client: &reqwest::Client, url: &str, task: &str) -> Result<f64> {
    let began = Instant::now();
    while began.elapsed() < PATIENCE {
        let answer = client
            .get(format!("{url}/api/ce/task?id={task}"))
            .bearer_auth(TOKEN)
            .send()
            .await?;
        let body: serde_json::Value = answer.json().await?;
        match body["task"]["status"].as_str() {
            Some("SUCCESS") => {
                let millis = body["task"]["executionTimeMs"]
                    .as_f64()
                    .context("the task has no executionTimeMs")?;
                return Ok(millis / 1000.0);
            }
            Some("PENDING" | "IN_PROGRESS") => tokio::time::sleep(Duration::from_millis(100)).await,
            _ => bail!("the task ended badly: {body}"),
        }
    }
    bail!("the task did not end within {} s", PATIENCE.as_secs())
}

/// Writes a report. In the second one, every tenth file has a line more at its top and one issue less, so that tracking has
/// something to do.
#[expect(
    clippy::disallowed_methods,
    reason = "a benchmark dates its reports by the real clock"
)]
fn write_report(options: &Options, path: &Path, generation: i32) -> Result<()> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis() as i64;
    let mut writer = ReportWriter::new(BufWriter::new(File::create(path)?));
    writer.metadata(&proto::Metadata {
        analysis_date: now + i64::from(generation),
        project_key: "large".to_owned(),
        root_component_ref: 1,
        project_version: format!("1.{generation}"),
        ..proto::Metadata::default()
    })?;
    writer.component(&proto::Component {
        r#ref: 1,
        r#type: proto::ComponentType::Project.into(),
        key: "large".to_owned(),
        child_ref: (2..options.files + 2).collect(),
        ..proto::Component::default()
    })?;
    let per_file = options.issues / options.files;
    for file in 2..options.files + 2 {
        let moved = generation * i32::from(file % 10 == 0);
        let lines = options.lines + moved;
        writer.component(&proto::Component {
            r#ref: file,
            r#type: proto::ComponentType::File.into(),
            language: "py".to_owned(),
            lines,
            project_relative_path: format!("src/package_{}/module_{file}.py", file % 100),
            ..proto::Component::default()
        })?;
        let mut source = String::new();
        for line in 1..=lines {
            let number = line - moved;
            writeln!(
                source,
                "value_{file}_{number} = compute({number}, {file})  # of a large code base"
            )?;
        }
        writer.source(file, source.trim_end())?;
        let flags: Vec<String> = (1..=lines).map(|line| format!("{line}=1")).collect();
        writer.measures(
            file,
            [
                proto::Measure::int("ncloc", lines),
                proto::Measure::string("ncloc_data", flags.join(";")),
            ],
        )?;
        let coverage = (1..=lines).map(|line| proto::LineCoverage {
            line,
            hits: Some(line % 5 != 0),
            ..proto::LineCoverage::default()
        });
        writer.coverages(file, coverage)?;
        writer.changesets(&proto::Changesets {
            component_ref: file,
            changeset: vec![proto::Changeset {
                revision: "0123456789abcdef0123456789abcdef01234567".to_owned(),
                author: "ada@example.org".to_owned(),
                date: now - 86_400_000,
            }],
            changeset_index_by_line: vec![0; usize::try_from(lines)?],
            ..proto::Changesets::default()
        })?;
        let issues = (0..per_file - moved).map(|index| {
            let line = 1 + moved + (index * 7) % options.lines;
            proto::ExternalIssue {
                engine_id: "lint".to_owned(),
                rule_id: format!("R{:03}", index % 50),
                msg: format!(
                    "The value of rule {} is computed in a way that is hard to follow",
                    index % 50
                ),
                severity: Some(1 + index % 5),
                r#type: Some(1 + index % 3),
                effort: 5,
                text_range: Some(proto::TextRange {
                    start_line: line,
                    end_line: line,
                    start_offset: 0,
                    end_offset: 5,
                }),
                ..proto::ExternalIssue::default()
            }
        });
        writer.external_issues(file, issues)?;
    }
    writer.finish()?.flush()?;
    Ok(())
}

fn table(options: &Options, size: u64, runs: &[Figures]) -> String {
    let of = |pick: fn(&Figures) -> f64| {
        let mut values: Vec<f64> = runs.iter().map(pick).collect();
        values.sort_by(f64::total_cmp);
        (values[values.len() / 2], values[0], values[values.len() - 1])
    };
    let row = |name: &str, unit: &str, pick: fn(&Figures) -> f64, digits: usize| {
        let (median, least, most) = of(pick);
        format!("| {name} | {median:.digits$} {unit} | {least:.digits$} to {most:.digits$} {unit} |\n")
    };
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let mut text = format!(
        "# One large report\n\n{} issues in {} files of {} lines with coverage and blame, {:.1} MiB zipped; {} runs on {cores} cores, \
         each on an empty data folder, SQLite with `synchronous=FULL`. The second report moves lines in every tenth file.\n\n\
         Command: `cargo xtask bench large-report`.\n\n| figure | median | range |\n|---|---|---|\n",
        options.issues,
        options.files,
        options.lines,
        size as f64 / 1_048_576.0,
        runs.len(),
    );
    text += &row("upload until the task is accepted", "s", |run| run.submit, 2);
    text += &row("first analysis", "s", |run| run.first, 2);
    text += &row("second analysis (tracking)", "s", |run| run.second, 2);
    text += &row("memory of the server before", "MiB", |run| run.idle_mib, 0);
    text += &row("peak memory of the server (VmHWM)", "MiB", |run| run.peak_mib, 0);
    text
}
