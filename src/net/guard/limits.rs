//! How large a head may be.

/// The bounds of one request's head, and of the trailers of one chunked body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeadLimits {
    /// Bytes, from the request line (and an empty line before it) to the empty line that ends the head.
    /// More than 65,535 counts as 65,535: beyond that `http` takes no names and targets.
    pub head: usize,
    /// Header fields.
    pub headers: usize,
}

impl HeadLimits {
    /// What `http` takes at most for a name or a target.
    const MOST: usize = 65_535;

    /// Nobody reads them.
    const MOST_TRAILERS: usize = 16 * 1024 - 1;

    /// Bytes of a head.
    pub(super) fn head_bytes(&self) -> usize {
        self.head.min(Self::MOST)
    }

    /// Bytes of a trailer section with the empty line that ends it: fewer than those of a head, as hyper counts them
    /// too.
    pub(super) fn trailer_bytes(&self) -> usize {
        self.head.saturating_sub(1).min(Self::MOST_TRAILERS)
    }
}

impl Default for HeadLimits {
    fn default() -> Self {
        Self { head: 8 * 1024, headers: 64 }
    }
}
