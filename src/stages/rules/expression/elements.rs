//! The elements of lists and the keys of maps, one after the other, and the look-up of one: each is paid for.
//!
//! What comes with the message is skipped over, so that looking costs the bytes before what is found; of long values the
//! reader has noted where they end, and passing one costs the same however long it is. No more bytes are skipped than the
//! budget has left: the walk ends where they end.

use std::{borrow::Cow, rc::Rc};

use http::{HeaderMap, HeaderValue, header};

use super::{
    budget::Budget,
    compare,
    facts::Json,
    fault::{Kind, Why},
    numbers,
    program::Node,
    value::Value,
};
use crate::protocol::json;

/// Goes on to the next member or element of a value of the message, and pays for it.
pub(super) fn step<'a>(walk: &mut json::Walk<'a>, budget: &mut Budget) -> Result<Option<Passed<'a>>, Why> {
    match walk.next(budget.skippable()) {
        json::Step::At { key, value, marks, looked } => {
            budget.spend(1)?;
            budget.spend_looked(looked).map(|()| Some(Passed { key, value, marks }))
        }
        json::Step::End(looked) => budget.spend_looked(looked).map(|()| None),
        json::Step::Short => Err(budget.exhaust()),
    }
}

/// A member or an element that was passed.
pub(super) struct Passed<'a> {
    pub(super) key: Option<json::Value>,
    value: json::Value,
    marks: &'a [json::Value],
}

impl<'a> Passed<'a> {
    /// The value, in its text.
    pub(super) fn value(&self, bytes: &'a [u8]) -> Json<'a> {
        Json { bytes, value: self.value, marks: self.marks }
    }
}

impl<'a> Json<'a> {
    pub(super) fn walk(&self) -> json::Walk<'a> {
        json::Walk::new(self.bytes, self.value.span, self.marks)
    }
}

/// What is left of a list, or of the keys of a map.
pub(super) enum Elements<'a> {
    Json(&'a [u8], json::Walk<'a>),
    Texts(std::slice::Iter<'a, Box<str>>),
    Headers(header::Keys<'a, HeaderValue>),
    Constants(std::slice::Iter<'a, Node>),
    List(Rc<[Value<'a>]>, usize),
    Map(Rc<[(Value<'a>, Value<'a>)]>, usize),
}

impl<'a> Elements<'a> {
    pub(super) fn of(value: &Value<'a>) -> Result<Self, Why> {
        Ok(match value {
            Value::Json(json) => Self::Json(json.bytes, json.walk()),
            Value::Texts(texts) => Self::Texts(texts.iter()),
            Value::Headers(headers) => Self::Headers(headers.keys()),
            Value::Constants(nodes) => Self::Constants(nodes.iter()),
            Value::List(list) => Self::List(list.clone(), 0),
            Value::Map(map) => Self::Map(map.clone(), 0),
            other => return Err(other.not(Kind::Several)),
        })
    }

    pub(super) fn next(&mut self, budget: &mut Budget) -> Result<Option<Value<'a>>, Why> {
        if let Self::Json(bytes, walk) = self {
            let Some(passed) = step(walk, budget)? else { return Ok(None) };
            let of = match passed.key {
                Some(value) => Json { bytes, value, marks: &[] },
                None => passed.value(bytes),
            };
            return Value::read(of, budget).map(Some);
        }
        budget.spend(1)?;
        Ok(match self {
            Self::Json(..) => None,
            Self::Texts(texts) => texts.next().map(|text| Value::Text(Cow::Borrowed(text))),
            Self::Headers(names) => names.next().map(|name| Value::Text(Cow::Borrowed(name.as_str()))),
            Self::Constants(nodes) => nodes.next().map(Value::constant),
            Self::List(list, at) => {
                *at += 1;
                return list.get(*at - 1).map(|value| value.copy(budget)).transpose();
            }
            Self::Map(map, at) => {
                *at += 1;
                return map.get(*at - 1).map(|(key, _)| key.copy(budget)).transpose();
            }
        })
    }
}

impl Elements<'_> {
    /// Passes one of a value of the message without reading it; whether there was one.
    pub(super) fn skip(&mut self, budget: &mut Budget) -> Result<bool, Why> {
        match self {
            Self::Json(_, walk) => step(walk, budget).map(|passed| passed.is_some()),
            _ => self.next(budget).map(|next| next.is_some()),
        }
    }
}

/// The member of a map.
pub(super) fn member<'a>(whole: &Value<'a>, name: &str, budget: &mut Budget) -> Result<Option<Value<'a>>, Why> {
    match whole {
        Value::Json(json) if json.value.kind == json::Kind::Object => match find(*json, name, budget)? {
            Some(found) => Value::read(found, budget).map(Some),
            None => Ok(None),
        },
        Value::Headers(headers) => field(headers, name, budget),
        Value::Map(map) => {
            for (key, value) in map.iter() {
                budget.spend(1)?;
                if matches!(key, Value::Text(key) if key == name) {
                    return value.copy(budget).map(Some);
                }
            }
            Ok(None)
        }
        other => Err(other.not(Kind::Map)),
    }
}

