//! What is done with a server's answer, by its head alone.
//!
//! | status | asked by | what passes |
//! | --- | --- | --- |
//! | 3xx | anything | nothing: a redirect is never followed |
//! | 401 | anything | nothing: a server's challenge is never shown as ours |
//! | 4xx, 5xx | anything | it, as the server's own verdict |
//! | 2xx | a POST with a request | an answer to that request, as JSON or as events |
//! | 2xx | a POST without one | events, or the status alone |
//! | 2xx | GET, DELETE | events, or whatever it is |

use http::{HeaderValue, StatusCode, header};

use crate::net::upstream::ResponseHead;
use crate::protocol::media;
use crate::protocol::method::Method;
use crate::stages::respond::Expected;
use crate::stages::wellformed::Verb;

/// What is done with an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    Refuse(&'static str),
    /// Event by event.
    Events,
    /// JSON that answers: whole where it is short, else checked while it passes.
    Check,
    /// The same, of what has to be read whole before any of it passes.
    ReadWhole,
    /// A failure in JSON, which is looked at where it is short, lest somebody else's result passes.
    LookAt,
    /// In a coding that the client may ask for: it passes as it comes, unread.
    Unread,
    /// It is no message, and answers none.
    Pass,
    /// The specification has no body here (202); what a server says unasked goes no further.
    StatusAlone,
}

/// What a body turns out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    Empty,
    /// In a coding.
    Encoded,
    Events,
    Json,
    Other,
}

impl Way {
    /// By who asked, the head, and what is expected.
    pub(super) fn of(verb: Verb, head: &ResponseHead, expected: &Expected) -> Self {
        const ENCODED: Way = Way::Refuse("it is encoded, which was not asked for");
        let shape = Shape::of(head);
        if head.status.is_redirection() {
            return Way::Refuse("a redirect, which is never followed");
        }
        // A client would take it for a word on its own credential, and get a new one that does no better.
        if head.status == StatusCode::UNAUTHORIZED {
            return Way::Refuse("it asks for a credential (401), and those of clients are never passed on");
        }
        if !head.status.is_success() {
            return match shape {
                Shape::Json => Way::LookAt,
                Shape::Empty => Way::Pass,
                // What cannot be read may hold what is not to be seen.
                _ if expected.is_redacted() => Way::StatusAlone,
                _ => Way::Pass,
            };
        }
        match shape {
            Shape::Events => Way::Events,
            Shape::Encoded if verb == Verb::Get => ENCODED,
            Shape::Encoded | Shape::Json | Shape::Other if verb != Verb::Post && expected.is_redacted() => {
                Way::StatusAlone
            }
            _ if verb != Verb::Post => Way::Pass,
            _ if !expected.awaits() => Way::StatusAlone,
            Shape::Json if expected.is_read_whole() => Way::ReadWhole,
            Shape::Json => Way::Check,
            Shape::Empty => Way::Refuse("it is empty"),
            Shape::Encoded if expected.may_hold_sealed() || expected.is_read_whole() => ENCODED,
            Shape::Encoded if expected.method.is_some_and(Method::may_be_encoded) => Way::Unread,
            Shape::Encoded => ENCODED,
            Shape::Other => Way::Refuse("it is neither JSON in UTF-8 nor an event stream"),
        }
    }
}

impl Shape {
    fn of(head: &ResponseHead) -> Self {
        if head.length == Some(0) {
            return Shape::Empty;
        }
        let is_identity = |value: &HeaderValue| value.as_bytes().trim_ascii().eq_ignore_ascii_case(b"identity");
        if !head.headers.get_all(header::CONTENT_ENCODING).iter().all(is_identity) {
            return Shape::Encoded;
        }
        let mut types = head.headers.get_all(header::CONTENT_TYPE).iter();
        // Of two types nobody knows which one counts.
        let (Some(Ok(only)), None) = (types.next().map(HeaderValue::to_str), types.next()) else { return Shape::Other };
        match media::essence(only) {
            // Always in UTF-8, whatever it says (WHATWG HTML, 9.2.5).
            events if events.eq_ignore_ascii_case("text/event-stream") => Shape::Events,
            json if json.eq_ignore_ascii_case("application/json") && media::is_utf8(only) => Shape::Json,
            _ => Shape::Other,
        }
    }
}
