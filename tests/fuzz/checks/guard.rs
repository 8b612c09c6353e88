//! The reader of requests: it never panics, reads the same however the bytes are split, and httparse reads every head
//! that it passes.

use bytes::Bytes;
use http::{HeaderMap, Method, Uri};
use weir::net::guard::{Framing, HeadLimits, Part, Phase, Reader};

/// Checks one connection; its first byte says how long the reads are.
pub(crate) fn check(data: &[u8]) {
    let Some((size, bytes)) = data.split_first() else { return };
    let whole = read(bytes.chunks(bytes.len().max(1)));
    let parts = read(bytes.chunks((*size).max(1).into()));
    let single = read(bytes.chunks(1));
    assert_eq!(whole, parts, "reads of {size} bytes");
    assert_eq!(whole, single, "reads of one byte");

    let raw = raw_heads(bytes);
    assert_eq!(raw.len(), single.requests.len());
    for (raw, request) in raw.iter().zip(&single.requests) {
        let mut fields = [httparse::EMPTY_HEADER; 64];
        let mut parsed = httparse::Request::new(&mut fields);
        assert_eq!(parsed.parse(raw), Ok(httparse::Status::Complete(raw.len())));
        assert_eq!(parsed.method, Some(request.method.as_str()));
        assert_eq!(parsed.headers.len(), request.headers.len());
        for field in parsed.headers {
            let mut values = request.headers.get_all(field.name).iter();
            assert!(values.any(|value| value == field.value.trim_ascii()), "{}", field.name);
        }
    }
}

/// What must not depend on the reads.
#[derive(Debug, PartialEq)]
struct Seen {
    requests: Vec<Request>,
    refused: Option<(u16, &'static str)>,
    phase: Phase,
}

#[derive(Debug, PartialEq)]
struct Request {
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    framing: Framing,
    body: Vec<u8>,
}

fn read<'a>(reads: impl IntoIterator<Item = &'a [u8]>) -> Seen {
    let mut reader = Reader::new(HeadLimits::default());
    let mut requests = Vec::<Request>::new();
    let mut refused = None;
    'reads: for read in reads {
        let mut input = Bytes::copy_from_slice(read);
        loop {
            match reader.next(&mut input) {
                Ok(Some(Part::Head(head))) => requests.push(Request {
                    method: head.parts.method,
                    uri: head.parts.uri,
                    headers: head.parts.headers,
                    framing: head.framing,
                    body: Vec::new(),
                }),
                Ok(Some(Part::Data(data))) => requests.last_mut().expect("a head").body.extend_from_slice(&data),
                Ok(Some(Part::End)) => assert_ne!(reader.phase(), Phase::Body),
                Ok(None) => break,
                Err(refusal) => {
                    refused = Some((refusal.status, refusal.why));
                    break 'reads;
                }
            }
        }
    }
    Seen { requests, refused, phase: reader.phase() }
}

/// The bytes of each complete head, with an empty line before it.
fn raw_heads(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut reader = Reader::new(HeadLimits::default());
    let (mut heads, mut head) = (Vec::new(), Vec::new());
    for byte in bytes {
        let in_body = reader.phase() == Phase::Body;
        let Ok(part) = reader.next(&mut Bytes::copy_from_slice(&[*byte])) else { break };
        if !in_body {
            head.push(*byte);
        }
        if let Some(Part::Head(_)) = part {
            heads.push(std::mem::take(&mut head));
        }
    }
    heads
}
