//! A head while its lines come in.

use super::{
    field::Field,
    framing::{Announced, Framing},
    head::Head,
    host,
    refused::Fault,
    request_line::RequestLine,
    target,
};

/// The head from its request line on; `close` it at the empty line.
#[derive(Debug)]
pub(super) struct Draft {
    head: Head,
    has_host: bool,
    announced: Announced,
    /// Of an absolute target, which is rare: until `Host` has been compared with it.
    authority: Option<Box<[u8]>>,
}

impl Draft {
    /// Begins with the request line.
    pub(super) fn open(line: &[u8]) -> Result<Self, Fault> {
        let RequestLine { method, target, version } = RequestLine::parse(line)?;
        let form = target::parse(method.as_bytes(), target)?;
        Ok(Self {
            head: Head { method, target: form.target, version, framing: Framing::None, headers: 0 },
            has_host: false,
            announced: Announced::default(),
            authority: (!form.authority.is_empty()).then(|| form.authority.into()),
        })
    }

    /// Takes a header line, the `most`th at the utmost.
    pub(super) fn field(&mut self, line: &[u8], most: usize) -> Result<(), Fault> {
        let field = Field::parse(line)?;
        if self.head.headers == most {
            return Err(Fault::large("a head of too many fields"));
        }
        self.head.headers += 1;
        if field.name.is(b"host") {
            return self.host(field.value());
        }
        self.announced.note(field)
    }

    /// Ends the head. A host is asked of HTTP/1.0 as well: the answer to whom the request is meant for
    /// must not depend on a version that the client chooses.
    pub(super) fn close(mut self) -> Result<Head, Fault> {
        if !self.has_host {
            return Err(Fault::bad("no Host"));
        }
        self.head.framing = self.announced.settle(self.head.method(), self.head.version)?;
        Ok(self.head)
    }

    fn host(&mut self, value: &[u8]) -> Result<(), Fault> {
        if self.has_host {
            return Err(Fault::bad("two Host lines"));
        }
        self.has_host = true;
        host::check(value)?;
        match self.authority.take() {
            Some(authority) if !authority.eq_ignore_ascii_case(value) => {
                Err(Fault::bad("a Host that is not the target's"))
            }
            _ => Ok(()),
        }
    }
}
