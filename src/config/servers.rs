//! `[[servers]]`: the MCP servers that we stand in front of.

use std::time::Duration;

use toml::{Spanned, de::DeValue};

use super::{
    authorization::Authorization,
    command::{self, Command},
    endpoint::{self, Endpoint},
    report::Place,
    section::{Section, value_of},
    server_name::ServerName,
    settings::{Fronted, To},
    shape::{Key, Kind, Shape, Value},
    tls::{self, ServerTls},
    units::{DAY, MINUTE, SECOND},
};

const MOST_ENDPOINTS: usize = 64;
const MOST_SERVERS: usize = 1000;

/// An MCP server: one or more equal endpoints, spoken to over streamable HTTP, or a command, spoken to over stdio.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// `name`: unique.
    pub name: ServerName,
    /// `endpoints`: 1 to 64, all different; none of a command.
    pub endpoints: Vec<Endpoint>,
    /// `command`, and what belongs to it.
    pub command: Option<Command>,
    /// `transport`: how it is spoken to at its endpoints; streamable HTTP.
    pub transport: Transport,
    /// `era`: which eras of the protocol it speaks; `auto`.
    pub era: Era,
    /// `connect_timeout`: for the connection, TLS included; 5 s.
    pub connect_timeout: Duration,
    /// `first_byte`: from the request until the head of the answer; none.
    pub first_byte: Option<Duration>,
    /// `idle_timeout`: between two reads of an answer that has begun; none.
    pub idle_timeout: Option<Duration>,
    /// `deadline`: of a call, overall; 1 h.
    pub deadline: Duration,
    /// `seal`: whether what callers bring back to it is bound to them; yes.
    pub seal: bool,
    /// `tls`: for those of the endpoints that are `https`.
    pub tls: ServerTls,
    /// `authorization`: what it is shown of us; nothing.
    pub authorization: Option<Authorization>,
    /// `assertion`: it is shown who calls; no.
    pub assertion: bool,
}

/// How a server with endpoints is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// Streamable HTTP.
    Http,
    /// HTTP+SSE of 2024-11-05; there is one endpoint.
    Sse,
}

/// Which eras of the protocol a server speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Era {
    /// To be found out.
    Auto,
    /// 2026-07-28.
    Modern,
    /// 2024-11-05 to 2025-11-25.
    Legacy,
}

pub(super) const SHAPE: Shape = Shape {
    title: "[[servers]]",
    about: "An MCP server: one or more equal endpoints, taken in turn (where nothing was sent yet, the next one is tried), or \
            a command that is started here and speaks over stdio.",
    keys: &[
        Key {
            name: "name",
            kind: Kind::Text("a name, [a-z][a-z0-9-]{0,31}"),
            default: Value::Absent,
            about: "What the server is called here, in paths and in logs. Needed, and unique.",
        },
        Key {
            name: "endpoints",
            kind: Kind::List("1 to 64 URLs, [\"http://10.0.0.1:3000/mcp\"], or tables with `url`"),
            default: Value::Absent,
            about: "Where it is. Needed, unless there is a `command`.",
        },
        Key {
            name: "transport",
            kind: Kind::Choice(&["http", "sse"]),
            default: Value::Text("http"),
            about: "Streamable HTTP, or the pair of 2024-11-05 (HTTP+SSE), whose one URL is that of the stream.",
        },
        Key {
            name: "era",
            kind: Kind::Choice(&["auto", "modern", "legacy"]),
            default: Value::Text("auto"),
            about: "Which eras of the protocol it speaks: 2026-07-28 is modern, everything before it legacy.",
        },
        time("connect_timeout", Kind::Time(10, 5 * MINUTE), "5s", "For a connection to it, TLS included."),
        time(
            "first_byte",
            Kind::TimeOrNone(10, DAY),
            "none",
            "From a request until the head of its answer. A JSON answer has no earlier byte than its end.",
        ),
        time(
            "idle_timeout",
            Kind::TimeOrNone(10, DAY),
            "none",
            "Between two events or reads of an answer, once it has begun.",
        ),
        time("deadline", Kind::Time(SECOND / 100, 7 * DAY), "1h", "Of a call, overall and absolute."),
        Key {
            name: "seal",
            kind: Kind::Flag,
            default: Value::Flag(true),
            about: "Cursors, `requestState` and task ids go to authenticated callers sealed, and come back from nobody else.",
        },
        Key { name: "tls", kind: Kind::Table("a table"), default: Value::Absent, about: "TLS towards it; see below." },
        Key {
            name: "authorization",
            kind: Kind::Table("a table"),
            default: Value::Absent,
            about: "What we show it of ourselves; see below. Default: nothing.",
        },
        Key {
            name: "assertion",
            kind: Kind::Flag,
            default: Value::Flag(false),
            about: "It is shown who calls, in a short JWT of ours (header `Weir-Principal`), which it checks against \
                    `/.well-known/weir-jwks.json`.",
        },
        Key {
            name: "command",
            kind: Kind::List("a program and its arguments, [\"npx\", \"-y\", \"@modelcontextprotocol/server-memory\"]"),
            default: Value::Absent,
            about: "Started without a shell, supervised, and ended with the daemon.",
        },
        Key {
            name: "environment",
            kind: Kind::Table("a table of names, each with a text or the place of a secret"),
            default: Value::Absent,
            about: "The environment of the command. Nothing else is inherited but `PATH`, `HOME` and `LANG`.",
        },
        Key {
            name: "directory",
            kind: Kind::Text("a path"),
            default: Value::Absent,
            about: "Where the command runs. Default: where the daemon was started.",
        },
        Key {
            name: "processes",
            kind: Kind::Table("a table"),
            default: Value::Absent,
            about: "How many processes of the command there are, and for whom; see below.",
        },
        Key {
            name: "process_limits",
            kind: Kind::Table("a table"),
            default: Value::Absent,
            about: "What each of them may take; see below.",
        },
    ],
    unbuilt: &[
        "balance",
        "concurrent",
        "waiting",
        "wait",
        "trust_annotations",
        "share_public",
        "health",
        "breaker",
        "retry",
    ],
};

