//! Who gives out the tokens of a route (RFC 9728), and the keys that servers check our assertions with (RFC 7517, 5). It is
//! read by those who have no credential yet, or none at all: none is asked for, only what is asked of everybody (`Host`,
//! `Origin`).

use bytes::Bytes;
use http::{HeaderValue, Response, header};
use http_body_util::Full;

use crate::protocol::json::quoted;

/// What the documents are below, and where the document is of a gateway with one protected route (RFC 9728, 3).
pub const ROOT: &str = "/.well-known/oauth-protected-resource";

/// Where the keys are that servers check assertions with.
pub const ASSERTIONS: &str = "/.well-known/weir-jwks.json";

/// How long a client may keep one. Not for others: whether a page may read it depends on who asks.
const KEPT: HeaderValue = HeaderValue::from_static("private, max-age=300");

/// Where the document of the route at `path` is: the known part stands before the path (RFC 9728, 3.1).
pub fn location(path: &str) -> String {
    format!("{ROOT}{}", path.strip_suffix('/').unwrap_or(path))
}

/// The document of a resource whose tokens these issuers give out; `bound`: each to the certificate of its bearer (RFC 8705,
/// 3.3).
pub fn document<'a>(
    resource: &str,
    issuers: impl IntoIterator<Item = &'a str>,
    scopes: impl IntoIterator<Item = &'a str>,
    bound: bool,
) -> String {
    let listed = |texts: Vec<String>| texts.join(",");
    let issuers = listed(issuers.into_iter().map(quoted).collect());
    // `offline_access` is between a client and its issuer: a resource asks for nothing of the kind.
    let scopes = listed(scopes.into_iter().filter(|scope| *scope != "offline_access").map(quoted).collect());
    let supported = if scopes.is_empty() { String::new() } else { format!(r#""scopes_supported":[{scopes}],"#) };
    let bound = if bound { r#","tls_client_certificate_bound_access_tokens":true"# } else { "" };
    let resource = quoted(resource);
    format!(
        r#"{{"resource":{resource},"authorization_servers":[{issuers}],{supported}"bearer_methods_supported":["header"]{bound}}}"#
    )
}

/// The answer with a document.
pub(super) fn response(document: &Bytes) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(document.clone()));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::CACHE_CONTROL, KEPT);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_known_part_stands_between_host_and_path() {
        assert_eq!(location("/files/mcp"), "/.well-known/oauth-protected-resource/files/mcp");
        assert_eq!(location("/"), ROOT);
    }

    #[test]
    fn a_document_names_what_is_there() {
        let all =
            document("https://x/mcp", ["https://a/", "https://b/\"c"], ["read", "offline_access", "write"], false);
        let expected = r#"{"resource":"https://x/mcp","authorization_servers":["https://a/","https://b/\"c"],"scopes_supported":["read","write"],"bearer_methods_supported":["header"]}"#;
        assert_eq!(all, expected);
        let none = document("https://x/mcp", ["https://a/"], ["offline_access"], true);
        assert!(none.ends_with(r#"["header"],"tls_client_certificate_bound_access_tokens":true}"#), "{none}");
        assert!(!none.contains("scopes_supported"), "{none}");
    }
}
