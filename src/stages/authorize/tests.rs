//! What is decided, message by message.

use std::rc::Rc;

use proptest::prelude::*;

use super::*;
use crate::model::Pattern;
use crate::model::grants::{Grants, Lists, Patterns};
use crate::protocol::message::{Body, Limits, read_client};

fn patterns(texts: &[&str]) -> Vec<Pattern> {
    texts.iter().map(|text| Pattern::parse(text).unwrap()).collect()
}

fn sight(allow: Patterns, deny: Patterns) -> Sight {
    Sight::new(Rc::new(Grants::compile(&Lists { allow, deny }, ["files", "other"])), 0)
}

/// Some of everything.
fn some() -> Sight {
    let allow = Patterns {
        tools: patterns(&["files:read_*", "search", "other:rm"]),
        prompts: patterns(&["hello"]),
        resources: patterns(&["files:notes://ada/*"]),
    };
    sight(allow, Patterns { tools: patterns(&["*:*_secret"]), ..Patterns::default() })
}

fn everything() -> Sight {
    sight(Patterns::everything(), Patterns::default())
}

fn decided(sight: &Sight, body: &str) -> Result<Permitted, (Reason, String, Option<usize>)> {
    let messages = match read_client(body.as_bytes(), &Limits::default()).unwrap() {
        Body::One(message) => vec![message],
        Body::Batch(messages) => messages,
    };
    let denied = |denied: Box<Denied>| (denied.refusal.reason, denied.refusal.message.to_string(), denied.message);
    check(sight.clone(), &messages, body.as_bytes()).map_err(denied)
}

