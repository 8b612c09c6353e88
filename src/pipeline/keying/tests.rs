//! What is counted under a key is what the expression gives: against a count that is kept by hand.

use std::collections::HashMap;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue};
use http_body_util::Full;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::catalog::Catalog;
use crate::config::Settings;
use crate::model::{Caller, Means};
use crate::stages::limit::{Asked, Denied, Ledger, Limits, Ruled, Said as Told, Taken};
use crate::stages::wellformed::{self, Checks};
use crate::telemetry::{Controls, Telemetry};

const MOST: u32 = 3;

/// A call as the test knows it.
#[derive(Clone, Debug)]
struct Call {
    subject: &'static str,
    method: &'static str,
    name: &'static str,
    /// `None` where the message has no arguments.
    arguments: Option<Value>,
    team: Option<&'static str>,
}

/// What becomes of a call that is counted under it: nothing counts it, or it is denied.
type Key = Result<Option<String>, ()>;

fn tenant(call: &Call) -> Key {
    let nothing = json!({});
    match (&call.arguments, call.method) {
        (None, "tools/list") => Ok(None),
        (arguments, _) => match arguments.as_ref().unwrap_or(&nothing).get("tenant") {
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(Value::Number(number)) if !number.is_f64() => Ok(Some(number.to_string())),
            Some(Value::Bool(is)) => Ok(Some(is.to_string())),
            _ => Err(()),
        },
    }
}

/// Only what is a text can be put behind another.
fn text_tenant(call: &Call) -> Key {
    match call.arguments.as_ref().and_then(|arguments| arguments.get("tenant")) {
        Some(Value::String(_)) => tenant(call),
        _ => tenant(call).and_then(|key| if key.is_some() { Err(()) } else { Ok(None) }),
    }
}

/// Expressions, each with what it gives.
const ALL: [(&str, fn(&Call) -> Key); 8] = [
    ("principal.subject", |call| Ok(Some(call.subject.to_owned()))),
    ("'everybody'", |_| Ok(Some("everybody".to_owned()))),
    ("message.name", |call| Ok(Some(call.name.to_owned()))),
    ("principal.subject + '/' + message.name", |call| Ok(Some(format!("{}/{}", call.subject, call.name)))),
    ("arguments.tenant", tenant),
    ("principal.subject + '/' + arguments.tenant", |call| {
        Ok(text_tenant(call)?.map(|tenant| format!("{}/{tenant}", call.subject)))
    }),
    ("server + ':' + message.method", |call| Ok(Some(format!("files:{}", call.method)))),
    ("request.headers['x-team']", |call| call.team.map(|team| Some(team.to_owned())).ok_or(())),
];

/// One core with one limit.
struct House {
    limits: Limits,
    keying: Keying,
    catalog: Catalog,
}

impl House {
    fn new(expression: &str) -> Self {
        let text = format!(
            "[[limits]]\nname = \"a\"\nkey_expression = {expression:?}\nrate = \"1/h\"\nburst = {MOST}\n\
             [[servers]]\nname = \"files\"\nendpoints = [\"http://127.0.0.1:1/mcp\"]\n"
        );
        let settings = Settings::parse(&text, "weir.toml").expect("it is sound");
        let expressions = Arc::new(Expressions::compile(&settings.limits).expect("it is sound"));
        let ledger = Ledger::build(&settings.limits, None).asking(|limit| expressions.asks(limit));
        let telemetry = Telemetry::new(&Controls::nowhere());
        let limits = ledger.on_core(|name| telemetry.limit(name));
        Self { limits, keying: Keying::new(expressions), catalog: Catalog::new(1) }
    }

    fn call(&self, call: &Call, budget: Budget) -> Result<(), Denied> {
        let mut params = json!({ "name": call.name });
        if let Some(arguments) = &call.arguments {
            params["arguments"] = arguments.clone();
        }
        let message = json!({ "jsonrpc": "2.0", "id": 1, "method": call.method, "params": params });
        self.send(call, message, budget)
    }

