//! What a rule asks of a message that can be told without an expression.

use http::HeaderName;

use super::Known;
use crate::config::{
    roles, routes,
    section::{Section, value_of},
    shape::Value,
};
use crate::model::Glob;
use crate::model::grants::Patterns;
use crate::protocol::method::Method;

/// The kinds of what has no method.
const WITHOUT_METHOD: [&str; 3] = ["GET", "DELETE", "answer"];

/// What has to be so. An empty list asks for nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Matcher {
    /// `routes`: one of these paths is called.
    pub routes: Vec<Glob>,
    /// `methods`: one of these is asked for.
    pub methods: Vec<Glob>,
    /// `tools`, `prompts`, `resources`: one of all these is named.
    pub names: Patterns,
    /// `servers`: it is for one of these.
    pub servers: Vec<Glob>,
    /// `roles`: the caller has one of these.
    pub roles: Vec<String>,
    /// `headers`: each of these is there, with such a value. Names in lower case.
    pub headers: Vec<(String, Glob)>,
}

impl Matcher {
    pub(super) fn read(section: &Section<'_>, known: Known<'_>) -> Self {
        let patterns = |key| roles::read_patterns(section, key, known.servers);
        let matcher = Self {
            routes: section.list("routes", |text| route(text, known)),
            methods: section.list("methods", Glob::parse),
            names: Patterns {
                tools: patterns("tools"),
                prompts: patterns("prompts"),
                resources: patterns("resources"),
            },
            servers: section.list("servers", |text| server(text, known)),
            roles: section.list("roles", |name| roles::known(name, known.roles)),
            headers: headers(section),
        };
        for key in ["routes", "methods", "tools", "prompts", "resources", "servers", "roles"] {
            if section.has_list(key) && section.items(key).is_empty() {
                section.wrong(key, format!("`{key}` is empty: leave it out, or nothing would ever match"));
            }
        }
        for method in matcher.methods.iter().filter(|glob| !any(glob, methods())) {
            let near = methods().min_by_key(|known| strsim::damerau_levenshtein(known, method.as_str()));
            let message = format!(
                "`methods`: {:?} is none that this version knows; the nearest one is {:?}",
                method.as_str(),
                near.unwrap_or_default()
            );
            section.mistakes.warn(section.place("methods"), message);
        }
        matcher
    }
}

fn methods() -> impl Iterator<Item = &'static str> {
    let known = Method::ALL.iter().filter(|method| **method != Method::Other).map(|method| method.as_str());
    known.chain(WITHOUT_METHOD)
}

fn any<'a>(glob: &Glob, mut names: impl Iterator<Item = &'a str>) -> bool {
    names.any(|name| glob.matches(name))
}

fn route(text: &str, known: Known<'_>) -> Result<Glob, String> {
    let glob = Glob::parse(text)?;
    let paths = || known.routes.iter().map(|route| &*route.path);
    if any(&glob, paths()) {
        return Ok(glob);
    }
    let near = paths().min_by_key(|path| strsim::damerau_levenshtein(path, text)).unwrap_or_default();
    Err(format!("names a route: none has the path {text:?}; the nearest one is {near:?}"))
}

fn server(text: &str, known: Known<'_>) -> Result<Glob, String> {
    let glob = Glob::parse(text)?;
    match any(&glob, known.servers.iter().map(|server| server.name.as_str())) {
        true => Ok(glob),
        false => Err(format!("names a server: {}", routes::unknown(text, known.servers))),
    }
}

fn headers(section: &Section<'_>) -> Vec<(String, Glob)> {
    let read = |(name, value): (&toml::Spanned<toml::de::DeString<'_>>, &toml::Spanned<toml::de::DeValue<'_>>)| {
        let parsed = HeaderName::from_bytes(name.get_ref().as_bytes());
        let parsed = parsed.map_err(|_| format!("`headers` takes names of header fields, not {:?}", name.get_ref()))?;
        match value_of(value.get_ref()) {
            Value::Text(text) => {
                let glob = Glob::parse(text).map_err(|why| format!("`{parsed}` in `headers` {why}"))?;
                Ok((parsed.as_str().to_owned(), glob))
            }
            other => Err(format!("`{parsed}` in `headers` takes a pattern, not {}", other.describe())),
        }
    };
    let noted = |read: Result<_, String>| read.map_err(|why| section.wrong("headers", why)).ok();
    section.entries("headers").map(read).filter_map(noted).collect()
}
