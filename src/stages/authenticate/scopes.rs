//! Whether a caller has the scopes that a route needs (RFC 6750, 3.1).

use crate::model::{Reason, Refusal};

use super::Place;

/// What they are told who lack some.
const ADVICE: &str = "the credential has not every scope that is needed here: ask its issuer for one with all of those in \
                      the challenge";

/// Checks the scopes of a caller who is known.
///
/// # Errors
/// `insufficient_scope`, which names all that are needed at once: a client that asked for one after the other would lose
/// those before.
pub(super) fn check(has: &[Box<str>], place: &Place) -> Result<(), Refusal> {
    match place.scopes.iter().all(|needed| has.contains(needed)) {
        true => Ok(()),
        false => Err(place.challenged(Reason::InsufficientScope, Some("insufficient_scope"), ADVICE)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scopes(names: &[&str]) -> Box<[Box<str>]> {
        names.iter().map(|&name| name.into()).collect()
    }

    #[test]
    fn whoever_lacks_one_is_told_all() {
        let place = Place {
            scopes: scopes(&["mcp:tools", "mcp:read"]),
            metadata: Some("https://x/.well-known/oauth-protected-resource/mcp".into()),
            ..Place::default()
        };
        for enough in [&["mcp:read", "mcp:tools"][..], &["other", "mcp:tools", "mcp:read"]] {
            assert!(check(&scopes(enough), &place).is_ok(), "{enough:?}");
        }
        for few in
            [&[][..], &["mcp:tools"], &["mcp:tool", "mcp:read"], &["mcp:tools mcp:read"], &["MCP:TOOLS", "mcp:read"]]
        {
            let refusal = check(&scopes(few), &place).unwrap_err();
            assert_eq!(refusal.reason, Reason::InsufficientScope, "{few:?}");
            let challenge = refusal.challenge.as_ref().unwrap();
            assert_eq!((challenge.error, &*challenge.scope), (Some("insufficient_scope"), "mcp:tools mcp:read"));
            assert_eq!(challenge.resource_metadata, place.metadata);
        }
    }

    #[test]
    fn a_route_without_scopes_asks_for_none() {
        assert!(check(&[], &Place::default()).is_ok());
    }
}
