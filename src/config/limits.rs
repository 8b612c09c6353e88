//! `[[limits]]`: how often, how many at once, and how much in an hour or a day.

use std::{num::NonZeroU32, time::Duration};

use crate::model::grants::Patterns;
use crate::model::{Glob, Pattern};

use super::{
    limits_shape::{MOST_CALLS, MOST_QUOTA, SHAPE},
    roles::{self, Role, read_patterns},
    routes,
    rules::Expression,
    section::Section,
    servers::Server,
    shape::Value,
    units,
};

const MOST_NAME: usize = 64;
/// A burst, and a quota, that nodes share is at least so many times what a call costs: each of six has a call of it then
/// before it has asked for more.
pub const PARTS_OF_BURST: u32 = 8;
/// See [`PARTS_OF_BURST`].
pub const PARTS_OF_QUOTA: u32 = 134;

/// One limit. It says at least one of rate, concurrent and quota.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limit {
    /// `name`: as refusals, headers and metrics call it. Unique.
    pub name: String,
    /// `key`, or `key_expression`: what is counted apart.
    pub key: LimitKey,
    /// What it counts.
    pub counts: Counted,
    /// `rate` and `burst`.
    pub rate: Option<CallRate>,
    /// `cost`: what one call counts, of the rate and of the quota; no more than either holds.
    pub cost: NonZeroU32,
    /// `concurrent`: calls at once.
    pub concurrent: Option<u32>,
    /// `quota`.
    pub quota: Option<Quota>,
    /// `scope`.
    pub scope: Scope,
}

/// Where a limit is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// On each node by itself.
    Node,
    /// By all nodes together.
    Cluster,
}

/// What a limit counts apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LimitKey {
    /// Who calls.
    Principal,
    /// The address of whoever calls.
    ClientIp,
    /// The conversation.
    Session,
    /// The server.
    Server,
    /// The tool, as `SERVER:NAME`.
    Tool,
    /// The tool, of each caller.
    PrincipalAndTool,
    /// Nothing: all count together.
    Global,
    /// What an expression gives for the message.
    Expression(Expression),
}

/// Which messages a limit counts: all that fit every list that is not empty. Of `names` one list has to fit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counted {
    /// `methods`.
    pub methods: Vec<Glob>,
    /// `tools`, `prompts` and `resources`.
    pub names: Patterns,
    /// `servers`.
    pub servers: Vec<Glob>,
    /// `roles`.
    pub roles: Vec<String>,
    /// `class`.
    pub class: Option<String>,
}

/// So many in a time, and so many of them at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallRate {
    /// How many.
    pub most: NonZeroU32,
    /// In which time.
    pub per: Duration,
    /// How many at once.
    pub burst: NonZeroU32,
}

/// So many from one full hour to the next, or from one midnight to the next, in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    /// How many.
    pub most: NonZeroU32,
    /// Hours of the window: 1 or 24.
    pub hours: u32,
}

impl LimitKey {
    const ALL: [(&'static str, Self); 7] = [
        ("principal", Self::Principal),
        ("client_ip", Self::ClientIp),
        ("session", Self::Session),
        ("server", Self::Server),
        ("tool", Self::Tool),
        ("principal+tool", Self::PrincipalAndTool),
        ("global", Self::Global),
    ];

    /// As it is written; an expression has a key of its own.
    pub fn as_str(&self) -> &'static str {
        Self::ALL.iter().find(|(_, key)| key == self).map_or("key_expression", |(name, _)| name)
    }

    /// The expression, where it is one.
    pub fn expression(&self) -> Option<&Expression> {
        match self {
            Self::Expression(expression) => Some(expression),
            _ => None,
        }
    }

