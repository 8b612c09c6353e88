//! The first line of a head: method, target, version.

use http::Version;

use super::{classes, refused::Fault};

/// Characters of a method; the longest registered one has 17.
const MOST: usize = 23;

/// A request line taken apart; the target is not looked into.
#[derive(Debug, Clone, Copy)]
pub(super) struct RequestLine<'a> {
    pub(super) method: &'a [u8],
    pub(super) target: &'a [u8],
    pub(super) version: Version,
}

impl<'a> RequestLine<'a> {
    /// Takes a line apart: exactly two spaces (RFC 9112, 3), HTTP/1.0 or HTTP/1.1.
    pub(super) fn parse(line: &'a [u8]) -> Result<Self, Fault> {
        let (method, rest) = until_space(line).ok_or(Fault::bad("a request line without a target"))?;
        let (target, version) = until_space(rest).ok_or(Fault::bad("a request line without a version"))?;
        check_method(method)?;
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

fn check_method(name: &[u8]) -> Result<(), Fault> {
    match name {
        [] => Err(Fault::bad("a request line without a method")),
        b"POST" => Ok(()),
        b"CONNECT" => Err(Fault::bad("CONNECT")),
        _ if name.len() > MOST => Err(Fault::bad("a method of too many characters")),
        _ if !name.iter().all(|byte| classes::is(*byte, classes::TOKEN)) => {
            Err(Fault::bad("a method that is no token"))
        }
        _ => Ok(()),
    }
}

fn until_space(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = memchr::memchr(b' ', text)?;
    Some((&text[..at], &text[at + 1..]))
}
