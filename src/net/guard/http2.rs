//! The same rules for a request that came as HTTP/2: what its frames cannot say in two ways is h2's matter, the rest is
//! asked here.

use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, header};

use super::framing::{Announced, check_body};
use super::name::Name;
use super::refused::{Fault, Refused};
use super::{HeadLimits, host, target};

/// Checks a head as h2 has read it: there are method, scheme and path, all names are in lower case, and nothing in it
/// belongs to a connection. `ended` if no body follows. `:authority` becomes the `Host` that everybody else asks for.
///
/// # Errors
/// 400, or 431 for too many fields: the stream is to be answered so, with an empty body.
pub fn check_http2(request: &mut Parts, ended: bool, limits: HeadLimits) -> Result<(), Refused> {
    check(request, ended, limits).map_err(Refused::from)
}

fn check(request: &mut Parts, ended: bool, limits: HeadLimits) -> Result<(), Fault> {
    if request.headers.len() > limits.headers {
        return Err(Fault::large("a head of too many fields"));
    }
    let announced = fields(&request.headers)?;
    if request.method == Method::CONNECT {
        return Err(Fault::bad("CONNECT"));
    }
    // h2 drops the scheme where there is no authority.
    if !matches!(request.uri.scheme_str(), None | Some("http" | "https")) {
        return Err(Fault::bad("a scheme that is neither http nor https"));
    }
    let method = request.method.as_str().as_bytes();
    match request.uri.path_and_query().map_or("", |path| path.as_str()) {
        path if path.starts_with(['/', '*']) => target::check(method, path.as_bytes())?,
        _ => return Err(Fault::bad("a path that does not begin with a slash")),
    }
    check_body(method, if ended { Some(0) } else { announced.length() })?;
    settle_host(request)
}

fn fields(headers: &HeaderMap) -> Result<Announced, Fault> {
    let mut announced = Announced::default();
    for (name, value) in headers {
        // RFC 9113, 8.2.1: nobody may have to trim.
        if let [b' ' | b'\t', ..] | [.., b' ' | b'\t'] = value.as_bytes() {
            return Err(Fault::bad("white space around a value"));
        }
        announced.note_plain(Name::new(name.as_str().as_bytes()), value.as_bytes())?;
    }
    Ok(announced)
}

/// Whom the request is meant for must be said once, or twice the same (RFC 9113, 8.3.1).
fn settle_host(request: &mut Parts) -> Result<(), Fault> {
    let mut named = request.headers.get_all(header::HOST).iter();
    let (first, second) = (named.next(), named.next());
    if second.is_some() {
        return Err(Fault::bad("two Host lines"));
    }
    match (request.uri.authority(), first) {
        (None, None) => Err(Fault::bad("neither :authority nor Host")),
        (None, Some(named)) => host::check(named.as_bytes()),
        (Some(authority), Some(named)) if !authority.as_str().as_bytes().eq_ignore_ascii_case(named.as_bytes()) => {
            Err(Fault::bad("a Host that is not :authority"))
        }
        (Some(_), Some(named)) => host::check(named.as_bytes()),
        (Some(authority), None) => {
            host::check(authority.as_str().as_bytes())?;
            let named = HeaderValue::from_str(authority.as_str()).map_err(|_| Fault::bad("a Host that is no host"))?;
            request.headers.insert(header::HOST, named);
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    /// What becomes of a head: its `Host`, or the status and the reason.
    fn checked(method: &str, uri: &str, fields: &[(&str, &str)], ended: bool) -> Result<String, (u16, &'static str)> {
        let mut request = Request::builder().method(method).uri(uri);
        for (name, value) in fields {
            request = request.header(*name, *value);
        }
        let mut parts = request.body(()).unwrap().into_parts().0;
        let limits = HeadLimits { head: 8192, headers: 4 };
        let checked = check_http2(&mut parts, ended, limits);
        checked.map_err(|refused| (refused.status, refused.why))?;
        let hosts: Vec<_> = parts.headers.get_all(header::HOST).iter().collect();
        assert_eq!(hosts.len(), 1);
        Ok(hosts[0].to_str().unwrap().to_owned())
    }

    #[test]
    fn what_is_plain_passes_and_has_a_host_afterwards() {
        for (method, uri, fields, ended) in [
            ("POST", "http://a.example:8080/mcp", &[("content-length", "3")][..], false),
            ("POST", "https://a.example:8080/mcp?x=y", &[], false),
            ("GET", "https://a.example:8080/mcp", &[("host", "A.example:8080")], true),
            ("DELETE", "/mcp", &[("host", "a.example:8080"), ("content-length", "0")], false),
            ("OPTIONS", "*", &[("host", "a.example:8080")], true),
        ] {
            let host = checked(method, uri, fields, ended).expect(uri);
            assert!(host.eq_ignore_ascii_case("a.example:8080"), "{uri}: {host}");
        }
    }

    #[test]
    fn what_two_readers_could_read_differently_is_refused() {
        let ours = "http://a.example/mcp";
        for (method, uri, fields, ended, status, why) in [
            ("POST", ours, &[("host", "b.example")][..], true, 400, "a Host that is not :authority"),
            ("POST", ours, &[("host", "a.example"), ("host", "a.example")], true, 400, "two Host lines"),
            ("POST", "/mcp", &[], true, 400, "neither :authority nor Host"),
            ("POST", "/mcp", &[("host", "a@b")], true, 400, "a Host that is no host"),
            ("POST", "http://u@a.example/mcp", &[], true, 400, "a Host that is no host"),
            ("POST", "ftp://a.example/mcp", &[], true, 400, "a scheme that is neither http nor https"),
            ("POST", "*", &[("host", "a")], true, 400, "a target that is neither a path nor an http URL"),
            ("CONNECT", "a.example:80", &[], true, 400, "CONNECT"),
            ("GET", ours, &[], false, 400, "a body with a method that has none"),
            ("DELETE", ours, &[("content-length", "3")], false, 400, "a body with a method that has none"),
            ("POST", ours, &[("content-length", "+3")], false, 400, "a Content-Length that is not plain digits"),
            ("POST", ours, &[("content-length", "3"), ("content-length", "3")], false, 400, "two Content-Length lines"),
            ("POST", ours, &[("content_length", "3")], false, 400, "a header's name that reads as a framing header"),
            ("POST", ours, &[("transfer_encoding", "x")], false, 400, "a header's name that reads as a framing header"),
            (
                "POST",
                ours,
                &[("transfer-encoding", "chunked")],
                false,
                400,
                "Transfer-Encoding, which HTTP/2 does not have",
            ),
            ("POST", ours, &[("x", "a ")], false, 400, "white space around a value"),
            (
                "POST",
                ours,
                &[("a", ""), ("b", ""), ("c", ""), ("d", ""), ("e", "")],
                true,
                431,
                "a head of too many fields",
            ),
        ] {
            assert_eq!(checked(method, uri, fields, ended), Err((status, why)), "{method} {uri} {fields:?}");
        }
    }
}