impl Server {
    /// Whether an authorization server gives us tokens for it.
    pub fn is_given_tokens(&self) -> bool {
        matches!(self.authorization, Some(Authorization::Client(_) | Authorization::Exchange(_)))
    }

    /// Every server of the file. One whose name or endpoints are wrong is left out, and noted.
    pub(super) fn read_all(root: &Section<'_>) -> Vec<Self> {
        let sections = root.tables("servers", &SHAPE);
        if !root.has("servers") {
            let message = "there is no server to stand in front of: write [[servers]] with `name` and `endpoints`";
            root.mistakes.add(Place::Whole, message);
        } else if sections.len() > MOST_SERVERS {
            root.wrong("servers", format!("at most {MOST_SERVERS} servers can stand here, not {}", sections.len()));
        }
        let names = sections.iter().filter_map(|section| match section.read("name") {
            Value::Text(name) => Some((name, section.place("name"))),
            _ => None,
        });
        root.unique(names, taken);
        sections.iter().filter_map(Self::read).collect()
    }

    /// The servers of `--to` and `--to-command`, checked alike, with everything else at its default.
    pub(super) fn fronting(root: &Section<'_>, to: &[To]) -> Vec<Self> {
        // The URL is not repeated here: it may have a password in it, which is one of the mistakes.
        let place = |one: &To| {
            let option = one.what.option();
            Place::Option(one.name.as_ref().map_or(option.to_owned(), |name| format!("{option} {name}=...")))
        };
        let server = |one: &To| {
            let wrong = |why: String| root.mistakes.add(place(one), why);
            let name = match &one.name {
                Some(name) => ServerName::parse(name),
                None if to.len() == 1 => ServerName::parse("server"),
                None => {
                    Err(format!("needs a name where there are several: {} NAME={}", one.what.option(), one.what.kind()))
                }
            };
            let name = name.map_err(wrong).ok();
            let defaults = Section::open(&SHAPE, None, place(one), root.mistakes);
            let (endpoints, command) = match &one.what {
                Fronted::Url(url) => (vec![Endpoint::parse(url).map_err(wrong).ok()?], None),
                Fronted::Command(line) => (Vec::new(), Some(Command::parse(line, &defaults).map_err(wrong).ok()?)),
            };
            Some(Self { command, ..Self::assemble(name?, endpoints, &defaults) })
        };
        root.unique(to.iter().filter_map(|to| Some((to.name.as_deref()?, place(to)))), taken);
        to.iter().filter_map(server).collect()
    }

