//! The reader of whole bodies: one strict pass that keeps the spans that anyone needs.

use super::{
    body::{Body, Limits, Message},
    envelope::{Envelope, IdMember, Side},
    fault::{Fault, FaultReason},
    fields::{Fields, Meta},
    id::Id,
    known,
    known_result::{KNOWN_DEPTH, KnownResult},
};
use crate::protocol::json::{self, Marks, Repeats, Scanner, Span, Value};

/// Reads a body that a client sent.
///
/// # Errors
/// The first fault of the text, whatever else is wrong; else the first fault of a message.
pub fn read_client(bytes: &[u8], limits: &Limits) -> Result<Body, Fault> {
    read(bytes, limits, Side::Client, None)
}

/// Reads a body, or the data of an event, that a server sent.
///
/// A repeated key passes below what is read here; see the module's table for the other differences.
///
/// # Errors
/// The first fault of the text, whatever else is wrong; else the first fault of a message.
pub fn read_server(bytes: &[u8], limits: &Limits) -> Result<Body, Fault> {
    read(bytes, limits, Side::Server, None)
}

/// Says which known `result` it is that a text begins with, if any.
pub type Known<'a> = &'a dyn Fn(&[u8]) -> Option<KnownResult>;

/// [`read_server`] of what probably holds a `result` that has been read before: where it is `known`, its bytes are
/// compared instead of read, which costs a hundredth. What is found is the same.
///
/// # Errors
/// As [`read_server`].
pub fn read_server_knowing(bytes: &[u8], limits: &Limits, known: Known<'_>) -> Result<Body, Fault> {
    // The result of a single message is one level deep.
    read(bytes, limits, Side::Server, Some(known).filter(|_| limits.depth > KNOWN_DEPTH))
}

fn read(bytes: &[u8], limits: &Limits, side: Side, known: Option<Known<'_>>) -> Result<Body, Fault> {
    let repeats = match side {
        Side::Client => Repeats::Refused,
        Side::Server => Repeats::RefusedWhereRead,
    };
    let mut scanner = Scanner::new(bytes, limits.depth, repeats)?;
    match scanner.peek() {
        b'{' => {
            let mut draft = Draft { known, ..Draft::default() };
            draft.read(&mut scanner, bytes, side)?;
            scanner.end()?;
            draft.message(bytes, side).map(Body::One)
        }
        b'[' => read_batch(scanner, bytes, limits, side),
        _ => {
            let value = scanner.value()?;
            scanner.end()?;
            Err(Fault { reason: FaultReason::NotAMessage, at: value.span.start, id: None })
        }
    }
}

fn read_batch(mut scanner: Scanner, bytes: &[u8], limits: &Limits, side: Side) -> Result<Body, Fault> {
    let mut messages = Vec::new();
    let mut fault = None;
    let whole = scanner.array(|scanner| {
        // The text is read to its end whatever was found before: if it is not sound, that is the fault.
        if scanner.peek() != b'{' {
            let element = scanner.value()?;
            let found = Fault { reason: FaultReason::BatchElement, at: element.span.start, id: None };
            fault.get_or_insert(found);
            return Ok(());
        }
        let mut draft = Draft::default();
        draft.read(scanner, bytes, side)?;
        match draft.message(bytes, side) {
            _ if fault.is_some() => {}
            Ok(message) if messages.len() >= limits.batch => {
                fault = Some(Fault { reason: FaultReason::LongBatch, at: message.span.start, id: None });
            }
            Ok(message) => messages.push(message),
            Err(found) => fault = Some(found),
        }
        Ok(())
    })?;
    scanner.end()?;
    match fault {
        Some(fault) => Err(fault),
        None if messages.is_empty() => Err(Fault { reason: FaultReason::EmptyBatch, at: whole.span.start, id: None }),
        None => Ok(Body::Batch(messages)),
    }
}

/// The members of a message before they have been weighed.
#[derive(Default)]
struct Draft<'k> {
    /// A `result` that need not be read.
    known: Option<Known<'k>>,
    span: Span,
    jsonrpc: Option<Value>,
    id: Option<Value>,
    method: Option<Value>,
    params: Option<Value>,
    result: Option<Value>,
    error: Option<Value>,
    fields: Fields,
    meta: Meta,
    marks: Marks,
    /// The first key that looks like a known one.
    lookalike: Option<Span>,
}

