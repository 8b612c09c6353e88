//! What each part of a rule does.

mod index;

use std::net::IpAddr;

use http::{HeaderName, HeaderValue};
use proptest::prelude::*;

use super::expression::{Facts, Json, Tool};
use super::*;
use crate::config::{self, Matcher, Rule, Set, Settings, Share, Then};
use crate::model::Principal;
use crate::model::grants::Named;
use crate::protocol::message::{Body, Limits, read_client};
use crate::protocol::method::Method;
use crate::protocol::revision::Era;

const ROUTES: [&str; 3] = ["/a", "/b/mcp", "/c"];
const SERVERS: [&str; 2] = ["files", "other"];
const ROLES: [&str; 3] = ["user", "viewer", "admin"];
fn rules(written: config::Rules) -> Rules {
    Rules::new(Arc::new(Book::compile(Arc::new(written), ROUTES, SERVERS).unwrap()))
}

/// The rules of a text, in front of both servers.
fn parsed(text: &str) -> Rules {
    let servers: String = SERVERS
        .iter()
        .map(|name| format!("[[servers]]\nname = \"{name}\"\nendpoints = [\"http://127.0.0.1:1/{name}\"]\n"))
        .collect();
    let routes: String =
        ROUTES.iter().map(|path| format!("[[routes]]\npath = \"{path}\"\nservers = [\"files\"]\n")).collect();
    let settings = Settings::parse(&format!("{text}\n{servers}{routes}"), "weir.toml").unwrap();
    rules(settings.rules)
}

fn held(roles: &[&str]) -> Vec<Box<str>> {
    roles.iter().map(|name| Box::from(*name)).collect()
}

/// What expressions are decided on: this name, of a tool that its server has not listed.
struct Told {
    principal: Principal,
    said: String,
    name: String,
}

impl Facts for Told {
    fn principal(&self) -> &Principal {
        &self.principal
    }
    fn method(&self) -> &str {
        &self.said
    }
    fn name(&self) -> &str {
        &self.name
    }
    fn uri(&self) -> &str {
        ""
    }
    fn era(&self) -> Era {
        Era::Modern
    }
    fn tool(&self) -> Tool<'_> {
        if self.said == "tools/call" { Tool::Unknown } else { Tool::None }
    }
    fn arguments(&self) -> Option<Json<'_>> {
        None
    }
    fn path(&self) -> &str {
        "/a"
    }
    fn route(&self) -> &str {
        "/a"
    }
    fn address(&self) -> IpAddr {
        IpAddr::from([127, 0, 0, 1])
    }
    fn headers(&self) -> &http::HeaderMap {
        unreachable!("no expression here asks for it")
    }
    fn server(&self) -> &str {
        "files"
    }
    fn time(&self) -> i64 {
        0
    }
}

fn told(said: Said<'_>, named: Option<(Named, &str)>) -> Told {
    let name = named.map_or("", |(_, name)| name).to_owned();
    Told { principal: Principal::anonymous(Box::default()), said: said.text().to_owned(), name }
}

/// Those of a call, for as long as a test lasts.
fn facts(name: &str) -> &'static dyn Facts {
    Box::leak(Box::new(told(Said::Method(Method::ToolsCall), Some((Named::Tool, name)))))
}

/// A call of a tool, by nobody in particular.
fn call<'a>(name: &'a str, roles: &'a [Box<str>], headers: &'a http::HeaderMap) -> Asked<'a> {
    let said = Said::Method(Method::ToolsCall);
    Asked { route: 0, server: 0, said, named: Some((Named::Tool, name)), roles, headers, facts: facts(name), draw: 0 }
}

proptest! {
    #[test]
    fn weights_are_kept(weights in prop::collection::vec(0..50u32, 2), seed in any::<u64>()) {
        prop_assume!(weights.iter().sum::<u32>() > 0);
        let shares = weights.iter().enumerate().map(|(server, weight)| Share { server, weight: *weight }).collect();
        let rule = Rule {
            name: "a".into(),
            group: None,
            shadow: false,
            matcher: Matcher::default(),
            when: None,
            then: Some(Then::Route(shares)),
            set: Set::default(),
        };
        let all = rules(config::Rules { rules: vec![rule], groups: Vec::new(), stored: 0 });
        let (roles, headers) = (held(&[]), http::HeaderMap::new());
        let mut counts = [0u32; 2];
        let mut draw = seed;
        for _ in 0..4000 {
            draw = draw.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let decided = all.decide(&Asked { draw, ..call("x", &roles, &headers) }, &mut Budget::default(), &mut |_, _| ());
            let Verdict::Route(server) = decided.verdict else { panic!("{decided:?}") };
            counts[server] += 1;
        }
        let share = f64::from(weights[0]) / f64::from(weights.iter().sum::<u32>());
        prop_assert!((f64::from(counts[0]) / 4000.0 - share).abs() < 0.06, "{counts:?} of {weights:?}");
    }
}

