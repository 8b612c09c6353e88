//! `[[roles]]`: what callers and operators of a role may do, beside the roles that are built in.

use crate::model::grants::{Lists, Patterns};
use crate::model::{Pattern, Permission};

use super::{
    routes,
    section::Section,
    servers::Server,
    shape::{Key, Kind, Shape, Value},
};

const MOST_NAME: usize = 128;

/// A role with everything that it includes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Role {
    /// `name`: as credentials name it; compared exactly. Unique.
    pub name: String,
    /// `permissions`: what it may do on the operators' side, each once.
    pub permissions: Vec<Permission>,
    /// `tools`, `deny_tools` and the others: what it may call.
    pub lists: Lists,
}

/// A role that is there without being written: its permissions, and whether it may call everything.
type BuiltIn = (&'static str, &'static [Permission], bool);

/// The roles that are there without being written; the table in the shape below says the same.
const BUILT_IN: [BuiltIn; 7] = {
    use Permission::{ApproveAssessment, ApproveRemediation, ProposeRemediation, RequestAssessment, ViewAuditLogs};
    [
        ("installer", &[RequestAssessment, ProposeRemediation], true),
        ("compliance", &[RequestAssessment, ApproveAssessment, ProposeRemediation, ViewAuditLogs], true),
        ("human_oversight", &[ApproveAssessment, ApproveRemediation, ViewAuditLogs], false),
        ("admin", Permission::ALL, true),
        ("user", &[RequestAssessment], true),
        ("approver", &[ApproveAssessment, ApproveRemediation], false),
        ("viewer", &[ViewAuditLogs], false),
    ]
};

pub(super) const SHAPE: Shape = Shape {
    title: "[[roles]]",
    about: "What a caller of a role may use, and what an operator of it may do. A role grants exactly its lists and those of \
            the roles that it includes; of several roles the lists add up, and what one of them denies is denied. Roles that \
            a credential names and that are not here grant nothing.\n\n\
            Tools, prompts and resources are named `SERVER:NAME`, by the server's own name for them (of a resource the URI), \
            whatever path a call comes on. `*` is any characters, `?` is one, on both sides; nothing else is special. What \
            stands before the first colon is the server; without a colon it is every server, so a name with a colon is \
            written with its server, or as `\"*:NAME\"`. Where a role does not grant every resource of a server, a URI counts \
            in its normal form alone (RFC 3986, 6.2.2): `file:///a/../b` and `file:///%62` are covered by nothing. A resource \
            template is shown where it may become something that is granted.\n\n\
            Built in, and extended by a section of the same name:\n\n\
            | role | permissions | tools, prompts, resources |\n\
            | --- | --- | --- |\n\
            | `installer` | `request:assessment`, `propose:remediation` | `[\"*\"]` |\n\
            | `compliance` | `request:assessment`, `approve:assessment`, `propose:remediation`, `view:audit_logs` | `[\"*\"]` |\n\
            | `human_oversight` | `approve:assessment`, `approve:remediation`, `view:audit_logs` | none |\n\
            | `admin` | all | `[\"*\"]` |\n\
            | `user` | `request:assessment` | `[\"*\"]` |\n\
            | `approver` | `approve:assessment`, `approve:remediation` | none |\n\
            | `viewer` | `view:audit_logs` | none |",
    keys: &[
        Key {
            name: "name",
            kind: Kind::Text("a name, \"analyst\""),
            default: Value::Absent,
            about: "As credentials name it; compared exactly. Needed, and unique. That of a built-in role adds to it.",
        },
        list("includes", "names of roles, [\"viewer\"]", "Roles whose lists and permissions it has, too."),
        list("permissions", "permissions, [\"view:audit_logs\"]", "What it may do on the operators' side."),
        list("tools", "patterns, [\"files:read_*\", \"search\"]", "Tools that may be called, and are shown."),
        list("prompts", "patterns, [\"files:*\"]", "Prompts that may be read, and are shown."),
        list(
            "resources",
            "patterns, [\"files:file:///pub/*\"]",
            "Resources that may be read and subscribed to, by URI.",
        ),
        list(
            "deny_tools",
            "patterns, [\"*:*_delete\"]",
            "Tools that are refused and hidden, whatever role grants them.",
        ),
        list("deny_prompts", "patterns, [\"files:internal_*\"]", "The same of prompts."),
        list("deny_resources", "patterns, [\"*:file:///secret/*\"]", "The same of resources."),
    ],
    unbuilt: &[],
};

