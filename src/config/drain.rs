//! `[drain]`: how a stopping daemon lets its work end.

use std::time::Duration;

use super::{
    section::Section,
    shape::{Key, Kind, Shape, Value},
    units::HOUR,
};

/// How a stopping daemon lets its work end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drain {
    /// `timeout`: what still runs after it is cut off; 30 s.
    pub timeout: Duration,
}

pub(super) const SHAPE: Shape = Shape {
    title: "[drain]",
    about: "How a stopping daemon lets its work end, and a core that leaves.",
    keys: &[Key {
        name: "timeout",
        kind: Kind::Time(0, HOUR),
        default: Value::Text("30s"),
        about: "How long calls and streams may go on after the daemon was told to stop; then they are cut off. On a core \
                that a reload takes away connections may stay idle, and streams without an end go on, for so long; \
                nothing is cut there.",
    }],
    unbuilt: &[],
};

impl Drain {
    pub(super) fn read(section: &Section<'_>) -> Self {
        Self { timeout: section.time("timeout") }
    }
}
