//! `[auth.anonymous]`: callers without credentials.

use super::{Key, Kind, Role, Section, Shape, Value, roles};

/// Callers without credentials.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Anonymous {
    /// `enabled`: they are let in, save where a route says otherwise.
    pub enabled: bool,
    /// `really`: they are let in off loopback, too; false.
    pub really: bool,
    /// `roles`: theirs; `user`.
    pub roles: Vec<String>,
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
        Key {
            name: "roles",
            kind: Kind::List("names of roles, [\"user\"]"),
            default: Value::Absent,
            about: "Their roles. Default: `user`, which may call everything.",
        },
    ],
    unbuilt: &[],
};

/// Theirs, of those that are known.
pub(super) fn roles(table: &Section<'_>, known: &[Role]) -> Vec<String> {
    match table.has("roles") {
        true => table.list("roles", |name| roles::known(name, known)),
        false => vec!["user".to_owned()],
    }
}
