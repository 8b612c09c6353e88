//! `[keys]`: the key ring that seals session ids.

use super::{
    secret::Secret,
    section::Section,
    shape::{Key, Kind, Shape, Value},
};

/// Where the keys are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keys {
    /// `ring`: the key ring; `None`: the one that the data directory keeps.
    pub ring: Option<Secret>,
}

pub(super) const SHAPE: Shape = Shape {
    title: "[keys]",
    about: "The keys that seal session ids, and from which those are derived that sign assertions (`assertion` of a server).",
    keys: &[Key {
        name: "ring",
        kind: Kind::Table(
            "the place of a secret, { file = \"...\" }, { env = \"...\" } or { credential = \"...\" }, never the secret",
        ),
        default: Value::Absent,
        about: "One key a line, 32 random bytes in Base64, newest first: the first seals, all of them open. The same on \
                every node. Default: a ring made at the first start and kept in the data directory.",
    }],
    unbuilt: &[],
};

impl Keys {
    pub(super) fn read(section: &Section<'_>) -> Self {
        Self { ring: Secret::read_place(section, "ring") }
    }
}
