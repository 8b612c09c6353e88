//! What a node could use of a key, by what calls have asked for lately.

use crate::model::leases::Slice;

use super::{Count, MILLION, Of, Whole};

/// Wants are in steps of a 32nd.
const STEP: u32 = MILLION / 32;

/// A count is leased for so many turns ahead.
const AHEAD: u32 = 8;

/// The demand of the last turns: a mean of the rate that rises at once and falls slowly, and the most that came in one,
/// an eighth less with each turn.
#[derive(Debug, Default)]
pub(super) struct Demand {
    lately: Slice,
}

impl Demand {
    /// Tokens asked for in so many nanoseconds.
    pub(super) fn add(&mut self, asked: u64, elapsed: u64, of: Of) {
        let rate = match of {
            Of::Rate(whole) => {
                let used = u128::from(asked) * u128::from(whole.apart) * u128::from(MILLION) / u128::from(elapsed);
                // An eighth more than what came, so that a demand that grows is not held at what it was.
                u32::try_from(used * 9 / 8).unwrap_or(MILLION).min(MILLION)
            }
            Of::Count(_) => 0,
        };
        let now = Slice { rate, burst: u32::try_from(asked).unwrap_or(u32::MAX) };
        self.lately = Slice {
            rate: match self.lately.rate {
                0 => now.rate,
                lately if now.rate > lately => lately + (now.rate - lately) / 2,
                lately => lately - (lately - now.rate).div_ceil(8),
            },
            burst: now.burst.max(self.lately.burst - self.lately.burst.div_ceil(8)),
        };
    }

    /// What could be used of a rate, beside a floor; nothing where the floor is enough. What was said before is said
    /// again, as long as that is enough, and no more than twice the rate that is needed, or four times the burst.
    pub(super) fn of_rate(&self, whole: Whole, floor: Slice, before: Slice) -> Slice {
        let (lately, most) = (self.lately, whole.leased());
        if lately.rate <= floor.rate && lately.burst <= floor.burst {
            return Slice::default();
        }
        let rate = lately.rate.min(most.rate);
        let fits = |now: u32, before: u32, times: u32| now <= before && now >= before / times;
        let rate = if fits(rate, before.rate, 2) { before.rate } else { (rate.div_ceil(STEP) * STEP).min(most.rate) };
        let part = (u64::from(most.burst) * u64::from(rate) / u64::from(most.rate)) as u32;
        let burst = lately.burst.max(part).max(whole.grain).min(most.burst);
        let next = || burst.checked_next_power_of_two().map_or(most.burst, |next| next.min(most.burst));
        Slice { rate, burst: if fits(burst, before.burst, 4) { before.burst } else { next() } }
    }

    /// Up to how many could be counted, where `used` are, and up to `may` may be. It asks for more when half of what is
    /// leased ahead is used, and gives back when nobody asks; all but `floor`, which is had when the book is away.
    pub(super) fn of_count(&self, count: Count, floor: u32, used: u32, may: u32) -> u32 {
        if self.is_none() {
            return may.min(used.saturating_add(floor));
        }
        let ahead = self.lately.burst.saturating_mul(AHEAD).max(count.grain).max(floor);
        let least = used.saturating_add(ahead.div_ceil(2));
        let most = used.saturating_add(ahead.saturating_mul(2));
        (if may < least { used.saturating_add(ahead) } else { may.min(most) }).min(count.most)
    }

    /// Whether nobody has asked for long.
    pub(super) fn is_none(&self) -> bool {
        self.lately.is_none()
    }
}
