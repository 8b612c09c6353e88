//! `[[routes]]`: the paths that clients call, and what is behind each.

use super::{
    auth::Auth,
    bounds::RouteChecks,
    http::Http,
    section::Section,
    servers::{Era, Server},
    shape::{Key, Kind, Shape, Value},
};

const MOST_PATH: usize = 256;
const MOST_SCOPE: usize = 256;
/// The keys that name a path.
const PATHS: [&str; 2] = ["path", "legacy_sse"];

/// A path that clients call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// `path`: begins with a slash and does not end with one (save `/` itself); unreserved characters only, no empty and
    /// no dot segment. Unique.
    pub path: String,
    /// `servers`: what is behind it.
    pub destination: Destination,
    /// `anonymous`: callers without credentials are let in; what `[auth.anonymous]` says.
    pub anonymous: bool,
    /// `scopes`: what a token has to have here; none where callers without credentials are let in.
    pub scopes: Vec<String>,
    /// `legacy_sse`: the path of the pair of 2024-11-05, where the route offers it; unlike every other path.
    pub legacy_sse: Option<String>,
    /// `validate_arguments`, `validate_answers`, `bounds`.
    pub checks: RouteChecks,
}

/// What is behind a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Destination {
    /// One server, passed through; its index in [`Settings::servers`](super::Settings::servers), where it always is.
    Server(usize),
    /// Several servers as one, which is not built: 404, saying so.
    Federation,
}

pub(super) const SHAPE: Shape = Shape {
    title: "[[routes]]",
    about: "A path that clients call. Without any: `/NAME/mcp` for each server, and `/mcp` for the only one (with several \
            it answers 404, until federation is built).",
    keys: &[
        Key {
            name: "path",
            kind: Kind::Text("a path, \"/files/mcp\""),
            default: Value::Absent,
            about: "The path. Needed, and unique.",
        },
        Key {
            name: "servers",
            kind: Kind::List("the name of one server, [\"files\"]"),
            default: Value::Absent,
            about: "The server behind it. Needed.",
        },
        Key {
            name: "anonymous",
            kind: Kind::Flag,
            default: Value::Absent,
            about: "Whether callers without credentials are let in. Default: what [auth.anonymous] says.",
        },
        Key {
            name: "scopes",
            kind: Kind::List("scopes, [\"mcp:tools\"]"),
            default: Value::Absent,
            about: "The scopes that a caller's token has to have here, all of them. Whoever lacks some is told all at once, \
                    in the challenge (403) and in the route's metadata.",
        },
        Key {
            name: "legacy_sse",
            kind: Kind::Text("a path, \"/files/sse\""),
            default: Value::Absent,
            about: "Offers HTTP+SSE of 2024-11-05 to clients that know nothing newer: GET here opens the stream, whose first \
                    event says where to POST. A path of its own, in front of a server of the legacy era.",
        },
        Key {
            name: "validate_arguments",
            kind: Kind::Flag,
            default: Value::Flag(false),
            about: "Whether the arguments of a call are checked against the `inputSchema` of its tool, as the server's list has \
                    it. What does not fit is not passed on, and neither is what cannot be checked.",
        },
        Key {
            name: "validate_answers",
            kind: Kind::Choice(&["off", "count", "refuse"]),
            default: Value::Text("off"),
            about: "What becomes of the answer to a call that does not fit the `outputSchema` of its tool: \"count\" counts it, \
                    \"refuse\" refuses it as well. Answers come whole then, and not encoded.",
        },
        Key {
            name: "bounds",
            kind: Kind::Table(
                "a list of tables, [{ methods = [\"tools/call\"], tools = [\"search\"], body = \"64KiB\", depth = 8 }]",
            ),
            default: Value::Absent,
            about: "Bounds narrower than those of [http], by method and name.",
        },
    ],
    unbuilt: &["prefix"],
};

impl Route {
    /// Every route of the file, or those that are there without any.
    pub(super) fn read_all(root: &Section<'_>, servers: &[Server], auth: &Auth, http: &Http) -> Vec<Self> {
        if !root.has("routes") {
            return Self::unsaid(servers, auth);
        }
        let sections = root.tables("routes", &SHAPE);
        if sections.is_empty() {
            root.wrong("routes", "`routes` is empty: no path would be answered");
        }
        let paths = sections.iter().flat_map(|section| {
            PATHS.into_iter().filter_map(|key| match section.read(key) {
                Value::Text(path) => Some((path, section.place(key))),
                _ => None,
            })
        });
        root.unique(paths, |path| format!("there is a route {path:?} already"));
        sections.iter().filter_map(|section| Self::read(section, servers, auth, http)).collect()
    }

    fn unsaid(servers: &[Server], auth: &Auth) -> Vec<Self> {
        let anonymous = auth.anonymous.enabled;
        let route = |path: String, destination| {
            let (scopes, checks) = (Vec::new(), RouteChecks::default());
            Self { path, destination, anonymous, scopes, legacy_sse: None, checks }
        };
        let named = servers.iter().enumerate();
        let mut routes: Vec<_> =
            named.map(|(at, server)| route(format!("/{}/mcp", server.name), Destination::Server(at))).collect();
        let common = if servers.len() == 1 { Destination::Server(0) } else { Destination::Federation };
        routes.push(route("/mcp".to_owned(), common));
        routes
    }

