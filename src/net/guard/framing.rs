//! How long a request's body is, by its head.

use http::Version;

use super::{field::Field, name::Name, refused::Fault};

/// The framing of a body (RFC 9112, 6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// No framing header: no body.
    None,
    /// `Content-Length`, in bytes.
    Length(u64),
    /// `Transfer-Encoding: chunked`.
    Chunked,
}

impl Framing {
    /// The exact size of the body, none where only its end tells.
    pub fn size(self) -> Option<u64> {
        match self {
            Self::None => Some(0),
            Self::Length(length) => Some(length),
            Self::Chunked => None,
        }
    }
}

/// The framing headers seen so far in a head.
#[derive(Debug, Default)]
pub(super) struct Announced {
    length: Option<u64>,
    chunked: bool,
}

impl Announced {
    /// Takes note of a header line if it is a framing header, and refuses it if it only looks like one.
    #[inline]
    pub(super) fn note(&mut self, field: Field<'_>) -> Result<(), Fault> {
        match Header::named(field.name)? {
            Some(header) => self.take(header, field.value()),
            None => Ok(()),
        }
    }

    /// The same of one that is known to be `Content-Length`.
    pub(super) fn note_length(&mut self, value: &[u8]) -> Result<(), Fault> {
        self.take(Header::ContentLength, value)
    }

    /// The same of a field that came as HTTP/2, where nothing but its frames ends a body: what is told of the length
    /// is only held against them.
    pub(super) fn note_plain(&mut self, name: Name<'_>, value: &[u8]) -> Result<(), Fault> {
        match Header::named(name)? {
            Some(Header::TransferEncoding) => Err(Fault::bad("Transfer-Encoding, which HTTP/2 does not have")),
            Some(header) => self.take(header, value),
            None => Ok(()),
        }
    }

    /// The bytes of a body as HTTP/2 tells them: `None` where only its end does.
    pub(super) fn length(&self) -> Option<u64> {
        self.length
    }

    /// The framing at the end of the head.
    pub(super) fn settle(&self, method: &[u8], version: Version) -> Result<Framing, Fault> {
        let framing = match (self.chunked, self.length) {
            (true, _) => Framing::Chunked,
            (false, Some(length)) => Framing::Length(length),
            (false, None) => Framing::None,
        };
        if self.chunked && version == Version::HTTP_10 {
            return Err(Fault::bad("HTTP/1.0 with Transfer-Encoding"));
        }
        // TRACE stands with those that the rule names: RFC 9110, 9.3.8, forbids it a body.
        check_body(method, framing.size())?;
        Ok(framing)
    }

    fn take(&mut self, header: Header, value: &[u8]) -> Result<(), Fault> {
        match header {
            Header::ContentLength if self.length.is_some() => return Err(Fault::bad("two Content-Length lines")),
            Header::ContentLength => self.length = Some(length(value)?),
            Header::TransferEncoding if self.chunked => return Err(Fault::bad("two Transfer-Encoding lines")),
            Header::TransferEncoding if value.eq_ignore_ascii_case(b"chunked") => self.chunked = true,
            Header::TransferEncoding => return Err(Fault::bad("a transfer coding other than one plain chunked")),
        }
        if self.chunked && self.length.is_some() {
            return Err(Fault::bad("Content-Length with Transfer-Encoding"));
        }
        Ok(())
    }
}

/// Whether requests of this method have no body.
pub fn has_no_body(method: &[u8]) -> bool {
    matches!(method, b"GET" | b"HEAD" | b"DELETE" | b"TRACE")
}

/// Refuses a body of that size (`None`: unknown) where the method has none.
pub(super) fn check_body(method: &[u8], size: Option<u64>) -> Result<(), Fault> {
    if has_no_body(method) && size != Some(0) {
        return Err(Fault::bad("a body with a method that has none"));
    }
    Ok(())
}

/// The two headers that frame a body.
#[derive(Clone, Copy)]
enum Header {
    ContentLength,
    TransferEncoding,
}

impl Header {
    #[inline]
    fn named(name: Name<'_>) -> Result<Option<Self>, Fault> {
        // Most names are told from both by their first letter.
        if name.begins_with_none_of(b"ct") { Ok(None) } else { Self::suspected(name) }
    }

    fn suspected(name: Name<'_>) -> Result<Option<Self>, Fault> {
        let (header, full) = match name {
            _ if name.reads_as(b"contentlength") => (Self::ContentLength, name.is(b"content-length")),
            _ if name.reads_as(b"transferencoding") => (Self::TransferEncoding, name.is(b"transfer-encoding")),
            _ => return Ok(None),
        };
        if full { Ok(Some(header)) } else { Err(Fault::bad("a header's name that reads as a framing header")) }
    }
}

/// Refuses a header that frames a body, or seems to: in trailers there is no place for one.
pub(super) fn refuse_framing(name: Name<'_>) -> Result<(), Fault> {
    match Header::named(name)? {
        Some(_) => Err(Fault::bad("a framing header in the trailers")),
        None => Ok(()),
    }
}

/// Plain digits, at most 2^63-1: many a reader counts with a sign.
fn length(value: &[u8]) -> Result<u64, Fault> {
    if value.is_empty() || !value.iter().all(u8::is_ascii_digit) {
        return Err(Fault::bad("a Content-Length that is not plain digits"));
    }
    value
        .iter()
        .try_fold(0i64, |sum, digit| sum.checked_mul(10)?.checked_add(i64::from(digit - b'0')))
        .map(i64::unsigned_abs)
        .ok_or(Fault::bad("a Content-Length that overflows"))
}
