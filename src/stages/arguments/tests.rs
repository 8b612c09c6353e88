//! Calls against their tool, and how what is wrong is told.

use super::*;
use crate::config::Bound;
use crate::model::Glob;
use crate::protocol::message::{Body, Limits, read_client};
use crate::protocol::revision::{Era, Revision};

fn checks(bounds: Vec<Bound>) -> Checks {
    Checks::new(&RouteChecks { arguments: true, answers: ValidateAnswers::Off, bounds }).unwrap()
}

fn read(text: &str) -> Message {
    let Ok(Body::One(message)) = read_client(text.as_bytes(), &Limits::default()) else { panic!("{text}") };
    message
}

fn call_of(params: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{params}}}"#)
}

fn fits(arguments: &str, telling: Telling) -> Result<(), Refusal> {
    let schema =
        Schema::compile(br#"{"type":"object","properties":{"n":{"type":"integer"}},"required":["n"]}"#).unwrap();
    let text = call_of(&format!(r#"{{"name":"add"{arguments}}}"#));
    let message = read(&text);
    let call = checks(Vec::new()).call(&message, text.as_bytes())?.expect("it calls");
    fit(&call, text.as_bytes(), Ok(&schema), telling)
}

#[test]
fn nothing_asked_is_nothing_to_check() {
    assert!(Checks::new(&RouteChecks::default()).is_none());
    let list = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;
    assert!(checks(Vec::new()).call(&read(list), list.as_bytes()).unwrap().is_none());
}

#[test]
fn faults_are_told_as_the_revision_wants_it() {
    assert!(fits(r#","arguments":{"n":1}"#, Telling::Error).is_ok());
    let error = fits(r#","arguments":{"n":"s3cret"}"#, Telling::Error).unwrap_err();
    assert_eq!((error.reason, &error.result), (Reason::InvalidArguments, &None));
    assert!(error.data.starts_with(r#""faults":[{"path":"/n","message":"#), "{}", error.data);
    let result = fits("", Telling::Modern).unwrap_err();
    let told = result.result.as_deref().unwrap();
    assert!(told.starts_with(r#"{"resultType":"complete","content":[{"type":"text","text":"#), "{told}");
    assert!(told.contains("required") && told.ends_with(r#""isError":true}"#), "{told}");
    assert!(!format!("{error:?}{result:?}").contains("s3cret"));
    let of = |revision| Telling::of(Era::Legacy, revision);
    assert_eq!(of(None), Telling::Error);
    assert_eq!(of(Some(Revision::V2025_06_18)), Telling::Error);
    assert_eq!(of(Some(Revision::V2025_11_25)), Telling::Result);
    assert_eq!(Telling::of(Era::Modern, None), Telling::Modern);
}

#[test]
fn what_cannot_be_checked_does_not_pass() {
    for arguments in [
        r#","arguments":null"#,
        r#","arguments":[]"#,
        r#","arguments":{"n":1e400}"#,
        r#","arguments":{"n":36893488147419103232}"#,
    ] {
        let refusal = fits(arguments, Telling::Modern).unwrap_err();
        assert_eq!((refusal.reason, &refusal.result), (Reason::InvalidParams, &None), "{arguments}");
    }
    let nameless = call_of(r#"{"name":["add"]}"#);
    assert_eq!(
        checks(Vec::new()).call(&read(&nameless), nameless.as_bytes()).unwrap_err().reason,
        Reason::InvalidParams
    );
    let text = call_of(r#"{"name":"add"}"#);
    let call = checks(Vec::new()).call(&read(&text), text.as_bytes()).unwrap().unwrap();
    let unusable = Schema::compile(br##"{"$ref":"https://x.example/"}"##).unwrap_err();
    let refusal = fit(&call, text.as_bytes(), Err(&unusable), Telling::Modern).unwrap_err();
    assert_eq!(refusal.reason, Reason::UnusableSchema);
    assert!(
        refusal.message.contains("\"add\"") && refusal.message.contains("https://x.example/"),
        "{}",
        refusal.message
    );
}

#[test]
fn bounds_hold_for_their_methods_and_names() {
    let search = Bound {
        methods: vec!["tools/call".into()],
        tools: vec![Glob::parse("sea*").unwrap()],
        body: Some(200),
        depth: Some(4),
        values: Some(6),
    };
    let checks = checks(vec![search]);
    let bound = |text: &str| checks.bound(&read(text), text.as_bytes(), text.len()).map_err(|refusal| refusal.reason);
    assert_eq!(bound(&call_of(r#"{"name":"search","arguments":{"a":[1,2]}}"#)), Ok(()));
    assert_eq!(bound(&call_of(r#"{"name":"search","arguments":{"a":[1,2,3]}}"#)), Err(Reason::InvalidParams));
    assert_eq!(bound(&call_of(r#"{"name":"search","arguments":{"a":[[]]}}"#)), Err(Reason::InvalidParams));
    let long = "x".repeat(200);
    assert_eq!(bound(&call_of(&format!(r#"{{"name":"search","arguments":{{"a":"{long}"}}}}"#))), Err(Reason::TooLarge));
    assert_eq!(bound(&call_of(&format!(r#"{{"name":"other","arguments":{{"a":"{long}"}}}}"#))), Ok(()));
    let list = call_of(&format!(r#"{{"name":"search","x":"{long}"}}"#)).replace("tools/call", "tools/list");
    assert_eq!(bound(&list), Ok(()));
}
