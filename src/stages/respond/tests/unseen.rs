//! What of lists and notifications passes to those who may see only part of a server.

use std::rc::Rc;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::model::grants::{Grants, Lists, Named, Patterns, Sight};
use crate::model::{Pattern, RequestIds};
use crate::telemetry::log::Sink;
use crate::telemetry::{Controls, RouteMeter, Telemetry};

fn meter() -> Rc<RouteMeter> {
    Telemetry::new(&Controls::of(Sink::nowhere())).route("/mcp", "files")
}

fn patterns(texts: &[&str]) -> Vec<Pattern> {
    texts.iter().map(|text| Pattern::parse(text).unwrap()).collect()
}

fn some() -> Sight {
    let allow = Patterns {
        tools: patterns(&["read_*", "search"]),
        prompts: Vec::new(),
        resources: patterns(&["*:notes://ada/*"]),
    };
    let deny = Patterns { tools: patterns(&["*_secret"]), ..Patterns::default() };
    Sight::new(Rc::new(Grants::compile(&Lists { allow, deny }, ["files"])), 0)
}

fn expected(awaited: Awaited, era: Era, method: Option<Method>) -> Expected {
    Expected::new(awaited, era, method, Limits::default()).showing(Some(&some()), &meter(), &Rc::default())
}

fn to_one(era: Era, method: Method) -> Expected {
    expected(Awaited::Request(id("1")), era, Some(method))
}

/// What passes of an answer, in one piece and as an event.
fn shown(method: Method, text: &str) -> Result<String, String> {
    let (observer, _sightings) = observer();
    let passed = whole(to_one(Era::Legacy, method), text.to_owned().into(), &observer);
    let passed = passed.map(|checked| String::from_utf8(checked.bytes.to_vec()).unwrap());
    for era in ERAS {
        let (passing, answered) = streamed(to_one(era, method), &[text]);
        match &passed {
            Ok(passed) => assert_eq!((passing, answered), (event(passed), true)),
            Err(_) => assert_eq!((passing, answered), (String::new(), false)),
        }
    }
    passed.map_err(|refusal| refusal.message.to_string())
}

/// A text as an event.
fn event(text: &str) -> String {
    let lines: String = text.split('\n').map(|line| format!("data: {line}\n")).collect();
    format!("{lines}\n")
}

/// What passes of events with these texts, and whether that answers.
fn streamed(expected: Expected, texts: &[&str]) -> (String, bool) {
    let (observer, _sightings) = observer();
    let mut events = Events::new(RequestIds::new().next(), expected, 1 << 20);
    let mut out = Vec::new();
    for text in texts {
        events.take(event(text).as_bytes(), &mut out, &observer).unwrap();
    }
    (String::from_utf8(out).unwrap(), events.is_answered())
}

fn result(members: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":1,"result":{{{members}}}}}"#)
}

