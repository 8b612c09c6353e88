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
        request.headers_mut().append(name, HeaderValue::from_bytes(field.value).ok()?);
    }
    let uri = Uri::builder().scheme("https").authority(authority?).path_and_query(parsed.path?);
    *request.uri_mut() = uri.build().ok()?;
    Some(request)
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
        assert!(of(b"POST /mcp HTTP/1.1\r\n\r\n").is_none(), "whom it is for is not said");
    }
}
