//! Reads what an answer says about its server. Strictly: where two readers could differ nothing is learnt.

use std::sync::Arc;

use crate::{
    catalog::{
        offer::{TOOLS, Tool},
        schemas::Definition,
    },
    protocol::{
        headers::ParamHeaders,
        json::{self, Kind, Span, Value},
        message::{KNOWN_DEPTH, KnownResult},
        revision::{Era, Revision, Revisions},
    },
};

/// Longer names are not learnt, in bytes.
const NAME: usize = 256;
/// Longer descriptions and annotations are not kept, in bytes.
const ABOUT: usize = 8 * 1024;

/// The tools of a page, and whether the list goes on behind it.
pub(super) struct PageOfTools {
    pub(super) tools: Vec<Tool>,
    pub(super) goes_on: bool,
    /// What a reader of the answer keeps of it, where it need not be read again for that.
    pub(super) known: Option<KnownResult>,
}

/// Reads the `result` of a `tools/list`; `None` if it is none, or repeats a key at any depth.
pub(super) fn tools(result: &[u8]) -> Option<PageOfTools> {
    let object = document(result)?;
    let list = json::member(result, object, "tools").filter(|list| list.kind == Kind::Array)?;
    let goes_on = json::member(result, object, "nextCursor").is_some_and(|cursor| cursor.kind == Kind::String);
    let tools = json::elements(result, list.span).take(TOOLS).filter_map(|definition| tool(result, definition));
    Some(PageOfTools { tools: tools.collect(), goes_on, known: KnownResult::of(result) })
}

/// Reads the `result` of a `server/discover`: the modern revisions that the server names and Weir serves.
pub(super) fn revisions(result: &[u8]) -> Option<Revisions> {
    let object = document(result)?;
    let list = json::member(result, object, "supportedVersions").filter(|list| list.kind == Kind::Array)?;
    let named = json::elements(result, list.span).filter_map(|version| Revision::parse(&version.text(result)?));
    Some(named.filter(|revision| revision.is_served() && revision.era() == Era::Modern).collect())
}

fn document(result: &[u8]) -> Option<Span> {
    json::check(result, KNOWN_DEPTH).ok()?;
    let end = u32::try_from(result.len()).ok()?;
    result.starts_with(b"{").then_some(Span { start: 0, end })
}

fn tool(bytes: &[u8], definition: Value) -> Option<Tool> {
    let name = json::member(bytes, definition.span, "name")?.text(bytes)?;
    if name.len() > NAME {
        return None;
    }
    let schema = json::member(bytes, definition.span, "inputSchema")?;
    let kept = |schema: Value| Arc::new(Definition::new(schema.raw(bytes)));
    let output = json::member(bytes, definition.span, "outputSchema").filter(|schema| schema.kind != Kind::Null);
    Some(Tool {
        name: name.as_ref().into(),
        params: ParamHeaders::read(bytes, schema),
        input: kept(schema),
        output: output.map(kept),
        about: about(bytes, definition).into(),
    })
}

/// What is said of a tool beside its schemas. What is too long to be kept becomes what it cannot be, so that nobody who
/// asks for it takes it for absent.
fn about(bytes: &[u8], definition: Value) -> Vec<u8> {
    let mut about = Vec::new();
    for key in ["name", "description", "annotations"] {
        let Some(value) = json::member(bytes, definition.span, key) else { continue };
        let raw = if value.raw(bytes).len() <= ABOUT { value.raw(bytes) } else { b"0" };
        about.extend_from_slice(if about.is_empty() { b"{\"" } else { b",\"" });
        about.extend_from_slice(key.as_bytes());
        about.extend_from_slice(b"\":");
        about.extend_from_slice(raw);
    }
    about.push(b'}');
    about
}
