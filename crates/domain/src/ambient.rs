//! What a decision may ask of the world: the time and random bytes. Both are passed in, so that tests can move the
//! one and repeat the other.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use sha2::{Digest, Sha256};

use crate::id::Id;
use crate::time::Timestamp;

/// Tells the time.
pub trait Clock: Send + Sync {
    /// The moment it is now.
    fn now(&self) -> Timestamp;
}

/// Gives bytes that nobody can foresee.
pub trait Entropy: Send + Sync {
    /// Fills the whole of `bytes`.
    fn fill(&self, bytes: &mut [u8]);
}

/// The clock and the source of randomness of one running system; cheap to clone.
#[derive(Clone)]
pub struct Ambient {
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    /// The moment and the count of the last id: milliseconds in the upper 52 bits, the count in the lower 12.
    last_id: Arc<AtomicU64>,
}

impl Ambient {
    /// Puts a clock and a source of randomness together.
    pub fn new(clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>) -> Self {
        Self {
            clock,
            entropy,
            last_id: Arc::default(),
        }
    }

    /// The moment it is now.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// A new id of any kind: a version 7 UUID. Ids that one `Ambient` and its clones make grow, also within a millisecond and
    /// when the clock is put back, so that what happened first sorts first. (The count takes the place of twelve random
    /// bits, as RFC 9562 section 6.2 allows; the other 62 are random.)
    pub fn new_id<T: Id>(&self) -> T {
        let now = u64::try_from(self.now().as_millis()).unwrap_or(0) << 12;
        let grown = |last: u64| now.max(last.saturating_add(1));
        let (Ok(last) | Err(last)) = self
            .last_id
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |last| Some(grown(last)));
        let stamp = grown(last);
        let mut random = [0_u8; 10];
        self.entropy.fill(&mut random);
        random[0] = (stamp >> 8 & 0x0f) as u8;
        random[1] = (stamp & 0xff) as u8;
        T::from_uuid(uuid::Builder::from_unix_timestamp_millis(stamp >> 12, &random).into_uuid())
    }

    /// `count` random bytes in lower-case hexadecimal, for tokens and passwords.
    pub fn random_hex(&self, count: usize) -> String {
        let mut bytes = vec![0_u8; count];
        self.entropy.fill(&mut bytes);
        hex::encode(bytes)
    }

    /// Fills `bytes` with random bytes.
    pub fn fill(&self, bytes: &mut [u8]) {
        self.entropy.fill(bytes);
    }
}

impl fmt::Debug for Ambient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ambient")
    }
}

/// A clock that stands still until it is moved; for tests and simulations.
#[derive(Debug)]
pub struct ManualClock(AtomicI64);

impl ManualClock {
    /// A clock that stands at `start`.
    pub fn new(start: Timestamp) -> Self {
        Self(AtomicI64::new(start.as_millis()))
    }

    /// Moves the clock forward.
    pub fn advance(&self, by: Duration) {
        self.0
            .fetch_add(i64::try_from(by.as_millis()).unwrap_or(i64::MAX), Ordering::SeqCst);
    }

    /// Puts the clock to a moment.
    pub fn set(&self, to: Timestamp) {
        self.0.store(to.as_millis(), Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::SeqCst))
    }
}

/// A repeatable stream of bytes from a seed; for tests and simulations only, anybody can foresee it.
#[derive(Debug)]
pub struct SeededEntropy {
    seed: u64,
    drawn: AtomicU64,
}

impl SeededEntropy {
    /// The stream that belongs to `seed`.
    pub fn new(seed: u64) -> Self {
        Self {
            seed,
            drawn: AtomicU64::new(0),
        }
    }
}

impl Entropy for SeededEntropy {
    fn fill(&self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(32) {
            let block = self.drawn.fetch_add(1, Ordering::SeqCst);
            let digest = Sha256::new()
                .chain_update(self.seed.to_le_bytes())
                .chain_update(block.to_le_bytes())
                .finalize();
            chunk.copy_from_slice(&digest[..chunk.len()]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::TaskId;

    fn ambient() -> (Arc<ManualClock>, Ambient) {
        let clock = Arc::new(ManualClock::new(Timestamp::from_millis(1_700_000_000_000)));
        (clock.clone(), Ambient::new(clock, Arc::new(SeededEntropy::new(7))))
    }

    #[test]
    fn ids_sort_by_the_time_they_were_made() {
        let (clock, ambient) = ambient();
        let first: TaskId = ambient.new_id();
        clock.advance(Duration::from_millis(1));
        let second: TaskId = ambient.new_id();
        assert!(first.as_str() < second.as_str());
    }

    #[test]
    fn ids_of_one_moment_grow_and_so_do_those_of_a_clock_that_is_put_back() {
        let (clock, ambient) = ambient();
        let mut last: TaskId = ambient.new_id();
        for round in 0..10_000 {
            if round == 5_000 {
                clock.set(Timestamp::from_millis(1_600_000_000_000));
            }
            let next: TaskId = ambient.clone().new_id();
            assert!(last < next, "{last} {next}");
            last = next;
        }
    }
}
