//! A request's head as it was read.

use http::{HeaderMap, Uri, header, request};

use super::framing::Framing;

/// A request without its body.
#[derive(Debug)]
pub struct Head {
    /// Method, target, version and fields. Values are slices of the read that brought them.
    pub parts: request::Parts,
    /// How the body is framed.
    pub framing: Framing,
}

impl Head {
    /// Whether the client asks for the connection's end behind the answer (RFC 9112, 9.6).
    pub fn closes(&self) -> bool {
        self.says(b"close")
    }

    /// Whether the client asks for the connection to be kept, which HTTP/1.0 has to.
    pub fn keeps(&self) -> bool {
        self.says(b"keep-alive")
    }

    /// Whether the client sends the body only once it is told to go on (RFC 9110, 10.1.1).
    pub fn awaits_continue(&self) -> bool {
        let mut expected = self.parts.headers.get_all(header::EXPECT).iter();
        expected.any(|value| value.as_bytes().eq_ignore_ascii_case(b"100-continue"))
    }

    fn says(&self, option: &[u8]) -> bool {
        let values = self.parts.headers.get_all(header::CONNECTION).iter();
        let mut options = values.flat_map(|value| value.as_bytes().split(|byte| *byte == b','));
        options.any(|own| own.trim_ascii().eq_ignore_ascii_case(option))
    }
}

/// Method, target and version are in; `fields` is how many of them there may be room for.
pub(super) fn parts(method: http::Method, uri: Uri, version: http::Version, fields: usize) -> request::Parts {
    let (mut parts, ()) = http::Request::new(()).into_parts();
    parts.method = method;
    parts.uri = uri;
    parts.version = version;
    parts.headers = HeaderMap::with_capacity(fields);
    parts
}
