//! The head of a request, from the text that it would be over HTTP/1.1: whoever makes a call writes one form alone.

use std::mem::MaybeUninit;

use http::{HeaderName, HeaderValue, Method, Request, Uri, Version, header};

/// More than a client may send us, and what we add.
const MOST_FIELDS: usize = 640;

/// Reads a head that we have written; `None` if that was no head.
pub(super) fn of(head: &[u8]) -> Option<Request<()>> {
    let mut space = [const { MaybeUninit::uninit() }; MOST_FIELDS];
    let mut parsed = httparse::Request::new(&mut []);
    if !parsed.parse_with_uninit_headers(head, &mut space).ok()?.is_complete() {
        return None;
    }
    let mut request = Request::new(());
    *request.version_mut() = Version::HTTP_2;
    *request.method_mut() = Method::from_bytes(parsed.method?.as_bytes()).ok()?;
    request.headers_mut().reserve(parsed.headers.len());
    let mut authority = None;
    for field in parsed.headers.iter() {
        let name = HeaderName::from_bytes(field.name.as_bytes()).ok()?;
        if name == header::HOST {
            authority = Some(field.value);
            continue;
        }
        let mut value = HeaderValue::from_bytes(field.value).ok()?;
        value.set_sensitive(is_secret(name.as_str()));
        request.headers_mut().append(name, value);
    }
    let uri = Uri::builder().scheme("https").authority(authority?).path_and_query(parsed.path?);
    *request.uri_mut() = uri.build().ok()?;
    Some(request)
}

/// Whether a field is kept out of the table that both sides compress by (RFC 7541, 7.1.3): credentials, by what they are
/// called, and what is another one for each caller.
fn is_secret(name: &str) -> bool {
    let ends = ["authorization", "cookie", "principal", "token", "secret", "password", "key"];
    ends.iter().any(|end| name.ends_with(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_becomes_a_head() {
        let text = b"POST /mcp?a=b HTTP/1.1\r\nhost: h:1\r\nx-a: 1\r\nx-a: 2\r\ncontent-length: 3\r\n\r\n";
        let request = of(text).unwrap();
        assert_eq!((request.method(), request.uri().to_string().as_str()), (&Method::POST, "https://h:1/mcp?a=b"));
        let fields: Vec<_> = request.headers().iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
        assert_eq!(fields, [("x-a", &b"1"[..]), ("x-a", b"2"), ("content-length", b"3")]);
        assert!(request.headers().values().all(|value| !value.is_sensitive()));
        let secret = of(b"POST / HTTP/1.1\r\nhost: h\r\nauthorization: Bearer x\r\nweir-principal: y\r\n\r\n").unwrap();
        assert!(secret.headers().len() == 2 && secret.headers().values().all(HeaderValue::is_sensitive));
        assert!(of(b"POST /mcp HTTP/1.1\r\n\r\n").is_none(), "whom it is for is not said");
    }
}