    /// Both places, one after the other.
    fn send(&self, call: &Call, message: Value, budget: Budget) -> Result<(), Denied> {
        let mut headers = HeaderMap::new();
        headers.insert("content-type", HeaderValue::from_static("application/json"));
        if let Some(team) = call.team {
            headers.insert("x-team", HeaderValue::from_static(team));
        }
        let read = self.read(Verb::Post, &headers, message.to_string());
        self.walk(call.subject, Verb::Post, &headers, &read, budget)
    }

    fn walk(
        &self,
        subject: &str,
        verb: Verb,
        headers: &HeaderMap,
        read: &WellFormed,
        budget: Budget,
    ) -> Result<(), Denied> {
        let (roles, scopes) = (Box::default(), Box::default());
        let caller = Caller { means: Means::Jwt, issuer: "a".into(), subject: subject.into(), roles, scopes };
        let principal = Principal::new(caller);
        let server = (0, "files");
        let around = Around { catalog: &self.catalog, path: "/mcp", server, headers, address: None };
        let keyed = self.keying.of(around, &principal, verb, read, budget);
        let asked = Asked {
            address: None,
            principal: &principal,
            roles: &[],
            server: "files",
            session: None,
            said: if verb == Verb::Get { Told::Stream } else { Told::Messages(read.messages(), read.bytes()) },
            keys: Some(&keyed),
        };
        let mut taken = Taken::default();
        let _ = self.limits.caller(&asked, &mut taken).map_err(|denied| *denied)?;
        let _ = self.limits.target(&asked, Ruled { class: None, cost: 1 }, &mut taken).map_err(|denied| *denied)?;
        Ok(())
    }

    fn read(&self, verb: Verb, headers: &HeaderMap, body: String) -> WellFormed {
        let awaited = Cell::default();
        let checks = Checks { body: 1 << 20, depth: 64, catalog: &self.catalog, server: 0, awaited: &awaited };
        let reading = pin!(wellformed::read(&checks, verb, headers, Full::new(Bytes::from(body))));
        match reading.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(read) => read.expect("it is well formed"),
            Poll::Pending => unreachable!("it is there whole"),
        }
    }
}

