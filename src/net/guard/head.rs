//! A request's head as the guard has read it.

use http::{Version, request::Parts};

use super::{framing::Framing, request_line::Method, target::Target};

/// What the parser behind the guard must have read as well. It holds nothing on the heap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    pub(super) method: Method,
    pub(super) target: Target,
    pub(super) version: Version,
    /// How the body is framed.
    pub framing: Framing,
    /// The number of header fields.
    pub headers: usize,
}

impl Head {
    /// The method, as it came.
    pub fn method(&self) -> &[u8] {
        self.method.as_bytes()
    }

    /// HTTP/1.0 or HTTP/1.1.
    pub fn version(&self) -> Version {
        self.version
    }

    /// True when what hyper parsed is this request: method, target, version, number of header fields,
    /// framing of the body. `size` is the exact size of the body as hyper says it before the body is
    /// read, none for a chunked one.
    pub fn agrees(&self, request: &Parts, size: Option<u64>) -> bool {
        self.method() == request.method.as_str().as_bytes()
            && self.version == request.version
            && self.target == Target::of(&request.uri)
            && self.headers == request.headers.len()
            && self.framing.size() == size
    }
}
