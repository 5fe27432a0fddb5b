//! Deliveries: how fast, how soon and at what cost, each beside what the machine can do at best.

mod flips;
mod floor;
mod latency;
mod scene;
mod table;

use std::path::Path;
use std::time::Duration;

use anyhow::{Result, ensure};
use bytes::Bytes;

use crate::receiver::Receiver;
use flips::Flips;
use scene::{Layout, Scene};
use table::{Table, median};

/// How long everybody changes issues for the end-to-end figure.
const HURRY: Duration = Duration::from_secs(5);
/// How long a server with a large backlog is watched.
const WATCH: Duration = Duration::from_secs(10);

/// What is measured, and how often.
#[derive(clap::Parser)]
pub(crate) struct Options {
    /// How often each figure is taken; medians are shown.
    #[arg(long, default_value_t = 5)]
    runs: usize,
    /// Deliveries of each drain.
    #[arg(long, default_value_t = 20_000)]
    deliveries: usize,
    /// Deliveries of the large backlog.
    #[arg(long, default_value_t = 1_000_000)]
    backlog: usize,
    /// Only this part, and no table is written: `drain-1`, `drain-10`, `drain-1000`, `end-to-end`, `latency`, `memory`, `idle` or
    /// `hanging`.
    #[arg(long)]
    only: Vec<String>,
}

/// Runs the benchmarks and writes what was measured.
#[expect(clippy::print_stdout, reason = "a program for people at a terminal")]
pub(crate) async fn run(options: &Options) -> Result<()> {
    ensure!(options.runs > 0, "nothing is measured in no runs");
    let receiver = Receiver::start().await?;
    let folder = tempfile::tempdir()?;
    let mut table = Table::default();
    let wanted = |part: &str| options.only.is_empty() || options.only.iter().any(|only| only == part);
    for (part, projects, global, own) in [
        ("drain-1", 100, 1, 0),
        ("drain-10", 100, 10, 0),
        ("drain-1000", 100, 0, 10),
    ] {
        if wanted(part) {
            let layout = Layout {
                projects,
                global,
                own,
                first_hangs: false,
            };
            drain(options, layout, &receiver, &folder.path().join(part), &mut table).await?;
        }
    }
    if wanted("end-to-end") {
        end_to_end(options, &receiver, &folder.path().join("end-to-end"), &mut table).await?;
    }
    if wanted("latency") {
        latency(options, &receiver, &folder.path().join("latency"), &mut table).await?;
    }
    if wanted("memory") {
        memory(options, &receiver, &folder.path().join("memory"), &mut table).await?;
    }
    if wanted("idle") {
        idle(options, &receiver, &folder.path().join("idle"), &mut table).await?;
    }
    if wanted("hanging") {
        hanging(options, &receiver, &folder.path().join("hanging"), &mut table).await?;
    }
    println!("\n{}", table.text(options.runs));
    if options.only.is_empty() {
        table.write(options.runs)?;
    }
    Ok(())
}

/// The rate at which `count` calls arrived in the given time.
fn rate(count: usize, during: Duration) -> f64 {
    count as f64 / during.as_secs_f64()
}

/// How fast a backlog goes out, beside the floor, one after the other.
#[expect(clippy::print_stdout, reason = "a program for people at a terminal")]
async fn drain(options: &Options, layout: Layout, receiver: &Receiver, folder: &Path, table: &mut Table) -> Result<()> {
    let scene = Scene::prepare(&folder.join("data"), layout, receiver).await?;
    let destinations: Vec<_> = (0..layout.destinations()).map(|at| receiver.destination(at)).collect();
    let body = Bytes::from(scene.body());
    let (mut floors, mut rates, mut ratios, mut cpu) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for run in 1..=options.runs {
        receiver.empty();
        floor::drain(&destinations, &body, options.deliveries, folder).await?;
        let floor = rate(options.deliveries, receiver.wait_for(options.deliveries).await?);

        scene.forget()?;
        let owed = scene.owe(options.deliveries).await?;
        receiver.empty();
        let server = scene.serve()?;
        let took = receiver.wait_for(owed).await?;
        let used = server.cpu_seconds()? * 1000.0 / owed as f64;
        server.stop()?;
        let left = scene.left()?;
        ensure!(left == 0, "{left} deliveries were not written down as delivered");
        let reached = rate(owed, took);
        println!(
            "drain to {}, run {run}: {reached:.0}/s, floor {floor:.0}/s, ratio {:.3}, {used:.3} CPU s per 1,000",
            layout.destinations(),
            reached / floor
        );
        floors.push(floor);
        rates.push(reached);
        ratios.push(reached / floor);
        cpu.push(used);
    }
    let name = format!("backlog drain, destinations: {}, body: 1 KiB", layout.destinations());
    let measured = format!(
        "{:.0}/s = {:.3} × floor ({:.0}/s)",
        median(&rates),
        median(&ratios),
        median(&floors)
    );
    table.row(&name, &measured, "0.5 × floor", "0.8 × floor");
    let name = format!(
        "CPU seconds per 1,000 deliveries (server alone), destinations: {}",
        layout.destinations()
    );
    table.row(&name, &format!("{:.3}", median(&cpu)), "0.06", "0.03");
    Ok(())
}

