//! `[auth.anonymous]`: callers without credentials.

use super::{Key, Kind, Shape, Value};

/// Callers without credentials.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Anonymous {
    /// `enabled`: they are let in, save where a route says otherwise.
    pub enabled: bool,
    /// `really`: they are let in off loopback, too; false.
    pub really: bool,
}

pub(in crate::config) const SHAPE: Shape = Shape {
    title: "[auth.anonymous]",
    about: "Callers without credentials.",
    keys: &[
        Key {
            name: "enabled",
            kind: Kind::Flag,
            default: Value::Flag(false),
            about: "They are let in, save where a route says otherwise. Whoever shows a credential that does not do is refused all the same.",
        },
        Key {
            name: "really",
            kind: Kind::Flag,
            default: Value::Flag(false),
            about: "They are let in off loopback, too: whoever reaches the address may call every server.",
        },
    ],
    unbuilt: &["roles"],
};
