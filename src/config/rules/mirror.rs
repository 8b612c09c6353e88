//! `mirror` of `set`: a copy of a call for another server.

use super::Known;
use crate::config::{
    routes,
    section::Section,
    servers::Era,
    shape::{Key, Kind, Shape, Value},
};

const MILLION: u32 = 1_000_000;

/// What calls are copied to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mirror {
    /// Its place in [`Settings::servers`](crate::config::Settings::servers).
    pub server: usize,
    /// `share`: of the calls, in millionths.
    pub share: u32,
}

pub(in crate::config) const SHAPE: Shape = Shape {
    title: "`mirror` of `set`",
    about: "A copy of a call (`tools/call`, `prompts/get`, `resources/read`, `completion/complete`), as its server gets it, with \
            the credential of the other server. The call does not wait for it. What belongs to a session, or goes on with what \
            its server gave, is not copied. 64 copies of at most 4 MiB wait on a core while eight are made: what finds no room \
            is dropped, and counted.",
    keys: &[
        Key {
            name: "server",
            kind: Kind::Text("the name of a server"),
            default: Value::Absent,
            about: "The one that gets the copy. Needed.",
        },
        Key {
            name: "share",
            kind: Kind::Share,
            default: Value::Number(1),
            about: "How many of the calls that the rule matches.",
        },
    ],
    unbuilt: &[],
};

impl Mirror {
    pub(super) fn read(set: &Section<'_>, known: Known<'_>) -> Option<Self> {
        let place = |name: &str| {
            let found = known.servers.iter().position(|server| server.name.as_str() == name);
            let server = found.ok_or_else(|| format!("names a server: {}", routes::unknown(name, known.servers)))?;
            match known.servers[server].era {
                Era::Legacy => {
                    Err(format!("names {name:?}, whose `era` is \"legacy\": copies are made of calls of 2026-07-28"))
                }
                Era::Auto | Era::Modern => Ok(server),
            }
        };
        if !set.has_table("mirror") {
            return set.text("mirror", place).map(|server| Self { server, share: MILLION });
        }
        let section = set.table("mirror", &SHAPE);
        let share = section.share("share");
        Some(Self { server: section.required("server", place)?, share })
    }
}
