//! Rule sets and messages that are made to cost as much as they can, each in another way.

use std::net::IpAddr;
use std::sync::Arc;

use http::{HeaderMap, HeaderValue};
use weir::config::Settings;
use weir::model::Principal;
use weir::model::grants::Named;
use weir::protocol::json::{Kind, Span, Value};
use weir::protocol::message::{Body, Limits, Message, read_client};
use weir::protocol::method::Method;
use weir::protocol::revision::Era;
use weir::stages::rules::expression::{Budget, Facts, Json, Tool};
use weir::stages::rules::{Asked, Book, Rules, Said};

/// The length of a body, in bytes: longer than what a budget looks through, so that more would cost nothing more.
const BODY: usize = 400_000;

/// What a decision may take that does not only look through text.
const MOST: u64 = 12_000_000;

/// Rules, and a message that they are asked about.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    /// Instructions that deciding may take in the profile of tests.
    pub(crate) most: u64,
    /// It ends before its budget does.
    pub(crate) is_bounded_otherwise: bool,
    rules: String,
    arguments: String,
    /// What it names, each decided on alone.
    names: Vec<String>,
    header: String,
    definition: String,
}

/// A message as expressions see it.
struct Told<'a> {
    case: &'a Case,
    principal: Principal,
    headers: HeaderMap,
    body: String,
    message: Message,
    name: &'a str,
}

impl Case {
    /// One rule with this expression, and arguments.
    fn of(name: &'static str, expression: &str, arguments: String) -> Self {
        Self::rules(name, rule(0, &format!("when = '''{expression}'''")), arguments)
    }

    /// As many rules as a file may well have, each with this expression several times.
    fn many(name: &'static str, expression: &str, arguments: String) -> Self {
        let several = [expression; 16].join(" || ");
        let rules = (0..100).map(|at| rule(at, &format!("when = '''{several}'''"))).collect();
        Self::rules(name, rules, arguments)
    }

    /// Some rules, each with this expression, over text of which one may well look through some.
    fn some(name: &'static str, expression: &str, text: &str) -> Self {
        let rules = (0..20).map(|at| rule(at, &format!("when = '''{expression}'''"))).collect();
        Self::rules(name, rules, format!("{{\"l\":\"{}\"}}", text.repeat(50_000 / text.len())))
    }

    fn rules(name: &'static str, rules: String, arguments: String) -> Self {
        let (names, header) = (vec!["tool".to_owned()], "x".to_owned());
        Self {
            name,
            most: MOST,
            is_bounded_otherwise: false,
            rules,
            arguments,
            names,
            header,
            definition: "{}".to_owned(),
        }
    }

    /// Decides once, with one budget, by way of `counted`; the steps that are left.
    pub(crate) fn run(&self, counted: &mut dyn FnMut(&mut dyn FnMut())) -> u32 {
        let text = format!("{}\n[[servers]]\nname = \"files\"\nendpoints = [\"http://127.0.0.1:1/mcp\"]\n", self.rules);
        let settings = Settings::parse(&text, "weir.toml").unwrap_or_else(|report| panic!("{}: {report}", self.name));
        let book = Book::compile(Arc::new(settings.rules), ["/mcp"], ["files"]).expect("it is sound");
        let rules = Rules::new(Arc::new(book));
        let body = format!(
            r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"tool","arguments":{}}}}}"#,
            self.arguments
        );
        assert!(body.len() <= BODY + 1024, "{} has {} bytes", self.name, body.len());
        let Ok(Body::One(message)) = read_client(body.as_bytes(), &Limits::default()) else { panic!("{}", self.name) };
        let mut headers = HeaderMap::new();
        headers.append("x-team", HeaderValue::from_str(&self.header).expect("a value"));
        let principal = Principal::anonymous(Box::default());
        let mut told = Told { case: self, principal, headers, body, message, name: "" };
        let roles: Vec<Box<str>> = vec!["user".into()];
        let mut budget = Budget::default();
        counted(&mut || {
            for name in &self.names {
                told.name = name;
                let asked = Asked {
                    route: 0,
                    server: 0,
                    said: Said::Method(Method::ToolsCall),
                    named: Some((Named::Tool, name)),
                    roles: &roles,
                    headers: &told.headers,
                    facts: &told,
                    draw: 7,
                };
                rules.decide(&asked, &mut budget, &mut |_, _| ());
                if budget.left() == 0 {
                    break;
                }
            }
        });
        budget.left()
    }
}

