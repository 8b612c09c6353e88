//! The head of an answer as bytes. Framing and connection are ours, whatever a handler has said of them.

use std::io::Write;

use http::{HeaderMap, StatusCode, Version, header};

use super::shared::Shared;

/// How the body's end is told (RFC 9112, 6.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    Chunked,
    /// So many bytes are still to come.
    Length(u64),
    /// By the end of the connection: HTTP/1.0 has nothing else for a body of unknown length.
    UntilClose,
    /// There is no body.
    None,
}

/// What a head says.
pub(super) struct ResponseHead<'a> {
    pub(super) version: Version,
    pub(super) status: StatusCode,
    pub(super) fields: &'a HeaderMap,
    pub(super) framing: Framing,
    /// The value of `Connection`.
    pub(super) connection: Option<&'static str>,
    /// Who knows the date, where it is said; none is added to one that is there.
    pub(super) date: Option<&'a Shared>,
}

impl ResponseHead<'_> {
    /// Bytes that it does not exceed.
    pub(super) fn room(&self) -> usize {
        const OURS: usize = 256;
        let fields = self.fields.iter().map(|(name, value)| name.as_str().len() + value.len() + 4);
        OURS + fields.sum::<usize>()
    }

    /// Writes it into memory that has room for it, where that cannot fail.
    pub(super) fn write(&self, out: &mut impl Write) {
        let written = self.try_write(out);
        debug_assert!(written.is_ok(), "the buffer has room for a head");
    }

    fn try_write(&self, out: &mut impl Write) -> std::io::Result<()> {
        out.write_all(if self.version == Version::HTTP_10 { b"HTTP/1.0 " } else { b"HTTP/1.1 " })?;
        if self.status == StatusCode::OK {
            out.write_all(b"200 OK\r\n")?;
        } else {
            out.write_all(self.status.as_str().as_bytes())?;
            out.write_all(b" ")?;
            out.write_all(self.status.canonical_reason().unwrap_or("").as_bytes())?;
            out.write_all(b"\r\n")?;
        }
        let mut date = self.date;
        for (name, value) in self.fields {
            match *name {
                // A length that a handler set would lie beside ours.
                header::CONTENT_LENGTH | header::TRANSFER_ENCODING | header::CONNECTION => continue,
                header::DATE => date = None,
                _ => {}
            }
            field(out, name.as_str().as_bytes(), value.as_bytes())?;
        }
        match self.framing {
            Framing::Chunked => out.write_all(b"transfer-encoding: chunked\r\n")?,
            Framing::Length(length) => write!(out, "content-length: {length}\r\n")?,
            Framing::UntilClose | Framing::None => {}
        }
        if let Some(connection) = self.connection {
            field(out, b"connection", connection.as_bytes())?;
        }
        if let Some(shared) = date {
            field(out, b"date", &shared.date())?;
        }
        out.write_all(b"\r\n")
    }
}

#[inline]
fn field(out: &mut impl Write, name: &[u8], value: &[u8]) -> std::io::Result<()> {
    out.write_all(name)?;
    out.write_all(b": ")?;
    out.write_all(value)?;
    out.write_all(b"\r\n")
}
