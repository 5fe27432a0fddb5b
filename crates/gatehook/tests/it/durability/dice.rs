//! Numbers that a seed repeats.

use std::hash::{BuildHasher as _, RandomState};

/// SplitMix64.
pub(super) struct Dice(u64);

/// A seed nobody chose.
pub(super) fn any_seed() -> u64 {
    RandomState::new().hash_one(0_u8)
}

impl Dice {
    pub(super) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(super) const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// From 0 to below the bound.
    pub(super) const fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }
}
