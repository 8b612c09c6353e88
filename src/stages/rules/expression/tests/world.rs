//! A message with everything that expressions ask for.

use http::{HeaderMap, HeaderName, HeaderValue};

use super::super::{Budget, Expected, Expression, Facts, Failed, Json, Tool};
use crate::{
    model::{Address, Caller, Means, Principal},
    protocol::{
        json::{Kind, Span, Value},
        message::{Body, Limits, Message, read_client},
        revision::Era,
    },
};

pub(super) struct World {
    pub(super) principal: Principal,
    pub(super) method: &'static str,
    pub(super) name: &'static str,
    pub(super) uri: &'static str,
    /// The message as its reader has it: who looks at its arguments looks at them there.
    pub(super) message: Option<(String, Message)>,
    pub(super) calls: bool,
    pub(super) definition: Option<String>,
    pub(super) headers: HeaderMap,
    pub(super) time: i64,
}

/// The definition that the message's tool has.
pub(super) const DEFINITION: &str = r#"{"name":"write_file","description":"Writes","inputSchema":{"type":"object"},"annotations":{"readOnlyHint":false,"idempotentHint":true}}"#;

impl World {
    /// A call of `write_file` by ann, with these arguments.
    pub(super) fn calling(arguments: &str) -> Self {
        let text = format!(
            r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"write_file","arguments":{arguments}}}}}"#
        );
        let read = read_client(text.as_bytes(), &Limits { depth: 130, batch: 1 });
        let Ok(Body::One(message)) = read else { panic!("arguments pass the strict pass: {read:?}") };
        let texts = |texts: &[&str]| texts.iter().map(|text| Box::from(*text)).collect();
        let principal = Principal::new(Caller {
            means: Means::Jwt,
            issuer: "https://idp.example".into(),
            subject: "ann".into(),
            roles: texts(&["user", "operator"]),
            scopes: texts(&["files:write"]),
        });
        let headers = [("x-team", "blue"), ("accept", "a"), ("accept", "b"), ("x-raw", "\u{e9}")];
        let headers = headers.into_iter().map(|(name, value)| {
            (HeaderName::from_static(name), HeaderValue::from_bytes(value.as_bytes()).expect("a value"))
        });
        let mut all = HeaderMap::new();
        headers.for_each(|(name, value)| {
            all.append(name, value);
        });
        Self {
            principal,
            method: "tools/call",
            name: "write_file",
            uri: "",
            message: Some((text, message)),
            calls: true,
            definition: Some(DEFINITION.to_owned()),
            headers: all,
            time: 1_795_876_245,
        }
    }

    /// A message that calls nothing.
    pub(super) fn pinging() -> Self {
        let (message, definition) = (None, None);
        Self { method: "ping", name: "", calls: false, message, definition, ..Self::calling("{}") }
    }

    pub(super) fn decide(&self, text: &str) -> Result<bool, Failed> {
        compiled(text, Expected::Bool).decide(self, &mut Budget::default())
    }

    pub(super) fn key(&self, text: &str) -> Result<String, Failed> {
        self.keyed(text).map(|key| key.expect("it has one"))
    }

    /// `None` where the message has no key.
    pub(super) fn keyed(&self, text: &str) -> Result<Option<String>, Failed> {
        let mut key = "what was before".to_owned();
        let has = compiled(text, Expected::Key).key(self, &mut Budget::default(), &mut key)?;
        Ok(has.then_some(key))
    }
}

pub(super) fn compiled(text: &str, expected: Expected) -> Expression {
    Expression::compile(text, expected).unwrap_or_else(|flaws| panic!("{text}: {flaws:?}"))
}

fn whole(text: &str) -> Json<'_> {
    let kind = match text.as_bytes().first() {
        Some(b'{') => Kind::Object,
        Some(b'[') => Kind::Array,
        Some(b'"') => Kind::String,
        _ => Kind::Number,
    };
    let span = Span { start: 0, end: u32::try_from(text.len()).expect("short") };
    Json { bytes: text.as_bytes(), value: Value { span, kind, escaped: text.contains('\\') }, marks: &[] }
}

impl Facts for World {
    fn principal(&self) -> &Principal {
        &self.principal
    }

    fn method(&self) -> &str {
        self.method
    }

    fn name(&self) -> &str {
        self.name
    }

    fn uri(&self) -> &str {
        self.uri
    }

    fn era(&self) -> Era {
        Era::Modern
    }

    fn tool(&self) -> Tool<'_> {
        match &self.definition {
            _ if !self.calls => Tool::None,
            None => Tool::Unknown,
            Some(definition) => Tool::Known(whole(definition)),
        }
    }

    fn arguments(&self) -> Option<Json<'_>> {
        let (text, message) = self.message.as_ref()?;
        Some(Json { bytes: text.as_bytes(), value: message.fields.arguments?, marks: message.marks.all() })
    }

    fn path(&self) -> &str {
        "/mcp"
    }

    fn route(&self) -> &str {
        "main"
    }

    fn address(&self) -> Address {
        "::ffff:192.0.2.7".parse().expect("an address")
    }

    fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    fn server(&self) -> &str {
        "files"
    }

    fn time(&self) -> i64 {
        self.time
    }
}
