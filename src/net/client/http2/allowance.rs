//! How much of something a client may do: so many at once, and so many a second in the long run.

use std::time::Instant;

use crate::model::clock;

/// A bucket that fills with time. The clock is only read when it is empty.
#[derive(Debug)]
pub(super) struct Allowance {
    left: u32,
    most: u32,
    /// A second.
    refill: u32,
    since: Instant,
}

impl Allowance {
    pub(super) fn new(most: u32, refill: u32) -> Self {
        Self { left: most, most, refill, since: clock::now() }
    }

    /// Takes `cost`; false where that is more than is left.
    pub(super) fn spend(&mut self, cost: u32) -> bool {
        if self.left < cost {
            self.fill(clock::now());
        }
        let enough = self.left >= cost;
        self.left = self.left.saturating_sub(cost);
        enough
    }

    /// Gives some of it back.
    pub(super) fn earn(&mut self, gain: u32) {
        self.left = self.left.saturating_add(gain).min(self.most);
    }

    fn fill(&mut self, now: Instant) {
        let gain = (now - self.since).as_millis() * u128::from(self.refill) / 1000;
        if gain > 0 {
            self.since = now;
            self.earn(u32::try_from(gain).unwrap_or(u32::MAX));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn it_is_spent_earned_and_filled() {
        let mut allowance = Allowance::new(10, 0);
        assert!(allowance.spend(4) && allowance.spend(6) && !allowance.spend(1));
        allowance.earn(100);
        assert!(allowance.spend(10) && !allowance.spend(1), "never more than the most");
        let mut allowance = Allowance::new(10, 4);
        assert!(allowance.spend(10));
        allowance.fill(allowance.since + Duration::from_secs(2));
        assert!(allowance.spend(8) && !allowance.spend(1));
    }
}