    fn read(section: &Section<'_>, servers: &[Server], auth: &Auth, http: &Http) -> Option<Self> {
        let path = section.required("path", path);
        let destination = read_destination(section, servers);
        let said = section.flag_if_written("anonymous");
        let anonymous = said.unwrap_or(auth.anonymous.enabled);
        if said == Some(false) && !auth.knows_credentials() {
            let message = "`anonymous = false` would let nobody in: [auth] names no credentials that are taken";
            section.wrong("anonymous", message);
        }
        if said == Some(true) && !auth.anonymous.enabled {
            let message = "callers without credentials are let in nowhere before [auth.anonymous] says `enabled = true`; \
                           then say `anonymous = false` where they are not";
            section.wrong("anonymous", message);
        }
        let scopes = section.list("scopes", scope);
        if !scopes.is_empty() && !auth.knows_credentials() {
            section.wrong("scopes", "`scopes` are those of tokens, and [auth] names none that are taken");
        } else if !scopes.is_empty() && anonymous {
            let message = "`scopes` would be asked of nobody who shows no token, and such callers are let in here: say \
                           `anonymous = false`";
            section.wrong("scopes", message);
        }
        let legacy_sse = section.text("legacy_sse", self::path);
        if let Some(Destination::Server(at)) = destination.filter(|_| legacy_sse.is_some())
            && servers[at].era == Era::Modern
        {
            let message = "`legacy_sse` is for servers of the legacy era, and this one is `era = \"modern\"`";
            section.wrong("legacy_sse", message);
        }
        let checks = RouteChecks::read(section, http.body, http.depth);
        Some(Self { path: path?, destination: destination?, anonymous, scopes, legacy_sse, checks })
    }
}

fn read_destination(section: &Section<'_>, servers: &[Server]) -> Option<Destination> {
    if !section.has("servers") {
        section.missing("servers");
        return None;
    }
    let names = section.list("servers", |name| Ok(name.to_owned()));
    let [name] = &names[..] else {
        section.wrong(
            "servers",
            match names.len() {
                0 => "`servers` takes the name of one server",
                _ => "several servers behind one path are not built into this version",
            },
        );
        return None;
    };
    match servers.iter().position(|server| server.name.as_str() == name) {
        Some(at) => Some(Destination::Server(at)),
        None => {
            section.wrong("servers", unknown(name, servers));
            None
        }
    }
}

/// What is wrong with a name that no server has.
pub(super) fn unknown(name: &str, servers: &[Server]) -> String {
    let names = servers.iter().map(|server| server.name.as_str());
    match names.min_by_key(|known| strsim::damerau_levenshtein(known, name)) {
        Some(near) => format!("no server is called {name:?}: the nearest one is {near:?}"),
        None => format!("no server is called {name:?}"),
    }
}

/// The meaning of a scope (RFC 6749, 3.3). The error is a sentence without subject.
fn scope(text: &str) -> Result<String, String> {
    let plain = |byte: u8| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\';
    match text {
        "" => Err("takes scopes, and one of them is empty".to_owned()),
        _ if !text.bytes().all(plain) => Err(format!(
            "takes scopes of visible ASCII without spaces, quotes and backslashes, one a text; not {text:?}"
        )),
        // It is between a client and its issuer (protocol, 56).
        "offline_access" => {
            Err("takes what a server asks for; \"offline_access\" is what a client asks its issuer for".to_owned())
        }
        _ if text.len() > MOST_SCOPE => Err(format!("has a scope of {} bytes: at most {MOST_SCOPE}", text.len())),
        _ => Ok(text.to_owned()),
    }
}

/// The meaning of a path. The error is a sentence without subject.
fn path(text: &str) -> Result<String, String> {
    let wrong = |why: &str| Err(format!("takes a path that {why}, not {text:?}"));
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte);
    let Some(inside) = text.strip_prefix('/') else { return wrong("begins with a slash") };
    if text.len() > MOST_PATH {
        return wrong("has at most 256 characters");
    }
    if !text.bytes().all(plain) {
        return wrong("has letters, digits, -, ., _, ~ and / only");
    }
    if text.len() > 1 && text.ends_with('/') {
        return wrong("does not end with a slash");
    }
    if !inside.is_empty() && inside.split('/').any(|segment| matches!(segment, "" | "." | "..")) {
        return wrong("has no empty and no dot segment");
    }
    if inside.split('/').next() == Some(".well-known") {
        return wrong("is not below /.well-known, which is kept for metadata");
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_are_those_of_oauth() {
        for fine in ["a", "mcp:tools", "https://x.example/read", "[~"] {
            assert!(scope(fine).is_ok(), "{fine}");
        }
        let long = "a".repeat(MOST_SCOPE + 1);
        for wrong in ["", "a b", "a\"", "a\\b", "\u{e9}", "a\n", "offline_access", &long] {
            assert!(scope(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn paths_are_plain() {
        for fine in ["/", "/mcp", "/a/b-c/d_e.f~g", "/..a"] {
            assert!(path(fine).is_ok(), "{fine}");
        }
        let long = format!("/{}", "a".repeat(MOST_PATH));
        for wrong in [
            "",
            "mcp",
            "/mcp/",
            "//mcp",
            "/a//b",
            "/a/./b",
            "/../a",
            "/a?b",
            "/a#b",
            "/%61",
            "/a b",
            "/{x}",
            "/.well-known/x",
            &long,
        ] {
            assert!(path(wrong).is_err(), "{wrong}");
        }
    }
}
