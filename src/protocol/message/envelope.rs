//! The envelope of a message: what it is, by the members that it has, and what is wrong with them.

use super::fault::FaultReason;
use crate::protocol::json;

/// What a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `method` with an `id`: an answer is awaited.
    Request,
    /// `method` without an `id`.
    Notification,
    /// `result`: an answer.
    Answer,
    /// `error`: an answer that says why not.
    Error,
}

/// Who sent a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Client,
    Server,
}

/// What was found of a message's envelope, by whichever reader.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Envelope {
    /// Whether a key looks like a known one.
    pub(super) lookalike: bool,
    /// Whether `jsonrpc` is exactly `"2.0"`.
    pub(super) is_version_2: bool,
    pub(super) id: IdMember,
    pub(super) method: Option<json::Kind>,
    pub(super) params: Option<json::Kind>,
    pub(super) has_result: bool,
    pub(super) has_error: bool,
}

/// What the member `id` of a message is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum IdMember {
    #[default]
    Absent,
    Null,
    Valid,
    Invalid(FaultReason),
}

impl Envelope {
    /// The kind of a message with this envelope (JSON-RPC 2.0, sections 4 and 5), or what is wrong with it.
    pub(super) fn kind(&self, side: Side) -> Result<Kind, FaultReason> {
        if self.lookalike {
            return Err(FaultReason::Lookalike);
        }
        if !self.is_version_2 {
            return Err(FaultReason::Version);
        }
        if let IdMember::Invalid(reason) = self.id {
            return Err(reason);
        }
        if self.method.is_some_and(|kind| kind != json::Kind::String) {
            return Err(FaultReason::Method);
        }
        if self.params.is_some_and(|kind| kind != json::Kind::Object) {
            return Err(FaultReason::Params);
        }
        let kind = match (self.method.is_some(), self.has_result, self.has_error) {
            (true, false, false) if self.id == IdMember::Absent => return Ok(Kind::Notification),
            (true, false, false) => Kind::Request,
            (false, true, false) if self.params.is_none() => Kind::Answer,
            (false, false, true) if self.params.is_none() => Kind::Error,
            (false, false, false) => return Err(FaultReason::Kindless),
            _ => return Err(FaultReason::Ambiguous),
        };
        match self.id {
            // A server that could not read a request cannot name it.
            _ if kind == Kind::Error && side == Side::Server => Ok(kind),
            IdMember::Null => Err(FaultReason::NullId),
            IdMember::Absent => Err(FaultReason::MissingId),
            IdMember::Valid | IdMember::Invalid(_) => Ok(kind),
        }
    }
}