/// How many issue changes a second become deliveries that were received.
#[expect(clippy::print_stdout, reason = "a program for people at a terminal")]
async fn end_to_end(options: &Options, receiver: &Receiver, folder: &Path, table: &mut Table) -> Result<()> {
    let mut flips = Flips::prepare(folder, 32, receiver).await?;
    let (mut accepted, mut delivered, mut cpu) = (Vec::new(), Vec::new(), Vec::new());
    for run in 1..=options.runs {
        receiver.empty();
        let before = flips.server().cpu_seconds()?;
        let began = std::time::Instant::now();
        let changes = flips.hurry(HURRY).await?;
        let changed = rate(changes, began.elapsed());
        receiver.wait_for(changes).await?;
        let received = rate(changes, began.elapsed());
        let used = (flips.server().cpu_seconds()? - before) * 1000.0 / changes as f64;
        println!(
            "end to end, run {run}: {changed:.0} changes/s answered, {received:.0}/s until all were received, {used:.3} CPU s per 1,000"
        );
        accepted.push(changed);
        delivered.push(received);
        cpu.push(used);
    }
    let measured = format!(
        "{:.0}/s ({:.0}/s answered; {:.3} CPU s per 1,000)",
        median(&delivered),
        median(&accepted),
        median(&cpu)
    );
    table.row(
        "issue change over HTTP → event → delivery received, 32 people",
        &measured,
        "5,000/s",
        "15,000/s",
    );
    Ok(())
}

/// How soon a call arrives when 50 events a second come evenly.
#[expect(clippy::print_stdout, reason = "a program for people at a terminal")]
async fn latency(options: &Options, receiver: &Receiver, folder: &Path, table: &mut Table) -> Result<()> {
    const ROUNDS: u32 = 6;
    let layout = Layout {
        projects: 1,
        global: 1,
        own: 0,
        first_hangs: false,
    };
    let body = Scene::prepare(&folder.join("body"), layout, receiver).await?.body();
    let body = Bytes::from(body);
    let mut flips = Flips::prepare(&folder.join("data"), latency::PROJECTS, receiver).await?;
    let mut figures = Vec::new();
    for run in 1..=options.runs {
        let bare = latency::of_floor(&body, ROUNDS, receiver, folder, false).await?;
        let floor = latency::of_floor(&body, ROUNDS, receiver, folder, true).await?;
        let server = latency::of_server(&mut flips, ROUNDS, receiver).await?;
        println!("latency, run {run}: server {server}, floor {floor}, a call alone {bare}");
        figures.push((server, floor, bare));
    }
    let of = |pick: fn(&(latency::Latency, latency::Latency, latency::Latency)) -> f64| {
        median(&figures.iter().map(pick).collect::<Vec<_>>())
    };
    let measured = format!(
        "{:.2} ms = {:.1} × floor ({:.2} ms; a call alone {:.2} ms)",
        of(|(server, ..)| server.p50),
        of(|(server, floor, _)| server.p50 / floor.p50),
        of(|(_, floor, _)| floor.p50),
        of(|(.., bare)| bare.p50)
    );
    table.row(
        "trigger → received at 50 events/s, p50",
        &measured,
        "2 × floor",
        "1.3 × floor",
    );
    let measured = format!(
        "{:.2} ms = {:.1} × floor ({:.2} ms; a call alone {:.2} ms)",
        of(|(server, ..)| server.p99),
        of(|(server, floor, _)| server.p99 / floor.p99),
        of(|(_, floor, _)| floor.p99),
        of(|(.., bare)| bare.p99)
    );
    table.row(
        "trigger → received at 50 events/s, p99",
        &measured,
        "2 × floor",
        "1.3 × floor",
    );
    Ok(())
}

