//! The subschemas of a schema: where they stand, where they lead, what entering each costs. Bounded while it is made.

use std::{fmt, rc::Rc};

use jsonschema::uri;
use serde_json::{Map, Value, json};

use super::{
    meter::{Cost, STEP, multiples_of},
    pattern,
    pointer::respelt,
};

/// Subschemas of a schema.
const MOST: usize = 2000;
/// Nesting of its text.
const DEEPEST: usize = 64;
/// Patterns of a schema: each is kept compiled.
const PATTERNS: usize = 64;

/// What names a subschema, or holds others that are looked at only by their names: it stays where it is.
pub(super) const NAMES: &[&str] = &[
    "$anchor",
    "$comment",
    "$defs",
    "$dynamicAnchor",
    "$id",
    "$recursiveAnchor",
    "$schema",
    "$vocabulary",
    "definitions",
    "id",
];
/// Keywords that hold one subschema, those of earlier drafts among them (some of which took a list there).
pub(super) const ONE: &[&str] = &[
    "additionalItems",
    "additionalProperties",
    "contains",
    "contentSchema",
    "else",
    "if",
    "items",
    "not",
    "propertyNames",
    "then",
    "unevaluatedItems",
    "unevaluatedProperties",
];
/// Keywords that hold a list of them.
pub(super) const LIST: &[&str] = &["allOf", "anyOf", "oneOf", "prefixItems"];
/// Keywords that hold them by name.
pub(super) const NAMED: &[&str] =
    &["$defs", "definitions", "dependencies", "dependentSchemas", "patternProperties", "properties"];
/// Keywords whose subschemas look at the same value.
const IN_PLACE: &[&str] = &["allOf", "anyOf", "dependencies", "dependentSchemas", "else", "if", "not", "oneOf", "then"];
/// Keywords that lead to another subschema, for the same value.
const REFERENCES: &[&str] = &["$dynamicRef", "$recursiveRef", "$ref"];

/// The URI of a schema that names none.
const UNNAMED: &str = "json-schema:///";
/// Where the drafts have their own schemas.
const DRAFTS: &[&str] =
    &["http://json-schema.org/", "https://json-schema.org/", "http://spec.openapis.org/", "https://spec.openapis.org/"];
/// Characters of a reference that are shown.
const SHOWN: usize = 100;

/// Why nothing can be checked against a schema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unusable {
    /// Its text is longer than is read, or the server's schemas are in all.
    Long,
    /// It is nested too deeply.
    Deep,
    /// It has more subschemas, or patterns, than are compiled.
    Large,
    /// A reference that leads out of it, or to no subschema; as far as it is shown.
    Reference(String),
    /// References that lead through more subschemas for one value than are followed, or in a circle.
    Chain,
    /// It is no schema; why, as far as it is shown.
    Malformed(String),
}

impl Unusable {
    /// For a reference, as much of it as is shown.
    pub(super) fn reference(reference: &str) -> Self {
        Self::Reference(reference.chars().take(SHOWN).collect())
    }
}

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Long => f.write_str("it, or the schemas of its server together, are longer than is kept"),
            Self::Deep => write!(f, "it is nested deeper than {DEEPEST} levels"),
            Self::Large => write!(f, "it has more than {MOST} subschemas or {PATTERNS} patterns"),
            Self::Reference(reference) => {
                write!(f, "its reference {reference:?} leads to no subschema of it, and nothing is ever fetched")
            }
            Self::Chain => f.write_str("its references lead in a circle, or through too many subschemas for one value"),
            Self::Malformed(why) => write!(f, "it is no schema: {why}"),
        }
    }
}

/// One subschema.
#[derive(Debug)]
pub(super) struct Node {
    /// Where it stands, as a JSON pointer.
    pub(super) at: String,
    /// The URI of the resource that it is part of, and where that begins.
    pub(super) base: Rc<str>,
    pub(super) resource: usize,
    /// Its names within the resource.
    pub(super) anchors: Vec<String>,
    /// Its own subschemas for the same value.
    pub(super) in_place: Vec<usize>,
    /// What it refers to.
    pub(super) references: Vec<String>,
}

