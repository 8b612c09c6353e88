//! When a command that keeps ending may be started again.

use std::time::{Duration, Instant};

/// The first rest; each one that follows is twice as long.
const FIRST: Duration = Duration::from_millis(200);
/// The longest rest.
const LONGEST: Duration = Duration::from_secs(30);
/// A process that lived for so long was not in trouble from its start.
const SETTLED: Duration = Duration::from_secs(30);

/// How often in a row a command has failed.
#[derive(Debug, Default)]
pub(super) struct Trouble {
    failures: u32,
    until: Option<Instant>,
}

impl Trouble {
    /// For how long nothing is started.
    pub(super) fn rests(&self, now: Instant) -> Option<Duration> {
        self.until?.checked_duration_since(now).filter(|rest| !rest.is_zero())
    }

    /// A process has ended by itself after so long. The first `free` times in a row that costs nothing.
    pub(super) fn failed(&mut self, age: Duration, free: u32, now: Instant) {
        if age >= SETTLED {
            self.failures = 0;
        }
        self.failures += 1;
        let doublings = self.failures.saturating_sub(1 + free).min(16);
        let rest = FIRST.saturating_mul(1 << doublings).min(LONGEST);
        self.until = (self.failures > free).then(|| now + rest);
    }

    /// One works.
    pub(super) fn works(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::clock;

    #[test]
    fn what_never_works_rests_ever_longer_to_a_bound() {
        let (mut trouble, mut now) = (Trouble::default(), clock::now());
        let mut rests = Vec::new();
        for _ in 0..12 {
            trouble.failed(Duration::ZERO, 0, now);
            let rest = trouble.rests(now).unwrap();
            rests.push(rest.as_millis());
            now += rest;
            assert_eq!(trouble.rests(now), None);
        }
        assert_eq!(rests[..4], [200, 400, 800, 1600]);
        assert_eq!(rests[11], 30_000);
        trouble.works();
        trouble.failed(Duration::ZERO, 0, now);
        assert_eq!(trouble.rests(now), Some(FIRST));
    }

    #[test]
    fn what_has_worked_is_started_again_at_once_but_not_for_ever() {
        let (mut trouble, now) = (Trouble::default(), clock::now());
        trouble.failed(Duration::from_secs(1), 1, now);
        assert_eq!(trouble.rests(now), None);
        trouble.failed(Duration::from_secs(1), 1, now);
        assert_eq!(trouble.rests(now), Some(FIRST));
        trouble.failed(Duration::from_secs(3600), 1, now);
        assert_eq!(trouble.rests(now), None, "it was well for an hour");
    }
}