impl Facts for Told<'_> {
    fn principal(&self) -> &Principal {
        &self.principal
    }
    fn method(&self) -> &str {
        "tools/call"
    }
    fn name(&self) -> &str {
        self.name
    }
    fn uri(&self) -> &str {
        ""
    }
    fn era(&self) -> Era {
        Era::Modern
    }
    fn tool(&self) -> Tool<'_> {
        let bytes = self.case.definition.as_bytes();
        let span = Span { start: 0, end: u32::try_from(bytes.len()).expect("it is short") };
        Tool::Known(Json { bytes, value: Value { span, kind: Kind::Object, escaped: false }, marks: &[] })
    }
    fn arguments(&self) -> Option<Json<'_>> {
        let (bytes, value) = (self.body.as_bytes(), self.message.fields.arguments?);
        Some(Json { bytes, value, marks: self.message.marks.all() })
    }
    fn path(&self) -> &str {
        "/mcp"
    }
    fn route(&self) -> &str {
        "/mcp"
    }
    fn address(&self) -> IpAddr {
        "2001:db8:1234:5678:9abc:def0:1234:5678".parse().expect("an address")
    }
    fn headers(&self) -> &HeaderMap {
        &self.headers
    }
    fn server(&self) -> &str {
        "files"
    }
    fn time(&self) -> i64 {
        1_795_876_245
    }
}

fn rule(at: usize, what: &str) -> String {
    format!("[[rules]]\nname = \"r{at}\"\n{what}\nset = {{ cost = 2 }}\n")
}

/// A list of these elements, as long as a body may be.
fn list(element: &str) -> String {
    let count = BODY / (element.len() + 1) - 1;
    format!("{{\"l\":[{}]}}", vec![element; count].join(","))
}

/// Members that are all short, as many as a body may have, of which none is asked for.
fn wide(key: impl Fn(usize) -> String, value: &str) -> String {
    let mut text = String::from("{");
    let mut at = 0;
    while text.len() < BODY - 64 - value.len() {
        text += &format!("\"{}\":{value},", key(at));
        at += 1;
    }
    text + "\"l\":[1,2]}"
}

/// All cases.
pub(crate) fn cases() -> Vec<Case> {
    [loops(), scalars(), look_ups(), beside_expressions()].into_iter().flatten().collect()
}

/// What goes through lists and maps.
fn loops() -> Vec<Case> {
    let numbers = (0..300).map(|at| at.to_string()).collect::<Vec<_>>().join(",");
    let plain = |at: usize| at.to_string();
    vec![
        Case::of("loop within a loop", &format!("arguments.l.all(x, [{numbers}].all(y, x != y))"), list("\"a\"")),
        Case::of("loop over short elements", "arguments.l.all(x, x == 1 || true)", list("1")),
        Case::of("loop over empty lists", "arguments.l.all(x, size(x) == 0)", list("[]")),
        Case::of("loop over empty maps", "arguments.l.all(x, !has(x.a))", list("{}")),
        Case::of("loop over texts", "arguments.l.all(x, x.startsWith('a'))", list("\"a\"")),
        Case::of("loop over escaped texts", "arguments.l.all(x, x != 'a')", list("\"\\n\\n\\n\\n\"")),
        Case::of(
            "loop over long texts",
            "arguments.l.all(x, !x.contains('aab'))",
            list(&format!("\"{}\"", "a".repeat(120))),
        ),
        Case::of("list that grows", "size(arguments.l.map(x, x)) == 0", list("1")),
        Case::of("lists that are added", "arguments.l + arguments.l == []", list("1")),
        Case::of("equal lists", "arguments.l == arguments.l", list("[[1]]")),
        Case::of("equal maps", "arguments == arguments", wide(plain, "1")),
        Case::of(
            "equal deep lists",
            "arguments.l == arguments.l",
            list(&format!("{}{}", "[".repeat(50), "]".repeat(50))),
        ),
        Case::of("element of a list", "2 in arguments.l", list("1")),
        Case::of(
            "copies of a text",
            &format!("[arguments.a + 'b'].all(x, [{numbers}].all(y, x == x))"),
            format!("{{\"a\":\"{}\"}}", "a".repeat(3000)),
        ),
        Case::of(
            "texts that are added",
            "size([arguments.l].map(x, x + x + x + x + x)) == 0",
            format!("{{\"l\":\"{}\"}}", "a".repeat(200_000)),
        ),
    ]
}

