//! `[[rules]]` and `[[rule_groups]]`: what policy says of a message, and what it changes in it.

mod expression;
mod goto;
mod matcher;
mod mirror;
mod set;
mod stored;
mod then;

use super::{
    roles::{self, Role},
    routes::Route,
    section::Section,
    servers::Server,
    shape::{Key, Kind, Shape, Value},
};

pub use expression::Expression;
pub use matcher::Matcher;
pub use mirror::Mirror;
pub use set::{Abort, Arguments, Fault, Set};
pub use stored::rule_in_json;
pub use then::{Share, Then};

pub(super) use mirror::SHAPE as MIRROR;
pub(super) use set::{ARGUMENTS, CACHE, FAULT, RETRY, SHAPE as SET};
pub(super) use then::{HOLD, SHAPE as THEN, SHARE};

/// Groups of one file. What a message has met of them is remembered in as many bits.
const MOST_GROUPS: usize = 64;

/// What policy says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rules {
    /// `[[rules]]`, in their order: names unique.
    pub rules: Vec<Rule>,
    /// `[[rule_groups]]` and those that stand in rules alone: at most 64, names unique.
    pub groups: Vec<Group>,
    /// How many of the rules, the last ones, are stored ones.
    pub stored: usize,
}

/// One rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// `name`: in metrics and in the log.
    pub name: String,
    /// `group`: the place of its group in [`Rules::groups`]; `None` for those that every message begins with.
    pub group: Option<usize>,
    /// `shadow`: it decides nothing and changes nothing.
    pub shadow: bool,
    /// What can be told of a message without an expression.
    pub matcher: Matcher,
    /// `when`: what has to be true, too.
    pub when: Option<Expression>,
    /// `then`: what is done; `None` where the rule only changes something.
    pub then: Option<Then>,
    /// `set`: what is changed.
    pub set: Set,
}

/// A group of rules that a `goto` leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// `name`.
    pub name: String,
    /// `when`: what all of its rules ask for.
    pub when: Option<Expression>,
}

pub(super) const SHAPE: Shape = Shape {
    title: "[[rules]]",
    about: "What is done with a message. Rules are asked from top to bottom, and the first one that matches and has a `then` \
            decides; where none does the message passes. A rule matches where everything that it says is true, and one that \
            says nothing matches every message, GET and DELETE included. A rule without `then` changes what `set` says, and \
            the search goes on; of several changes of one thing the first one counts. Roles are asked before any rule. \
            `docs/RULES.md` has rules to begin with.",
    keys: &[
        text("name", "a name, \"no shell for guests\"", "As metrics and the log call it. Needed, and unique."),
        list("routes", "paths, [\"/files/mcp\"]", "The paths that are called; `*` and `?` as in patterns."),
        list(
            "methods",
            "methods, [\"tools/call\"]",
            "What is asked for; `*` and `?` as in patterns. `GET` and `DELETE` are \
            those of sessions, `answer` is what a client answers to its server.",
        ),
        list(
            "tools",
            "patterns, [\"files:*_delete\"]",
            "The tools that are called, `SERVER:NAME` as in roles. Of `tools`, \
            `prompts` and `resources` one has to match.",
        ),
        list("prompts", "patterns, [\"files:*\"]", "The prompts that are read, or completed."),
        list(
            "resources",
            "patterns, [\"files:file:///pub/*\"]",
            "The resources that are read or subscribed to, or the \
            templates that are completed. Where any rule names resources, a URI has to be in its normal form.",
        ),
        list(
            "servers",
            "names of servers, [\"files\"]",
            "The servers that the message is for; `*` and `?` as in patterns.",
        ),
        list(
            "roles",
            "names of roles, [\"operator\"]",
            "Roles of which the caller has at least one, by name: what a role \
            includes does not count.",
        ),
        Key {
            name: "headers",
            kind: Kind::Table("a table of patterns by names of header fields, { x-team = \"blue\" }"),
            default: Value::Absent,
            about: "Header fields of the request that have to be there, each with such a value. Clients write what they like.",
        },
        text(
            "when",
            "an expression, '\"operator\" in principal.roles'",
            "What has to be true, too. An expression that fails \
            at run time denies the message.",
        ),
        Key {
            name: "then",
            kind: Kind::Table(
                "\"pass\", \"refuse\", \"queue\", or a table with one of `route`, `answer`, `goto` and `hold`",
            ),
            default: Value::Absent,
            about: "What is done; see below.",
        },
        text("message", "a text", "What the caller of a refused message is told."),
        Key {
            name: "code",
            kind: Kind::Count(1, 0x7FFF_FFFF),
            default: Value::Absent,
            about: "The JSON-RPC code of a refused message. Default: 40301.",
        },
        Key {
            name: "set",
            kind: Kind::Table("a table, { deadline = \"5s\" }"),
            default: Value::Absent,
            about: "What is changed where the rule matches; see below.",
        },
        text(
            "group",
            "the name of a group",
            "The group that it belongs to: it is asked where a `goto` leads there, and \
            nowhere else.",
        ),
        Key {
            name: "shadow",
            kind: Kind::Flag,
            default: Value::Flag(false),
            about: "It decides nothing and changes nothing, and is counted as if it did.",
        },
    ],
    unbuilt: &[],
};

