//! `[store]`: where what outlives the process is kept.

use super::{
    secret::Secret,
    section::Section,
    shape::{Key, Kind, Shape, Value},
};

/// Where it is kept.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Store {
    /// `postgres`: a database that nodes share; `None`: the data directory.
    pub postgres: Option<Postgres>,
    /// `rules = false`: the rules that are kept are not asked.
    pub without_rules: bool,
}

/// A database of PostgreSQL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Postgres {
    /// `url`: where it is, and as whom we come; it has the password in it.
    pub url: Secret,
    /// `pool`: the most connections, but for the one that listens; 20.
    pub pool: usize,
}

pub(super) const SHAPE: Shape = Shape {
    title: "[store]",
    about: "Where API keys and stored rules are kept. Without it: in the data directory, by this node alone. It cannot be \
            changed by a reload.",
    keys: &[
        Key {
            name: "postgres",
            kind: Kind::Table("a database, { url = { file = \"...\" }, pool = 20 }"),
            default: Value::Absent,
            about: "A database of PostgreSQL (13 or newer), which several nodes share: what is changed on one is in force \
                    on the others within a second.",
        },
        Key {
            name: "rules",
            kind: Kind::Flag,
            default: Value::Flag(true),
            about: "Stored rules are asked behind those of the file, and a daemon that cannot read or compile them does not \
                    start. `false`: they are left alone, and what they refuse passes.",
        },
    ],
    unbuilt: &[],
};

pub(super) const POSTGRES: Shape = Shape {
    title: "`postgres` of [store]",
    about: "A database of PostgreSQL.",
    keys: &[
        Key {
            name: "url",
            kind: Kind::Table(
                "the place of a secret, { file = \"...\" }, { env = \"...\" } or { credential = \"...\" }, never the URL",
            ),
            default: Value::Absent,
            about: "Where its URL is kept, `postgres://USER:PASSWORD@HOST:PORT/DATABASE`. `sslmode` is `verify-full` \
                    (`require` means the same here) or `disable`, by default `disable` on loopback and Unix sockets, else \
                    `verify-full`; `sslrootcert` names a PEM file of authorities instead of the system's. User and \
                    password are read anew for each connection. Needed.",
        },
        Key {
            name: "pool",
            kind: Kind::Count(1, 1000),
            default: Value::Number(20),
            about: "The most connections of this node, but for one more that listens for changes.",
        },
    ],
    unbuilt: &[],
};

impl Store {
    pub(super) fn read(section: &Section<'_>) -> Self {
        if section.has("postgres") && !section.has_table("postgres") {
            // It may well be the URL, with its password.
            let message =
                "`postgres` is a table, { url = { file = \"...\" }, pool = 20 }; a URL is never written in place";
            section.mistakes.add(section.place("postgres").hidden(), message);
        }
        let there = section.has_table("postgres");
        Self {
            postgres: there.then(|| Postgres::read(&section.table("postgres", &POSTGRES))).flatten(),
            without_rules: !section.flag("rules"),
        }
    }
}

impl Postgres {
    fn read(table: &Section<'_>) -> Option<Self> {
        if !table.has("url") {
            table.missing("url");
        }
        Some(Self { url: Secret::read_place(table, "url")?, pool: table.size("pool") })
    }
}