/// What reads and searches long texts, and reads numbers.
fn scalars() -> Vec<Case> {
    vec![
        Case::some("search", "arguments.l.contains('aaaaaaaaaaaaaaaab')", "a"),
        Case::some("search from behind", "arguments.l.contains('baaaaaaaaaaaaaaa')", "a"),
        Case::some("pattern", "arguments.l.matches('(?i)(a|b|ab)*c[a-z]{4}x')", "abc"),
        Case::some("pattern over Unicode", r"arguments.l.matches('\\p{L}+\\d')", "é"),
        Case::some("length of Unicode", "size(arguments.l) == 0", "é"),
        Case::some("text of escapes", "arguments.l == 'a'", "\\u00e9"),
        Case::some("text of pairs of escapes", "arguments.l == 'a'", "\\ud83d\\ude00"),
        Case::of("long fractions", "arguments.l.all(x, x < 10.0)", list("1.2345678901234567890123456789")),
        Case::of(
            "fractions that are hardly rounded",
            "arguments.l.all(x, x > 10.0)",
            list(&format!("9007199254740993.{}1", "0".repeat(700))),
        ),
        Case::of("short fractions", "arguments.l.all(x, x < 10.0)", list("1.5e-5")),
        Case::of("numbers as text", "arguments.l.all(x, string(x) != 'a')", list("1.7e308")),
        Case::of("text as numbers", "arguments.l.all(x, double(x) != 7.0)", list("\"1.2345678901234567890123456789\"")),
        Case::of(
            "text as time",
            "arguments.l.all(x, timestamp(x) > time)",
            list("\"2026-11-28T17:00:00.000000000+02:00\""),
        ),
    ]
}

