//! What a message is, by the members that it has.

use super::fault::FaultReason;

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

/// What the member `id` of a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum IdMember {
    Absent,
    Null,
    Given,
}

/// Which members a message has, whatever their values.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Has {
    pub(super) method: bool,
    pub(super) params: bool,
    pub(super) result: bool,
    pub(super) error: bool,
}

impl Kind {
    /// The kind of a message that has these members (JSON-RPC 2.0, sections 4 and 5).
    pub(super) fn of(side: Side, id: IdMember, has: Has) -> Result<Kind, FaultReason> {
        let kind = match (has.method, has.result, has.error) {
            (true, false, false) if id == IdMember::Absent => return Ok(Kind::Notification),
            (true, false, false) => return given(id, Kind::Request),
            (false, true, false) => Kind::Answer,
            (false, false, true) => Kind::Error,
            (false, false, false) => return Err(FaultReason::Kindless),
            _ => return Err(FaultReason::Ambiguous),
        };
        if has.params {
            return Err(FaultReason::Ambiguous);
        }
        if kind == Kind::Error && side == Side::Server {
            // A server that could not read a request cannot name it.
            return Ok(kind);
        }
        given(id, kind)
    }
}

fn given(id: IdMember, kind: Kind) -> Result<Kind, FaultReason> {
    match id {
        IdMember::Given => Ok(kind),
        IdMember::Null => Err(FaultReason::NullId),
        IdMember::Absent => Err(FaultReason::MissingId),
    }
}
