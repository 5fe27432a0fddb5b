//! The engine's decisions under days of traffic, outages and crashes, on a clock, a network and a store that are made up
//! from a seed. A failure names its seed; `GATEHOOK_SIM_SEED=<seed>` runs that one alone, and
//! `GATEHOOK_SIM_SEEDS=<count>` so many.

mod store;
mod world;

use std::num::NonZero;
use std::sync::atomic::{AtomicU64, Ordering};

use self::world::run;

/// What is tried without being told otherwise; `cargo xtask test` tries 10,000.
const SEEDS: u64 = 300;

/// A mistake made on purpose, to see that it would be found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Bug {
    /// None.
    None,
    /// The engine is not told of some events.
    LostWake,
    /// The store gives out what is being sent already.
    DoubleClaim,
    /// The store gives out only what goes to the webhook that has waited longest.
    Starvation,
    /// The store gives out the newest first.
    Reordering,
    /// An end is forgotten now and then.
    LostEnd,
    /// Calls that failed are due again at once, and broken destinations are not spared.
    Storm,
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

#[test]
fn nothing_is_lost_doubled_reordered_starved_or_stormed() {
    let (first, count) = match number("GATEHOOK_SIM_SEED") {
        Some(seed) => (seed, 1),
        None => (0, number("GATEHOOK_SIM_SEEDS").unwrap_or(SEEDS)),
    };
    let next = AtomicU64::new(first);
    let threads = std::thread::available_parallelism().map_or(1, NonZero::get);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= first + count {
                        return;
                    }
                    if let Err(wrong) = run(seed, Bug::None) {
                        panic!("{wrong}; run it again with GATEHOOK_SIM_SEED={seed}");
                    }
                }
            });
        }
    });
}

#[test]
fn a_mistake_of_each_kind_is_found() {
    for (bug, word) in [
        (Bug::LostWake, "late"),
        (Bug::DoubleClaim, "twice"),
        (Bug::Starvation, "late"),
        (Bug::Reordering, "order"),
        (Bug::LostEnd, "owed"),
        (Bug::Storm, "storm"),
    ] {
        let found = (0..30).find_map(|seed| run(seed, bug).err().filter(|wrong| wrong.contains(word)));
        assert!(found.is_some(), "{bug:?}");
    }
}
