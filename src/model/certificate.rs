//! What a client's certificate says, once a handshake has shown that it is to be trusted.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::{Remote, Unnamed};

/// A client's certificate. It lives as long as the connection that it was shown on.
pub struct Certificate {
    /// The SHA-256 of its DER: what tokens are bound to (RFC 8705, 3.1).
    pub fingerprint: [u8; 32],
    /// Its last second, since 1970.
    pub until: u64,
    /// Whom it names; or why that cannot be told.
    pub named: Result<Named, Unnamed>,
    /// It, and what was shown with it, as DER: it is looked at once more where whom to trust has changed.
    pub chain: Box<[Box<[u8]>]>,
    /// Which generation of those to trust the handshake went by.
    pub trusted_by: u64,
    /// It was turned away: its connection is to end, so that its client connects with another one.
    pub spent: AtomicBool,
}

/// Whom a certificate names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// The subject of the authority that vouches for it, as text (RFC 4514); or why that cannot be told.
    pub authority: Result<Box<str>, Unnamed>,
    /// Its SPIFFE id; else its first DNS name, e-mail address or URI, as `dns:`, `email:` and `uri:`; else its subject (RFC
    /// 4514), as `subject:`.
    pub subject: Box<str>,
}

/// Who is at the other end of a connection, as far as that shows of itself. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Visitor {
    /// Where it comes from.
    pub remote: Remote,
    /// What it has shown in the TLS handshake.
    pub certificate: Option<Arc<Certificate>>,
}

impl Certificate {
    /// Whether the answer at `now` (in seconds since 1970) is the last on its connection: it was turned away, or would end
    /// while the connection is kept without a request for another `idle` seconds.
    pub fn is_ending(&self, now: u64, idle: u64) -> bool {
        self.spent.load(Ordering::Relaxed) || self.until <= now.saturating_add(idle)
    }
}

impl<T: Into<Remote>> From<T> for Visitor {
    fn from(remote: T) -> Self {
        Self { remote: remote.into(), certificate: None }
    }
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificate").field("named", &self.named).field("until", &self.until).finish_non_exhaustive()
    }
}
