//! What is kept of messages that pass in chunks: their kind, their id, and the keys that must not repeat.

use super::{
    envelope::{Envelope, IdMember, Kind, Side},
    fault::{Fault, FaultReason},
    fields::Fields,
    id::Id,
    known,
    owned_id::OwnedId,
};
use crate::protocol::json::{self, Tally, Value, Watch};

/// The key of `_meta` that makes a message one of 2026-07-28 or later.
const VERSION_KEY: &[u8] = b"io.modelcontextprotocol/protocolVersion";
/// The key of `_meta` that names a task of 2025-11-25.
const RELATED_TASK_KEY: &[u8] = b"io.modelcontextprotocol/related-task";

/// What has passed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen {
    /// One message.
    One(SeenMessage),
    /// An array of at least one message.
    Batch(Vec<SeenMessage>),
}

/// A message that has passed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenMessage {
    /// What it is.
    pub kind: Kind,
    /// Its id; `None` for a notification, and for an error that names no request.
    pub id: Option<OwnedId>,
}

/// What is kept of the messages that pass.
pub(super) struct Book {
    /// The open objects and arrays that are read, outermost first: at most batch, message, part, `_meta`.
    read: Vec<Place>,
    /// How many arrays and objects are open below them.
    unread: usize,
    /// The member whose key was read last, in the innermost of `read`.
    member: Member,
    keys: Tally,
    /// The token of a `jsonrpc` or an `id`, and its kind.
    token: Vec<u8>,
    kind: json::Kind,
    envelope: Envelope,
    /// Where the message begins.
    start: usize,
    id: Option<OwnedId>,
    /// What the method is, once it has ended; read of clients alone.
    method: Option<Called>,
    /// Whether the `_meta` of `params` names a protocol version.
    names_version: bool,
    /// Whether a server's answer holds what a client brings back: see [`Fields::slot_of_result`](super::Fields).
    is_brought_back: bool,
    messages: Vec<SeenMessage>,
    is_batch: bool,
    batch: usize,
    side: Side,
}

/// What a method is, as far as it decides how a refusal is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Called {
    Initialize,
    Initialized,
    Other,
}

/// An object or array that is read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Batch,
    Message,
    /// `params`, or a server's `result` or `error`.
    Part,
    Meta,
}

/// A member of a message or of a part.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Member {
    Version,
    Id,
    Method,
    Params,
    Result,
    Error,
    Meta,
    Other,
}

impl Book {
    /// An empty book for a body of that side whose batch may have so many messages.
    pub(super) fn new(batch: usize, side: Side) -> Book {
        Book {
            read: Vec::new(),
            unread: 0,
            member: Member::Other,
            keys: Tally::new(),
            token: Vec::new(),
            kind: json::Kind::Null,
            envelope: Envelope::default(),
            start: 0,
            id: None,
            method: None,
            names_version: false,
            is_brought_back: false,
            messages: Vec::new(),
            is_batch: false,
            batch,
            side,
        }
    }

    /// What the method is that was read last.
    pub(super) fn method(&self) -> Option<Called> {
        self.method
    }

    /// Whether the `_meta` of `params` has named a protocol version.
    pub(super) fn names_version(&self) -> bool {
        self.names_version
    }

    /// Whether a server's answer has named what a client brings back.
    pub(super) fn is_brought_back(&self) -> bool {
        self.is_brought_back
    }

    /// The id, where what has come by now is the beginning of one request, and nothing in it speaks against that.
    pub(super) fn request_so_far(&self) -> Option<OwnedId> {
        let Envelope { lookalike, id, method, has_result, has_error, .. } = self.envelope;
        let is_called = self.method.is_some() && method == Some(json::Kind::String);
        let is_request = is_called && id == IdMember::Valid;
        let is_other = self.is_batch || lookalike || has_result || has_error;
        let ended = self.messages.last().and_then(|message| message.id.as_ref());
        self.id.as_ref().or(ended).filter(|_| is_request && !is_other).cloned()
    }

    fn begin_message(&mut self, at: usize) {
        self.start = at;
        self.envelope = Envelope::default();
        self.id = None;
    }

    /// A member of the message has a value of this kind.
    fn note(&mut self, kind: json::Kind) {
        match self.member {
            Member::Method => self.envelope.method = Some(kind),
            Member::Params => self.envelope.params = Some(kind),
            Member::Result => self.envelope.has_result = true,
            Member::Error => self.envelope.has_error = true,
            // A scalar's token decides, when it has ended.
            Member::Id => self.envelope.id = IdMember::Invalid(FaultReason::Id),
            Member::Version | Member::Meta | Member::Other => {}
        }
    }

    /// What opens now is not read.
    fn skip(&mut self) -> Result<(), Fault> {
        self.unread = 1;
        Ok(())
    }

    fn end_message(&mut self) -> Result<(), Fault> {
        let kind = self.envelope.kind(self.side).map_err(|reason| fault(reason, self.start))?;
        if self.is_batch && self.messages.len() >= self.batch {
            return Err(fault(FaultReason::LongBatch, self.start));
        }
        self.messages.push(SeenMessage { kind, id: self.id.take() });
        Ok(())
    }

    /// What the body was, once it has ended.
    pub(super) fn seen(mut self) -> Result<Seen, Fault> {
        if self.is_batch {
            return Ok(Seen::Batch(self.messages));
        }
        self.messages.pop().map(Seen::One).ok_or(fault(FaultReason::NotAMessage, 0))
    }
}

