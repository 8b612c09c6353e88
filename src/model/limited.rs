//! How a caller stands with a limit, in the terms of draft-ietf-httpapi-ratelimit-headers-11.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// How much is left of a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limited {
    /// The limit; a text that needs no escapes in a header.
    pub limit: Arc<str>,
    /// What there is of it.
    pub quota: u32,
    /// In which time; `None` where it is not about time but about calls at once.
    pub window: Option<Duration>,
    /// What is left of it.
    pub left: u32,
    /// In which time there is no more than that.
    pub resets: Duration,
}

/// The value of `RateLimit-Policy`.
pub struct Policy<'a>(pub &'a Limited);

/// The value of `RateLimit`.
pub struct ServiceLimit<'a>(pub &'a Limited);

impl fmt::Display for Policy<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Limited { limit, quota, window, .. } = self.0;
        write!(f, "\"{limit}\";q={quota}")?;
        match window {
            Some(window) => write!(f, ";w={}", whole_seconds(*window)),
            None => f.write_str(";qu=\"concurrent-requests\""),
        }
    }
}

impl fmt::Display for ServiceLimit<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Limited { limit, left, resets, .. } = self.0;
        write!(f, "\"{limit}\";r={left};t={}", whole_seconds(*resets))
    }
}

/// Fields know whole seconds: never less than it takes, never none.
pub fn whole_seconds(time: Duration) -> u64 {
    time.as_secs().saturating_add(u64::from(time.subsec_nanos() > 0)).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fields_are_those_of_the_draft() {
        let time = |milliseconds| Duration::from_millis(milliseconds);
        let rate =
            Limited { limit: "per caller".into(), quota: 200, window: Some(time(2000)), left: 50, resets: time(1500) };
        assert_eq!(Policy(&rate).to_string(), "\"per caller\";q=200;w=2");
        assert_eq!(ServiceLimit(&rate).to_string(), "\"per caller\";r=50;t=2");
        let calls = Limited { window: None, left: 0, resets: time(1), ..rate };
        assert_eq!(Policy(&calls).to_string(), "\"per caller\";q=200;qu=\"concurrent-requests\"");
        assert_eq!(ServiceLimit(&calls).to_string(), "\"per caller\";r=0;t=1");
    }
}