const fn list(name: &'static str, what: &'static str, about: &'static str) -> Key {
    Key { name, kind: Kind::List(what), default: Value::Absent, about }
}

/// A role as it is written.
struct Written {
    role: Role,
    includes: Vec<String>,
}

impl Role {
    /// Every role of the file and those that are built in, with what they include.
    pub(super) fn read_all(root: &Section<'_>, servers: &[Server]) -> Vec<Self> {
        let sections = root.tables("roles", &SHAPE);
        let named = sections.iter().filter_map(|section| match section.read("name") {
            Value::Text(name) => Some((name, section.place("name"))),
            _ => None,
        });
        root.unique(named, |name| format!("there is a role {name:?} already"));
        let mut all: Vec<_> = BUILT_IN.iter().map(built_in).collect();
        let mut written = Vec::new();
        for section in &sections {
            let Some(role) = Written::read(section, servers) else { continue };
            let at = match all.iter().position(|known| known.role.name == role.role.name) {
                Some(at) => {
                    all[at].add(role);
                    at
                }
                None => {
                    all.push(role);
                    all.len() - 1
                }
            };
            written.push((at, section));
        }
        for (at, section) in &written {
            for unknown in all[*at].includes.iter().filter(|name| find(&all, name).is_none()) {
                section.wrong("includes", no_role(unknown, all.iter().map(|known| &*known.role.name)));
            }
        }
        for (circle, at) in circles(&all) {
            let names: Vec<_> = circle.iter().map(|at| format!("{:?}", all[*at].role.name)).collect();
            let section = written.iter().find(|(of, _)| *of == at).map_or(root, |(_, section)| section);
            section.wrong("includes", format!("a role includes itself: {}", names.join(" includes ")));
        }
        (0..all.len()).map(|at| with_included(&all, at)).collect()
    }
}

/// What is wrong with a name that no role has.
fn no_role<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> String {
    let near = known.min_by_key(|known| strsim::damerau_levenshtein(known, name)).unwrap_or("user");
    format!("no role is called {name:?}: the nearest one is {near:?}")
}

/// The meaning of the name of a role that has to be there. The error is a sentence without subject.
pub(super) fn known(name: &str, known: &[Role]) -> Result<String, String> {
    match known.iter().any(|role| role.name == name) {
        true => Ok(name.to_owned()),
        false => Err(format!("names a role: {}", no_role(name, known.iter().map(|role| &*role.name)))),
    }
}

impl Written {
    fn read(section: &Section<'_>, servers: &[Server]) -> Option<Self> {
        let patterns = |key: &str| read_patterns(section, key, servers);
        let allow =
            Patterns { tools: patterns("tools"), prompts: patterns("prompts"), resources: patterns("resources") };
        let deny = Patterns {
            tools: patterns("deny_tools"),
            prompts: patterns("deny_prompts"),
            resources: patterns("deny_resources"),
        };
        let mut permissions = section.list("permissions", permission);
        dedup(&mut permissions);
        let includes = section.list("includes", name);
        let name = section.required("name", name)?;
        Some(Self { role: Role { name, permissions, lists: Lists { allow, deny } }, includes })
    }

    /// Adds what another section says of the same role.
    fn add(&mut self, other: Self) {
        self.role.add(&other.role);
        self.includes.extend(other.includes);
    }
}

impl Role {
    fn add(&mut self, other: &Self) {
        self.lists.add(&other.lists);
        self.permissions.extend_from_slice(&other.permissions);
        dedup(&mut self.permissions);
    }
}

fn built_in(&(name, permissions, everything): &BuiltIn) -> Written {
    let allow = if everything { Patterns::everything() } else { Patterns::default() };
    let lists = Lists { allow, deny: Patterns::default() };
    Written { role: Role { name: name.to_owned(), permissions: permissions.to_vec(), lists }, includes: Vec::new() }
}