#[test]
fn only_so_much_is_remembered() {
    let all = parsed("[[rules]]\nname = \"a\"\ntools = [\"x*\"]\nthen = \"refuse\"\n");
    let (roles, headers) = (held(&[]), http::HeaderMap::new());
    for at in 0..20_000 {
        let name = format!("x{at}");
        let decided = all.decide(&call(&name, &roles, &headers), &mut Budget::default(), &mut |_, _| ());
        assert!(matches!(decided.verdict, Verdict::Refuse { .. }), "{name}");
    }
    assert!(all.known.borrow().len() <= 4096);
}

#[test]
fn a_shadow_is_met_and_does_nothing() {
    let all = parsed(
        "[[rules]]\nname = \"a\"\nshadow = true\nthen = \"refuse\"\nset = { deadline = \"5s\" }\n\
         [[rules]]\nname = \"b\"\nset = { class = \"cheap\" }\n",
    );
    let (roles, headers) = (held(&[]), http::HeaderMap::new());
    let mut met = Vec::new();
    let decided = all.decide(&call("x", &roles, &headers), &mut Budget::default(), &mut |rule, how| {
        met.push((rule, how == Met::Shadow))
    });
    assert_eq!((decided.verdict, decided.rule), (Verdict::Pass, None));
    assert_eq!(decided.changes, Changes { class: Some("cheap"), ..Changes::default() });
    assert_eq!(met, [(0, true), (1, false)]);
}

#[test]
fn a_group_is_gone_into_once_and_left_where_it_decides_nothing() {
    let all = parsed(
        "[[rules]]\nname = \"a\"\nthen = { goto = \"g\" }\n\
         [[rules]]\nname = \"b\"\nthen = { goto = \"g\" }\n\
         [[rules]]\nname = \"c\"\nthen = \"refuse\"\nmessage = \"behind\"\n\
         [[rules]]\nname = \"d\"\ngroup = \"g\"\nheaders = { x-team = \"?lue\" }\nthen = \"pass\"\n\
         [[rules]]\nname = \"e\"\ngroup = \"g\"\nset = { cost = 7 }\n",
    );
    let roles = held(&[]);
    let mut headers = http::HeaderMap::new();
    let mut met = Vec::new();
    let decided = all.decide(&call("x", &roles, &headers), &mut Budget::default(), &mut |rule, _| met.push(rule));
    assert_eq!(decided.verdict, Verdict::Refuse { message: Some("behind"), code: None });
    assert_eq!((met, decided.changes.cost), (vec![0, 4, 1, 2], Some(7)));
    headers.append(HeaderName::from_static("x-team"), HeaderValue::from_static("green"));
    headers.append(HeaderName::from_static("x-team"), HeaderValue::from_static("blue"));
    let decided = all.decide(&call("x", &roles, &headers), &mut Budget::default(), &mut |_, _| ());
    assert_eq!((decided.verdict, decided.rule), (Verdict::Pass, Some(3)));
}

#[test]
fn a_fault_hits_its_share_and_no_other() {
    let of = |share: &str| {
        let text = format!("[[rules]]\nname = \"a\"\nset = {{ fault = {{ share = {share}, abort = \"reset\" }} }}\n");
        let all = parsed(&text);
        let (roles, headers) = (held(&[]), http::HeaderMap::new());
        let draws = (0..10_000u64).map(|at| at.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        draws
            .filter(|draw| {
                let asked = Asked { draw: *draw, ..call("x", &roles, &headers) };
                all.decide(&asked, &mut Budget::default(), &mut |_, _| ()).changes.fault.is_some()
            })
            .count()
    };
    assert_eq!((of("0.0"), of("1.0")), (0, 10_000));
    assert!((500..1500).contains(&of("0.1")), "{}", of("0.1"));
}

/// What a message names; the reason where it cannot be told.
fn subject(all: &Rules, method: &str, params: &str) -> Result<Vec<String>, &'static str> {
    let text = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{{{params}}}}}"#);
    let Body::One(message) = read_client(text.as_bytes(), &Limits::default()).unwrap() else { panic!() };
    let subject = Subject::of(&message, Some(Method::of(method)), text.as_bytes(), all.book()).map_err(|why| why.0)?;
    Ok(match subject {
        Subject::None => Vec::new(),
        Subject::One(named, name) => vec![format!("{named:?} {name}")],
        Subject::Many(names) => names.iter().map(ToString::to_string).collect(),
    })
}