/// Whether a map has a member, whatever it is.
pub(super) fn has_member(whole: &Value, name: &str, budget: &mut Budget) -> Result<bool, Why> {
    match whole {
        Value::Json(json) if json.value.kind == json::Kind::Object => Ok(find(*json, name, budget)?.is_some()),
        Value::Headers(headers) => Ok(headers.contains_key(name)),
        other => Ok(member(other, name, budget)?.is_some()),
    }
}

/// The value of a member of an object.
fn find<'a>(json: Json<'a>, name: &str, budget: &mut Budget) -> Result<Option<Json<'a>>, Why> {
    let mut walk = json.walk();
    while let Some(passed) = step(&mut walk, budget)? {
        let Some(key) = passed.key else { continue };
        if key.escaped {
            budget.spend_bytes(4 * key.raw(json.bytes).len())?;
        }
        if key.is(json.bytes, name) {
            return Ok(Some(passed.value(json.bytes)));
        }
    }
    Ok(None)
}

/// A header field; several of one name are one list (RFC 9110, section 5.3).
fn field<'a>(headers: &'a HeaderMap, name: &str, budget: &mut Budget) -> Result<Option<Value<'a>>, Why> {
    let mut found: Option<Cow<'a, str>> = None;
    for value in headers.get_all(name) {
        budget.spend(1)?;
        budget.spend_bytes(value.len())?;
        let value = value.to_str().map_err(|_| Why::Header)?;
        found = Some(match found {
            None => Cow::Borrowed(value),
            Some(before) => Cow::Owned(format!("{before}, {value}")),
        });
        budget.spend_bytes(found.as_ref().map_or(0, |found| found.len()))?;
    }
    Ok(found.map(Value::Text))
}

/// What is at an index of a list, or under a key of a map.
pub(super) fn index<'a>(whole: &Value<'a>, index: &Value, budget: &mut Budget) -> Result<Option<Value<'a>>, Why> {
    if whole.kind() == Kind::Map {
        return keyed(whole, index, budget);
    }
    if whole.kind() != Kind::List {
        return Err(whole.not(Kind::Several));
    }
    let place = match index {
        Value::Int(place) => usize::try_from(*place).ok(),
        Value::Uint(place) => usize::try_from(*place).ok(),
        Value::Double(place) => numbers::exact_int(*place).and_then(|place| usize::try_from(place).ok()),
        other => return Err(other.not(Kind::Number)),
    };
    let Some(place) = place else { return Ok(None) };
    match whole {
        Value::Texts(texts) => Ok(texts.get(place).map(|text| Value::Text(Cow::Borrowed(text)))),
        Value::Constants(nodes) => Ok(nodes.get(place).map(Value::constant)),
        Value::List(list) => list.get(place).map(|value| value.copy(budget)).transpose(),
        Value::Json(json) => {
            let mut walk = json.walk();
            for _ in 0..place {
                if step(&mut walk, budget)?.is_none() {
                    return Ok(None);
                }
            }
            match step(&mut walk, budget)? {
                Some(passed) => Value::read(passed.value(json.bytes), budget).map(Some),
                None => Ok(None),
            }
        }
        _ => Ok(None),
    }
}

/// What is under a key of a map.
pub(super) fn keyed<'a>(whole: &Value<'a>, key: &Value, budget: &mut Budget) -> Result<Option<Value<'a>>, Why> {
    match (whole, key) {
        (Value::Map(map), _) => {
            for (own, value) in map.iter() {
                budget.spend(1)?;
                if compare::equal(own, key, budget)? {
                    return value.copy(budget).map(Some);
                }
            }
            Ok(None)
        }
        (_, Value::Text(name)) => {
            budget.spend_bytes(name.len())?;
            member(whole, name, budget)
        }
        // Only maps that are written out have other keys than strings.
        _ => Ok(None),
    }
}
