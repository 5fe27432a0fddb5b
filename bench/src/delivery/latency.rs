//! From the trigger to the receiver, at a rate that keeps nobody busy.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use bytes::Bytes;

use super::flips::Flips;
use super::floor::{Writer, headers};
use super::scene::project_key;
use crate::client::Connection;
use crate::receiver::Receiver;

/// Projects, each of which has one event a second.
pub(crate) const PROJECTS: usize = 50;
/// How far apart two events of the same project are.
const TURN: Duration = Duration::from_secs(1);

/// What came of one run, in milliseconds.
#[derive(Clone, Copy)]
pub(crate) struct Latency {
    pub(crate) p50: f64,
    pub(crate) p99: f64,
}

impl fmt::Display for Latency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.2} ms (p99 {:.2} ms)", self.p50, self.p99)
    }
}

/// The server: an issue is changed over HTTP, the gate flips, the call arrives.
pub(crate) async fn of_server(flips: &mut Flips, rounds: u32, receiver: &Receiver) -> Result<Latency> {
    receiver.empty();
    receiver.keep_arrivals(true);
    let triggers = flips.evenly(rounds).await?;
    receiver.wait_for(triggers.len()).await?;
    receiver.keep_arrivals(false);
    between(triggers, receiver.take_arrivals())
}

/// The floor: a row is committed, then the call is made. `durable` is false for the call alone, without any row before it.
pub(crate) async fn of_floor(
    body: &Bytes,
    rounds: u32,
    receiver: &Receiver,
    folder: &Path,
    durable: bool,
) -> Result<Latency> {
    receiver.empty();
    receiver.keep_arrivals(true);
    let writer = Writer::start(folder, 1)?;
    let begin = tokio::time::Instant::now() + Duration::from_millis(100);
    let mut at_work = Vec::new();
    for at in 0..PROJECTS {
        let (rows, body) = (writer.sender(), body.clone());
        let destination: SocketAddr = receiver.destination(0);
        at_work.push(tokio::spawn(async move {
            let mut connection = Connection::open(destination).await?;
            let mut triggers = Vec::new();
            for round in 0..rounds {
                let number = round as usize * PROJECTS + at;
                let headers = headers(&body, number, &project_key(at))?;
                tokio::time::sleep_until(begin + TURN * round + TURN * at as u32 / PROJECTS as u32).await;
                triggers.push((project_key(at), Instant::now()));
                if durable {
                    Writer::commit(&rows, number).await?;
                }
                connection.post("/", headers, body.clone()).await?;
            }
            Ok::<_, anyhow::Error>(triggers)
        }));
    }
    let mut triggers = Vec::new();
    for worker in at_work {
        triggers.extend(worker.await??);
    }
    receiver.wait_for(triggers.len()).await?;
    receiver.keep_arrivals(false);
    writer.end()?;
    between(triggers, receiver.take_arrivals())
}

/// A project's calls arrive in the order of its events, so the first arrival belongs to the first trigger.
fn between(triggers: Vec<(String, Instant)>, arrivals: Vec<(String, Instant)>) -> Result<Latency> {
    let mut begun: HashMap<String, VecDeque<Instant>> = HashMap::new();
    for (project, at) in triggers {
        begun.entry(project).or_default().push_back(at);
    }
    let mut took = Vec::with_capacity(arrivals.len());
    for (project, at) in arrivals {
        let trigger = begun.get_mut(&project).and_then(VecDeque::pop_front);
        let trigger = trigger.with_context(|| format!("a call about {project} had no trigger"))?;
        took.push((at - trigger).as_secs_f64() * 1000.0);
    }
    ensure!(!took.is_empty(), "no call arrived");
    took.sort_by(f64::total_cmp);
    let at = |share: f64| took[((took.len() - 1) as f64 * share).round() as usize];
    Ok(Latency {
        p50: at(0.50),
        p99: at(0.99),
    })
}
