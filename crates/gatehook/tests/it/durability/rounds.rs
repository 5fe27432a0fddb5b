//! Kill -9 at random moments under load, then a restart; again and again on the same data.
//!
//! After each kill the database is read as the dead process left it, and must hold every event with its deliveries,
//! each of them delivered, failed for a reason, or due. In the end everything that was answered for is there, and was
//! called with one id for each event and webhook.
//!
//! `GATEHOOK_SOAK_ROUNDS` says how many rounds are played, and `GATEHOOK_SOAK_SEED` plays those of an earlier run again;
//! what the operating system does at the same time cannot be repeated.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::durability::books::Books;
use crate::durability::dice::{Dice, any_seed};
use crate::durability::load::{self, Ledger, Load};
use crate::durability::start;
use crate::durability::witness::Witness;
use crate::harness::{PASSWORD, SECRET, Server, TOKEN};

/// Rounds unless said otherwise; a soak plays 200.
const ROUNDS: u64 = 5;
/// Everything that is owed is let go out after so many rounds, so that a long run does not only pile up work.
const SETTLE_EVERY: u64 = 10;
/// How many things a round sees happen before it is killed, at most. One change of an issue makes about eight.
const LONGEST_ROUND: u64 = 250;
/// How long a start lives that is killed before it is ready, at most.
const LONGEST_START: Duration = Duration::from_millis(400);

#[tokio::test(flavor = "multi_thread")]
async fn whenever_the_server_is_killed_every_event_is_delivered_to_every_webhook() {
    let rounds = number("GATEHOOK_SOAK_ROUNDS").unwrap_or(ROUNDS);
    let seed = number("GATEHOOK_SOAK_SEED").unwrap_or_else(any_seed);
    println!("crash test: {rounds} rounds, GATEHOOK_SOAK_SEED={seed}");
    let mut dice = Dice::new(seed);
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    for _ in 0..2 {
        kill_while_it_starts(&data, &mut dice).await;
    }
    let witness = Witness::start(SECRET, dice.next()).await;
    let books = Books::of(&data);
    let mut ledger = Ledger::default();
    load::prepare(&Server::start(&data).await, &witness).await;

    for round in 1..=rounds {
        if dice.below(5) == 0 {
            kill_while_it_starts(&data, &mut dice).await;
            books.check(&witness, round);
        }
        let server = start(&data).await;
        if round % SETTLE_EVERY == 0 {
            books.settled(&witness).await;
        }
        let moment = 1 + dice.below(LONGEST_ROUND);
        let instant = Duration::from_micros(dice.below(3_000));
        let killing = async {
            witness.things_happen(moment).await;
            // The kill must not always fall right behind what was seen.
            tokio::time::sleep(instant).await;
            kill(server.id());
        };
        let (seen, ()) = tokio::join!(Load::on(&server, &witness).work(), killing);
        ledger.add(seen);
        drop(server);
        books.check(&witness, round);
    }

    let server = start(&data).await;
    books.settled(&witness).await;
    assert_eq!(server.stop().await.code(), Some(0));
    books.check(&witness, rounds + 1);
    ledger.check(&books);
    assert!(!ledger.is_blank(), "nothing was done at all");
    witness.check(&books.deliveries(), rounds);
    println!("crash test: {} events, {} calls", books.events(), witness.count());
}

/// Starts a server and kills it at some moment of its start, or soon after.
async fn kill_while_it_starts(data: &Path, dice: &mut Dice) {
    let mut command = Server::command(data);
    command
        .env("GATEHOOK_ADMIN_TOKEN", TOKEN)
        .env("GATEHOOK_ADMIN_PASSWORD", PASSWORD)
        .stdout(Stdio::null());
    let mut child = command.spawn().unwrap();
    let moment = dice.below(LONGEST_START.as_micros() as u64);
    tokio::time::sleep(Duration::from_micros(moment)).await;
    child.kill().unwrap();
    child.wait().unwrap();
}

/// A number in the environment.
fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(
        text.parse()
            .unwrap_or_else(|_| panic!("{variable}={text} is no number")),
    )
}

/// Kills a process at once.
fn kill(id: u32) {
    let killed = Command::new("sh")
        .args(["-c", &format!("kill -KILL {id}")])
        .status()
        .unwrap();
    assert!(killed.success());
}
