//! A connection as it was read: its requests, and where it was refused. `tests/` uses this file too.

use bytes::Bytes;
use http::{HeaderMap, Method, Uri, Version};

use super::{Framing, Head, HeadLimits, Part, Phase, Reader, Refused};

/// What the reader made of a stream of bytes.
#[derive(Debug)]
pub(crate) struct Transcript {
    pub(crate) requests: Vec<Request>,
    pub(crate) refused: Option<Refused>,
    /// Where the read begins that was refused; behind all bytes if none was.
    pub(crate) before: usize,
    pub(crate) phase: Phase,
}

/// One request of it.
#[derive(Debug, PartialEq)]
pub(crate) struct Request {
    pub(crate) method: Method,
    pub(crate) uri: Uri,
    pub(crate) version: Version,
    pub(crate) headers: HeaderMap,
    pub(crate) framing: Framing,
    body: Vec<u8>,
    is_complete: bool,
}

impl Transcript {
    /// Reads a connection in such reads.
    pub(crate) fn of<'a>(reads: impl IntoIterator<Item = &'a [u8]>, limits: HeadLimits) -> Self {
        let mut reader = Reader::new(limits);
        let mut this = Self { requests: Vec::new(), refused: None, before: 0, phase: Phase::Between };
        for read in reads {
            let mut input = Bytes::copy_from_slice(read);
            this.refused = loop {
                match reader.next(&mut input) {
                    Ok(Some(part)) => this.take(part, &reader),
                    Ok(None) => break None,
                    Err(refused) => break Some(refused),
                }
            };
            if this.refused.is_some() {
                assert_eq!(
                    reader.next(&mut Bytes::from_static(b"x")).err(),
                    this.refused,
                    "once refused, always refused"
                );
                break;
            }
            assert!(input.is_empty());
            this.before += read.len();
        }
        this.phase = reader.phase();
        this
    }

    /// The status of the refusal, and why.
    pub(crate) fn verdict(&self) -> Option<(u16, &'static str)> {
        self.refused.map(|refused| (refused.status, refused.why))
    }

    fn take(&mut self, part: Part, reader: &Reader) {
        match part {
            Part::Head(head) => self.requests.push(Request::from(head)),
            Part::Data(bytes) => {
                assert!(!bytes.is_empty());
                self.requests.last_mut().expect("a body has a head").body.extend_from_slice(&bytes);
            }
            Part::End => assert_ne!(reader.phase(), Phase::Body),
        }
        let request = self.requests.last_mut().expect("a part belongs to a request");
        request.is_complete = reader.phase() != Phase::Body;
        if let Framing::Length(length) = request.framing {
            assert_eq!(reader.left(), Some(length - request.body.len() as u64));
        }
    }
}

impl Request {
    /// The content of the body, none if it did not come whole.
    pub(crate) fn content(&self) -> Option<&[u8]> {
        self.is_complete.then_some(&*self.body)
    }
}

impl From<Head> for Request {
    fn from(Head { parts, framing }: Head) -> Self {
        let http::request::Parts { method, uri, version, headers, .. } = parts;
        Self { method, uri, version, headers, framing, body: Vec::new(), is_complete: false }
    }
}
