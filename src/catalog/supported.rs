//! The revisions that a server names, cut to those that Weir serves: a client must not choose what we cannot read.

use super::splice;
use crate::protocol::{
    json::{self, Kind, Span, Value},
    message::Message,
    revision::Revision,
};

/// `UnsupportedProtocolVersion` (2026-07-28, schema).
const UNSUPPORTED_VERSION: &[u8] = b"-32022";

/// The answer without the revisions that Weir does not serve; `None` if there is nothing to cut.
///
/// Cut are `result.supportedVersions` where the answer is one to `server/discover` (`discover`), and
/// `error.data.supported` of an error -32022. `message` was read from `bytes`.
pub fn cut_supported(bytes: &[u8], message: &Message, discover: bool) -> Option<Vec<u8>> {
    let (object, key) = match (message.result, message.error) {
        (Some(result), _) if discover => (result.span, "supportedVersions"),
        (_, Some(error)) => (data_of_unsupported(bytes, error.span)?, "supported"),
        _ => return None,
    };
    // Below `error` a key may repeat, and clients differ in which one counts: each is cut.
    let lists = json::members(bytes, object).filter(|(name, list)| name.is(bytes, key) && list.kind == Kind::Array);
    let ranges: Vec<_> =
        lists.flat_map(|(_, list)| splice::removals(bytes, list.span, |version| is_served(bytes, version))).collect();
    (!ranges.is_empty()).then(|| splice::without(bytes, &ranges))
}

fn data_of_unsupported(bytes: &[u8], error: Span) -> Option<Span> {
    json::member(bytes, error, "code").filter(|code| code.raw(bytes) == UNSUPPORTED_VERSION)?;
    json::member(bytes, error, "data").map(|data| data.span)
}

fn is_served(bytes: &[u8], version: Value) -> bool {
    let revision = version.text(bytes).and_then(|text| Revision::parse(&text));
    revision.is_some_and(Revision::is_served)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::message::{Body, Limits, read_server};

    fn cut(text: &str, discover: bool) -> Option<String> {
        let Ok(Body::One(message)) = read_server(text.as_bytes(), &Limits::default()) else { panic!("{text}") };
        cut_supported(text.as_bytes(), &message, discover).map(|bytes| String::from_utf8(bytes).unwrap())
    }

    #[test]
    fn a_discovery_names_only_what_is_served() {
        let answer = |list: &str| {
            format!(r#"{{"jsonrpc":"2.0", "id":"a","result":{{ "supportedVersions" : {list}, "capabilities":{{}}}}}}"#)
        };
        let list = r#"[ "DRAFT-2027", "2026-07-28" , "2024-11-05","2025-11-25"]"#;
        assert_eq!(cut(&answer(list), true), Some(answer(r#"[ "2026-07-28" ,"2025-11-25"]"#)));
        assert_eq!(cut(&answer(list), false), None);
        assert_eq!(cut(&answer(r#"["2026-07-28"]"#), true), None);
        assert_eq!(cut(&answer(r#"[]"#), true), None);
        assert_eq!(cut(&answer(r#"[ "2099-01-01" ]"#), true), Some(answer("[]")));
        assert_eq!(cut(&answer(r#""2099-01-01""#), true), None);
    }

    #[test]
    fn an_unsupported_version_too_on_any_request() {
        let error = |code: &str, data: &str| {
            format!(r#"{{"jsonrpc":"2.0","id":1,"error":{{"code":{code},"message":"no","data":{data}}}}}"#)
        };
        let data = r#"{"supported":["2026-07-28",7,"2099-01-01"],"requested":"2099-01-01"}"#;
        let less = r#"{"supported":["2026-07-28"],"requested":"2099-01-01"}"#;
        assert_eq!(cut(&error("-32022", data), false), Some(error("-32022", less)));
        assert_eq!(cut(&error("-32020", data), true), None);
        assert_eq!(cut(&error("-32022", r#"["2099-01-01"]"#), false), None);
        // Whichever of two a client reads, it finds nothing else.
        let twice = r#"{"supported":["2099-01-01"],"supported":["2098-01-01","2026-07-28"]}"#;
        let both = r#"{"supported":[],"supported":["2026-07-28"]}"#;
        assert_eq!(cut(&error("-32022", twice), false), Some(error("-32022", both)));
    }
}
