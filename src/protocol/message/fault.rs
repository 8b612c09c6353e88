//! Why a body is no message that we read, at which byte, and for which request.

use std::fmt;

use super::id::Id;
use crate::protocol::json;

/// A fault of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What is wrong.
    pub reason: FaultReason,
    /// Offset of the offending value or byte from the start of the body.
    pub at: u32,
    /// The message's id, where the text was well-formed and the id is one: the error goes back with it.
    pub id: Option<Id>,
}

/// What can be wrong with a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultReason {
    /// The text itself: grammar, encoding, nesting, repeated keys.
    Text(json::FaultReason),
    /// Neither an object nor an array.
    NotAMessage,
    /// A batch of nothing.
    EmptyBatch,
    /// A batch of more messages than allowed.
    LongBatch,
    /// An element of a batch that is no object.
    BatchElement,
    /// `jsonrpc` is missing or not exactly `"2.0"`.
    Version,
    /// `method` is no string.
    Method,
    /// `params` is no object.
    Params,
    /// `id` is neither a string nor an integer in plain digits within ±(2^53-1).
    Id,
    /// `id` is a string of more than 256 bytes.
    LongId,
    /// `id` is `null`, where a request or an answer needs one.
    NullId,
    /// An answer without `id`.
    MissingId,
    /// A key that only differs in case or Unicode folding from a known one.
    Lookalike,
    /// `method` together with `result` or `error`, `result` together with `error`, or `params` with either.
    Ambiguous,
    /// None of `method`, `result` and `error`.
    Kindless,
}

impl Fault {
    /// Whether this is -32700 "Parse error"; else it is -32600 "Invalid Request" (JSON-RPC 2.0, section 5.1).
    pub fn is_parse_error(&self) -> bool {
        matches!(self.reason, FaultReason::Text(_))
    }
}

impl From<json::Fault> for Fault {
    fn from(fault: json::Fault) -> Fault {
        Fault { reason: FaultReason::Text(fault.reason), at: fault.at, id: None }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at byte {}", self.reason, self.at)
    }
}

impl std::error::Error for Fault {}

impl fmt::Display for FaultReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            FaultReason::Text(reason) => return reason.fmt(f),
            FaultReason::NotAMessage => "a message must be an object, or an array of them",
            FaultReason::EmptyBatch => "the batch is empty",
            FaultReason::LongBatch => "the batch has too many messages",
            FaultReason::BatchElement => "an element of a batch must be an object",
            FaultReason::Version => "`jsonrpc` must be exactly \"2.0\"",
            FaultReason::Method => "`method` must be a string",
            FaultReason::Params => "`params` must be an object",
            FaultReason::Id => "`id` must be a string, or an integer in plain digits within ±(2^53-1)",
            FaultReason::LongId => "`id` must be at most 256 bytes long",
            FaultReason::NullId => "`id` must not be null",
            FaultReason::MissingId => "an answer must have an `id`",
            FaultReason::Lookalike => "this key only differs in case or Unicode folding from a known one",
            FaultReason::Ambiguous => {
                "a message must have exactly one of `method`, `result` and `error`, and `params` only with `method`"
            }
            FaultReason::Kindless => "a message must have `method`, `result` or `error`",
        })
    }
}
