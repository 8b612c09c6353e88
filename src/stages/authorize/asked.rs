//! What a message asks for by name, and whether it is granted.

use crate::model::grants::{Named, OnServer};
use crate::model::{Reason, Refusal};
use crate::protocol::json::{self, Kind, Value};
use crate::protocol::message::Message;
use crate::protocol::method::Method;

/// Characters of a name that a refusal shows.
const SHOWN: usize = 100;

/// Decides on one message.
pub(super) fn decide(on: &OnServer, message: &Message, bytes: &[u8]) -> Result<(), Refusal> {
    let method = message.method.and_then(|method| method.text(bytes)).map(|name| Method::of(&name));
    match method {
        Some(Method::ToolsCall) => named(on, Named::Tool, message.fields.name, bytes),
        Some(Method::PromptsGet) => named(on, Named::Prompt, message.fields.name, bytes),
        Some(Method::ResourcesRead | Method::ResourcesSubscribe | Method::ResourcesUnsubscribe) => {
            named(on, Named::Resource, message.fields.uri, bytes)
        }
        Some(Method::Complete) => reference(on, message, bytes),
        Some(Method::Listen) => any(on).and_then(|()| subscriptions(on, message, bytes)),
        _ => any(on),
    }
}

fn any(on: &OnServer) -> Result<(), Refusal> {
    if on.any() { Ok(()) } else { Err(super::nothing()) }
}

fn named(on: &OnServer, named: Named, name: Option<Value>, bytes: &[u8]) -> Result<(), Refusal> {
    // Whoever may use all of them may send what is no name, too: the server has an answer for that.
    if on.all_of(named) {
        return Ok(());
    }
    // To a reader that is not strict, `["name"]` is a name.
    let Some(name) = name.and_then(|name| name.text(bytes)) else {
        return Err(unreadable(match named {
            Named::Tool | Named::Prompt => "`params.name` has to be a string",
            Named::Resource => "`params.uri` has to be a string",
        }));
    };
    if on.allows(named, &name) { Ok(()) } else { Err(unknown(&name)) }
}

/// `params.ref` of `completion/complete` (2025-11-25, "Completion").
fn reference(on: &OnServer, message: &Message, bytes: &[u8]) -> Result<(), Refusal> {
    any(on)?;
    if on.all_of(Named::Prompt) && on.all_of(Named::Resource) {
        return Ok(());
    }
    let wrong = || unreadable("`params.ref` has to be of a prompt, by name, or of a resource, by URI");
    let member = message.params.and_then(|params| json::member(bytes, params.span, "ref"));
    let member =
        member.filter(|member| member.kind == Kind::Object && !shadows(bytes, *member, &["type", "name", "uri"]));
    let member = member.ok_or_else(wrong)?;
    let text = |key| json::member(bytes, member.span, key).map(|value| value.text(bytes).ok_or_else(wrong)).transpose();
    let (kind, name, uri) = (text("type")?, text("name")?, text("uri")?);
    match (kind.as_deref(), name, uri) {
        (Some("ref/prompt"), Some(name), None) => match on.allows(Named::Prompt, &name) {
            true => Ok(()),
            false => Err(unknown(&name)),
        },
        (Some("ref/resource"), None, Some(uri)) => match on.allows_template(&uri) {
            true => Ok(()),
            false => Err(unknown(&uri)),
        },
        _ => Err(wrong()),
    }
}

/// `params.notifications.resourceSubscriptions` of `subscriptions/listen` (2026-07-28, "Subscriptions").
fn subscriptions(on: &OnServer, message: &Message, bytes: &[u8]) -> Result<(), Refusal> {
    const KEY: &str = "resourceSubscriptions";
    let filter = message.params.and_then(|params| json::member(bytes, params.span, "notifications"));
    let Some(filter) = filter.filter(|_| !on.all_of(Named::Resource)) else { return Ok(()) };
    let wrong = || unreadable("`params.notifications.resourceSubscriptions` has to be a list of URIs");
    if filter.kind != Kind::Object || shadows(bytes, filter, &[KEY]) {
        return Err(wrong());
    }
    let Some(list) = json::member(bytes, filter.span, KEY) else { return Ok(()) };
    if list.kind != Kind::Array {
        return Err(wrong());
    }
    json::elements(bytes, list.span).try_for_each(|uri| named_uri(on, uri.text(bytes).ok_or_else(wrong)?.as_ref()))
}

fn named_uri(on: &OnServer, uri: &str) -> Result<(), Refusal> {
    if on.allows(Named::Resource, uri) { Ok(()) } else { Err(unknown(uri)) }
}

/// Whether a key of an object is none of these but folds to one: a parser that ignores case takes it for that one.
fn shadows(bytes: &[u8], object: Value, known: &[&str]) -> bool {
    let folded = |character| match character {
        '\u{17f}' => 's',
        '\u{212a}' => 'k',
        other => other.to_ascii_lowercase(),
    };
    let shadow = |key: &str, name: &str| {
        key != name && key.chars().map(folded).eq(name.chars().map(|character| character.to_ascii_lowercase()))
    };
    json::members(bytes, object.span)
        .filter_map(|(key, _)| key.text(bytes))
        .any(|key| known.iter().any(|name| shadow(&key, name)))
}

/// The answer to a name that does not exist, or may not be seen: they are the same.
fn unknown(name: &str) -> Refusal {
    let shown: String = name.chars().take(SHOWN).collect();
    Refusal::new(Reason::UnknownName, format!("{shown} not found"))
}

fn unreadable(why: &'static str) -> Refusal {
    Refusal::new(Reason::InvalidParams, why)
}
