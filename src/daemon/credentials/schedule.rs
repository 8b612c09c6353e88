//! When a key set is fetched, and how long one is kept. Time and chance come from the caller.

use std::time::{Duration, Instant};

/// How long a set is as good as new: where its answer says nothing, and in which bounds it is believed.
const USUAL: Duration = Duration::from_secs(10 * 60);
const SOONEST: Duration = Duration::from_secs(60);
const LATEST: Duration = Duration::from_secs(60 * 60);
/// How soon after a failure it is tried again: twice as late each time, up to this.
const FIRST_RETRY: Duration = Duration::from_secs(1);
const LAST_RETRY: Duration = Duration::from_secs(60);
/// How often tokens of unknown keys may have a set fetched.
pub(super) const APART: Duration = Duration::from_secs(30);

/// Of one key set.
#[derive(Debug)]
pub(super) struct Schedule {
    keep: Duration,
    due: Instant,
    fetched: Option<Instant>,
    asked: Option<Instant>,
    failures: u32,
}

impl Schedule {
    /// A set that is to be fetched at once; `keep`: how long the last one that was fetched counts.
    pub(super) fn new(keep: Duration, now: Instant) -> Self {
        Self { keep, due: now, fetched: None, asked: None, failures: 0 }
    }

    /// When to fetch next.
    pub(super) fn due(&self) -> Instant {
        self.due
    }

    /// When what was fetched last does not count any more.
    pub(super) fn end(&self) -> Option<Instant> {
        self.fetched.map(|fetched| fetched + self.keep)
    }

    /// What is kept counts from now on: what another one had fetched, whose place this takes.
    pub(super) fn inherits(&mut self, now: Instant) {
        self.fetched = Some(now);
    }

    /// Whether a token of an unknown key has it fetched now. It does once in a while, however many there are.
    pub(super) fn asks(&mut self, now: Instant) -> bool {
        let may = self.asked.is_none_or(|asked| now - asked >= APART);
        if may {
            self.asked = Some(now);
        }
        may
    }

    /// It was fetched, and its answer may be kept so long. `chance` is any number.
    pub(super) fn succeeded(&mut self, now: Instant, max_age: Option<Duration>, chance: u64) {
        let fresh = max_age.unwrap_or(USUAL).clamp(SOONEST, LATEST).min(self.keep / 2);
        (self.fetched, self.failures) = (Some(now), 0);
        self.due = now + spread(fresh, chance);
    }

    /// It could not be fetched.
    pub(super) fn failed(&mut self, now: Instant, chance: u64) {
        let wait = (FIRST_RETRY * 2_u32.pow(self.failures.min(6))).min(LAST_RETRY);
        self.failures += 1;
        self.due = now + spread(wait, chance);
    }
}

/// That time, or up to a quarter less, so that many nodes do not ask as one.
fn spread(time: Duration, chance: u64) -> Duration {
    time - time.mul_f64((chance % 1024) as f64 / 4096.0)
}

#[cfg(test)]
mod tests {
    use crate::model::clock;

    use super::*;

    const DAY: Duration = Duration::from_secs(24 * 60 * 60);

    fn after(schedule: &Schedule, now: Instant) -> u64 {
        (schedule.due() - now).as_secs()
    }

    #[test]
    fn what_the_issuer_says_of_freshness_is_believed_in_bounds() {
        let now = clock::now();
        let mut schedule = Schedule::new(DAY, now);
        assert_eq!((schedule.due(), schedule.end()), (now, None));
        for (said, due) in [(None, 600), (Some(0), 60), (Some(300), 300), (Some(1_000_000), 3600)] {
            schedule.succeeded(now, said.map(Duration::from_secs), 0);
            assert_eq!(after(&schedule, now), due, "{said:?}");
        }
        schedule.succeeded(now, None, 1023);
        assert!((450..460).contains(&after(&schedule, now)));
        assert_eq!(schedule.end(), Some(now + DAY));
        let mut brief = Schedule::new(Duration::from_secs(10), now);
        brief.succeeded(now, None, 0);
        assert_eq!(after(&brief, now), 5, "it is renewed before it ends");
    }

    #[test]
    fn failures_are_repeated_later_and_later() {
        let now = clock::now();
        let mut schedule = Schedule::new(DAY, now);
        let waits: Vec<_> = (0..9)
            .map(|_| {
                schedule.failed(now, 0);
                after(&schedule, now)
            })
            .collect();
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
        schedule.succeeded(now, None, 0);
        schedule.failed(now, 0);
        assert_eq!(after(&schedule, now), 1);
        assert_eq!(schedule.end(), Some(now + DAY), "a failure keeps nothing longer");
    }

    #[test]
    fn unknown_keys_have_it_fetched_once_in_a_while() {
        let now = clock::now();
        let mut schedule = Schedule::new(DAY, now);
        let asks = (0..100_000).filter(|at| schedule.asks(now + Duration::from_millis(*at))).count();
        assert_eq!(asks, 4, "100 s");
    }
}
