//! The real clock and the real randomness, for what the benchmarks write into the server's database themselves.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use gatehook_domain::{Ambient, Clock, Entropy, Timestamp};

struct RealClock;

impl Clock for RealClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "a benchmark dates its events by the real clock"
    )]
    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }
}

struct RealEntropy;

impl Entropy for RealEntropy {
    #[expect(
        clippy::disallowed_methods,
        reason = "the ids must differ from those of earlier runs"
    )]
    #[expect(clippy::expect_used, reason = "a benchmark without randomness is to stop")]
    fn fill(&self, bytes: &mut [u8]) {
        getrandom::fill(bytes).expect("the operating system gives random bytes");
    }
}

/// The clock and the randomness of this process.
pub(crate) fn real() -> Ambient {
    Ambient::new(Arc::new(RealClock), Arc::new(RealEntropy))
}
