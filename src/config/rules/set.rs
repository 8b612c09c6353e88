//! `set`: what a rule changes in a message that it matches.

use std::time::Duration;

use toml::{
    Spanned,
    de::{DeString, DeValue},
};

use super::{Known, mirror::Mirror};
use crate::config::{
    authorization,
    section::{Section, value_of},
    shape::{Key, Kind, Shape, Value},
};
use crate::model::KeyPath;

const MOST_CLASS: usize = 64;
const MOST_VALUE: usize = 4096;
const MOST_REMOVED: usize = 64;
const MOST_PATHS: usize = 32;
const SECOND: u64 = 1000;
const MINUTE: u64 = 60 * SECOND;
const DAY: u64 = 24 * 3600 * SECOND;

/// What is changed; nothing where everything is `None` or empty.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Set {
    /// `first_byte`: in the place of the server's; `Some(None)` is none.
    pub first_byte: Option<Option<Duration>>,
    /// `idle_timeout`: in the place of the server's.
    pub idle_timeout: Option<Option<Duration>>,
    /// `deadline`: in the place of the server's.
    pub deadline: Option<Duration>,
    /// `class`: as limits call it.
    pub class: Option<String>,
    /// `cost`: as limits count it.
    pub cost: Option<u32>,
    /// `headers`: towards the server. Names in lower case.
    pub headers: Vec<(String, String)>,
    /// `arguments`: of the call.
    pub arguments: Arguments,
    /// `fault`: what is made to fail.
    pub fault: Option<Fault>,
    /// `redact`: fields of the answer that are not shown.
    pub redact: Vec<KeyPath>,
    /// `mirror`: where calls are copied to.
    pub mirror: Option<Mirror>,
}

/// What of a call's arguments is changed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Arguments {
    /// `set`: by their keys, each as JSON.
    pub set: Vec<(String, String)>,
    /// `remove`: keys.
    pub remove: Vec<String>,
}

/// What clients are tested with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fault {
    /// `share`: of the messages, in millionths.
    pub share: u32,
    /// `delay`: before the message goes on; none.
    pub delay: Duration,
    /// `abort`: it does not go on.
    pub abort: Option<Abort>,
}

/// What a message is refused with in the place of its server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Abort {
    /// `"unavailable"`: as if no endpoint could be reached.
    Unavailable,
    /// `"reset"`: as if the server had gone away.
    Reset,
    /// `"timeout"`: as if it had taken too long.
    Timeout,
}

pub(in crate::config) const SHAPE: Shape = Shape {
    title: "`set` of [[rules]]",
    about: "What is changed in a message, or in how it is carried. What an earlier rule has changed stays as that one has it; \
            what several rules redact adds up.",
    keys: &[
        key("first_byte", Kind::TimeOrNone(10, DAY), "In the place of the server's own."),
        key("idle_timeout", Kind::TimeOrNone(10, DAY), "In the place of the server's own."),
        key("deadline", Kind::Time(10, 7 * DAY), "In the place of the server's own."),
        key("class", Kind::Text("a name, \"cheap\""), "The class that limits may name."),
        key("cost", Kind::Count(0, 1_000_000), "How much of a limit it takes. Default: 1."),
        key(
            "headers",
            Kind::Table("a table of texts, { x-team = \"blue\" }"),
            "Header fields towards a server that is \
            reached over HTTP, in the place of the client's. No credential: that is `authorization` of the server.",
        ),
        key("arguments", Kind::Table("a table, { set = {...}, remove = [...] }"), "Arguments of a call; see below."),
        key("fault", Kind::Table("a table, { share = 0.01, delay = \"2s\" }"), "What is made to fail; see below."),
        key(
            "redact",
            Kind::List("paths, [\"content.*.email\", \"structuredContent.card\"]"),
            "Fields of the answer's `result` that are not shown: their values are replaced by \"[redacted]\", objects and \
            lists by empty ones. On a list `*` is every item and a number one; any other step goes into every item. In a key \
            `*` and `?` are as in patterns; case does not count. A path into `structuredContent` is one into a text of \
            `content` that is JSON, too.",
        ),
        key(
            "mirror",
            Kind::Table("the name of a server, or { server = \"search-v3\", share = 0.1 }"),
            "A call of 2026-07-28 is copied to this server, and what that answers is dropped; see below.",
        ),
        key("cache", Kind::Table("a table, { ttl = \"60s\", per = \"principal\" }"), "Not built into this version."),
        key("retry", Kind::Table("a table, { attempts = 2, budget = 0.2 }"), "Not built into this version."),
    ],
    unbuilt: &[],
};

