//! What operators see of the daemon's work: metrics by a closed list of names, one line a request, spans.
//!
//! ```text
//!  data core                                            control runtime
//!  pipeline::finish -> Ended -> Telemetry --+-> meter: plain cells ... read once a second -> /metrics
//!                                           +-> access line: a buffer -> the log's writer
//! ```
//!
//! Nothing here knows what it is told by: an ended request comes as plain facts.

mod core;
mod ended;
pub mod log;
mod meter;

pub use self::core::Telemetry;
pub use ended::{Ended, Outcome, Said};
pub use meter::RouteMeter;
