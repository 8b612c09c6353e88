//! `[telemetry]`: what operators are told, beside the metrics.

use super::{
    endpoint::PublicUrl,
    section::Section,
    shape::{Key, Kind, Shape, Value},
};

/// What is never written where `redact` is not there.
const REDACTED: [&str; 3] = ["arguments.*password*", "arguments.*secret*", "arguments.*token*"];

/// What operators are told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Telemetry {
    /// `log`: lines on standard error.
    pub log: Log,
    /// `traces`: where spans of sampled requests go; `None`: nowhere.
    pub traces: Option<Traces>,
}

/// Where spans go, and of how many requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Traces {
    /// `otlp`: URL of a collector that takes OTLP over gRPC.
    pub otlp: String,
    /// `sample`: the share of requests that is traced where their caller has not decided it, in millionths; 0.01.
    pub sample: u32,
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
    keys: &[
        Key {
            name: "log",
            kind: Kind::Table("a table"),
            default: Value::Absent,
            about: "Lines on standard error; see below.",
        },
        Key {
            name: "traces",
            kind: Kind::Table("a table"),
            default: Value::Absent,
            about: "Where spans of sampled requests go; see below. Default: nowhere.",
        },
    ],
    unbuilt: &[],
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
            about: "What is never written there: the value at the end of a path, wherever the path begins, in whatever \
                    case. `*` stands for any characters of one key; lists count as nothing. Default: \
                    `arguments.*password*`, `arguments.*secret*`, `arguments.*token*`.",
        },
    ],
    unbuilt: &[],
};

pub(super) const TRACES: Shape = Shape {
    title: "`traces` in [telemetry]",
    about: "Where spans go, and of how many requests. A caller whose `traceparent` says that it is sampled has decided.",
    keys: &[
        Key {
            name: "otlp",
            kind: Kind::Text("a URL of scheme, host and perhaps port, \"http://127.0.0.1:4317\""),
            default: Value::Absent,
            about: "A collector that takes OTLP over gRPC, without TLS. Needed.",
        },
        Key {
            name: "sample",
            kind: Kind::Share,
            default: Value::Real(0.01),
            about: "The share of requests that is traced where their caller has not decided it.",
        },
    ],
    unbuilt: &[],
};

impl Telemetry {
    pub(super) fn read(section: &Section<'_>) -> Self {
        let traces = section.has("traces").then(|| section.table("traces", &TRACES));
        let traces = traces.and_then(|traces| {
            let sample = traces.share("sample");
            Some(Traces { otlp: traces.required("otlp", collector)?, sample })
        });
        Self { log: Log::read(&section.table("log", &LOG)), traces }
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
            redact: if section.has("redact") {
                section.list("redact", path)
            } else {
                REDACTED.map(str::to_owned).into()
            },
        }
    }
}

/// The URL of a collector.
fn collector(text: &str) -> Result<String, String> {
    let url = PublicUrl::parse(text)?.url;
    if url.starts_with("https://") {
        return Err("has to begin with http://: TLS towards a collector is not built into this version".to_owned());
    }
    Ok(url)
}

/// A path below `arguments`, as it is written.
fn path(text: &str) -> Result<String, String> {
    match text.strip_prefix("arguments.") {
        Some(rest) if rest.split('.').all(|key| !key.is_empty()) => Ok(text.to_owned()),
        _ => Err(format!("takes paths like \"arguments.password\" or \"arguments.*token*\", not {text:?}")),
    }
}