    fn read(section: &Section<'_>) -> Option<Self> {
        if !section.has("key_expression") {
            if !section.has("key") {
                let names = SHAPE.key("key").kind.describe();
                section
                    .mistakes
                    .add(section.place("key"), format!("[[limits]] needs `key`, {names}, or `key_expression`"));
            }
            return section.text("key", Self::parse);
        }
        if section.has("key") {
            section.wrong("key", "`key` and `key_expression` exclude each other: what is counted apart is said by one");
        }
        Expression::read(section, "key_expression").map(Self::Expression)
    }

    fn parse(text: &str) -> Result<Self, String> {
        let known = Self::ALL.iter().find(|(name, _)| *name == text);
        known.map(|(_, key)| key.clone()).ok_or_else(|| {
            let names: Vec<_> = Self::ALL.iter().map(|(name, _)| format!("{name:?}")).collect();
            format!("takes {}, not {text:?}", names.join(" or "))
        })
    }
}

impl Limit {
    /// Every limit of the file.
    pub(super) fn read_all(root: &Section<'_>, servers: &[Server], roles: &[Role]) -> Vec<Self> {
        let sections = root.tables("limits", &SHAPE);
        let named = sections.iter().filter_map(|section| match section.read("name") {
            Value::Text(name) => Some((name, section.place("name"))),
            _ => None,
        });
        root.unique(named, |name| format!("there is a limit {name:?} already"));
        sections.iter().filter_map(|section| Self::read(section, servers, roles)).collect()
    }

    fn read(section: &Section<'_>, servers: &[Server], roles: &[Role]) -> Option<Self> {
        let key = LimitKey::read(section);
        let scope = if section.choice("scope") == "cluster" { Scope::Cluster } else { Scope::Node };
        let counts = Counted::read(section, servers, roles);
        let rate = CallRate::read(section);
        let quota = section.text("quota", Quota::parse);
        let concurrent = section.size_if_written("concurrent").and_then(|most| u32::try_from(most).ok());
        let says = ["rate", "concurrent", "quota"].iter().any(|key| section.has(key));
        let name = section.required("name", name)?;
        if !says {
            section.mistakes.add(
                section.place("name"),
                format!("the limit {name:?} limits nothing: it needs `rate`, `concurrent` or `quota`"),
            );
        }
        let cost = u32::try_from(section.size("cost")).ok().and_then(NonZeroU32::new).unwrap_or(NonZeroU32::MIN);
        for (what, most) in [("burst", rate.map(|rate| rate.burst)), ("quota", quota.map(|quota| quota.most))] {
            if let Some(most) = most.filter(|most| cost > *most) {
                section.wrong(
                    "cost",
                    format!("`cost` ({cost}) has to be at most the {what} ({most}): no call would pass"),
                );
            }
        }
        let limit = Self { name, key: key?, counts, rate, cost, concurrent, quota, scope };
        limit.warn(section);
        limit.check_parts(section);
        Some(limit)
    }

    /// Refuses what nodes cannot hold together, each with a part of it.
    fn check_parts(&self, section: &Section<'_>) {
        if self.scope == Scope::Node {
            return;
        }
        if self.concurrent.is_some() {
            let message = "`concurrent` cannot be held by all nodes together, since a call ends in its own time: give it to \
                           a limit of its own with `scope = \"node\"`, and each node the part of the calls that it may have";
            section.wrong("concurrent", message);
        }
        let burst =
            self.rate.map(|rate| (if section.has("burst") { "burst" } else { "rate" }, rate.burst, PARTS_OF_BURST));
        let quota = self.quota.map(|quota| ("quota", quota.most, PARTS_OF_QUOTA));
        for (key, most, parts) in burst.into_iter().chain(quota) {
            let least = u64::from(self.cost.get()) * u64::from(parts);
            if u64::from(most.get()) < least {
                let what = if key == "quota" { "quota" } else { "burst" };
                let message = format!(
                    "a {what} of {most} cannot be cut among nodes, each of which has to have a call's worth of it: say at least \
                     {least} ({parts} times `cost`), or `scope = \"node\"`"
                );
                section.wrong(key, message);
            }
        }
    }

