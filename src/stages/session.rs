//! Which conversation, and with which endpoint (legacy era; protocol, 45 to 46).
//!
//! The id that a client sees is sealed and says all that any node has to know, so nothing is stored. A session that
//! cannot be opened is answered as an unknown one: 404, and the client starts anew.

use http::{HeaderMap, HeaderName, HeaderValue};

use crate::model::{Principal, Reason, Refusal, clock};
use crate::protocol::revision::{Era, Revision};
use crate::seal::session::SessionId;
use crate::seal::{Sealer, Short};

/// The header that carries the id.
pub const SESSION_ID: HeaderName = HeaderName::from_static("mcp-session-id");

/// What ids of one route and caller are sealed with.
pub struct Seal<'a> {
    /// The sub-key for sessions.
    pub sealer: &'a Sealer,
    /// The path of the route.
    pub route: &'a str,
    /// The caller.
    pub principal: Principal,
}

/// Proof that the conversation is found, or that there is none. Nobody else can make one.
#[derive(Debug)]
pub struct Bound {
    conversation: Option<Conversation>,
}

#[derive(Debug)]
struct Conversation {
    sealed: HeaderValue,
    id: SessionId,
}

impl Bound {
    /// The server's own id, to be sent to it.
    pub fn upstream_id(&self) -> Option<&str> {
        self.conversation.as_ref().map(|conversation| conversation.id.upstream.as_str())
    }

    /// The fingerprint of the endpoint that gave the session.
    pub fn endpoint(&self) -> Option<u64> {
        self.conversation.as_ref().map(|conversation| conversation.id.endpoint)
    }

    /// Whether the conversation may be of 2025-03-26, which alone has batches: it says so, or nothing was negotiated.
    pub fn takes_batches(&self) -> bool {
        let negotiated = self.conversation.as_ref().map_or("", |conversation| conversation.id.revision.as_str());
        negotiated.is_empty() || negotiated == Revision::V2025_03_26.as_str()
    }

    /// The id that the client is to see for the server's `upstream`: the one it has already, where it is the same
    /// session, else a new one. `revision` is what its answer negotiated; empty where it negotiated nothing, then that
    /// of the conversation stays.
    ///
    /// # Errors
    /// `upstream_bad_response` where the server's id cannot be sealed (too long, or not visible ASCII).
    pub fn outgoing(
        &self,
        seal: &Seal<'_>,
        upstream: &str,
        endpoint: u64,
        revision: &str,
    ) -> Result<HeaderValue, Refusal> {
        let known = self.conversation.as_ref();
        let had = known.map(|known| known.id.revision).unwrap_or_default();
        let revision = Short::new(revision).filter(|named| *named != Short::default()).unwrap_or(had);
        if let Some(same) = known.filter(|known| known.id.upstream == upstream && revision == had) {
            return Ok(same.sealed.clone());
        }
        let session = SessionId {
            revision,
            issued: clock::unix_seconds(),
            node: Short::default(),
            endpoint,
            upstream: upstream.to_owned(),
        };
        let text = session.seal(seal.sealer, seal.route, seal.principal.key());
        let text = text.map_err(|error| Refusal::new(Reason::UpstreamBadResponse, error.to_string()))?;
        Ok(HeaderValue::from_str(&text).expect("Base64 is visible ASCII"))
    }
}

/// Finds the conversation that the head names. The modern era has none: an id that is there is not looked at.
///
/// # Errors
/// `session_not_found` for an id that is not ours, expired, or of another route or caller; `header_mismatch` for two.
pub fn bind(seal: &Seal<'_>, era: Era, headers: &HeaderMap) -> Result<Bound, Refusal> {
    let mut ids = headers.get_all(SESSION_ID).iter();
    let Some(sealed) = ids.next().filter(|_| era == Era::Legacy) else { return Ok(Bound { conversation: None }) };
    if ids.next().is_some() {
        return Err(Refusal::new(Reason::HeaderMismatch, "two Mcp-Session-Id headers"));
    }
    let now = clock::unix_seconds();
    let open = |text| SessionId::open(seal.sealer, seal.route, seal.principal.key(), text, now);
    match sealed.to_str().ok().and_then(open) {
        Some(id) => Ok(Bound { conversation: Some(Conversation { sealed: sealed.clone(), id }) }),
        None => Err(not_found()),
    }
}

/// The answer to a session that is not there (any more).
pub fn not_found() -> Refusal {
    Refusal::new(
        Reason::SessionNotFound,
        "unknown or expired session; send initialize without Mcp-Session-Id to start anew",
    )
}
