//! What the bytes of an answer mean: interim heads, the head, the body, and what is left over. No I/O.
//!
//! Bytes come in any portions. A head that comes in one portion (nearly all do) is copied once and never gathered;
//! line ends are checked while its end is searched, so no byte of a slow head is looked at twice.

use std::ops::Range;
use std::time::Duration;

use bytes::Bytes;

use super::body::Body;
use super::failure::Failure;
use super::head::{self, ResponseHead};

/// The most bytes of all heads of an answer, interim ones included.
const MAX_HEADS: usize = 64 * 1024;
/// The most interim heads (1xx) before the final one.
const MAX_INTERIM: u8 = 16;
/// How every answer begins.
const BEGINNING: &[u8] = b"HTTP/1.";

/// The reading of one answer.
#[derive(Debug)]
pub struct Answer {
    state: State,
    /// It answers HEAD.
    bodyless: bool,
    /// What has come of a head whose end has not.
    gathered: Vec<u8>,
    /// Bytes of the last line gathered, its carriage return included.
    line: usize,
    /// Bytes of all heads so far.
    heads: usize,
    interim: u8,
    keep: Option<Duration>,
    /// Bytes came after its end.
    surplus: bool,
}

#[derive(Debug)]
enum State {
    Head,
    Body(Body),
    GivenUp,
}

/// What one portion of bytes brought.
#[derive(Debug)]
pub struct Fed {
    /// The final head, if its end was in this portion.
    pub head: Option<ResponseHead>,
    /// Where in the portion the payload lies now, in one piece.
    pub payload: Range<usize>,
}

impl Answer {
    /// An answer of which nothing has come. `bodyless`: it will answer a HEAD request.
    pub fn new(bodyless: bool) -> Self {
        Self {
            state: State::Head,
            bodyless,
            gathered: Vec::new(),
            line: 0,
            heads: 0,
            interim: 0,
            keep: None,
            surplus: false,
        }
    }

    /// Reads on. Chunk lines are taken out of `bytes` in place.
    ///
    /// # Errors
    /// `Malformed` or `TooLarge`; the answer is given up then, and every later call fails too.
    pub fn feed(&mut self, bytes: &mut [u8]) -> Result<Fed, Failure> {
        let fed = self.read(bytes);
        if fed.is_err() {
            self.state = State::GivenUp;
        }
        fed
    }

    /// The server has closed the connection; true if the answer ended rightly with that or before.
    pub fn close(&mut self) -> bool {
        match &mut self.state {
            State::Body(body) => body.close(),
            State::Head | State::GivenUp => false,
        }
    }

    /// Whether any byte of it has come.
    pub fn has_begun(&self) -> bool {
        self.heads > 0
    }

    /// Whether its end has been read.
    pub fn is_done(&self) -> bool {
        matches!(&self.state, State::Body(body) if body.is_done())
    }

    /// Nothing more is read of it; every later [`Answer::feed`] fails.
    pub fn give_up(&mut self) {
        self.state = State::GivenUp;
    }

    /// Whether it failed, or was given up.
    pub fn is_given_up(&self) -> bool {
        matches!(self.state, State::GivenUp)
    }

    /// The bytes of body still to come, where that is known.
    pub fn left(&self) -> Option<u64> {
        if let State::Body(body) = &self.state { body.left() } else { None }
    }

    /// How long the connection may lie idle after this answer; `None` if it must not be used again: the server said
    /// so, the end has not been read, it was the connection's end, or bytes came after it.
    pub fn keep(&self) -> Option<Duration> {
        match &self.state {
            State::Body(Body::Closed) => None,
            State::Body(body) if body.is_done() && !self.surplus => self.keep,
            _ => None,
        }
    }

    /// Bytes of the buffer held.
    #[cfg(test)]
    pub(super) fn held(&self) -> usize {
        self.gathered.capacity()
    }

    fn read(&mut self, bytes: &mut [u8]) -> Result<Fed, Failure> {
        let (mut at, mut found) = (0, None);
        while let State::Head = self.state {
            let Some((raw, used)) = self.next_head(&bytes[at..])? else {
                return Ok(Fed { head: None, payload: 0..0 });
            };
            at += used;
            let parsed = head::parse(&raw, self.bodyless)?;
            if parsed.head.status.is_informational() {
                self.pass_interim(parsed.head.status)?;
                continue;
            }
            self.keep = parsed.keep;
            self.state = State::Body(Body::new(parsed.framing));
            found = Some(parsed.head);
        }
        let State::Body(body) = &mut self.state else {
            return Err(Failure::Malformed("it was given up before"));
        };
        let rest = &mut bytes[at..];
        let decoded = body.decode(rest)?;
        self.surplus |= decoded.used < rest.len();
        Ok(Fed { head: found, payload: at + decoded.payload.start..at + decoded.payload.end })
    }

    /// The next whole head, and how many of `bytes` it took; `None` (all of them gathered) if its end has not come.
    fn next_head(&mut self, bytes: &[u8]) -> Result<Option<(Bytes, usize)>, Failure> {
        let already = self.gathered.len();
        if already < BEGINNING.len() {
            let wanted = &BEGINNING[already..];
            let both = wanted.len().min(bytes.len());
            if wanted[..both] != bytes[..both] {
                return Err(Failure::Malformed("it does not begin with HTTP/1.1"));
            }
        }
        let end = self.end_of_head(bytes)?;
        let used = end.unwrap_or(bytes.len());
        self.heads += used;
        if self.heads > MAX_HEADS {
            return Err(Failure::TooLarge("a head of more than 64 KiB"));
        }
        if end.is_some() && already == 0 {
            return Ok(Some((Bytes::copy_from_slice(&bytes[..used]), used)));
        }
        self.gathered.extend_from_slice(&bytes[..used]);
        Ok(end.map(|_| (Bytes::from(std::mem::take(&mut self.gathered)), used)))
    }

    /// Where in `bytes` the head ends, after its empty line.
    fn end_of_head(&mut self, bytes: &[u8]) -> Result<Option<usize>, Failure> {
        let mut start = 0;
        for at in memchr::memchr_iter(b'\n', bytes) {
            let before = if at > 0 { bytes.get(at - 1) } else { self.gathered.last() };
            if before != Some(&b'\r') {
                return Err(Failure::Malformed("a line that ends without a carriage return"));
            }
            let length = self.line + at - start;
            self.line = 0;
            start = at + 1;
            if length == 1 {
                return Ok(Some(start));
            }
        }
        self.line += bytes.len() - start;
        Ok(None)
    }

    fn pass_interim(&mut self, status: http::StatusCode) -> Result<(), Failure> {
        // We never ask for an upgrade.
        if status == http::StatusCode::SWITCHING_PROTOCOLS {
            return Err(Failure::Malformed("it switches protocols unasked"));
        }
        self.interim += 1;
        if self.interim > MAX_INTERIM {
            return Err(Failure::TooLarge("more than 16 interim answers"));
        }
        Ok(())
    }
}
