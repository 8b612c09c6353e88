//! The head of an answer: status line and fields, from bytes that end with its empty line.

use std::mem::MaybeUninit;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};

use super::failure::Failure;
use super::framing::{Fields, Framing};

/// The most fields an answer may have.
const MAX_FIELDS: usize = 256;

/// Room for what is added to most answers: how the caller stands with a limit, and with which.
const FIELDS_OF_OURS: usize = 2;

/// The head of a final answer. Its fields are as the server sent them, those of its connection included.
#[derive(Debug)]
pub struct ResponseHead {
    /// The status, 200 to 599.
    pub status: StatusCode,
    /// The fields; several of one name keep their order.
    pub headers: HeaderMap,
    /// The bytes of the body where that is known beforehand: 0 if it has none, `None` for chunked and until closed.
    pub length: Option<u64>,
}

/// A head with what follows from it.
pub(super) struct Parsed {
    pub(super) head: ResponseHead,
    pub(super) framing: Framing,
    /// How long the connection may lie idle afterwards; `None`: not at all.
    pub(super) keep: Option<Duration>,
}

/// Parses `raw`, which is all of a head, line ends checked; `bodyless` if it answers HEAD.
pub(super) fn parse(raw: &Bytes, bodyless: bool) -> Result<Parsed, Failure> {
    let mut space = [const { MaybeUninit::uninit() }; MAX_FIELDS];
    let mut response = httparse::Response::new(&mut []);
    let config = httparse::ParserConfig::default();
    match config.parse_response_with_uninit_headers(&mut response, raw, &mut space) {
        Ok(httparse::Status::Complete(length)) if length == raw.len() => {}
        Ok(_) => return Err(Failure::Malformed("a head that ends where it should not")),
        Err(error) => return Err(refusal(error)),
    }
    // Empty lines before the status line are let pass by httparse.
    if !raw.starts_with(b"HTTP/1.") {
        return Err(Failure::Malformed("it does not begin with HTTP/1.1"));
    }
    let status = response.code.and_then(|code| StatusCode::from_u16(code).ok()).filter(|status| status.as_u16() < 600);
    let status = status.ok_or(Failure::Malformed("a status that is not between 100 and 599"))?;
    let old = response.version == Some(0);

    let mut fields = Fields::default();
    // A map that grows is built anew: that would cost more than what is added to it.
    let mut headers = HeaderMap::with_capacity(response.headers.len() + FIELDS_OF_OURS);
    for field in response.headers.iter() {
        fields.note(field.name, field.value)?;
        let name = name(field.name)?;
        let value = HeaderValue::from_maybe_shared(raw.slice_ref(field.value))
            .map_err(|_| Failure::Malformed("a control character in a field"))?;
        headers.append(name, value);
    }

    let framing = fields.framing(old, status, bodyless)?;
    let length = if let Framing::Length(length) = framing { Some(length) } else { None };
    Ok(Parsed { head: ResponseHead { status, headers, length }, framing, keep: fields.keep(old, status) })
}

/// The name of a field; those that most answers have are known at sight.
fn name(of: &str) -> Result<HeaderName, Failure> {
    Ok(match of {
        "content-type" | "Content-Type" => header::CONTENT_TYPE,
        "content-length" | "Content-Length" => header::CONTENT_LENGTH,
        "date" | "Date" => header::DATE,
        "server" | "Server" => header::SERVER,
        _ => HeaderName::from_bytes(of.as_bytes()).map_err(|_| Failure::Malformed("a field's name"))?,
    })
}

fn refusal(error: httparse::Error) -> Failure {
    Failure::Malformed(match error {
        httparse::Error::TooManyHeaders => return Failure::TooLarge("more than 256 fields"),
        httparse::Error::HeaderName => "a field's name (or a folded line)",
        httparse::Error::HeaderValue => "a control character in a field",
        httparse::Error::NewLine | httparse::Error::Token => "its head",
        httparse::Error::Status => "its status line",
        httparse::Error::Version => "neither HTTP/1.1 nor HTTP/1.0",
    })
}
