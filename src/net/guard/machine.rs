//! The guard of one connection: head, body, head.

use super::{
    chunked::Chunked,
    draft::Draft,
    field::Field,
    framing::{self, Framing},
    head::Head,
    limits::HeadLimits,
    lines::Lines,
    queue::Heads,
    refused::{Fault, Refused},
};

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

/// Reads a client's HTTP/1.1 connection before the parser does.
#[derive(Debug)]
pub struct HeadGuard {
    limits: HeadLimits,
    at: At,
    /// Of the head or the trailers that are being read.
    lines: Lines,
    heads: Heads,
}

#[derive(Debug)]
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

impl HeadGuard {
    /// A guard at the start of a connection.
    pub fn new(limits: HeadLimits) -> Self {
        Self { limits, at: At::START, lines: Lines::default(), heads: Heads::default() }
    }

    /// Inspects bytes as they came from the socket, in order. `Ok`: all of them may be handed on.
    ///
    /// # Errors
    ///
    /// The first `good` of them may be handed on, nothing after; the connection must be closed. Whatever
    /// is inspected after that is refused for the same reason.
    pub fn inspect(&mut self, bytes: &[u8]) -> Result<(), Refused> {
        let (mut read, mut good) = (0, 0);
        while read < bytes.len() {
            match self.step(&bytes[read..]) {
                Ok(taken) => read += taken,
                Err(fault) => {
                    self.at = At::Refused(fault, self.at.of_body());
                    self.lines.release();
                    return Err(fault.after(good));
                }
            }
            if self.is_settled() {
                good = read;
            }
        }
        Ok(())
    }

    /// What is awaited. After a refusal, where it happened: in `Body`, the request is already in the
    /// parser's hands and can only be cut short.
    pub fn phase(&self) -> Phase {
        match &self.at {
            At::Request { .. } if matches!(self.lines.unfinished(), b"" | b"\r") => Phase::Between,
            at if at.of_body() => Phase::Body,
            _ => Phase::Head,
        }
    }

    /// The oldest complete head that has not been taken yet: what the parser behind us must agree with.
    pub fn take_head(&mut self) -> Option<Head> {
        self.heads.take()
    }

    /// Takes one line, or as much of a body as is there; at least one byte.
    fn step(&mut self, bytes: &[u8]) -> Result<usize, Fault> {
        match &mut self.at {
            At::Request { .. } | At::Fields(_) => self.head_line(bytes),
            At::Length(left) => {
                let taken = (bytes.len() as u64).min(*left);
                *left -= taken;
                if *left == 0 {
                    self.at = At::START;
                }
                Ok(taken as usize)
            }
            At::Chunks(chunked) => {
                let taken = chunked.pass(bytes)?;
                if chunked.is_over() {
                    self.at = At::Trailers { fields: 0 };
                }
                Ok(taken)
            }
            At::Trailers { .. } => self.trailer_line(bytes),
            At::Refused(fault, _) => Err(*fault),
        }
    }

    fn head_line(&mut self, bytes: &[u8]) -> Result<usize, Fault> {
        let Some((line, taken)) = self.lines.next(bytes, self.limits.head_bytes())? else { return Ok(bytes.len()) };
        match &mut self.at {
            At::Request { after_empty: true } if line.is_empty() => {
                return Err(Fault::bad("several empty lines before a request line"));
            }
            At::Request { after_empty } if line.is_empty() => *after_empty = true,
            At::Request { .. } => self.at = At::Fields(Draft::open(line)?),
            At::Fields(draft) if !line.is_empty() => draft.field(line, self.limits.headers)?,
            _ => self.end_head()?,
        }
        Ok(taken)
    }

    fn end_head(&mut self) -> Result<(), Fault> {
        let At::Fields(draft) = std::mem::replace(&mut self.at, At::START) else { return Ok(()) };
        let head = draft.close()?;
        self.at = match head.framing {
            Framing::None | Framing::Length(0) => At::START,
            Framing::Length(length) => At::Length(length),
            Framing::Chunked => At::Chunks(Chunked::default()),
        };
        self.lines.release();
        self.heads.push(head)
    }

    fn trailer_line(&mut self, bytes: &[u8]) -> Result<usize, Fault> {
        let Some((line, taken)) = self.lines.next(bytes, self.limits.trailer_bytes())? else { return Ok(bytes.len()) };
        match &mut self.at {
            At::Trailers { fields } if !line.is_empty() => {
                let field = Field::parse(line)?;
                if *fields == self.limits.headers {
                    return Err(Fault::large("trailers of too many fields"));
                }
                *fields += 1;
                if field.name.is(b"host") {
                    return Err(Fault::bad("a Host in the trailers"));
                }
                framing::refuse_framing(field.name)?;
            }
            _ => {
                self.at = At::START;
                self.lines.release();
            }
        }
        Ok(taken)
    }

    /// True if all that has been read belongs to sound heads and bodies.
    fn is_settled(&self) -> bool {
        match &self.at {
            At::Request { .. } | At::Trailers { fields: 0 } => self.lines.is_untouched(),
            At::Fields(_) | At::Trailers { .. } | At::Refused(..) => false,
            At::Length(_) => true,
            At::Chunks(chunked) => chunked.is_settled(),
        }
    }
}
