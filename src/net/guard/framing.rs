//! How long a request's body is, by its head.

use http::Version;

use super::{field::Field, refused::Fault};

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
    pub(super) fn note(&mut self, field: Field<'_>) -> Result<(), Fault> {
        match framing_name(field)? {
            Some(Name::ContentLength) if self.length.is_some() => Err(Fault::bad("two Content-Length lines")),
            Some(Name::ContentLength) => {
                self.length = Some(length(field.value)?);
                self.either()
            }
            Some(Name::TransferEncoding) if self.chunked => Err(Fault::bad("two Transfer-Encoding lines")),
            Some(Name::TransferEncoding) if !field.value.eq_ignore_ascii_case(b"chunked") => {
                Err(Fault::bad("a transfer coding other than one plain chunked"))
            }
            Some(Name::TransferEncoding) => {
                self.chunked = true;
                self.either()
            }
            None => Ok(()),
        }
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
        if matches!(method, b"GET" | b"HEAD" | b"DELETE" | b"TRACE") && framing.size() != Some(0) {
            return Err(Fault::bad("a body with a method that has none"));
        }
        Ok(framing)
    }

    fn either(&self) -> Result<(), Fault> {
        match self.chunked && self.length.is_some() {
            true => Err(Fault::bad("Content-Length with Transfer-Encoding")),
            false => Ok(()),
        }
    }
}

/// The two headers that frame a body.
enum Name {
    ContentLength,
    TransferEncoding,
}

/// Refuses a header line that frames a body, or seems to: in trailers there is no place for one.
pub(super) fn refuse_framing(field: Field<'_>) -> Result<(), Fault> {
    match framing_name(field)? {
        Some(_) => Err(Fault::bad("a framing header in the trailers")),
        None => Ok(()),
    }
}

fn framing_name(field: Field<'_>) -> Result<Option<Name>, Fault> {
    const LOOKALIKE: Fault = Fault::bad("a header's name that reads as a framing header");
    if field.reads_as(b"contentlength") {
        return if field.is(b"content-length") { Ok(Some(Name::ContentLength)) } else { Err(LOOKALIKE) };
    }
    if field.reads_as(b"transferencoding") {
        return if field.is(b"transfer-encoding") { Ok(Some(Name::TransferEncoding)) } else { Err(LOOKALIKE) };
    }
    Ok(None)
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
