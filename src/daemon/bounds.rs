//! The bounds of `[http]`, in the terms of those who keep them.

use std::time::Duration;

use crate::config::Http;
use crate::net::client::Limits;
use crate::net::guard::HeadLimits;
use crate::pipeline::Bounds;

/// A body may be slow for so long before its rate is asked for (`[http] body_rate`).
const BODY_GRACE: Duration = Duration::from_secs(10);
/// How many bodies of the largest size the requests of one HTTP/2 connection may have in memory together.
const BODIES: usize = 4;
/// How long a server may leave an event stream open after its answer.
const AFTER_ANSWER: Duration = Duration::from_secs(5);

/// Of messages.
pub(super) fn bounds(http: &Http) -> Bounds {
    let depth = u16::try_from(http.depth).unwrap_or(u16::MAX);
    Bounds { body: http.body, depth, event: http.event, after_answer: AFTER_ANSWER }
}

/// Of connections.
pub(super) fn limits(http: &Http) -> Limits {
    Limits {
        head: HeadLimits { head: http.head, headers: http.headers },
        head_timeout: http.head_timeout,
        body_rate: http.body_rate as u64,
        body_grace: BODY_GRACE,
        write_stall: http.write_stall,
        idle: http.idle,
        keepalive: http.keepalive,
        streams: http.streams,
        memory: http.body.saturating_mul(BODIES),
    }
}

/// Of what strangers may have verified.
pub(super) fn rate(http: &Http) -> Option<(u64, Duration)> {
    http.unverified.map(|rate| (rate.most, rate.per))
}