pub(in crate::config) const ARGUMENTS: Shape = Shape {
    title: "`arguments` of `set`",
    about: "Changes the `arguments` of a call: everything else in the message stays as it is, to the byte. A batch with such a \
            message is refused.",
    keys: &[
        key(
            "set",
            Kind::Table("a table of values, { limit = 10 }"),
            "Arguments by their keys, in the place of the caller's.",
        ),
        key("remove", Kind::List("keys, [\"debug\"]"), "Arguments that are left out."),
    ],
    unbuilt: &[],
};

pub(in crate::config) const FAULT: Shape = Shape {
    title: "`fault` of `set`",
    about: "Lets a share of the messages wait or fail, to see what clients make of it.",
    keys: &[
        Key {
            name: "share",
            kind: Kind::Share,
            default: Value::Number(1),
            about: "How many of the messages that the rule matches.",
        },
        key("delay", Kind::Time(0, 10 * MINUTE), "How long each waits before it goes on, or fails."),
        Key {
            name: "abort",
            kind: Kind::Choice(&["none", "unavailable", "reset", "timeout"]),
            default: Value::Text("none"),
            about: "What each is refused with, as if its server had failed so: nothing is sent.",
        },
    ],
    unbuilt: &[],
};

pub(in crate::config) const CACHE: Shape = Shape {
    title: "`cache` of `set`",
    about: "Not built into this version.",
    keys: &[
        key("ttl", Kind::Time(SECOND, 30 * DAY), "How long an answer is kept. Needed."),
        Key {
            name: "per",
            kind: Kind::Choice(&["principal", "everyone"]),
            default: Value::Text("principal"),
            about: "Who shares an answer.",
        },
    ],
    unbuilt: &[],
};

pub(in crate::config) const RETRY: Shape = Shape {
    title: "`retry` of `set`",
    about: "Not built into this version.",
    keys: &[
        Key { name: "attempts", kind: Kind::Count(1, 10), default: Value::Number(2), about: "Attempts in all." },
        Key {
            name: "budget",
            kind: Kind::Share,
            default: Value::Real(0.2),
            about: "Repeated attempts, as a share of all.",
        },
    ],
    unbuilt: &[],
};

const fn key(name: &'static str, kind: Kind, about: &'static str) -> Key {
    Key { name, kind, default: Value::Absent, about }
}

impl Set {
    pub(super) fn read(rule: &Section<'_>, known: Known<'_>) -> Self {
        let section = rule.table("set", &SHAPE);
        if rule.has_table("set") && SHAPE.keys.iter().all(|key| !section.has(key.name)) {
            rule.wrong("set", "`set` changes nothing");
        }
        unbuilt(&section);
        let time = |key| section.has(key).then(|| section.time_or_none(key));
        Self {
            first_byte: time("first_byte"),
            idle_timeout: time("idle_timeout"),
            deadline: section.has("deadline").then(|| section.time("deadline")),
            class: section.text("class", class),
            cost: section.size_if_written("cost").and_then(|cost| u32::try_from(cost).ok()),
            headers: headers(&section),
            arguments: Arguments::read(&section),
            fault: Fault::read(&section),
            redact: redact(&section),
            mirror: Mirror::read(&section, known),
        }
    }

    /// Whether nothing is changed.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl Arguments {
    fn read(set: &Section<'_>) -> Self {
        let section = set.table("arguments", &ARGUMENTS);
        let mut arguments = Self { set: Vec::new(), remove: section.list("remove", |key| Ok(key.to_owned())) };
        for (key, value) in section.entries("set") {
            match json(value.get_ref()) {
                Ok(value) => arguments.set.push((key.get_ref().to_string(), value.to_string())),
                Err(why) => section.wrong("set", format!("`{}` in `set` {why}", key.get_ref())),
            }
        }
        if arguments.set.len() + arguments.remove.len() > MOST_REMOVED {
            set.wrong("arguments", format!("`arguments` changes more than {MOST_REMOVED} of them"));
        }
        for key in arguments.remove.iter().filter(|key| arguments.set.iter().any(|(set, _)| set == *key)) {
            section.wrong("remove", format!("`remove` and `set` both name {key:?}"));
        }
        arguments
    }

    /// Whether nothing is changed.
    pub fn is_empty(&self) -> bool {
        self.set.is_empty() && self.remove.is_empty()
    }
}

