//! What a sealed `Mcp-Session-Id` carries towards the client.
//!
//! The plain bytes, which only [`SessionId::seal`] writes and only [`SessionId::open`] reads:
//!
//! ```text
//! 8 bytes  issued, seconds since 1970, big endian
//! 8 bytes  endpoint, big endian
//! 1 + n    revision: length, text
//! 1 + n    node: length, text
//! rest     the server's own session id
//! ```

use std::{error, fmt, time::Duration};

use super::{
    sealer::Sealer,
    short::{Short, is_visible},
};

/// How long a session id opens after it was issued, used or not.
pub const LIFE: Duration = Duration::from_secs(24 * 60 * 60);
/// How far the clocks of two nodes may be apart.
pub const SKEW: Duration = Duration::from_secs(5 * 60);
/// The longest sealed id, in bytes of text; what clients and servers in the field take in a header.
pub const MOST_TEXT: usize = 2048;

/// A legacy session, as we see it: the server's own id and what we have to remember about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionId {
    /// The negotiated revision of the protocol, e.g. `2025-11-25`.
    pub revision: Short<32>,
    /// When it was issued, in seconds since 1970.
    pub issued: u64,
    /// The node that owns it; empty where any node can serve it.
    pub node: Short<16>,
    /// Fingerprint of the endpoint that gave `upstream`.
    pub endpoint: u64,
    /// The server's own session id; not empty, visible ASCII.
    pub upstream: String,
}

/// Why a session cannot be sealed. Both are faults of the server, which chose the id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unsealable {
    /// The sealed text would be longer than [`MOST_TEXT`].
    TooLong,
    /// The server's id is empty or not visible ASCII.
    NotVisible,
}

impl SessionId {
    /// The text for the client, at most [`MOST_TEXT`] bytes, bound to the route and the caller.
    pub fn seal(&self, sealer: &Sealer, route: &str, principal: &str) -> Result<String, Unsealable> {
        if !is_id(&self.upstream) {
            return Err(Unsealable::NotVisible);
        }
        let (revision, node) = (self.revision.as_str(), self.node.as_str());
        let length = 8 + 8 + 1 + revision.len() + 1 + node.len() + self.upstream.len();
        if ((Sealer::OVERHEAD + length) * 4).div_ceil(3) > MOST_TEXT {
            return Err(Unsealable::TooLong);
        }
        let mut plain = Vec::with_capacity(length);
        plain.extend_from_slice(&self.issued.to_be_bytes());
        plain.extend_from_slice(&self.endpoint.to_be_bytes());
        for text in [revision, node] {
            plain.push(u8::try_from(text.len()).expect("a `Short` is below 256 bytes"));
            plain.extend_from_slice(text.as_bytes());
        }
        plain.extend_from_slice(self.upstream.as_bytes());
        Ok(sealer.seal(&context(route, principal), &plain))
    }

    /// Opens what a client sent, `now` being seconds since 1970. `None` for whatever is wrong with it: not ours, of
    /// another route or caller, older than [`LIFE`], or from further in the future than [`SKEW`].
    pub fn open(sealer: &Sealer, route: &str, principal: &str, text: &str, now: u64) -> Option<Self> {
        if text.len() > MOST_TEXT {
            return None;
        }
        let session = Self::decode(sealer.open(&context(route, principal), text)?)?;
        let expires = session.issued.saturating_add(LIFE.as_secs());
        let earliest = session.issued.saturating_sub(SKEW.as_secs());
        (earliest <= now && now < expires).then_some(session)
    }

    fn decode(mut plain: Vec<u8>) -> Option<Self> {
        let mut rest = &plain[..];
        let issued = u64::from_be_bytes(take(&mut rest, 8)?.try_into().ok()?);
        let endpoint = u64::from_be_bytes(take(&mut rest, 8)?.try_into().ok()?);
        let revision = short(&mut rest)?;
        let node = short(&mut rest)?;
        let upstream_at = plain.len() - rest.len();
        // The rest of the buffer becomes the id: no second allocation for each request.
        plain.drain(..upstream_at);
        let upstream = String::from_utf8(plain).ok().filter(|id| is_id(id))?;
        Some(Self { revision, issued, node, endpoint, upstream })
    }
}

/// Whether a server may call a session so (2025-11-25, "Session Management").
fn is_id(text: &str) -> bool {
    !text.is_empty() && is_visible(text.as_bytes())
}

fn context<'a>(route: &'a str, principal: &'a str) -> [&'a [u8]; 2] {
    [route.as_bytes(), principal.as_bytes()]
}

fn take<'a>(rest: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (taken, left) = rest.split_at_checked(length)?;
    *rest = left;
    Some(taken)
}

fn short<const N: usize>(rest: &mut &[u8]) -> Option<Short<N>> {
    let length = usize::from(*take(rest, 1)?.first()?);
    Short::new(str::from_utf8(take(rest, length)?).ok()?)
}

impl error::Error for Unsealable {}

impl fmt::Display for Unsealable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong => write!(f, "the server's session id is too long to be sealed into {MOST_TEXT} bytes"),
            Self::NotVisible => write!(f, "the server's session id is empty or not visible ASCII"),
        }
    }
}

#[cfg(test)]
mod tests;
