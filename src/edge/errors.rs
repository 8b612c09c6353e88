//! The one table "refusal -> HTTP status + JSON-RPC code", and the rule which status a client sees (security, "Errors").

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use http_body_util::Full;

use crate::model::{Addressee, Culprit, Particulars, Reason, Refusal, RequestId, whole_seconds};
use crate::protocol::json::quoted;
use crate::protocol::message::OwnedId;
use crate::protocol::revision::Era;
use crate::protocol::sse::{self, Block};

use super::limits;

/// One row of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// The JSON-RPC code: the specification's where it has one, else ours, outside -32768..-32000.
    pub code: i32,
    /// The HTTP status where the table's column applies.
    pub status: u16,
}

/// The row of a reason.
pub fn row(reason: Reason) -> Row {
    let (code, status) = match reason {
        Reason::ParseError => (-32700, 400),
        Reason::InvalidRequest => (-32600, 400),
        Reason::InvalidParams => (-32602, 400),
        Reason::MethodNotFound => (-32601, 404),
        Reason::HeaderMismatch => (-32020, 400),
        Reason::MissingClientCapability => (-32021, 400),
        Reason::UnsupportedVersion => (-32022, 400),
        Reason::Internal => (-32603, 500),
        Reason::Unauthenticated => (40101, 401),
        Reason::PolicyDenied | Reason::InsufficientScope => (40301, 403),
        Reason::UnknownName | Reason::UnknownValue | Reason::InvalidArguments => (-32602, 200),
        Reason::RateLimited => (42901, 429),
        Reason::SessionRequired => (40001, 400),
        Reason::TooLarge => (41301, 413),
        Reason::OriginNotAllowed | Reason::HostNotAllowed => (40302, 403),
        Reason::SessionNotFound | Reason::RouteNotFound => (40401, 404),
        Reason::MethodNotAllowed => (40501, 405),
        Reason::UnsupportedMediaType => (41501, 415),
        Reason::UpstreamBadResponse | Reason::UpstreamReset | Reason::UnusableSchema => (50201, 502),
        Reason::UpstreamUnavailable | Reason::Overloaded | Reason::Draining | Reason::IdentityUnavailable => {
            (50301, 503)
        }
        Reason::UpstreamTimeout => (50401, 504),
    };
    Row { code, status }
}

/// The table as Markdown; `docs/ERRORS.md` holds it, and a test holds the two equal.
pub fn table() -> String {
    let mut text = String::from("| code | reason | HTTP | whose fault |\n| --- | --- | --- | --- |\n");
    for reason in Reason::ALL {
        let Row { code, status } = row(*reason);
        text.push_str(
            &format!("| {code} | `{}` | {status} | {:?} |\n", reason.as_str(), reason.blame()).to_lowercase(),
        );
    }
    text
}

/// How refusals look, on one listener.
#[derive(Clone, Copy, Debug)]
pub(super) struct Errors {
    /// `[http] legacy_status = "table"`: the table's statuses in the legacy era too.
    pub(super) legacy_by_table: bool,
}

impl Errors {
    /// The answer to a refused request.
    pub(super) fn response(self, refusal: &Refusal, addressee: &Addressee, id: RequestId) -> Response<Full<Bytes>> {
        let status = self.status(refusal.reason, addressee);
        let mut response = Response::new(Full::default());
        *response.status_mut() = status;
        // 202 has no body (2025-11-25, "Sending Messages to the Server", 4): there the error is in the log alone.
        if status != StatusCode::ACCEPTED {
            *response.body_mut() = Full::new(Bytes::from(body(refusal, addressee, id)));
            let json = HeaderValue::from_static("application/json");
            response.headers_mut().insert(header::CONTENT_TYPE, json);
        }
        let headers = response.headers_mut();
        if let Some(wait) = refusal.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(whole_seconds(wait)));
        }
        if let Some(limited) = &refusal.limited {
            limits::tell(headers, limited);
        }
        if let Some(methods) = refusal.allow {
            headers.insert(header::ALLOW, HeaderValue::from_static(methods));
        }
        // 401 has to have one (RFC 9110, 15.5.2).
        let bare = || (refusal.reason == Reason::Unauthenticated).then(|| "Bearer".to_owned());
        if let Some(challenge) = refusal.challenge.as_ref().map(|challenge| challenge.value()).or_else(bare) {
            let value = HeaderValue::from_str(&challenge).expect("a challenge is plain text");
            headers.insert(header::WWW_AUTHENTICATE, value);
        }
        response
    }

    /// Clients of the session era hang on a status that is not 2xx, end their session, or read 404 as "session gone". So
    /// there a request whose id is known gets its error with 200, and a notification that nobody waits for gets 202: to
    /// lose one costs less than the session does. Only what concerns the head keeps its status.
    fn status(self, reason: Reason, addressee: &Addressee) -> StatusCode {
        let by_table = StatusCode::from_u16(row(reason).status).expect("the table holds statuses");
        let by_rule = match addressee {
            Addressee::Request { era: Era::Legacy, initialize: false, .. } => Some(StatusCode::OK),
            Addressee::Notification { era: Era::Legacy, awaited: false } => Some(StatusCode::ACCEPTED),
            Addressee::Batch { ids, .. } if !ids.is_empty() => Some(StatusCode::OK),
            _ => None,
        };
        let of_the_head = matches!(
            reason,
            Reason::Unauthenticated
                | Reason::InsufficientScope
                | Reason::OriginNotAllowed
                | Reason::HostNotAllowed
                | Reason::HeaderMismatch
                | Reason::SessionNotFound
                | Reason::SessionRequired
        );
        by_rule.filter(|_| !self.legacy_by_table && !of_the_head).unwrap_or(by_table)
    }
}