fn dedup(permissions: &mut Vec<Permission>) {
    let mut kept = Vec::new();
    for permission in permissions.drain(..) {
        if !kept.contains(&permission) {
            kept.push(permission);
        }
    }
    *permissions = kept;
}

fn find(all: &[Written], name: &str) -> Option<usize> {
    all.iter().position(|known| known.role.name == name)
}

/// The ways on which roles include themselves, each with the role whose `includes` closes it.
fn circles(all: &[Written]) -> Vec<(Vec<usize>, usize)> {
    let (mut found, mut done) = (Vec::new(), vec![false; all.len()]);
    for start in 0..all.len() {
        // The way to where the search is, and which of its includes comes next.
        let mut way = vec![(start, 0)];
        while let Some((at, next)) = way.last_mut() {
            let at = *at;
            let include = all[at].includes.get(*next);
            *next += 1;
            match include.map(|name| find(all, name)) {
                None => {
                    done[at] = true;
                    way.pop();
                }
                Some(Some(to)) if !done[to] => match way.iter().position(|(on, _)| *on == to) {
                    Some(from) => {
                        let circle = way[from..].iter().map(|(on, _)| *on).chain([to]).collect();
                        found.push((circle, at));
                    }
                    None => way.push((to, 0)),
                },
                Some(_) => {}
            }
        }
    }
    found
}

/// A role with everything that it includes, each once.
fn with_included(all: &[Written], at: usize) -> Role {
    let mut role = all[at].role.clone();
    let (mut met, mut next) = (vec![at], 0);
    while let Some(from) = met.get(next).copied() {
        next += 1;
        for to in all[from].includes.iter().filter_map(|name| find(all, name)) {
            if !met.contains(&to) {
                met.push(to);
                role.add(&all[to].role);
            }
        }
    }
    role
}

/// Patterns of names on servers that are there.
pub(super) fn read_patterns(section: &Section<'_>, key: &str, servers: &[Server]) -> Vec<Pattern> {
    let patterns = section.list(key, |text| {
        let pattern = Pattern::parse(text)?;
        let is_known = |server: &Server| pattern.server.matches(server.name.as_str());
        match pattern.server.is_plain() && !servers.iter().any(is_known) {
            true => Err(format!(
                "names a server: {}; a name that has a colon itself is written with its server, or as \"*:{text}\"",
                routes::unknown(pattern.server.as_str(), servers)
            )),
            false => Ok(pattern),
        }
    });
    for pattern in &patterns {
        if !servers.iter().any(|server| pattern.server.matches(server.name.as_str())) {
            let message =
                format!("`{key}`: no server's name matches {:?}, so that this says nothing", pattern.server.as_str());
            section.mistakes.warn(section.place(key), message);
        }
    }
    patterns
}

/// The meaning of a role's name. The error is a sentence without subject.
pub(super) fn name(text: &str) -> Result<String, String> {
    let plain = !text.contains(char::is_control) && text.trim() == text;
    if plain && (1..=MOST_NAME).contains(&text.len()) {
        return Ok(text.to_owned());
    }
    Err(format!("takes names of 1 to {MOST_NAME} bytes without control characters and outer white space, not {text:?}"))
}

fn permission(text: &str) -> Result<Permission, String> {
    Permission::named(text).ok_or_else(|| {
        let known = Permission::ALL.iter().map(|permission| permission.as_str());
        let near = known.min_by_key(|known| strsim::damerau_levenshtein(known, text)).unwrap_or_default();
        format!("takes permissions, and {text:?} is none: the nearest one is {near:?}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_says_what_is_built_in() {
        for (name, permissions, everything) in BUILT_IN {
            let named = match permissions.len() == Permission::ALL.len() {
                true => "all".to_owned(),
                false => permissions.iter().map(|one| format!("`{}`", one.as_str())).collect::<Vec<_>>().join(", "),
            };
            let lists = if everything { "`[\"*\"]`" } else { "none" };
            let row = format!("| `{name}` | {named} | {lists} |");
            assert!(SHAPE.about.contains(&row), "{row}");
        }
    }
}