/// What is decided on a request with these params, and on the notification.
fn of(sight: &Sight, method: &str, params: &str) -> Result<(), (Reason, String)> {
    let decided = |id: &str| {
        let body = format!(r#"{{"jsonrpc":"2.0",{id}"method":"{method}","params":{{{params}}}}}"#);
        decided(sight, &body).map(|_| ()).map_err(|(reason, message, at)| {
            assert_eq!(at, Some(0));
            (reason, message)
        })
    };
    let (request, notification) = (decided(r#""id":1,"#), decided(""));
    assert_eq!(request, notification, "{method} {params}");
    request
}

fn unknown(name: &str) -> Result<(), (Reason, String)> {
    Err((Reason::UnknownName, format!("{name} not found")))
}

#[test]
fn a_name_is_granted_or_unknown() {
    let (some, all) = (some(), everything());
    for (method, params, decision) in [
        ("tools/call", r#""name":"read_a""#, Ok(())),
        ("tools/call", r#""name":"\u0072ead_a""#, Ok(())),
        ("tools/call", r#""name":"search""#, Ok(())),
        ("tools/call", r#""name":"rm""#, unknown("rm")),
        ("tools/call", r#""name":"read_secret""#, unknown("read_secret")),
        ("tools/call", r#""name":"Search""#, unknown("Search")),
        ("tools/call", r#""name":"hello""#, unknown("hello")),
        ("prompts/get", r#""name":"hello""#, Ok(())),
        ("prompts/get", r#""name":"read_a""#, unknown("read_a")),
        ("resources/read", r#""uri":"notes://ada/1""#, Ok(())),
        ("resources/read", r#""uri":"notes://ada/../eve/1""#, unknown("notes://ada/../eve/1")),
        ("resources/read", r#""uri":"notes://eve/1","name":"notes://ada/1""#, unknown("notes://eve/1")),
        ("resources/subscribe", r#""uri":"notes://eve/1""#, unknown("notes://eve/1")),
        ("resources/unsubscribe", r#""uri":"notes://eve/1""#, unknown("notes://eve/1")),
        ("resources/subscribe", r#""uri":"notes://ada/1""#, Ok(())),
    ] {
        assert_eq!(of(&some, method, params), decision, "{method} {params}");
        assert_eq!(of(&all, method, params), Ok(()), "{method} {params}");
    }
    let long = "x".repeat(1000);
    assert_eq!(of(&some, "tools/call", &format!(r#""name":"{long}""#)), unknown(&long[..100]));
}

#[test]
fn what_is_no_name_is_not_for_those_who_may_use_some() {
    let (some, all) = (some(), everything());
    for (method, params) in [
        ("tools/call", ""),
        ("tools/call", r#""name":["search"]"#),
        ("tools/call", r#""name":null"#),
        ("prompts/get", r#""name":1"#),
        ("resources/read", r#""uri":{"a":1}"#),
    ] {
        assert_eq!(of(&some, method, params).unwrap_err().0, Reason::InvalidParams, "{method} {params}");
        assert_eq!(of(&all, method, params), Ok(()), "{method} {params}");
    }
}

#[test]
fn a_completion_is_of_what_is_granted() {
    let (some, all) = (some(), everything());
    for (reference, decision) in [
        (r#"{"type":"ref/prompt","name":"hello"}"#, Ok(())),
        (r#"{"type":"ref/prompt","name":"hello","title":"x"}"#, Ok(())),
        (r#"{"type":"ref/prompt","name":"bye"}"#, unknown("bye")),
        (r#"{"type":"ref/resource","uri":"notes://ada/{note}"}"#, Ok(())),
        (r#"{"type":"ref/resource","uri":"notes://{user}/{note}"}"#, Ok(())),
        (r#"{"type":"ref/resource","uri":"notes://eve/{note}"}"#, unknown("notes://eve/{note}")),
    ] {
        assert_eq!(of(&some, "completion/complete", &format!(r#""ref":{reference}"#)), decision, "{reference}");
        assert_eq!(of(&all, "completion/complete", &format!(r#""ref":{reference}"#)), Ok(()));
    }
    for reference in [
        r#"{"type":"ref/prompt","name":"hello","Name":"bye"}"#,
        r#"{"type":"ref/resource","uri":"notes://ada/{x}","name":"bye"}"#,
        r#"{"type":"ref/tool","name":"hello"}"#,
        r#"{"type":"ref/prompt"}"#,
        r#"{"name":"hello"}"#,
        r#"{"type":"ref/prompt","name":["hello"]}"#,
        r#"["ref/prompt"]"#,
    ] {
        let decision = of(&some, "completion/complete", &format!(r#""ref":{reference}"#));
        assert_eq!(decision.unwrap_err().0, Reason::InvalidParams, "{reference}");
        assert_eq!(of(&all, "completion/complete", &format!(r#""ref":{reference}"#)), Ok(()));
    }
    assert_eq!(of(&some, "completion/complete", "").unwrap_err().0, Reason::InvalidParams);
}

#[test]
fn a_subscription_names_what_is_granted() {
    let some = some();
    let listen = |filter: &str| of(&some, "subscriptions/listen", &format!(r#""notifications":{filter}"#));
    for fine in ["{}", r#"{"toolsListChanged":true}"#, r#"{"resourceSubscriptions":[]}"#] {
        assert_eq!(listen(fine), Ok(()), "{fine}");
    }
    assert_eq!(of(&some, "subscriptions/listen", ""), Ok(()));
    assert_eq!(listen(r#"{"resourceSubscriptions":["notes://ada/1","notes://ada/2"]}"#), Ok(()));
    assert_eq!(listen(r#"{"resourceSubscriptions":["notes://ada/1","notes://eve/2"]}"#), unknown("notes://eve/2"));
    for wrong in [
        r#"{"resourceSubscriptions":"notes://ada/1"}"#,
        r#"{"resourceSubscriptions":[["notes://ada/1"]]}"#,
        r#"{"ResourceSubscriptions":["notes://eve/1"]}"#,
        r#"{"re\u017fourceSubscriptions":["notes://eve/1"]}"#,
        r#"["notes://eve/1"]"#,
    ] {
        assert_eq!(listen(wrong).unwrap_err().0, Reason::InvalidParams, "{wrong}");
    }
}

#[test]
fn who_is_granted_nothing_may_do_nothing() {
    let (some, none) =
        (some(), sight(Patterns { tools: patterns(&["other:*"]), ..Patterns::default() }, Patterns::default()));
    for method in ["initialize", "ping", "tools/list", "server/discover", "logging/setLevel", "tasks/get", "x/y"] {
        assert_eq!(of(&some, method, ""), Ok(()), "{method}");
        assert_eq!(of(&none, method, "").unwrap_err().0, Reason::PolicyDenied, "{method}");
    }
    assert_eq!(of(&none, "tools/call", r#""name":"search""#), unknown("search"));
    assert_eq!(of(&none, "subscriptions/listen", "").unwrap_err().0, Reason::PolicyDenied);
    let answer = r#"{"jsonrpc":"2.0","id":1,"result":{}}"#;
    assert!(decided(&some, answer).is_ok());
    assert_eq!(decided(&none, answer).unwrap_err().0, Reason::PolicyDenied);
    // GET and DELETE.
    assert!(check(some, &[], b"").is_ok());
    let denied = check(none, &[], b"").unwrap_err();
    assert_eq!((denied.refusal.reason, denied.message), (Reason::PolicyDenied, None));
    // A server that is not there.
    assert!(check(Sight::new(Rc::new(Grants::compile(&Lists::default(), [])), 3), &[], b"").is_err());
}

#[test]
fn each_message_of_a_batch_is_decided_on_its_own() {
    let call =
        |id: &str, name: &str| format!(r#"{{"jsonrpc":"2.0",{id}"method":"tools/call","params":{{"name":"{name}"}}}}"#);
    let fine = format!("[{},{}]", call(r#""id":1,"#, "search"), call("", "read_a"));
    assert!(decided(&some(), &fine).is_ok());
    let batch = format!("[{},{},{}]", call("", "search"), call(r#""id":1,"#, "search"), call(r#""id":2,"#, "rm"));
    let (reason, _, at) = decided(&some(), &batch).unwrap_err();
    assert_eq!((reason, at), (Reason::UnknownName, Some(2)));
    let Body::Batch(messages) = read_client(batch.as_bytes(), &Limits::default()).unwrap() else { panic!() };
    assert_eq!([0, 1, 2, 3].map(|at| request_at(&messages, at)), [None, Some(0), Some(1), None]);
}

proptest! {
    /// The same name is decided alike whatever asks for it, alone or in a batch, as a request or a notification.
    #[test]
    fn a_call_is_decided_as_the_patterns_say(
        allow in prop::collection::vec("((files|other|f\\*|\\*):)?[ab\\*\\?]{1,3}", 0..4),
        deny in prop::collection::vec("((files|other):)?[ab\\*\\?]{1,3}", 0..3),
        names in prop::collection::vec("[ab]{1,4}", 1..4),
    ) {
        let read = |texts: &[String]| texts.iter().map(|text| Pattern::parse(text).unwrap()).collect::<Vec<_>>();
        let (allow, deny) = (read(&allow), read(&deny));
        let granted = |name: &str| {
            let fits = |pattern: &Pattern| pattern.server.matches("files") && pattern.name.matches(name);
            allow.iter().any(fits) && !deny.iter().any(fits)
        };
        let sight = sight(
            Patterns { tools: allow.clone(), ..Patterns::default() },
            Patterns { tools: deny.clone(), ..Patterns::default() },
        );
        for name in &names {
            prop_assert_eq!(of(&sight, "tools/call", &format!(r#""name":"{name}""#)).is_ok(), granted(name), "{}", name);
        }
        let call = |(id, name)| format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"tools/call","params":{{"name":"{name}"}}}}"#);
        let calls: Vec<_> = names.iter().enumerate().map(call).collect();
        let first = names.iter().position(|name| !granted(name));
        let decision = decided(&sight, &format!("[{}]", calls.join(",")));
        prop_assert_eq!(decision.err().map(|(.., at)| at), first.map(Some));
    }
}