/// The JSON text of a refusal: one error, or one for each request of a batch.
pub(super) fn body(refusal: &Refusal, addressee: &Addressee, id: RequestId) -> String {
    match addressee {
        Addressee::Request { id: of, .. } | Addressee::Unread(of) => error(refusal, Some(of.raw()), id),
        Addressee::Batch { ids, culprit } if !ids.is_empty() => {
            let errors: Vec<_> = each_of(ids, *culprit, refusal, id).collect();
            format!("[{}]", errors.join(","))
        }
        _ => error(refusal, None, id),
    }
}

/// The errors for the requests of a batch: the refusal for what is refused, and for the others that they stood beside it.
fn each_of(ids: &[OwnedId], culprit: Culprit, refusal: &Refusal, request: RequestId) -> impl Iterator<Item = String> {
    let beside =
        "another message of this batch was refused, and a batch goes on whole or not at all; send each on its own";
    let others = Refusal::new(Reason::PolicyDenied, beside);
    ids.iter().enumerate().map(move |(at, id)| match culprit {
        Culprit::Request(refused) if refused != Some(at) => error(&others, Some(id.raw()), request),
        _ => error(refusal, Some(id.raw()), request),
    })
}

/// The errors of a refusal as events, for those who wait for an answer.
pub(super) fn events(out: &mut Vec<u8>, refusal: &Refusal, addressee: &Addressee, request: RequestId) {
    let (ids, culprit) = match addressee {
        Addressee::Request { id, .. } | Addressee::Unread(id) => (std::slice::from_ref(id), Culprit::All),
        Addressee::Batch { ids, culprit } => (&ids[..], *culprit),
        Addressee::Nobody | Addressee::Notification { .. } => (&[][..], Culprit::All),
    };
    for error in each_of(ids, culprit, refusal, request) {
        sse::write_block(out, &Block { event: Some(b"message"), data: Some(error.as_bytes()), ..Block::default() });
    }
}

/// One JSON-RPC error, or the result in its place; `of` is the id's own token, echoed as it was sent.
pub(super) fn error(refusal: &Refusal, of: Option<&[u8]>, request: RequestId) -> String {
    let Particulars { reason, message, retryable, accepted, .. } = &**refusal;
    let of = of.map(|of| format!("\"id\":{},", String::from_utf8_lossy(of))).unwrap_or_default();
    if let (Some(result), false) = (&refusal.result, of.is_empty()) {
        return format!("{{\"jsonrpc\":\"2.0\",{of}\"result\":{result}}}");
    }
    let wait = refusal.retry_after.map(|wait| format!("\"retryAfterMs\":{},", wait.as_millis())).unwrap_or_default();
    let more = if refusal.data.is_empty() { String::new() } else { format!(",{}", refusal.data) };
    format!(
        "{{\"jsonrpc\":\"2.0\",{of}\"error\":{{\"code\":{},\"message\":{},\"data\":{{\"reason\":\"{}\",\
         \"retryable\":{retryable},{wait}\"requestId\":\"{request}\",\"accepted\":\"{}\"{more}}}}}}}",
        refusal.code.unwrap_or(row(*reason).code),
        quoted(message),
        reason.as_str(),
        accepted.as_str(),
    )
}

#[cfg(test)]
mod tests;
