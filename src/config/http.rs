//! `[http]`: the bounds of a connection, a head, a body, a stream.

use std::time::Duration;

use super::{
    section::Section,
    shape::{Key, Kind, Shape, Value},
    units::{self, DAY, GIB, HOUR, KIB, MINUTE},
};

/// Bounds on the side of the clients, and what is read of the servers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Http {
    /// `body`: largest body of a request, in bytes; 4 MiB.
    pub body: usize,
    /// `head`: largest head of a request, in bytes; 8 KiB.
    pub head: usize,
    /// `headers`: most header fields of a request; 64.
    pub headers: usize,
    /// `depth`: deepest nesting of JSON, the envelope counted; 64.
    pub depth: usize,
    /// `head_timeout`: from the first byte of a head to its last; 10 s.
    pub head_timeout: Duration,
    /// `body_rate`: least bytes a second of a body, after its first 10 s; 1 KiB.
    pub body_rate: usize,
    /// `write_stall`: how long a client may take nothing of what is written to it; 30 s.
    pub write_stall: Duration,
    /// `idle`: how long a connection may be without a request; 60 s.
    pub idle: Duration,
    /// `keepalive`: silence on an event stream until a comment is sent; 15 s.
    pub keepalive: Duration,
    /// `event`: largest event or line of a server, in bytes; 16 MiB.
    pub event: usize,
    /// `abandoned`: legacy calls that a route drains after their client left; 100.
    pub abandoned: usize,
    /// `streams`: most requests at once on one HTTP/2 connection; 100.
    pub streams: usize,
    /// `connections`: most client connections; 10,000.
    pub connections: usize,
    /// `connections_per_address`: most client connections of one address; 1,000.
    pub connections_per_address: usize,
    /// `shed_memory`: per cent of the memory limit from which new work is answered 503; 75.
    pub shed_memory: u8,
    /// `refuse_memory`: per cent of the memory limit from which connections are refused; 90.
    pub refuse_memory: u8,
    /// `unverified`: credentials of one address that are checked; 50 a second. `None`: any number.
    pub unverified: Option<Rate>,
    /// `legacy_status`: which statuses clients of the session era see.
    pub legacy_status: LegacyStatus,
}

/// So many in a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// How many; at least one.
    pub most: u64,
    /// In which time; also what they may come in all at once.
    pub per: Duration,
}

/// Which status a refusal has for a client of the session era, once its message has been read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LegacyStatus {
    /// 200 with the JSON-RPC error, because clients in the field hang on other statuses.
    Ok,
    /// What the table of errors says, as for modern clients.
    Table,
}

pub(super) const SHAPE: Shape = Shape {
    title: "[http]",
    about: "Bounds of what a client may send and of how long it may take.",
    keys: &[
        key("body", Kind::Size(KIB, GIB), "4MiB", "Largest body of a request."),
        key("head", Kind::Size(KIB, 64 * KIB), "8KiB", "Largest head of a request."),
        count("headers", Kind::Count(8, 512), 64, "Most header fields of a request."),
        count("depth", Kind::Count(1, 512), 64, "Deepest nesting of JSON, the envelope counted; for answers too."),
        key("head_timeout", Kind::Time(10, 10 * MINUTE), "10s", "From the first byte of a head to its last."),
        key("body_rate", Kind::Size(1, GIB), "1KiB", "Least bytes a second of a body, after its first 10 s."),
        key("write_stall", Kind::Time(10, HOUR), "30s", "How long a client may take nothing of what is written to it."),
        key("idle", Kind::Time(10, DAY), "60s", "How long a keep-alive connection may be without a request."),
        key("keepalive", Kind::Time(10, HOUR), "15s", "Silence on an event stream until a comment is sent."),
        key(
            "event",
            Kind::Size(KIB, GIB),
            "16MiB",
            "Largest event or line of a server, and largest list that is read.",
        ),
        count("abandoned", Kind::Count(0, 100_000), 100, "Legacy calls a route drains after their client left."),
        count("streams", Kind::Count(1, 10_000), 100, "Most requests at once on one HTTP/2 connection."),
        count("connections", Kind::Count(1, 1_000_000), 10_000, "Most client connections."),
        count(
            "connections_per_address",
            Kind::Count(1, 1_000_000),
            1000,
            "Most client connections of one address; an IPv6 network (/64) counts as one.",
        ),
        key(
            "shed_memory",
            Kind::Percent(1, 100),
            "75%",
            "Share of the memory limit from which new work is answered 503.",
        ),
        key("refuse_memory", Kind::Percent(1, 100), "90%", "Share of it from which connections are refused."),
        key(
            "unverified",
            Kind::Text("a rate, \"50/s\", \"600/m\" or \"1000/h\", or \"none\""),
            "50/s",
            "Credentials of one address that are checked, such as a token's signature; an IPv6 network (/64) counts as one. \
             What was verified already is not counted. More are answered 429.",
        ),
        key(
            "legacy_status",
            Kind::Choice(&["200", "table"]),
            "200",
            "Status of a refusal for a client of the session era whose message was read: \"200\", which clients in the \
             field need, or the one of the table of errors.",
        ),
    ],
    unbuilt: &[],
};

/// The meaning of a rate, or of none.
fn rate(text: &str) -> Result<Option<Rate>, String> {
    match units::rate(text) {
        Some((most @ 1..=1_000_000, per)) => Ok(Some(Rate { most, per })),
        None if text == "none" => Ok(None),
        _ => Err(format!("takes a rate from \"1/h\" to \"1000000/s\", or \"none\", not {text:?}")),
    }
}

impl Http {
    pub(super) fn read(section: &Section<'_>) -> Self {
        let http = Self {
            body: section.size("body"),
            head: section.size("head"),
            headers: section.size("headers"),
            depth: section.size("depth"),
            head_timeout: section.time("head_timeout"),
            body_rate: section.size("body_rate"),
            write_stall: section.time("write_stall"),
            idle: section.time("idle"),
            keepalive: section.time("keepalive"),
            event: section.size("event"),
            abandoned: section.size("abandoned"),
            streams: section.size("streams"),
            connections: section.size("connections"),
            connections_per_address: section.size("connections_per_address"),
            shed_memory: section.percent("shed_memory"),
            refuse_memory: section.percent("refuse_memory"),
            unverified: section.text("unverified", rate).flatten(),
            legacy_status: match section.choice("legacy_status") {
                "table" => LegacyStatus::Table,
                _ => LegacyStatus::Ok,
            },
        };
        if http.shed_memory > http.refuse_memory {
            let key = if section.has("shed_memory") { "shed_memory" } else { "refuse_memory" };
            let (shed, refuse) = (http.shed_memory, http.refuse_memory);
            section.wrong(key, format!("`shed_memory` ({shed}%) has to be at most `refuse_memory` ({refuse}%)"));
        }
        http
    }
}

const fn key(name: &'static str, kind: Kind, default: &'static str, about: &'static str) -> Key {
    Key { name, kind, default: Value::Text(default), about }
}

const fn count(name: &'static str, kind: Kind, default: i64, about: &'static str) -> Key {
    Key { name, kind, default: Value::Number(default), about }
}
