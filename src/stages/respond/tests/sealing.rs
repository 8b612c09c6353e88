//! What of a server's words is sealed for who brings it back, to the byte, however it is cut into pieces.

use std::rc::Rc;

use proptest::prelude::*;

use super::*;
use crate::model::{Caller, Means, Principal, RequestIds};
use crate::seal::{Binder, KeyRing, Opaque, Opaques};

fn binder() -> Rc<Binder> {
    let keys = Opaques::new(&KeyRing::parse(&KeyRing::generate_text()).unwrap());
    Rc::new(Binder::new(keys, "/mcp", "files"))
}

fn ann() -> Principal {
    let (roles, scopes) = (Box::default(), Box::default());
    Principal::new(Caller { means: Means::Jwt, issuer: "a".into(), subject: "ann".into(), roles, scopes })
}

/// What passes of a message that answers this method, as an event in pieces of these sizes.
fn streamed(binder: &Rc<Binder>, who: &Principal, method: Option<Method>, text: &str, sizes: &[usize]) -> String {
    let (observer, _sightings) = observer();
    let era = Era::Legacy;
    let awaited = if method.is_some() { Awaited::Request(id("1")) } else { Awaited::Any };
    let expected = Expected::new(awaited, era, method, Limits::default()).sealing(Some(binder), who);
    let mut events = Events::new(RequestIds::new().next(), expected, 1 << 20);
    let (mut out, event) = (Vec::new(), format!("data: {text}\n\n"));
    let (mut rest, mut sizes) = (event.as_bytes(), sizes.iter().cycle());
    while !rest.is_empty() {
        let (piece, later) = rest.split_at(rest.len().min(*sizes.next().unwrap()));
        events.take(piece, &mut out, &observer).unwrap();
        rest = later;
    }
    String::from_utf8(out).unwrap().strip_prefix("data: ").unwrap().trim_end().to_owned()
}

/// The text with whatever opens in the place of what was sealed, and how much that was.
fn opened(binder: &Binder, who: &Principal, text: &str) -> (String, usize) {
    let (mut out, mut count) = (Vec::new(), 0);
    for part in text.split('"') {
        let all = [Opaque::Cursor, Opaque::State, Opaque::Task];
        let token = all.iter().find_map(|what| binder.open(*what, who.key(), part));
        count += usize::from(token.is_some());
        out.push(token.map_or(part.to_owned(), |token| {
            let token = String::from_utf8(token).unwrap();
            token.strip_prefix('"').and_then(|token| token.strip_suffix('"')).unwrap().to_owned()
        }));
    }
    (out.join("\""), count)
}

