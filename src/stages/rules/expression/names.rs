//! The names that expressions have: one table for the checker, the messages and the documents.

use super::{needs::Needs, types::Type};

/// A name that has a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Name {
    Subject,
    Issuer,
    Roles,
    Scopes,
    Anonymous,
    Method,
    Called,
    Uri,
    Era,
    Defined,
    Description,
    ReadOnly,
    Destructive,
    Idempotent,
    OpenWorld,
    Arguments,
    Path,
    Route,
    Address,
    Headers,
    Server,
    Time,
}

/// What a name is.
pub(super) struct Declared {
    pub(super) path: &'static str,
    pub(super) name: Name,
    shape: Shape,
    /// For those who write rules.
    pub(super) means: &'static str,
}

#[derive(Clone, Copy)]
enum Shape {
    Dynamic,
    Bool,
    Text,
    Time,
    Texts,
    TextByText,
}

const fn declared(path: &'static str, name: Name, shape: Shape, means: &'static str) -> Declared {
    Declared { path, name, shape, means }
}

/// All names, in the order of the documents.
pub(super) const NAMES: [Declared; 22] = [
    declared(
        "principal.subject",
        Name::Subject,
        Shape::Text,
        "who calls, as their issuer names them; empty for the anonymous caller",
    ),
    declared(
        "principal.issuer",
        Name::Issuer,
        Shape::Text,
        "who vouches for the subject; empty for the anonymous caller",
    ),
    declared(
        "principal.roles",
        Name::Roles,
        Shape::Texts,
        "the roles of the credential, known to the configuration or not",
    ),
    declared("principal.scopes", Name::Scopes, Shape::Texts, "the scopes that the credential was given"),
    declared("principal.anonymous", Name::Anonymous, Shape::Bool, "whether nobody in particular calls"),
    declared("message.method", Name::Method, Shape::Text, "the method, as `tools/call`"),
    declared(
        "message.name",
        Name::Called,
        Shape::Text,
        "the server's own name of the tool or prompt; empty where the message has none",
    ),
    declared("message.uri", Name::Uri, Shape::Text, "the URI of the resource; empty where the message has none"),
    declared("message.era", Name::Era, Shape::Text, "`legacy` (with a handshake, up to 2025-11-25) or `modern`"),
    declared("message.tool.name", Name::Defined, Shape::Text, "the name in the tool's definition"),
    declared("message.tool.description", Name::Description, Shape::Text, "the description in it; empty where absent"),
    declared("message.tool.annotations.readOnlyHint", Name::ReadOnly, Shape::Bool, "false where absent"),
    declared("message.tool.annotations.destructiveHint", Name::Destructive, Shape::Bool, "true where absent"),
    declared("message.tool.annotations.idempotentHint", Name::Idempotent, Shape::Bool, "false where absent"),
    declared("message.tool.annotations.openWorldHint", Name::OpenWorld, Shape::Bool, "true where absent"),
    declared(
        "arguments",
        Name::Arguments,
        Shape::Dynamic,
        "the arguments of a tool or prompt; their types are known with the message only",
    ),
    declared("request.path", Name::Path, Shape::Text, "the path of the request, without the query"),
    declared("request.route", Name::Route, Shape::Text, "the name of the route that it came by"),
    declared("request.address", Name::Address, Shape::Text, "the client's address, as `192.0.2.7` or `2001:db8::7`"),
    declared(
        "request.headers",
        Name::Headers,
        Shape::TextByText,
        "the header fields, whatever their case; several of one name are joined by `, `",
    ),
    declared("server", Name::Server, Shape::Text, "the server that the message goes to; empty where there are several"),
    declared("time", Name::Time, Shape::Time, "when the message came"),
];

/// The name of a path, if it has a value.
pub(super) fn find(path: &str) -> Option<&'static Declared> {
    NAMES.iter().find(|declared| declared.path == path)
}

/// What may follow a path; nothing where the path is no beginning of a name. The empty path is the beginning of all.
pub(super) fn below(path: &str) -> Vec<&'static str> {
    let mut found = Vec::new();
    for declared in &NAMES {
        let rest = match path {
            "" => Some(declared.path),
            _ => declared.path.strip_prefix(path).and_then(|rest| rest.strip_prefix('.')),
        };
        let next = rest.and_then(|rest| rest.split('.').next());
        if let Some(next) = next.filter(|next| !found.contains(next)) {
            found.push(next);
        }
    }
    found
}

impl Declared {
    pub(super) fn of(&self) -> Type {
        let text = || Box::new(Type::Text);
        match self.shape {
            Shape::Dynamic => Type::Dynamic,
            Shape::Bool => Type::Bool,
            Shape::Text => Type::Text,
            Shape::Time => Type::Time,
            Shape::Texts => Type::List(text()),
            Shape::TextByText => Type::Map(text(), text()),
        }
    }

    pub(super) fn needs(&self) -> Needs {
        match self.path.split('.').next() {
            Some("principal") => Needs::PRINCIPAL,
            Some("message") if self.path.starts_with("message.tool") => Needs::TOOL,
            Some("message") => Needs::MESSAGE,
            Some("arguments") => Needs::ARGUMENTS,
            Some("request") => Needs::REQUEST,
            Some("server") => Needs::SERVER,
            _ => Needs::TIME,
        }
    }

    /// Whether how many elements it has is up to who sends the message. Roles and scopes are up to who vouches for
    /// them.
    pub(super) fn is_sent(&self) -> bool {
        matches!(self.name, Name::Arguments | Name::Headers)
    }
}
