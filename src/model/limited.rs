//! How a caller stands with a limit, in the terms of draft-ietf-httpapi-ratelimit-headers-11.

use std::fmt::{self, Write};
use std::sync::Arc;
use std::time::Duration;

use http::HeaderValue;

use super::Decimal;

/// What a limit grants. Made once for all of those who are told of it.
#[derive(Debug, PartialEq, Eq)]
pub struct LimitPolicy {
    name: Box<str>,
    quota: u32,
    window: Option<Duration>,
    field: HeaderValue,
}

/// How much is left of a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limited {
    /// Of what.
    pub policy: Arc<LimitPolicy>,
    /// What is left of it.
    pub left: u32,
    /// In which time there is no more than that.
    pub resets: Duration,
}

impl LimitPolicy {
    /// That of the limit of this name, a text that needs no escapes in a header; `window` is `None` where it is not about
    /// time but about calls at once.
    pub fn new(name: &str, quota: u32, window: Option<Duration>) -> Self {
        let mut field = Field::default();
        let written = match window {
            Some(window) => write!(field, "\"{name}\";q={quota};w={}", whole_seconds(window)),
            None => write!(field, "\"{name}\";q={quota};qu=\"concurrent-requests\""),
        };
        Self { name: name.into(), quota, window, field: field.value(written) }
    }

    /// The limit.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What there is of it.
    pub fn quota(&self) -> u32 {
        self.quota
    }

    /// In which time; `None` where it is not about time but about calls at once.
    pub fn window(&self) -> Option<Duration> {
        self.window
    }
}

impl Limited {
    /// The value of `RateLimit-Policy`.
    pub fn policy_field(&self) -> HeaderValue {
        self.policy.field.clone()
    }

    /// The value of `RateLimit`.
    pub fn field(&self) -> HeaderValue {
        let (left, resets) = (Decimal::of(self.left.into()), Decimal::of(whole_seconds(self.resets)));
        let mut field = Field::default();
        let pieces = ["\"", &*self.policy.name, "\";r=", &*left, ";t=", &*resets];
        let written = pieces.iter().try_for_each(|piece| field.write_str(piece));
        field.value(written)
    }
}

/// Bytes of the longest field: names of limits are bounded.
const LONGEST: usize = 256;

/// A field that is being written: every answer has one, which needs no memory of its own until it is done.
struct Field {
    bytes: [u8; LONGEST],
    length: usize,
}

impl Default for Field {
    fn default() -> Self {
        Self { bytes: [0; LONGEST], length: 0 }
    }
}

impl Field {
    /// What was written; a name that would be no part of a field is not told.
    fn value(&self, written: fmt::Result) -> HeaderValue {
        let value = written.ok().and_then(|()| HeaderValue::from_bytes(&self.bytes[..self.length]).ok());
        value.unwrap_or(HeaderValue::from_static("\"limit\""))
    }
}

impl Write for Field {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let room = self.bytes.get_mut(self.length..self.length + text.len()).ok_or(fmt::Error)?;
        room.copy_from_slice(text.as_bytes());
        self.length += text.len();
        Ok(())
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
        let stands = |window, left, resets| {
            let limited = Limited { policy: LimitPolicy::new("per caller", 200, window).into(), left, resets };
            (limited.policy_field(), limited.field())
        };
        let told = |policy, limit| (HeaderValue::from_static(policy), HeaderValue::from_static(limit));
        assert_eq!(
            stands(Some(time(2000)), 50, time(1500)),
            told("\"per caller\";q=200;w=2", "\"per caller\";r=50;t=2")
        );
        assert_eq!(
            stands(None, 0, time(1)),
            told("\"per caller\";q=200;qu=\"concurrent-requests\"", "\"per caller\";r=0;t=1")
        );
    }

    #[test]
    fn a_name_that_is_no_part_of_a_field_is_not_told() {
        for name in ["a\nb", &"a".repeat(LONGEST)] {
            let policy = LimitPolicy::new(name, u32::MAX, Some(Duration::MAX));
            let limited = Limited { policy: policy.into(), left: u32::MAX, resets: Duration::MAX };
            assert_eq!(
                (limited.policy_field(), limited.field()),
                ("\"limit\"".parse().unwrap(), "\"limit\"".parse().unwrap())
            );
        }
    }
}
