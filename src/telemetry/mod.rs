//! What operators see of the daemon's work: metrics by a closed list of names, one line a request, spans.
//!
//! ```text
//!  data core                                            control runtime
//!  pipeline::finish -> Ended -> Telemetry --+-> meter: plain cells ... read once a second -> /metrics
//!                                           +-> access line: a buffer -> the log's writer
//! ```
//!
//! Nothing here knows what it is told by: an ended request comes as plain facts.

mod cell;
mod core;
mod core_meter;
mod ended;
mod exposition;
mod fold;
mod gather;
mod limit;
pub mod log;
mod meter;
mod names;
mod observed;
mod rules;
mod sample;
mod server;
mod tally;
mod text;
pub mod trace;

pub use self::core::{Controls, Telemetry};
pub use core_meter::{CoreMeter, TurnedAway, UntakenKey};
pub use ended::{Ended, Outcome, Said};
pub use exposition::Exposition;
pub use fold::Fold;
pub use limit::LimitMeter;
pub use meter::RouteMeter;
pub use names::{Kind, METRICS, Metric, Unit};
pub use observed::{LOG_LINES_LOST, Observed};
pub use rules::{RuleEffect, RuleMeter};
pub use sample::{Certificate, Database, Introspections, KeySets, Processes, Queue, Sample, Sharing};
pub use server::{Fault, Held, Mirrored, ServerMeter};
