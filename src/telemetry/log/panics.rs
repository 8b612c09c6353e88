//! A panic is one line of the log, like everything else that happens.
//!
//! The standard library's hook writes several lines, whatever the panic says, and takes standard error for itself: a
//! core would wait there for whoever does not read it.

use std::panic::{self, PanicHookInfo};
use std::thread;

/// The names that this program gives its threads. What panics elsewhere, tests among it, is none of the log's.
const OURS: &str = "weir-";

/// Logs the panics of this program's threads from now on, unless somebody has asked for backtraces.
pub(super) fn log() {
    if std::env::var_os("RUST_BACKTRACE").is_none_or(|wanted| wanted == "0") {
        set_hook();
    }
}

fn set_hook() {
    let before = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        let thread = thread::current();
        match thread.name().filter(|name| name.starts_with(OURS)) {
            Some(name) => tell(name, info),
            None => before(info),
        }
    }));
}

fn tell(thread: &str, info: &PanicHookInfo<'_>) {
    let why = info.payload_as_str().unwrap_or_default();
    let place = info.location().map(ToString::to_string).unwrap_or_default();
    tracing::error!(thread, place, why, "panicked: this is a defect in Weir, please report it with these lines");
}

#[cfg(test)]
mod tests {
    use tracing_subscriber::Registry;
    use tracing_subscriber::layer::SubscriberExt;

    use super::*;
    use crate::telemetry::log::control::Settings;
    use crate::telemetry::log::events::Events;
    use crate::telemetry::log::writer::Ear;

    #[test]
    fn a_panic_is_one_line() {
        set_hook();
        let (sink, ear) = Ear::new();
        let log = Registry::default().with(Events::new(sink, Settings::default().into()));
        let broken = move || tracing::subscriber::with_default(log, || panic!("two\nlines of \x1b[31m"));
        thread::Builder::new().name("weir-test".into()).spawn(broken).unwrap().join().unwrap_err();
        let heard = ear.heard();
        assert_eq!(heard.lines().count(), 1, "{heard}");
        for part in ["ERROR panicked", "thread=weir-test", "panics.rs:", r#"why="two\u000alines of \u001b[31m""#] {
            assert!(heard.contains(part), "{part} in {heard}");
        }
    }
}
