//! Arguments of a call as rules want them: what they name is spliced, everything else stays as it came, to the byte.

use crate::catalog;
use crate::config::Arguments;
use crate::model::{Reason, Refusal};
use crate::protocol::json::{self, Kind, Span, Value};
use crate::protocol::message::Message;
use crate::protocol::method::Method;
use crate::stages::wellformed;

use super::exchange::{Brought, Exchange};

/// Changes the arguments of the message, where rules say so.
///
/// # Errors
/// `invalid_params` where there are none that could be changed; `policy_denied` where the client says them in its headers as
/// well, so that its server would refuse the call.
pub(super) fn amend<'a>(mut exchange: Exchange<'a, Brought<'a>>) -> Result<Exchange<'a, Brought<'a>>, Refusal> {
    let changes = exchange.changes().map_or(&[][..], |changes| &changes.arguments);
    let (message, method) = (exchange.message().message(), exchange.message().method());
    let Some(message) = message.filter(|_| !changes.is_empty()) else { return Ok(exchange) };
    if !matches!(method, Some(Method::ToolsCall | Method::PromptsGet)) {
        return Ok(exchange);
    }
    let spliced = spliced(message, exchange.message().bytes(), changes).ok_or_else(no_object)?;
    let (core, server, headers) = (exchange.core, exchange.route.server, exchange.headers);
    exchange.amend(spliced).ok_or_else(no_object)?;
    wellformed::params(&core.catalog, server, headers, exchange.message()).map_err(|_| mirrored())?;
    Ok(exchange)
}

fn no_object() -> Refusal {
    Refusal::new(Reason::InvalidParams, "`params.arguments` has to be an object here, no deeper than it may be")
}

fn mirrored() -> Refusal {
    let message =
        "the gateway's policy changes an argument that this tool mirrors in a header, which its server would refuse";
    Refusal::new(Reason::PolicyDenied, message)
}

/// The body with the arguments of its message changed; `None` where they, or what they stand in, are no object.
fn spliced(message: &Message, bytes: &[u8], changes: &[&Arguments]) -> Option<Vec<u8>> {
    let wanted = Wanted::of(changes);
    let Some(arguments) = message.fields.arguments else {
        let params = message.params.filter(|params| params.kind == Kind::Object)?;
        if !wanted.sets() {
            return Some(bytes.to_vec());
        }
        let behind = params.span.start + 1;
        let more = json::members(bytes, params.span).next().is_some();
        let mut text = b"\"arguments\":".to_vec();
        text.extend_from_slice(&wanted.on(b"{}", Value { span: Span { start: 0, end: 2 }, ..arguments_kind() }));
        if more {
            text.push(b',');
        }
        return Some(catalog::respelt(bytes, &[(Span { start: behind, end: behind }, text)]));
    };
    (arguments.kind == Kind::Object).then(|| catalog::respelt(bytes, &[(arguments.span, wanted.on(bytes, arguments))]))
}

fn arguments_kind() -> Value {
    Value { span: Span::default(), kind: Kind::Object, escaped: false }
}

/// Keys, and what each becomes; `None` where it goes. Each key once.
struct Wanted<'a>(Vec<(&'a str, Option<&'a str>)>);

