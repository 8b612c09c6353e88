//! The elements of lists and the keys of maps, one after the other, and the look-up of one: each is paid for.
//!
//! What comes with the message is skipped over and never indexed, so that looking costs the bytes before what is found.
//! No more bytes are skipped than the budget has left, however large the value is: the walk ends where they end.

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
use crate::protocol::json::{self, Span};

/// How far a walk over a value of the message may go.
#[derive(Clone, Debug)]
pub(super) struct Window {
    at: u32,
    end: u32,
    /// Whether it ends before the value does.
    cut: bool,
}

impl Window {
    pub(super) fn new(json: Json<'_>, budget: &Budget) -> (Self, Span) {
        let Span { start, end } = json.value.span;
        let most = start.saturating_add(budget.skippable());
        let window = Self { at: start, end: end.min(most), cut: most < end };
        let span = Span { start, end: window.end };
        (window, span)
    }

    /// Pays for what was skipped up to the end of a value, and for the value itself.
    pub(super) fn passed(&mut self, value: json::Value, budget: &mut Budget) -> Result<(), Why> {
        let Span { start, end } = value.span;
        if self.cut && end >= self.end {
            return budget.spend(u32::MAX);
        }
        let is_text = value.kind == json::Kind::String && !value.escaped;
        let text = if is_text { end.saturating_sub(start) } else { 0 };
        let bytes = end.saturating_sub(self.at).saturating_sub(text);
        self.at = end;
        budget.spend_skipped(bytes, text)
    }

    /// The walk has come to its end.
    pub(super) fn ended(&self, budget: &mut Budget) -> Result<(), Why> {
        if self.cut { budget.spend(u32::MAX) } else { Ok(()) }
    }
}

/// What is left of a list, or of the keys of a map.
pub(super) enum Elements<'a> {
    Array(&'a [u8], json::Elements<'a>, Window),
    Object(&'a [u8], json::Members<'a>, Window),
    Texts(std::slice::Iter<'a, Box<str>>),
    Headers(header::Keys<'a, HeaderValue>),
    Constants(std::slice::Iter<'a, Node>),
    List(Rc<[Value<'a>]>, usize),
    Map(Rc<[(Value<'a>, Value<'a>)]>, usize),
}

impl<'a> Elements<'a> {
    pub(super) fn of(value: &Value<'a>, budget: &Budget) -> Result<Self, Why> {
        Ok(match value {
            Value::Json(json) => {
                let (window, span) = Window::new(*json, budget);
                match json.value.kind {
                    json::Kind::Object => Self::Object(json.bytes, json::members(json.bytes, span), window),
                    _ => Self::Array(json.bytes, json::elements(json.bytes, span), window),
                }
            }
            Value::Texts(texts) => Self::Texts(texts.iter()),
            Value::Headers(headers) => Self::Headers(headers.keys()),
            Value::Constants(nodes) => Self::Constants(nodes.iter()),
            Value::List(list) => Self::List(list.clone(), 0),
            Value::Map(map) => Self::Map(map.clone(), 0),
            other => return Err(other.not(Kind::Several)),
        })
    }

    pub(super) fn next(&mut self, budget: &mut Budget) -> Result<Option<Value<'a>>, Why> {
        match self {
            Self::Array(bytes, elements, window) => {
                let Some(value) = elements.next() else { return window.ended(budget).map(|()| None) };
                window.passed(value, budget)?;
                return Value::read(Json { bytes, value }, budget).map(Some);
            }
            Self::Object(bytes, members, window) => {
                let Some((key, value)) = members.next() else { return window.ended(budget).map(|()| None) };
                window.passed(value, budget)?;
                return Value::read(Json { bytes, value: key }, budget).map(Some);
            }
            _ => budget.spend(1)?,
        }
        Ok(match self {
            Self::Array(..) | Self::Object(..) => None,
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
        let (next, window) = match self {
            Self::Array(_, elements, window) => (elements.next(), window),
            Self::Object(_, members, window) => (members.next().map(|(_, value)| value), window),
            _ => return self.next(budget).map(|next| next.is_some()),
        };
        match next {
            Some(value) => window.passed(value, budget).map(|()| true),
            None => window.ended(budget).map(|()| false),
        }
    }
}

/// The member of a map.
pub(super) fn member<'a>(whole: &Value<'a>, name: &str, budget: &mut Budget) -> Result<Option<Value<'a>>, Why> {
    match whole {
        Value::Json(json) if json.value.kind == json::Kind::Object => match find(*json, name, budget)? {
            Some(value) => Value::read(Json { value, ..*json }, budget).map(Some),
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
fn find(json: Json<'_>, name: &str, budget: &mut Budget) -> Result<Option<json::Value>, Why> {
    let (mut window, span) = Window::new(json, budget);
    for (key, value) in json::members(json.bytes, span) {
        window.passed(value, budget)?;
        if key.escaped {
            budget.spend_bytes(4 * key.raw(json.bytes).len())?;
        }
        if key.is(json.bytes, name) {
            return Ok(Some(value));
        }
    }
    window.ended(budget).map(|()| None)
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
            let (mut window, span) = Window::new(*json, budget);
            for (at, value) in json::elements(json.bytes, span).enumerate() {
                window.passed(value, budget)?;
                if at == place {
                    return Value::read(Json { value, ..*json }, budget).map(Some);
                }
            }
            window.ended(budget).map(|()| None)
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
