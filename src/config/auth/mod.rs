//! `[auth]`: who may call. Nothing fails open: whoever is not said to be let in is not.

pub(super) mod anonymous;

use super::{
    listen::Listen,
    report::Place,
    roles::{self, Role},
    section::Section,
    shape::{Key, Kind, Shape, Value},
};

pub use anonymous::Anonymous;

/// Who may call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Auth {
    /// `default_roles`: those of an authenticated caller whose credential names none.
    pub default_roles: Vec<String>,
    /// `[auth.anonymous]`: callers without credentials.
    pub anonymous: Anonymous,
}

pub(super) const SHAPE: Shape = Shape {
    title: "[auth]",
    about: "Who may call. Without this section callers without credentials are let in, on a loopback listener only.",
    keys: &[
        Key {
            name: "default_roles",
            kind: Kind::List("names of roles, [\"user\"]"),
            default: Value::Absent,
            about: "The roles of an authenticated caller whose credential names none. Without them such a caller may use and \
                    see nothing.",
        },
        Key {
            name: "anonymous",
            kind: Kind::Table("a section, [auth.anonymous]"),
            default: Value::Absent,
            about: "Callers without credentials; see below.",
        },
    ],
    unbuilt: &["jwt", "introspection", "api_keys", "local", "mtls"],
};

impl Auth {
    /// `listening` is where the address of `listen` comes from.
    pub(super) fn read(root: &Section<'_>, listen: &Listen, listening: Place, known: &[Role]) -> Self {
        let section = root.table("auth", &SHAPE);
        let table = section.table("anonymous", &anonymous::SHAPE);
        let really = table.flag("really");
        let enabled = if root.has("auth") { table.flag("enabled") } else { true };
        if !enabled {
            let place = if table.has("enabled") { table.place("enabled") } else { section.place("anonymous") };
            let message = "nobody could call: no way to authenticate is built into this version, so \
                           [auth.anonymous] has to say `enabled = true`";
            root.mistakes.add(place, message);
        } else if listen.is_loopback() == Some(false) && !really {
            let message = format!(
                "{} is not loopback, and no way to authenticate is built into this version, so that whoever reaches the \
                 address could call every server. Listen on 127.0.0.1, or say that you want it, in the configuration \
                 file: [auth.anonymous] with `enabled = true` and `really = true`",
                listen.address
            );
            root.mistakes.add(listening, message);
        }
        let default_roles = section.list("default_roles", |name| roles::known(name, known));
        Self { default_roles, anonymous: Anonymous { enabled, really, roles: anonymous::roles(&table, known) } }
    }
}
