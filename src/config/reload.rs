//! `[reload]`: what reads the configuration again.

use super::{
    section::Section,
    shape::{Key, Kind, Shape, Value},
};

/// What reads the configuration again, besides SIGHUP and `POST /api/v1/reload`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reload {
    /// `watch`: files that change; true.
    pub watch: bool,
}

pub(super) const SHAPE: Shape = Shape {
    title: "[reload]",
    about: "What reads the configuration again while the daemon runs. SIGHUP and `POST /api/v1/reload` always do.",
    keys: &[Key {
        name: "watch",
        kind: Kind::Flag,
        default: Value::Flag(true),
        about: "Changed files do: the configuration, and the certificates, keys and secrets that it names as files.",
    }],
    unbuilt: &[],
};

impl Reload {
    pub(super) fn read(section: &Section<'_>) -> Self {
        Self { watch: section.flag("watch") }
    }
}
