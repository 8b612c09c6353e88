//! What is opened, what passes as it is, and what nobody knows.

use super::*;
use crate::model::{Caller, Means};
use crate::protocol::message::{Body, Limits, read_client};
use crate::seal::{KeyRing, Opaques};

fn principal(issuer: &str, subject: &str) -> Principal {
    let (roles, scopes) = (Box::default(), Box::default());
    Principal::new(Caller { means: Means::Jwt, issuer: issuer.into(), subject: subject.into(), roles, scopes })
}

fn binders() -> (Binder, Binder) {
    let keys = Opaques::new(&KeyRing::parse(&KeyRing::generate_text()).unwrap());
    (Binder::new(keys.clone(), "/files/mcp", "files"), Binder::new(keys, "/other/mcp", "other"))
}

fn request(method: &str, params: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0", "id" : 1,"method":"{method}","params":{{ {params} }}}}"#)
}

fn opened(binder: &Binder, who: &Principal, text: &str) -> Result<(String, Option<String>), (Reason, usize)> {
    let body = read_client(text.as_bytes(), &Limits::default()).unwrap();
    let messages = match &body {
        Body::One(message) => std::slice::from_ref(message),
        Body::Batch(messages) => messages,
    };
    match open(Some(binder), who, Era::Legacy, messages, text.as_bytes()) {
        Ok(mut opened) => {
            let name = opened.name().map(str::to_owned);
            let bytes = opened.take_bytes().map_or(text.to_owned(), |bytes| String::from_utf8(bytes).unwrap());
            Ok((bytes, name))
        }
        Err(closed) => Err((closed.refusal.reason, closed.message)),
    }
}