fn any_call() -> impl Strategy<Value = Call> {
    let tenant = prop_oneof![
        Just(None),
        Just(Some(json!({}))),
        prop::sample::select(vec![
            json!("a"),
            json!("b\"\u{e9}"),
            json!(""),
            json!(7),
            json!(u64::MAX),
            json!(true),
            json!(1.5),
            json!(null),
            json!(["a"]),
            json!("x".repeat(5000)),
        ])
        .prop_map(|tenant| Some(json!({ "tenant": tenant }))),
    ];
    let subject = prop::sample::select(vec!["ann", "bob"]);
    // A list has no name that is looked at.
    let said = prop::sample::select(vec![("tools/call", "look"), ("tools/call", "fi/nd"), ("tools/list", "")]);
    let team = prop::sample::select(vec![None, Some("blue"), Some("red")]);
    (subject, said, tenant, team).prop_map(|(subject, (method, name), arguments, team)| Call {
        subject,
        method,
        name,
        arguments,
        team,
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_counted_under_is_what_the_expression_gives(
        which in 0..ALL.len(),
        calls in prop::collection::vec(any_call(), 1..40),
    ) {
        let (expression, naive) = ALL[which];
        let (house, mut counts) = (House::new(expression), HashMap::<String, u32>::new());
        for call in calls {
            let expected = match naive(&call) {
                Err(()) => Some(Reason::PolicyDenied),
                Ok(None) => None,
                Ok(Some(key)) => {
                    let count = counts.entry(key).or_default();
                    *count += 1;
                    (*count > MOST).then_some(Reason::RateLimited)
                }
            };
            let became = house.call(&call, Budget::default()).err().map(|denied| denied.refusal.reason);
            prop_assert_eq!(became, expected, "{} {:?}", expression, call);
        }
    }
}

const ANN: Call = Call { subject: "ann", method: "tools/call", name: "look", arguments: None, team: None };

#[test]
fn a_spent_budget_denies_and_says_which_limit_it_was() {
    let house = House::new("principal.subject + '/' + message.name");
    let denied = house.call(&ANN, Budget::new(2)).unwrap_err();
    assert_eq!(denied.refusal.reason, Reason::PolicyDenied);
    // A long key is paid for by its length.
    let long = |length: usize| Call { arguments: Some(json!({ "tenant": "x".repeat(length) })), ..ANN };
    let house = House::new("arguments.tenant");
    assert!(house.call(&long(10_000), Budget::default()).is_ok());
    assert_eq!(house.call(&long(700_000), Budget::default()).unwrap_err().refusal.reason, Reason::PolicyDenied);
    assert!(house.keying.room.borrow().capacity() <= ROOM, "what is long is forgotten");
}

#[test]
fn what_could_be_read_as_another_name_has_no_key() {
    let house = House::new("message.uri");
    let read = |uri: Value| json!({ "jsonrpc": "2.0", "id": 1, "method": "resources/read", "params": { "uri": uri } });
    let reason = |uri| house.send(&ANN, read(uri), Budget::default()).map_err(|denied| denied.refusal.reason);
    assert_eq!(reason(json!("file:///a/b")), Ok(()));
    for uri in [json!("file:///x/../a/b"), json!(7)] {
        assert_eq!(reason(uri.clone()), Err(Reason::InvalidParams), "{uri}");
    }
    // Whoever does not look at names does not mind.
    let house = House::new("principal.subject");
    assert!(house.send(&ANN, read(json!("file:///x/../a/b")), Budget::default()).is_ok());
}

#[test]
fn a_stream_has_the_keys_of_what_it_is() {
    let mut headers = HeaderMap::new();
    headers.insert("accept", HeaderValue::from_static("text/event-stream"));
    for (expression, passing) in [("message.method + server", 3), ("principal.subject", 3), ("arguments.a", 9)] {
        let house = House::new(expression);
        let read = house.read(Verb::Get, &headers, String::new());
        let passes = || house.walk("ann", Verb::Get, &headers, &read, Budget::default()).is_ok();
        assert_eq!((0..9).filter(|_| passes()).count(), passing, "{expression}");
    }
}

#[test]
fn of_a_batch_what_is_of_no_message_is_one_key_for_all() {
    let batch = |names: &[&str]| {
        let call = |name| json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": { "name": name } });
        names.iter().map(call).collect::<Value>()
    };
    for (expression, names, passing, left) in [
        ("principal.subject", &["look", "find"][..], 1, 1),
        ("message.name", &["look", "find"], 3, 0),
        ("message.name", &["look", "look"], 1, 1),
        ("principal.subject", &["look", "find", "look", "find"], 0, 3),
    ] {
        let house = House::new(expression);
        let passes = |names: &[&str]| house.send(&ANN, batch(names), Budget::default()).is_ok();
        assert_eq!((0..5).filter(|_| passes(names)).count(), passing, "{expression} {names:?}");
        // The second of one key finds nothing left, and what was taken for the first stays taken.
        let left = if expression == "message.name" { 0 } else { left };
        assert_eq!((0..5).filter(|_| passes(&["look"])).count(), left, "{expression} {names:?}");
    }
}

#[test]
fn what_an_expression_needs_says_where_it_counts() {
    let asks = |expression: &str| {
        let key = config::LimitKey::Expression(config::Expression::of(expression));
        let limit = "[[limits]]\nname = \"a\"\nkey = \"global\"\nrate = \"1/h\"\n[[servers]]\nname = \"files\"\n\
                     endpoints = [\"http://127.0.0.1:1/mcp\"]\n";
        let mut limits = Settings::parse(limit, "weir.toml").expect("it is sound").limits;
        limits[0].key = key;
        Expressions::compile(&limits).expect("it is sound").asks(0)
    };
    for (expression, message, server) in [
        ("'all'", false, false),
        ("principal.subject + request.address", false, false),
        ("string(time.getHours())", false, false),
        ("message.name", true, false),
        ("has(arguments.tenant)", true, false),
        ("server", false, true),
        ("server + message.method", true, true),
        ("message.tool.annotations.readOnlyHint", true, true),
    ] {
        assert_eq!(asks(expression), Asks { message, server }, "{expression}");
    }
}