impl<'a> Wanted<'a> {
    /// Of two that change the same argument the first counts.
    fn of(changes: &[&'a Arguments]) -> Self {
        let mut wanted = Self(Vec::new());
        for change in changes {
            let set = change.set.iter().map(|(key, value)| (key.as_str(), Some(value.as_str())));
            let removed = change.remove.iter().map(|key| (key.as_str(), None));
            for (key, becomes) in set.chain(removed) {
                if !wanted.0.iter().any(|(known, _)| *known == key) {
                    wanted.0.push((key, becomes));
                }
            }
        }
        wanted
    }

    fn sets(&self) -> bool {
        self.0.iter().any(|(_, becomes)| becomes.is_some())
    }

    /// An object as it is to be. What stood between two members stays with the one behind it.
    fn on(&self, bytes: &[u8], object: Value) -> Vec<u8> {
        let slice = |from: u32, to: u32| Span { start: from, end: to }.of(bytes);
        let mut out = Vec::with_capacity(object.raw(bytes).len() + 64);
        let mut met = vec![false; self.0.len()];
        let (mut end, mut first) = (None, true);
        for (key, value) in json::members(bytes, object.span) {
            let before = slice(end.unwrap_or(object.span.start), key.span.start);
            if end.is_none() {
                out.extend_from_slice(before);
            }
            let at = self.0.iter().position(|(wanted, _)| key.is(bytes, wanted));
            if let Some(at) = at {
                met[at] = true;
            }
            if at.is_none_or(|at| self.0[at].1.is_some()) {
                if !first {
                    out.extend_from_slice(before);
                }
                out.extend_from_slice(slice(key.span.start, value.span.start));
                out.extend_from_slice(match at.and_then(|at| self.0[at].1) {
                    Some(becomes) => becomes.as_bytes(),
                    None => value.raw(bytes),
                });
                first = false;
            }
            end = Some(value.span.end);
        }
        let tail = match end {
            Some(end) => slice(end, object.span.end),
            None => {
                out.push(b'{');
                b"}"
            }
        };
        for ((key, becomes), _) in self.0.iter().zip(met).filter(|(_, met)| !met) {
            let Some(becomes) = becomes else { continue };
            if !first {
                out.push(b',');
            }
            out.extend_from_slice(json::quoted(key).as_bytes());
            out.push(b':');
            out.extend_from_slice(becomes.as_bytes());
            first = false;
        }
        out.extend_from_slice(tail);
        out
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Map, Value as Json};

    use super::*;
    use crate::protocol::message::{Body, Limits, read_client};

    fn arguments(set: &[(&str, &str)], remove: &[&str]) -> Arguments {
        Arguments {
            set: set.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect(),
            remove: remove.iter().map(|key| (*key).to_owned()).collect(),
        }
    }

    fn after(params: &str, changes: &[&Arguments]) -> Option<String> {
        let text = format!(r#"{{"id":1,"params":{params} ,"jsonrpc":"2.0","method":"tools/call"}}"#);
        let Body::One(message) = read_client(text.as_bytes(), &Limits::default()).unwrap() else { panic!() };
        let spliced = String::from_utf8(spliced(&message, text.as_bytes(), changes)?).unwrap();
        read_client(spliced.as_bytes(), &Limits::default()).unwrap();
        let inside = spliced.strip_prefix(r#"{"id":1,"params":"#).unwrap();
        Some(inside.strip_suffix(r#" ,"jsonrpc":"2.0","method":"tools/call"}"#).unwrap().to_owned())
    }

    #[test]
    fn what_is_not_named_stays_as_it_came() {
        let both = arguments(&[("limit", "10")], &["debug"]);
        for (before, expected) in [
            (r#"{"name":"a"}"#, r#"{"arguments":{"limit":10},"name":"a"}"#),
            (r#"{}"#, r#"{"arguments":{"limit":10}}"#),
            (r#"{"arguments":{}}"#, r#"{"arguments":{"limit":10}}"#),
            (r#"{"arguments":{ "debug" : true }}"#, r#"{"arguments":{ "limit":10 }}"#),
            (
                r#"{"arguments":{ "a" : 1e400 , "l\u0069mit": 5 }}"#,
                r#"{"arguments":{ "a" : 1e400 , "l\u0069mit": 10 }}"#,
            ),
            (r#"{"arguments":{"d\u0065bug":[1],  "z":"\u00e9"}}"#, r#"{"arguments":{"z":"\u00e9","limit":10}}"#),
            (r#"{"arguments":{"z": 1 , "debug":2}}"#, r#"{"arguments":{"z": 1,"limit":10}}"#),
        ] {
            assert_eq!(after(before, &[&both]).as_deref(), Some(expected), "{before}");
        }
        assert_eq!(after(r#"{"arguments":[1]}"#, &[&both]), None);
        assert_eq!(after(r#"{"name":"a"}"#, &[&arguments(&[], &["x"])]).as_deref(), Some(r#"{"name":"a"}"#));
        let second = arguments(&[("debug", "1"), ("x", "2")], &["limit"]);
        assert_eq!(after("{}", &[&both, &second]).as_deref(), Some(r#"{"arguments":{"limit":10,"x":2}}"#), "the first");
    }

    proptest! {
        #[test]
        fn it_is_what_a_tree_would_become(
            before in prop::collection::hash_map("[a-d]", 0..9i64, 0..4),
            set in prop::collection::hash_map("[a-c]", 10..19i64, 0..3),
            remove in prop::collection::hash_set("[bd]", 0..2),
            space in prop::sample::select(vec!["", " ", "\n\t"]),
        ) {
            let text: Vec<_> = before.iter().map(|(key, value)| format!("{space}\"{key}\"{space}:{space}{value}{space}")).collect();
            let set: Vec<_> = set.into_iter().filter(|(key, _)| !remove.contains(key)).map(|(key, value)| (key, value.to_string())).collect();
            let changes = Arguments { set: set.clone(), remove: remove.iter().cloned().collect() };
            let params = after(&format!("{{\"arguments\":{{{}}}}}", text.join(",")), &[&changes]).unwrap();
            let mut tree: Map<String, Json> = before.into_iter().map(|(key, value)| (key, value.into())).collect();
            tree.retain(|key, _| !remove.contains(key));
            for (key, value) in set {
                tree.insert(key, serde_json::from_str(&value).unwrap());
            }
            let read: Json = serde_json::from_str(&params).unwrap();
            prop_assert_eq!(&read["arguments"], &Json::Object(tree), "{}", params);
        }
    }
}
