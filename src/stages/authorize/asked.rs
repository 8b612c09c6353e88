//! What a message asks for by name, and whether it is granted.

use crate::model::grants::{Named, OnServer};
use crate::model::{Reason, Refusal};
use crate::protocol::json::Value;
use crate::protocol::message::{self, Message, Reference, Unreadable};
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
        return Err(unreadable(Unreadable(match named {
            Named::Tool | Named::Prompt => "`params.name` has to be a string",
            Named::Resource => "`params.uri` has to be a string",
        })));
    };
    if on.allows(named, &name) { Ok(()) } else { Err(unknown(&name)) }
}

/// What `completion/complete` is of.
fn reference(on: &OnServer, message: &Message, bytes: &[u8]) -> Result<(), Refusal> {
    any(on)?;
    if on.all_of(Named::Prompt) && on.all_of(Named::Resource) {
        return Ok(());
    }
    let (is_allowed, name) = match message::reference(message, bytes).map_err(unreadable)? {
        Reference::Prompt(name) => (on.allows(Named::Prompt, &name), name),
        Reference::Resource(uri) => (on.allows_template(&uri), uri),
    };
    if is_allowed { Ok(()) } else { Err(unknown(&name)) }
}

/// The resources that `subscriptions/listen` names.
fn subscriptions(on: &OnServer, message: &Message, bytes: &[u8]) -> Result<(), Refusal> {
    if on.all_of(Named::Resource) {
        return Ok(());
    }
    let mut uris = message::subscribed(message, bytes).map_err(unreadable)?;
    uris.try_for_each(|uri| {
        let uri = uri.map_err(unreadable)?;
        if on.allows(Named::Resource, &uri) { Ok(()) } else { Err(unknown(&uri)) }
    })
}

/// The answer to a name that does not exist, or may not be seen: they are the same.
fn unknown(name: &str) -> Refusal {
    let shown: String = name.chars().take(SHOWN).collect();
    Refusal::new(Reason::UnknownName, format!("{shown} not found"))
}

fn unreadable(Unreadable(why): Unreadable) -> Refusal {
    Refusal::new(Reason::InvalidParams, why)
}
