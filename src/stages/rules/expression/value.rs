//! Values while an expression runs: borrowed from the message, the other facts and the program wherever they can be.

use std::{borrow::Cow, rc::Rc};

use http::HeaderMap;

use super::{
    budget::Budget,
    facts::Json,
    fault::{Kind, Why},
    numbers,
    program::{Node, What},
};
use crate::protocol::json;

/// A value.
#[derive(Clone, Debug)]
pub(super) enum Value<'a> {
    Null,
    Bool(bool),
    Int(i64),
    Uint(u64),
    Double(f64),
    Time(i64),
    Text(Cow<'a, str>),
    /// An array or an object of the message.
    Json(Json<'a>),
    /// Roles or scopes.
    Texts(&'a [Box<str>]),
    Headers(&'a HeaderMap),
    /// A list that is written out.
    Constants(&'a [Node]),
    List(Rc<[Value<'a>]>),
    Map(Rc<[(Value<'a>, Value<'a>)]>),
}

impl<'a> Value<'a> {
    /// A value of a message, read as far as it is a scalar.
    pub(super) fn read(json: Json<'a>, budget: &mut Budget) -> Result<Self, Why> {
        let Json { bytes, value, .. } = json;
        Ok(match value.kind {
            json::Kind::Null => Self::Null,
            json::Kind::True => Self::Bool(true),
            json::Kind::False => Self::Bool(false),
            json::Kind::Object | json::Kind::Array => Self::Json(json),
            json::Kind::Number => {
                let token = value.raw(bytes);
                budget.spend(numbers::cost(token))?;
                budget.spend_bytes(token.len())?;
                numbers::read(token)?
            }
            json::Kind::String => {
                // Escapes are undone byte by byte, and longer characters looked at one by one.
                let raw = value.raw(bytes);
                budget.spend_bytes(raw.len())?;
                let more = if value.escaped { 5 } else { usize::from(!raw.is_ascii()) };
                budget.spend_bytes(more * raw.len())?;
                Self::Text(value.text(bytes).ok_or(Why::Conversion)?)
            }
        })
    }

    /// A scalar that is written out.
    pub(super) fn constant(node: &'a Node) -> Self {
        match &node.what {
            What::Bool(value) => Self::Bool(*value),
            What::Int(value) => Self::Int(*value),
            What::Uint(value) => Self::Uint(*value),
            What::Double(value) => Self::Double(*value),
            What::Time(value) => Self::Time(*value),
            What::Text(value) => Self::Text(Cow::Borrowed(value)),
            _ => Self::Null,
        }
    }

    /// This once more: text of its own is paid for.
    pub(super) fn copy(&self, budget: &mut Budget) -> Result<Self, Why> {
        if let Self::Text(Cow::Owned(text)) = self {
            budget.spend(1)?;
            budget.spend_bytes(text.len())?;
        }
        Ok(self.clone())
    }

    pub(super) fn kind(&self) -> Kind {
        match self {
            Self::Null => Kind::Null,
            Self::Bool(_) => Kind::Bool,
            Self::Int(_) => Kind::Int,
            Self::Uint(_) => Kind::Uint,
            Self::Double(_) => Kind::Double,
            Self::Time(_) => Kind::Time,
            Self::Text(_) => Kind::Text,
            Self::Json(json) if json.value.kind == json::Kind::Object => Kind::Map,
            Self::Headers(_) | Self::Map(_) => Kind::Map,
            Self::Json(_) | Self::Texts(_) | Self::Constants(_) | Self::List(_) => Kind::List,
        }
    }

    pub(super) fn is_number(&self) -> bool {
        matches!(self, Self::Int(_) | Self::Uint(_) | Self::Double(_))
    }

    /// This is something else than what is wanted.
    pub(super) fn not(&self, want: Kind) -> Why {
        Why::Want { want, found: self.kind() }
    }
}
