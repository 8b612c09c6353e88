//! Where a server wants its messages posted: what its `endpoint` event says, if that is at the same origin.

use crate::net::upstream::{Endpoint, EndpointUrl};

/// Path and query of `said`, as it stands in the stream of `endpoint`; `None` where it is of another origin, or none.
///
/// A server that could name another origin could have messages, and with them its credentials, go anywhere.
pub(super) fn target(endpoint: &Endpoint, said: &str) -> Option<String> {
    let said = said.trim_matches([' ', '\t']);
    let scheme = if endpoint.tls.is_some() { "https" } else { "http" };
    let here = endpoint.path.split('?').next().unwrap_or("/");
    let directory = here.rfind('/').map_or("/", |at| &here[..=at]);
    let authority = &endpoint.authority;
    let whole = match said {
        "" => return None,
        absolute if absolute.contains("://") && !absolute.starts_with(['/', '?']) => absolute.to_owned(),
        other if other.starts_with("//") => format!("{scheme}:{other}"),
        path if path.starts_with('/') => format!("{scheme}://{authority}{path}"),
        query if query.starts_with('?') => format!("{scheme}://{authority}{here}{query}"),
        relative => format!("{scheme}://{authority}{directory}{relative}"),
    };
    let url = EndpointUrl::parse(&whole).ok()?;
    let same = url.secure == endpoint.tls.is_some() && url.host == endpoint.host && url.port == endpoint.port;
    same.then_some(url.path)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn only_places_of_the_same_origin_are_posted_to() {
        let url = Endpoint::parse("http://files:3000/a/sse?x=1").unwrap();
        let endpoint = Endpoint::new(url, || Err("plain"), Duration::from_secs(1)).unwrap();
        for (said, path) in [
            ("/messages?sessionId=1", Some("/messages?sessionId=1")),
            ("messages/?s=1", Some("/a/messages/?s=1")),
            ("?s=1", Some("/a/sse?s=1")),
            (" http://FILES:3000/m ", Some("/m")),
            ("//files:3000/m", Some("/m")),
            ("/m?to=http://evil/", Some("/m?to=http://evil/")),
            ("http://files/m", None),
            ("https://files:3000/m", None),
            ("http://evil:3000/m", None),
            ("//evil/m", None),
            ("http://files:3000@evil/m", None),
            ("/m\r\nx: y", None),
            ("/m#here", None),
            ("", None),
        ] {
            assert_eq!(target(&endpoint, said).as_deref(), path, "{said:?}");
        }
    }
}
