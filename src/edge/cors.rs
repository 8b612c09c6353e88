//! Cross-origin answers (Fetch standard, 3.2), for origins that may ask.

use http::{HeaderMap, HeaderValue, Response, StatusCode, header};

const EXPOSED: HeaderValue = HeaderValue::from_static(
    "Mcp-Session-Id, MCP-Protocol-Version, WWW-Authenticate, Retry-After, RateLimit, RateLimit-Policy",
);
/// `Mcp-Param-*` cannot be listed one by one, and a wildcard is not taken with credentials: what is asked for is
/// allowed where it is one of these, or begins with `Mcp-`.
const ALLOWED: &str =
    "Authorization, Content-Type, Accept, MCP-Protocol-Version, Mcp-Session-Id, Mcp-Method, Mcp-Name, Last-Event-ID";
/// How long a browser may keep the answer, in seconds.
const MAX_AGE: HeaderValue = HeaderValue::from_static("600");

/// Marks an answer as readable for the page at `origin`.
pub(super) fn allow(headers: &mut HeaderMap, origin: Option<&HeaderValue>) {
    let Some(origin) = origin else { return };
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
    headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
    headers.append(header::VARY, HeaderValue::from_static("Origin"));
}

/// The answer to `OPTIONS`: to a page's preflight what it may send, to others the methods alone.
pub(super) fn options<B: Default>(
    asked: &HeaderMap,
    origin: Option<&HeaderValue>,
    methods: &'static str,
) -> Response<B> {
    let methods = HeaderValue::from_static(methods);
    let mut response = Response::new(B::default());
    *response.status_mut() = StatusCode::NO_CONTENT;
    let headers = response.headers_mut();
    headers.insert(header::ALLOW, methods.clone());
    if origin.is_some() {
        allow(headers, origin);
        headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, methods);
        headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, allowed_headers(asked));
        headers.insert(header::ACCESS_CONTROL_MAX_AGE, MAX_AGE);
    }
    response
}

fn allowed_headers(asked: &HeaderMap) -> HeaderValue {
    let asked = asked.get(header::ACCESS_CONTROL_REQUEST_HEADERS).and_then(|value| value.to_str().ok()).unwrap_or("");
    let mut allowed = ALLOWED.to_owned();
    for name in asked.split(',').map(str::trim) {
        let ours = name.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("mcp-"));
        if ours && !allowed.split(", ").any(|known| known.eq_ignore_ascii_case(name)) {
            allowed.push_str(", ");
            allowed.push_str(name);
        }
    }
    HeaderValue::from_str(&allowed).unwrap_or(HeaderValue::from_static(ALLOWED))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_preflight_is_told_the_parameters_it_asks_for() {
        let asked = HeaderMap::from_iter([(
            header::ACCESS_CONTROL_REQUEST_HEADERS,
            HeaderValue::from_static("mcp-param-region, x-evil, mcp-method"),
        )]);
        let origin = HeaderValue::from_static("http://localhost:3000");
        let response: Response<()> = options(&asked, Some(&origin), "GET, POST");
        let allowed = response.headers()[header::ACCESS_CONTROL_ALLOW_HEADERS].to_str().unwrap();
        assert!(allowed.ends_with("Last-Event-ID, mcp-param-region") && !allowed.contains("x-evil"), "{allowed}");
        assert_eq!(response.headers()[header::ACCESS_CONTROL_ALLOW_ORIGIN], origin);
        assert_eq!(response.headers()[header::VARY], "Origin");
    }
}
