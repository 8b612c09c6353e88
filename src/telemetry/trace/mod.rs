//! W3C trace context, and spans of sampled requests, sent to a collector over OTLP.
//!
//! ```text
//!  traceparent: 00-TRACE-PARENT-01 --> SERVER span (parent PARENT) --> CLIENT span --> traceparent: 00-TRACE-CLIENT-01
//!                                            |   ended: plain facts, bounded, never waits
//!                                            v
//!                                     control runtime: export, in batches --> the collector
//! ```
//!
//! The caller decides, where it has: a sampled parent is a sampled request, and one that is not is not. Where nobody
//! has, `[telemetry] traces.sample` of all requests are. What is not sampled here passes as it came.

mod context;
mod control;
mod export;
mod facts;
mod tracer;

pub use context::{Span, Trace};
pub use control::{LAST_SPANS, TraceControl, start};

pub(super) use tracer::Tracer;

#[cfg(test)]
mod tests;
