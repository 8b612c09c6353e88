//! The reader of one connection: head, body, head.

use bytes::{Buf, Bytes};

use super::{
    chunked::Chunked,
    draft::Draft,
    field::Field,
    framing::{self, Framing},
    head::Head,
    limits::HeadLimits,
    lines::Lines,
    refused::{Fault, Refused},
};

/// The most fields that room is made for before they have come.
const CREDIBLE: usize = 24;

/// Bytes of a field's line, usually.
const USUAL: usize = 24;

/// Which part of a request is awaited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// No byte of the next head has come (an empty line before it does not count).
    Between,
    /// A head has begun and is not complete.
    Head,
    /// A body, or its trailers.
    Body,
}

/// What came next on a connection.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "a box would be an allocation a request")]
pub enum Part {
    /// A head. Its body follows, where the phase is `Body` now.
    Head(Head),
    /// Bytes of the present body; never none.
    Data(Bytes),
    /// The end of a body in chunks. One of known length is over with its last byte: the phase tells.
    End,
}

/// Reads a client's HTTP/1.1 connection.
#[derive(Debug)]
pub struct Reader {
    limits: HeadLimits,
    at: At,
    /// Of the head or the trailers that are being read.
    lines: Lines,
}

#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "a box would be an allocation a request")]
enum At {
    /// Before the end of a request line; one empty line before it may have come (RFC 9112, 2.2).
    Request {
        after_empty: bool,
    },
    Fields(Draft),
    /// Never zero.
    Length(u64),
    Chunks(Chunked),
    Trailers {
        fields: usize,
    },
    Refused(Fault, /* in a body */ bool),
}

impl At {
    const START: Self = Self::Request { after_empty: false };

    fn of_body(&self) -> bool {
        match self {
            Self::Request { .. } | Self::Fields(_) => false,
            Self::Length(_) | Self::Chunks(_) | Self::Trailers { .. } => true,
            Self::Refused(_, in_body) => *in_body,
        }
    }
}

impl Reader {
    /// A reader at the start of a connection.
    pub fn new(limits: HeadLimits) -> Self {
        Self { limits, at: At::START, lines: Lines::default() }
    }

    /// Takes the next part off `input`, which holds bytes as they came from the socket, in order. `None`: all of them
    /// have been taken, and the next part has not come whole.
    ///
    /// # Errors
    ///
    /// What came is not plain HTTP/1.1, and the connection must be closed. Whatever is read after that is refused for
    /// the same reason.
    pub fn next(&mut self, input: &mut Bytes) -> Result<Option<Part>, Refused> {
        while !input.is_empty() {
            match self.step(input) {
                Ok(None) => {}
                Ok(part) => return Ok(part),
                Err(fault) => {
                    self.at = At::Refused(fault, self.at.of_body());
                    self.lines.release();
                    return Err(fault.into());
                }
            }
        }
        // Else it would hold the memory of the read.
        *input = Bytes::new();
        Ok(None)
    }

    /// What is awaited; after a refusal, where it happened.
    pub fn phase(&self) -> Phase {
        match &self.at {
            At::Request { .. } if matches!(self.lines.unfinished(), b"" | b"\r") => Phase::Between,
            at if at.of_body() => Phase::Body,
            _ => Phase::Head,
        }
    }

    /// The bytes of the present body that are still to come; `None` where only its end tells.
    pub fn left(&self) -> Option<u64> {
        match &self.at {
            At::Length(left) => Some(*left),
            at if at.of_body() => None,
            _ => Some(0),
        }
    }

    /// Takes one line, or as much of a body as is there; at least one byte.
    #[inline]
    fn step(&mut self, input: &mut Bytes) -> Result<Option<Part>, Fault> {
        match &mut self.at {
            At::Request { .. } | At::Fields(_) => self.head_line(input),
            At::Length(left) => {
                let taken = (input.len() as u64).min(*left);
                *left -= taken;
                if *left == 0 {
                    self.at = At::START;
                }
                Ok(Some(Part::Data(input.split_to(taken as usize))))
            }
            At::Chunks(chunked) => {
                let data = chunked.data(input.len());
                if data > 0 {
                    return Ok(Some(Part::Data(input.split_to(data))));
                }
                let taken = chunked.pass(input)?;
                if chunked.is_over() {
                    self.at = At::Trailers { fields: 0 };
                }
                input.advance(taken);
                Ok(None)
            }
            At::Trailers { .. } => self.trailer_line(input),
            At::Refused(fault, _) => Err(*fault),
        }
    }

    fn head_line(&mut self, input: &mut Bytes) -> Result<Option<Part>, Fault> {
        let Some(line) = self.lines.next(input, self.limits.head_bytes())? else { return Ok(None) };
        match &mut self.at {
            At::Request { after_empty: true } if line.is_empty() => {
                return Err(Fault::bad("several empty lines before a request line"));
            }
            At::Request { after_empty } if line.is_empty() => *after_empty = true,
            At::Request { .. } => self.at = At::Fields(Draft::open(&line, room_for_fields(input))?),
            At::Fields(draft) if !line.is_empty() => draft.field(line, self.limits.headers)?,
            _ => return self.end_head(),
        }
        Ok(None)
    }

    fn end_head(&mut self) -> Result<Option<Part>, Fault> {
        let At::Fields(draft) = std::mem::replace(&mut self.at, At::START) else { return Ok(None) };
        let head = draft.close()?;
        self.at = match head.framing {
            Framing::None | Framing::Length(0) => At::START,
            Framing::Length(length) => At::Length(length),
            Framing::Chunked => At::Chunks(Chunked::default()),
        };
        self.lines.release();
        Ok(Some(Part::Head(head)))
    }

    fn trailer_line(&mut self, input: &mut Bytes) -> Result<Option<Part>, Fault> {
        let Some(line) = self.lines.next(input, self.limits.trailer_bytes())? else { return Ok(None) };
        match &mut self.at {
            At::Trailers { fields } if !line.is_empty() => {
                let field = Field::parse(&line)?;
                if *fields == self.limits.headers {
                    return Err(Fault::large("trailers of too many fields"));
                }
                *fields += 1;
                if field.name.is(b"host") {
                    return Err(Fault::bad("a Host in the trailers"));
                }
                framing::refuse_framing(field.name)?;
                Ok(None)
            }
            _ => {
                self.at = At::START;
                self.lines.release();
                Ok(Some(Part::End))
            }
        }
    }
}

/// As many as there may be, by how much has come behind the request line.
fn room_for_fields(behind: &[u8]) -> usize {
    (behind.len() / USUAL).min(CREDIBLE)
}