/// All subschemas, the schema itself first.
#[derive(Debug, Default)]
pub(super) struct Outline {
    pub(super) nodes: Vec<Node>,
    patterns: usize,
}

impl Outline {
    /// Reads a schema, and puts a meter into each of its subschemas.
    pub(super) fn of(schema: &mut Value) -> Result<Self, Unusable> {
        let mut outline = Self::default();
        if is_deeper(schema, DEEPEST) {
            return Err(Unusable::Deep);
        }
        outline.enter(schema, String::new(), None)?;
        Ok(outline)
    }

    /// Returns its place, where it is one that can hold anything. `around`: the resource that it stands in.
    fn enter(&mut self, schema: &mut Value, at: String, around: Option<usize>) -> Result<Option<usize>, Unusable> {
        let Value::Object(members) = schema else { return Ok(None) };
        if self.nodes.len() == MOST {
            return Err(Unusable::Large);
        }
        let place = self.nodes.len();
        let node = self.named(members, at.clone(), around)?;
        let resource = node.resource;
        self.nodes.push(node);
        let mut cost = cost(members);
        self.count_patterns(members, &mut cost)?;
        let mut in_place = Vec::new();
        for (key, value) in members.iter_mut() {
            let found = self.inside(key, value, &at, resource)?;
            if IN_PLACE.contains(&key.as_str()) {
                in_place.extend(found);
            }
        }
        self.nodes[place].in_place = in_place;
        // What is left over is found by going through the others again, for each of them.
        if members.contains_key("unevaluatedItems") || members.contains_key("unevaluatedProperties") {
            let extent = (self.nodes.len() - place) as u64;
            cost.flat += extent;
            cost.each += extent;
        }
        for reference in REFERENCES {
            if let Some(Value::String(reference)) = members.get_mut(*reference) {
                *reference = respelt(reference).ok_or_else(|| Unusable::reference(reference))?;
            }
        }
        metered(members, cost);
        Ok(Some(place))
    }

    /// A subschema, by what it is called and what it refers to.
    fn named(&self, members: &Map<String, Value>, at: String, around: Option<usize>) -> Result<Node, Unusable> {
        let text = |key: &str| members.get(key).and_then(Value::as_str);
        let id = text("$id").or_else(|| text("id"));
        let (fragment, id) = match id {
            // Earlier drafts named anchors so.
            Some(id) if id.starts_with('#') => (Some(&id[1..]), None),
            id => (None, id),
        };
        let outer = around.map_or(UNNAMED, |around| &*self.nodes[around].base);
        let base = match id {
            Some(id) => resolved(outer, id).ok_or_else(|| Unusable::reference(id))?.0.into(),
            None => around.map_or_else(|| UNNAMED.into(), |around| Rc::clone(&self.nodes[around].base)),
        };
        // The crate knows the drafts' own schemas, which have no meter: nothing may be taken for one of them.
        if DRAFTS.iter().any(|host| base.starts_with(host)) {
            return Err(Unusable::reference(&base));
        }
        let anchors = [text("$anchor"), text("$dynamicAnchor"), fragment];
        Ok(Node {
            at,
            base,
            resource: around.filter(|_| id.is_none()).unwrap_or(self.nodes.len()),
            anchors: anchors.into_iter().flatten().map(str::to_owned).collect(),
            in_place: Vec::new(),
            references: REFERENCES.iter().filter_map(|key| text(key)).map(str::to_owned).collect(),
        })
    }

