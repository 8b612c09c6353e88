//! Answers as text: written once, around the id that they answer.

use std::borrow::Cow;

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use http_body_util::Full;

use crate::protocol::json::quoted;
use crate::protocol::revision::Era;

/// Who the sample server is, as JSON.
pub(super) const INFO: &str =
    concat!(r#"{"name":"weir-demo","title":"Weir's sample server","version":""#, env!("CARGO_PKG_VERSION"), r#""}"#);

const BEFORE_ID: &[u8] = br#"{"jsonrpc":"2.0","id":"#;
const MODERN: &str = concat!(
    r#"","_meta":{"io.modelcontextprotocol/serverInfo":{"name":"weir-demo","title":"Weir's sample server","version":""#,
    env!("CARGO_PKG_VERSION"),
    r#""}},"#
);

/// Why a request is not answered as it wished.
#[derive(Debug)]
pub(super) struct Failure {
    /// The JSON-RPC code.
    pub(super) code: i64,
    pub(super) message: Cow<'static, str>,
    /// JSON.
    pub(super) data: Option<String>,
    /// The status in the era without sessions; in the other one it is 200 for whatever was read.
    pub(super) status: StatusCode,
}

impl Failure {
    pub(super) fn new(code: i64, status: StatusCode, message: impl Into<Cow<'static, str>>) -> Self {
        Self { code, message: message.into(), data: None, status }
    }

    /// -32602, for parameters that mean nothing here.
    pub(super) fn parameters(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(-32602, StatusCode::OK, message)
    }

    /// -32600: the message is none of this protocol.
    pub(super) fn request(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(-32600, StatusCode::BAD_REQUEST, message)
    }

    /// -32601.
    pub(super) fn method() -> Self {
        Self::new(-32601, StatusCode::NOT_FOUND, "the sample server has no such method")
    }

    /// The error response, `id` as it came.
    pub(super) fn text(&self, id: Option<&[u8]>) -> Vec<u8> {
        let mut out = Vec::with_capacity(160);
        match id {
            Some(id) => {
                out.extend_from_slice(BEFORE_ID);
                out.extend_from_slice(id);
                out.push(b',');
            }
            None => out.extend_from_slice(br#"{"jsonrpc":"2.0","#),
        }
        let data = self.data.as_ref().map(|data| format!(",\"data\":{data}")).unwrap_or_default();
        let Self { code, message, .. } = self;
        let rest = format!("\"error\":{{\"code\":{code},\"message\":{}{data}}}}}", quoted(message));
        out.extend_from_slice(rest.as_bytes());
        out
    }
}

/// Begins a result; its members follow, then [`close`].
pub(super) fn open(out: &mut Vec<u8>, era: Era, id: &[u8], kind: &str) {
    out.extend_from_slice(BEFORE_ID);
    out.extend_from_slice(id);
    match era {
        Era::Legacy => out.extend_from_slice(br#","result":{"#),
        Era::Modern => {
            out.extend_from_slice(br#","result":{"resultType":""#);
            out.extend_from_slice(kind.as_bytes());
            out.extend_from_slice(MODERN.as_bytes());
        }
    }
}

pub(super) fn close(out: &mut Vec<u8>) {
    out.extend_from_slice(b"}}");
}

/// A result that is complete, with these members.
pub(super) fn result(era: Era, id: &[u8], members: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(256 + members.len());
    open(&mut out, era, id, "complete");
    out.extend_from_slice(members.as_bytes());
    close(&mut out);
    out
}

/// The members of a tool's result that is one text; `text` is a JSON string.
pub(super) fn content(text: &str, is_error: bool) -> String {
    let error = if is_error { r#","isError":true"# } else { "" };
    format!(r#""content":[{{"type":"text","text":{text}}}]{error}"#)
}

/// An HTTP answer of one JSON text.
pub(super) fn json(status: StatusCode, text: Vec<u8>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(text)));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// An HTTP answer without a body.
pub(super) fn empty(status: StatusCode) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::default());
    *response.status_mut() = status;
    response
}