fn result(members: &str) -> String {
    format!(r#"{{ "jsonrpc":"2.0","id":1,"result":{{ {members} }}}}"#)
}

fn note(method: &str, params: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","method":"notifications/{method}","params":{{{params}}}}}"#)
}

const RELATED: &str = r#""_meta":{"x":1,"io.modelcontextprotocol/related-task":{"taskId":"t-1"}}"#;

#[test]
fn what_a_client_brings_back_is_sealed_and_nothing_else() {
    let (binder, ann) = (binder(), ann());
    let task = r#""taskId":"t-1","status":"working""#;
    let of = |method: Method| Some(method);
    for (sealed, method, text) in [
        (1, of(Method::ToolsList), result(r#""tools":[{"name":"x","nextCursor":"no"}], "nextCursor" : "c\n\u0061""#)),
        (1, of(Method::ResourcesList), result(r#""nextCursor":"c","resources":[]"#)),
        (0, of(Method::ToolsList), result(r#""tools":[],"nextCursor":"""#)),
        (0, of(Method::ToolsList), result(r#""tools":[],"nextCursor":null"#)),
        (0, of(Method::ToolsCall), result(r#""content":[{"taskId":"no","requestState":"no"}],"nextCursor":"no""#)),
        (
            1,
            of(Method::ToolsCall),
            result(r#""resultType":"input_required","requestState":"s\"\\\/","inputRequests":{}"#),
        ),
        (1, of(Method::ToolsCall), result(&format!(r#""resultType":"task",{task}"#))),
        (2, of(Method::ToolsCall), result(&format!(r#""task":{{{task}}},{RELATED}"#))),
        (1, of(Method::TasksGet), result(task)),
        (1, of(Method::TasksResult), result(&format!(r#""content":[],{RELATED}"#))),
        (
            4,
            of(Method::TasksList),
            result(r#""tasks":[{"taskId":"1"},{"taskId":"2","taskId":"3"},4],"nextCursor":"c""#),
        ),
        (3, None, result(&format!(r#""nextCursor":"c","requestState":"s",{task}"#))),
        (1, of(Method::ToolsCall), note("tasks/status", task)),
        (2, None, note("tasks", &format!(r#"{task},"requestState":"s""#))),
        (
            2,
            None,
            note("subscriptions/acknowledged", r#""notifications":{"taskIds":["1" , "2"],"toolsListChanged":true}"#),
        ),
        (1, None, note("progress", RELATED)),
        (0, None, note("message", r#""taskId":"no","data":{"taskIds":["no"]}"#)),
        (1, None, format!(r#"{{"jsonrpc":"2.0","id":9,"method":"elicitation/create","params":{{{RELATED}}}}}"#)),
        // The client's own task, which the server asks for.
        (0, None, r#"{"jsonrpc":"2.0","id":9,"method":"tasks/get","params":{"taskId":"mine"}}"#.to_owned()),
        (
            0,
            of(Method::ToolsCall),
            r#"{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":"","data":{"taskId":"no"}}}"#.to_owned(),
        ),
        (2, None, format!("[{} , {}]", result(r#""nextCursor":"c""#), note("tasks", task))),
    ] {
        let passed = streamed(&binder, &ann, method, &text, &[usize::MAX]);
        assert_eq!(opened(&binder, &ann, &passed), (text.clone(), sealed), "{passed}");
        assert_eq!(passed == text, sealed == 0);
        let anonymous = Principal::anonymous(Box::default());
        assert_eq!(streamed(&binder, &anonymous, method, &text, &[usize::MAX]), text, "what is anybody's passes");
        let Some(method) = method else { continue };
        if !text.contains("notifications/") && !text.contains("\"id\":9") {
            let (observer, _sightings) = observer();
            let expected = awaiting(Awaited::Request(id("1")), Era::Legacy, method);
            let whole = whole(expected.sealing(Some(&binder), &ann), text.clone().into(), &observer).unwrap();
            let passed = String::from_utf8(whole.bytes.to_vec()).unwrap();
            assert_eq!(opened(&binder, &ann, &passed), (text, sealed), "in one piece");
        }
    }
}

#[test]
fn a_task_has_one_name_however_it_is_spelt() {
    let (binder, ann) = (binder(), ann());
    let of = |text: &str| {
        let passed = streamed(&binder, &ann, Some(Method::TasksGet), &result(text), &[7]);
        passed.split('"').nth(11).unwrap().to_owned()
    };
    assert_eq!(of(r#""taskId":"t-1""#), of(r#""taskId":"\u0074-1""#));
    assert_ne!(of(r#""taskId":"t-1""#), of(r#""taskId":"t-2""#));
}

proptest! {
    #[test]
    fn any_text_comes_back_to_the_byte(text in any::<String>(), ascii in any::<bool>(), sizes in prop::collection::vec(1..40_usize, 1..6)) {
        let (binder, ann) = (binder(), ann());
        let token = match ascii {
            true => text.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect::<String>(),
            false => {
                let quoted = serde_json::to_string(&text).unwrap();
                quoted[1..quoted.len() - 1].to_owned()
            }
        };
        let answer = result(&format!(r#""requestState":"{token}""#));
        let passed = streamed(&binder, &ann, Some(Method::ToolsCall), &answer, &sizes);
        prop_assert_eq!(opened(&binder, &ann, &passed), (answer, usize::from(!text.is_empty())));
    }
}

#[test]
fn what_rules_do_not_show_goes_and_the_rest_is_sealed() {
    let (binder, ann) = (binder(), ann());
    let (observer, _sightings) = observer();
    let path = crate::model::KeyPath::parse("content.*.email").unwrap();
    let hush = vec![std::sync::Arc::new(crate::catalog::Redaction::of(&[path]))];
    let text = result(r#""content":[{"email":"HUSH", "n":1e400}],"requestState":"s-1""#);
    let expected = Expected::new(Awaited::Request(id("1")), Era::Modern, Some(Method::ToolsCall), Limits::default());
    let expected = expected.sealing(Some(&binder), &ann).redacting((hush, false));
    assert!(expected.is_read_whole() && expected.is_cut());
    let passed = whole(expected, text.clone().into(), &observer).unwrap().bytes;
    let (opened, count) = opened(&binder, &ann, std::str::from_utf8(&passed).unwrap());
    assert_eq!((opened, count), (text.replace("HUSH", "[redacted]"), 1));
}