    /// Notes what is allowed and counts nothing.
    fn warn(&self, section: &Section<'_>) {
        let of_tools = matches!(self.key, LimitKey::Tool | LimitKey::PrincipalAndTool);
        let others = !self.counts.names.prompts.is_empty() || !self.counts.names.resources.is_empty();
        if of_tools && others && self.counts.names.tools.is_empty() {
            let message = format!(
                "a limit of `key = {:?}` counts calls of tools alone, so that this counts nothing",
                self.key.as_str()
            );
            section.mistakes.warn(section.place("key"), message);
        }
    }
}

impl Counted {
    fn read(section: &Section<'_>, servers: &[Server], roles: &[Role]) -> Self {
        let patterns = |key: &str| -> Vec<Pattern> { read_patterns(section, key, servers) };
        let server = |text: &str| {
            let glob = Glob::parse(text)?;
            match servers.iter().any(|server| glob.matches(server.name.as_str())) {
                true => Ok(glob),
                false => Err(format!("names a server: {}", routes::unknown(text, servers))),
            }
        };
        Self {
            methods: section.list("methods", Glob::parse),
            names: Patterns {
                tools: patterns("tools"),
                prompts: patterns("prompts"),
                resources: patterns("resources"),
            },
            servers: section.list("servers", server),
            roles: section.list("roles", |name| roles::known(name, roles)),
            class: section.text("class", name),
        }
    }
}

impl CallRate {
    fn read(section: &Section<'_>) -> Option<Self> {
        let burst =
            section.size_if_written("burst").and_then(|most| u32::try_from(most).ok()).and_then(NonZeroU32::new);
        if burst.is_some() && !section.has("rate") {
            section.wrong("burst", "`burst` says how many of a `rate` may come at once, and there is no `rate`");
        }
        let (most, per) = section.text("rate", |text| {
            match units::rate(text) {
                Some((most, per)) => in_bounds(most, MOST_CALLS).map(|most| (most, per)),
                None => None,
            }
            .ok_or_else(|| format!("takes a rate from \"1/h\" to \"{MOST_CALLS}/s\", in /s, /m or /h, not {text:?}"))
        })?;
        Some(Self { most, per, burst: burst.unwrap_or(most) })
    }

    /// The time from one call to the next where they come evenly: rounded up, so that it is never more than the rate.
    pub fn apart(&self) -> Duration {
        let (per, most) = (u64::try_from(self.per.as_nanos()).unwrap_or(u64::MAX), u64::from(self.most.get()));
        Duration::from_nanos(per.div_ceil(most))
    }
}

impl Quota {
    fn parse(text: &str) -> Result<Self, String> {
        let hours = |unit| match unit {
            "hour" => Some(1),
            "day" => Some(24),
            _ => None,
        };
        let parts = text.split_once('/').and_then(|(most, unit)| Some((units::digits(most)?, hours(unit)?)));
        let quota = parts.and_then(|(most, hours)| Some(Self { most: in_bounds(most, MOST_QUOTA)?, hours }));
        quota.ok_or_else(|| {
            format!("takes a quota from \"1/day\" to \"{MOST_QUOTA}/hour\", in /hour or /day, not {text:?}")
        })
    }
}

fn in_bounds(number: u64, most: u32) -> Option<NonZeroU32> {
    u32::try_from(number).ok().filter(|number| *number <= most).and_then(NonZeroU32::new)
}

/// The meaning of a name that stands in headers (RFC 9651, 3.3.3). The error is a sentence without subject.
fn name(text: &str) -> Result<String, String> {
    let plain =
        text.bytes().all(|byte| (b' '..=b'~').contains(&byte) && !b"\"\\".contains(&byte)) && text.trim() == text;
    if plain && (1..=MOST_NAME).contains(&text.len()) {
        return Ok(text.to_owned());
    }
    Err(format!(
        "takes 1 to {MOST_NAME} characters of ASCII without quotes, backslashes and outer white space, since it stands in \
         headers, not {text:?}"
    ))
}
