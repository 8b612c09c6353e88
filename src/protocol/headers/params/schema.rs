//! Finds the `x-mcp-header` annotations of an input schema, and what is wrong with them.
//!
//! An annotation may stand on a property that a chain of `properties` reaches from the root, and nowhere else. The
//! walk looks wherever a schema can be: below every keyword but those that hold data or names, `$ref` never
//! followed. Where the official SDKs disagree whether a place counts this sides with the one that calls the
//! definition invalid: its clients will not send the headers, and must not be refused for it.

use std::{collections::HashSet, fmt};

use http::HeaderName;

use super::super::mismatch::shown;
use crate::protocol::json::{self, Kind, Value};

const PREFIX: &str = "mcp-param-";

/// More headers than this no head carries; it bounds the work of a check.
pub(super) const MOST: usize = 128;

/// An annotation that is in its right place and well-formed.
#[derive(Debug)]
pub(super) struct Annotation {
    /// The keys of `properties` from the root.
    pub(super) path: Vec<String>,
    pub(super) header: HeaderName,
}

/// Why a tool definition's annotations, and so the definition, are invalid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invalid {
    /// The annotated property, as a path with dots; shown safely and cut.
    pub property: String,
    /// What is wrong there.
    pub reason: InvalidReason,
}

/// What can be wrong with an annotation (2026-07-28, "Schema Extension").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InvalidReason {
    /// On the root, or somewhere that a chain of `properties` alone does not reach.
    Misplaced,
    /// Not a string, empty, or no `1*tchar` (RFC 9110, 5.1).
    Name,
    /// On a property whose `type` is not `string`, `integer` or `boolean`.
    Type,
    /// The same name twice, without regard to case.
    Repeated,
    /// More annotations than a head can carry headers (128).
    TooMany,
}

/// Something of the schema that is still to be looked at.
struct Open {
    value: Value,
    /// The step that leads here by `properties` alone, if one does.
    step: Option<usize>,
    /// A map from names to schemas, not a schema.
    map: bool,
}

/// A step of a chain of `properties`: where it comes from, and its key.
struct Step {
    from: usize,
    key: Value,
}

/// The annotations of a schema, in bytes that have passed [`json::check`].
pub(super) fn annotations(bytes: &[u8], schema: Value) -> Result<Vec<Annotation>, Invalid> {
    // Step 0 is the root; its key is never read.
    let mut steps = vec![Step { from: 0, key: schema }];
    let mut open = vec![Open { value: schema, step: Some(0), map: false }];
    let (mut found, mut names) = (Vec::new(), HashSet::new());
    while let Some(next) = open.pop() {
        if next.map && next.value.kind == Kind::Object {
            for (key, value) in json::members(bytes, next.value.span) {
                let step = next.step.map(|from| {
                    steps.push(Step { from, key });
                    steps.len() - 1
                });
                push(&mut open, value, step, false);
            }
            continue;
        }
        for element in json::elements(bytes, next.value.span) {
            push(&mut open, element, None, false);
        }
        let (mut name, mut kind) = (None, None);
        for (key, value) in json::members(bytes, next.value.span) {
            match key.text(bytes).as_deref().unwrap_or_default() {
                "x-mcp-header" => name = Some(value),
                "type" => kind = Some(value),
                "properties" => push(&mut open, value, next.step, true),
                "$defs" | "definitions" | "dependencies" | "dependentSchemas" | "patternProperties" => {
                    push(&mut open, value, None, true);
                }
                "default" | "const" | "enum" | "examples" | "required" | "dependentRequired" => {}
                _ => push(&mut open, value, None, false),
            }
        }
        if let Some(name) = name {
            let path = next.step.map(|step| path(bytes, &steps, step)).unwrap_or_default();
            let invalid = |reason| Invalid { property: shown(&path.join(".")), reason };
            let header = header(bytes, &path, name, kind).map_err(invalid)?;
            if !names.insert(header.clone()) {
                return Err(invalid(InvalidReason::Repeated));
            }
            if names.len() > MOST {
                return Err(invalid(InvalidReason::TooMany));
            }
            found.push(Annotation { path, header });
        }
    }
    Ok(found)
}

fn push(open: &mut Vec<Open>, value: Value, step: Option<usize>, map: bool) {
    if matches!(value.kind, Kind::Object | Kind::Array) {
        open.push(Open { value, step, map });
    }
}

/// The header of an annotation: its name (`mcp-param-` before it), if the place and the type allow one.
fn header(bytes: &[u8], path: &[String], name: Value, kind: Option<Value>) -> Result<HeaderName, InvalidReason> {
    if path.is_empty() {
        return Err(InvalidReason::Misplaced);
    }
    let name = name.text(bytes).filter(|name| !name.is_empty()).ok_or(InvalidReason::Name)?;
    let primitive = |kind: Value| ["string", "integer", "boolean"].into_iter().any(|text| kind.is(bytes, text));
    if !kind.is_some_and(primitive) {
        return Err(InvalidReason::Type);
    }
    // Takes exactly the token characters, without regard to case.
    HeaderName::from_bytes(format!("{PREFIX}{name}").as_bytes()).map_err(|_| InvalidReason::Name)
}

/// The keys that lead to a step; none for the root.
fn path(bytes: &[u8], steps: &[Step], mut step: usize) -> Vec<String> {
    let mut keys = Vec::new();
    while step != 0 {
        keys.push(steps[step].key.text(bytes).unwrap_or_default().into_owned());
        step = steps[step].from;
    }
    keys.reverse();
    keys
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let reason = match self.reason {
            InvalidReason::Misplaced => "only stands on properties that a chain of `properties` reaches",
            InvalidReason::Name => "must be a non-empty header name",
            InvalidReason::Type => "only stands on properties of type string, integer or boolean",
            InvalidReason::Repeated => "occurs twice in the schema (case does not count)",
            InvalidReason::TooMany => "stands on more properties than a request can carry headers",
        };
        write!(f, "x-mcp-header {reason} (property {})", self.property)
    }
}

impl std::error::Error for Invalid {}
