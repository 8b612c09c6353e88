//! `Mcp-Param-*` headers against the arguments of a call.
//!
//! What is there must match; a mirrored argument asks for its header. Where the argument is null, absent or no
//! scalar, the specification says that the server "MUST NOT expect" the header, which leaves open what a header means
//! that is there all the same. It is refused, as the Python and Rust SDKs' servers do (the TypeScript SDK's ignores it):
//! somebody may have routed on a value that the body never carried. All official clients omit the header then.

use std::borrow::Cow;

use http::HeaderMap;

use super::{
    number,
    tree::{Declared, Node, ParamHeaders},
};
use crate::protocol::{
    headers::{Mismatch, value},
    json::{self, Kind, Value},
};

/// Which of the declared headers have been checked.
type Seen = u128;

impl ParamHeaders {
    /// Checks the headers of a `tools/call` against its `params.arguments`, in bytes that have passed the strict pass.
    /// Headers that the tool does not declare are left alone.
    pub fn check(&self, headers: &HeaderMap, arguments: Option<Value>, bytes: &[u8]) -> Result<(), Mismatch> {
        if self.is_empty() {
            return Ok(());
        }
        let mut seen: Seen = 0;
        if let Some(arguments) = arguments {
            self.walk(&self.roots, arguments, bytes, &mut |index, value| {
                seen |= 1 << index;
                check_one(&self.declared[index], headers, value, bytes)
            })?;
        }
        for (index, declared) in self.declared.iter().enumerate() {
            if seen & (1 << index) == 0 {
                refuse(declared, headers)?;
            }
        }
        Ok(())
    }

    /// Goes once through the members of `object` that lead to mirrored arguments, as deep as the definition does.
    fn walk(
        &self,
        nodes: &[Node],
        object: Value,
        bytes: &[u8],
        each: &mut impl FnMut(usize, Value) -> Result<(), Mismatch>,
    ) -> Result<(), Mismatch> {
        for (key, value) in json::members(bytes, object.span) {
            let key = key.text(bytes).unwrap_or(Cow::Borrowed(""));
            let Ok(at) = nodes.binary_search_by(|node| (*node.key).cmp(&key)) else { continue };
            if let Some(index) = nodes[at].declared {
                each(index, value)?;
            }
            if !nodes[at].below.is_empty() && value.kind == Kind::Object {
                self.walk(&nodes[at].below, value, bytes, each)?;
            }
        }
        Ok(())
    }
}

fn check_one(declared: &Declared, headers: &HeaderMap, body: Value, bytes: &[u8]) -> Result<(), Mismatch> {
    let raw = std::str::from_utf8(body.raw(bytes)).unwrap_or_default();
    if matches!(body.kind, Kind::Null | Kind::Array | Kind::Object) {
        return refuse(declared, headers);
    }
    let called = declared.header.as_str();
    let Some(header) = value::only(headers, &declared.header, called)? else {
        if body.kind == Kind::Number && number::is_unsafe_integer(raw) {
            return Ok(());
        }
        return Err(Mismatch::missing(called, &declared.property));
    };
    let text = value::decoded(header, called)?;
    let equal = match body.kind {
        Kind::String => body.is(bytes, &text),
        Kind::Number => raw == text || number::same(raw, &text),
        _ => raw == text,
    };
    if equal {
        return Ok(());
    }
    Err(Mismatch::differs(called, &text, &body.text(bytes).unwrap_or(Cow::Borrowed(raw))))
}

/// Refuses a header whose argument is not there.
fn refuse(declared: &Declared, headers: &HeaderMap) -> Result<(), Mismatch> {
    let called = declared.header.as_str();
    match value::only(headers, &declared.header, called)? {
        Some(header) => Err(Mismatch::unexpected(called, header, &declared.property)),
        None => Ok(()),
    }
}