impl Watch for Book {
    type Fault = Fault;

    fn opens(&mut self, kind: json::Kind, at: usize) -> Result<(), Fault> {
        if self.unread > 0 {
            self.unread += 1;
            return Ok(());
        }
        let is_object = kind == json::Kind::Object;
        let place = match (self.read.last(), is_object) {
            (None, false) => {
                self.is_batch = true;
                self.read.push(Place::Batch);
                return Ok(());
            }
            (None | Some(Place::Batch), true) => {
                self.begin_message(at);
                Place::Message
            }
            (Some(Place::Batch), false) => return Err(fault(FaultReason::BatchElement, at)),
            (Some(Place::Message), _) => {
                self.note(kind);
                let own = self.side == Side::Server;
                match self.member {
                    Member::Params if is_object => Place::Part,
                    Member::Result | Member::Error if is_object && own => Place::Part,
                    _ => return self.skip(),
                }
            }
            (Some(Place::Part), true) if self.member == Member::Meta => Place::Meta,
            _ => return self.skip(),
        };
        self.read.push(place);
        self.keys.open();
        Ok(())
    }

    fn closes(&mut self, at: usize) -> Result<(), Fault> {
        if self.unread > 0 {
            self.unread -= 1;
            return Ok(());
        }
        match self.read.pop() {
            Some(Place::Batch) if self.messages.is_empty() => return Err(fault(FaultReason::EmptyBatch, at)),
            Some(Place::Batch) | None => return Ok(()),
            Some(Place::Message) => self.end_message()?,
            Some(Place::Part | Place::Meta) => {}
        }
        self.keys.close();
        Ok(())
    }

    fn key_begins(&mut self) -> bool {
        let is_read = self.unread == 0;
        if is_read {
            self.keys.begin();
        }
        is_read
    }

    fn key_text(&mut self, text: &[u8]) {
        self.keys.text(text);
    }

    fn key_ends(&mut self, at: usize) -> Result<(), Fault> {
        self.keys.end().map_err(|reason| fault(FaultReason::Text(reason), at))?;
        let key = self.keys.short().unwrap_or_default();
        self.member = match self.read.last() {
            Some(Place::Message) => {
                let member = Member::of_message(key);
                self.envelope.lookalike |= member == Member::Other && known::shadows_envelope(key);
                member
            }
            Some(Place::Part) if key == b"_meta" => Member::Meta,
            Some(Place::Part) => {
                self.is_brought_back |= self.side == Side::Server && Fields::default().slot_of_result(key).is_some();
                Member::Other
            }
            Some(Place::Meta) => {
                self.names_version |= key == VERSION_KEY;
                self.is_brought_back |= self.side == Side::Server && key == RELATED_TASK_KEY;
                Member::Other
            }
            _ => Member::Other,
        };
        Ok(())
    }

    fn scalar_begins(&mut self, kind: json::Kind, at: usize) -> Result<bool, Fault> {
        match self.read.last() {
            _ if self.unread > 0 => Ok(false),
            None => Err(fault(FaultReason::NotAMessage, at)),
            Some(Place::Batch) => Err(fault(FaultReason::BatchElement, at)),
            Some(Place::Message) => {
                self.note(kind);
                self.token.clear();
                self.kind = kind;
                let names = self.member == Member::Method && self.side == Side::Client;
                Ok(names || matches!(self.member, Member::Version | Member::Id))
            }
            Some(Place::Part | Place::Meta) => Ok(false),
        }
    }

    fn scalar_token(&mut self, token: &[u8]) {
        // One byte more than an id may have is enough to see that it is too long.
        let room = (Id::LONGEST_TOKEN + 1).saturating_sub(self.token.len());
        self.token.extend_from_slice(token.get(..room).unwrap_or(token));
    }

    fn scalar_ends(&mut self) {
        let value = Value::of_token(&self.token, self.kind);
        match self.member {
            Member::Version => {
                self.envelope.is_version_2 = value.is(&self.token, "2.0");
                return;
            }
            Member::Method => {
                self.method = Some(Called::of(&value, &self.token));
                return;
            }
            _ => {}
        }
        self.envelope.id = match Id::read(&self.token, value) {
            Ok(None) => IdMember::Null,
            Ok(Some(id)) => {
                self.id = Some(OwnedId::of(&id, &self.token));
                IdMember::Valid
            }
            Err(reason) => IdMember::Invalid(reason),
        };
    }
}

impl Called {
    fn of(method: &Value, token: &[u8]) -> Self {
        match method {
            opens if opens.is(token, "initialize") => Self::Initialize,
            opened if opened.is(token, "notifications/initialized") => Self::Initialized,
            _ => Self::Other,
        }
    }
}

impl Member {
    fn of_message(key: &[u8]) -> Member {
        match key {
            b"jsonrpc" => Member::Version,
            b"id" => Member::Id,
            b"method" => Member::Method,
            b"params" => Member::Params,
            b"result" => Member::Result,
            b"error" => Member::Error,
            _ => Member::Other,
        }
    }
}

fn fault(reason: FaultReason, at: usize) -> Fault {
    Fault { reason, at: u32::try_from(at).unwrap_or(u32::MAX), id: None }
}
