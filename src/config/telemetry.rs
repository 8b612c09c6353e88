//! `[telemetry]`: what operators are told, beside the metrics.

use super::{
    section::Section,
    shape::{Key, Kind, Shape, Value},
};

/// What operators are told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Telemetry {
    /// `log`: lines on standard error.
    pub log: Log,
}

/// Lines on standard error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Log {
    /// `level`: one of `off`, `error`, `warn`, `info`, `debug`, `trace`; `info`.
    pub level: &'static str,
    /// `format`: text for people, or an object of JSON a line; text.
    pub format: LogFormat,
    /// `access`: a line for each request; true.
    pub access: bool,
    /// `arguments`: what tools are called with stands in it; false.
    pub arguments: bool,
    /// `redact`: paths below `arguments` of which the values are never written.
    pub redact: Vec<String>,
}

/// How a line of the log is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// For machines: an object a line.
    Json,
}

pub(super) const SHAPE: Shape = Shape {
    title: "[telemetry]",
    about: "What operators are told, beside the metrics.",
    keys: &[Key {
        name: "log",
        kind: Kind::Table("a table"),
        default: Value::Absent,
        about: "Lines on standard error; see below.",
    }],
    unbuilt: &["traces"],
};

pub(super) const LOG: Shape = Shape {
    title: "`log` in [telemetry]",
    about: "Lines on standard error.",
    keys: &[
        Key {
            name: "level",
            kind: Kind::Choice(&["off", "error", "warn", "info", "debug", "trace"]),
            default: Value::Text("info"),
            about: "What is not below it is written. `WEIR_LOG` goes before it; `PUT /api/v1/log` changes it until the \
                    next reload.",
        },
        Key {
            name: "format",
            kind: Kind::Choice(&["text", "json"]),
            default: Value::Text("text"),
            about: "For people, or an object of JSON a line.",
        },
        Key {
            name: "access",
            kind: Kind::Flag,
            default: Value::Flag(true),
            about: "A line for each request: at `info`, at `warn` where it failed by the server's fault or ours.",
        },
        Key {
            name: "arguments",
            kind: Kind::Flag,
            default: Value::Flag(false),
            about: "What a tool is called with stands in that line, at most 2 KiB of it.",
        },
        Key {
            name: "redact",
            kind: Kind::List("paths, [\"arguments.password\", \"arguments.*token*\"]"),
            default: Value::Absent,
            about: "What is never written there: the value at a path, or below it. `*` stands for any characters of one \
                    key; elements of lists have the path of their list.",
        },
    ],
    unbuilt: &[],
};

impl Telemetry {
    pub(super) fn read(section: &Section<'_>) -> Self {
        Self { log: Log::read(&section.table("log", &LOG)) }
    }
}

impl Log {
    fn read(section: &Section<'_>) -> Self {
        Self {
            level: section.choice("level"),
            format: match section.choice("format") {
                "json" => LogFormat::Json,
                _ => LogFormat::Text,
            },
            access: section.flag("access"),
            arguments: section.flag("arguments"),
            redact: section.list("redact", path),
        }
    }
}

/// A path below `arguments`, as it is written.
fn path(text: &str) -> Result<String, String> {
    match text.strip_prefix("arguments.") {
        Some(rest) if rest.split('.').all(|key| !key.is_empty()) => Ok(text.to_owned()),
        _ => Err(format!("takes paths like \"arguments.password\" or \"arguments.*token*\", not {text:?}")),
    }
}
