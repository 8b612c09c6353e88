//! What a body is: messages, each as places in the bytes that it came in.

use super::{
    envelope::Kind,
    fields::{Fields, Meta},
    id::Id,
};
use crate::protocol::json::{Marks, Span, Value};

/// Bounds of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How deep arrays and objects may nest, the message itself (and a batch around it) counted.
    pub depth: u16,
    /// How many messages a batch may have.
    pub batch: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { depth: 64, batch: 50 }
    }
}

/// What a body is.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "one message is the rule, and a box would be an allocation for each")]
pub enum Body {
    /// One message.
    One(Message),
    /// An array of at least one message.
    Batch(Vec<Message>),
}

/// A message, as places in the body that it came in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// What it is.
    pub kind: Kind,
    /// Its id; `None` for a notification, and for an error that names no request.
    pub id: Option<Id>,
    /// `method`, a string: of a request or notification.
    pub method: Option<Value>,
    /// `params`, an object.
    pub params: Option<Value>,
    /// `result`: of an answer.
    pub result: Option<Value>,
    /// `error`: of an error.
    pub error: Option<Value>,
    /// Members of `params`.
    pub fields: Fields,
    /// Members of the `_meta` of `params` or, in an answer of a server, of `result`.
    pub meta: Meta,
    /// The whole message.
    pub span: Span,
    /// The long values inside of `arguments`: of a client's message in a body that is not short.
    pub marks: Marks,
}
