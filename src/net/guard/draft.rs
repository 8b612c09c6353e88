//! A head while its lines come in.

use bytes::{Buf, Bytes};
use http::{HeaderValue, Method, Uri, header, request};

use super::{
    field::Field,
    framing::Announced,
    head::{self, Head},
    host,
    refused::Fault,
    request_line::RequestLine,
    target,
};

/// The head from its request line on; `close` it at the empty line.
#[derive(Debug)]
pub(super) struct Draft {
    parts: request::Parts,
    has_host: bool,
    announced: Announced,
}

impl Draft {
    /// Begins with the request line; `fields` is how many may follow.
    pub(super) fn open(line: &Bytes, fields: usize) -> Result<Self, Fault> {
        let RequestLine { method, target, version } = RequestLine::parse(line)?;
        target::check(method, target)?;
        let method = Method::from_bytes(method).map_err(|_| Fault::bad("a method that is no token"))?;
        let uri = Uri::from_maybe_shared(line.slice_ref(target)).map_err(|_| target::INVALID)?;
        let parts = head::parts(method, uri, version, fields);
        Ok(Self { parts, has_host: false, announced: Announced::default() })
    }

    /// Takes a header line, the `most`th at the utmost.
    pub(super) fn field(&mut self, mut line: Bytes, most: usize) -> Result<(), Fault> {
        let field = Field::parse(&line)?;
        if self.parts.headers.len() == most {
            return Err(Fault::large("a head of too many fields"));
        }
        let name = match field.name.known() {
            Some(name) => {
                match name {
                    header::HOST => self.host(field.value())?,
                    header::CONTENT_LENGTH => self.announced.note_length(field.value())?,
                    _ => {}
                }
                name
            }
            None => {
                self.announced.note(field)?;
                field.name.parsed()?
            }
        };
        // The line itself becomes the value.
        let place = field.place();
        line.truncate(place.end);
        line.advance(place.start);
        let value = HeaderValue::from_maybe_shared(line);
        self.parts.headers.append(name, value.map_err(|_| Fault::bad("a control byte in a head or trailers"))?);
        Ok(())
    }

    /// Ends the head. A host is asked of HTTP/1.0 as well: the answer to whom the request is meant for
    /// must not depend on a version that the client chooses.
    pub(super) fn close(self) -> Result<Head, Fault> {
        if !self.has_host {
            return Err(Fault::bad("no Host"));
        }
        let framing = self.announced.settle(self.parts.method.as_str().as_bytes(), self.parts.version)?;
        Ok(Head { parts: self.parts, framing })
    }

    fn host(&mut self, value: &[u8]) -> Result<(), Fault> {
        if self.has_host {
            return Err(Fault::bad("two Host lines"));
        }
        self.has_host = true;
        host::check(value)?;
        match self.parts.uri.authority() {
            Some(authority) if !authority.as_str().as_bytes().eq_ignore_ascii_case(value) => {
                Err(Fault::bad("a Host that is not the target's"))
            }
            _ => Ok(()),
        }
    }
}