#[test]
fn a_name_that_a_server_might_read_otherwise_is_unreadable() {
    let all = parsed(
        "[[rules]]\nname = \"a\"\ntools = [\"x\"]\nprompts = [\"x\"]\nresources = [\"*:file:///x\"]\nthen = \"refuse\"\n",
    );
    let none = parsed("[[rules]]\nname = \"a\"\nmethods = [\"tools/call\"]\nthen = \"refuse\"\n");
    let long = format!(r#""name":"{}""#, "x".repeat(2049));
    for (method, params, named) in [
        ("tools/call", r#""name":"\u0078""#, Some("Tool x")),
        ("tools/call", r#""name":["x"]"#, None),
        ("tools/call", "", None),
        ("tools/call", &long, None),
        ("prompts/get", r#""name":1"#, None),
        ("resources/read", r#""uri":"file:///x""#, Some("Resource file:///x")),
        ("resources/read", r#""uri":"file:///a/../x""#, None),
        ("resources/subscribe", r#""uri":"file:///%78""#, None),
        ("completion/complete", r#""ref":{"type":"ref/prompt","name":"x"}"#, Some("Prompt x")),
        ("completion/complete", r#""ref":{"type":"ref/prompt","name":"x","NAME":"y"}"#, None),
        ("completion/complete", r#""ref":{"type":"ref/resource","uri":"file:///{x}"}"#, Some("Resource file:///{x}")),
        ("subscriptions/listen", r#""notifications":{"resourceSubscriptions":["file:///x"]}"#, Some("file:///x")),
        ("subscriptions/listen", r#""notifications":{"resourceSubscriptions":["file:///a/./x"]}"#, None),
        ("subscriptions/listen", r#""notifications":{"re\u017fourceSubscriptions":["file:///x"]}"#, None),
    ] {
        let read = subject(&all, method, params);
        assert_eq!(read.clone().ok().as_ref().map(|all| all.join(" ")).as_deref(), named, "{method} {params} {read:?}");
        assert!(subject(&none, method, params).is_ok(), "{method} {params}");
    }
    assert_eq!(subject(&all, "tools/list", ""), Ok(Vec::new()));
}

#[test]
fn what_fails_denies_and_a_budget_is_of_a_whole_body() {
    let all = parsed(
        "[[rules]]\nname = \"shadow\"\nshadow = true\nwhen = 'message.tool.annotations.readOnlyHint'\nthen = \"pass\"\n\
         [[rules]]\nname = \"a\"\nmethods = [\"tools/call\"]\nwhen = 'message.name != \"y\"'\nthen = \"pass\"\n",
    );
    let (roles, headers) = (held(&[]), http::HeaderMap::new());
    let mut met = Vec::new();
    let decided = all.decide(&call("x", &roles, &headers), &mut Budget::default(), &mut |rule, how| {
        met.push((rule, matches!(how, Met::Failed(_))));
    });
    assert_eq!((decided.verdict, met), (Verdict::Pass, vec![(0, true), (1, false)]), "a shadow denies nothing");
    let mut budget = Budget::new(200);
    let mut verdicts = (0..200).map(|_| all.decide(&call("x", &roles, &headers), &mut budget, &mut |_, _| ()).verdict);
    assert_eq!(verdicts.next(), Some(Verdict::Pass));
    assert_eq!(verdicts.last(), Some(Verdict::Failed), "in the end it is spent");
}

#[test]
fn what_is_wrong_with_an_expression_is_shown_where_it_stands() {
    let server = "[[servers]]\nname = \"files\"\nendpoints = [\"http://127.0.0.1:1/mcp\"]\n";
    let text = format!(
        "[[rules]]\nname = \"a\"\nwhen = 'principal.sub == \"x\"'\nthen = \"pass\"\n\
         [[rules]]\nname = \"b\"\nwhen = \"\"\"\nserver == 1\"\"\"\nthen = \"pass\"\n{server}"
    );
    let settings = Settings::parse(&text, "weir.toml").unwrap();
    let found = flaws(&settings.rules);
    assert_eq!(found.len(), 2, "{found:?}");
    let report = settings.flaws(found.into_iter().map(|(written, flaw)| (written, flaw.span, flaw.message))).unwrap();
    let lines: Vec<_> = report.findings().iter().map(|finding| finding.position.unwrap().0).collect();
    assert_eq!(lines, [3, 8], "{report}");
    assert!(report.to_string().contains("^"), "{report}");
}
