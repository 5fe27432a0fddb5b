//! What must hold whatever happens to the processes, the database and the disk: every event is owed to every webhook, each
//! delivery is delivered, failed for a reason, or due, and in the end all are delivered.

mod books;
mod dice;
mod home;
mod load;
mod nodes;
mod rounds;
mod storage;
mod witness;

use std::process::Command;

use crate::durability::dice::{Dice, any_seed};

/// Projects that people and scanners work on at the same time.
const PROJECTS: [&str; 4] = ["north", "east", "south", "west"];

/// How many rounds are played, and the chance that decides about them: `GATEHOOK_SOAK_ROUNDS` and `GATEHOOK_SOAK_SEED`, or so
/// many and any. What the operating system does at the same time cannot be repeated.
#[expect(clippy::print_stdout, reason = "whoever plays a run again needs its seed")]
fn game(what: &str, rounds: u64) -> (u64, Dice) {
    let rounds = number("GATEHOOK_SOAK_ROUNDS").unwrap_or(rounds);
    let seed = number("GATEHOOK_SOAK_SEED").unwrap_or_else(any_seed);
    println!("{what}: {rounds} rounds, GATEHOOK_SOAK_SEED={seed}");
    (rounds, Dice::new(seed))
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
