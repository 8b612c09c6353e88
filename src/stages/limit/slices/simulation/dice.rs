//! Chance that comes again with the same seed.

use std::env;

pub(super) struct Dice(u64);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        // Seeds that are close by give other numbers all the same.
        let mut dice = Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        for _ in 0..4 {
            dice.below(2);
        }
        dice
    }

    /// A number below `bound` (xorshift64*).
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 11) % bound.max(1)
    }

    pub(super) fn between(&mut self, least: u64, most: u64) -> u64 {
        least + self.below(most - least + 1)
    }

    /// Whether it happens that happens once in so many times.
    pub(super) fn once_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }
}

/// The seeds to run: all with `WEIR_LONG=1`, a twentieth in the gate, or the one that `WEIR_SEED` names.
pub(super) fn seeds(all: u64) -> Vec<u64> {
    if let Some(seed) = env::var("WEIR_SEED").ok().and_then(|text| text.parse().ok()) {
        return vec![seed];
    }
    let first = u64::from(std::process::id()) << 16;
    let count = if env::var_os("WEIR_LONG").is_some() { all } else { (all / 20).max(1) };
    (first..first + count).collect()
}
