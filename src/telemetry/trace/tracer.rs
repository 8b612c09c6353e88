//! One core's side of traces: which requests are sampled, and what is told of them.

use std::cell::Cell;
use std::hash::{BuildHasher, RandomState};

use http::HeaderMap;

use crate::telemetry::ended::Ended;

use super::context::{Parent, Span, Trace};
use super::control::TraceControl;
use super::facts::Facts;

/// Decides and tells, on one core.
pub(in crate::telemetry) struct Tracer {
    control: TraceControl,
    /// The state of the core's random numbers: ids have to be unique, not secret.
    random: Cell<u64>,
}

impl Tracer {
    pub(in crate::telemetry) fn new(control: &TraceControl) -> Self {
        Self { control: control.clone(), random: Cell::new(RandomState::new().hash_one(2u8)) }
    }

    /// What becomes of a request's trace context.
    pub(in crate::telemetry) fn trace(&self, headers: &HeaderMap) -> Trace {
        if !self.control.is_on() {
            return Trace::Passes;
        }
        let parent = Parent::read(headers);
        let span = match parent {
            Ok(Some(parent)) if parent.is_sampled() => Span::below(parent, self.id(), self.id()),
            Ok(Some(_)) => return Trace::Passes,
            Ok(None) | Err(()) => {
                let trace = u128::from(self.id()) << 64 | u128::from(self.id());
                if !self.control.samples(trace) {
                    return Trace::Dropped;
                }
                Span::root(trace, self.id(), self.id())
            }
        };
        Trace::Sampled(Box::new(span))
    }

    /// A sampled request has ended.
    pub(in crate::telemetry) fn ended(&self, span: &Span, ended: &Ended<'_>) {
        self.control.take(Facts::of(*span, ended));
    }

    /// A random number that is not zero, which no id may be.
    fn id(&self) -> u64 {
        loop {
            // SplitMix64: every state is good, and each number comes once in 2^64.
            let state = self.random.get().wrapping_add(0x9e37_79b9_7f4a_7c15);
            self.random.set(state);
            let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            match mixed ^ (mixed >> 31) {
                0 => {}
                id => return id,
            }
        }
    }
}