/// What is asked for, and is behind much else; and what is not of the message.
fn look_ups() -> Vec<Case> {
    let plain = |at: usize| at.to_string();
    let row = format!("[{}]", "0,".repeat(40) + "0");
    vec![
        Case::many("wide", "has(arguments.z)", wide(plain, "1")),
        Case::many("wide with escaped keys", "has(arguments.z)", wide(|at| format!("\\u007a{at}"), "1")),
        Case::many("wide with keys of one length", "has(arguments.zzzzzzz)", wide(|at| format!("zz{at:05}"), "1")),
        Case::many(
            "wide with empty lists",
            "has(arguments.z)",
            wide(plain, "[[],[],[],[],[],[],[],[],[],[],[],[],[]]"),
        ),
        Case::many(
            "wide with empty texts",
            "has(arguments.z)",
            wide(plain, r#"["","","","","","","","","","","","",""]"#),
        ),
        Case::many(
            "wide with escapes",
            "has(arguments.z)",
            wide(plain, r#""\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n""#),
        ),
        Case::many(
            "wide with quotes",
            "has(arguments.z)",
            wide(plain, r#""\"\\\"\\\"\\\"\\\"\\\"\\\"\\\"\\\"\\\"\\""#),
        ),
        Case::many(
            "wide with white space",
            "has(arguments.z)",
            wide(plain, "                                        1"),
        ),
        Case::many(
            "wide with what is noted as long",
            "has(arguments.z)",
            wide(plain, &format!("[{}0]", "0,".repeat(300))),
        ),
        Case::many(
            "rows that are noted as long",
            "size(arguments.l) == 1",
            list(&format!("[{}]", vec![row; 8].join(","))),
        ),
        Case::many("nothing but white space", "size(arguments.l) > 7", format!("{{\"l\":[{}]}}", " ".repeat(100_000))),
        Case {
            most: 3 * MOST,
            ..Case::many("long keys", "has(arguments.z)", wide(|at| format!("{}{at}", "k".repeat(400)), "1"))
        },
        Case::many(
            "caller",
            "principal.roles.exists(x, x == 'nobody') || principal.subject == 'nobody'",
            "{}".to_owned(),
        ),
        Case::many(
            "address",
            "request.address == 'a' || request.address == 'b' || request.address == 'c'",
            "{}".to_owned(),
        ),
        Case::many("time", "time.getHours() > 25 || time.getFullYear('+02:00') < 1", "{}".to_owned()),
        Case::many(
            "header",
            "request.headers['x-team'].contains('b') || request.headers['x-team'].endsWith('bb')",
            "{}".to_owned(),
        ),
        Case::many(
            "map that is written out",
            "message.name in {'a': 1, 'b': 2, 'c': 3, 'd': 4, 'e': 5}",
            "{}".to_owned(),
        ),
        Case::many(
            "list that is written out",
            "[message.name, message.method, server].exists(x, x == 'nothing')",
            "{}".to_owned(),
        ),
        Case {
            definition: definition(),
            ..Case::many("definition", "message.tool.description == 'a'", "{}".to_owned())
        },
        Case {
            definition: definition(),
            ..Case::many("hint", "message.tool.annotations.readOnlyHint", "{}".to_owned())
        },
    ]
}

/// A definition with much around what is asked for.
fn definition() -> String {
    let properties: Vec<_> = (0..200).map(|at| format!("\"p{at}\":{{\"type\":\"string\"}}")).collect();
    format!("{{\"inputSchema\":{{\"properties\":{{{}}}}},\"name\":\"tool\"}}", properties.join(","))
}

/// What rules cost that have no expression.
fn beside_expressions() -> Vec<Case> {
    let slow = format!("*{}b", "a".repeat(400));
    let rules = |what: &str, count: usize| (0..count).map(|at| rule(at, what)).collect::<String>();
    let none = || "{}".to_owned();
    let plain = |at: usize| format!("tool_{at}");
    vec![
        Case {
            header: "a".repeat(8000),
            ..Case::rules(
                "header that hardly matches",
                rules(&format!("headers = {{ x-team = \"{slow}\" }}"), 100),
                none(),
            )
        },
        Case {
            header: "b".repeat(8000),
            ..Case::rules("long header", rules("headers = { x-team = \"a*\" }", 200), none())
        },
        Case::rules("headers", rules("headers = { x-team = \"x\", accept = \"*\" }", 5000), none()),
        Case {
            names: vec!["a".repeat(2048)],
            ..Case::rules("name that hardly matches", rules(&format!("tools = [\"{slow}\"]"), 100), none())
        },
        Case {
            names: (0..20_000).map(plain).collect(),
            ..Case::rules("many names", rules("tools = [\"x*\", \"y*\"]", 20), none())
        },
        Case {
            names: (0..20_000).map(plain).collect(),
            ..Case::rules("many names of no rule", rules("prompts = [\"x\"]", 1), none())
        },
        Case {
            names: (0..20_000).map(plain).collect(),
            ..Case::rules("many names of many rules", rules("tools = [\"x\"]", 2000), none())
        },
        Case {
            names: vec!["tool".to_owned(); 20_000],
            ..Case::rules("one name many times", rules("tools = [\"x*\"]", 20), none())
        },
        Case { names: vec!["tool".to_owned(); 50], ..Case::rules("a batch", rules("tools = [\"t*\"]", 1000), none()) },
        Case {
            is_bounded_otherwise: true,
            ..Case::rules("many rules that match", rules("tools = [\"t*\"]", 1000), none())
        },
    ]
}