pub(super) const GROUP: Shape = Shape {
    title: "[[rule_groups]]",
    about: "A group of rules with a common condition. A group needs no section of its own unless it has one.",
    keys: &[
        text("name", "a name, \"trial\"", "As `group` and `goto` call it. Needed, and unique."),
        text("when", "an expression", "What all of its rules ask for; it is asked once."),
    ],
    unbuilt: &[],
};

const fn text(name: &'static str, what: &'static str, about: &'static str) -> Key {
    Key { name, kind: Kind::Text(what), default: Value::Absent, about }
}

const fn list(name: &'static str, what: &'static str, about: &'static str) -> Key {
    Key { name, kind: Kind::List(what), default: Value::Absent, about }
}

/// What rules may name.
#[derive(Clone, Copy)]
pub(super) struct Known<'a> {
    pub(super) servers: &'a [Server],
    pub(super) routes: &'a [Route],
    pub(super) roles: &'a [Role],
}

impl Rules {
    /// Every rule of the file.
    pub(super) fn read(root: &Section<'_>, known: Known<'_>) -> Self {
        let (written, sections) = (root.tables("rule_groups", &GROUP), root.tables("rules", &SHAPE));
        unique(root, &written, "rule group");
        unique(root, &sections, "rule");
        let mut groups: Vec<_> = written.iter().filter_map(Group::read).collect();
        for name in sections.iter().filter_map(|section| section.text("group", name)) {
            if !groups.iter().any(|known| known.name == name) {
                groups.push(Group { name, when: None });
            }
        }
        if groups.len() > MOST_GROUPS {
            let key = if written.is_empty() { "rules" } else { "rule_groups" };
            root.wrong(key, format!("there are {} groups of rules: at most {MOST_GROUPS}", groups.len()));
            groups.truncate(MOST_GROUPS);
        }
        let read: Vec<_> =
            sections.iter().filter_map(|section| Some((section, Rule::read(section, known, &groups)?))).collect();
        goto::check(root, &read, &groups, &written);
        Self { rules: read.into_iter().map(|(_, rule)| rule).collect(), groups, stored: 0 }
    }

    /// Every expression, in the order of rules, then of groups.
    pub fn expressions(&self) -> impl Iterator<Item = &Expression> {
        let rules = self.rules.iter().filter_map(|rule| rule.when.as_ref());
        rules.chain(self.groups.iter().filter_map(|group| group.when.as_ref()))
    }
}

fn unique(root: &Section<'_>, sections: &[Section<'_>], what: &str) {
    let named = sections.iter().filter_map(|section| match section.read("name") {
        Value::Text(name) => Some((name, section.place("name"))),
        _ => None,
    });
    root.unique(named, |name| format!("there is a {what} {name:?} already"));
}

impl Group {
    fn read(section: &Section<'_>) -> Option<Self> {
        let when = Expression::read(section, "when");
        Some(Self { name: section.required("name", name)?, when })
    }
}

impl Rule {
    fn read(section: &Section<'_>, known: Known<'_>, groups: &[Group]) -> Option<Self> {
        let group = section.text("group", name);
        let group = group.and_then(|name| groups.iter().position(|known| known.name == name));
        let (has_set, has_then) = (section.has("set"), section.has("then"));
        let rule = Self {
            group,
            shadow: section.flag("shadow"),
            matcher: Matcher::read(section, known),
            when: Expression::read(section, "when"),
            then: Then::read(section, known, groups),
            set: Set::read(section, known),
            name: section.required("name", name)?,
        };
        if !has_set && !has_then {
            section.mistakes.add(section.place("name"), "a rule needs `then` or `set`: this one does nothing");
        }
        Some(rule)
    }
}

fn name(text: &str) -> Result<String, String> {
    roles::name(text)
}
