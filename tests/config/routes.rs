//! Which routes there are, and what they check beyond the protocol.

use weir::config::*;
use weir::model::Glob;

use super::{mistake, parse};

fn route(more: &str) -> RouteChecks {
    parse(&format!("[[routes]]\npath = \"/x\"\nservers = [\"files\"]\n{more}")).routes[0].checks.clone()
}

#[test]
fn routes_are_there_without_being_said() {
    let one = parse("");
    let routes: Vec<_> = one.routes.iter().map(|route| (&*route.path, route.destination)).collect();
    assert_eq!(routes, [("/files/mcp", Destination::Server(0)), ("/mcp", Destination::Server(0))]);

    let to = ["a=http://a/mcp", "b=http://b/mcp?x=y"].map(To::parse);
    let two = Settings::fronting(&to).unwrap();
    let routes: Vec<_> = two.routes.iter().map(|route| (&*route.path, route.destination)).collect();
    let [a, b] = [0, 1].map(Destination::Server);
    assert_eq!(routes, [("/a/mcp", a), ("/b/mcp", b), ("/mcp", Destination::Federation)]);
    assert_eq!(two.servers[1].endpoints[0].url, "http://b/mcp?x=y");

    let said = parse("[[routes]]\npath = \"/x\"\nservers = [\"files\"]");
    assert_eq!(said.routes.len(), 1);
}

#[test]
fn nothing_is_checked_without_being_said() {
    assert!(parse("").routes.iter().all(|route| route.checks.is_empty()));
    assert!(route("").is_empty());
    assert!(route("validate_arguments = false\nvalidate_answers = \"off\"\nbounds = []").is_empty());
}

#[test]
fn what_is_written_is_what_is_checked() {
    let bounds = r#"bounds = [{ methods = ["tools/call"], tools = ["a*"], body = "1KiB" }, { depth = 8, values = 9 }]"#;
    let checks = route(&format!("validate_arguments = true\nvalidate_answers = \"refuse\"\n{bounds}"));
    assert_eq!((checks.arguments, checks.answers), (true, ValidateAnswers::Refuse));
    let tools = vec![Glob::parse("a*").unwrap()];
    let first = Bound { methods: vec!["tools/call".into()], tools, body: Some(1024), depth: None, values: None };
    let second = Bound { methods: vec![], tools: vec![], body: None, depth: Some(8), values: Some(9) };
    assert_eq!(checks.bounds, [first, second]);
}

#[test]
fn a_bound_is_narrower_than_that_of_http() {
    let wide =
        |more: &str| mistake(&format!("[[routes]]\npath = \"/x\"\nservers = [\"files\"]\nbounds = [{{ {more} }}]"));
    assert!(wide("depth = 65").contains("[http] takes 64 levels"), "{}", wide("depth = 65"));
    assert!(wide("body = \"5MiB\"").contains("[http] takes 4MiB"), "{}", wide("body = \"5MiB\""));
}
