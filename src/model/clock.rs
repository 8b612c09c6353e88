//! The only place that asks the machine for the time, so that everything else can be given one.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// The monotonic time, for time-outs and durations.
pub fn now() -> Instant {
    Instant::now()
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