    /// The subschemas below a keyword.
    fn inside(&mut self, key: &str, value: &mut Value, at: &str, resource: usize) -> Result<Vec<usize>, Unusable> {
        let mut found = Vec::new();
        match value {
            Value::Array(list) if LIST.contains(&key) || ONE.contains(&key) => {
                for (number, schema) in list.iter_mut().enumerate() {
                    found.extend(self.enter(schema, format!("{at}/{key}/{number}"), Some(resource))?);
                }
            }
            Value::Object(named) if NAMED.contains(&key) => {
                for (name, schema) in named.iter_mut() {
                    let name = name.replace('~', "~0").replace('/', "~1");
                    found.extend(self.enter(schema, format!("{at}/{key}/{name}"), Some(resource))?);
                }
            }
            Value::Object(_) if ONE.contains(&key) => {
                found.extend(self.enter(value, format!("{at}/{key}"), Some(resource))?);
            }
            _ => {}
        }
        Ok(found)
    }

    fn count_patterns(&mut self, members: &Map<String, Value>, cost: &mut Cost) -> Result<(), Unusable> {
        let of_text = members.get("pattern").and_then(Value::as_str);
        let of_keys = members.get("patternProperties").and_then(Value::as_object);
        let of_keys = || of_keys.into_iter().flat_map(|named| named.keys());
        for pattern in of_text.into_iter().chain(of_keys().map(String::as_str)) {
            self.patterns += 1;
            if self.patterns > PATTERNS || pattern.len() > pattern::LONGEST {
                return Err(Unusable::Large);
            }
        }
        cost.text = of_text.map_or(0, pattern::states);
        cost.keys = of_keys().map(|pattern| pattern::states(pattern)).fold(0, u64::saturating_add);
        cost.each += 4 * of_keys().count() as u64;
        Ok(())
    }
}

/// What entering a subschema costs, but for its patterns and for what stands inside.
fn cost(members: &Map<String, Value>) -> Cost {
    let named = |key: &str| members.get(key).and_then(Value::as_object).map_or(0, Map::len);
    let listed = |key: &str| members.get(key).and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let constant = members.get("const");
    let compared = || listed("enum").iter().chain(constant);
    let counted =
        named("properties") + named("dependentRequired") + named("dependentSchemas") + listed("required").len();
    Cost {
        flat: 1 + (members.len() / 4 + counted / 4 + compared().count() / 8) as u64,
        each: 1,
        whole: compared().filter(|value| value.is_array() || value.is_object()).count() as u64,
        number: members.get("multipleOf").and_then(Value::as_f64).map_or(0, multiples_of),
        unique: members.get("uniqueItems") == Some(&Value::Bool(true)),
        ..Cost::default()
    }
}

/// Puts the meter in front of everything else. The crate looks at keywords of others last, and at branches in their
/// order: so what a subschema asks for becomes a branch behind its meter.
fn metered(members: &mut Map<String, Value>, cost: Cost) {
    members.shift_remove(STEP);
    let (names, asked): (Map<_, _>, Map<_, _>) =
        std::mem::take(members).into_iter().partition(|(key, _)| NAMES.contains(&key.as_str()));
    *members = names;
    if !asked.is_empty() {
        members.insert("allOf".to_owned(), json!([{ STEP: cost.to_value() }, asked]));
    }
}

/// A reference without its fragment, resolved, and the fragment.
pub(super) fn resolved<'a>(base: &str, reference: &'a str) -> Option<(String, &'a str)> {
    let (address, fragment) = reference.split_once('#').unwrap_or((reference, ""));
    if address.is_empty() {
        return Some((base.to_owned(), fragment));
    }
    let base = uri::from_str(base).ok()?;
    Some((uri::resolve_against(&base.borrow(), address).ok()?.as_str().to_owned(), fragment))
}

fn is_deeper(value: &Value, levels: usize) -> bool {
    match value {
        Value::Array(elements) => levels == 0 || elements.iter().any(|value| is_deeper(value, levels - 1)),
        Value::Object(members) => levels == 0 || members.values().any(|value| is_deeper(value, levels - 1)),
        _ => false,
    }
}
