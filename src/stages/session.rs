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
    pub principal: &'a Principal,
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

    /// What the conversation was agreed to be of, if that was said.
    pub fn revision(&self) -> Option<Revision> {
        Revision::parse(self.conversation.as_ref()?.id.revision.as_str())
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seal::{KeyRing, Purpose};

    fn sealer() -> Sealer {
        KeyRing::parse(&KeyRing::generate_text()).unwrap().sealer(Purpose::Session)
    }

    fn seal<'a>(sealer: &'a Sealer, route: &'a str) -> Seal<'a> {
        let principal = Box::leak(Box::new(Principal::anonymous(Box::default())));
        Seal { sealer, route, principal }
    }

    fn headers(ids: &[&HeaderValue]) -> HeaderMap {
        ids.iter().map(|id| (SESSION_ID, (*id).clone())).collect()
    }

    fn opened(seal: &Seal<'_>, upstream: &str, revision: &str) -> HeaderValue {
        let none = bind(seal, Era::Legacy, &HeaderMap::new()).unwrap();
        assert_eq!((none.upstream_id(), none.endpoint(), none.takes_batches()), (None, None, true));
        none.outgoing(seal, upstream, 7, revision).unwrap()
    }

    #[test]
    fn what_was_sealed_names_the_servers_session_and_endpoint() {
        let sealer = sealer();
        let seal = seal(&sealer, "/mcp");
        let id = opened(&seal, "s-42", "2025-11-25");
        assert!(!id.to_str().unwrap().contains("s-42"));
        let bound = bind(&seal, Era::Legacy, &headers(&[&id])).unwrap();
        assert_eq!((bound.upstream_id(), bound.endpoint(), bound.takes_batches()), (Some("s-42"), Some(7), false));
    }

    #[test]
    fn a_server_that_says_it_again_changes_nothing_and_a_new_one_keeps_the_revision() {
        let sealer = sealer();
        let seal = seal(&sealer, "/mcp");
        let id = opened(&seal, "s-42", "2025-11-25");
        let bound = bind(&seal, Era::Legacy, &headers(&[&id])).unwrap();
        assert_eq!(bound.outgoing(&seal, "s-42", 7, "").unwrap(), id, "its life is not made longer");
        let next = bound.outgoing(&seal, "s-43", 7, "").unwrap();
        let next = bind(&seal, Era::Legacy, &headers(&[&next])).unwrap();
        assert_eq!((next.upstream_id(), next.endpoint(), next.takes_batches()), (Some("s-43"), Some(7), false));
        let anew = bound.outgoing(&seal, "s-42", 7, "2025-03-26").unwrap();
        assert!(bind(&seal, Era::Legacy, &headers(&[&anew])).unwrap().takes_batches(), "initialize was sent again");
    }

    #[test]
    fn only_2025_03_26_or_a_session_that_negotiated_nothing_takes_batches() {
        let sealer = sealer();
        let seal = seal(&sealer, "/mcp");
        for (revision, takes) in
            [("2025-03-26", true), ("", true), ("2024-11-05", false), ("2025-06-18", false), ("2031-01-01", false)]
        {
            let id = opened(&seal, "s", revision);
            assert_eq!(bind(&seal, Era::Legacy, &headers(&[&id])).unwrap().takes_batches(), takes, "{revision}");
        }
    }

    #[test]
    fn an_id_of_elsewhere_is_answered_like_an_unknown_one() {
        let (ours, theirs) = (sealer(), sealer());
        let here = seal(&ours, "/mcp");
        let altered = {
            let mut text = opened(&here, "s", "").to_str().unwrap().to_owned();
            let last = if text.pop() == Some('A') { 'B' } else { 'A' };
            HeaderValue::from_str(&format!("{text}{last}")).unwrap()
        };
        for id in [
            opened(&seal(&ours, "/files/mcp"), "s", ""),
            opened(&seal(&theirs, "/mcp"), "s", ""),
            altered,
            HeaderValue::from_static("s-42"),
            HeaderValue::from_static(""),
            HeaderValue::from_bytes(b"\xff").unwrap(),
        ] {
            let refusal = bind(&here, Era::Legacy, &headers(&[&id])).unwrap_err();
            let expected = not_found();
            assert_eq!((refusal.reason, &refusal.message), (Reason::SessionNotFound, &expected.message), "{id:?}");
        }
        let id = opened(&here, "s", "");
        let twice = bind(&here, Era::Legacy, &headers(&[&id, &id])).unwrap_err();
        assert_eq!(twice.reason, Reason::HeaderMismatch);
    }

    #[test]
    fn the_modern_era_does_not_look_at_it() {
        let sealer = sealer();
        let seal = seal(&sealer, "/mcp");
        let nonsense = HeaderValue::from_static("s-42");
        let bound = bind(&seal, Era::Modern, &headers(&[&nonsense, &nonsense])).unwrap();
        assert_eq!((bound.upstream_id(), bound.endpoint()), (None, None));
    }

    #[test]
    fn an_id_that_cannot_be_sealed_is_the_servers_fault() {
        let sealer = sealer();
        let seal = seal(&sealer, "/mcp");
        let none = bind(&seal, Era::Legacy, &HeaderMap::new()).unwrap();
        for upstream in ["", "a b", &"s".repeat(2048)] {
            assert_eq!(none.outgoing(&seal, upstream, 7, "").unwrap_err().reason, Reason::UpstreamBadResponse);
        }
    }
}
