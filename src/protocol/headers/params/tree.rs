//! The mirrored arguments of one tool, as a tree along which the arguments are walked once.

use http::HeaderName;

use super::schema::{self, Invalid};
use crate::protocol::json::Value;

/// The arguments of a tool that are mirrored into `Mcp-Param-*` headers.
#[derive(Debug, Default)]
pub struct ParamHeaders {
    /// At most [`schema::MOST`]; the tree names them by their place here.
    pub(super) declared: Vec<Declared>,
    pub(super) roots: Vec<Node>,
}

/// One mirrored argument.
#[derive(Debug)]
pub(super) struct Declared {
    pub(super) header: HeaderName,
    /// The path with dots, for messages.
    pub(super) property: String,
}

/// A key on the way to a mirrored argument. Siblings are sorted by key.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) key: Box<str>,
    /// The argument that this key holds, if it is mirrored itself.
    pub(super) declared: Option<usize>,
    pub(super) below: Vec<Node>,
}

impl ParamHeaders {
    /// Reads the `x-mcp-header` annotations of an `inputSchema`; `bytes` have passed [`crate::protocol::json::check`].
    ///
    /// # Errors
    /// One of the constraints of the specification is violated, so the whole tool definition is invalid. Conforming
    /// clients leave such a tool out and send no headers for it: there is nothing to check.
    pub fn read(bytes: &[u8], schema: Value) -> Result<Self, Invalid> {
        let mut headers = Self::default();
        for annotation in schema::annotations(bytes, schema)? {
            let property = format!("arguments.{}", annotation.path.join("."));
            insert(&mut headers.roots, &annotation.path, headers.declared.len());
            headers.declared.push(Declared { header: annotation.header, property });
        }
        Ok(headers)
    }

    /// Whether the tool mirrors nothing.
    pub fn is_empty(&self) -> bool {
        self.declared.is_empty()
    }

    /// The headers that this tool reads.
    pub fn names(&self) -> impl Iterator<Item = &HeaderName> {
        self.declared.iter().map(|declared| &declared.header)
    }
}

fn insert(siblings: &mut Vec<Node>, path: &[String], declared: usize) {
    let Some((key, rest)) = path.split_first() else { return };
    let at = match siblings.binary_search_by(|node| (*node.key).cmp(key)) {
        Ok(at) => at,
        Err(at) => {
            siblings.insert(at, Node { key: key.as_str().into(), declared: None, below: Vec::new() });
            at
        }
    };
    if rest.is_empty() {
        siblings[at].declared = Some(declared);
    } else {
        insert(&mut siblings[at].below, rest, declared);
    }
}