#[test]
fn a_list_has_what_is_granted_to_the_byte() {
    let list = r#" "nextCursor" : "c" ,"tools":[ {"name":"rm"} , {"x":[{"name":"rm"}],"name" : "read_a" } ,
        {"name":"read_secret"},{"n\u0061me":"\u0073earch"}], "prompts":[{"name":"p"}],"_meta":{"tools":[{"name":"rm"}]}"#;
    let less = r#" "nextCursor" : "c" ,"tools":[ {"x":[{"name":"rm"}],"name" : "read_a" } ,{"n\u0061me":"\u0073earch"}], "prompts":[{"name":"p"}],"_meta":{"tools":[{"name":"rm"}]}"#;
    assert_eq!(shown(Method::ToolsList, &result(list)), Ok(result(less)));
    let templates = r#""resourceTemplates":[{"uriTemplate":"notes://{user}/{x}"},{"uriTemplate":"files:///{path}"}]"#;
    let less = r#""resourceTemplates":[{"uriTemplate":"notes://{user}/{x}"}]"#;
    assert_eq!(shown(Method::TemplatesList, &result(templates)), Ok(result(less)));
    let resources = r#""resources":[{"uri":"notes://ada/1"},{"uri":"notes://ada/../eve"},{"name":"notes://ada/1"}]"#;
    assert_eq!(
        shown(Method::ResourcesList, &result(resources)),
        Ok(result(r#""resources":[{"uri":"notes://ada/1"}]"#))
    );
    assert_eq!(
        shown(Method::PromptsList, &result(r#""prompts":[{"name":"a"},{"name":"b"}]"#)),
        Ok(result(r#""prompts":[]"#))
    );
}

#[test]
fn an_entry_that_cannot_be_read_is_not_shown() {
    for entry in [
        r#"{"name":"search","name":"search"}"#,
        r#"{"name":"search","name":"rm"}"#,
        r#"{"name":["search"]}"#,
        r#"{"Name":"search"}"#,
        r#""search""#,
        r#"["search"]"#,
        "null",
        "{}",
    ] {
        assert_eq!(shown(Method::ToolsList, &result(&format!(r#""tools":[{entry}]"#))), Ok(result(r#""tools":[]"#)));
    }
}

#[test]
fn a_list_that_is_none_does_not_pass() {
    for list in [r#"{"a":{"name":"rm"}}"#, r#""rm""#, "null"] {
        assert!(shown(Method::ToolsList, &result(&format!(r#""tools":{list}"#))).is_err(), "{list}");
    }
    for other in ["", r#""prompts":7"#] {
        assert_eq!(shown(Method::ToolsList, &result(other)), Ok(result(other)));
    }
}

#[test]
fn other_answers_pass_as_they_are() {
    for method in [Method::ToolsCall, Method::PromptsGet, Method::Discover, Method::Other] {
        let answer = result(r#""tools":[{"name":"rm"}],"content":[]"#);
        assert_eq!(shown(method, &answer), Ok(answer));
    }
    let error = r#"{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":"","data":{"tools":[{"name":"rm"}]}}}"#;
    assert_eq!(shown(Method::ToolsList, error), Ok(error.to_owned()));
}

#[test]
fn a_failure_that_brings_a_list_is_cut_too() {
    let list = result(r#""tools":[{"name":"rm"},{"name":"search"}]"#);
    let passed = failed(to_one(Era::Legacy, Method::ToolsList), list.into()).unwrap();
    assert_eq!(passed, result(r#""tools":[{"name":"search"}]"#));
}

#[test]
fn what_a_stream_replays_is_cut_by_what_it_looks_like() {
    let replayed = r#"{"jsonrpc":"2.0","id":7,"result":{"tools":[{"name":"rm"},{"name":"search"}],"resources":[{"uri":"x://y"}]}}"#;
    let less = r#"{"jsonrpc":"2.0","id":7,"result":{"tools":[{"name":"search"}],"resources":[]}}"#;
    let (passed, _) = streamed(expected(Awaited::Any, Era::Legacy, None), &[replayed]);
    assert_eq!(passed, format!("data: {less}\n\n"));
    // In a batch, beside a notification that is hidden.
    let hidden = r#"{"jsonrpc":"2.0","method":"notifications/prompts/list_changed"}"#;
    let (passed, _) = streamed(
        expected(Awaited::Any, Era::Legacy, None),
        &[&format!("[ {hidden} , {replayed} ]"), &format!("[{hidden}]")],
    );
    assert_eq!(passed, format!("data: [ {less} ]\n\n"));
}

#[test]
fn the_answers_of_a_batch_are_cut_each() {
    let tools = result(r#""tools":[{"name":"rm"}]"#);
    let other = tools.replace("\"id\":1", "\"id\":2").replace("tools", "prompts");
    let awaited = || Awaited::Batch(vec![id("1"), id("2")]);
    let (observer, _sightings) = observer();
    let text = format!("[{tools} , {other}]");
    let less = format!("[{} , {}]", tools.replace(r#"{"name":"rm"}"#, ""), other.replace(r#"{"name":"rm"}"#, ""));
    let passed = whole(expected(awaited(), Era::Legacy, None), text.clone().into(), &observer).unwrap();
    assert_eq!(passed.bytes, less);
    assert_eq!(streamed(expected(awaited(), Era::Legacy, None), &[&text]), (format!("data: {less}\n\n"), true));
}

#[test]
fn a_notification_about_what_is_hidden_is_dropped_and_counted() {
    let note = |method: &str, params: &str| {
        format!(r#"{{"jsonrpc":"2.0","method":"notifications/{method}","params":{{{params}}}}}"#)
    };
    let seen = [
        note("resources/updated", r#""uri":"notes://ada/1""#),
        note("tools/list_changed", ""),
        note("resources/list_changed", ""),
        note("message", r#""data":"notes://eve/1""#),
        note("progress", r#""progressToken":1"#),
    ];
    let hidden = [
        note("resources/updated", r#""uri":"notes://eve/1""#),
        note("resources/updated", r#""uri":["notes://ada/1"]"#),
        note("resources/updated", ""),
        note("prompts/list_changed", ""),
    ];
    let all: Vec<_> = hidden.iter().chain(&seen).chain(&hidden).map(String::as_str).collect();
    for (awaited, era, method) in [
        (Awaited::Any, Era::Legacy, None),
        (Awaited::Request(id("1")), Era::Legacy, Some(Method::ToolsCall)),
        (Awaited::Request(id("1")), Era::Modern, Some(Method::Listen)),
    ] {
        let (passed, _) = streamed(expected(awaited.clone(), era, method), &all);
        assert_eq!(passed, seen.iter().map(|text| format!("data: {text}\n\n")).collect::<String>());
        // Who may see everything is shown everything.
        let everything = Lists { allow: Patterns::everything(), ..Lists::default() };
        assert!(Sight::new(Rc::new(Grants::compile(&everything, ["files"])), 0).all());
        let (passed, _) = streamed(Expected::new(awaited, era, method, Limits::default()), &all);
        assert_eq!(passed.matches("data: ").count(), all.len());
    }
    // Its id stays: what came before it is not sent again.
    let (observer, _sightings) = observer();
    let mut events = Events::new(RequestIds::new().next(), expected(Awaited::Any, Era::Legacy, None), 1 << 20);
    let mut out = Vec::new();
    events.take(format!("id: 7\ndata: {}\n\n", hidden[0]).as_bytes(), &mut out, &observer).unwrap();
    assert_eq!(String::from_utf8(out).unwrap(), "id: 7\ndata:\n\n".replace("data:\n", "data: \n"));
    assert_eq!(events.strays(), 0, "the server has done nothing wrong");
}

/// What passes of these values to whoever asked for them with these params.
fn completed(params: &str, values: &str) -> Result<String, String> {
    let request = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"completion/complete","params":{{{params}}}}}"#);
    let Ok(Body::One(asked)) = read_client(request.as_bytes(), &Limits::default()) else { panic!("{request}") };
    let expected = to_one(Era::Legacy, Method::Complete).asked_by(Some(&asked), request.as_bytes());
    let (observer, _sightings) = observer();
    let answer = result(&format!(r#""completion":{{"total":9, "values":{values}}}"#));
    let passed = whole(expected, answer.into(), &observer).map_err(|refusal| refusal.message.to_string())?;
    let text = String::from_utf8(passed.bytes.to_vec()).unwrap();
    let (_, text) = text.split_once(r#""completion":{"total":9, "values":"#).unwrap();
    Ok(text.strip_suffix("}}}").unwrap().to_owned())
}

#[test]
fn a_completion_shows_what_makes_a_resource_that_is_granted() {
    let template = r#""ref":{"type":"ref/resource","uri":"notes://{user}/{note}"}"#;
    let argument = |name: &str| format!(r#""argument":{{"name":"{name}","value":""}}"#);
    let values = r#"[ "ada" ,"eve", "\u0061da","ada/", 7, ["ada"]]"#;
    let of = |params: &str| completed(params, values).unwrap();
    assert_eq!(of(&format!("{template},{}", argument("user"))), r#"[ "ada" , "\u0061da"]"#);
    // As far as it is known, every note may be one of ada's.
    assert_eq!(of(&format!("{template},{}", argument("note"))), r#"[ "ada" ,"eve", "\u0061da","ada/"]"#);
    let ada = r#""context":{"arguments":{"user":"ada"}}"#;
    // Of a URI that is whole, an escaped slash is no spelling that counts.
    assert_eq!(of(&format!("{template},{},{ada}", argument("note"))), r#"[ "ada" ,"eve", "\u0061da"]"#);
    for none in [
        format!("{template},{},{}", argument("note"), ada.replace("ada", "eve")),
        format!(r#"{template},{},"context":{{"arguments":{{"user":["eve"]}}}}"#, argument("note")),
        format!(r#"{template},"argument":{{"name":["user"]}}"#),
        template.to_owned(),
        r#""ref":{"type":"ref/resource"}"#.to_owned(),
    ] {
        assert_eq!(of(&none), "[]", "{none}");
    }
    let prompt = format!(r#""ref":{{"type":"ref/prompt","name":"p"}},{}"#, argument("user"));
    assert_eq!(of(&prompt), values, "these are no part of a URI");
    for wrong in [r#""ada""#, "null", r#"{"0":"ada"}"#, r#"["ada"],"values":["eve"]"#] {
        assert!(completed(&format!("{template},{}", argument("user")), wrong).is_err(), "{wrong}");
    }
    // What is replayed is of nobody knows what.
    let answer = result(r#""completion":{"values":["ada"]}"#);
    let (passed, _) = streamed(expected(Awaited::Any, Era::Legacy, None), &[&answer]);
    assert_eq!(passed, event(&answer.replace(r#""ada""#, "")));
}

/// A list as a server may write it, and the names in it.
fn lists() -> impl Strategy<Value = (String, Vec<Option<String>>)> {
    let space = || prop::sample::select(vec!["", " ", "\n\t"]);
    let name = prop::sample::select(vec!["rm", "search", "read_a", "read_secret", "read_", "ß", ""]);
    let entry = (space(), name, 0..6, space()).prop_map(|(left, name, form, right)| {
        let escaped: String = name.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect();
        let (text, name) = match form {
            0 => (format!(r#"{{"name":"{name}","description":"]}},{{\"name\":\"x\""}}"#), Some(name.to_owned())),
            1 => (format!(r#"{{ "inputSchema":{{"name":[1,{{}}]}} , "name" : "{escaped}" }}"#), Some(name.to_owned())),
            2 => (format!(r#"{{"\u006eame":"{name}"}}"#), Some(name.to_owned())),
            3 => (format!(r#"{{"name":"{name}","name":"search"}}"#), None),
            4 => (format!(r#"{{"x":{{"a":1,"a":2}},"name":"{name}"}}"#), Some(name.to_owned())),
            _ => (format!(r#"["{name}"]"#), None),
        };
        (format!("{left}{text}{right}"), name)
    });
    prop::collection::vec(entry, 0..7).prop_map(|entries| {
        let texts: Vec<_> = entries.iter().map(|(text, _)| text.as_str()).collect();
        (format!("[{}]", texts.join(",")), entries.iter().map(|(_, name)| name.clone()).collect())
    })
}

/// Two callers of one core, and what it remembers between all answers to them.
struct Remembering {
    sights: [Sight; 2],
    meter: Rc<RouteMeter>,
    memo: Rc<Memo>,
}

impl Remembering {
    fn new() -> Self {
        let allow = Patterns { tools: patterns(&["rm", "*_"]), ..Patterns::default() };
        let other = Grants::compile(&Lists { allow, ..Lists::default() }, ["files"]);
        Self { sights: [some(), Sight::new(Rc::new(other), 0)], meter: meter(), memo: Rc::default() }
    }

    /// What passes of a list to one of them.
    fn shows(&self, to: usize, text: &str, memo: &Rc<Memo>) -> Vec<u8> {
        let expected = awaiting(Awaited::Request(id("1")), Era::Legacy, Method::ToolsList);
        let expected = expected.showing(Some(&self.sights[to]), &self.meter, memo);
        whole(expected, text.to_owned().into(), &observer().0).unwrap().bytes.to_vec()
    }
}

thread_local! {
    static REMEMBERING: Remembering = Remembering::new();
}

proptest! {
    #[test]
    fn what_is_remembered_of_a_list_changes_nothing(
        (list, _) in lists(),
        names in prop::sample::select(vec!["tools", "too\\u006cs"]),
        order in prop::collection::vec((0..2usize, any::<bool>()), 1..8),
    ) {
        REMEMBERING.with(|all| {
            for (to, id_first) in order {
                let result = format!(r#""result":{{"{names}":{list}}}"#);
                let text = match id_first {
                    true => format!(r#"{{"jsonrpc":"2.0","id":1,{result}}}"#),
                    false => format!(r#"{{{result},"id":1,"jsonrpc":"2.0"}}"#),
                };
                prop_assert_eq!(all.shows(to, &text, &all.memo), all.shows(to, &text, &Rc::default()), "{}", text);
            }
            Ok(())
        })?;
    }

    #[test]
    fn a_list_is_what_a_naive_reader_would_leave_of_it(
        (list, names) in lists(),
        before in prop::sample::select(vec!["", r#""nextCursor":"rm","#, r#" "x":{"tools":[{"name":"rm"}]} , "#]),
        first in any::<bool>(),
    ) {
        let text = match first {
            true => format!(r#"{{"result":{{{before}"tools" : {list} }},"jsonrpc":"2.0", "id":1}}"#),
            false => format!(r#"{{"jsonrpc":"2.0","id":1,"result":{{{before}"tools":{list},"z":[]}}}}"#),
        };
        let passed = shown(Method::ToolsList, &text).unwrap();
        // What is left, read by another reader.
        let read: Value = serde_json::from_str(&passed).unwrap();
        let granted = |name: &str| some().allows(Named::Tool, name);
        let left: Vec<_> = names.iter().flatten().filter(|name| granted(name)).map(|name| json!(name)).collect();
        let found: Vec<_> = read["result"]["tools"].as_array().unwrap().iter().map(|tool| tool["name"].clone()).collect();
        prop_assert_eq!(&found, &left);
        // Around the list, and in the entries that stay, nothing has changed.
        let (from, to) = (text.find(&list).unwrap(), text.len() - text.find(&list).unwrap() - list.len());
        prop_assert_eq!(&passed[..from], &text[..from]);
        prop_assert_eq!(&passed[passed.len() - to..], &text[text.len() - to..]);
        for entry in read["result"]["tools"].as_array().unwrap() {
            prop_assert!(entry.is_object());
        }
        if left.len() == names.len() {
            prop_assert_eq!(passed, text);
        }
    }
}
