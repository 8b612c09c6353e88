//! What a message names deeper in `params` than its fields are: what a completion is of, and what is to be listened to.
//!
//! Decisions rest on it, so a key that a parser would take for one of these that ignores case makes it unreadable.

use std::borrow::Cow;

use super::{body::Message, known};
use crate::protocol::json::{self, Kind, Span, Value};

/// What cannot be read in one way only, and how it has to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unreadable(pub &'static str);

/// What a completion is of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reference<'a> {
    /// A prompt, by its name.
    Prompt(Cow<'a, str>),
    /// A resource, by its URI or its template.
    Resource(Cow<'a, str>),
}

/// `params.ref` of `completion/complete` (2025-11-25, "Completion").
///
/// # Errors
/// Where it is neither of a prompt nor of a resource, or of both.
pub fn reference<'a>(message: &Message, bytes: &'a [u8]) -> Result<Reference<'a>, Unreadable> {
    const WRONG: Unreadable = Unreadable("`params.ref` has to be of a prompt, by name, or of a resource, by URI");
    let member = param(message, bytes, "ref").filter(|member| is_plain(bytes, *member, &["type", "name", "uri"]));
    let member = member.ok_or(WRONG)?;
    let text = |key| json::member(bytes, member.span, key).map(|value| value.text(bytes).ok_or(WRONG)).transpose();
    match (text("type")?.as_deref(), text("name")?, text("uri")?) {
        (Some("ref/prompt"), Some(name), None) => Ok(Reference::Prompt(name)),
        (Some("ref/resource"), None, Some(uri)) => Ok(Reference::Resource(uri)),
        _ => Err(WRONG),
    }
}

/// `params.notifications.resourceSubscriptions` of `subscriptions/listen` (2026-07-28, "Subscriptions"); nothing where
/// it is not there.
///
/// # Errors
/// Where it is no list; for each of its elements, where that is no string.
pub fn subscribed<'a>(
    message: &Message,
    bytes: &'a [u8],
) -> Result<impl Iterator<Item = Result<Cow<'a, str>, Unreadable>> + use<'a>, Unreadable> {
    const KEY: &str = "resourceSubscriptions";
    const WRONG: Unreadable = Unreadable("`params.notifications.resourceSubscriptions` has to be a list of URIs");
    let list = match param(message, bytes, "notifications") {
        Some(filter) if !is_plain(bytes, filter, &[KEY]) => return Err(WRONG),
        Some(filter) => json::member(bytes, filter.span, KEY),
        None => None,
    };
    if list.is_some_and(|list| list.kind != Kind::Array) {
        return Err(WRONG);
    }
    let span = list.map_or(Span::default(), |list| list.span);
    Ok(json::elements(bytes, span).map(|uri| uri.text(bytes).ok_or(WRONG)))
}

fn param(message: &Message, bytes: &[u8], name: &str) -> Option<Value> {
    message.params.and_then(|params| json::member(bytes, params.span, name))
}

/// Whether this is an object without a key that is none of these but folds to one.
fn is_plain(bytes: &[u8], object: Value, known: &[&str]) -> bool {
    let shadows = |key: Value| known::shadows(&key.content(bytes), known);
    object.kind == Kind::Object && !json::members(bytes, object.span).any(|(key, _)| shadows(key))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::message::{Body, Limits, read_client};

    fn read<T>(params: &str, with: impl Fn(&Message, &[u8]) -> T) -> T {
        let text = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"x","params":{params}}}"#);
        let Body::One(message) = read_client(text.as_bytes(), &Limits::default()).unwrap() else { panic!() };
        with(&message, text.as_bytes())
    }

    #[test]
    fn a_completion_is_of_one_thing_that_every_parser_sees() {
        let of = |params: &str| {
            read(params, |message, bytes| match reference(message, bytes) {
                Ok(Reference::Prompt(name)) => format!("prompt {name}"),
                Ok(Reference::Resource(uri)) => format!("resource {uri}"),
                Err(Unreadable(why)) => why.split_once(' ').unwrap().0.to_owned(),
            })
        };
        for (params, expected) in [
            (r#"{"ref":{"type":"ref/prompt","name":"x"}}"#, "prompt x"),
            (r#"{"ref":{"\u0074ype":"ref\/prompt","title":1,"name":"\u0078"}}"#, "prompt x"),
            (r#"{"ref":{"type":"ref/resource","uri":"file:///{x}"}}"#, "resource file:///{x}"),
            (r#"{"ref":{"type":"ref/prompt","name":"x","uri":"y"}}"#, "`params.ref`"),
            (r#"{"ref":{"type":"ref/prompt","name":"x","NAME":"y"}}"#, "`params.ref`"),
            (r#"{"ref":{"type":"ref/prompt","name":"x","\u0055ri":"y"}}"#, "`params.ref`"),
            (r#"{"ref":{"type":"ref/prompt","name":["x"]}}"#, "`params.ref`"),
            (r#"{"ref":{"type":"ref/resource","name":"x"}}"#, "`params.ref`"),
            (r#"{"ref":{"name":"x"}}"#, "`params.ref`"),
            (r#"{"ref":"x"}"#, "`params.ref`"),
            ("{}", "`params.ref`"),
        ] {
            assert_eq!(of(params), expected, "{params}");
        }
    }

    #[test]
    fn what_is_listened_to_is_a_list_of_uris_that_every_parser_sees() {
        let of = |params: &str| {
            read(params, |message, bytes| {
                let uris: Result<Vec<_>, _> = subscribed(message, bytes).and_then(Iterator::collect);
                uris.map(|uris| uris.join(" ")).ok()
            })
        };
        for (params, expected) in [
            (r#"{"notifications":{"resourceSubscriptions":["a:b","c\u003ad"]}}"#, Some("a:b c:d")),
            (r#"{"notifications":{"resourceSubscriptions":[]}}"#, Some("")),
            (r#"{"notifications":{"toolsListChanged":true}}"#, Some("")),
            ("{}", Some("")),
            (r#"{"notifications":{"resourceSubscriptions":["a:b",1]}}"#, None),
            (r#"{"notifications":{"resourceSubscriptions":"a:b"}}"#, None),
            (r#"{"notifications":{"resourceSubscriptions":{}}}"#, None),
            (r#"{"notifications":{"resourcesubscriptions":["a:b"]}}"#, None),
            (r#"{"notifications":{"re\u017fourceSubscriptions":["a:b"]}}"#, None),
            (r#"{"notifications":["a:b"]}"#, None),
        ] {
            assert_eq!(of(params).as_deref(), expected, "{params}");
        }
    }
}