    fn read(section: &Section<'_>) -> Option<Self> {
        let name = section.required("name", ServerName::parse);
        let is_command = section.has("command");
        let endpoints = if is_command { Vec::new() } else { read_endpoints(section) };
        let command = is_command.then(|| Command::read(section)).flatten();
        check_kind(section, is_command);
        let server = Self { command, ..Self::assemble(name?, endpoints, section) };
        if section.has("tls") && !server.endpoints.is_empty() && server.endpoints.iter().all(|endpoint| !endpoint.https)
        {
            section.wrong("tls", "`tls` is there, and no endpoint begins with https://");
        }
        if server.transport == Transport::Sse && matches!(server.authorization, Some(Authorization::Exchange(_))) {
            let message =
                "`exchange` needs streamable HTTP: a stream of 2024-11-05 is opened once, by whatever token there was";
            section.mistakes.add(section.place("authorization").hidden(), message);
        }
        if server.assertion && server.transport == Transport::Sse {
            let message =
                "`assertion` needs streamable HTTP: of a stream of 2024-11-05 a request is no part of its own";
            section.wrong("assertion", message);
        }
        Some(server)
    }

    fn assemble(name: ServerName, endpoints: Vec<Endpoint>, section: &Section<'_>) -> Self {
        let transport = if section.choice("transport") == "sse" { Transport::Sse } else { Transport::Http };
        if transport == Transport::Sse && endpoints.len() > 1 {
            section.wrong(
                "endpoints",
                "`transport = \"sse\"` takes one endpoint: a stream and its POSTs are of one server",
            );
        }
        if transport == Transport::Sse && section.choice("era") == "modern" {
            section.wrong("era", "`transport = \"sse\"` is of 2024-11-05, and its server of the legacy era");
        }
        Self {
            name,
            endpoints,
            command: None,
            transport,
            era: match section.choice("era") {
                "modern" => Era::Modern,
                "legacy" => Era::Legacy,
                _ => Era::Auto,
            },
            connect_timeout: section.time("connect_timeout"),
            first_byte: section.time_or_none("first_byte"),
            idle_timeout: section.time_or_none("idle_timeout"),
            deadline: section.time("deadline"),
            seal: section.flag("seal"),
            tls: ServerTls::read(&section.table("tls", &tls::SHAPE)),
            authorization: Authorization::read(section),
            assertion: section.flag("assertion"),
        }
    }
}

/// What belongs to a command stands beside one, what belongs to endpoints beside those.
fn check_kind(section: &Section<'_>, is_command: bool) {
    let others: &[&str] = if is_command {
        &["endpoints", "transport", "connect_timeout", "tls", "authorization", "assertion"]
    } else {
        &command::BESIDE
    };
    for key in others.iter().filter(|key| section.has(key)) {
        // Values of an environment may be secrets.
        section.mistakes.add(
            section.place(key).hidden(),
            match is_command {
                true => format!("a server is a `command` or has `endpoints`, and `{key}` belongs to the latter"),
                false => format!("`{key}` belongs to a `command`, which is not there"),
            },
        );
    }
}

fn read_endpoints(section: &Section<'_>) -> Vec<Endpoint> {
    let items = section.items("endpoints");
    if !section.has("endpoints") {
        section.missing("endpoints");
    } else if items.is_empty() || items.len() > MOST_ENDPOINTS {
        section.wrong("endpoints", format!("`endpoints` takes 1 to {MOST_ENDPOINTS} of them, not {}", items.len()));
    }
    let read: Vec<_> = items.iter().filter_map(|item| Some((read_endpoint(section, item)?, item))).collect();
    let urls = read.iter().map(|(endpoint, item)| (&*endpoint.url, Place::at(item.span())));
    section.unique(urls, |url| format!("the endpoint {url} is in this list already"));
    read.into_iter().map(|(endpoint, _)| endpoint).collect()
}

fn read_endpoint<'a>(section: &Section<'a>, item: &'a Spanned<DeValue<'a>>) -> Option<Endpoint> {
    let place = Place::at(item.span());
    match (item.get_ref(), value_of(item.get_ref())) {
        (DeValue::Table(table), _) => {
            Section::open(&endpoint::SHAPE, Some(table), place, section.mistakes).required("url", Endpoint::parse)
        }
        (_, Value::Text(url)) => {
            let wrong = |why| section.mistakes.add(place, format!("`endpoints` {why}"));
            Endpoint::parse(url).map_err(wrong).ok()
        }
        (_, other) => {
            section.mistakes.add(place, format!("`endpoints` takes URLs; this is {}", other.describe()));
            None
        }
    }
}

fn taken(name: &str) -> String {
    format!("there is a server {name:?} already")
}

const fn time(name: &'static str, kind: Kind, default: &'static str, about: &'static str) -> Key {
    Key { name, kind, default: Value::Text(default), about }
}