/// How much memory a server has while it works at a large backlog.
#[expect(clippy::print_stdout, reason = "a program for people at a terminal")]
async fn memory(options: &Options, receiver: &Receiver, folder: &Path, table: &mut Table) -> Result<()> {
    let layout = Layout {
        projects: 100,
        global: 10,
        own: 0,
        first_hangs: false,
    };
    let scene = Scene::prepare(folder, layout, receiver).await?;
    let owed = scene.owe(options.backlog).await?;
    let (mut peaks, mut ready) = (Vec::new(), Vec::new());
    for run in 1..=options.runs {
        receiver.empty();
        let server = scene.serve()?;
        let started = server.ready_after().as_secs_f64() * 1000.0;
        tokio::time::sleep(WATCH).await;
        let peak = server.peak_mib()?;
        println!(
            "{owed} owed, run {run}: peak {peak:.0} MiB in {} s, ready after {started:.0} ms, {:.0} deliveries/s",
            WATCH.as_secs(),
            rate(receiver.count(), WATCH)
        );
        server.stop()?;
        peaks.push(peak);
        ready.push(started);
    }
    let name = format!(
        "peak memory (VmHWM) in the first {} s with {owed} deliveries owed",
        WATCH.as_secs()
    );
    let measured = format!("{:.0} MiB (ready after {:.0} ms)", median(&peaks), median(&ready));
    table.row(&name, &measured, "100 MB", "60 MB");
    Ok(())
}

/// What a server without work takes, and how soon it is ready.
#[expect(clippy::print_stdout, reason = "a program for people at a terminal")]
async fn idle(options: &Options, receiver: &Receiver, folder: &Path, table: &mut Table) -> Result<()> {
    let layout = Layout {
        projects: 100,
        global: 10,
        own: 0,
        first_hangs: false,
    };
    let scene = Scene::prepare(folder, layout, receiver).await?;
    let (mut resident, mut ready) = (Vec::new(), Vec::new());
    for run in 1..=options.runs * 2 + 1 {
        let server = scene.serve()?;
        let started = server.ready_after().as_secs_f64() * 1000.0;
        tokio::time::sleep(Duration::from_secs(2)).await;
        let mib = server.resident_mib()?;
        println!("idle, run {run}: {mib:.1} MiB, ready after {started:.0} ms");
        server.stop()?;
        resident.push(mib);
        ready.push(started);
    }
    table.row(
        "idle: resident memory",
        &format!("{:.1} MiB", median(&resident)),
        "40 MB",
        "20 MB",
    );
    table.row(
        "start to ready on an existing database",
        &format!("{:.0} ms", median(&ready)),
        "200 ms",
        "50 ms",
    );
    Ok(())
}

/// How much slower 99 destinations get their calls when the hundredth hangs.
#[expect(clippy::print_stdout, reason = "a program for people at a terminal")]
async fn hanging(options: &Options, receiver: &Receiver, folder: &Path, table: &mut Table) -> Result<()> {
    let layout = Layout {
        projects: 10,
        global: 0,
        own: 10,
        first_hangs: true,
    };
    let scene = Scene::prepare(folder, layout, receiver).await?;
    let mut slower = Vec::new();
    for run in 1..=options.runs {
        let mut took = [0.0; 2];
        for (hangs, took) in [false, true].into_iter().zip(&mut took) {
            scene.forget()?;
            let owed = scene.owe(options.deliveries).await?;
            receiver.empty();
            receiver.hang(hangs);
            let server = scene.serve()?;
            // A hundredth of them goes to the one that may hang, and is not counted.
            *took = receiver.wait_for(owed - owed / 100).await?.as_secs_f64();
            drop(server);
            receiver.hang(false);
        }
        let percent = (took[1] / took[0] - 1.0) * 100.0;
        println!(
            "hanging, run {run}: {:.2} s when all answer, {:.2} s when one hangs, {percent:+.1} %",
            took[0], took[1]
        );
        slower.push(percent);
    }
    table.row(
        "one destination that hangs, 99 that answer: slow-down of the 99",
        &format!("{:+.1} %", median(&slower)),
        "< 5 %",
        "< 1 %",
    );
    Ok(())
}
