//! `then`: what a rule does with a message that it matches.

use super::{Group, Known, set::object};
use crate::config::{
    routes,
    section::Section,
    shape::{Key, Kind, Shape, Value},
};

const MOST_MESSAGE: usize = 1024;
const MOST_ANSWER: usize = 64 * 1024;
const SECOND: u64 = 1000;
const DAY: u64 = 24 * 3600 * SECOND;

/// What is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Then {
    /// `"pass"`: it goes on, and no further rule is asked.
    Pass,
    /// `"refuse"`, with `message` and `code`.
    Refuse {
        /// What the caller is told.
        message: Option<String>,
        /// The JSON-RPC code; outside -32768 to -32000.
        code: Option<i32>,
    },
    /// `{ route = [...] }`: one of these servers is asked. Never empty; the weights add up to more than 0.
    Route(Vec<Share>),
    /// `{ answer = {...} }`: the result, as JSON: an object.
    Answer(String),
    /// `{ goto = "GROUP" }`: the rules of that group are asked; where none decides, those behind this one.
    Goto(usize),
}

/// A server, and how often it is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share {
    /// Its place in [`Settings::servers`](crate::config::Settings::servers).
    pub server: usize,
    /// `weight`: of the sum of all.
    pub weight: u32,
}

pub(in crate::config) const SHAPE: Shape = Shape {
    title: "`then` of [[rules]]",
    about: "Or a text: `\"pass\"` (the message goes on, and no further rule is asked), `\"refuse\"` (with `message` and \
            `code`), `\"queue\"` (not built into this version).",
    keys: &[
        Key {
            name: "route",
            kind: Kind::List("tables, [{ server = \"search-v2\", weight = 5 }]"),
            default: Value::Absent,
            about: "The message goes to one of these servers, instead of that of its route; see below. Roles are asked \
                    once more, for that server.",
        },
        Key {
            name: "answer",
            kind: Kind::Table("a result, { content = [{ type = \"text\", text = \"closed\" }] }"),
            default: Value::Absent,
            about: "A request is answered with this result, and no server is asked; what is no request is refused.",
        },
        Key {
            name: "goto",
            kind: Kind::Text("the name of a group"),
            default: Value::Absent,
            about: "The rules of that group are asked; where none of them decides, those behind this one.",
        },
        Key {
            name: "hold",
            kind: Kind::Table("a table, { approvers = [\"human_oversight\"] }"),
            default: Value::Absent,
            about: "The message waits for a person; see below. Not built into this version.",
        },
    ],
    unbuilt: &[],
};

pub(in crate::config) const SHARE: Shape = Shape {
    title: "`route` of `then`",
    about: "A server, and how often it is asked. Both may stand in the route's own place among them. A session of the legacy \
            era stays where its `initialize` went; what a server gave an authenticated caller to bring back (a cursor, a \
            task) goes to that server, where its `seal` is on.",
    keys: &[
        Key {
            name: "server",
            kind: Kind::Text("the name of a server"),
            default: Value::Absent,
            about: "The server. Needed.",
        },
        Key {
            name: "weight",
            kind: Kind::Count(0, 10_000),
            default: Value::Number(1),
            about: "How many of the sum of all weights go there.",
        },
    ],
    unbuilt: &[],
};

pub(in crate::config) const HOLD: Shape = Shape {
    title: "`hold` of `then`",
    about: "Who decides about a message that waits, and for how long. Not built into this version.",
    keys: &[
        Key {
            name: "approvers",
            kind: Kind::List("names of roles, [\"human_oversight\"]"),
            default: Value::Absent,
            about: "Who may decide, by a role.",
        },
        Key {
            name: "expires",
            kind: Kind::Time(SECOND, 30 * DAY),
            default: Value::Text("1h"),
            about: "How long it may wait.",
        },
        Key {
            name: "wait",
            kind: Kind::Time(0, DAY),
            default: Value::Text("60s"),
            about: "How long its caller waits on an open stream.",
        },
        Key { name: "count", kind: Kind::Count(1, 10), default: Value::Number(1), about: "How many have to approve." },
        Key {
            name: "not_requester",
            kind: Kind::Flag,
            default: Value::Flag(true),
            about: "Whoever asked may not approve.",
        },
    ],
    unbuilt: &[],
};

/// What a table says, for who has written another one: to refuse is what most rules do, and takes none.
const TABLE: &str = "a table of `then` has one of `route`, `answer`, `goto` and `hold`; \
    to refuse write `then = \"refuse\"`, with `message` and `code` beside it, not inside";

