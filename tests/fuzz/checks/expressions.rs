//! An expression and arguments, one behind the other with a line end between them: whatever they are, what is wrong is told
//! with its place, running ends within the budget, and where the crate that parses has a value too it is the same.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use cel::{Context, Program, objects};
use http::HeaderMap;
use weir::model::Principal;
use weir::protocol::json::{self, Value};
use weir::protocol::message::{Body, Limits, Message, read_client};
use weir::protocol::revision::Era;
use weir::stages::rules::expression::{Budget, Expected, Expression, Facts, Json, Tool};

/// Panics where that does not hold.
pub(crate) fn check(data: &[u8]) {
    let at = data.iter().position(|byte| *byte == b'\n').unwrap_or(data.len());
    let (text, arguments) = (&data[..at], data.get(at + 1..).unwrap_or_default());
    let (Ok(text), Ok(arguments)) = (std::str::from_utf8(text), std::str::from_utf8(arguments)) else { return };
    let Some(condition) = compiled(text, Expected::Bool) else { return };
    let key = compiled(text, Expected::Key);
    if json::check(arguments.as_bytes(), 60).is_err() {
        return;
    }
    let call = Call::of(arguments);
    let decide = |steps: u32, is_noted: bool| {
        let mut budget = Budget::new(steps);
        let decided = condition.decide(&Told { call: &call, is_noted }, &mut budget);
        (decided.map_err(|failed| (failed.spent, failed.message)), budget.left())
    };
    let (decided, left) = decide(Budget::STEPS, true);
    assert_eq!(decide(Budget::STEPS, true), (decided.clone(), left), "it is the same each time");
    let is_spent = |decided: &Result<bool, (bool, String)>| matches!(decided, Err((true, _)));
    assert!(!is_spent(&decided) || left == 0, "{left} steps are left of a budget that was spent");
    if let Some(key) = key {
        let _ = key.key(&Told { call: &call, is_noted: true }, &mut Budget::default(), &mut String::new());
    }
    if is_spent(&decided) {
        return;
    }
    let took = Budget::STEPS - left;
    for fewer in [0, took / 3, took.saturating_sub(1)].into_iter().filter(|steps| *steps < took) {
        let (decided, left) = decide(fewer, true);
        assert!(is_spent(&decided) && left == 0, "{fewer} of {took} steps do: {decided:?}");
    }
    // What is noted of long values makes a look-up cheaper, and nothing else of it.
    assert_eq!(decide(u32::MAX / 2, false).0, decided);
    if let Ok(decided) = decided {
        is_what_the_parser_says(text, arguments, decided);
    }
}

/// An expression; `None` where something is wrong with it, which has its place.
fn compiled(text: &str, expected: Expected) -> Option<Expression> {
    match Expression::compile(text, expected) {
        Ok(expression) => Some(expression),
        Err(flaws) => {
            assert!(!flaws.is_empty(), "{text}");
            for flaw in flaws {
                assert!(text.get(flaw.span.clone()).is_some() && !flaw.message.is_empty(), "{text}: {flaw:?}");
            }
            None
        }
    }
}

/// The crate `cel` has other values than ours for some of what we do otherwise by design: that is left out.
fn is_what_the_parser_says(text: &str, arguments: &str, decided: bool) {
    let differs = ["matches", "timestamp", "time", "message", "principal", "request", "server", "uint"];
    let has_uint = text.as_bytes().windows(2).any(|two| two[0].is_ascii_hexdigit() && matches!(two[1], b'u' | b'U'));
    let Ok(value) = serde_json::from_str::<serde_json::Value>(arguments) else { return };
    if differs.iter().any(|word| text.contains(word)) || has_uint || !is_exact(text) || !is_exact(arguments) {
        return;
    }
    let mut context = Context::default();
    context.add_variable_from_value("arguments", theirs(&value));
    let Ok(program) = Program::compile(text) else { return };
    if let Ok(objects::Value::Bool(theirs)) = program.execute(&context) {
        assert_eq!(decided, theirs, "{text} over {arguments}");
    }
}

/// Whether no number is so long that it may be rounded, nor zero with a sign.
fn is_exact(text: &str) -> bool {
    let numbers = text.split(|of: char| !of.is_ascii_alphanumeric() && !matches!(of, '.' | '-' | '+'));
    numbers
        .filter(|number| number.contains(|of: char| of.is_ascii_digit()))
        .all(|number| number.len() < 15 && !number.contains(['e', 'E', 'x', 'X']) && !number.contains("-0"))
}

/// The same for the crate, with whole numbers as ints.
fn theirs(value: &serde_json::Value) -> objects::Value {
    match value {
        serde_json::Value::Null => objects::Value::Null,
        serde_json::Value::Bool(is) => objects::Value::Bool(*is),
        serde_json::Value::Number(number) => match number.as_i64() {
            Some(int) => objects::Value::Int(int),
            None => objects::Value::Float(number.as_f64().expect("a double")),
        },
        serde_json::Value::String(text) => objects::Value::String(Arc::new(text.clone())),
        serde_json::Value::Array(list) => objects::Value::List(Arc::new(list.iter().map(theirs).collect())),
        serde_json::Value::Object(map) => {
            let map: HashMap<objects::Key, objects::Value> =
                map.iter().map(|(key, value)| (key.as_str().into(), theirs(value))).collect();
            objects::Value::Map(objects::Map { map: Arc::new(map) })
        }
    }
}

/// A call with these arguments, in a body that is long enough for notes of what is long in it.
struct Call {
    body: String,
    message: Message,
    principal: Principal,
    headers: HeaderMap,
}

impl Call {
    fn of(arguments: &str) -> Self {
        let body = format!(
            r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"a","arguments":{arguments},"x":"{}"}}}}"#,
            "x".repeat(4096)
        );
        let Ok(Body::One(message)) = read_client(body.as_bytes(), &Limits::default()) else {
            panic!("what has passed alone passes in a message: {arguments}");
        };
        Self { body, message, principal: Principal::anonymous(Box::default()), headers: HeaderMap::new() }
    }
}

/// The call as expressions see it.
struct Told<'a> {
    call: &'a Call,
    /// Whether what the reader has noted of long values is handed on.
    is_noted: bool,
}

impl Facts for Told<'_> {
    fn principal(&self) -> &Principal {
        &self.call.principal
    }
    fn method(&self) -> &str {
        "tools/call"
    }
    fn name(&self) -> &str {
        "a"
    }
    fn uri(&self) -> &str {
        ""
    }
    fn era(&self) -> Era {
        Era::Modern
    }
    fn tool(&self) -> Tool<'_> {
        Tool::Unknown
    }
    fn arguments(&self) -> Option<Json<'_>> {
        let value: Value = self.call.message.fields.arguments?;
        let marks = if self.is_noted { self.call.message.marks.all() } else { &[] };
        Some(Json { bytes: self.call.body.as_bytes(), value, marks })
    }
    fn path(&self) -> &str {
        "/mcp"
    }
    fn route(&self) -> &str {
        "/mcp"
    }
    fn address(&self) -> IpAddr {
        IpAddr::from([192, 0, 2, 7])
    }
    fn headers(&self) -> &HeaderMap {
        &self.call.headers
    }
    fn server(&self) -> &str {
        "files"
    }
    fn time(&self) -> i64 {
        1_795_876_245
    }
}