/// Each place: method, params with `@` for the value, which it is, and whether a foreign value is refused there.
const PLACES: [(&str, &str, Opaque, bool); 15] = [
    ("tools/list", r#""cursor":@"#, Opaque::Cursor, true),
    ("prompts/list", r#""cursor" : @"#, Opaque::Cursor, true),
    ("resources/list", r#""cursor":@"#, Opaque::Cursor, true),
    ("resources/templates/list", r#""cursor":@"#, Opaque::Cursor, true),
    ("tasks/list", r#""c\u0075rsor":@"#, Opaque::Cursor, true),
    ("tools/call", r#""name":"t","requestState":@,"inputResponses":{}"#, Opaque::State, true),
    ("prompts/get", r#""name":"p","requestState":@"#, Opaque::State, true),
    ("resources/read", r#""uri":"x:","requestState":@"#, Opaque::State, true),
    ("tasks/get", r#""taskId":@"#, Opaque::Task, true),
    ("tasks/result", r#""taskId":@"#, Opaque::Task, true),
    ("tasks/update", r#""taskId":@,"inputResponses":{}"#, Opaque::Task, true),
    ("tasks/cancel", r#""taskId":@"#, Opaque::Task, true),
    ("subscriptions/listen", r#""notifications":{"taskIds":[ @ ]}"#, Opaque::Task, true),
    ("ping", r#""_meta":{"io.modelcontextprotocol/related-task":{"taskId":@}}"#, Opaque::Task, true),
    ("acme/more", r#""cursor":@"#, Opaque::Cursor, false),
];

#[test]
fn what_was_given_here_is_opened_and_nothing_else_is_touched() {
    let ((binder, other), ann, bob) = (binders(), principal("a", "ann"), principal("b", "ann"));
    let token = r#""\u0061 \"q\" \\ \ud834\udd1e \/ z""#;
    for (method, params, what, strict) in PLACES {
        let with = |value: &str| request(method, &params.replace('@', value));
        let quote = |text: String| format!("\"{text}\"");
        let sealed = quote(binder.seal(what, ann.key(), token.as_bytes()));
        let (bytes, name) = opened(&binder, &ann, &with(&sealed)).unwrap();
        assert_eq!(bytes, with(token), "{method}");
        let mirrors = method.starts_with("tasks/") && what == Opaque::Task;
        assert_eq!(name.is_some(), mirrors, "{method}");
        // As it was written, or escaped.
        let escaped = sealed.replacen("A", "\\u0041", 1);
        assert_eq!(opened(&binder, &ann, &with(&escaped)).unwrap().0, with(token), "{method}");
        for nothing in ["null", "\"\""] {
            assert_eq!(opened(&binder, &ann, &with(nothing)), Ok((with(nothing), None)), "{method}");
        }
        let elsewhere = if what == Opaque::Cursor { Opaque::State } else { Opaque::Cursor };
        for (why, foreign) in [
            ("another issuer's caller of that name", quote(binder.seal(what, bob.key(), token.as_bytes()))),
            ("another server's", quote(other.seal(what, ann.key(), token.as_bytes()))),
            ("another purpose", quote(binder.seal(elsewhere, ann.key(), token.as_bytes()))),
            ("unsealed", token.to_owned()),
            ("cut", format!("{}\"", &sealed[..sealed.len() - 2])),
            ("a number", "7".to_owned()),
            ("a list", format!("[{sealed}]")),
        ] {
            let expected = if strict { Err((Reason::UnknownValue, 0)) } else { Ok((with(&foreign), None)) };
            assert_eq!(opened(&binder, &ann, &with(&foreign)), expected, "{method}: {why}");
        }
        let anonymous = Principal::anonymous(Box::default());
        assert_eq!(opened(&binder, &anonymous, &with(token)).unwrap().0, with(token), "nothing is sealed for nobody");
    }
}

#[test]
fn a_key_that_another_parser_takes_for_a_known_one_is_refused() {
    let ((binder, _), ann) = (binders(), principal("a", "ann"));
    for (method, params) in [
        ("subscriptions/listen", r#""notifications":{"TaskIds":["t-1"]}"#),
        ("subscriptions/listen", r#""notifications":{"taskIds":"t-1"}"#),
        ("ping", r#""_meta":{"io.modelcontextprotocol/related-task":{"taskID":"t-1"}}"#),
    ] {
        assert_eq!(opened(&binder, &ann, &request(method, params)), Err((Reason::InvalidParams, 0)), "{params}");
    }
}

#[test]
fn a_clients_own_tasks_pass_and_what_is_ours_beside_them_is_opened() {
    let ((binder, _), ann) = (binders(), principal("a", "ann"));
    let sealed = format!("\"{}\"", binder.seal(Opaque::Task, ann.key(), b"\"t-1\""));
    let related = |id: &str| format!(r#""_meta":{{"io.modelcontextprotocol/related-task":{{"taskId":{id}}}}}"#);
    let of = [
        |related: String| format!(r#"{{"jsonrpc":"2.0","id":1,"result":{{{related}}}}}"#),
        |related: String| format!(r#"{{"jsonrpc":"2.0","method":"notifications/progress","params":{{{related}}}}}"#),
    ];
    for of in of {
        assert_eq!(opened(&binder, &ann, &of(related(&sealed))).unwrap().0, of(related("\"t-1\"")));
        assert_eq!(opened(&binder, &ann, &of(related("\"mine\""))).unwrap().0, of(related("\"mine\"")));
    }
    // The task that a client makes of a server's request is named by the client (2025-11-25, "Tasks").
    let made = r#"{"jsonrpc":"2.0","id":1,"result":{"task":{"taskId":"mine"}}}"#;
    assert_eq!(opened(&binder, &ann, made).unwrap().0, made);
}

#[test]
fn a_batch_is_opened_whole_or_refused_with_the_one_that_is_at_fault() {
    let ((binder, _), ann) = (binders(), principal("a", "ann"));
    let seal = |token: &str| format!("\"cursor\":\"{}\"", binder.seal(Opaque::Cursor, ann.key(), token.as_bytes()));
    let batch =
        |one: &str, other: &str| format!("[ {},\n{} ]", request("tools/list", one), request("prompts/list", other));
    let (one, other) = (seal("\"1\""), seal("2"));
    assert_eq!(opened(&binder, &ann, &batch(&one, &other)).unwrap().0, batch("\"cursor\":\"1\"", "\"cursor\":2"));
    assert_eq!(opened(&binder, &ann, &batch(&one, "\"cursor\":\"2\"")), Err((Reason::UnknownValue, 1)));
}

#[test]
fn a_method_that_an_era_has_not_reaches_no_task_of_others() {
    let ((binder, _), ann) = (binders(), principal("a", "ann"));
    let text = request("tasks/result", r#""taskId":"t-1""#);
    let Ok(Body::One(message)) = read_client(text.as_bytes(), &Limits::default()) else { panic!("{text}") };
    for (era, reason) in [(Era::Modern, Reason::MethodNotFound), (Era::Legacy, Reason::UnknownValue)] {
        let closed = open(Some(&binder), &ann, era, std::slice::from_ref(&message), text.as_bytes()).unwrap_err();
        assert_eq!(closed.refusal.reason, reason);
    }
}

#[test]
fn who_has_not_declared_tasks_is_told_that_first() {
    let ((binder, _), ann) = (binders(), principal("a", "ann"));
    for (declared, reason) in [
        ("{}", Reason::MissingClientCapability),
        (r#"{"extensions":{"x":{}}}"#, Reason::MissingClientCapability),
        (r#"{"extensions":{"io.modelcontextprotocol/tasks":{}}}"#, Reason::UnknownValue),
    ] {
        let meta = format!(r#""_meta":{{"io.modelcontextprotocol/clientCapabilities":{declared}}}"#);
        for (method, task) in [
            ("tasks/get", r#""taskId":"t-1""#),
            ("tasks/update", r#""taskId":"t-1""#),
            ("tasks/cancel", r#""taskId":"t-1""#),
            ("subscriptions/listen", r#""notifications":{"taskIds":["t-1"]}"#),
        ] {
            let text = request(method, &format!("{task},{meta}"));
            let Ok(Body::One(message)) = read_client(text.as_bytes(), &Limits::default()) else { panic!("{text}") };
            let messages = std::slice::from_ref(&message);
            let closed = open(Some(&binder), &ann, Era::Modern, messages, text.as_bytes()).unwrap_err();
            assert_eq!(closed.refusal.reason, reason, "{method} {declared}");
        }
    }
}
