//! What is written to the log, and how: set by the configuration, changed by operators while the daemon runs.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};

use arc_swap::ArcSwapOption;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::{Registry, reload};

use crate::config;

use super::redact::Paths;

/// The names of the levels, from nothing to everything.
const LEVELS: [(&str, LevelFilter); 6] = [
    ("off", LevelFilter::OFF),
    ("error", LevelFilter::ERROR),
    ("warn", LevelFilter::WARN),
    ("info", LevelFilter::INFO),
    ("debug", LevelFilter::DEBUG),
    ("trace", LevelFilter::TRACE),
];

/// As every core reads it: a relaxed load each.
#[derive(Debug)]
pub struct Settings {
    level: AtomicU8,
    json: AtomicBool,
    access: AtomicBool,
    /// Whether arguments are to be kept until the end of a call. Whether they are written then is what `redact` says.
    arguments: AtomicBool,
    /// What is not written of arguments; `None` where nothing of them is. One word, so that no call ends with the
    /// arguments of one configuration and the paths of another.
    redact: ArcSwapOption<Paths>,
}

impl Default for Settings {
    /// Everything from `info` on, as text.
    fn default() -> Self {
        Self {
            level: AtomicU8::new(3),
            json: AtomicBool::new(false),
            access: AtomicBool::new(true),
            arguments: AtomicBool::new(false),
            redact: ArcSwapOption::empty(),
        }
    }
}

impl Settings {
    /// Whether lines of this level are written.
    pub(super) fn has(&self, level: tracing::Level) -> bool {
        level <= LEVELS[usize::from(self.level.load(Ordering::Relaxed)).min(5)].1
    }

    pub(super) fn is_json(&self) -> bool {
        self.json.load(Ordering::Relaxed)
    }

    pub(super) fn access(&self) -> bool {
        self.access.load(Ordering::Relaxed)
    }

    /// Whether what a tool is called with is wanted at its end.
    pub fn arguments(&self) -> bool {
        self.arguments.load(Ordering::Relaxed) && self.access()
    }

    /// What is not written of what tools are called with; `None` where nothing of it is.
    pub(super) fn redact(&self) -> arc_swap::Guard<Option<Arc<Paths>>> {
        self.redact.load()
    }

    /// Sets all but the level.
    pub(super) fn set(&self, log: &config::Log) {
        self.json.store(log.format == config::LogFormat::Json, Ordering::Relaxed);
        self.access.store(log.access, Ordering::Relaxed);
        self.arguments.store(log.arguments, Ordering::Relaxed);
        self.redact.store(log.arguments.then(|| Arc::new(Paths::new(&log.redact))));
    }
}

/// The operators' hand on the log.
#[derive(Clone)]
pub struct LogControl {
    settings: Arc<Settings>,
    /// The level that was given at the start, which the configuration does not change.
    pinned: Option<&'static str>,
    events: Option<reload::Handle<LevelFilter, Registry>>,
}

impl LogControl {
    pub(super) fn new(
        settings: Arc<Settings>,
        pinned: Option<&'static str>,
        events: reload::Handle<LevelFilter, Registry>,
    ) -> Self {
        Self { settings, pinned, events: Some(events) }
    }

    /// One that steers no log of events, for whoever has none.
    pub fn detached() -> Self {
        Self { settings: Arc::default(), pinned: None, events: None }
    }

    /// As the cores read it.
    pub fn settings(&self) -> Arc<Settings> {
        Arc::clone(&self.settings)
    }

    /// Puts a configuration into force.
    pub fn apply(&self, log: &config::Log) {
        self.settings.set(log);
        let _ = self.set_level(self.pinned.unwrap_or(log.level));
    }

    /// Writes from this level on, and gives the level before.
    ///
    /// # Errors
    /// It is no level; a sentence without subject.
    pub fn set_level(&self, name: &str) -> Result<&'static str, String> {
        let name = level(name)?;
        let at = LEVELS.iter().position(|(level, _)| *level == name).unwrap_or_default();
        let before = self.settings.level.swap(at as u8, Ordering::Relaxed);
        if let Some(events) = &self.events {
            // It fails where another subscriber has taken its place: then there is nothing to steer.
            let _ = events.reload(LEVELS[at].1);
        }
        Ok(LEVELS[usize::from(before).min(5)].0)
    }

    /// The level from which on is written.
    pub fn level(&self) -> &'static str {
        LEVELS[usize::from(self.settings.level.load(Ordering::Relaxed)).min(5)].0
    }
}

impl fmt::Debug for LogControl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogControl").field("settings", &self.settings).finish_non_exhaustive()
    }
}

/// The name of a level as it is written here.
pub(super) fn level(name: &str) -> Result<&'static str, String> {
    let known = LEVELS.iter().find(|(level, _)| level.eq_ignore_ascii_case(name));
    known.map(|(level, _)| *level).ok_or_else(|| {
        let name: String = name.chars().take(32).collect();
        format!("takes error, warn, info, debug, trace or off, not {name:?}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_named_or_refused() {
        let control = LogControl::detached();
        assert_eq!(control.set_level("DEBUG"), Ok("info"));
        assert_eq!((control.level(), control.set_level("off")), ("debug", Ok("debug")));
        assert!(!control.settings().has(tracing::Level::ERROR));
        for wrong in ["verbose", "weir=debug", "infos", ""] {
            assert!(control.set_level(wrong).unwrap_err().contains(&format!("{wrong:?}")));
        }
        assert_eq!(control.set_level("warn"), Ok("off"));
        let has = |level| control.settings().has(level);
        assert!(has(tracing::Level::ERROR) && has(tracing::Level::WARN) && !has(tracing::Level::INFO));
    }
}
