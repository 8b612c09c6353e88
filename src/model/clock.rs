//! The only place that asks the machine for the time, so that everything else can be given one.

use std::cell::Cell;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

thread_local! {
    /// When this thread has asked for the monotonic time last.
    static LAST: Cell<Option<Instant>> = const { Cell::new(None) };
}

/// The monotonic time, for time-outs and durations.
pub fn now() -> Instant {
    let now = Instant::now();
    LAST.set(Some(now));
    now
}

/// The monotonic time as this thread has asked for it last: a little early, and free. For notes of how long something
/// has lain idle, by who comes right behind somebody who asked; never for a deadline, nor for what is measured.
pub fn recent() -> Instant {
    LAST.get().unwrap_or_else(now)
}

/// The monotonic time as the runtime's timers take it.
pub fn timer_now() -> tokio::time::Instant {
    tokio::time::Instant::now()
}

/// Seconds since 1970-01-01T00:00:00Z, for what outlives the process (sealed ids). A clock before 1970 reads 0.
pub fn unix_seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// The time since 1970-01-01T00:00:00Z, for stamps that people and other machines read. A clock before 1970 reads 0.
pub fn unix_time() -> std::time::Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}