impl Fault {
    fn read(set: &Section<'_>) -> Option<Self> {
        if !set.has("fault") {
            return None;
        }
        let section = set.table("fault", &FAULT);
        let abort = match section.choice("abort") {
            "unavailable" => Some(Abort::Unavailable),
            "reset" => Some(Abort::Reset),
            "timeout" => Some(Abort::Timeout),
            _ => None,
        };
        let delay = section.time("delay");
        if set.has_table("fault") && delay.is_zero() && abort.is_none() {
            set.wrong("fault", "`fault` needs a `delay` or an `abort`");
        }
        Some(Self { share: section.share("share"), delay, abort })
    }
}

/// Their syntax is checked, so that they may be written down now.
fn unbuilt(set: &Section<'_>) {
    if set.has("cache") {
        let cache = set.table("cache", &CACHE);
        let _ = (cache.time_or_none("ttl"), cache.choice("per"));
        set.wrong("cache", "`cache` in `set` of [[rules]] is not built into this version");
    }
    if set.has("retry") {
        let retry = set.table("retry", &RETRY);
        let _ = (retry.size("attempts"), retry.share("budget"));
        set.wrong("retry", "`retry` in `set` of [[rules]] is not built into this version");
    }
}

fn redact(section: &Section<'_>) -> Vec<KeyPath> {
    let paths = section.list("redact", |text| {
        let path = KeyPath::parse(text)?;
        match path.steps() {
            [only] if only.fits("resulttype") => {
                Err(format!("cannot name `resultType`, as {text:?} does: no client could read the answer"))
            }
            _ => Ok(path),
        }
    });
    if section.has_list("redact") && !(1..=MOST_PATHS).contains(&section.items("redact").len()) {
        section.wrong("redact", format!("`redact` takes 1 to {MOST_PATHS} paths"));
    }
    paths
}

fn class(text: &str) -> Result<String, String> {
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_".contains(&byte);
    match (1..=MOST_CLASS).contains(&text.len()) && text.bytes().all(fits) {
        true => Ok(text.to_owned()),
        false => Err(format!("takes a name of 1 to {MOST_CLASS} of a to z, 0 to 9, - and _, not {text:?}")),
    }
}

fn headers(section: &Section<'_>) -> Vec<(String, String)> {
    let mut headers = Vec::new();
    for (name, value) in section.entries("headers") {
        match header(name.get_ref(), value_of(value.get_ref())) {
            Ok(header) => headers.push(header),
            Err(why) => section.wrong("headers", why),
        }
    }
    headers
}

fn header(name: &str, value: Value<'_>) -> Result<(String, String), String> {
    let name = authorization::field_name(name)
        .map_err(|_| format!("`{name}` in `headers` is no name of a field, or of one that Weir or the client says"))?;
    let credential = ["authorization", "cookie", "proxy-authorization", "x-auth-token"].contains(&&*name);
    if credential || name.ends_with("api-key") || name.ends_with("apikey") {
        return Err(format!("`{name}` in `headers` is for a credential: that is `authorization` of the server"));
    }
    let Value::Text(text) = value else {
        return Err(format!("`{name}` in `headers` takes a text, not {}", value.describe()));
    };
    let fits = (1..=MOST_VALUE).contains(&text.len()) && text.bytes().all(|byte| matches!(byte, b' '..=b'~'));
    match fits && text.trim() == text {
        true => Ok((name, text.to_owned())),
        false => Err(format!("`{name}` in `headers` takes 1 to {MOST_VALUE} visible ASCII characters")),
    }
}

/// The members of a table, as the file has them.
type Members<'a, 'b> = Vec<(&'a Spanned<DeString<'b>>, &'a Spanned<DeValue<'b>>)>;

/// A table of the file as JSON, in its order. The error is a sentence without subject.
pub(super) fn object(mut members: Members<'_, '_>) -> Result<serde_json::Value, String> {
    members.sort_by_key(|(key, _)| key.span().start);
    let member = |(key, value): &(&Spanned<DeString<'_>>, &Spanned<DeValue<'_>>)| {
        Ok((key.get_ref().to_string(), json(value.get_ref())?))
    };
    Ok(serde_json::Value::Object(members.iter().map(member).collect::<Result<_, String>>()?))
}

/// A value of the file as JSON. The error is a sentence without subject.
fn json(value: &DeValue<'_>) -> Result<serde_json::Value, String> {
    Ok(match value {
        DeValue::Array(items) => items.iter().map(|item| json(item.get_ref())).collect::<Result<Vec<_>, _>>()?.into(),
        DeValue::Table(table) => object(table.iter().collect())?,
        other => match value_of(other) {
            Value::Text(text) => text.into(),
            Value::Number(number) => number.into(),
            Value::Flag(flag) => flag.into(),
            Value::Real(real) if real.is_finite() => real.into(),
            other => return Err(format!("takes what JSON has, not {}", other.describe())),
        },
    })
}
