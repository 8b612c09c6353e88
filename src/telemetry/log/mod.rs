//! The log: lines on standard error, as text or JSON, of two kinds that look alike: what happens to the daemon (by
//! `tracing`), and one line a request.
//!
//! ```text
//! tracing events  -> Events ----- a line each --------+
//! ended requests  -> Access, a buffer a core ---------+--> bounded channel --> one thread --> standard error
//! ```
//!
//! A log must not hold the data path: what the thread cannot take in time is lost, counted, and said.

mod access;
mod control;
mod events;
mod line;
mod panics;
mod redact;
mod writer;

pub use access::Access;
pub use control::{LogControl, Settings};
pub use line::stamp;
#[cfg(test)]
pub(crate) use writer::Ear;
pub use writer::{Log, Sink};

use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Registry, reload};

use crate::config;

/// Starts logging to standard error. `before_the_file` is a level that goes before the configuration's (`WEIR_LOG`).
///
/// # Errors
/// What is wrong with that level, or the thread cannot be made.
pub fn start(log: &config::Log, before_the_file: Option<&str>) -> Result<Log, String> {
    let pinned = before_the_file.map(control::level).transpose().map_err(|why| format!("WEIR_LOG {why}"))?;
    let colour = std::io::IsTerminal::is_terminal(&std::io::stderr())
        && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let settings = std::sync::Arc::new(Settings::default());
    let sink = writer::start(colour, std::sync::Arc::clone(&settings));
    let sink = sink.map_err(|error| format!("cannot start a thread for the log: {error}"))?;
    let (filter, handle) = reload::Layer::new(LevelFilter::INFO);
    let control = LogControl::new(std::sync::Arc::clone(&settings), pinned, handle);
    control.apply(log);
    // A second daemon in one process (tests) keeps the first one's log.
    if Registry::default().with(filter).with(events::Events::new(sink.clone(), settings)).try_init().is_ok() {
        panics::log();
    }
    Ok(Log::new(sink, control))
}