impl Draft<'_> {
    /// Takes the object that is next.
    fn read(&mut self, scanner: &mut Scanner, bytes: &[u8], side: Side) -> Result<(), json::Fault> {
        let whole = scanner.object(|scanner, key| self.member(scanner, bytes, side, key))?;
        self.span = whole.span;
        Ok(())
    }

    /// Takes the value of a member of the message.
    #[inline]
    fn member(&mut self, scanner: &mut Scanner, bytes: &[u8], side: Side, key: Value) -> Result<(), json::Fault> {
        let name = key.content(bytes);
        match name.as_ref() {
            b"jsonrpc" => self.jsonrpc = Some(scanner.value()?),
            b"id" => self.id = Some(scanner.value()?),
            b"method" => self.method = Some(scanner.value()?),
            b"params" => self.params = Some(self.read_params(scanner, bytes, side)?),
            b"result" if side == Side::Server => self.result = Some(self.read_result(scanner, bytes)?),
            b"error" if side == Side::Server => self.error = Some(self.read_own(scanner, bytes, false)?),
            b"result" => self.result = Some(scanner.value()?),
            b"error" => self.error = Some(scanner.value()?),
            other => {
                if known::shadows_envelope(other) {
                    self.lookalike.get_or_insert(key.span);
                }
                scanner.value()?;
            }
        }
        Ok(())
    }

    #[inline]
    fn read_params(&mut self, scanner: &mut Scanner, bytes: &[u8], side: Side) -> Result<Value, json::Fault> {
        if scanner.peek() != b'{' {
            return scanner.value();
        }
        scanner.object(|scanner, key| {
            let name = key.content(bytes);
            match self.fields.slot(&name) {
                Some(slot) if *name == *b"_meta" => {
                    let value = read_meta(&mut self.meta, scanner, bytes)?;
                    *slot = Some(value);
                }
                Some(slot) if bytes.len() > Marks::SHORT && side == Side::Client && *name == *b"arguments" => {
                    *slot = Some(self.marks.read(scanner)?);
                }
                Some(slot) => *slot = Some(scanner.value()?),
                None => {
                    if side == Side::Client && known::shadows_params(&name) {
                        self.lookalike.get_or_insert(key.span);
                    }
                    scanner.value()?;
                }
            }
            Ok(())
        })
    }

    /// Takes a `result` of a server.
    #[inline]
    fn read_result(&mut self, scanner: &mut Scanner, bytes: &[u8]) -> Result<Value, json::Fault> {
        let Some(known) = self.known.and_then(|known| known(scanner.rest())) else {
            return self.read_own(scanner, bytes, true);
        };
        let result = scanner.pass_object(known.length());
        known.keep(result.span.start, &mut self.fields);
        Ok(result)
    }

    /// Takes a `result` or `error` of a server: their own keys do not repeat, nor those of their `_meta`.
    fn read_own(&mut self, scanner: &mut Scanner, bytes: &[u8], is_result: bool) -> Result<Value, json::Fault> {
        if scanner.peek() != b'{' {
            return scanner.value();
        }
        scanner.object(|scanner, key| {
            let name = key.content(bytes);
            if *name == *b"_meta" {
                read_meta(&mut self.meta, scanner, bytes)?;
                return Ok(());
            }
            let value = scanner.value()?;
            if let Some(slot) = self.fields.slot_of_result(&name).filter(|_| is_result) {
                *slot = Some(value);
            }
            Ok(())
        })
    }

    /// Weighs what was read. Inlined, so that the message is built where it is returned: it is large.
    #[inline(always)]
    fn message(&mut self, bytes: &[u8], side: Side) -> Result<Message, Fault> {
        let (id, id_member) = match self.id.map(|value| Id::read(bytes, value)) {
            None => (None, IdMember::Absent),
            Some(Ok(None)) => (None, IdMember::Null),
            Some(Ok(id)) => (id, IdMember::Valid),
            Some(Err(reason)) => (None, IdMember::Invalid(reason)),
        };
        let envelope = Envelope {
            lookalike: self.lookalike.is_some(),
            is_version_2: self.jsonrpc.is_some_and(|version| version.is(bytes, "2.0")),
            id: id_member,
            method: self.method.map(|method| method.kind),
            params: self.params.map(|params| params.kind),
            has_result: self.result.is_some(),
            has_error: self.error.is_some(),
        };
        match envelope.kind(side) {
            Ok(kind) => Ok(Message {
                kind,
                id,
                method: self.method,
                params: self.params,
                result: self.result,
                error: self.error,
                fields: self.fields,
                meta: self.meta,
                span: self.span,
                marks: std::mem::take(&mut self.marks),
            }),
            Err(reason) => Err(Fault { reason, at: self.place(reason).start, id }),
        }
    }

    /// Where a fault of the envelope is: the member, or the whole message where there is none.
    fn place(&self, reason: FaultReason) -> Span {
        let member = match reason {
            FaultReason::Lookalike => self.lookalike,
            FaultReason::Version => self.jsonrpc.map(|value| value.span),
            FaultReason::Id | FaultReason::LongId | FaultReason::NullId => self.id.map(|value| value.span),
            FaultReason::Method => self.method.map(|value| value.span),
            FaultReason::Params => self.params.map(|value| value.span),
            _ => None,
        };
        member.unwrap_or(self.span)
    }
}

/// Takes a `_meta`, keeping what is needed of it where it is an object.
#[inline]
fn read_meta(meta: &mut Meta, scanner: &mut Scanner, bytes: &[u8]) -> Result<Value, json::Fault> {
    if scanner.peek() != b'{' {
        return scanner.value();
    }
    scanner.object(|scanner, key| {
        match meta.slot(&key.content(bytes)) {
            Some(slot) => *slot = Some(scanner.value()?),
            None => {
                scanner.value()?;
            }
        }
        Ok(())
    })
}
