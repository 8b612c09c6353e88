//! The first line of a head: method, target, version.

use http::Version;

use super::{bytes, refused::Fault};

/// A request line taken apart; the target is not looked into.
#[derive(Debug, Clone, Copy)]
pub(super) struct RequestLine<'a> {
    pub(super) method: Method,
    pub(super) target: &'a [u8],
    pub(super) version: Version,
}

impl<'a> RequestLine<'a> {
    /// Takes a line apart: exactly two spaces (RFC 9112, 3), HTTP/1.0 or HTTP/1.1.
    pub(super) fn parse(line: &'a [u8]) -> Result<Self, Fault> {
        let (method, rest) = until_space(line).ok_or(Fault::bad("a request line without a target"))?;
        let (target, version) = until_space(rest).ok_or(Fault::bad("a request line without a version"))?;
        let method = Method::parse(method)?;
        if target.is_empty() {
            return Err(Fault::bad("an empty target, or several spaces in the request line"));
        }
        let version = match version {
            b"HTTP/1.1" => Version::HTTP_11,
            b"HTTP/1.0" => Version::HTTP_10,
            _ => return Err(Fault::bad("a version that is neither HTTP/1.1 nor HTTP/1.0")),
        };
        Ok(Self { method, target, version })
    }
}

/// A method, held in place; the longest registered one has 17 characters.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Method {
    length: u8,
    /// Zeros behind `length`.
    name: [u8; Self::MOST],
}

impl Method {
    const MOST: usize = 23;

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.name[..self.length.into()]
    }

    fn parse(name: &[u8]) -> Result<Self, Fault> {
        match name {
            [] => return Err(Fault::bad("a request line without a method")),
            b"CONNECT" => return Err(Fault::bad("CONNECT")),
            _ if name.len() > Self::MOST => return Err(Fault::bad("a method of too many characters")),
            _ if !name.iter().all(|byte| bytes::is(*byte, bytes::TOKEN)) => {
                return Err(Fault::bad("a method that is no token"));
            }
            _ => {}
        }
        let mut held = [0; Self::MOST];
        held[..name.len()].copy_from_slice(name);
        Ok(Self { length: name.len() as u8, name: held })
    }
}

impl std::fmt::Debug for Method {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&String::from_utf8_lossy(self.as_bytes()))
    }
}

fn until_space(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = memchr::memchr(b' ', text)?;
    Some((&text[..at], &text[at + 1..]))
}
