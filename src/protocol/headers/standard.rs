//! `MCP-Protocol-Version`, `Mcp-Method` and `Mcp-Name` against the body.

use std::borrow::Cow;

use http::{HeaderMap, HeaderName};

use super::{Fault, Mismatch, value};
use crate::protocol::{
    json::{Kind, Value},
    message::{self, Message},
    revision::{self, Era},
};

/// Mirrors `io.modelcontextprotocol/protocolVersion`.
pub const MCP_PROTOCOL_VERSION: HeaderName = HeaderName::from_static("mcp-protocol-version");
/// Mirrors `method`.
pub const MCP_METHOD: HeaderName = HeaderName::from_static("mcp-method");
/// Mirrors `params.name`, `params.uri` or `params.taskId`, depending on the method.
pub const MCP_NAME: HeaderName = HeaderName::from_static("mcp-name");

const VERSION_KEY: &str = "io.modelcontextprotocol/protocolVersion";
const CAPABILITIES_KEY: &str = "io.modelcontextprotocol/clientCapabilities";

/// The era of a POST by its headers and body, see [`revision::era_of`]: `envelope` says whether `params._meta` has
/// the protocol version. A version header that is repeated or unreadable names no legacy revision.
pub fn era(headers: &HeaderMap, envelope: bool, batch: bool) -> Era {
    let header = match value::only(headers, &MCP_PROTOCOL_VERSION, "") {
        Ok(header) => header,
        Err(_) => Some(""),
    };
    revision::era_of(header, envelope, batch)
}

/// The first half of the check of a modern message: the version header and the envelope.
///
/// Returns the version that the message names; a request always names one. Whether it is served is the caller's
/// to say (-32022), before [`check_names`]. Of a notification nothing is asked, but what is there must match.
pub fn check_version<'a>(
    headers: &'a HeaderMap,
    message: &Message,
    bytes: &'a [u8],
) -> Result<Option<Cow<'a, str>>, Fault> {
    let header = value::only(headers, &MCP_PROTOCOL_VERSION, "MCP-Protocol-Version")?;
    let body = message.meta.protocol_version.and_then(|version| version.text(bytes));
    if message.kind == message::Kind::Request {
        if header.is_none() {
            return Err(Mismatch::missing("MCP-Protocol-Version", "a request of 2026-07-28 or later").into());
        }
        if body.is_none() {
            return Err(Fault::Envelope(VERSION_KEY));
        }
        if message.meta.client_capabilities.is_none_or(|capabilities| capabilities.kind != Kind::Object) {
            return Err(Fault::Envelope(CAPABILITIES_KEY));
        }
    } else if body.is_none() && message.meta.protocol_version.is_some() {
        return Err(Fault::Envelope(VERSION_KEY));
    }
    match (header, body) {
        (Some(header), Some(body)) if header != body => {
            Err(Mismatch::differs("MCP-Protocol-Version", header, &body).into())
        }
        (_, Some(body)) => Ok(Some(body)),
        (header, None) => Ok(header.map(Cow::Borrowed)),
    }
}

/// The second half: `Mcp-Method`, then `Mcp-Name`, against the body as the client sent it.
///
/// A request that carries neither the header nor the value that it mirrors passes: nothing can differ, and the
/// server has an answer for params without a name. Methods that mirror nothing may carry `Mcp-Name`; it means nothing.
pub fn check_names(headers: &HeaderMap, message: &Message, bytes: &[u8]) -> Result<(), Mismatch> {
    let Some(method) = message.method else { return Ok(()) };
    let asked = message.kind == message::Kind::Request;
    match value::only(headers, &MCP_METHOD, "Mcp-Method")? {
        Some(header) if method.is(bytes, header) => {}
        Some(header) => return Err(Mismatch::differs("Mcp-Method", header, &text(method, bytes))),
        None if asked => return Err(Mismatch::missing("Mcp-Method", "a method")),
        None => {}
    }
    let Some((source, body)) = name_of(message, &text(method, bytes)) else { return Ok(()) };
    match (value::only(headers, &MCP_NAME, "Mcp-Name")?, body) {
        (Some(header), body) => {
            let name = value::decoded(header, "Mcp-Name")?;
            match body {
                Some(body) if body.is(bytes, &name) => Ok(()),
                Some(body) => Err(Mismatch::differs("Mcp-Name", &name, &text(body, bytes))),
                None => Err(Mismatch::unexpected("Mcp-Name", &name, source)),
            }
        }
        (None, Some(body)) if asked && body.kind == Kind::String => Err(Mismatch::missing("Mcp-Name", source)),
        (None, _) => Ok(()),
    }
}

/// What `Mcp-Name` mirrors of a message of this method, where it does.
pub fn mirrored(message: &Message, method: &str) -> Option<Value> {
    name_of(message, method).and_then(|(_, value)| value)
}

/// What `Mcp-Name` mirrors for this method, and its value in the body.
fn name_of(message: &Message, method: &str) -> Option<(&'static str, Option<Value>)> {
    match method {
        "tools/call" | "prompts/get" => Some(("params.name", message.fields.name)),
        "resources/read" => Some(("params.uri", message.fields.uri)),
        "tasks/get" | "tasks/update" | "tasks/cancel" => Some(("params.taskId", message.fields.task_id)),
        _ => None,
    }
}

/// A value of the body as it is shown in a message.
fn text(value: Value, bytes: &[u8]) -> Cow<'_, str> {
    value.text(bytes).unwrap_or_else(|| String::from_utf8_lossy(value.raw(bytes)))
}