impl Then {
    pub(super) fn read(section: &Section<'_>, known: Known<'_>, groups: &[Group]) -> Option<Self> {
        let refuses = section.read("then") == Value::Text("refuse");
        for key in ["message", "code"].into_iter().filter(|key| section.has(key) && !refuses) {
            section.wrong(key, format!("`{key}` is for `then = \"refuse\"`"));
        }
        match section.read("then") {
            Value::Absent => None,
            Value::Text("pass") => Some(Self::Pass),
            Value::Text("refuse") => {
                Some(Self::Refuse { message: section.text("message", message), code: code(section) })
            }
            Value::Text("queue") => {
                section.wrong("then", "`then = \"queue\"` in [[rules]] is not built into this version");
                None
            }
            Value::Text(other) => {
                let message = format!("`then` takes {}, not {other:?}", super::SHAPE.key("then").kind.describe());
                section.wrong("then", message);
                None
            }
            _ => Self::read_table(section, known, groups),
        }
    }

    fn read_table(section: &Section<'_>, known: Known<'_>, groups: &[Group]) -> Option<Self> {
        let table = section.table("then", &SHAPE);
        let written: Vec<_> = SHAPE.keys.iter().map(|key| key.name).filter(|key| table.has(key)).collect();
        match written[..] {
            ["route"] => route(&table, known),
            ["answer"] => answer(&table),
            ["goto"] => table.text("goto", |name| {
                let found = groups.iter().position(|group| group.name == name).map(Self::Goto);
                found.ok_or_else(|| match near(name, groups) {
                    Some(near) => format!("names a group: none is called {name:?}; the nearest one is {near:?}"),
                    None => format!("names a group, and there is none: {name:?} has no rules"),
                })
            }),
            ["hold"] => {
                hold(&table, known);
                None
            }
            _ if section.has_table("then") => {
                section.wrong("then", TABLE);
                None
            }
            _ => None,
        }
    }
}

fn near<'a>(name: &str, groups: &'a [Group]) -> Option<&'a str> {
    let names = groups.iter().map(|group| group.name.as_str());
    names.min_by_key(|known| strsim::damerau_levenshtein(known, name))
}

fn message(text: &str) -> Result<String, String> {
    match text.trim().is_empty() || text.len() > MOST_MESSAGE || text.contains(char::is_control) {
        true => Err(format!("takes a text of 1 to {MOST_MESSAGE} bytes without control characters")),
        false => Ok(text.to_owned()),
    }
}

/// What the specification has not kept for itself (JSON-RPC 2.0, 5.1): any positive number.
fn code(section: &Section<'_>) -> Option<i32> {
    section.size_if_written("code").and_then(|code| i32::try_from(code).ok())
}

fn route(table: &Section<'_>, known: Known<'_>) -> Option<Then> {
    let shares = table.tables("route", &SHARE);
    let mut read = Vec::new();
    for share in &shares {
        let weight = u32::try_from(share.size("weight")).unwrap_or(0);
        let server = share.required("server", |name| {
            let found = known.servers.iter().position(|server| server.name.as_str() == name);
            found.ok_or_else(|| format!("names a server: {}", routes::unknown(name, known.servers)))
        });
        if let Some(server) = server {
            if read.iter().any(|share: &Share| share.server == server) {
                share.wrong("server", "this server is among them already");
            }
            read.push(Share { server, weight });
        }
    }
    if read.len() == shares.len() && read.iter().all(|share| share.weight == 0) {
        table.wrong("route", "`route` needs a server with a `weight` above 0");
        return None;
    }
    Some(Then::Route(read))
}

fn answer(table: &Section<'_>) -> Option<Then> {
    if !table.has_table("answer") {
        let what = SHAPE.key("answer").kind.describe();
        table.wrong("answer", format!("`answer` takes {what}, not {}", table.read("answer").describe()));
        return None;
    }
    let text = match object(table.entries("answer").collect()) {
        Ok(result) => result.to_string(),
        Err(why) => {
            table.wrong("answer", format!("`answer` {why}"));
            return None;
        }
    };
    if text.len() > MOST_ANSWER {
        table.wrong("answer", format!("`answer` is {} bytes of JSON: at most {MOST_ANSWER}", text.len()));
    }
    Some(Then::Answer(text))
}

/// Its syntax is checked, so that it may be written down now.
fn hold(table: &Section<'_>, known: Known<'_>) {
    let hold = table.table("hold", &HOLD);
    hold.list("approvers", |name| crate::config::roles::known(name, known.roles));
    if table.has_table("hold") && hold.items("approvers").is_empty() {
        hold.missing("approvers");
    }
    let _ = (hold.time("expires"), hold.time("wait"), hold.size("count"), hold.flag("not_requester"));
    table.wrong("hold", "`hold` in `then` of [[rules]] is not built into this version");
}
