//! `bounds` in `[[routes]]`: bounds of messages narrower than those of `[http]`, by method and name; and what is checked
//! of calls and answers there.

use super::{
    section::Section,
    shape::{Key, Kind, Shape, Value},
    units::{self, GIB},
};
use crate::model::Glob;

/// Longer names of methods are refused, in bytes.
const MOST_METHOD: usize = 128;

/// What a route checks beyond the protocol.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RouteChecks {
    /// `validate_arguments`: those of a call, against the `inputSchema` of its tool; false.
    pub arguments: bool,
    /// `validate_answers`: the answer to a call, against the `outputSchema` of its tool; off.
    pub answers: ValidateAnswers,
    /// `bounds`: those of messages; none.
    pub bounds: Vec<Bound>,
}

/// What becomes of an answer that does not fit its tool's `outputSchema`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ValidateAnswers {
    /// Nobody looks.
    #[default]
    Off,
    /// It is counted, and passes.
    Count,
    /// It is counted, and refused.
    Refuse,
}

/// Bounds of some messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bound {
    /// `methods`: of which methods; of any where there is none.
    pub methods: Vec<String>,
    /// `tools`: on which tools, and other names; on any where there is none.
    pub tools: Vec<Glob>,
    /// `body`: bytes.
    pub body: Option<usize>,
    /// `depth`: nesting, the envelope counted.
    pub depth: Option<usize>,
    /// `values`: values of any kind, keys not counted.
    pub values: Option<usize>,
}

pub(super) const SHAPE: Shape = Shape {
    title: "`bounds` in [[routes]]",
    about: "Bounds of messages, narrower than those of [http]: every element that names a message's method and name holds. Of a \
            batch they hold for each message on its own, whose size is that of its parameters.",
    keys: &[
        Key {
            name: "methods",
            kind: Kind::List("methods, [\"tools/call\"]"),
            default: Value::Absent,
            about: "Of which methods. Default: of any.",
        },
        Key {
            name: "tools",
            kind: Kind::List("patterns over names of tools, [\"search\", \"read_*\"]"),
            default: Value::Absent,
            about: "Of calls of which tools; `*` is any characters, `?` is one. Default: whatever they name.",
        },
        Key { name: "body", kind: Kind::Size(1, GIB), default: Value::Absent, about: "Largest body." },
        Key {
            name: "depth",
            kind: Kind::Count(1, 512),
            default: Value::Absent,
            about: "Deepest nesting of JSON, the envelope counted.",
        },
        Key {
            name: "values",
            kind: Kind::Count(1, 10_000_000),
            default: Value::Absent,
            about: "Most values in the parameters: every object, array, text, number and so on counts, keys do not.",
        },
    ],
    unbuilt: &[],
};

impl RouteChecks {
    /// Of the section of a route. `body` and `depth` are those of `[http]`.
    pub(super) fn read(section: &Section<'_>, body: usize, depth: usize) -> Self {
        let answers = match section.choice("validate_answers") {
            "count" => ValidateAnswers::Count,
            "refuse" => ValidateAnswers::Refuse,
            _ => ValidateAnswers::Off,
        };
        let tables = section.tables("bounds", &SHAPE);
        let bounds = tables.iter().map(|table| Bound::read(table, body, depth)).collect();
        Self { arguments: section.flag("validate_arguments"), answers, bounds }
    }

    /// Whether there is nothing to check.
    pub fn is_empty(&self) -> bool {
        !self.arguments && self.answers == ValidateAnswers::Off && self.bounds.is_empty()
    }
}

impl Bound {
    fn read(table: &Section<'_>, most_body: usize, most_depth: usize) -> Self {
        let (body, depth) = (table.size_if_written("body"), table.size_if_written("depth"));
        let values = table.size_if_written("values");
        if body.or(depth).or(values).is_none() {
            table.wrong("methods", "an element of `bounds` bounds nothing: it needs `body`, `depth` or `values`");
        }
        if body.is_some_and(|body| body > most_body) {
            let size = units::show_size(most_body as u64);
            table.wrong("body", format!("`body` would bound nothing: [http] takes {size} at most"));
        }
        if depth.is_some_and(|depth| depth > most_depth) {
            table.wrong("depth", format!("`depth` would bound nothing: [http] takes {most_depth} levels at most"));
        }
        let (methods, tools) = (table.list("methods", method), table.list("tools", Glob::parse));
        Self { methods, tools, body, depth, values }
    }
}

/// The meaning of a method. The error is a sentence without subject.
fn method(text: &str) -> Result<String, String> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/_-.".contains(&byte);
    match text.len() {
        1..=MOST_METHOD if text.bytes().all(plain) => Ok(text.to_owned()),
        _ => Err(format!("takes the names of methods, such as \"tools/call\", not {text:?}")),
    }
}
